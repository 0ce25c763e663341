#ifndef SIGNET_SRC_CONFIG_MAPPED_H_
#define SIGNET_SRC_CONFIG_MAPPED_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/source.h"

namespace signet::config {

using Texts = std::vector<std::unique_ptr<SourceText>>;

// MappedText is text under construction that remembers where each of its octets came
// from: a logical line put together from physical lines and macros, or a quoted string
// without its quotes and escapes.
class MappedText {
 public:
  const std::string& text() const { return text_; }
  std::size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }

  // Octets copied as they are.
  void Append(SourceSpan from);
  // Octets that stand for `origin` as a whole: a macro's text, an escape sequence.
  void AppendReplacement(std::string_view text, SourceSpan origin);
  // A range of another text, with its origins.
  void AppendPart(const MappedText& other, std::size_t begin, std::size_t end);
  void Truncate(std::size_t size);

  // Where a range came from. Where it came from several texts: the part in the first.
  SourceSpan Origin(std::size_t begin, std::size_t end) const;

  // The finished text as a span. What was copied from one place in one go stays there;
  // anything else becomes a SourceText of its own, owned by `texts`. `if_empty` is the
  // origin of a text without octets.
  SourceSpan Finish(SourceSpan if_empty, Texts* texts) &&;

 private:
  void AppendPiece(SourceText::Piece piece, std::string_view octets);
  std::size_t PieceAt(std::size_t offset) const;

  std::string text_;
  std::vector<SourceText::Piece> pieces_;
};

// A span without the white space at its ends.
SourceSpan TrimSpan(SourceSpan span);

}  // namespace signet::config
#endif
