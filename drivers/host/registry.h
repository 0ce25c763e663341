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

namespace signet::drivers {

enum class OptionKind : std::uint8_t { kText, kExpanded, kNumber, kBoolean, kTimeMs, kSecret };
// A row of a driver's option table, copied out of the ABI.
struct OptionRow {
  std::string name;
  OptionKind kind = OptionKind::kText;
  std::string alias_of;        // another spelling of that option
  std::string default_text;
  std::string manual;          // one line
};

struct AuthDriver {
  std::string name;
  const signet_auth_driver* abi = nullptr;
  bool after_tls = false;    // runs after the handshake
  bool advertised = false;   // appears in EHLO's AUTH line
  bool single = false;       // at most one instance
  std::vector<OptionRow> options;
};

struct LookupDriver {
  std::string name;
  const signet_lookup_driver* abi = nullptr;
  expand::LookupType type;               // handle = index in Registry::lookups()
  std::vector<OptionRow> main_options;   // main-section options it reads
};

// name → driver. Built in main, passed down; immutable once serving.
class Registry {
 public:
  // With the drivers that are linked in.
  static std::unique_ptr<Registry> MakeBuiltin();
  // Loads a shared object after checking owner, mode, ABI version and sizes (C4, P5).
  // Errors say which and why.
  Result<std::string, std::string> Load(const std::string& path);
  ~Registry();

  const AuthDriver* FindAuth(std::string_view name) const;
  const LookupDriver* FindLookup(std::string_view name) const;
  const std::vector<std::unique_ptr<AuthDriver>>& auths() const { return auths_; }
  const std::vector<std::unique_ptr<LookupDriver>>& lookups() const { return lookups_; }

  // Adds a driver of either kind from its ABI table. Errors: version, size, name clash.
  Result<std::string, std::string> Add(const signet_auth_driver* driver);
  Result<std::string, std::string> Add(const signet_lookup_driver* driver);

 private:
  Registry() = default;
  std::vector<std::unique_ptr<AuthDriver>> auths_;
  std::vector<std::unique_ptr<LookupDriver>> lookups_;
  std::vector<void*> handles_;
};

}  // namespace signet::drivers
#endif
