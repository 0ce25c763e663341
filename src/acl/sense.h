#ifndef SIGNET_SRC_ACL_SENSE_H_
#define SIGNET_SRC_ACL_SENSE_H_

#include "src/acl/acl.h"

namespace signet::acl {

// What of compiled ACLs can hardly be meant: statements that are never reached, ACLs that
// nobody names, questions about the client whose answer is always no. Warnings with codes.
void CheckSense(const config::Config& config, const Rules& rules, Diagnostics* diagnostics);

}  // namespace signet::acl
#endif
