#ifndef SIGNET_SRC_SERVER_PRIVILEGES_H_
#define SIGNET_SRC_SERVER_PRIVILEGES_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace signet::server {

// Who the process becomes once ports are bound and keys are read (rule P1).
struct Identity {
  std::string name;  // as configured
  uid_t user = 0;
  gid_t group = 0;
  std::string root_directory;  // what is "/" from then on; "": what it was
};

// `user` and `group` by name or number; an empty group is the user's own.
//
//   Errors   "signet_user: no such user \"x\""; a user or group 0 is refused.
Result<Identity, std::string> FindIdentity(std::string_view user, std::string_view group);

// Whether this process has root's rights.
bool IsPrivileged();

// Gives up root for good: the root directory, groups, group, user, capabilities, and the right to
// gain any by executing something; then tries to get root back.
//
//   Returns  the user's name.
//   Errors   the step that failed. The process must then end.
//   Requires no other thread runs.
Result<std::string, std::string> DropPrivileges(const Identity& identity);

// No core files, which would hold keys, and nothing to be gained by executing something.
void ForbidDumpsAndGains();

// Closes what whoever started us has left open, but for the standard three (rule P2) and these
// descriptors.
//
//   Requires  nothing has been opened yet.
void CloseInherited(std::vector<int> but = {});

// Environment variables steer the libraries that we use, and are not ours to trust
// (rule C6). Names those that are set and have nothing to do here, sorted.
std::vector<std::string> UnwantedEnvironment();
// Renames them, so that only ${env{}} finds them (config::kSetAside), and switches off what
// libldap reads of files and homes.
void CleanEnvironment();

}  // namespace signet::server
#endif
