#ifndef SIGNET_SRC_BASE_CHARSET_H_
#define SIGNET_SRC_BASE_CHARSET_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.h"

// Character sets: UTF-8 and what is written in its place. All functions are total.
namespace signet {

// How many octets at the front of `text` are one character of valid UTF-8 (RFC 3629), or
// are cut off or wrong together.
//
//   Requires  `text` is not empty.
struct Utf8Step {
  std::size_t octets;
  bool valid;
};
Utf8Step StepUtf8(std::string_view text);

// Every sequence that is not valid becomes one "?".
std::string CleanUtf8(std::string_view text);
// Characters beyond U+00FF, and what is not valid, become one "_" each.
std::string Utf8ToLatin1(std::string_view text);

// RFC 2047: a text as encoded words (the Q form, UTF-8) where it holds anything that may
// not stand in a phrase of a header; as it is otherwise.
std::string EncodeWords(std::string_view text);

// RFC 2047: encoded words in `text` replaced by what they say, in UTF-8. A word that is
// not well-formed stays as it is; blanks between two words are dropped; NUL becomes "?".
// May read tables of character sets from disk.
//
//   Returns   the text, or the name of a character set that is not known. The names are a
//             list of ours: some converters of the C library have had holes, and anybody
//             can ask for one in a header.
Result<std::string, std::string> DecodeWords(std::string_view text);
// The same without converting: the octets that the words hold, whatever their character set.
std::string DecodeWordOctets(std::string_view text);
// Whether any of the words holds a NUL, where a careless reader would stop.
bool WordsHoldNul(std::string_view text);

// RFC 3492, without the prefix "xn--".
//
//   Errors  why there is none, in a few words: the text is not valid UTF-8, is not
//           Punycode, or is longer than limits::kPunycodeMaxBytes.
//   Cost    quadratic, up to the limit.
Result<std::string, std::string> EncodePunycode(std::string_view utf8);
Result<std::string, std::string> DecodePunycode(std::string_view text);

}  // namespace signet
#endif
