#ifndef SIGNET_SRC_ACL_HOST_NAME_H_
#define SIGNET_SRC_ACL_HOST_NAME_H_

#include <string>

#include "src/acl/acl.h"

namespace signet::acl {

// The name that the client's address has, confirmed: the name has the address too. Looked for
// once in a session; $sender_host_name and its state in the session are set by it.
facts::HostLookup FindHostName(Effects& effects);

// Whether the name that the client gave in EHLO is its own: the literal of its address, its
// confirmed name, or a name that has its address.
facts::HostLookup VerifyHelo(Effects& effects);

// The resolver of the C library, by a deadline. May wait.
HostAnswer SystemNameOf(const std::string& ip, Deadline deadline);
HostAnswer SystemAddressesOf(const std::string& name, Deadline deadline);

}  // namespace signet::acl
#endif
