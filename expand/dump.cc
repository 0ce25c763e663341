#include <string>

#include "expand/message.h"
#include "expand/program.h"

// Programs and tables as text, for tests, the manual and `explain`.
namespace signet::expand {
namespace {

class Dumper {
 public:
  explicit Dumper(const Program::Rep& rep) : rep_(rep) {}

  std::string Run() {
    Show(rep_.root, 0);
    return std::move(text_);
  }

 private:
  void Line(std::size_t depth, const std::string& line) {
    text_.append(2 * depth, ' ');
    text_ += line + "\n";
  }
  static std::string Name(std::string_view name) { return std::string(name); }

  void Show(NodeId id, std::size_t depth) {
    const Node& node = rep_.node(id);
    Line(depth, Describe(node));
    for (std::size_t n = 0; n < node.child_count; ++n) Show(rep_.child(node, n), depth + 1);
    ShowPart("again", node.again, depth);
    ShowPart("yes", node.yes, depth);
    ShowPart("no", node.no, depth);
    if (node.fail) Line(depth + 1, "fail");
  }
  void ShowPart(const char* name, NodeId id, std::size_t depth) {
    if (id == kNoNode) return;
    Line(depth + 1, name);
    Show(id, depth + 2);
  }

  static std::string Describe(const Node& node) {
    switch (node.kind) {
      case NodeKind::kText:
        return "text " + InQuotes(node.text);
      case NodeKind::kSequence:
        return "join";
      case NodeKind::kVariable:
        return "variable " + Name(node.text);
      case NodeKind::kCapture:
        return "capture " + std::to_string(node.numbers[0]);
      case NodeKind::kHole:
        return "hole " + std::to_string(node.numbers[0]);
      case NodeKind::kOperator:
        return "operator " + Name(node.op->name) + Arguments(node);
      case NodeKind::kItem:
        return "item " + Name(node.item->name) + Resolved(node);
      case NodeKind::kCondition:
        return std::string("condition ") + (node.negated ? "!" : "") + Name(node.condition->name) +
               Resolved(node);
    }
    return "";
  }

  static std::string Arguments(const Node& node) {
    std::string text;
    for (std::size_t n = 0; n < node.number_count; ++n)
      text += " " + std::to_string(node.numbers[n]);
    if (node.quote == QuoteHow::kLdapFilter) text += " ldap";
    if (node.quote == QuoteHow::kLdapDn) text += " ldap_dn";
    return text;
  }

  // What was found out at load.
  static std::string Resolved(const Node& node) {
    std::string text;
    if (node.lookup != nullptr) text += " " + Name(node.lookup->name);
    if (node.word != nullptr && node.word->plain.size() < node.word->whole.size())
      text += " partial " + std::to_string(node.word->least) + " " + InQuotes(node.word->affix);
    if (node.lookup != nullptr && !node.text.empty()) text += " options " + InQuotes(node.text);
    if (node.field != nullptr) text += " field " + Name(node.field->name);
    if (node.field != nullptr && !node.modifiers.kind.empty())
      text += " kind " + Name(node.modifiers.kind);
    if (node.field != nullptr && !node.modifiers.form.empty())
      text += " form " + Name(node.modifiers.form);
    if (node.field != nullptr && node.modifiers.separator != '\n')
      text += " separator " + InQuotes({&node.modifiers.separator, 1});
    if (node.regex != nullptr) text += " compiled";
    return text;
  }

  const Program::Rep& rep_;
  std::string text_;
};

template <typename Row>
void AddNames(std::span<const Row> rows, std::vector<std::string_view>* names) {
  for (const Row& row : rows) names->push_back(row.name);
}

template <typename Row>
std::string_view ManualOf(std::span<const Row> rows, std::string_view name) {
  const Row* row = FindRow(rows, name);
  return row != nullptr ? row->manual : std::string_view();
}

}  // namespace

std::string Dump(const Program& program) { return Dumper(ProgramAccess::Of(program)).Run(); }

std::vector<std::string_view> AllRows(std::string_view table) {
  std::vector<std::string_view> names;
  if (table == "operator") AddNames(Operators(), &names);
  if (table == "condition") AddNames(Conditions(), &names);
  if (table == "item") AddNames(Items(), &names);
  if (table == "variable") AddNames(Variables(), &names);
  if (table == "cert_field") AddNames(CertFields(), &names);
  return names;
}

std::string_view RowManual(std::string_view table, std::string_view name) {
  if (table == "operator") return ManualOf(Operators(), name);
  if (table == "condition") return ManualOf(Conditions(), name);
  if (table == "item") return ManualOf(Items(), name);
  if (table == "variable") return ManualOf(Variables(), name);
  if (table == "cert_field") return ManualOf(CertFields(), name);
  return {};
}

}  // namespace signet::expand
