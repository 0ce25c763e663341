#include "expand/message.h"

#include "src/base/log.h"
#include "src/base/source.h"

namespace signet::expand {

std::string InQuotes(std::string_view text, std::size_t most) {
  std::string shown = "\"";
  for (char c : Printable(text.substr(0, most))) {
    if (c == '"') shown += '\\';
    shown += c;
  }
  if (text.size() > most) shown += "...";
  return shown + '"';
}

std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& candidates) {
  std::string_view near = SuggestName(wrong, candidates);
  return near.empty() ? "" : "did you mean " + InQuotes(near) + "?";
}

}  // namespace signet::expand
