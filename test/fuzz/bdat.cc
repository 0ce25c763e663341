// Any octets as chunks of a message (BDAT), cut anywhere, behind any argument: all of them
// are data, the cuts make no difference, and lines hold no framing (rules S3, S6).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/smtp/receive.h"

namespace {

using signet::smtp::BareNewlines;

void Check(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::vector<std::string> lines;
  signet::smtp::DataProblem problem{};
  bool operator==(const Result&) const = default;
};

Result Decode(std::string_view input, std::size_t piece, BareNewlines bare) {
  Result result;
  signet::smtp::DataDecoder decoder({.message_bytes = 4096, .line_bytes = 16},
                                    signet::smtp::Framing::kCounted, bare);
  const auto sink = [&](std::string_view line) { result.lines.emplace_back(line); };
  for (std::size_t at = 0; at < input.size(); at += piece) {
    const std::string_view octets = input.substr(at, piece);
    Check(decoder.Feed(octets, sink) == octets.size());
    Check(!decoder.ended());
  }
  decoder.End(sink);
  Check(decoder.ended());
  result.problem = decoder.problem();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view whole(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t end = std::min(whole.find('\n'), whole.size());
  const auto chunk = signet::smtp::ParseChunk(whole.substr(0, end));
  if (chunk) Check(chunk->octets < 1'000'000'000'000'000'000);
  const std::string_view input = whole.substr(std::min(end + 1, whole.size()));
  for (auto bare : {BareNewlines::kReject, BareNewlines::kNormalize, BareNewlines::kSpace}) {
    const Result all = Decode(input, input.size() + 1, bare);
    Check(all == Decode(input, data[0] % 7 + 1, bare));
    for (const std::string& line : all.lines)
      Check(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    if (bare != BareNewlines::kReject)
      Check(all.problem != signet::smtp::DataProblem::kBareCr &&
            all.problem != signet::smtp::DataProblem::kBareLf);
  }
  return 0;
}
