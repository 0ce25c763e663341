#include "expand/parser.h"

#include <string>
#include <utility>

#include "expand/lexer.h"
#include "expand/message.h"
#include "expand/table.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

class Parser {
 public:
  Parser(SourceSpan part, std::span<const std::uint32_t> holes, std::size_t depth,
         Diagnostics* diagnostics)
      : lex_(part, holes), part_(part), diagnostics_(diagnostics), depth_(depth) {}

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
  bool TooDeep() {
    if (depth_ <= limits::kExpandDepth) return false;
    ErrorHere("nested deeper than " + std::to_string(limits::kExpandDepth) + " levels");
    return true;
  }

  AstNode* Add(AstNode* parent, AstKind kind, std::size_t from) {
    parent->children.push_back(NewNode(kind, from));
    return parent->children.back().get();
  }

  bool String(AstNode* into, Ends ends);
  bool Token1(AstNode* into, Token token);
  bool Open(AstNode* into, const Token& open);
  bool Operator(AstNode* node);
  bool Item(AstNode* node);
  bool UnknownItem(const Token& open);
  bool Argument(AstNode* node, const char* missing);
  bool Arguments(AstNode* node);
  bool CountedArguments(AstNode* node);
  bool CertificateArguments(AstNode* node);
  bool ListThenTest(AstNode* node);
  bool Lookup(AstNode* node);
  bool CloseItem(AstNode* node);
  bool Tail(AstNode* node);
  bool TailString(AstNode* node, AstPtr* into, const char* part);
  bool FailWord(AstNode* node);
  bool Condition(AstNode* parent);
  bool ConditionName(AstNode* node);
  bool ConditionTexts(AstNode* node);
  bool Group(AstNode* node);
  bool DefName(AstNode* node);

  Lexer lex_;
  SourceSpan part_;
  Diagnostics* diagnostics_;
  std::size_t depth_;
};

// --- strings -------------------------------------------------------------------------

bool Parser::String(AstNode* into, Ends ends) {
  std::size_t from = lex_.at();
  for (;;) {
    Token token = lex_.Next();
    switch (token.kind) {
      case TokenKind::kEnd:
        Close(into, from);
        return ends == Ends::kAtEnd || Error(token.span, "missing } at end of string");
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
  if (lex_.Peek() == '{')
    return Error(open.name, "unknown item " + InQuotes(word), DidYouMean(word, Items()));
  return Error(open.name,
               "\"${" + std::string(word) +
                   "\" is not a known operator (or a } is missing in a variable reference)");
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
    case ItemForm::kListThenTest:
      return ListThenTest(node);
    case ItemForm::kCondition:
      return Condition(node) && Tail(node);
    case ItemForm::kLookup:
      return Lookup(node);
    case ItemForm::kExtract:
      return Arguments(node);
    case ItemForm::kCertificateTail:
      return CertificateArguments(node) && Tail(node);
    case ItemForm::kArgumentsTail:
      for (std::size_t i = 0; i < node->item->least; ++i)
        if (!Argument(node, "missing '{' for")) return false;
      return Tail(node);
  }
  return false;
}

// One {text}; `missing` begins the message where there is none.
bool Parser::Argument(AstNode* node, const char* missing) {
  lex_.SkipSpace();
  std::string which = " argument " + std::to_string(node->children.size() + 1) + " of " +
                      std::string(node->item != nullptr ? node->item->name : node->name.view());
  if (!lex_.Accept('{')) return ErrorHere(missing + which);
  AstNode* text = Add(node, AstKind::kSequence, lex_.at());
  return String(text, Ends::kAtBrace) && lex_.Accept('}');
}

// Between `least` and `most` {text}s.
bool Parser::CountedArguments(AstNode* node) {
  const ItemRow& row = *node->item;
  for (;;) {
    lex_.SkipSpace();
    if (lex_.Peek() != '{') break;
    if (node->children.size() == row.most)
      return ErrorHere("too many arguments for " + InQuotes(row.name) + " (max is " +
                       std::to_string(row.most) + ")");
    if (!Argument(node, "missing '{' for")) return false;
  }
  if (node->children.size() < row.least)
    return ErrorHere("not enough arguments for " + InQuotes(row.name) + " (min is " +
                     std::to_string(row.least) + ")");
  return true;
}

// `extract`: whether a {text} is an argument or already the tail depends on the first
// one's value, so all are read alike and told apart later.
bool Parser::Arguments(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Peek() != '{') {
    SourceSpan form = lex_.Word();
    if (form.view() == "json" || form.view() == "jsons")
      return Error(form, "\"extract " + std::string(form.view()) +
                             "\" is part of the language but not available in this version");
    return Error(form, "missing '{' for argument 1 of extract");
  }
  if (!CountedArguments(node)) return false;
  lex_.SkipSpace();
  if (IsAlpha(lex_.Peek()) && !FailWord(node)) return false;
  return CloseItem(node);
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
  return ErrorHere("missing '}' after " + InQuotes(node->name.view()));
}

bool Parser::ListThenTest(AstNode* node) {
  if (!Argument(node, "missing '{' for")) return false;
  lex_.SkipSpace();
  if (!lex_.Accept('{'))
    return ErrorHere("missing '{' for the condition of " + InQuotes(node->name.view()));
  if (!Condition(node)) return false;
  lex_.SkipSpace();
  if (!lex_.Accept('}'))
    return ErrorHere("missing } at end of condition inside " + InQuotes(node->name.view()) +
                     "; could be an unquoted } in the content");
  return node->kind == AstKind::kCondition || CloseItem(node);
}

bool Parser::Lookup(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Peek() == '{') {
    node->keyed = true;
    if (!Argument(node, "missing '{' for")) return false;
  }
  lex_.SkipSpace();
  SourceSpan type = lex_.TypeWord();
  if (type.view().empty()) return ErrorHere("missing lookup type");
  node->text = type.view();
  node->name = type;
  lex_.SkipSpace();
  if (lex_.Peek() != '{') return ErrorHere("missing '{' for lookup file-or-query arg");
  return Argument(node, "missing '{' for") && Tail(node);
}

// --- the yes/no tail -----------------------------------------------------------------

bool Parser::Tail(AstNode* node) {
  lex_.SkipSpace();
  if (lex_.Accept('}')) return true;
  if (!TailString(node, &node->yes, "'yes'")) return false;
  lex_.SkipSpace();
  if (lex_.Peek() == '{') {
    if (!TailString(node, &node->no, "'no'")) return false;
  } else if (IsAlpha(lex_.Peek()) && !FailWord(node)) {
    return false;
  }
  lex_.SkipSpace();
  if (lex_.Accept('}')) return true;
  return ErrorHere("} expected at the end of " + InQuotes(node->item->name) + ", found " +
                   (lex_.AtEnd() ? "the end of the string" : InQuotes(lex_.Rest(16))));
}

bool Parser::TailString(AstNode* node, AstPtr* into, const char* part) {
  if (!lex_.Accept('{'))
    return ErrorHere(std::string(part) + " part of " + InQuotes(node->item->name) +
                     " did not start with '{'" +
                     (lex_.AtEnd() ? "" : ", found " + InQuotes(lex_.Rest(16))));
  *into = NewNode(AstKind::kSequence, lex_.at());
  return String(into->get(), Ends::kAtBrace) && lex_.Accept('}');
}

bool Parser::FailWord(AstNode* node) {
  SourceSpan word = lex_.Word();
  node->fail = word.view() == "fail";
  return node->fail || Error(word, "\"fail\" expected in " + InQuotes(node->item->name) +
                                       ", found " + InQuotes(word.view()));
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
    return ErrorHere(
        "condition name expected, but found " +
        (lex_.AtEnd() ? std::string("the end of the string") : InQuotes(lex_.Rest(16))));
  node->condition = FindRow(Conditions(), name);
  if (node->condition != nullptr) return true;
  if (const ElsewhereRow* row = FindElsewhere("condition", name))
    return Error(node->name, "condition " + InQuotes(name) + " " + std::string(row->reason));
  return Error(node->name, "unknown condition " + InQuotes(name), DidYouMean(name, Conditions()));
}

bool Parser::ConditionTexts(AstNode* node) {
  for (std::size_t i = 0; i < node->condition->count; ++i) {
    lex_.SkipSpace();
    if (lex_.Peek() != '{')
      return ErrorHere(i == 0 ? "missing { after " + InQuotes(node->name.view())
                              : "missing 2nd string in {} after " + InQuotes(node->name.view()));
    if (!Argument(node, "missing { for")) return false;
  }
  return true;
}

bool Parser::Group(AstNode* node) {
  std::string name(node->name.view());
  lex_.SkipSpace();
  if (!lex_.Accept('{')) return ErrorHere("missing { after " + InQuotes(name));
  for (lex_.SkipSpace(); !lex_.Accept('}'); lex_.SkipSpace()) {
    if (!lex_.Accept('{'))
      return ErrorHere("each subcondition inside an \"" + name +
                       "{...}\" condition must be in its own {}");
    if (!Condition(node)) return false;
    lex_.SkipSpace();
    if (!lex_.Accept('}'))
      return ErrorHere("missing } at end of condition inside \"" + name + "\" group");
  }
  return true;
}

bool Parser::DefName(AstNode* node) {
  if (!lex_.Accept(':')) return ErrorHere("\":\" expected after \"def\"");
  AstNode* variable = Add(node, AstKind::kVariable, lex_.at());
  std::size_t from = lex_.at();
  variable->name = lex_.Word();
  variable->span = variable->name;
  if (!variable->name.view().empty()) {
    if (IsHeaderName(variable->name.view())) (void)lex_.Accept(':');
    return true;
  }
  node->children.pop_back();
  return Error(lex_.Span(from, from + 1), "variable name omitted after \"def:\"");
}

}  // namespace

AstPtr Parse(SourceSpan part, std::span<const std::uint32_t> holes, std::size_t depth,
             Diagnostics* diagnostics) {
  return Parser(part, holes, depth, diagnostics).Whole();
}

}  // namespace signet::expand
