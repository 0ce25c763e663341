#ifndef SIGNET_SRC_ACL_RATELIMIT_H_
#define SIGNET_SRC_ACL_RATELIMIT_H_

#include <string>

#include "src/acl/table.h"

// `ratelimit = MAX / PERIOD / option… / key` and `seen = [-]TIME / option…`.
namespace signet::acl {

// Reports what can be known to be wrong with an argument from its text; parts that are
// expanded are left to the run.
void CheckRatelimit(const Item& item, const CheckContext& context);
void CheckSeen(const Item& item, const CheckContext& context);

// Why it cannot stand in this ACL, or "".
std::string RatelimitMisplaced(std::string_view argument, config::AclWhen when);

Answer RunRatelimit(const Item& item, const Value& value, Run& run);
Answer RunSeen(const Item& item, const Value& value, Run& run);

}  // namespace signet::acl
#endif
