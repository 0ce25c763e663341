// Any octets as message data, in pieces of any size: a message ends at CRLF.CRLF and
// nowhere else, and lines hold no framing (rules S2 to S4).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/smtp/data.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::vector<std::string> lines;
  std::size_t consumed = 0;
  bool ended = false;
  signet::smtp::DataProblem problem{};
  bool operator==(const Result&) const = default;
};

Result Decode(std::string_view input, std::size_t piece) {
  Result result;
  signet::smtp::DataDecoder decoder({.message_bytes = 4096, .line_bytes = 16});
  while (result.consumed < input.size() && !decoder.ended())
    result.consumed +=
        decoder.Feed(input.substr(result.consumed, piece),
                     [&](std::string_view line) { result.lines.emplace_back(line); });
  result.ended = decoder.ended();
  result.problem = decoder.problem();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 7 + 1;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const Result whole = Decode(input, input.size() + 1);
  Check(whole == Decode(input, piece));
  const std::size_t end = ("\r\n" + std::string(input)).find("\r\n.\r\n");
  Check(whole.ended == (end != std::string::npos));
  if (whole.ended) Check(whole.consumed == end + 3);
  std::vector<std::string> passed;
  signet::smtp::HeaderFilter filter({.first = {"Received: x"}, .own_name = "mx"});
  const signet::smtp::LineSink sink = [&](std::string_view line) { passed.emplace_back(line); };
  for (const std::string& line : whole.lines) {
    Check(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    Check(line.size() <= 16);
    filter.Line(line, sink);
  }
  filter.End(sink);
  Check(passed.size() >= 2 && passed[0] == "Received: x");
  return 0;
}
