// Any octets as a reply of a Redis server, as its list of servers and as text in a command.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "drivers/lookup/redis_protocol.h"

namespace {

using namespace signet::redis;

// A source that counts what it gives, so that no reply takes more than a limit.
struct Feed {
  std::string rest;
  std::size_t given = 0;
  std::string Line(std::string* line) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string::npos) return "cut";
    *line = rest.substr(0, end);
    rest.erase(0, end + 2);
    given += line->size();
    return "";
  }
  std::string Octets(std::size_t size, std::string* octets) {
    if (size > 2 * kReplyMaxBytes) std::abort();
    if (rest.size() < size + 2) return "cut";
    *octets = rest.substr(0, size);
    rest.erase(0, size + 2);
    given += size;
    return "";
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Feed feed{text};
  Reply reply;
  const Source source = {
      [&](std::string* line) { return feed.Line(line); },
      [&](std::size_t wanted, std::string* octets) { return feed.Octets(wanted, octets); }};
  if (ReadReply(source, &reply).empty() && reply.kind != Reply::kError)
    if (ShowReply(reply).size() > feed.given + size) std::abort();

  for (const std::string& item : SplitServers(text)) {
    Server server;
    const std::string why = ReadServer(item, &server);
    if (why.empty() && server.path.empty() && server.port == 0) std::abort();
    if (why.empty() && server.path.empty() == server.host.empty()) std::abort();
    if (why.starts_with("incomplete") && item.find('/') != std::string::npos &&
        why.size() > std::string("incomplete Redis server data: ").size() + item.rfind('/'))
      std::abort();
  }

  // One word stays one word, whatever is in it.
  if (!text.empty() &&
      SplitCommand("get " + QuoteWord(text) + " x") != std::vector<std::string>{"get", text, "x"})
    std::abort();
  (void)SplitCommand(text);
  return 0;
}
