#ifndef SIGNET_EXPAND_HASH_H_
#define SIGNET_EXPAND_HASH_H_

#include <cstdint>
#include <string>
#include <string_view>

// The language's two hashes of old, for spreading things over directories and hosts. They
// keep no secret and no promise of being unique.
namespace signet::expand {

inline constexpr std::int64_t kHashCodesDefault = 26;

// `length` codes out of the first `codes` of letters and digits.
//
//   Requires  length < text.size(), and CheckHashNumbers gave "".
std::string Hash(std::string_view text, std::size_t length, std::size_t codes);
// What is wrong with the numbers of a hash, or "".
std::string CheckHashNumbers(std::int64_t length, std::int64_t codes);

// A number below `n`, or with `m` two of them, "3/17", the first below `n`, the second
// below `m`.
//
//   Requires  n > 0; m > 0, or 0 for one number.
std::string NumericHash(std::string_view text, std::int64_t n, std::int64_t m);

}  // namespace signet::expand
#endif
