#include "src/config/pattern.h"

#include <map>
#include <memory>

#include "expand/regex.h"
#include "src/base/log.h"
#include "src/engine/engine.h"

namespace signet::config {
namespace {

using Compiled = Result<std::unique_ptr<const expand::Regex>, std::string>;

constexpr std::size_t kCachedPatterns = 256;  // per thread; configurations have fewer

Compiled Compile(std::string_view pattern) {
  // The subject's letter case never matters unless the pattern says (?-i).
  std::string caseless = "(?i)" + std::string(pattern);
  Compiled compiled = Err{std::string()};
  // Compiling recurses on the stack it is called on.
  engine::OnThreadStack(
      [&] { compiled = expand::Regex::Compile(caseless, expand::Regex::Jit::kYes); });
  return compiled;
}

std::string Explain(std::string_view pattern, const std::string& problem) {
  return "regular expression \"" + Printable(pattern) + "\": " + problem;
}

}  // namespace

Result<bool, std::string> MatchPattern(std::string_view pattern, std::string_view subject) {
  thread_local std::map<std::string, std::shared_ptr<const expand::Regex>, std::less<>> cache;
  // Compiling may switch stacks, so the cache is not held over it.
  std::shared_ptr<const expand::Regex> regex;
  if (auto found = cache.find(pattern); found != cache.end()) {
    regex = found->second;
  } else {
    Compiled compiled = Compile(pattern);
    if (!compiled.ok()) return Err{Explain(pattern, compiled.error())};
    regex = std::move(compiled).value();
    if (cache.size() >= kCachedPatterns) cache.clear();
    cache.emplace(pattern, regex);
  }
  std::vector<expand::Regex::Group> groups;
  std::string why;
  using Outcome = expand::Regex::Outcome;
  Outcome outcome = regex->Match(subject, 0, expand::Regex::Mode::kAnywhere, &groups, &why);
  if (outcome == Outcome::kLimit) return Err{Explain(pattern, why)};
  return outcome == Outcome::kMatch;
}

std::string CheckPattern(std::string_view pattern) {
  Compiled compiled = Compile(pattern);
  return compiled.ok() ? "" : Explain(pattern, compiled.error());
}

}  // namespace signet::config
