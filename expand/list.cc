#include "expand/list.h"

#include <algorithm>
#include <cstring>

#include "expand/expand.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

using Arena = std::pmr::memory_resource;

bool IsPunctuation(char c) {
  auto u = static_cast<unsigned char>(c);
  return u > 0x20 && u < 0x7f && !IsAlnum(c);
}
bool MaySeparate(char c) { return IsPunctuation(c) || IsControl(c); }

// The index of the segment that octet `i` lies in.
std::size_t FirstSegment(std::span<const Segment> segments, std::size_t i) {
  auto it = std::upper_bound(segments.begin(), segments.end(), i,
                             [](std::size_t at, const Segment& s) { return at < s.end; });
  return static_cast<std::size_t>(it - segments.begin());
}

// Walks along a text and knows what each octet may do in a list.
class Cursor {
 public:
  explicit Cursor(const Text& text) : text_(text) {}
  bool AtEnd(std::size_t i) const { return i >= text_.text.size(); }
  char At(std::size_t i) const { return text_.text[i]; }
  const Segment* SegmentAt(std::size_t i) {
    if (text_.segments.empty()) return nullptr;
    bool here =
        i < text_.segments[index_].end && (index_ == 0 || i >= text_.segments[index_ - 1].end);
    if (!here) index_ = FirstSegment(text_.segments, i);
    if (index_ < text_.segments.size()) return &text_.segments[index_];
    index_ = 0;
    return nullptr;
  }
  bool Administrators(std::size_t i) {
    const Segment* s = SegmentAt(i);
    return s == nullptr || (s->origins == kFromAdministrator && !s->atom);
  }
  bool Structure(std::size_t i) {
    const Segment* s = SegmentAt(i);
    return s == nullptr || ((s->origins & kNeverStructure) == 0 && !s->atom);
  }
  // Whether the octets at i and i + 1 are one octet of data that was doubled for display.
  bool DoubledForDisplay(std::size_t i, char separator) {
    const Segment* s = SegmentAt(i);
    // NUL in `doubled` says that nothing is: two NULs are two octets.
    return s != nullptr && separator != '\0' && s->doubled == separator && i + 1 < s->end &&
           At(i) == separator && At(i + 1) == separator;
  }
  bool StructureSpace(std::size_t i) { return IsSpace(At(i)) && Structure(i); }

 private:
  const Text& text_;
  std::size_t index_ = 0;
};

// A run of octets to be kept, [begin, end).
struct Piece {
  std::size_t begin, end;
};

Text Assemble(const Text& list, const std::pmr::vector<Piece>& pieces, Arena* arena) {
  if (pieces.empty()) return {};
  if (pieces.size() == 1) return PartOf(list, pieces[0].begin, pieces[0].end, arena);
  std::size_t size = 0;
  for (const Piece& p : pieces) size += p.end - p.begin;
  char* octets = static_cast<char*>(arena->allocate(size, 1));
  std::pmr::vector<Segment> segments(arena);
  std::size_t at = 0;
  for (const Piece& p : pieces) {
    Text part = PartOf(list, p.begin, p.end, arena);
    std::memcpy(octets + at, part.text.data(), part.text.size());
    for (Segment s : part.segments) {
      s.end += static_cast<std::uint32_t>(at);
      s.doubled = '\0';
      segments.push_back(s);
    }
    at += part.text.size();
  }
  auto* copy = static_cast<Segment*>(
      arena->allocate(sizeof(Segment) * segments.size() + 1, alignof(Segment)));
  std::copy(segments.begin(), segments.end(), copy);
  return {{octets, size}, {copy, segments.size()}};
}

// Reads one element from *at, behind its separator afterwards.
Text ReadElement(const Text& list, Cursor& cursor, char separator, std::size_t* at, Arena* arena) {
  const bool can_double = !IsControl(separator);
  std::pmr::vector<Piece> pieces(arena);
  std::size_t i = *at, begin = *at;
  while (!cursor.AtEnd(i)) {
    if (cursor.At(i) != separator) {
      ++i;
    } else if (cursor.DoubledForDisplay(i, separator)) {
      pieces.push_back({begin, i + 1});
      begin = i += 2;
    } else if (!cursor.Structure(i)) {
      ++i;
    } else if (can_double && !cursor.AtEnd(i + 1) && cursor.At(i + 1) == separator &&
               cursor.Structure(i + 1)) {
      pieces.push_back({begin, i + 1});
      begin = i += 2;
    } else {
      break;
    }
  }
  std::size_t end = i;
  *at = cursor.AtEnd(i) ? i : i + 1;
  // A blank behind a backslash stays, as in Exim.
  while (end > begin && cursor.StructureSpace(end - 1)) --end;
  if (end > begin && end < i && cursor.At(end - 1) == '\\') ++end;
  if (end > begin) pieces.push_back({begin, end});
  return Assemble(list, pieces, arena);
}

}  // namespace

Text PartOf(const Text& text, std::size_t begin, std::size_t end, Arena* arena) {
  begin = std::min(begin, text.text.size());
  end = std::clamp(end, begin, text.text.size());
  Text part{text.text.substr(begin, end - begin), {}};
  if (text.segments.empty() || begin == end) return part;
  std::size_t first = FirstSegment(text.segments, begin);
  std::size_t last = FirstSegment(text.segments, end - 1);
  if (first == text.segments.size()) return part;
  std::size_t count = std::min(last + 1, text.segments.size()) - first;
  auto* copy = static_cast<Segment*>(arena->allocate(sizeof(Segment) * count, alignof(Segment)));
  for (std::size_t n = 0; n < count; ++n) {
    copy[n] = text.segments[first + n];
    const std::size_t run_begin = first + n == 0 ? 0 : text.segments[first + n - 1].end;
    // A part of quoted text is not quoted: the cut may go through an escape.
    if (run_begin < begin || copy[n].end > end) copy[n].quote = Quote::kNone;
    copy[n].end = static_cast<std::uint32_t>(std::min<std::size_t>(copy[n].end, end) - begin);
  }
  part.segments = {copy, count};
  return part;
}

bool Split(const Text& list, std::size_t most, Arena* arena, Elements* elements, char* separator) {
  *separator = ':';
  Cursor cursor(list);
  std::size_t i = 0;
  while (!cursor.AtEnd(i) && cursor.Administrators(i) && IsSpace(cursor.At(i))) ++i;
  if (!cursor.AtEnd(i + 1) && cursor.At(i) == '<' && MaySeparate(cursor.At(i + 1)) &&
      cursor.Administrators(i) && cursor.Administrators(i + 1)) {
    *separator = cursor.At(i + 1);
    i += 2;
  }
  for (;;) {
    while (!cursor.AtEnd(i) && cursor.At(i) != *separator && cursor.StructureSpace(i)) ++i;
    if (cursor.AtEnd(i)) return true;
    if (elements->size() == most) return false;
    elements->push_back(ReadElement(list, cursor, *separator, &i, arena));
  }
}

Text Display(std::span<const Text> elements, char separator, ListStyle style, Arena* arena) {
  std::size_t size = 0, segments = 0;
  bool outsiders = false;
  for (const Text& e : elements) {
    size += e.text.size() + 2 + std::count(e.text.begin(), e.text.end(), separator);
    segments += 3 + e.segments.size();
    outsiders = outsiders || !e.segments.empty();
  }
  char* octets = static_cast<char*>(arena->allocate(size + 1, 1));
  Segment* runs =
      outsiders
          ? static_cast<Segment*>(arena->allocate(sizeof(Segment) * segments, alignof(Segment)))
          : nullptr;
  std::size_t at = 0, run = 0;
  auto close_run = [&](Segment s) {
    if (runs == nullptr || at == (run == 0 ? 0 : runs[run - 1].end)) return;
    s.end = static_cast<std::uint32_t>(at);
    runs[run++] = s;
  };
  for (std::size_t n = 0; n < elements.size(); ++n) {
    const Text& e = elements[n];
    if (n > 0) octets[at++] = separator;
    bool blank = style == ListStyle::kFields
                     ? e.text.empty()
                     : n > 0 && (e.text.empty() || e.text.front() == separator);
    if (blank) octets[at++] = ' ';
    close_run({});
    std::size_t s = 0;
    for (std::size_t i = 0; i < e.text.size(); ++i) {
      octets[at++] = e.text[i];
      if (e.text[i] == separator) octets[at++] = separator;
      if (s < e.segments.size() && i + 1 == e.segments[s].end) {
        Segment mine = e.segments[s++];
        mine.doubled = separator;
        close_run(mine);
      }
    }
    close_run({});
  }
  return {{octets, at}, {runs, run}};
}

std::vector<ListElement> SplitList(const Value& list) {
  std::vector<ListElement> result;
  if (list.is_list) {
    for (const std::string& e : list.elements) {
      result.push_back({e, list.element_origins, {}});
      if (result.size() == limits::kListMaxElements) break;
    }
    return result;
  }
  std::pmr::monotonic_buffer_resource arena;
  Elements elements(&arena);
  char separator;
  (void)Split({list.text, list.segments}, limits::kListMaxElements, &arena, &elements, &separator);
  for (const Text& e : elements)
    result.push_back({std::string(e.text), e.origins(), {e.segments.begin(), e.segments.end()}});
  return result;
}

}  // namespace signet::expand
