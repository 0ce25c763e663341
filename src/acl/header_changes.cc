#include <algorithm>
#include <set>

#include "src/acl/acl.h"
#include "src/acl/rules.h"

namespace signet::acl {
namespace {

// Whether an expansion in the text may call an ACL: what that does is not known here.
bool MayCall(std::string_view text) {
  for (std::size_t at = text.find("acl"); at != text.npos; at = text.find("acl", at + 3)) {
    const std::size_t behind = text.find_first_not_of(" \t\n\r\v\f", at + 3);
    if (behind != text.npos && text[behind] == '{') return true;
  }
  return false;
}

class Search {
 public:
  explicit Search(const Rules::Rep& rules) : rules_(rules) {}

  bool MayChange(std::size_t acl) {
    if (!seen_.insert(acl).second) return false;
    const auto& statements = rules_.acls[acl].statements;
    return std::any_of(statements.begin(), statements.end(), [this](const Statement& statement) {
      return std::any_of(statement.items.begin(), statement.items.end(),
                         [this](const Item& item) { return MayChange(item); });
    });
  }

 private:
  bool MayChange(const Item& item) {
    const std::string_view name = item.row->name, text = item.argument.span.view();
    if (name == "add_header" || name == "remove_header" || MayCall(text)) return true;
    // Checks of the header that put it right instead of refusing it.
    if (name == "verify" && text.find("rewrite") != text.npos) return true;
    if (item.words.empty()) return false;
    if (!item.words.front().constant) return true;
    const auto called = rules_.by_name.find(*item.words.front().constant);
    return called != rules_.by_name.end() && MayChange(called->second);
  }

  const Rules::Rep& rules_;
  std::set<std::size_t> seen_;
};

}  // namespace

bool MayChangeHeader(const Rules& rules, const config::Config& config, config::AclWhen when) {
  const Hook& hook = rules.rep().hooks[static_cast<std::size_t>(when)];
  if (hook.kind == Hook::kUnset) return false;
  const bool lists_call =
      std::any_of(config.lists.begin(), config.lists.end(),
                  [](const config::NamedList& list) { return MayCall(list.list.span.view()); });
  return hook.kind == Hook::kExpanded || lists_call || Search(rules.rep()).MayChange(hook.acl);
}

}  // namespace signet::acl
