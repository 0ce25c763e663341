#include "drivers/lookup/smtp_reply.h"

#include <algorithm>

#include "drivers/lookup/escape.h"

namespace signet::smtpauth {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "250", "250 text" or "250-text": one line of a reply.
bool ReadLine(std::string_view line, Reply* reply, bool* last) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !IsDigit(line[1]) || !IsDigit(line[2]))
    return false;
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return false;
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (!reply->lines.empty() && code != reply->code) return false;
  reply->code = code;
  *last = line.size() == 3 || line[3] == ' ';
  const std::string_view text = line.substr(std::min<std::size_t>(4, line.size()));
  if (text.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) return false;
  reply->lines.emplace_back(text);
  return reply->lines.size() <= kReplyLinesMax;
}

std::string_view TakeWord(std::string_view* text) {
  while (text->starts_with(' ')) text->remove_prefix(1);
  const std::string_view word = text->substr(0, std::min(text->find(' '), text->size()));
  text->remove_prefix(word.size());
  return word;
}

// "5.7.8" at the front of a text.
std::string EnhancedOf(std::string_view text) {
  const std::string_view word = TakeWord(&text);
  const bool fits =
      word.size() >= 5 && word.size() <= 9 && word[1] == '.' &&
      std::count(word.begin(), word.end(), '.') == 2 &&
      std::all_of(word.begin(), word.end(), [](char c) { return IsDigit(c) || c == '.'; });
  return fits ? std::string(word) : "";
}

}  // namespace

std::string Reply::Shown() const {
  std::string shown = std::to_string(code);
  const std::string enhanced = lines.empty() ? "" : EnhancedOf(lines.front());
  return enhanced.empty() ? shown : shown + " " + enhanced;
}

Taken TakeReply(std::string* buffer, Reply* reply) {
  *reply = Reply();
  bool last = false;
  std::size_t from = 0;
  while (!last) {
    const std::size_t end = buffer->find("\r\n", from);
    const std::size_t size = std::min(end, buffer->size()) - from;
    if (size > kReplyLineMaxBytes + 1) return Taken::kBad;  // perhaps with its CR
    if (end == std::string::npos) return Taken::kMore;
    if (size > kReplyLineMaxBytes) return Taken::kBad;
    if (!ReadLine(std::string_view(*buffer).substr(from, size), reply, &last)) return Taken::kBad;
    from = end + 2;
  }
  buffer->erase(0, from);
  return Taken::kReply;
}

bool Offers(const Reply& ehlo, std::string_view keyword, std::string* parameters) {
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {  // the first greets
    std::string_view line = ehlo.lines[i];
    if (driver::LowerAscii(TakeWord(&line)) != driver::LowerAscii(keyword)) continue;
    *parameters = line;
    return true;
  }
  return false;
}

bool OffersMechanism(const Reply& ehlo, std::string_view mechanism) {
  std::string parameters;
  if (!Offers(ehlo, "AUTH", &parameters)) return false;
  std::string_view rest = parameters;
  for (std::string_view word = TakeWord(&rest); !word.empty(); word = TakeWord(&rest))
    if (driver::LowerAscii(word) == driver::LowerAscii(mechanism)) return true;
  return false;
}

Meaning MeaningOf(const Reply& reply) {
  if (reply.code == 235) return Meaning::kGood;
  if (reply.code / 100 != 5) return Meaning::kUnclear;
  // These are about the command, its place or the connection, not about who is who.
  for (const int code : {500, 501, 502, 503, 504, 521, 530, 534, 538, 554})
    if (reply.code == code) return Meaning::kUnclear;
  return Meaning::kRefused;
}

}  // namespace signet::smtpauth
