#include "expand/calls.h"

#include <algorithm>
#include <string>

#include "expand/query.h"
#include "src/base/codes.h"
#include "src/base/text.h"

namespace signet::expand {

void CheckAclCall(CompileContext& context, Node* node) {
  NodeId child = context.Child(*node, 0);
  const std::string_view* name = context.ConstantText(child);
  std::vector<std::string_view> known = context.names.AclNames();
  if (name == nullptr || std::find(known.begin(), known.end(), *name) != known.end()) return;
  // Several words are the text of an ACL themselves.
  if (std::any_of(name->begin(), name->end(), IsSpace)) return;
  context.Late(name->empty() ? node->span : context.rep.node(child).span,
               "ERROR from acl " + InQuotes(*name), DidYouMean(*name, known), code::kUnknownName);
}

bool CallAcl(Evaluation& e, const Node& node, bool* accepts, Datum* message) {
  Datum name;
  if (!e.Child(node, 0, &name)) return false;
  if (Origins from = name.origins() & kOutsiders; from != 0)
    return e.FailPermanently(
        node, "text from " + std::string(NameOfOrigin(from)) + " in the name of an ACL");
  std::vector<Value> arguments;
  for (std::size_t n = 1; n < node.child_count; ++n) {
    Datum argument;
    if (!e.Child(node, n, &argument)) return false;
    arguments.push_back(e.ToValue(argument));
  }
  // What is evaluated in the ACL stands on the same stack.
  const auto nesting = std::min(e.budget.nesting, static_cast<std::size_t>(node.numbers[0]));
  e.budget.nesting -= nesting;
  AclOutcome outcome = e.services.CallAcl(name.text, std::move(arguments), e.budget);
  e.budget.nesting += nesting;
  *accepts = outcome.kind == AclOutcome::kAccept;
  *message = e.From(e.Copy(outcome.message.text), outcome.message.origins());
  if (outcome.kind == AclOutcome::kDefer)
    return e.Fail(FailureKind::kForced, node, "DEFER from acl " + InQuotes(name.text));
  return outcome.kind != AclOutcome::kError ||
         e.FailPermanently(node, "ERROR from acl " + InQuotes(name.text));
}

}  // namespace signet::expand
