#ifndef SIGNET_EXPAND_LEXER_H_
#define SIGNET_EXPAND_LEXER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/source.h"

namespace signet::expand {

enum class TokenKind : std::uint8_t {
  kText,      // octets that stand for themselves, escapes resolved
  kVariable,  // $name
  kCapture,   // $12 or ${12}
  kHeader,    // $h_name: and its kin
  kOpen,      // "${" and a word
  kHole,      // a place where a value was put in (`sg`)
  kClose,     // an unprotected "}"; not consumed
  kEnd,       // the end of the text
  kError,     // `message` says what is wrong at `span`
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  SourceSpan span;
  SourceSpan name;         // kVariable, kOpen: the name
  std::string text;        // kText
  std::size_t number = 0;  // kCapture, kHole
  const char* message = "";
};

// Lexer turns text into tokens. The language has two moods, and the parser knows which
// one it is in: Next() reads inside a string, where blanks are data; the other functions
// read between the parts of an item.
class Lexer {
 public:
  // `holes`: offsets in `part` at which a kHole is read, in order.
  explicit Lexer(SourceSpan part, std::span<const std::uint32_t> holes = {});

  // In lists of patterns "$" is an octet like any other.
  enum class Dollar : bool { kStarts, kIsOctet };
  Token Next(Dollar dollar = Dollar::kStarts);

  void SkipSpace();
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Accept(char c);
  // Letters, digits and underscores; may be empty.
  SourceSpan Word();
  // A variable's name. A header's runs on to a colon, which is passed over, or to what
  // cannot be printed.
  SourceSpan VariableWord();
  // The word of "${word…": a hyphen counts as well.
  SourceSpan OpenWord();
  // Up to white space or "{": a lookup type with its options.
  SourceSpan TypeWord();
  // Up to "}", whatever it is.
  SourceSpan UpToClose();
  // One of = == < <= > >=, or an empty span.
  SourceSpan Symbol();

  // Whether the name of a header had a "}" in it, which was hardly meant.
  bool BraceInHeader() const { return brace_in_header_; }

  // Whether holes were passed over because they lie inside a name or an escape.
  bool HolesLeft() const { return hole_ < holes_.size(); }

  std::size_t at() const { return at_; }
  void Rewind(std::size_t at) { at_ = at; }
  SourceSpan Span(std::size_t from, std::size_t to) const { return part_.Part(from, to); }
  // At most `count` octets from here on, for messages.
  std::string_view Rest(std::size_t count) const { return text_.substr(at_).substr(0, count); }

 private:
  bool HoleHere() const { return hole_ < holes_.size() && holes_[hole_] == at_; }
  Token AfterDollar();
  Token OpenBrace(std::size_t from);
  Token Number(std::size_t from);
  Token Plain(Dollar dollar);
  // Reads the escape at at_ into *out; false at a backslash that ends the text.
  bool Escape(std::string* out);
  Token Error(const char* message, std::size_t from, std::size_t to) const;

  SourceSpan part_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::span<const std::uint32_t> holes_;
  std::size_t hole_ = 0;
  bool brace_in_header_ = false;
};

// Whether a variable's name asks for a message header: $h_from, $header_from and so on.
bool IsHeaderName(std::string_view name);

}  // namespace signet::expand
#endif
