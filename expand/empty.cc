#include "expand/empty.h"

#include <algorithm>
#include <set>
#include <string>

#include "expand/program.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

// What holds where a part is evaluated: variables that have a value, and conditions, by
// their text without blanks.
struct Facts {
  std::set<std::string, std::less<>> variables;
  std::set<std::string, std::less<>> conditions;
};

std::string Key(SourceSpan span, bool holds) {
  std::string key(1, holds ? '+' : '-');
  for (char c : span.view())
    if (!IsSpace(c)) key += c;
  return key;
}

class Reader {
 public:
  explicit Reader(const Program::Rep& rep) : rep_(rep) {}

  // Adds what follows from a condition that holds, or does not.
  void Learn(NodeId id, bool holds, Facts* facts) const {
    const Node& node = rep_.node(id);
    if (node.negated) holds = !holds;
    facts->conditions.insert(Key(node.span, holds));
    std::string_view name = node.condition->name;
    if (node.condition->form == ConditionForm::kGroup) {
      if ((name == "and") != holds) return;
      for (std::size_t n = 0; n < node.child_count; ++n) Learn(rep_.child(node, n), holds, facts);
      return;
    }
    if (const Node* variable = HasValue(node, holds))
      facts->variables.insert(std::string(variable->text));
  }

  // Where a text may be empty; nullopt where it never is.
  std::optional<SourceSpan> Empty(NodeId id, const Facts& facts) const {
    const Node& node = rep_.node(id);
    switch (node.kind) {
      case NodeKind::kText:
        return node.text.empty() ? std::optional(node.span) : std::nullopt;
      case NodeKind::kVariable:
        return facts.variables.contains(node.text) ? std::nullopt : std::optional(node.span);
      case NodeKind::kSequence:
        for (std::size_t n = 0; n < node.child_count; ++n)
          if (!Empty(rep_.child(node, n), facts)) return std::nullopt;
        return node.span;
      case NodeKind::kOperator:
        return EmptyOperator(node, facts);
      case NodeKind::kItem:
        return node.item->name == "if" ? EmptyIf(node, facts) : std::optional(node.span);
      default:
        return node.span;
    }
  }

 private:
  bool IsConstant(NodeId id, std::string_view* text) const {
    const Node& node = rep_.node(id);
    *text = node.text;
    return node.kind == NodeKind::kText;
  }

  const Node* Variable(NodeId id) const {
    const Node& node = rep_.node(id);
    return node.kind == NodeKind::kVariable ? &node : nullptr;
  }

  // The variable of ${listcount:$x}.
  const Node* Counted(NodeId id) const {
    const Node& node = rep_.node(id);
    if (node.kind != NodeKind::kOperator || node.op->name != "listcount") return nullptr;
    return Variable(rep_.child(node, 0));
  }

  // The variable that has a value where a plain condition holds (or does not).
  const Node* HasValue(const Node& node, bool holds) const {
    std::string_view name = node.condition->name;
    if (name == "def") return holds ? Variable(rep_.child(node, 0)) : nullptr;
    if (node.condition->form == ConditionForm::kListThenTest)
      return holds && name.starts_with("for") ? Variable(rep_.child(node, 0)) : nullptr;
    if (node.child_count != 2) return nullptr;
    if (name == "match" && holds && node.regex != nullptr) return Matched(node);
    for (std::size_t n = 0; n < 2; ++n) {
      NodeId other = rep_.child(node, 1 - n);
      std::string_view text;
      if (!IsConstant(rep_.child(node, n), &text)) continue;
      if ((name == "eq" || name == "eqi") && text.empty() != holds) return Variable(other);
      if ((name == "=" || name == "==") && holds && IsPositive(text)) return Counted(other);
      if (n == 0 && name == "<" && holds && IsNatural(text)) return Counted(other);
      if (n == 1 && name == ">" && holds && IsNatural(text)) return Counted(other);
      if (n == 0 && name == "<=" && holds && IsPositive(text)) return Counted(other);
      if (n == 1 && name == ">=" && holds && IsPositive(text)) return Counted(other);
    }
    return nullptr;
  }

  const Node* Matched(const Node& node) const {
    std::vector<Regex::Group> groups;
    std::string why;
    auto outcome = node.regex->Match("", 0, Regex::Mode::kAnywhere, &groups, &why);
    return outcome == Regex::Outcome::kNoMatch ? Variable(rep_.child(node, 0)) : nullptr;
  }

  static bool IsNatural(std::string_view text) {
    text = Trim(text);
    return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
  }
  static bool IsPositive(std::string_view text) {
    return IsNatural(text) && text.find_first_of("123456789") != std::string_view::npos;
  }

  std::optional<SourceSpan> EmptyOperator(const Node& node, const Facts& facts) const {
    std::string_view name = node.op->name;
    if (name == "lc" || name == "uc") return Empty(rep_.child(node, 0), facts);
    const bool never = name.starts_with("md5") || name.starts_with("sha") || name == "strlen" ||
                       name == "listcount";
    return never ? std::nullopt : std::optional(node.span);
  }

  std::optional<SourceSpan> EmptyIf(const Node& node, const Facts& facts) const {
    NodeId condition = rep_.child(node, 0);
    const Node& test = rep_.node(condition);
    Facts holds = facts, fails = facts;
    Learn(condition, true, &holds);
    Learn(condition, false, &fails);
    if (node.yes != kNoNode && !facts.conditions.contains(Key(test.span, test.negated)))
      if (auto place = Empty(node.yes, holds)) return place;
    if (facts.conditions.contains(Key(test.span, !test.negated)) || node.fail) return std::nullopt;
    return node.no == kNoNode ? std::optional(node.span) : Empty(node.no, fails);
  }

  const Program::Rep& rep_;
};

// What follows where the text of a condition option says yes.
Facts FactsOf(const Program::Rep& rep) {
  Facts facts;
  const Node& root = rep.node(rep.root);
  if (root.kind != NodeKind::kItem || root.item->name != "if") return facts;
  auto says = [&](NodeId branch, Truth otherwise) {
    if (branch == kNoNode) return otherwise;
    const Node& node = rep.node(branch);
    return node.kind == NodeKind::kText ? AuthTruth(node.text) : Truth::kInvalid;
  };
  Reader reader(rep);
  Truth yes = says(root.yes, Truth::kTrue), no = says(root.no, Truth::kFalse);
  if (no == Truth::kFalse) reader.Learn(rep.child(root, 0), true, &facts);
  if (yes == Truth::kFalse) reader.Learn(rep.child(root, 0), false, &facts);
  return facts;
}

}  // namespace

std::optional<SourceSpan> FindEmpty(const Program& text, const Program& condition,
                                    std::span<const std::string_view> set) {
  const Program::Rep& rep = ProgramAccess::Of(text);
  Facts facts = FactsOf(ProgramAccess::Of(condition));
  facts.variables.insert(set.begin(), set.end());
  return Reader(rep).Empty(rep.root, facts);
}

}  // namespace signet::expand
