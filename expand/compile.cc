#include "expand/compile.h"

#include <algorithm>
#include <string>
#include <utility>

#include "expand/check.h"
#include "expand/lexer.h"
#include "expand/message.h"
#include "expand/parser.h"
#include "expand/query.h"
#include "src/base/codes.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

std::string_view PhaseName(facts::Phase phase) {
  switch (phase) {
    case facts::Phase::kLoad:
      return "load";
    case facts::Phase::kConnect:
      return "connect";
    case facts::Phase::kTls:
      return "tls";
    case facts::Phase::kHelo:
      return "helo";
    case facts::Phase::kAuth:
      return "auth";
    case facts::Phase::kMail:
      return "mail";
    case facts::Phase::kRcpt:
      return "rcpt";
    case facts::Phase::kPredata:
      return "predata";
    case facts::Phase::kData:
      return "data";
    case facts::Phase::kDelivery:
      return "delivery";
    case facts::Phase::kQuit:
      return "quit";
  }
  return "";
}

NodeKind KindOf(AstKind kind) {
  switch (kind) {
    case AstKind::kText:
      return NodeKind::kText;
    case AstKind::kSequence:
      return NodeKind::kSequence;
    case AstKind::kVariable:
      return NodeKind::kVariable;
    case AstKind::kCapture:
      return NodeKind::kCapture;
    case AstKind::kOperator:
      return NodeKind::kOperator;
    case AstKind::kItem:
      return NodeKind::kItem;
    case AstKind::kCondition:
      return NodeKind::kCondition;
    case AstKind::kHole:
      return NodeKind::kHole;
  }
  return NodeKind::kText;
}

class Emitter {
 public:
  explicit Emitter(CompileContext& context) : context_(context), rep_(context.rep) {}

  NodeId Emit(const AstNode& tree) {
    if (tree.kind == AstKind::kSequence && tree.children.size() == 1)
      return Emit(*tree.children.front());
    Node node;
    node.kind = KindOf(tree.kind);
    node.span = tree.span;
    node.name = tree.name;
    node.negated = tree.negated;
    node.keyed = tree.keyed;
    node.fail = tree.fail;
    node.braced = tree.braced;
    node.numbers[0] = static_cast<std::int64_t>(tree.number);
    EmitChildren(tree, &node);
    rep_.depth = std::max(rep_.depth, tree.depth);
    // A part that ends in a mistake of form is never looked at in Exim; what else is wrong
    // with it is said last.
    Diagnostics* outer = context_.diagnostics;
    if (tree.broken) context_.diagnostics = &late_;
    Resolve(tree, &node);
    WarnOfCertificates(node);
    context_.diagnostics = outer;
    return Append(node);
  }

  // Emits a whole tree and reports in the order in which Exim would find it.
  NodeId EmitWhole(const AstNode& tree, const Diagnostics& of_form) {
    Diagnostics late;
    std::swap(late, late_);
    NodeId root = Emit(tree);
    std::swap(late, late_);
    for (const Diagnostics* found : {&of_form, static_cast<const Diagnostics*>(&late)})
      context_.diagnostics->insert(context_.diagnostics->end(), found->begin(), found->end());
    return root;
  }

 private:
  void Resolve(const AstNode& tree, Node* resolved) {
    Node& node = *resolved;
    switch (tree.kind) {
      case AstKind::kText:
        node.text = context_.Keep(tree.text);
        break;
      case AstKind::kSequence:
        if (tree.children.empty()) node.kind = NodeKind::kText;
        break;
      case AstKind::kVariable:
        tree.certificate_argument ? ResolveCertificate(tree, &node) : ResolveVariable(tree, &node);
        break;
      case AstKind::kOperator:
        ResolveOperator(tree, &node);
        break;
      case AstKind::kItem:
        FinishItem(tree, &node);
        break;
      case AstKind::kCondition:
        FinishCondition(tree, &node);
        break;
      case AstKind::kCapture:
      case AstKind::kHole:
        break;
    }
  }

  NodeId Append(const Node& node) {
    if (rep_.nodes.size() == limits::kProgramNodes)
      context_.Error(rep_.span, "expansion is too long: more than " +
                                    std::to_string(limits::kProgramNodes) + " parts");
    rep_.nodes.push_back(node);
    return static_cast<NodeId>(rep_.nodes.size() - 1);
  }

  void EmitChildren(const AstNode& tree, Node* node) {
    std::vector<NodeId> ids;
    bool again = tree.item != nullptr && tree.item->form == ItemForm::kSubstitute &&
                 tree.kind == AstKind::kItem && tree.children.size() == tree.item->most;
    std::size_t count = tree.children.size() - (again ? 1 : 0);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t from = context_.diagnostics->size();
      ids.push_back(Emit(*tree.children[i]));
      AddSuffix(context_.diagnostics, from, Inside(tree, i));
    }
    if (again) EmitReplacement(*tree.children.back(), tree.depth, node, &ids);
    node->first_child = static_cast<std::uint32_t>(rep_.children.size());
    node->child_count = static_cast<std::uint32_t>(ids.size());
    rep_.children.insert(rep_.children.end(), ids.begin(), ids.end());
    if (tree.yes != nullptr) node->yes = Emit(*tree.yes);
    if (tree.no != nullptr) node->no = Emit(*tree.no);
  }

  // What messages about a child say behind all else, or "".
  static std::string Inside(const AstNode& tree, std::size_t child) {
    if (tree.kind == AstKind::kItem && tree.item != nullptr && child + 1 == tree.item->most &&
        (tree.item->form == ItemForm::kEachElement || tree.item->form == ItemForm::kListThenTest))
      return " inside " + InQuotes(tree.item->name) + " item";
    if (tree.kind != AstKind::kCondition) return "";
    if (tree.condition->form == ConditionForm::kGroup)
      return " inside \"" + std::string(tree.condition->name) + "{...}\" condition";
    if (tree.condition->form == ConditionForm::kListThenTest && child == 1)
      return " inside " + InQuotes(tree.condition->name) + " condition";
    return "";
  }

  // The replacement of `sg` is expanded once before matching and again for each match.
  // Its own text is known now, so the second time is compiled now; values that the first
  // time puts in are holes in it, and stay data (rule E1).
  void EmitReplacement(const AstNode& tree, std::size_t depth, Node* node,
                       std::vector<NodeId>* ids) {
    std::string text;
    std::vector<SourceText::Piece> pieces;
    std::vector<std::uint32_t> holes;
    for (const AstPtr& child : tree.children) {
      auto at = static_cast<std::uint32_t>(text.size());
      if (child->kind == AstKind::kText) {
        pieces.push_back({at, child->span, child->span.view() == child->text});
        text += child->text;
      } else {
        holes.push_back(at);
        ids->push_back(Emit(*child));
      }
    }
    if (pieces.empty()) pieces.push_back({0, tree.span, false});
    node->holes = static_cast<std::uint32_t>(holes.size());
    std::string wrong;
    node->again = EmitLate("replacement", std::move(text), pieces, holes, depth, "", &wrong);
    if (node->again == kNoNode) node->again = EmitWrong(tree.span, std::move(wrong));
  }

  // What fails with this text when it is evaluated.
  NodeId EmitWrong(SourceSpan span, std::string why) {
    Node empty, node;
    empty.kind = NodeKind::kText;
    node.kind = NodeKind::kOperator;
    node.op = FindRow(Operators(), "expand");
    empty.span = node.span = node.name = span;
    node.wrong = true;
    node.text = context_.Keep(std::move(why));
    const NodeId operand = Append(empty);
    node.first_child = static_cast<std::uint32_t>(rep_.children.size());
    node.child_count = 1;
    rep_.children.push_back(operand);
    return Append(node);
  }

  // The constant operand of `expand`. What is wrong with it Exim sees only when it is
  // evaluated, and so it fails here: compiled again, then.
  void EmitExpanded(const AstNode& tree, Node* node) {
    if (tree.broken) return;
    const std::string_view* text = context_.ConstantText(rep_.child(*node, 0));
    if (text == nullptr) return;
    const std::string before = "internal expansion of " + InQuotes(*text) + " failed: ";
    SourceSpan operand = tree.children.front()->span;
    std::string wrong;
    node->again =
        EmitLate("expanded text", std::string(*text), {{0, operand, operand.view() == *text}}, {},
                 tree.depth + 1, before, &wrong);
  }

  // As EmitText. Mistakes are such that Exim sees only when the part is evaluated; where there
  // are any, kNoNode, and `wrong` is the first.
  NodeId EmitLate(std::string name, std::string text, const std::vector<SourceText::Piece>& pieces,
                  std::span<const std::uint32_t> holes, std::size_t depth,
                  const std::string& before, std::string* wrong) {
    const std::size_t nodes = rep_.nodes.size(), children = rep_.children.size();
    Diagnostics* outer = context_.diagnostics;
    Diagnostics found;
    context_.diagnostics = &found;
    NodeId made = EmitText(std::move(name), std::move(text), pieces, holes, depth, before);
    context_.diagnostics = outer;
    for (Diagnostic& d : found) {
      const bool error = d.severity == Severity::kError;
      if (error && wrong->empty()) *wrong = d.message;
      (error ? context_.late : outer)->push_back(std::move(d));
    }
    if (wrong->empty()) return made;
    rep_.nodes.resize(nodes);
    rep_.children.resize(children);
    return kNoNode;
  }

  // Compiles text that stands in the configuration in another form. It goes with the
  // Program; what is wrong with it is shown where the administrator wrote it, with `before`
  // in front.
  NodeId EmitText(std::string name, std::string text, const std::vector<SourceText::Piece>& pieces,
                  std::span<const std::uint32_t> holes, std::size_t depth,
                  const std::string& before) {
    Diagnostics* outer = context_.diagnostics;
    Diagnostics* outer_late = context_.late;
    Diagnostics found, late, of_form;
    context_.diagnostics = &found;
    context_.late = &late;
    rep_.sources.emplace_back(std::move(name), std::move(text), pieces);
    AstPtr tree = Parse(rep_.sources.back().whole(), holes, depth, context_.names, &of_form);
    NodeId root = EmitWhole(*tree, of_form);
    context_.diagnostics = outer;
    context_.late = outer_late;
    MoveToOriginal(pieces, before, &found, outer);
    MoveToOriginal(pieces, before, &late, outer_late);
    return root;
  }

  static void MoveToOriginal(const std::vector<SourceText::Piece>& pieces,
                             const std::string& before, Diagnostics* from, Diagnostics* to) {
    for (Diagnostic& d : *from) {
      d.span = Original(d.span, pieces);
      d.message.insert(0, before);
      to->push_back(std::move(d));
    }
  }

  static SourceSpan Original(SourceSpan span, const std::vector<SourceText::Piece>& pieces) {
    const SourceText::Piece* piece = &pieces.front();
    for (const SourceText::Piece& p : pieces)
      if (p.offset <= span.begin) piece = &p;
    if (!piece->verbatim) return piece->from;
    std::uint32_t skipped = span.begin - piece->offset;
    return piece->from.Part(skipped, skipped + (span.end - span.begin));
  }

  void ResolveVariable(const AstNode& tree, Node* node) {
    std::string_view name = node->name.view();
    node->text = context_.Keep(std::string(name));
    node->variable = FindRow(Variables(), name);
    if (node->variable == nullptr && name.starts_with("acl_")) {
      ResolveAclVariable(tree, node);
    } else if (node->variable == nullptr && IsNumberedTlv(name)) {
      node->variable = FindRow(Variables(), "proxy_tlv");
    } else if (node->variable == nullptr) {
      UnknownVariable(tree, node);
    }
    if (node->variable != nullptr && node->variable->since > context_.used_at)
      context_.Late(node->name,
                    "$" + std::string(name) + " is not set before " +
                        std::string(PhaseName(node->variable->since)) + "; this is evaluated at " +
                        std::string(PhaseName(context_.used_at)),
                    "", code::kTooEarly);
    // Routes are taken when a recipient comes, which is before the message does.
    else if (node->variable != nullptr && node->variable->since == facts::Phase::kData &&
             context_.used_at == facts::Phase::kDelivery)
      context_.Warn(node->name,
                    "$" + std::string(name) +
                        " is always empty here: addresses are routed before the message comes",
                    "", code::kNoMeaning);
  }

  // The second argument of certextract, which names a variable of the table.
  void ResolveCertificate(const AstNode& tree, Node* node) {
    std::string_view name = node->name.view();
    node->text = context_.Keep(std::string(name));
    node->variable = FindRow(Variables(), name);
    if (node->variable == nullptr && FindElsewhere("variable", name) != nullptr)
      UnknownVariable(tree, node);
    else if (node->variable == nullptr)
      context_.Error(node->name, "no variable named " + InQuotes(name),
                     DidYouMean(name, Variables()));
    else if (node->variable->kind != VariableKind::kCertificate)
      context_.Error(node->name, InQuotes(name) + " is not a certificate");
  }

  // A certificate where text is wanted is "<cert>" or nothing: no mistake where it is asked
  // whether there is one.
  void WarnOfCertificates(const Node& node) {
    if (node.kind == NodeKind::kItem && node.item->form == ItemForm::kCertificateTail) return;
    if (node.kind == NodeKind::kCondition && node.condition->form == ConditionForm::kName) return;
    for (std::size_t n = 0; n < node.child_count; ++n) {
      const Node& child = rep_.node(rep_.child(node, n));
      if (IsCertificate(child) && !TakesCertificate(node, child) && !HasEmptyChild(node))
        context_.Warn(child.span,
                      "certificate where text is wanted: $" + std::string(child.name.view()) +
                          " is the text \"<cert>\" here",
                      "write ${certextract{subject}{$" + std::string(child.name.view()) +
                          "}}, or ${sha256:…} for its fingerprint",
                      code::kCertificateAsText);
    }
  }
  static bool IsCertificate(const Node& node) {
    return node.kind == NodeKind::kVariable && node.variable != nullptr &&
           node.variable->kind == VariableKind::kCertificate;
  }
  static bool TakesCertificate(const Node& node, const Node& child) {
    return node.kind == NodeKind::kOperator && node.op != nullptr &&
           node.op->takes == Takes::kTextOrCertificate && !child.braced;
  }
  bool HasEmptyChild(const Node& node) const {
    for (std::size_t n = 0; n < node.child_count && node.kind == NodeKind::kCondition; ++n)
      if (const std::string_view* text = context_.ConstantText(rep_.child(node, n)))
        if (text->empty()) return true;
    return false;
  }

  // $proxy_tlv_N: the type of a field, one octet.
  static bool IsNumberedTlv(std::string_view name) {
    if (!name.starts_with("proxy_tlv_")) return false;
    name.remove_prefix(std::string_view("proxy_tlv_").size());
    int type = 0;
    for (char c : name) type = IsDigit(c) && type < 256 ? type * 10 + (c - '0') : 256;
    return !name.empty() && type < 256;
  }

  // $acl_c… and $acl_m…: any name behind a digit or an underscore.
  void ResolveAclVariable(const AstNode& tree, Node* node) {
    std::string_view name = node->name.view();
    if (!name.starts_with("acl_c") && !name.starts_with("acl_m"))
      return NoSuchVariable(tree, *node, " (user-defined ACL variables must start acl_c or acl_m)");
    if (name.size() > 5 && !IsDigit(name[5]) && name[5] != '_')
      return NoSuchVariable(tree, *node,
                            " (6th character of a user-defined ACL variable must be a digit or "
                            "underscore)");
    node->variable = FindRow(Variables(), name.substr(0, 5));
  }

  void UnknownVariable(const AstNode& tree, Node* node) {
    std::string_view name = node->name.view();
    if (IsHeaderName(name)) {
      node->variable = &HeaderVariable();
      return;
    }
    if (const ElsewhereRow* row = FindElsewhere("variable", name))
      return context_.Error(node->name,
                            "variable " + InQuotes(name) + " " + std::string(row->reason));
    NoSuchVariable(tree, *node, "");
  }

  // `why` may be "".
  void NoSuchVariable(const AstNode& tree, const Node& node, std::string_view why) {
    std::string_view name = node.name.view();
    std::string message = "unknown variable name " + InQuotes(name);
    if (tree.in_def)
      message = "unknown variable " + InQuotes(name) + " after \"def:\"";
    else if (node.braced)
      message = "unknown variable in " + InQuotes("${" + std::string(name) + "}");
    context_.Error(node.name, message + std::string(why), DidYouMean(name, Variables()),
                   code::kUnknownName);
  }

  void ResolveOperator(const AstNode& tree, Node* node) {
    std::string_view name = node->name.view();
    std::string_view argument;  // data() == nullptr: none
    node->op = FindRow(Operators(), name);
    if (node->op == nullptr) {
      std::size_t cut = name.find('_');
      node->op = FindRow(Operators(), name.substr(0, cut));
      if (cut != std::string_view::npos) argument = name.substr(cut + 1);
    }
    if (node->op == nullptr) return UnknownOperator(*node);
    if (node->op->takes == Takes::kProgram) {
      node->numbers[0] = static_cast<std::int64_t>(tree.depth) + 1;
      rep_.calls = true;
      EmitExpanded(tree, node);
    }
    if (node->op->argument == nullptr) {
      if (argument.data() != nullptr)
        context_.Error(node->name, "unknown expansion operator " + InQuotes(name) + " (" +
                                       InQuotes(node->op->name) + " does not take an _arg)");
      return;
    }
    if (tree.broken) return;
    std::string wrong = node->op->argument(context_, name, argument, node);
    if (wrong.empty()) return;
    context_.Late(node->name, wrong, "", code::kAlwaysFails);
    node->wrong = true;
    node->text = context_.Keep(std::move(wrong));
  }

  void UnknownOperator(const Node& node) {
    std::string_view name = node.name.view();
    context_.Error(node.name, "unknown expansion operator " + InQuotes(name),
                   DidYouMean(name, Operators()), code::kUnknownName);
  }

  void FinishItem(const AstNode& tree, Node* node) {
    node->item = tree.item;
    FinishCall(tree, node);
    node->text = context_.Keep(tree.text);
    // A part that did not parse has been reported already.
    if (tree.item != nullptr && tree.item->check != nullptr && !tree.broken)
      tree.item->check(context_, node);
  }

  // Calls of ACLs.
  void FinishCall(const AstNode& tree, Node* node) {
    std::string_view name = tree.name.view();
    if (name != "acl") return;
    node->numbers[0] = static_cast<std::int64_t>(tree.depth) + 1;
    rep_.calls = true;
  }

  void FinishCondition(const AstNode& tree, Node* node) {
    node->condition = tree.condition;
    FinishCall(tree, node);
    if (tree.condition->check != nullptr && !tree.broken) tree.condition->check(context_, node);
  }

  CompileContext& context_;
  Program::Rep& rep_;
  Diagnostics late_;  // about parts that are broken in form
};

}  // namespace

void CompileContext::Error(SourceSpan span, std::string message, std::string hint,
                           std::string_view code) {
  diagnostics->push_back({Severity::kError, span, std::move(message), std::move(hint), {}, code});
}

void CompileContext::Warn(SourceSpan span, std::string message, std::string hint,
                          std::string_view code) {
  diagnostics->push_back({Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
}

void CompileContext::Late(SourceSpan span, std::string message, std::string hint,
                          std::string_view code) {
  late->push_back({Severity::kError, span, std::move(message), std::move(hint), {}, code});
}

const std::string_view* CompileContext::ConstantText(NodeId id) const {
  const Node& node = rep.node(id);
  return node.kind == NodeKind::kText ? &node.text : nullptr;
}

const Regex* CompileContext::CompileRegex(SourceSpan span, std::string_view pattern) {
  auto compiled = Regex::Compile(pattern, Regex::Jit::kYes);
  if (!compiled.ok()) {
    Late(span, "regular expression error in " + InQuotes(pattern) + ": " + compiled.error(), "",
         code::kBadRegex);
    return nullptr;
  }
  rep.regexes.push_back(std::move(compiled).value());
  return rep.regexes.back().get();
}

std::string_view CompileContext::Keep(std::string text) {
  if (text.empty()) return {};
  return rep.texts.emplace_back(std::move(text));
}

const LookupType* CompileContext::KeepLookup(const LookupType& type) {
  LookupType& kept = rep.lookups.emplace_back(type);
  kept.name = Keep(std::string(type.name));
  return &kept;
}

NodeId EmitProgram(const AstNode& tree, const Diagnostics& of_form, CompileContext& context) {
  return Emitter(context).EmitWhole(tree, of_form);
}

// $ldap_dn lives no longer than one evaluation, so that no later one takes the entry of an
// earlier attempt for its own (rule I15).
void WarnOfNeverSet(CompileContext& context) {
  const auto searches = [](const Node& node) {
    return node.lookup != nullptr && node.kind == NodeKind::kItem &&
           std::find(node.lookup->accepts.begin(), node.lookup->accepts.end(),
                     Quote::kLdapFilter) != node.lookup->accepts.end();
  };
  const auto& nodes = context.rep.nodes;
  if (std::any_of(nodes.begin(), nodes.end(), searches)) return;
  for (const Node& node : nodes)
    if (node.kind == NodeKind::kVariable && node.text == "ldap_dn")
      context.Warn(node.span, "$ldap_dn is empty: there is no directory lookup in this text", "",
                   code::kNeverSet);
}

// Shows what lies in texts that the program was made with in the text that they came from:
// the others may not live as long.
void MoveOut(const Program::Rep& rep, Diagnostics* found) {
  // Each was made from the part that is compiled, or from one before it.
  const auto move = [&](SourceSpan* span) {
    for (auto made = rep.sources.rbegin(); made != rep.sources.rend(); ++made)
      if (span->text == &*made) *span = made->CopiedFrom(*span);
  };
  for (Diagnostic& d : *found) {
    move(&d.span);
    for (DiagnosticNote& note : d.notes) move(&note.span);
  }
}

// --- the way in ----------------------------------------------------------------------

ProgramPtr Compile(SourceSpan part, facts::Phase used_at, const Names& names,
                   Diagnostics* diagnostics, Reading reading) {
  return CompileNested(part, used_at, names, 0, diagnostics, reading);
}

ProgramPtr CompileNested(SourceSpan part, facts::Phase used_at, const Names& names,
                         std::size_t depth, Diagnostics* diagnostics, Reading reading) {
  auto rep = std::make_unique<Program::Rep>();
  rep->span = part;
  rep->names = &names;
  rep->used_at = used_at;
  Diagnostics of_form, found, late;
  AstPtr tree = Parse(part, {}, depth, names, &of_form);
  CompileContext context{*rep, names, used_at, &found, &late};
  rep->root = EmitProgram(*tree, of_form, context);
  const Node& root = rep->node(rep->root);
  rep->is_constant = root.kind == NodeKind::kText;
  if (rep->is_constant) rep->constant = root.text;
  WarnOfNeverSet(context);
  if (reading == Reading::kConfiguration) {
    if (HasErrors(found))
      std::move(late.begin(), late.end(), std::back_inserter(found));
    else if (!rep->is_constant)
      CheckProgram(*rep, used_at, std::move(late), &found);
  }
  MoveOut(*rep, &found);
  if (reading == Reading::kConfiguration) SortBySource(&found);
  const bool good = !HasErrors(found);
  diagnostics->insert(diagnostics->end(), found.begin(), found.end());
  return good ? ProgramAccess::Make(std::move(rep)) : nullptr;
}

Program::Program(std::unique_ptr<const Rep> rep) : rep_(std::move(rep)) {}
Program::~Program() = default;
SourceSpan Program::span() const { return rep_->span; }
const std::string* Program::constant() const {
  return rep_->is_constant ? &rep_->constant : nullptr;
}

}  // namespace signet::expand
