#include "src/relay/reply.h"

#include <utility>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::relay {
namespace {

char PrintableOctet(char c) {
  if (c == '\t') return ' ';
  return c >= ' ' && c < '\x7f' ? c : '?';
}

// The length of "5.1.1" in front of a blank or the end, or 0. RFC 3463: one digit, then
// one to three, twice.
std::size_t EnhancedCodeSize(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at == text.size() || text[at++] != '.')) return 0;
    std::size_t digits = 0;
    for (; digits < (part == 0 ? 1 : 3) && at < text.size() && IsDigit(text[at]); ++at) ++digits;
    if (digits == 0) return 0;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

bool IsCode(std::string_view line) {
  return line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && line[1] >= '0' && line[1] <= '5' &&
         IsDigit(line[2]);
}

}  // namespace

std::string UpstreamReply::Text() const {
  std::string text;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    if (!text.empty()) text += ' ';
    text += line;
  }
  if (text.size() > kReplyTextBytes) text.resize(kReplyTextBytes);
  return text;
}

std::string UpstreamReply::ForLog() const {
  std::string text = std::to_string(code);
  if (!enhanced.empty()) text += ' ' + enhanced;
  if (std::string rest = Text(); !rest.empty()) text += ' ' + rest;
  return text;
}

ReplyParser::State ReplyParser::Feed(std::string_view octets) {
  for (char c : octets) {
    if (state_ == State::kBad) break;
    state_ = state_ == State::kDone ? Bad("more than one reply") : Octet(c);
  }
  return state_;
}

ReplyParser::State ReplyParser::Octet(char c) {
  bool ends = !line_.empty() && line_.back() == '\r';
  if (c == '\n') {
    if (!ends) return Bad("line end without CR");
    line_.pop_back();
    return EndLine();
  }
  if (ends) return Bad("CR within a line");
  if (c != '\r' && line_.size() >= limits::kUpstreamReplyLineBytes) return Bad("line too long");
  line_ += c;
  return State::kMore;
}

ReplyParser::State ReplyParser::EndLine() {
  std::string line = std::exchange(line_, {});
  if (!IsCode(line)) return Bad("no reply code in \"" + Printable(line.substr(0, 80)) + '"');
  if (reply_.lines.size() >= limits::kUpstreamReplyLines) return Bad("too many lines");
  int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (!reply_.lines.empty() && code != reply_.code) return Bad("lines with different codes");
  reply_.code = code;
  bool last = line.size() == 3 || line[3] == ' ';
  if (!last && line[3] != '-')
    return Bad("blank or hyphen expected behind the code in \"" + Printable(line.substr(0, 80)) +
               '"');
  std::string_view text = std::string_view(line).substr(line.size() == 3 ? 3 : 4);
  if (std::size_t size = EnhancedCodeSize(text); size > 0 && text[0] == line[0]) {
    if (reply_.lines.empty()) reply_.enhanced = text.substr(0, size);
    text.remove_prefix(size);
  }
  std::string printable(Trim(text));
  for (char& c : printable) c = PrintableOctet(c);
  reply_.lines.push_back(std::move(printable));
  return last ? State::kDone : State::kMore;
}

ReplyParser::State ReplyParser::Bad(std::string problem) {
  problem_ = std::move(problem);
  return state_ = State::kBad;
}

}  // namespace signet::relay
