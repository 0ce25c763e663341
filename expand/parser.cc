#include "expand/parser.h"

#include <string>
#include <utility>

#include "expand/lexer.h"
#include "expand/message.h"
#include "expand/number.h"
#include "expand/table.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

// Of the text that is shown because something else was expected in its place.
constexpr std::size_t kMostShown = 1000;

constexpr char kPerhapsHeader[] = " - could be header name not terminated by colon";

// The text of an argument that has no expansion in it, else nullptr.
const std::string* ConstantOf(const AstNode& argument) {
  static const std::string kEmpty;
  if (argument.children.empty()) return &kEmpty;
  const AstNode& only = *argument.children.front();
  return argument.children.size() == 1 && only.kind == AstKind::kText ? &only.text : nullptr;
}

// How many texts an extract has before its tail.
std::size_t ExtractCount(std::string_view key) {
  return ReadFieldNumber(Trim(key)).has_value() ? 3 : 2;
}

class Parser {
 public:
  Parser(SourceSpan part, std::span<const std::uint32_t> holes, std::size_t depth,
         const Names& names, Diagnostics* diagnostics)
      : lex_(part, holes), part_(part), names_(names), diagnostics_(diagnostics), depth_(depth) {}

  AstPtr Whole() {
    AstPtr tree = NewNode(AstKind::kSequence, 0);
    if (String(tree.get(), Ends::kAtEnd) && lex_.HolesLeft())
      Error(part_, "a value stands inside a name or an escape of the replacement");
    return tree;
  }

 private:
  enum class Ends : bool { kAtBrace, kAtEnd };

  // Counts nesting for as long as it lives.
  struct Level {
    explicit Level(Parser* p) : parser(p) { ++parser->depth_; }
    ~Level() { --parser->depth_; }
    Parser* parser;
  };

  AstPtr NewNode(AstKind kind, std::size_t from) {
    ++nodes_;
    auto node = std::make_unique<AstNode>();
    node->kind = kind;
    node->span = lex_.Span(from, from);
    node->depth = depth_;
    return node;
  }
  void Close(AstNode* node, std::size_t from) { node->span = lex_.Span(from, lex_.at()); }

  bool Error(SourceSpan span, std::string message, std::string hint = "") {
    diagnostics_->push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
    return false;
  }
  bool ErrorHere(std::string message) {
    return Error(lex_.Span(lex_.at(), lex_.at() + 1), std::move(message));
  }
  // For a brace that is not where it belongs. A header name that swallowed one is the
  // likelier mistake, whatever was expected here.
  bool BraceError(std::string message) {
    if (lex_.BraceInHeader()) message = std::string("missing or misplaced { or }") + kPerhapsHeader;
    return ErrorHere(std::move(message));
  }
  // Says of every error from the `from`th diagnostic on what it is inside of.
  bool Inside(std::size_t from, bool good, const std::string& what) {
    AddSuffix(diagnostics_, from, " inside " + what);
    return good;
  }
  bool TooDeep() {
    if (depth_ <= limits::kExpandDepth) return false;
    ErrorHere("nested deeper than " + std::to_string(limits::kExpandDepth) + " levels");
    return true;
  }

  bool MissingBrace(SourceSpan span) {
    std::string message = "missing } at end of string";
    if (lex_.BraceInHeader()) message += kPerhapsHeader;
    return Error(span, std::move(message));
  }

  AstNode* Add(AstNode* parent, AstKind kind, std::size_t from) {
    parent->children.push_back(NewNode(kind, from));
    return parent->children.back().get();
  }

  bool String(AstNode* into, Ends ends, Lexer::Dollar dollar = Lexer::Dollar::kStarts);
  bool Token1(AstNode* into, Token token);
  bool Open(AstNode* into, const Token& open);
  bool Operator(AstNode* node);
  bool Item(AstNode* node);
  bool UnknownItem(const Token& open);
  bool Argument(AstNode* node, const char* missing);
  bool ArgumentText(AstNode* node, Lexer::Dollar dollar = Lexer::Dollar::kStarts);
  bool NumberedArgument(AstNode* node);
  bool Extract(AstNode* node);
  bool CountedArguments(AstNode* node);
  bool CertificateArguments(AstNode* node);
  bool EachElement(AstNode* node);
  bool Sort(AstNode* node);
  bool ListThenTest(AstNode* node);
  bool Lookup(AstNode* node);
  bool CloseItem(AstNode* node);
  bool EndOfElements(AstNode* node);
  bool Tail(AstNode* node);
  bool CloseTail();
  bool TailError(const char* where);
  bool TailString(AstPtr* into);
  bool FailWord(AstNode* node);
  bool Condition(AstNode* parent);
  bool ConditionName(AstNode* node);
  bool ConditionText(AstNode* node, const char* missing,
                     Lexer::Dollar dollar = Lexer::Dollar::kStarts);
  bool ConditionTexts(AstNode* node);
  bool Group(AstNode* node);
  bool Call(AstNode* node);
  bool DefName(AstNode* node);

  Lexer lex_;
  SourceSpan part_;
  const Names& names_;
  Diagnostics* diagnostics_;
  std::size_t depth_;
  std::size_t nodes_ = 0;
};

// --- strings -------------------------------------------------------------------------

bool Parser::String(AstNode* into, Ends ends, Lexer::Dollar dollar) {
  std::size_t from = lex_.at();
  for (;;) {
    Token token = lex_.Next(dollar);
    switch (token.kind) {
      case TokenKind::kEnd:
        Close(into, from);
        return ends == Ends::kAtEnd || MissingBrace(token.span);
      case TokenKind::kClose:
        if (ends == Ends::kAtBrace) return Close(into, from), true;
        (void)lex_.Accept('}');  // an ordinary octet where no brace is open
        token.kind = TokenKind::kText;
        token.text = "}";
        break;
      case TokenKind::kError:
        return Error(token.span, token.message);
      default:
        break;
    }
    if (!Token1(into, std::move(token))) return false;
  }
}

bool Parser::Token1(AstNode* into, Token token) {
  if (nodes_ > limits::kProgramNodes)
    return Error(part_, "expansion is too long: more than " +
                            std::to_string(limits::kProgramNodes) + " parts");
  if (token.kind == TokenKind::kOpen) return Open(into, token);
  if (token.kind == TokenKind::kText && !into->children.empty() &&
      into->children.back()->kind == AstKind::kText) {
    AstNode* last = into->children.back().get();
    last->text += token.text;
    last->span.end = token.span.end;
    return true;
  }
  AstNode* node = Add(into, AstKind::kText, 0);
  node->span = token.span;
  node->name = token.name;
  node->number = token.number;
  node->text = std::move(token.text);
  if (token.kind == TokenKind::kVariable || token.kind == TokenKind::kHeader)
    node->kind = AstKind::kVariable;
  if (token.kind == TokenKind::kCapture) node->kind = AstKind::kCapture;
  if (token.kind == TokenKind::kHole) node->kind = AstKind::kHole;
  return true;
}

// ${word…: an item, whatever follows; else by what follows.
bool Parser::Open(AstNode* into, const Token& open) {
  std::size_t from = open.span.begin - part_.begin;
  std::string_view word = open.name.view();
  const ItemRow* item = FindRow(Items(), word);
  AstNode* node = Add(into, AstKind::kItem, from);
  node->name = open.name;
  node->item = item;
  bool good;
  if (item != nullptr || FindElsewhere("item", word) != nullptr) {
    good = item != nullptr ? Item(node) : UnknownItem(open);
  } else if (lex_.Accept(':')) {
    node->kind = AstKind::kOperator;
    good = Operator(node);
  } else if (lex_.Accept('}')) {
    node->kind = AstKind::kVariable;
    node->braced = true;
    good = true;
  } else {
    good = UnknownItem(open);
  }
  if (!good && node->kind == AstKind::kItem && node->item == nullptr)
    into->children.pop_back();
  else
    Close(node, from);
  if (!good && !into->children.empty()) into->children.back()->broken = true;
  return good;
}

bool Parser::UnknownItem(const Token& open) {
  std::string_view word = open.name.view();
  if (const ElsewhereRow* row = FindElsewhere("item", word))
    return Error(open.name, "item " + InQuotes(word) + " " + std::string(row->reason));
  lex_.SkipSpace();  // white space may stand before an item's first argument
  return Error(open.name,
               "\"${" + std::string(word) +
                   "\" is not a known operator (or a } is missing in a variable reference)",
               lex_.Peek() == '{' ? DidYouMean(word, Items()) : "");
}

bool Parser::Operator(AstNode* node) {
  Level level(this);
  if (TooDeep()) return false;
  AstNode* subject = Add(node, AstKind::kSequence, lex_.at());
  if (!String(subject, Ends::kAtBrace)) return false;
  return lex_.Accept('}');
}

// --- items ---------------------------------------------------------------------------

bool Parser::Item(AstNode* node) {
  Level level(this);
  if (TooDeep()) return false;
  switch (node->item->form) {
    case ItemForm::kArguments:
    case ItemForm::kSubstitute:
      return CountedArguments(node) && CloseItem(node);
    case ItemForm::kEachElement:
      return EachElement(node);
    case ItemForm::kSort:
      return Sort(node);
    case ItemForm::kListThenTest:
      return ListThenTest(node);
    case ItemForm::kCondition:
      return Condition(node) && Tail(node);
    case ItemForm::kLookup:
      return Lookup(node);
    case ItemForm::kExtract:
      return Extract(node);
    case ItemForm::kArgumentsTail:
      for (std::size_t i = 0; i < node->item->least; ++i)
        if (!NumberedArgument(node)) return false;
      return Tail(node);
    case ItemForm::kCertificateTail:
      return CertificateArguments(node) && Tail(node);
  }
  return false;
}

// One {text}; `which` says of what it is an argument where there is none.
bool Parser::Argument(AstNode* node, const char* which) {
  lex_.SkipSpace();
  if (lex_.Peek() != '{')
    return BraceError(std::string("missing '{' for ") + which + std::string(node->item->name));
  return ArgumentText(node);
}

bool Parser::NumberedArgument(AstNode* node) {
  std::string which = "arg " + std::to_string(node->children.size() + 1) + " of ";
  return Argument(node, which.c_str());
}

// The {text} that is known to begin here.
bool Parser::ArgumentText(AstNode* node, Lexer::Dollar dollar) {
  (void)lex_.Accept('{');
  AstNode* text = Add(node, AstKind::kSequence, lex_.at());
  return String(text, Ends::kAtBrace, dollar) && lex_.Accept('}');
}

// Between `least` and `most` {text}s.
bool Parser::CountedArguments(AstNode* node) {
  const ItemRow& row = *node->item;
  std::string name = "'" + std::string(row.name) + "'";
  for (lex_.SkipSpace(); lex_.Peek() == '{'; lex_.SkipSpace()) {
    if (node->children.size() == row.most)
      return BraceError("Too many arguments for " + name + " (max is " + std::to_string(row.most) +
                        ")");
    if (!ArgumentText(node)) return false;
  }
  if (node->children.size() < row.least)
    return BraceError("Not enough arguments for " + name + " (min is " + std::to_string(row.least) +
                      ")");
  return true;
}

// `extract`: its first text says how many follow before the tail. Where it is only known at
// run time, all are read alike and told apart then.
bool Parser::Extract(AstNode* node) {
  lex_.SkipSpace();
  SourceSpan form = lex_.Word();
  node->text = form.view();
  const bool json = node->text == "json" || node->text == "jsons";
  if (!node->text.empty() && !json) lex_.Rewind(lex_.at() - node->text.size());
  lex_.SkipSpace();
  // Without any argument it is complete in a branch that is never used, as in Exim.
  if (lex_.Accept('}')) return true;
  if (!NumberedArgument(node)) return false;
  const std::string* key = ConstantOf(*node->children.front());
  node->keyed = json || key != nullptr;  // how many texts there are before the tail is known
  const std::size_t own = json ? 2 : key == nullptr ? node->item->most : ExtractCount(*key);
  for (lex_.SkipSpace(); lex_.Peek() == '{' && node->children.size() < own; lex_.SkipSpace())
    if (!ArgumentText(node)) return false;
  if (node->keyed) {
    if (node->children.size() < own && !lex_.Accept('}')) return NumberedArgument(node);
    return node->children.size() < own || Tail(node);
  }
  if (IsAlpha(lex_.Peek()) && !FailWord(node)) return false;
  return CloseTail();
}

// {field}{$certificate}: the second is no text but a name, up to the brace.
bool Parser::CertificateArguments(AstNode* node) {
  const std::string name(node->item->name);
  lex_.SkipSpace();
  if (!lex_.Accept('{')) return ErrorHere("missing '{' for field arg of " + name);
  if (!String(Add(node, AstKind::kSequence, lex_.at()), Ends::kAtBrace)) return false;
  if (!lex_.Accept('}')) return ErrorHere("missing '}' closing field arg of " + name);
  lex_.SkipSpace();
  if (!lex_.Accept('{')) return ErrorHere("missing '{' for cert variable arg of " + name);
  if (!lex_.Accept('$'))
    return ErrorHere("second argument of " + InQuotes(name) + " must be a certificate variable");
  AstNode* variable = Add(node, AstKind::kVariable, lex_.at());
  variable->name = variable->span = lex_.UpToClose();
  variable->certificate_argument = true;
  return lex_.Accept('}') || ErrorHere("missing } at end of string");
}

bool Parser::CloseItem(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Accept('}')) return true;
  return BraceError("missing '}' after '" + std::string(node->item->name) + "'");
}

// map, reduce: the last {text} is for each element.
bool Parser::EachElement(AstNode* node) {
  const char* kWhich[] = {"first arg of ", "second arg of "};
  std::string inside = InQuotes(node->item->name) + " item";
  for (std::size_t i = 0; i + 1 < node->item->most; ++i)
    if (!Argument(node, kWhich[i])) return false;
  std::size_t from = diagnostics_->size();
  lex_.SkipSpace();
  if (lex_.Peek() != '{') return Argument(node, "last arg of ");
  if (!Inside(from, ArgumentText(node), inside)) return false;
  return EndOfElements(node);
}

bool Parser::Sort(AstNode* node) {
  if (!Argument(node, "list arg of ")) return false;
  lex_.SkipSpace();
  if (lex_.Peek() != '{') return Argument(node, "comparator arg of ");
  (void)lex_.Accept('{');
  AstNode* comparator = Add(node, AstKind::kText, lex_.at());
  comparator->span = lex_.UpToClose();
  comparator->text = comparator->span.view();
  if (!lex_.Accept('}')) return MissingBrace(lex_.Span(lex_.at(), lex_.at()));
  // No white space before the brace that ends it, as in Exim.
  return Argument(node, "extractor arg of ") &&
         (lex_.Accept('}') || BraceError("missing } at end of \"sort\""));
}

bool Parser::EndOfElements(AstNode* node) {
  lex_.SkipSpace();
  return lex_.Accept('}') || BraceError("missing } at end of " + InQuotes(node->item->name));
}

// filter, and the conditions forany and forall.
bool Parser::ListThenTest(AstNode* node) {
  const bool item = node->kind == AstKind::kItem;
  std::string name = InQuotes(node->name.view());
  if (item ? !Argument(node, "first arg of ") : !ConditionText(node, "missing { after "))
    return false;
  lex_.SkipSpace();
  if (!lex_.Accept('{'))
    return item ? Argument(node, "last arg of ") : BraceError("missing { after " + name);
  std::size_t from = diagnostics_->size();
  if (!Inside(from, Condition(node), name + (item ? " item" : " condition"))) return false;
  lex_.SkipSpace();
  if (!lex_.Accept('}'))
    return BraceError(item ? "missing } at end of condition or expression inside " + name +
                                 "; could be an unquoted } in the content"
                           : "missing } at end of condition inside " + name);
  return !item || EndOfElements(node);
}

bool Parser::Lookup(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Peek() == '{') {
    node->keyed = true;
    if (!ArgumentText(node)) return false;
  }
  lex_.SkipSpace();
  SourceSpan type = lex_.TypeWord();
  if (type.view().empty() || type.view().starts_with('}')) return ErrorHere("missing lookup type");
  node->text = type.view();
  node->name = type;
  lex_.SkipSpace();
  if (lex_.Peek() != '{') return BraceError("missing '{' for lookup file-or-query arg");
  return ArgumentText(node) && Tail(node);
}

// --- the yes/no tail -----------------------------------------------------------------

bool Parser::TailError(const char* where) {
  return BraceError(std::string("curly-bracket problem in conditional yes/no parsing: ") + where +
                    "\n remaining string is '" + std::string(lex_.Rest(kMostShown)) + "'");
}

bool Parser::Tail(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Accept('}')) return true;
  if (lex_.Peek() != '{') return TailError("'yes' part did not start with '{'");
  if (!TailString(&node->yes)) return false;
  lex_.SkipSpace();
  if (lex_.Peek() == '{') {
    if (!TailString(&node->no)) return false;
  } else if (lex_.Peek() != '}') {
    if (!FailWord(node)) return false;
  }
  return CloseTail();
}

bool Parser::CloseTail() {
  lex_.SkipSpace();
  return lex_.Accept('}') || TailError("did not close with '}'");
}

bool Parser::TailString(AstPtr* into) {
  (void)lex_.Accept('{');
  *into = NewNode(AstKind::kSequence, lex_.at());
  return String(into->get(), Ends::kAtBrace) && lex_.Accept('}');
}

bool Parser::FailWord(AstNode* node) {
  SourceSpan word = lex_.Word();
  node->fail = word.view() == "fail";
  return node->fail ||
         Error(word, "syntax error in " + InQuotes(node->item->name) + " item - \"fail\" expected");
}

// --- conditions ----------------------------------------------------------------------

bool Parser::Condition(AstNode* parent) {
  Level level(this);
  if (TooDeep()) return false;
  bool negated = false;
  for (lex_.SkipSpace(); lex_.Accept('!'); lex_.SkipSpace()) negated = !negated;
  std::size_t from = lex_.at();
  AstNode* node = Add(parent, AstKind::kCondition, from);
  node->negated = negated;
  bool good = ConditionName(node);
  if (good) {
    switch (node->condition->form) {
      case ConditionForm::kTexts:
      case ConditionForm::kTextThenList:
        good = ConditionTexts(node);
        break;
      case ConditionForm::kGroup:
        good = Group(node);
        break;
      case ConditionForm::kName:
        good = DefName(node);
        break;
      case ConditionForm::kListThenTest:
        good = ListThenTest(node);
        break;
      case ConditionForm::kCall:
        good = Call(node);
        break;
    }
  } else {
    parent->children.pop_back();
    return false;
  }
  Close(node, from);
  node->broken = !good;
  return good;
}

bool Parser::ConditionName(AstNode* node) {
  node->name = IsAlpha(lex_.Peek()) ? lex_.Word() : lex_.Symbol();
  std::string_view name = node->name.view();
  if (name.empty())
    return ErrorHere("condition name expected, but found " + InQuotes(lex_.Rest(16)));
  node->condition = FindRow(Conditions(), name);
  if (node->condition != nullptr) return true;
  if (const LookupType* type = names_.FindLookup(name); type != nullptr && type->credentials) {
    node->condition = &CredentialsCondition();
    return true;
  }
  if (const ElsewhereRow* row = FindElsewhere("condition", name))
    return Error(node->name, "condition " + InQuotes(name) + " " + std::string(row->reason));
  return Error(node->name, "unknown condition " + InQuotes(name), DidYouMean(name, Conditions()));
}

bool Parser::ConditionText(AstNode* node, const char* missing, Lexer::Dollar dollar) {
  lex_.SkipSpace();
  if (lex_.Peek() != '{') return BraceError(missing + InQuotes(node->name.view()));
  return ArgumentText(node, dollar);
}

bool Parser::ConditionTexts(AstNode* node) {
  const bool patterns = node->condition->form == ConditionForm::kTextThenList;
  for (std::size_t i = 0; i < node->condition->count; ++i)
    if (!ConditionText(node, i == 0 ? "missing { after " : "missing 2nd string in {} after ",
                       patterns && i == 1 ? Lexer::Dollar::kIsOctet : Lexer::Dollar::kStarts))
      return false;
  return true;
}

bool Parser::Group(AstNode* node) {
  std::string name(node->name.view());
  lex_.SkipSpace();
  if (!lex_.Accept('{')) return BraceError("missing { after " + InQuotes(name));
  for (lex_.SkipSpace(); !lex_.Accept('}'); lex_.SkipSpace()) {
    if (!lex_.Accept('{'))
      return BraceError("each subcondition inside an \"" + name +
                        "{...}\" condition must be in its own {}");
    std::size_t from = diagnostics_->size();
    if (!Inside(from, Condition(node), "\"" + name + "{...}\" condition")) return false;
    lex_.SkipSpace();
    if (!lex_.Accept('}'))
      return BraceError("missing } at end of condition inside \"" + name + "\" group");
  }
  return true;
}

bool Parser::Call(AstNode* node) {
  const ConditionRow& row = *node->condition;
  const std::string name(row.name);
  lex_.SkipSpace();
  if (!lex_.Accept('{')) return BraceError("missing { after " + InQuotes(name));
  for (lex_.SkipSpace(); lex_.Peek() == '{'; lex_.SkipSpace()) {
    if (node->children.size() == row.count)
      return BraceError("Too many arguments for '" + name + "' (max is " +
                        std::to_string(row.count) + ")");
    if (!ArgumentText(node)) return false;
  }
  if (node->children.size() >= row.least && lex_.Accept('}')) return true;
  return BraceError("too few arguments or bracketing error for " + name);
}

bool Parser::DefName(AstNode* node) {
  if (!lex_.Accept(':')) return ErrorHere("\":\" expected after \"def\"");
  AstNode* variable = Add(node, AstKind::kVariable, lex_.at());
  variable->in_def = true;
  std::size_t from = lex_.at();
  variable->name = lex_.VariableWord();
  variable->span = variable->name;
  if (!variable->name.view().empty()) return true;
  node->children.pop_back();
  return Error(lex_.Span(from, from + 1), "variable name omitted after \"def:\"");
}

}  // namespace

AstPtr Parse(SourceSpan part, std::span<const std::uint32_t> holes, std::size_t depth,
             const Names& names, Diagnostics* diagnostics) {
  return Parser(part, holes, depth, names, diagnostics).Whole();
}

}  // namespace signet::expand
