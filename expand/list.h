#ifndef SIGNET_EXPAND_LIST_H_
#define SIGNET_EXPAND_LIST_H_

#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/value.h"

// Texts with origins, and lists of them, as an evaluation holds them: views into an
// arena, a Program or a session.
namespace signet::expand {

// Octets and where they came from; no segments means: all the administrator's.
struct Text {
  std::string_view text;
  std::span<const Segment> segments;

  Origins origins() const {
    Origins all = kFromAdministrator;
    for (const Segment& s : segments) all |= s.origins;
    return all;
  }
};

inline constexpr Origins kOutsiders =
    kFromClient | kFromCertificate | kFromDirectory | kFromUpstream;
// Octets of these are never list structure (rules I7, E2).
inline constexpr Origins kNeverStructure = kFromClient | kFromCertificate | kFromUpstream;

using Elements = std::pmr::vector<Text>;

// A part of a text with its segments; the segments are copied to `arena` where needed.
Text PartOf(const Text& text, std::size_t begin, std::size_t end, std::pmr::memory_resource* arena);

// Splits as Exim does: blanks around elements dropped, ':' or the separator that a prefix
// "<x" declares, doubled separators standing for themselves, no last empty element. Only
// octets of the administrator declare a separator; octets that came from a client, a
// certificate or the upstream are never structure at all (rule I7).
//
//   Returns  false where there are more than `most` elements; what was found so far stays
//            in *elements. *separator is the one that was used.
bool Split(const Text& list, std::size_t most, std::pmr::memory_resource* arena, Elements* elements,
           char* separator);

// How elements that would not survive reading are written for display.
enum class ListStyle : std::uint8_t {
  kBuilt,   // map, filter: a blank before an empty or separator-led element, but the first
  kFields,  // certificate fields: a blank for an empty element
};

// The form for display: elements joined by the separator, which is doubled inside them.
// Splitting it gives the elements back.
Text Display(std::span<const Text> elements, char separator, ListStyle style,
             std::pmr::memory_resource* arena);

}  // namespace signet::expand
#endif
