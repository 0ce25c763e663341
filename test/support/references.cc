#include "test/support/references.h"

#include <regex>

namespace signet::test {
namespace {

#define LETTERS "[2-9A-HJKMNP-TV-Z]"
const std::regex kTold(" \\(reference (" LETTERS "{4}-" LETTERS "{5})\\)");
const std::regex kLogged(" REF=(" LETTERS "{4}-" LETTERS "{5})(?=\r?\n|$)");
#undef LETTERS

std::vector<std::string> Found(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    found.push_back((*at)[1]);
  return found;
}

}  // namespace

std::vector<std::string> ReferencesIn(const std::string& text) { return Found(text, kTold); }
std::vector<std::string> LoggedReferencesIn(const std::string& log) { return Found(log, kLogged); }
std::string WithoutReferences(const std::string& text) {
  return std::regex_replace(text, kTold, "");
}

}  // namespace signet::test
