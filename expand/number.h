#ifndef SIGNET_EXPAND_NUMBER_H_
#define SIGNET_EXPAND_NUMBER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"

// The language's ways to read a number. All arithmetic is signed, of 64 bits, and total
// (rule E4). Errors are messages for the administrator.
namespace signet::expand {

// Of a comparison: blanks at either end, a sign, decimal digits, one of k, m, g. Nothing
// at all is 0.
Result<std::int64_t, std::string> ReadComparisonNumber(std::string_view text);

enum class Sign : bool { kNone, kAllowed };
// Of a braced argument, ${substr{1}…}: blanks before it, a sign, decimal digits. Nothing
// is 0. `item` names the item in messages.
Result<std::int64_t, std::string> ReadItemNumber(std::string_view text, Sign sign,
                                                 std::string_view item);

// Of a field, ${extract{2}…}: an optional "-" and digits, already trimmed. "-" is 0.
// nullopt: not a number at all. Numbers too large to count anything stop at ±2^62.
std::optional<std::int64_t> ReadFieldNumber(std::string_view text);

enum class Radix : bool { kAny, kDecimal };
// ${eval:…} (0 octal and 0x hexadecimal as well) and ${eval10:…}.
Result<std::int64_t, std::string> EvaluateArithmetic(std::string_view text, Radix radix);

// Of base32 and base62: decimal digits, blanks and a sign before them. Nothing is 0; as in
// C, a negative number counts from 2^64 downwards and what is too large is 2^64 - 1.
std::optional<std::uint64_t> ReadUnsigned(std::string_view text);
// Digits of `alphabet` without leading zeros; nothing for 0. Reading them back: nullopt
// where another octet is among them; a number too large is kept modulo 2^64.
inline constexpr std::string_view kBase32Digits = "abcdefghijklmnopqrstuvwxyz234567";
inline constexpr std::string_view kBase62Digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
std::string WriteInBase(std::uint64_t number, std::string_view alphabet);
std::optional<std::uint64_t> ReadInBase(std::string_view text, std::string_view alphabet);

// The text of an expansion that `bool` and ACL conditions call an integer: an optional
// "-" and digits only, perhaps no digits behind the "-".
bool IsPlainInteger(std::string_view text);
bool IsZero(std::string_view plain_integer);

}  // namespace signet::expand
#endif
