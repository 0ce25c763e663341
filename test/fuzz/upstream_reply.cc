// Any octets as a reply of an upstream: however they are cut, the parser ends up in the same
// state, and what it believes is bounded and printable (rules U3, U4, U5).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/base/limits.h"
#include "src/relay/reply.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::relay::ReplyParser;
  std::string_view octets(reinterpret_cast<const char*>(data), size);
  ReplyParser whole, pieces;
  whole.Feed(octets);
  for (std::size_t at = 0, step = 1; at < size; at += step, step = step % 7 + 1)
    pieces.Feed(octets.substr(at, step));
  Check(whole.state() == pieces.state());
  if (whole.state() != ReplyParser::State::kDone) return 0;

  const signet::relay::UpstreamReply& reply = whole.reply();
  Check(octets.ends_with("\r\n"));
  Check(reply.code >= 200 && reply.code <= 559);
  Check(!reply.lines.empty() && reply.lines.size() <= signet::limits::kUpstreamReplyLines);
  Check(reply.Text().size() <= signet::relay::kReplyTextBytes);
  for (char c : reply.ForLog()) Check(c >= ' ' && c < '\x7f');
  Check(reply.enhanced.empty() || reply.enhanced[0] == '0' + reply.digit());
  return 0;
}
