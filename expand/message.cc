#include "expand/message.h"

#include <algorithm>

#include "src/base/log.h"

namespace signet::expand {

std::string InQuotes(std::string_view text, std::size_t most) {
  const bool cut = text.size() > most;
  text = text.substr(0, most);
  std::string shown = "\"";
  for (std::size_t from = 0; from < text.size();) {
    std::size_t special = std::min(text.find_first_of("\\\"", from), text.size());
    shown += Printable(text.substr(from, special - from));
    if (special == text.size()) break;
    // A backslash stays as it is, as in Exim.
    shown += text[special] == '"' ? "\\\"" : "\\";
    from = special + 1;
  }
  return shown + (cut ? "...\"" : "\"");
}

void AddSuffix(Diagnostics* diagnostics, std::size_t from, std::string_view suffix) {
  for (std::size_t i = from; i < diagnostics->size(); ++i)
    if ((*diagnostics)[i].severity == Severity::kError) (*diagnostics)[i].message += suffix;
}

std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& candidates) {
  // Of one letter everything short is near.
  std::string_view near = wrong.size() > 1 ? SuggestName(wrong, candidates) : "";
  return near.empty() ? "" : "did you mean " + InQuotes(near) + "?";
}

}  // namespace signet::expand
