#include "expand/check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "expand/flow.h"
#include "expand/fold.h"
#include "expand/message.h"
#include "expand/number.h"
#include "expand/query.h"
#include "src/base/codes.h"

namespace signet::expand {
namespace {

enum class Known : std::uint8_t { kNo, kFalse, kTrue };

Known KnownIf(bool holds) { return holds ? Known::kTrue : Known::kFalse; }
Known Not(Known known) { return known == Known::kNo ? known : KnownIf(known == Known::kFalse); }

bool Contains(SourceSpan outer, SourceSpan inner) {
  return outer.text == inner.text && outer.begin <= inner.begin && inner.end <= outer.end;
}

// Arguments of items that are numbers.
struct NumberArgument {
  std::string_view item;
  std::size_t argument;
  Sign sign;
};
constexpr NumberArgument kNumberArguments[] = {
    {"hash", 0, Sign::kNone},  {"hash", 1, Sign::kNone},  {"length", 0, Sign::kNone},
    {"nhash", 0, Sign::kNone}, {"nhash", 1, Sign::kNone}, {"substr", 0, Sign::kAllowed},
    {"substr", 1, Sign::kNone}};

bool IsNumeric(std::string_view condition) {
  return condition.find_first_not_of("<=>") == std::string_view::npos;
}

// Conditions that look at one text where a list has several.
bool ComparesOneText(std::string_view condition) {
  return condition == "eq" || condition == "eqi" || IsNumeric(condition);
}

class Walker {
 public:
  Walker(const Program::Rep& rep, facts::Phase used_at, Diagnostics* late, Diagnostics* found)
      : rep_(rep),
        used_at_(used_at),
        late_(*late),
        found_(*found),
        folder_(rep),
        flow_(rep, &folder_) {}

  void Run() {
    Visit(rep_.root, Tried::kNo);
    for (Diagnostic& mistake : late_) {
      if (IsDead(mistake.span)) mistake.severity = Severity::kWarning;
      found_.push_back(std::move(mistake));
    }
  }

 private:
  // Whether a part that this one belongs to was evaluated already.
  enum class Tried : bool { kNo, kYes };

  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code,
            std::vector<DiagnosticNote> notes = {}) {
    found_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), std::move(notes), code});
  }
  void Late(SourceSpan span, std::string message, std::string_view code) {
    late_.push_back({Severity::kError, span, std::move(message), "", {}, code});
  }
  bool HasLate(SourceSpan within) const {
    return std::any_of(late_.begin(), late_.end(),
                       [&](const Diagnostic& d) { return Contains(within, d.span); });
  }
  bool IsDead(SourceSpan span) const {
    return std::any_of(dead_.begin(), dead_.end(),
                       [&](SourceSpan dead) { return Contains(dead, span); });
  }

  // --- texts --------------------------------------------------------------------------

  void Visit(NodeId id, Tried tried) {
    const Node& node = rep_.node(id);
    // Parts of a sequence are tried one by one, so that each mistake is found.
    const bool tries = tried == Tried::kNo && node.kind != NodeKind::kText &&
                       node.kind != NodeKind::kSequence && folder_.IsClosed(id);
    std::optional<Failure> failure;
    const bool conclusive = tries && (folder_.Text(id, &failure) || failure);
    const Tried below = conclusive ? Tried::kYes : tried;
    switch (node.kind) {
      case NodeKind::kText:
      case NodeKind::kCapture:
      case NodeKind::kHole:
      case NodeKind::kCondition:
      case NodeKind::kVariable:
        return;
      case NodeKind::kSequence:
        for (std::size_t n = 0; n < node.child_count; ++n) Visit(rep_.child(node, n), below);
        break;
      case NodeKind::kOperator:
        Visit(rep_.child(node, 0), below);
        break;
      case NodeKind::kItem:
        VisitItem(node, below);
        break;
    }
    // What fails with nothing but constants fails always.
    if (!failure || HasLate(node.span)) return;
    SourceSpan span = Contains(node.span, failure->span) ? failure->span : node.span;
    Late(span, failure->text, code::kAlwaysFails);
  }

  void VisitItem(const Node& node, Tried tried) {
    switch (node.item->form) {
      case ItemForm::kCondition:
        return VisitIf(node, tried);
      case ItemForm::kListThenTest:
        VisitList(node, tried);
        return;
      default:
        break;
    }
    const bool each = node.item->name == "map" || node.item->name == "reduce";
    const std::size_t outside = each ? node.child_count - 1 : node.child_count;
    for (std::size_t n = 0; n < outside; ++n) Visit(rep_.child(node, n), tried);
    if (each) VisitEach(node, tried);
    CheckNumbers(node);
    if (node.lookup != nullptr) CheckLookup(node);
    if (node.item->name == "sg" && node.regex == nullptr) CheckPattern(rep_.child(node, 1));
    const Surroundings outer = around_;
    around_.value = flow_.ValueIn(node, outer);
    if (node.yes != kNoNode) Visit(node.yes, tried);
    around_ = outer;
    if (node.no != kNoNode) Visit(node.no, tried);
  }

  // The body of map and reduce, with what $item is in it.
  void VisitEach(const Node& node, Tried tried) {
    const Surroundings outer = around_;
    around_.item = flow_.SourceOf(rep_.child(node, 0), outer);
    if (node.item->name == "reduce") around_.value = {.perhaps = true};
    Visit(rep_.child(node, node.child_count - 1), tried);
    around_ = outer;
  }

  // A list and the condition on its elements.
  Known VisitList(const Node& node, Tried tried) {
    const Surroundings outer = around_;
    Visit(rep_.child(node, 0), tried);
    around_.item = flow_.SourceOf(rep_.child(node, 0), outer);
    Known known = VisitCondition(rep_.child(node, 1), tried);
    around_ = outer;
    return known;
  }

  // --- text from outside ----------------------------------------------------------------

  void CheckLookup(const Node& node) {
    if (node.item != nullptr && node.keyed) CheckOneText(rep_.child(node, 0));
    NodeId last = rep_.child(node, node.child_count - 1);
    if (node.lookup->single_key)
      CheckPieces(last, code::kUnquotedFile, &WrongInFileName, *node.lookup);
    else
      CheckPieces(last, code::kUnquotedQuery, &FindUnquoted, *node.lookup);
  }

  void CheckPattern(NodeId pattern) {
    static const LookupType kNone;
    CheckPieces(pattern, code::kUnquotedPattern, &WrongInPattern, kNone);
  }

  static std::string WrongInFileName(const Text& text, const LookupType&) {
    for (const Segment& run : text.segments)
      if ((run.origins & kOutsiders) != 0 && run.quote != Quote::kFileName)
        return "text from " + std::string(NameOfOrigin(run.origins)) +
               " in the file name of a lookup";
    return "";
  }
  static std::string WrongInPattern(const Text& text, const LookupType&) {
    for (const Segment& run : text.segments)
      if ((run.origins & kOutsiders) != 0 && run.quote != Quote::kRegex)
        return "text from " + std::string(NameOfOrigin(run.origins)) +
               " in a regular expression is not quoted: use ${rxquote:...}";
    return "";
  }

  struct Unfit {
    SourceSpan span;
    std::string message;
    std::size_t shapes = 0;  // how many of the shapes it is in
    bool perhaps = false;
  };

  // Looks at each run from outside by itself, with the others as the administrator's.
  void CheckPieces(NodeId id, std::string_view code,
                   std::string (*wrong_in)(const Text&, const LookupType&),
                   const LookupType& type) {
    std::vector<Shape> shapes = flow_.ShapesOf(id, around_);
    std::vector<Unfit> unfit;
    for (const Shape& shape : shapes)
      for (std::size_t n = 0; n < shape.size(); ++n)
        if (shape[n].source.IsOutside()) CheckPiece(shape, n, wrong_in, type, &unfit);
    for (Unfit& u : unfit) {
      const bool sure = u.shapes == shapes.size() && !u.perhaps;
      if (sure)
        found_.push_back({Severity::kError, u.span, std::move(u.message), "", {}, code});
      else
        Warn(u.span, "perhaps " + u.message, "", code);
    }
  }

  void CheckPiece(const Shape& shape, std::size_t which,
                  std::string (*wrong_in)(const Text&, const LookupType&), const LookupType& type,
                  std::vector<Unfit>* unfit) {
    std::string text;
    std::vector<Segment> runs;
    for (std::size_t n = 0; n < shape.size(); ++n) {
      text += shape[n].text;
      Segment run{static_cast<std::uint32_t>(text.size())};
      const Source& source = shape[n].source;
      if (n == which) {
        // Nothing is known of what was stored but that it may be the client's.
        run.origins = source.origins != 0 ? source.origins : Origins{kFromClient};
        run.quote = source.quote;
      }
      runs.push_back(run);
    }
    std::string wrong = wrong_in({text, runs}, type);
    if (wrong.empty()) return;
    for (Unfit& u : *unfit) {
      if (u.span.begin != shape[which].span.begin || u.span.end != shape[which].span.end) continue;
      ++u.shapes;
      return;
    }
    unfit->push_back({shape[which].span, std::move(wrong), 1, shape[which].source.perhaps});
  }

  void CheckNumbers(const Node& node) {
    for (const NumberArgument& row : kNumberArguments) {
      if (row.item != node.item->name || row.argument + 1 >= node.child_count) continue;
      NodeId id = rep_.child(node, row.argument);
      std::optional<std::string> text = folder_.Text(id);
      if (!text) continue;
      auto number = ReadItemNumber(*text, row.sign, row.item);
      if (!number.ok()) Late(PlaceOfArgument(id, node), number.error(), code::kBadNumber);
    }
    if (node.item->name != "listextract") return;
    std::optional<std::string> text = folder_.Text(rep_.child(node, 0));
    if (!text || ReadFieldNumber(Trimmed(*text))) return;
    Late(PlaceOfArgument(rep_.child(node, 0), node),
         Trimmed(*text).empty() ? "first argument of \"listextract\" must not be empty"
                                : "first argument of \"listextract\" must be numeric",
         code::kBadNumber);
  }

  static std::string_view Trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\n\r\f\v";
    std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
    std::size_t end = text.find_last_not_of(kSpace) + 1;
    return text.substr(begin, end > begin ? end - begin : 0);
  }

  // An argument without text has no place of its own.
  SourceSpan PlaceOfArgument(NodeId id, const Node& whole) const {
    SourceSpan span = rep_.node(id).span;
    return span.view().empty() ? whole.span : span;
  }

  // --- branches -----------------------------------------------------------------------

  void VisitIf(const Node& node, Tried tried) {
    NodeId condition = rep_.child(node, 0);
    Known known = VisitCondition(condition, tried);
    for (auto [branch, out] : {std::pair{node.yes, Known::kFalse}, {node.no, Known::kTrue}}) {
      if (branch == kNoNode) continue;
      if (known == out)
        MarkDead(rep_.node(branch).span, "this is never used", condition, known);
      else
        Visit(branch, tried);
    }
  }

  void MarkDead(SourceSpan dead, std::string message, NodeId condition, Known known) {
    dead_.push_back(dead);
    const Node& decider = rep_.node(condition);
    // A macro in a condition is a switch of the administrator's: nothing is there to say.
    if (dead.view().empty() || !IsVerbatim(decider.span)) return;
    const bool holds = (known == Known::kTrue) != decider.negated;
    Warn(dead, std::move(message), "", code::kDeadBranch,
         {{decider.span, "because this is always " + std::string(holds ? "true" : "false")}});
  }

  // --- conditions ---------------------------------------------------------------------

  Known VisitCondition(NodeId id, Tried tried) {
    const Node& node = rep_.node(id);
    Known known = VisitPlain(id, node, tried);
    return node.negated ? Not(known) : known;
  }

  // Negation left aside.
  Known VisitPlain(NodeId id, const Node& node, Tried tried) {
    switch (node.condition->form) {
      case ConditionForm::kGroup:
        return VisitGroup(node, tried);
      case ConditionForm::kName:
        return VisitDef(node);
      case ConditionForm::kListThenTest:
        return VisitForEach(id, node, tried);
      case ConditionForm::kTexts:
        break;
      default:
        break;
    }
    return VisitTexts(id, node, tried);
  }

  Known VisitTexts(NodeId id, const Node& node, Tried tried) {
    for (std::size_t n = 0; n < node.child_count; ++n) Visit(rep_.child(node, n), tried);
    if (IsNumeric(node.condition->name)) CheckComparison(node);
    if (node.lookup != nullptr)
      CheckPieces(rep_.child(node, 0), code::kUnquotedQuery, &FindUnquoted, *node.lookup);
    if (node.condition->name == "match" && node.regex == nullptr) CheckPattern(rep_.child(node, 1));
    if (ComparesOneText(node.condition->name) && !ComparesWithNothing(node))
      for (std::size_t n = 0; n < node.child_count; ++n) CheckOneText(rep_.child(node, n));
    return KnownByTrying(id, node);
  }

  Known KnownByTrying(NodeId id, const Node& node) {
    std::optional<bool> holds = folder_.Holds(id);
    return holds ? KnownIf(*holds != node.negated) : Known::kNo;
  }

  void CheckComparison(const Node& node) {
    for (std::size_t n = 0; n < node.child_count; ++n) {
      NodeId id = rep_.child(node, n);
      std::optional<std::string> text = folder_.Text(id);
      if (!text) continue;
      auto number = ReadComparisonNumber(*text);
      if (!number.ok()) Late(PlaceOfArgument(id, node), number.error(), code::kBadNumber);
    }
  }

  Known VisitGroup(const Node& node, Tried tried) {
    const bool is_or = node.condition->name == "or";
    const Known decisive = KnownIf(is_or);
    Known all = Not(decisive);
    NodeId decider = kNoNode;
    for (std::size_t n = 0; n < node.child_count; ++n) {
      NodeId id = rep_.child(node, n);
      if (all == decisive) {
        MarkDead(rep_.node(id).span, "this condition is never looked at", decider, decisive);
        continue;
      }
      Known member = VisitCondition(id, tried);
      if (member == decisive) decider = id;
      if (member == decisive || member == Known::kNo) all = member;
    }
    return all;
  }

  // What no earlier phase can have set has no value: asking is no mistake, but pointless.
  Known VisitDef(const Node& node) {
    const Node& variable = rep_.node(rep_.child(node, 0));
    if (variable.variable == nullptr || variable.variable->since <= used_at_) return Known::kNo;
    dead_.push_back(variable.span);
    return Known::kFalse;
  }

  Known VisitForEach(NodeId id, const Node& node, Tried tried) {
    VisitList(node, tried);
    std::optional<std::string> text = folder_.Text(rep_.child(node, 0));
    if (text && text->empty()) return Known::kFalse;
    return KnownByTrying(id, node);
  }

  // --- kinds --------------------------------------------------------------------------

  // Comparing with nothing asks whether a list is empty, which is fine.
  bool ComparesWithNothing(const Node& node) {
    for (std::size_t n = 0; n < node.child_count; ++n) {
      std::optional<std::string> text = folder_.Text(rep_.child(node, n));
      if (text && text->empty()) return true;
    }
    return false;
  }

  bool GivesList(NodeId id) const {
    const Node& node = rep_.node(id);
    if (node.kind == NodeKind::kOperator)
      return node.op->name == "addresses" ||
             (node.op->takes == Takes::kEachElement && GivesList(rep_.child(node, 0)));
    if (node.kind != NodeKind::kItem || node.yes != kNoNode) return false;
    std::string_view name = node.item->name;
    return name == "map" || name == "filter" || name == "sort" ||
           (node.field != nullptr && node.field->name == "subj_altname");
  }

  void CheckOneText(NodeId id) {
    if (folder_.IsClosed(id) || !GivesList(id)) return;
    const Node& node = rep_.node(id);
    Warn(node.span, "this is a list, but one text is compared",
         "several elements are joined by their separator: use inlist, forany or listextract",
         code::kWrongKind);
  }

  const Program::Rep& rep_;
  const facts::Phase used_at_;
  Diagnostics& late_;
  Diagnostics& found_;
  Folder folder_;
  Flow flow_;
  Surroundings around_;
  std::vector<SourceSpan> dead_;
};

}  // namespace

void CheckProgram(const Program::Rep& rep, facts::Phase used_at, Diagnostics late,
                  Diagnostics* found) {
  Walker(rep, used_at, &late, found).Run();
}

}  // namespace signet::expand
