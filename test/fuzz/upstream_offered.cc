// Any lines as an upstream's answer to EHLO: what is believed of it are words and numbers
// of a reply that was believed (rule U7), and a command made of it stays one line (U2).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/relay/identity.h"
#include "src/relay/offered.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::relay;
  ReplyParser parser;
  if (parser.Feed({reinterpret_cast<const char*>(data), size}) != ReplyParser::State::kDone)
    return 0;
  const Offered offered = ReadOffered(parser.reply());
  for (const std::string& word : offered.mechanisms)
    for (char c : word) Check(c > ' ' && c < '\x7f' && !(c >= 'a' && c <= 'z'));
  signet::facts::Session session;
  session.auth.result = signet::facts::AuthResult::kAuthenticated;
  session.auth.id.assign(reinterpret_cast<const char*>(data), size % 100);
  const auto line = XclientCommand(XclientAttributes(Xclient::kFull, session), offered);
  if (!line.ok()) return 0;
  for (char c : line.value()) Check(c >= ' ' && c < '\x7f');
  return 0;
}
