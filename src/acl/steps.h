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
std::size_t BeginStep(facts::Trace& trace, const Acl& acl, const Run& run);
std::size_t BeginStep(facts::Trace& trace, const Statement& statement);
std::size_t BeginStep(facts::Trace& trace, const Item& item);

// An option that is expanded to the name or the text of an ACL.
std::size_t BeginStep(facts::Trace& trace, config::AclWhen when, const config::Expanded& option);

void EndStep(facts::Trace& trace, std::size_t id, const expand::Outcome& option, bool may_show);
void EndStep(facts::Trace& trace, std::size_t id, const AclAnswer& decided, bool may_show);
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
