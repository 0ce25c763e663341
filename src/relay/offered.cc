#include "src/relay/offered.h"

#include <algorithm>
#include <charconv>

#include "src/base/text.h"

namespace signet::relay {
namespace {

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(Upper(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// 0 for what is no number.
std::uint64_t Number(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

void ReadLimits(const std::vector<std::string>& arguments, Offered* offered) {
  for (std::string_view limit : arguments) {
    if (limit.starts_with("MAILMAX=")) offered->mail_max = Number(limit.substr(8));
    if (limit.starts_with("RCPTMAX=")) offered->rcpt_max = Number(limit.substr(8));
  }
}

void ReadLine(std::string_view line, Offered* offered) {
  std::vector<std::string> words = Words(line);
  if (words.empty()) return;
  const std::string keyword = std::move(words.front());
  words.erase(words.begin());
  if (keyword == "8BITMIME") offered->eight_bit_mime = true;
  if (keyword == "SMTPUTF8") offered->smtputf8 = true;
  if (keyword == "DSN") offered->dsn = true;
  if (keyword == "PIPELINING") offered->pipelining = true;
  if (keyword == "STARTTLS") offered->starttls = true;
  if (keyword == "CHUNKING") offered->chunking = true;
  if (keyword == "ENHANCEDSTATUSCODES") offered->enhanced_status_codes = true;
  if (keyword == "LIMITS") ReadLimits(words, offered);
  if (keyword == "SIZE") {
    offered->size = true;
    offered->size_max = words.empty() ? 0 : Number(words[0]);
  }
  if (keyword == "AUTH") {
    offered->auth = true;
    offered->mechanisms = words;
  }
  if (keyword == "XCLIENT") offered->xclient = words;
}

bool Holds(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool Offered::Mechanism(std::string_view name) const { return Holds(mechanisms, name); }
bool Offered::Xclient(std::string_view attribute) const { return Holds(xclient, attribute); }

Offered ReadOffered(const UpstreamReply& reply) {
  Offered offered;
  for (std::size_t i = 1; i < reply.lines.size(); ++i) ReadLine(reply.lines[i], &offered);
  return offered;
}

}  // namespace signet::relay
