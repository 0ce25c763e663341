#include "expand/hash.h"

#include <iterator>

namespace signet::expand {
namespace {

// "q r t s u" is no slip of ours: the codes are those of every Exim.
constexpr std::string_view kCodes =
    "abcdefghijklmnopqrtsuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::uint64_t kPrimes[] = {113, 109, 107, 103, 101, 97, 89, 83, 79, 73,
                                     71,  67,  61,  59,  53,  47, 43, 41, 37, 31,
                                     29,  23,  19,  17,  13,  11, 7,  5,  3};

}  // namespace

std::string Hash(std::string_view text, std::size_t length, std::size_t codes) {
  std::string sums(text.substr(0, length));
  if (sums.empty()) return sums;
  for (std::size_t j = length, i = 0; j < text.size(); ++j, i = (i + 1) % length) {
    auto c = static_cast<unsigned char>(text[j]);
    unsigned shift = (c + static_cast<unsigned>(j)) & 7;
    auto turned = static_cast<unsigned>(c) << shift | static_cast<unsigned>(c) >> (8 - shift);
    sums[i] = static_cast<char>(static_cast<unsigned char>(sums[i]) ^ (turned & 255));
  }
  for (char& sum : sums) sum = kCodes[static_cast<unsigned char>(sum) % codes];
  return sums;
}

std::string CheckHashNumbers(std::int64_t length, std::int64_t codes) {
  if (codes > static_cast<std::int64_t>(kCodes.size()))
    return "hash count \"" + std::to_string(codes) + "\" too big";
  if (codes <= 0) return "hash count \"" + std::to_string(codes) + "\" too small";
  if (length < 0)
    return "\"" + std::to_string(length) + "\" is not a positive number (in \"hash\" expansion)";
  return "";
}

std::string NumericHash(std::string_view text, std::int64_t n, std::int64_t m) {
  std::uint64_t total = 0;
  for (std::size_t k = 0; k < text.size(); ++k)
    total += kPrimes[k % std::size(kPrimes)] * static_cast<unsigned char>(text[k]);
  auto first = static_cast<std::uint64_t>(n), second = static_cast<std::uint64_t>(m);
  if (m == 0) return std::to_string(total % first);
  // Where n times m does not fit, the total is below it.
  std::uint64_t both = 0;
  if (!__builtin_mul_overflow(first, second, &both)) total %= both;
  return std::to_string(total / second) + "/" + std::to_string(total % second);
}

}  // namespace signet::expand
