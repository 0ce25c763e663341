#include "src/config/pattern.h"

#include <vector>

#include "expand/regex.h"

namespace signet::config {
namespace {

std::string Caseless(std::string_view pattern) { return "(?i)" + std::string(pattern); }

}  // namespace

Result<bool, std::string> MatchPattern(std::string_view pattern, std::string_view subject) {
  auto regex = expand::Regex::Compile(Caseless(pattern), expand::Regex::Jit::kNo);
  if (!regex) return Err{regex.error()};
  std::vector<expand::Regex::Group> groups;
  std::string why;
  switch (regex.value()->Match(subject, 0, expand::Regex::Mode::kAnywhere, &groups, &why)) {
    case expand::Regex::Outcome::kMatch:
      return true;
    case expand::Regex::Outcome::kNoMatch:
      return false;
    case expand::Regex::Outcome::kLimit:
      break;
  }
  return Err{why};
}

std::string CheckPattern(std::string_view pattern) {
  auto regex = expand::Regex::Compile(Caseless(pattern), expand::Regex::Jit::kNo);
  return regex ? "" : regex.error();
}

}  // namespace signet::config
