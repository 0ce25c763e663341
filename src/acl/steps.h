#ifndef SIGNET_SRC_ACL_STEPS_H_
#define SIGNET_SRC_ACL_STEPS_H_

#include <string_view>

#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/facts/verdict.h"

// What an ACL writes down of itself in the session's trace. All of it is called only where
// there is one.
namespace signet::acl {

// A step whose parts follow until the matching End.
std::size_t BeginStep(facts::Trace& trace, const Acl& acl, const Rules::Rep& rules);
std::size_t BeginStep(facts::Trace& trace, const Statement& statement);
std::size_t BeginStep(facts::Trace& trace, const Item& item);

void EndStep(facts::Trace& trace, std::size_t id, const AclAnswer& decided, const Acl& acl,
             bool may_show);
void EndStep(facts::Trace& trace, std::size_t id, const Statement& statement, bool endpass,
             const Answer& answer, bool may_show);
// `shown` is what the item's argument came to.
void EndStep(facts::Trace& trace, std::size_t id, const Item& item, const Answer& answer,
             std::string_view shown, std::string_view from, bool may_show);

// Where no ACL decides: the option is not set, or something is wrong with it.
void AddUnset(facts::Trace& trace, config::AclWhen when, const facts::Verdict& verdict);
void AddBroken(facts::Trace& trace, config::AclWhen when, const facts::Verdict& verdict);

}  // namespace signet::acl
#endif
