#include "src/smtp/data.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace signet::smtp {
namespace {

bool IsFraming(char c) { return c == '\r' || c == '\n' || c == '\0'; }

}  // namespace

Reply ProblemReply(DataProblem problem, std::size_t line_bytes) {
  switch (problem) {
    case DataProblem::kBareCr:
      return MakeReply(554, "5.6.0", "message refused: CR without LF in its data");
    case DataProblem::kBareLf:
      return MakeReply(554, "5.6.0", "message refused: LF without CR in its data");
    case DataProblem::kNul:
      return MakeReply(554, "5.6.0", "message refused: NUL in its data");
    case DataProblem::kLineTooLong:
      return MakeReply(
          554, "5.6.0",
          "message refused: a line is longer than " + std::to_string(line_bytes) + " octets");
    case DataProblem::kHeaderTooLong:
      return MakeReply(552, "5.3.4", "Message header section is too long");
    case DataProblem::kTooBig:
      return MakeReply(552, "5.3.4", "Message size exceeds maximum permitted");
    case DataProblem::kTooManyReceived:
      return MakeReply(554, "5.4.6", "message refused: too many Received header fields");
    case DataProblem::kNone:
      break;
  }
  return MakeReply(554, "5.6.0", "message refused");
}

BareNewlines BareNewlinesNamed(std::string_view name) {
  if (name == "normalize") return BareNewlines::kNormalize;
  return name == "space" ? BareNewlines::kSpace : BareNewlines::kReject;
}

std::size_t DataDecoder::Feed(std::string_view input, const LineSink& sink) {
  std::size_t at = 0;
  while (at < input.size() && !ended_) {
    if (cr_pending_) {
      cr_pending_ = false;
      if (input[at] == '\n') {
        ++at;
        FinishLine(LineEnd::kCrlf, sink);
        continue;
      }
      TakeBare('\r', sink);
    }
    std::size_t end = at;
    while (end < input.size() && !IsFraming(input[end])) ++end;
    Append(input.substr(at, end - at));
    at = end;
    if (at == input.size()) break;
    const char c = input[at];
    if (c == '\r') {
      cr_pending_ = true;
    } else if (c == '\n') {
      TakeBare(c, sink);
    } else {
      Note(DataProblem::kNul);
      Append(input.substr(at, 1));
    }
    ++at;
  }
  return at;
}

void DataDecoder::TakeBare(char c, const LineSink& sink) {
  if (bare_ == BareNewlines::kNormalize) return FinishLine(LineEnd::kBare, sink);
  if (bare_ == BareNewlines::kSpace) return Append(" ");
  Note(c == '\r' ? DataProblem::kBareCr : DataProblem::kBareLf);
  Append(c == '\r' ? "\r" : "\n");
}

void DataDecoder::End(const LineSink& sink) {
  if (std::exchange(cr_pending_, false)) TakeBare('\r', sink);
  if (line_bytes_ > 0) FinishLine(LineEnd::kCrlf, sink);
  ended_ = true;
}

void DataDecoder::Append(std::string_view octets) {
  line_bytes_ += octets.size();
  // One octet more than allowed for the dot that may have been stuffed; one more again
  // so that a line that is too long differs from one that is not.
  const std::size_t room = limits_.line_bytes + 2 - std::min(line_.size(), limits_.line_bytes + 2);
  line_.append(octets.substr(0, room));
  if (limits_.message_bytes > 0 && message_bytes_ + line_bytes_ > limits_.message_bytes + 1)
    Note(DataProblem::kTooBig);
}

void DataDecoder::FinishLine(LineEnd end, const LineSink& sink) {
  // Dots mean something between CRLFs only: whoever thinks that another octet ends a line
  // sees no end of a message where there is none.
  const bool framed = framing_ == Framing::kDot && before_ == LineEnd::kCrlf;
  before_ = end;
  if (framed && end == LineEnd::kCrlf && line_bytes_ == 1 && line_ == ".") {
    ended_ = true;
    return;
  }
  std::string_view line = line_;
  if (framed && !line.empty() && line.front() == '.') {
    line.remove_prefix(1);
    --line_bytes_;
  }
  if (line_bytes_ > limits_.line_bytes) Note(DataProblem::kLineTooLong);
  message_bytes_ += line_bytes_ + 2;
  if (limits_.message_bytes > 0 && message_bytes_ > limits_.message_bytes)
    Note(DataProblem::kTooBig);
  if (problem_ == DataProblem::kNone) sink(line);
  line_.clear();
  line_bytes_ = 0;
}

void DataDecoder::Note(DataProblem problem) {
  if (problem_ == DataProblem::kNone) problem_ = problem;
}

bool DataDecoder::hopeless() const {
  constexpr std::uint64_t kSlack = 1024 * 1024;
  const std::uint64_t seen = message_bytes_ + line_bytes_;
  return limits_.message_bytes > 0 && seen > kSlack && (seen - kSlack) / 2 > limits_.message_bytes;
}

}  // namespace signet::smtp
