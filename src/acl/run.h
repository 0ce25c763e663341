#ifndef SIGNET_SRC_ACL_RUN_H_
#define SIGNET_SRC_ACL_RUN_H_

#include <optional>
#include <string>
#include <vector>

#include "expand/show.h"
#include "src/acl/acl.h"
#include "src/acl/rules.h"

namespace signet::acl {

// What is known while a statement is worked through.
struct StatementState {
  const Item* message = nullptr;
  const Item* log_message = nullptr;
  bool endpass = false;
  std::optional<std::vector<std::string>> reject_logs;
};

// One evaluation of an ACL option, nested calls included.
class Run {
 public:
  Run(const Rules::Rep& rules, config::AclWhen when, config::MatchContext& context,
      Effects& effects)
      : rules(rules), when(when), context(context), effects(effects) {}

  const Rules::Rep& rules;
  const config::AclWhen when;
  config::MatchContext& context;
  Effects& effects;
  StatementState statement;
  Verb verb = Verb::kAccept;  // of the current statement
  const Acl* acl = nullptr;   // the current one
  // Some statement that was asked hangs on who the client is, and has not accepted.
  bool about_identity = false;
  // Of the item at hand, for the trace: what its argument came to, and from where.
  std::string shown;
  // An ACL whose text an option expanded to, at run time.
  const config::Expanded* text_of = nullptr;
  Origins shown_from = kFromAdministrator;

  const facts::Session& session() const { return context.session; }
  facts::Trace* trace() const { return session().trace; }
  // Whether values may be written down: a message's content may be in them later.
  bool may_show() const { return expand::MayShow(session()); }
  bool may_show(const Item& item) const {
    const auto& program = item.argument.program;
    return program != nullptr ? expand::MayShow(*program, session()) : may_show();
  }
  void Show(std::string_view text, Origins from) {
    if (trace() == nullptr) return;
    shown = text;
    shown_from = from;
  }
  bool authenticated() const {
    return context.session.auth.result == facts::AuthResult::kAuthenticated;
  }
  expand::Outcome Expand(const config::Expanded& text) {
    return expand::Evaluate(*text.program, context.session, context.services, context.budget);
  }
  // The list of an item that its row matches itself.
  // *data as of config::MatchList.
  Answer Match(const Item& item, std::string_view subject, Value* data = nullptr);
};

// kFalse or kTrue with discard or drop as the ACL decided; `where` is the statement that
// did, where there is one.
struct AclAnswer {
  Answer answer;
  SourceSpan where;
  std::optional<std::vector<std::string>> reject_logs;  // of that statement
  bool nobody = false;                                  // no statement has decided
};
AclAnswer RunAcl(const Acl& acl, Run& run);

// How a failed expansion counts: a forced one is the caller's business.
Answer FromFailure(const Failure& failure);

}  // namespace signet::acl
#endif
