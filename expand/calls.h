#ifndef SIGNET_EXPAND_CALLS_H_
#define SIGNET_EXPAND_CALLS_H_

#include "expand/evaluate.h"

// ${acl{name}{arg}…} and the condition acl{{name}{arg}…}: what they have in common.
namespace signet::expand {

// A constant name that no ACL has.
void CheckAclCall(CompileContext& context, Node* node);

// Calls the ACL that the node's first child names with what its others give.
//
//   Returns   false where it failed, which a deferring ACL and one that cannot decide are.
//   Security  the name is the administrator's (rule E2).
bool CallAcl(Evaluation& evaluation, const Node& node, bool* accepts, Datum* message);

}  // namespace signet::expand
#endif
