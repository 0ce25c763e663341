#ifndef SIGNET_DRIVERS_LOOKUP_ESCAPE_H_
#define SIGNET_DRIVERS_LOOKUP_ESCAPE_H_

#include <cstddef>
#include <string>
#include <string_view>

// Quoted text in files and queries, with the language's backslash escapes.
namespace signet::driver {

// White space of the language: space, tab, LF, VT, FF, CR.
constexpr bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int HexDigit(char c);  // -1 where it is none
std::string LowerAscii(std::string_view text);

// Takes text in double quotes off the front of `*text`, the quotes included, and appends
// what it stands for to `*out`. Returns false where there is no end quote: then all of
// the text was taken. Requires: `*text` starts with a double quote.
bool TakeQuoted(std::string_view* text, std::string* out);

}  // namespace signet::driver
#endif
