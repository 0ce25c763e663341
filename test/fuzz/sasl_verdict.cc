// Any octets as what an expression of the sasl authenticator gave; the first octet says how many
// of them are the administrator's.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "drivers/auth/sasl_verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::auth_drivers::Word;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t own = data[0];
  const auto said = signet::auth_drivers::ReadVerdict(text, own);
  if (said.rest > text.size()) std::abort();
  if (said.word == Word::kOutsiders || said.word == Word::kUnknown) return 0;
  // What decides is one of four words, and all of it is the administrator's.
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const std::string_view word = text.substr(begin, text.find_first_of(" \t\r\n", begin) - begin);
  if (word != "accept" && word != "reject" && word != "defer" && word != "reply") std::abort();
  if (own < begin + word.size()) std::abort();
  return 0;
}
