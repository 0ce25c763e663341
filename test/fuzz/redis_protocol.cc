// Any octets from a redis server, as a query and as a server: replies are read in bounded
// memory or refused, and what the quote operator makes is one word of a command (rule L2).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/lookup/redis_protocol.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

std::size_t Octets(const signet::redis::Reply& reply) {
  std::size_t size = reply.text.size();
  for (const signet::redis::Reply& element : reply.elements) size += Octets(element) + 1;
  return size;
}

void CheckReply(std::string_view input) {
  signet::redis::Source source;
  source.line = [&](std::string* line) {
    const std::size_t end = input.find("\r\n");
    if (end == input.npos) return std::string("the end");
    *line = input.substr(0, end);
    input.remove_prefix(end + 2);
    return std::string();
  };
  source.octets = [&](std::size_t size, std::string* octets) {
    Check(size <= signet::redis::kReplyMaxBytes + 2);
    if (size > input.size()) return std::string("the end");
    *octets = input.substr(0, size);
    input.remove_prefix(size);
    return std::string();
  };
  signet::redis::Reply reply;
  if (!signet::redis::ReadReply(source, &reply).empty()) return;
  Check(Octets(reply) <= 2 * signet::redis::kReplyMaxBytes);
  (void)signet::redis::ShowReply(reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckReply(text);
  const auto words = signet::redis::SplitCommand("get " + signet::redis::QuoteWord(text));
  if (!text.empty()) Check(words.size() == 2 && words[1] == text);
  (void)signet::redis::Encode(signet::redis::SplitCommand(text));
  for (const std::string& item : signet::redis::SplitServers(text)) {
    signet::redis::Server server;
    if (signet::redis::ReadServer(item, &server).empty())
      Check(server.host.empty() != server.path.empty());
  }
  return 0;
}
