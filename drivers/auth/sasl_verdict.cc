#include "drivers/auth/sasl_verdict.h"

#include <algorithm>

namespace signet::auth_drivers {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

struct Row {
  std::string_view name;
  Word word;
};
constexpr Row kWords[] = {{"accept", Word::kAccept},
                          {"reject", Word::kReject},
                          {"defer", Word::kDefer},
                          {"reply", Word::kReply}};

Word Find(std::string_view name) {
  for (const Row& row : kWords)
    if (row.name == name) return row.word;
  return Word::kUnknown;
}

}  // namespace

Said ReadVerdict(std::string_view text, std::size_t own) {
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
  if (own < std::min(end + 1, text.size())) return {Word::kOutsiders, text.size()};
  Said said{Find(text.substr(begin, end - begin)), std::min(end + 1, text.size())};
  if (said.word != Word::kReply)
    said.rest = std::min(text.find_first_not_of(kBlanks, said.rest), text.size());
  return said;
}

}  // namespace signet::auth_drivers
