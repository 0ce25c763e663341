#include "src/acl/sense.h"

#include <algorithm>
#include <set>

#include "src/acl/places.h"
#include "src/acl/rules.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/sense.h"

namespace signet::acl {
namespace {

using config::AclWhen;

constexpr std::size_t kWhens = static_cast<std::size_t>(AclWhen::kCount);

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// How often a name stands in a text as a word of its own.
std::size_t CountWord(std::string_view text, std::string_view word) {
  const auto is_name = [](char c) { return IsAlnum(c) || c == '_' || c == '-'; };
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !is_name(text[at - 1]);
    if (begins && (end == text.size() || !is_name(text[end]))) ++count;
  }
  return count;
}

class Sense {
 public:
  Sense(const config::Config& config, const Rules::Rep& rules, Diagnostics* diagnostics)
      : config_(config), rules_(rules), diagnostics_(*diagnostics) {}

  void Run() {
    for (std::size_t i = 0; i < kWhens; ++i)
      if (rules_.hooks[i].kind == Hook::kFixed) Reach(rules_.hooks[i].acl, static_cast<AclWhen>(i));
    for (std::size_t i = 0; i < rules_.acls.size(); ++i) {
      CheckOrder(rules_.acls[i]);
      CheckUse(i);
      CheckWho(i);
    }
  }

 private:
  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code,
            std::vector<DiagnosticNote> notes = {}) {
    diagnostics_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), std::move(notes), code});
  }

  void Reach(std::size_t acl, AclWhen when) {
    if (!uses_.insert({acl, when}).second) return;
    for (const Statement& statement : rules_.acls[acl].statements)
      for (const Item& item : statement.items) {
        if (item.words.empty() || !item.words[0].constant) continue;
        const auto called = rules_.by_name.find(*item.words[0].constant);
        if (called != rules_.by_name.end()) Reach(called->second, when);
      }
  }

  // --- what is never reached -------------------------------------------------------------------

  // Conditions that are true of any client.
  static bool AlwaysHolds(const Item& item) {
    if (!item.row->condition) return true;  // a modifier
    const std::string* text = item.argument ? item.argument.program->constant() : nullptr;
    if (item.negated || text == nullptr) return false;
    const std::string_view shown = Trim(*text);
    if (item.row->name == "hosts") return shown == "*";
    return item.row->name == "condition" && expand::AclTruth(shown) == expand::Truth::kTrue;
  }

  static bool Decides(const Statement& statement) {
    const bool stops = statement.verb != Verb::kWarn && statement.verb != Verb::kRequire;
    return stops && std::all_of(statement.items.begin(), statement.items.end(), AlwaysHolds);
  }

  void CheckOrder(const Acl& acl) {
    const auto first = std::find_if(acl.statements.begin(), acl.statements.end(), Decides);
    if (first == acl.statements.end() || first + 1 == acl.statements.end()) return;
    Warn((first + 1)->span,
         "what follows is never reached: " + Quoted(NameOf(first->verb)) +
             " before it has no condition that could fail",
         "take it out, or give the statement before it a condition", code::kUnreachable,
         {{first->span, "here the ACL ends for everybody"}});
  }

  // --- what nobody names -----------------------------------------------------------------------

  // An ACL that is only named at run time may be any.
  bool NamesAtRunTime() const {
    for (const Hook& hook : rules_.hooks)
      if (hook.kind == Hook::kExpanded) return true;
    for (const Acl& acl : rules_.acls)
      for (const Statement& statement : acl.statements)
        for (const Item& item : statement.items)
          if (!item.words.empty() && !item.words[0].constant) return true;
    return false;
  }

  void CheckUse(std::size_t index) {
    const Acl& acl = rules_.acls[index];
    const auto named = rules_.by_name.find(acl.name);
    const bool has_name = named != rules_.by_name.end() && named->second == index;
    const bool used = std::any_of(uses_.begin(), uses_.end(),
                                  [&](const auto& use) { return use.first == index; });
    if (!has_name || used || NamesAtRunTime()) return;
    // ${acl{name}}, or a macro: once is its own label.
    std::size_t count = 0;
    for (const auto& text : config_.texts)
      if (text->pieces().empty()) count += CountWord(text->text(), acl.name);
    if (count > 1) return;
    Warn(acl.span, "nobody names the ACL " + Quoted(acl.name),
         "name it in an acl_smtp_ option or take it out", code::kUnusedAcl);
  }

  // --- who the client is -----------------------------------------------------------------------

  // Before TLS, where AUTH is not offered either (rule A1).
  bool OnlyBeforeTls(std::size_t acl) const {
    bool any = false, all = true;
    for (const auto& [index, when] : uses_) {
      if (index != acl) continue;
      any = true;
      all = all && when == AclWhen::kStarttls;
    }
    return any && all;
  }

  void CheckWho(std::size_t index) {
    if (!config::MatchesNobody(config_.main.hosts_xclient_login)) return;  // it says anything
    for (const Statement& statement : rules_.acls[index].statements)
      for (const Item& item : statement.items) {
        // Of variables, their phase is told where they are compiled.
        if (item.row->name != "authenticated") continue;
        CheckPlace(index, item);
        CheckNames(item);
      }
  }

  void CheckPlace(std::size_t index, const Item& item) {
    if (!OnlyBeforeTls(index)) return;
    Warn(item.span, "nobody is authenticated yet: STARTTLS comes before TLS, and AUTH after it",
         "ask in a later ACL", code::kNeverTrue);
  }

  // Words that are names of authenticators, and of none that there is.
  void CheckNames(const Item& item) {
    const std::string* text = item.argument ? item.argument.program->constant() : nullptr;
    if (text == nullptr || config_.authenticators.empty()) return;
    for (std::string name : SplitAdministratorList(*text)) {
      if (name.starts_with('!')) name = Trim(std::string_view(name).substr(1));
      const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return IsAlnum(c) || c == '_' || c == '-';
      });
      if (!plain || IsAuthenticator(name)) continue;
      std::vector<std::string_view> known;
      for (const auto& one : config_.authenticators) known.push_back(one.name);
      const std::string_view near = SuggestName(name, known);
      Warn(item.span, "there is no authenticator " + Quoted(name) + ": this is never true",
           near.empty() ? "\"*\" stands for any" : "did you mean " + Quoted(near) + "?",
           code::kNeverTrue);
    }
  }
  bool IsAuthenticator(std::string_view name) const {
    return std::any_of(
        config_.authenticators.begin(), config_.authenticators.end(),
        [&](const config::Authenticator& one) { return EqualsIgnoreCase(one.name, name); });
  }

  const config::Config& config_;
  const Rules::Rep& rules_;
  Diagnostics& diagnostics_;
  std::set<std::pair<std::size_t, AclWhen>> uses_;
};

}  // namespace

void CheckSense(const config::Config& config, const Rules& rules, Diagnostics* diagnostics) {
  Sense(config, rules.rep(), diagnostics).Run();
}

}  // namespace signet::acl
