#include "src/base/source.h"

#include <algorithm>
#include <map>

#include "src/base/log.h"
#include "src/base/text.h"

namespace signet {

std::string_view SourceSpan::view() const {
  if (text == nullptr) return {};
  std::string_view all = text->text();
  std::size_t from = std::min<std::size_t>(begin, all.size());
  std::size_t to = std::min<std::size_t>(std::max(begin, end), all.size());
  return all.substr(from, to - from);
}

SourceSpan SourceSpan::Part(std::size_t from, std::size_t to) const {
  std::size_t size = end - begin;
  from = std::min(from, size);
  to = std::clamp(to, from, size);
  return {text, static_cast<std::uint32_t>(begin + from), static_cast<std::uint32_t>(begin + to)};
}

SourceText::SourceText(std::string name, std::string text)
    : SourceText(std::move(name), std::move(text), {}) {}

SourceText::SourceText(std::string name, std::string text, std::vector<Piece> pieces)
    : name_(std::move(name)), text_(std::move(text)), pieces_(std::move(pieces)) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
}

SourceSpan SourceText::CopiedFrom(SourceSpan span) const {
  if (pieces_.empty()) return span;
  // The piece that holds the span's first octet; an empty span at the end belongs to the
  // last piece.
  auto next = std::upper_bound(pieces_.begin(), pieces_.end(), span.begin,
                               [](std::uint32_t at, const Piece& p) { return at < p.offset; });
  const Piece& piece = next == pieces_.begin() ? *next : *std::prev(next);
  if (!piece.verbatim || span.begin < piece.offset) return piece.from;
  std::size_t offset = span.begin - piece.offset;
  return piece.from.Part(offset, offset + std::max<std::uint32_t>(1, span.end - span.begin));
}

SourceLocation SourceText::Locate(SourceSpan span) const {
  if (!pieces_.empty()) {
    SourceSpan from = CopiedFrom(span);
    return from.text != nullptr ? from.text->Locate(from) : SourceLocation{};
  }
  std::size_t begin = std::min<std::size_t>(span.begin, text_.size());
  auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), begin) - 1;
  std::size_t start = *line;
  std::size_t stop = text_.find('\n', start);
  if (stop == std::string::npos) stop = text_.size();
  std::size_t end = std::clamp<std::size_t>(span.end, begin, std::max(stop, begin));
  SourceLocation where;
  where.name = name_;
  where.line = static_cast<std::uint32_t>(line - line_starts_.begin() + 1);
  where.column = static_cast<std::uint32_t>(begin - start + 1);
  where.length = static_cast<std::uint32_t>(std::max<std::size_t>(1, end - begin));
  where.line_text = std::string_view(text_).substr(start, stop - start);
  if (!where.line_text.empty() && where.line_text.back() == '\r') where.line_text.remove_suffix(1);
  return where;
}

bool IsVerbatim(SourceSpan span) {
  if (span.text == nullptr) return true;
  const auto& pieces = span.text->pieces();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::size_t end = i + 1 < pieces.size() ? pieces[i + 1].offset : span.text->text().size();
    const std::size_t from = std::max<std::size_t>(pieces[i].offset, span.begin);
    const std::size_t to = std::min<std::size_t>(end, span.end);
    if (from >= to) continue;
    const std::size_t start = from - pieces[i].offset;
    if (!pieces[i].verbatim || !IsVerbatim(pieces[i].from.Part(start, start + to - from)))
      return false;
  }
  return true;
}

std::string PlaceOf(SourceSpan span) {
  if (span.text == nullptr) return {};
  SourceLocation where = span.text->Locate(span);
  return std::string(where.name) + ':' + std::to_string(where.line) + ':' +
         std::to_string(where.column);
}

bool HasErrors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

void SortBySource(Diagnostics* diagnostics) {
  struct Key {
    std::size_t file;
    std::uint32_t line, column;
    auto operator<=>(const Key&) const = default;
  };
  std::map<std::string_view, std::size_t> files;
  std::vector<std::pair<Key, std::size_t>> order;
  for (std::size_t i = 0; i < diagnostics->size(); ++i) {
    const SourceSpan& span = (*diagnostics)[i].span;
    if (span.text == nullptr) {
      order.push_back({Key{~std::size_t{0}, 0, 0}, i});
      continue;
    }
    SourceLocation where = span.text->Locate(span);
    std::size_t file = files.try_emplace(where.name, files.size()).first->second;
    order.push_back({Key{file, where.line, where.column}, i});
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Diagnostics sorted;
  sorted.reserve(order.size());
  for (const auto& [key, index] : order) sorted.push_back(std::move((*diagnostics)[index]));
  *diagnostics = std::move(sorted);
}

namespace {

std::string Header(SourceSpan span, std::string_view kind, std::string_view message) {
  std::string out = PlaceOf(span);
  if (!out.empty()) out += ": ";
  out += kind;
  out += ": ";
  out += message;
  return out;
}

// How much of a line is shown in front of a place, and behind it.
constexpr std::size_t kShownBefore = 100, kShownBehind = 200;

// Whether a line may be cut in front of this octet: not within a character.
bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// The line and a caret line; nothing for the empty span at a text's start, which is about the
// text as a whole: its first line has nothing to do with it, and may hold a secret. Tabs are kept
// in the caret line so that carets line up; other control octets of the line are shown as '?'.
std::string Excerpt(SourceSpan span) {
  if (span.text == nullptr || (span.begin == 0 && span.end == 0)) return {};
  SourceLocation where = span.text->Locate(span);
  std::string_view text = where.line_text;
  const std::size_t column = std::min<std::size_t>(where.column - 1, text.size());
  std::size_t from = column > kShownBefore + kShownBehind ? column - kShownBefore : 0;
  std::size_t to = text.size() - column > kShownBehind ? column + kShownBehind : text.size();
  while (from > 0 && from < column && !BeginsCharacter(text[from])) ++from;
  while (to < text.size() && to > column && !BeginsCharacter(text[to])) --to;
  std::string line = from > 0 ? "  ..." : "  ", carets = from > 0 ? "     " : "  ";
  for (std::size_t i = from; i < to; ++i) {
    char c = text[i];
    line += IsControl(c) && c != '\t' ? '?' : c;
    if (i < column && BeginsCharacter(c)) carets += c == '\t' ? '\t' : ' ';
  }
  if (to < text.size()) line += "...";
  // Characters, not octets, so that carets match what is seen.
  std::string_view marked = text.substr(column, std::min<std::size_t>(where.length, to - column));
  auto width =
      static_cast<std::size_t>(std::count_if(marked.begin(), marked.end(), BeginsCharacter));
  carets.append(std::max<std::size_t>(1, width), '^');
  return line + "\n" + carets + "\n";
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before2, before, now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) now[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before2 = before;
    before = now;
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t change = before[j - 1] + (ToLower(a[i - 1]) != ToLower(b[j - 1]));
      now[j] = std::min({before[j] + 1, now[j - 1] + 1, change});
      // Two letters swapped are one slip of the fingers: "sha265" for "sha256".
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before2[j - 2] + 1);
    }
  }
  return now[b.size()];
}

}  // namespace

std::string Summary(const Diagnostic& d) {
  std::string out = d.message;
  // Some of Exim's messages have a line end in them.
  std::replace(out.begin(), out.end(), '\n', ';');
  if (!d.hint.empty()) out += "; " + d.hint;
  if (!d.code.empty()) out += " [" + std::string(d.code) + "]";
  return out;
}

std::string Render(const Diagnostic& d) {
  std::string out =
      Header(d.span, d.severity == Severity::kError ? "error" : "warning", Summary(d));
  out += "\n" + Excerpt(d.span);
  for (const DiagnosticNote& note : d.notes)
    out += Header(note.span, "note", note.message) + "\n" + Excerpt(note.span);
  return out;
}

std::string_view SuggestName(std::string_view wrong,
                             const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t limit = std::max<std::size_t>(1, wrong.size() / 3);
  std::size_t best_distance = limit + 1;
  for (std::string_view candidate : candidates) {
    if (candidate.size() > wrong.size() + limit || wrong.size() > candidate.size() + limit)
      continue;
    std::size_t distance = EditDistance(wrong, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

}  // namespace signet
