#ifndef SIGNET_SRC_BASE_SOURCE_H_
#define SIGNET_SRC_BASE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

class SourceText;

// SourceSpan is a range of octets in one SourceText. Copying it is cheap.
//
//   Lifetime  valid as long as the SourceText is (a Config owns its texts).
struct SourceSpan {
  const SourceText* text = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  // The octets themselves; empty for a default-made span.
  std::string_view view() const;
  // A part of this span; offsets are relative to this span's begin, clamped to it.
  SourceSpan Part(std::size_t from, std::size_t to) const;
};

// Where a span stands in a file a person can open. Lines and columns count from 1;
// columns count octets. `line_text` is the physical line without its line end.
struct SourceLocation {
  std::string_view name;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;  // octets to underline on that line, at least 1
  std::string_view line_text;
};

// SourceText owns text of the administrator: a file, a command-line argument, or a
// logical line put together from several physical ones. Only such text is ever
// compiled; what arrives from the network never becomes a SourceText.
//
// A text that was put together (continuation lines, macros, includes) remembers per
// piece where its octets came from, so that Locate() points into the real file.
class SourceText {
 public:
  // A piece of this text starting at `offset` that was copied from `from`. Where
  // `verbatim` is false (a macro's replacement), every octet of the piece stands for
  // the whole range `from`.
  struct Piece {
    std::uint32_t offset;
    SourceSpan from;
    bool verbatim;
  };

  SourceText(std::string name, std::string text);
  SourceText(std::string name, std::string text, std::vector<Piece> pieces);
  SourceText(const SourceText&) = delete;
  SourceText& operator=(const SourceText&) = delete;

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  SourceSpan whole() const { return {this, 0, static_cast<std::uint32_t>(text_.size())}; }

  // What a span of this text was copied from, one step back; the span itself where this
  // text was not put together. It is cut where its piece ends.
  SourceSpan CopiedFrom(SourceSpan span) const;

  // The physical place of a span of this text, following pieces to the file they
  // came from.
  SourceLocation Locate(SourceSpan span) const;

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  std::string name_;
  std::string text_;
  std::vector<std::uint32_t> line_starts_;
  std::vector<Piece> pieces_;
};

// Whether all octets of a span stand in a file as they are here: none of them came from a
// macro or an escape.
bool IsVerbatim(SourceSpan span);

// "signet.conf:31:21", or "" for a span without a text.
std::string PlaceOf(SourceSpan span);

enum class Severity : std::uint8_t { kError, kWarning };

struct DiagnosticNote {
  SourceSpan span;
  std::string message;
};

// A mistake (or a doubt) in what the administrator wrote. Message: lower case, no
// full stop, what was expected before what was found, offending text quoted.
struct Diagnostic {
  Severity severity = Severity::kError;
  SourceSpan span;
  std::string message;
  std::string hint;  // e.g. `did you mean "sha256"?`; may be empty
  std::vector<DiagnosticNote> notes;
  std::string_view code = {};  // one of src/base/codes.h, or none
};
using Diagnostics = std::vector<Diagnostic>;

bool HasErrors(const Diagnostics& diagnostics);

// Diagnostics in source order: files in order of first appearance, then line, column.
void SortBySource(Diagnostics* diagnostics);

// "message; hint [code]": what a diagnostic says, on one line.
std::string Summary(const Diagnostic& diagnostic);

// A diagnostic as a compiler prints it: place, severity, summary, then the line and a
// caret line under it; ends with a newline. Of a long line the part around the place.
std::string Render(const Diagnostic& diagnostic);

// The name among `candidates` that `wrong` was probably meant to be (small edit
// distance), or "" where none is near.
std::string_view SuggestName(std::string_view wrong,
                             const std::vector<std::string_view>& candidates);

}  // namespace signet
#endif
