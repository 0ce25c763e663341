#ifndef SIGNET_SRC_SERVER_SANDBOX_H_
#define SIGNET_SRC_SERVER_SANDBOX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/server/writing.h"

// What a process can ask of the kernel, limited to what its work needs: system calls by a filter
// (seccomp), writing to files by Landlock. Whoever takes the process over has no more than that:
// no program is started, no file is written but where the configuration says, no other process is
// touched, no socket sees packets (rule P2). See doc/decisions/0015-sandbox.md.
namespace signet::server {

enum class Role : std::uint8_t {
  kServing,  // talks to clients
  kMaster,   // starts processes that serve, and keeps their sockets
  kKeys,     // has private keys, and signs
};

// What a system call gets that the filter of a role does not let through.
//
//   Forbidden calls (execve, ptrace, mount, bpf …) fail with EPERM. All others that are not
//   needed fail with ENOSYS, as they would on an older kernel: the C library then takes the older
//   call, which is how a filter survives a new version of the library.
enum class Filtered : std::uint8_t { kAllowed, kForbidden, kUnknown };
// For tests and `make check`: what becomes of the call named `call`, whatever its arguments.
// kAllowed also where it depends on these.
Filtered FilterSays(Role role, std::string_view call);
// Names of all that a role may call, sorted.
std::vector<std::string> AllowedCalls(Role role);

// Limits this thread, and those that it starts, for good.
//
//   Requires  no other thread runs; privileges have been given up.
//   Returns   "", or what is missing in this kernel. Then there is no filter.
std::string FilterCalls(Role role);

// Landlock: files are written where `places` say and nowhere else, and none is executed.
// Where a place does not exist, what exists of the way to it counts.
class FileRules {
 public:
  struct Entered {
    int abi = 0;          // of the kernel's Landlock; 0: it has none, and nothing is limited
    std::string trouble;  // why not, for the log
  };
  // Requires as FilterCalls; before it.
  Entered Enter(const std::vector<WrittenPlace>& places);
  // "" where this process may write to all of `places`, or what it may not: 'there is no writing
  // to "/srv/mail" (directory of transport store)'. Without Enter(), or Landlock, "".
  std::string Missing(const std::vector<WrittenPlace>& places) const;
  // "/var/log/signet, /run/signet"
  std::string Describe() const;

 private:
  bool entered_ = false;
  std::vector<WrittenPlace> places_;  // as they exist
};

}  // namespace signet::server
#endif
