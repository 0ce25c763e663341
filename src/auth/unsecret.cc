#include "src/auth/unsecret.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::auth {
namespace {

// Shorter ones are in every text by chance, outside of quotes.
constexpr std::size_t kTellingRun = 4;

// No operator that quotes changes letters and digits, but for their case.
std::string LongestRun(std::string_view secret) {
  std::string_view longest;
  for (std::size_t at = 0; at < secret.size(); ++at) {
    std::size_t end = at;
    while (end < secret.size() && IsAlnum(secret[end])) ++end;
    if (end - at > longest.size()) longest = secret.substr(at, end - at);
    at = end;
  }
  return Lower(longest.empty() ? secret : longest);
}

bool Shows(std::string_view text, const std::vector<std::string>& runs, std::size_t least) {
  const std::string lower = Lower(text);
  return std::any_of(runs.begin(), runs.end(), [&](const std::string& run) {
    return run.size() >= least && lower.find(run) != std::string::npos;
  });
}

// Behind the quote that ends what began before `at`; the end where none does.
std::size_t BehindQuote(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

}  // namespace

std::string WithoutSecrets(std::string_view text, const std::vector<std::string_view>& secrets) {
  std::vector<std::string> runs;
  for (std::string_view secret : secrets)
    if (!secret.empty()) runs.push_back(LongestRun(secret));
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t quote = std::min(text.find('"', at), text.size());
    shown += text.substr(at, quote - at);
    at = quote < text.size() ? BehindQuote(text, quote + 1) : quote;
    const std::string_view quoted = text.substr(quote, at - quote);
    shown += Shows(quoted, runs, 1) ? "\"***\"" : quoted;
  }
  if (Shows(shown, runs, kTellingRun)) return "not shown, because a password may be in it";
  return shown;
}

}  // namespace signet::auth
