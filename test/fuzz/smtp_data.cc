// Any octets as message data, in pieces of any size: a message ends at CRLF.CRLF and
// nowhere else, and lines hold no framing (rules S2 to S4).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/smtp/data.h"
#include "src/smtp/header.h"

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

using signet::smtp::BareNewlines;

Result Decode(std::string_view input, std::size_t piece,
              BareNewlines bare = BareNewlines::kReject) {
  Result result;
  signet::smtp::DataDecoder decoder({.message_bytes = 4096, .line_bytes = 16},
                                    signet::smtp::Framing::kDot, bare);
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
  // Whatever is made of lone CRs and LFs, the end is where it is, and lines hold none.
  for (auto bare : {signet::smtp::BareNewlines::kNormalize, signet::smtp::BareNewlines::kSpace}) {
    const Result other = Decode(input, piece, bare);
    Check(other.ended == whole.ended && other.consumed == whole.consumed);
    Check(other == Decode(input, input.size() + 1, bare));
    for (const std::string& line : other.lines)
      Check(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  signet::smtp::HeaderReader reader({.bytes = 2048, .received = 3});
  std::vector<std::string> kept;
  for (const std::string& line : whole.lines) {
    Check(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    Check(line.size() <= 16);
    const bool in_header = reader.Take(line) == signet::smtp::HeaderReader::Place::kHeader;
    if (!in_header || reader.problem() != signet::smtp::DataProblem::kNone) break;
    kept.push_back(line);
  }
  signet::smtp::Header header = reader.TakeHeader();
  std::vector<std::string> passed;
  for (const signet::facts::HeaderField& field : header)
    signet::smtp::EmitField(field, [&](std::string_view line) { passed.emplace_back(line); });
  Check(passed == kept);
  signet::smtp::RemoveForgedResults({"mx"}, &header);
  (void)signet::smtp::MessageIdOf(header);
  return 0;
}
