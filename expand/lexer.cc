#include "expand/lexer.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::expand {
namespace {

bool IsNameChar(char c) { return IsAlnum(c) || c == '_'; }

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  char l = ToLower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

char ControlEscape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace

bool IsHeaderName(std::string_view name) {
  for (std::string_view prefix :
       {"h_", "header_", "bh_", "bheader_", "rh_", "rheader_", "lh_", "lheader_"})
    if (name.starts_with(prefix)) return true;
  return false;
}

Lexer::Lexer(SourceSpan part, std::span<const std::uint32_t> holes)
    : part_(part), text_(part.view()), holes_(holes) {}

Token Lexer::Error(const char* message, std::size_t from, std::size_t to) const {
  Token t;
  t.kind = TokenKind::kError;
  t.span = Span(from, to);
  t.message = message;
  return t;
}

Token Lexer::Next(Dollar dollar) {
  if (HoleHere()) {
    Token t;
    t.kind = TokenKind::kHole;
    t.span = Span(at_, at_);
    t.number = hole_++;
    return t;
  }
  if (AtEnd() || Peek() == '}') {
    Token t;
    t.kind = AtEnd() ? TokenKind::kEnd : TokenKind::kClose;
    t.span = Span(at_, at_ + (AtEnd() ? 0 : 1));
    return t;
  }
  return Peek() == '$' && dollar == Dollar::kStarts ? AfterDollar() : Plain(dollar);
}

bool Lexer::Escape(std::string* out) {
  if (at_ + 1 >= text_.size()) return false;
  char c = text_[at_ + 1];
  at_ += 2;
  if (c == 'N') {
    // Verbatim up to the next \N, or to the end of the whole text.
    std::size_t end = text_.find("\\N", at_);
    *out += text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 2;
  } else if (IsOctal(c)) {
    int value = c - '0';
    for (int i = 0; i < 2 && !AtEnd() && IsOctal(Peek()); ++i)
      value = value * 8 + (text_[at_++] - '0');
    *out += static_cast<char>(value & 0xff);
  } else if (c == 'x') {
    int value = 0;
    for (int i = 0; i < 2 && !AtEnd() && HexValue(Peek()) >= 0; ++i)
      value = value * 16 + HexValue(text_[at_++]);
    *out += static_cast<char>(value);
  } else {
    *out += ControlEscape(c);
  }
  return true;
}

Token Lexer::Plain(Dollar dollar) {
  Token t;
  t.kind = TokenKind::kText;
  std::size_t from = at_;
  const bool stops = dollar == Dollar::kStarts;
  while (!AtEnd() && !(stops && Peek() == '$') && Peek() != '}' && !(at_ != from && HoleHere())) {
    if (Peek() != '\\') {
      t.text += text_[at_++];
      continue;
    }
    // A hole never lies inside an escape or a protected section: both are read as one.
    const std::size_t escape = at_, size = t.text.size();
    if (!Escape(&t.text)) return Error("\\ at end of string", at_, at_ + 1);
    // Exim cuts the text here; nobody can want that (rule E8).
    if (t.text.size() == size + 1 && t.text.back() == '\0')
      return Error("escape sequence stands for NUL", escape, at_);
  }
  t.span = Span(from, at_);
  return t;
}

Token Lexer::Number(std::size_t from) {
  Token t;
  t.kind = TokenKind::kCapture;
  while (!AtEnd() && IsDigit(Peek())) {
    t.number =
        std::min<std::size_t>(t.number * 10 + static_cast<std::size_t>(Peek() - '0'), 1'000'000);
    ++at_;
  }
  t.span = Span(from, at_);
  return t;
}

Token Lexer::AfterDollar() {
  std::size_t from = at_++;
  if (Peek() == '{') return OpenBrace(from);
  if (IsDigit(Peek())) return Number(from);
  if (!IsAlpha(Peek())) return Error("$ not followed by letter, digit, or {", from, at_);
  Token t;
  t.kind = TokenKind::kVariable;
  t.name = VariableWord();
  if (IsHeaderName(t.name.view())) t.kind = TokenKind::kHeader;
  t.span = Span(from, at_);
  return t;
}

Token Lexer::OpenBrace(std::size_t from) {
  ++at_;
  if (IsDigit(Peek())) {
    Token t = Number(from);
    if (!Accept('}')) return Error("} expected after number", at_, at_ + 1);
    t.span = Span(from, at_);
    return t;
  }
  if (!IsAlpha(Peek())) return Error("letter or digit expected after ${", from, at_);
  Token t;
  t.kind = TokenKind::kOpen;
  t.name = OpenWord();
  t.span = Span(from, at_);
  return t;
}

void Lexer::SkipSpace() {
  while (!AtEnd() && IsSpace(Peek())) ++at_;
}

bool Lexer::Accept(char c) {
  if (AtEnd() || Peek() != c) return false;
  ++at_;
  return true;
}

SourceSpan Lexer::Word() {
  std::size_t from = at_;
  while (!AtEnd() && IsNameChar(Peek())) ++at_;
  return Span(from, at_);
}

SourceSpan Lexer::VariableWord() {
  std::size_t from = at_;
  SourceSpan name = Word();
  if (!IsHeaderName(name.view())) return name;
  while (!AtEnd() && Peek() != ':' && static_cast<unsigned char>(Peek()) > 0x20 && Peek() != 0x7f)
    ++at_;
  name = Span(from, at_);
  (void)Accept(':');
  brace_in_header_ |= name.view().find('}') != std::string_view::npos;
  return name;
}

SourceSpan Lexer::OpenWord() {
  std::size_t from = at_;
  while (!AtEnd() && (IsNameChar(Peek()) || Peek() == '-')) ++at_;
  return Span(from, at_);
}

SourceSpan Lexer::TypeWord() {
  std::size_t from = at_;
  while (!AtEnd() && !IsSpace(Peek()) && Peek() != '{') ++at_;
  return Span(from, at_);
}

SourceSpan Lexer::UpToClose() {
  std::size_t from = at_;
  while (!AtEnd() && Peek() != '}') ++at_;
  return Span(from, at_);
}

SourceSpan Lexer::Symbol() {
  std::size_t from = at_;
  if (Accept('=')) {
    (void)Accept('=');
  } else if (Accept('<') || Accept('>')) {
    (void)Accept('=');
  }
  return Span(from, at_);
}

}  // namespace signet::expand
