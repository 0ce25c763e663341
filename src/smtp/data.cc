#include "src/smtp/data.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::smtp {
namespace {

bool IsFraming(char c) { return c == '\r' || c == '\n' || c == '\0'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Skips blanks and comments, RFC 5322 CFWS; a comment that does not end swallows the rest.
std::size_t SkipComments(std::string_view text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && depth > 0) {
      ++at;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (depth == 0 && !IsSpace(c)) {
      break;
    }
  }
  return std::min(at, text.size());
}

}  // namespace

Reply ProblemReply(DataProblem problem) {
  switch (problem) {
    case DataProblem::kBareCr:
      return MakeReply(554, "5.6.0", "message refused: CR without LF in its data");
    case DataProblem::kBareLf:
      return MakeReply(554, "5.6.0", "message refused: LF without CR in its data");
    case DataProblem::kNul:
      return MakeReply(554, "5.6.0", "message refused: NUL in its data");
    case DataProblem::kLineTooLong:
      return MakeReply(554, "5.6.0", "message refused: a line is longer than 998 octets");
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

std::size_t DataDecoder::Feed(std::string_view input, const LineSink& sink) {
  std::size_t at = 0;
  while (at < input.size() && !ended_) {
    if (cr_pending_) {
      cr_pending_ = false;
      if (input[at] == '\n') {
        ++at;
        FinishLine(sink);
        continue;
      }
      Note(DataProblem::kBareCr);
      Append("\r");
    }
    std::size_t end = at;
    while (end < input.size() && !IsFraming(input[end])) ++end;
    Append(input.substr(at, end - at));
    at = end;
    if (at == input.size()) break;
    const char c = input[at];
    if (c == '\r') {
      cr_pending_ = true;
    } else {
      Note(c == '\n' ? DataProblem::kBareLf : DataProblem::kNul);
      Append(input.substr(at, 1));
    }
    ++at;
  }
  return at;
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

void DataDecoder::FinishLine(const LineSink& sink) {
  if (line_bytes_ == 1 && line_ == ".") {
    ended_ = true;
    return;
  }
  std::string_view line = line_;
  if (!line.empty() && line.front() == '.') {
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

std::string_view FieldName(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 0x7f && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && IsBlank(line[colon])) ++colon;
  if (end == 0 || colon == line.size() || line[colon] != ':') return {};
  return line.substr(0, end);
}

std::string AuthservId(std::string_view value) {
  std::size_t at = SkipComments(value, 0);
  std::string id;
  if (at < value.size() && value[at] == '"') {
    for (++at; at < value.size() && value[at] != '"'; ++at) {
      if (value[at] == '\\' && at + 1 < value.size()) ++at;
      id += value[at];
    }
    return id;
  }
  while (at < value.size() && !IsSpace(value[at]) && value[at] != ';' && value[at] != '(')
    id += value[at++];
  return id;
}

void HeaderFilter::Line(std::string_view line, const LineSink& sink) {
  Start(sink);
  if (in_header_) {
    HeaderLine(line, sink);
  } else {
    sink(line);
  }
}

void HeaderFilter::End(const LineSink& sink) {
  Start(sink);
  if (in_header_) EndHeader(sink);
}

void HeaderFilter::Start(const LineSink& sink) {
  if (started_) return;
  started_ = true;
  for (const std::string& line : options_.first) Emit(line, sink);
}

void HeaderFilter::HeaderLine(std::string_view line, const LineSink& sink) {
  const std::string_view name = FieldName(line);
  if (!name.empty()) {
    ReleaseHeld(sink);
    has_field_ = true;
    Count(line);
    holding_ = EqualsIgnoreCase(name, "Authentication-Results");
  } else if (has_field_ && !line.empty() && IsBlank(line.front())) {
    Count(line);
  } else {
    EndHeader(sink);
    if (!line.empty()) sink(line);  // text without a blank line in front of it
    return;
  }
  if (holding_) {
    held_.emplace_back(line);
  } else {
    sink(line);
  }
}

void HeaderFilter::Count(std::string_view line) {
  header_bytes_ += line.size() + 2;
  if (header_bytes_ > options_.header_bytes && problem_ == DataProblem::kNone)
    problem_ = DataProblem::kHeaderTooLong;
  const std::string_view name = FieldName(line);
  if (EqualsIgnoreCase(name, "Received") && ++received_ > options_.received_max &&
      problem_ == DataProblem::kNone)
    problem_ = DataProblem::kTooManyReceived;
  if (EqualsIgnoreCase(name, "Message-ID") && message_id_.empty()) {
    std::string_view value = Trim(line.substr(line.find(':') + 1));
    if (value.size() > 2 && value.front() == '<' && value.back() == '>')
      message_id_ = value.substr(1, value.size() - 2);
  }
}

void HeaderFilter::ReleaseHeld(const LineSink& sink) {
  holding_ = false;
  if (held_.empty()) return;
  std::string value;
  std::uint64_t bytes = 0;
  for (const std::string& line : held_) {
    value += line;
    bytes += line.size() + 2;
  }
  const std::string id = AuthservId(std::string_view(value).substr(value.find(':') + 1));
  // Without a readable id it could be read as ours by somebody more lenient.
  const bool ours = id.empty() || EqualsIgnoreCase(id, options_.own_name);
  if (ours) {
    added_bytes_ -= bytes;
  } else {
    for (const std::string& line : held_) sink(line);
  }
  held_.clear();
}

void HeaderFilter::EndHeader(const LineSink& sink) {
  ReleaseHeld(sink);
  in_header_ = false;
  for (const std::string& line : options_.added) Emit(line, sink);
  sink("");
}

void HeaderFilter::Emit(std::string_view line, const LineSink& sink) {
  added_bytes_ += line.size() + 2;
  sink(line);
}

}  // namespace signet::smtp
