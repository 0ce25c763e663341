#include "src/smtp/reply.h"

#include <algorithm>
#include <optional>

#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::smtp {
namespace {

constexpr std::size_t kSplitOver = 75;
constexpr std::size_t kSplitFrom = 35;

bool IsPlain(char c) { return c >= 0x20 && c < 0x7f; }

// Anything that is not printable ASCII becomes visible; a backslash that was there
// stays one, because replies are read by people and not parsed back.
void AppendVisible(char c, std::string* out) {
  if (IsPlain(c)) {
    *out += c;
  } else if (c == '\n') {
    *out += "\\n";
  } else if (c == '\r') {
    *out += "\\r";
  } else if (c == '\t') {
    *out += ' ';
  } else {
    const auto octet = static_cast<unsigned char>(c);
    *out += '\\';
    *out += static_cast<char>('0' + (octet >> 6));
    *out += static_cast<char>('0' + ((octet >> 3) & 7));
    *out += static_cast<char>('0' + (octet & 7));
  }
}

std::string Visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) AppendVisible(c, &out);
  return out;
}

// Where a line that is too long is broken: the position of a blank, or npos.
std::size_t FindBreak(std::string_view text) {
  std::size_t last_blank = std::string_view::npos;
  for (std::size_t i = kSplitOver; i-- > kSplitFrom;) {
    if (text[i] != ' ') continue;
    if (text[i - 1] == ':') return i;
    if (last_blank == std::string_view::npos) last_blank = i;
  }
  return last_blank != std::string_view::npos ? last_blank : text.find(' ', kSplitOver);
}

void SplitLine(std::string_view line, std::vector<std::string>* lines) {
  while (line.size() > kSplitOver) {
    const std::size_t at = FindBreak(line);
    if (at == std::string_view::npos) break;
    lines->emplace_back(line.substr(0, at));
    line.remove_prefix(std::min(line.find_first_not_of(' ', at), line.size()));
  }
  lines->emplace_back(line);
}

std::size_t SkipBlanks(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

bool AtWordEnd(std::string_view text, std::size_t at) {
  return at == text.size() || IsSpace(text[at]);
}

// "550" at the beginning of the text.
std::optional<int> LeadingCode(std::string_view text) {
  if (text.size() < 3 || text[0] < '2' || text[0] > '5') return std::nullopt;
  if (!IsDigit(text[1]) || !IsDigit(text[2]) || !AtWordEnd(text, 3)) return std::nullopt;
  return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

// Length of "5.7.1" at the beginning of the text, or 0.
std::size_t LeadingEnhanced(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= text.size() || text[at++] != '.')) return 0;
    const std::size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    const std::size_t digits = at - begin;
    if (digits == 0 || digits > (part == 0 ? 1U : 3U)) return 0;
  }
  return AtWordEnd(text, at) ? at : 0;
}

}  // namespace

const std::string& Reply::text() const {
  static const std::string kNone;
  return lines.empty() ? kNone : lines.front();
}

Reply MakeReply(int code, std::string_view enhanced, std::string text) {
  Reply reply;
  reply.code = code;
  reply.enhanced = enhanced;
  reply.lines.push_back(std::move(text));
  return reply;
}

Reply MakeClosingReply(int code, std::string_view enhanced, std::string text) {
  Reply reply = MakeReply(code, enhanced, std::move(text));
  reply.closes = true;
  return reply;
}

void AddToLastLine(std::string_view text, Reply* reply) {
  if (reply->lines.empty()) reply->lines.emplace_back();
  if (reply->lines.size() > kReplyLinesMax) reply->lines.resize(kReplyLinesMax);
  const std::size_t codes =
      4 + (reply->enhanced.empty() ? 0 : reply->enhanced.size() + 1);  // "550 5.7.1 "
  std::string line = Visible(reply->lines.back());
  line.resize(std::min(line.size(), kReplyLineMaxBytes - codes - text.size()));
  reply->lines.back() = line.append(text);
}

std::string Encode(const Reply& reply) {
  std::string out;
  // A challenge is one line, and no use in part (RFC 4954 4).
  const std::size_t most = reply.code == 334 ? limits::kAuthLineMaxBytes : kReplyLineMaxBytes;
  const std::size_t count = std::clamp<std::size_t>(reply.lines.size(), 1, kReplyLinesMax);
  for (std::size_t i = 0; i < count; ++i) {
    std::string line = std::to_string(reply.code);
    line += i + 1 < count ? '-' : ' ';
    if (!reply.enhanced.empty()) line += reply.enhanced + ' ';
    if (i < reply.lines.size()) line += Visible(reply.lines[i]);
    if (line.size() > most) line.resize(most);
    out += line;
    out += "\r\n";
  }
  return out;
}

std::string Echo(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (char c : text) {
    if (out.size() >= max_bytes) return out + "...";
    AppendVisible(c, &out);
  }
  return out;
}

std::vector<std::string> SplitText(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    SplitLine(line, &lines);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  while (lines.size() > 1 && lines.back().empty()) lines.pop_back();
  return lines;
}

VerdictReply ReplyWithText(const Reply& standard, std::string_view user_text) {
  VerdictReply result{standard, "", ""};
  std::string_view text = user_text;
  const std::optional<int> code = LeadingCode(text);
  if (code) {
    text.remove_prefix(SkipBlanks(text, 3));
    if (*code / 100 == standard.code / 100) {
      result.reply.code = *code;
    } else {
      result.problem = "configured error code starts with incorrect digit (expected " +
                       std::to_string(standard.code / 100) + ") in \"" + std::string(user_text) +
                       "\"";
    }
    // An enhanced code is only read behind a reply code, as in Exim; it has to be of
    // the same class or it would contradict the reply that it stands in.
    const std::size_t length = LeadingEnhanced(text);
    if (length > 0) {
      const bool fits = text[0] - '0' == standard.code / 100;
      if (fits && !standard.enhanced.empty()) result.reply.enhanced = text.substr(0, length);
      text.remove_prefix(SkipBlanks(text, length));
    }
  }
  result.text = text;
  if (!text.empty()) result.reply.lines = SplitText(text);
  return result;
}

}  // namespace signet::smtp
