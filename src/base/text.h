#ifndef SIGNET_SRC_BASE_TEXT_H_
#define SIGNET_SRC_BASE_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// ASCII text helpers. Nothing here knows a locale or Unicode (rule I9).
namespace signet {

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool IsAlnum(char c) { return IsDigit(c) || IsAlpha(c); }
// Space, tab, newline, CR, VT, FF: what Exim's language calls white space.
constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string Lower(std::string_view text);
std::string Upper(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);
bool EndsWithIgnoreCase(std::string_view text, std::string_view suffix);
std::string_view Trim(std::string_view text);  // IsSpace at both ends
bool IsValidUtf8(std::string_view text);
// Octets of the well-formed sequence (RFC 3629) that `text` begins with, or 0.
std::size_t Utf8SequenceLength(std::string_view text);

// The items of an Exim-style list written by the administrator: separator ':' or "<x"
// prefix, doubled separators, blanks around items dropped, an empty last item ignored.
std::vector<std::string> SplitAdministratorList(std::string_view list);

}  // namespace signet
#endif
