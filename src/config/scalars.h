#ifndef SIGNET_SRC_CONFIG_SCALARS_H_
#define SIGNET_SRC_CONFIG_SCALARS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.h"

// The spellings of numbers, times and booleans in option values, both ways.
namespace signet::config {

// Why a value is not of its type. `at` is the offset of the offending octets.
struct ScalarError {
  std::string message;
  std::size_t at = 0;
};

// Decimal, 0… octal or 0x… hexadecimal, with an optional suffix K, M, G or T (powers of
// 1024), either case. `option` is its name, for messages.
Result<std::int64_t, ScalarError> ReadInteger(std::string_view text, std::string_view option);

// true, yes, false, no in any case.
Result<bool, ScalarError> ReadBoolean(std::string_view text, std::string_view option);

// One or more of <n>w, <n>d, <n>h, <n>m, <n>s without spaces.
Result<std::chrono::milliseconds, ScalarError> ReadTime(std::string_view text,
                                                        std::string_view option);

// "50M", "1000": the largest suffix that loses nothing.
std::string ShowInteger(std::int64_t value);
// "1d2h", "5m", "0s".
std::string ShowTime(std::chrono::milliseconds time);

// " (# is comment only at line start)" where the junk begins with '#', else "".
std::string_view CommentHint(std::string_view junk);

}  // namespace signet::config
#endif
