#ifndef SIGNET_DRIVERS_HOST_REGISTRY_H_
#define SIGNET_DRIVERS_HOST_REGISTRY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "expand/services.h"
#include "src/base/result.h"

struct signet_auth_driver;
struct signet_lookup_driver;
struct signet_module;

namespace signet::drivers {

enum class OptionKind : std::uint8_t { kText, kExpanded, kNumber, kBoolean, kTimeMs, kSecret };
// A row of a driver's option table, copied out of the ABI.
struct OptionRow {
  std::string name;
  OptionKind kind = OptionKind::kText;
  std::string alias_of;  // another spelling of that option
  std::string default_text;
  std::string manual;  // one line
  // Words that make something less safe, with blanks between them, and what they do.
  std::string weak_values, weakens;
};

struct AuthDriver {
  std::string name;
  // A complete table: a copy where the driver's own is of an older, shorter version.
  const signet_auth_driver* abi = nullptr;
  bool after_tls = false;   // runs after the handshake
  bool advertised = false;  // appears in EHLO's AUTH line
  bool single = false;      // at most one instance
  bool initial = true;      // takes an initial response
  std::string needs;        // the option without which an instance is of no use
  std::vector<OptionRow> options;
};

// One type of lookup. Types of one driver have the same `abi` and share its state.
struct LookupDriver {
  std::string name;
  const signet_lookup_driver* abi = nullptr;
  std::uint32_t type_index = 0;         // row of the driver's `types`
  bool blocking = false;                // `find` is run on a thread of the blocking pool
  bool kept = true;                     // answers may be remembered
  expand::LookupType type;              // handle = index in Registry::lookups()
  std::vector<OptionRow> main_options;  // main-section options it reads
};

// name → driver. Built in main, passed down; immutable once serving.
class Registry {
 public:
  // With the drivers that are linked in.
  static std::unique_ptr<Registry> MakeBuiltin();
  // With none (tests).
  static std::unique_ptr<Registry> MakeEmpty();

  // Loads a shared object and adds what it brings: all of it, or nothing. The same file
  // again is no error and adds nothing.
  //
  //   Returns   the module's name.
  //   Errors    which and why: a path that is not absolute, not a regular file, or that
  //             (or whose directory) somebody else than root or this process's user owns
  //             or may write (C4, P5); no entry point; ABI version or sizes that do not
  //             fit, naming both; names that are taken.
  //   Security  the code of the file runs from here on with all rights of the process.
  Result<std::string, std::string> Load(const std::string& path);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  const AuthDriver* FindAuth(std::string_view name) const;
  const LookupDriver* FindLookup(std::string_view name) const;
  const std::vector<std::unique_ptr<AuthDriver>>& auths() const { return auths_; }
  const std::vector<std::unique_ptr<LookupDriver>>& lookups() const { return lookups_; }

  // Adds the drivers of a module, or one driver, from its ABI table. Returns its name.
  // Errors: version, size, name clash, tables that contradict themselves; then nothing
  // has been added.
  Result<std::string, std::string> AddModule(const signet_module* module);
  Result<std::string, std::string> Add(const signet_auth_driver* driver);
  Result<std::string, std::string> Add(const signet_lookup_driver* driver);

 private:
  Registry();
  struct Owned;  // completed tables, handles of shared objects
  std::vector<std::unique_ptr<AuthDriver>> auths_;
  std::vector<std::unique_ptr<LookupDriver>> lookups_;
  std::unique_ptr<Owned> owned_;
};

}  // namespace signet::drivers
#endif
