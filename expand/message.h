#ifndef SIGNET_EXPAND_MESSAGE_H_
#define SIGNET_EXPAND_MESSAGE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/source.h"

// How messages of the language are put together.
namespace signet::expand {

// Puts text between quotes for a message: escaped, and cut where it is long.
std::string InQuotes(std::string_view text, std::size_t most = 200);

// Adds to the messages of all errors from the `from`th on.
void AddSuffix(Diagnostics* diagnostics, std::size_t from, std::string_view suffix);

// `did you mean "sha256"?`, or "" where no candidate is near.
std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& candidates);

template <typename Row>
std::string DidYouMean(std::string_view wrong, std::span<const Row> rows) {
  std::vector<std::string_view> names;
  names.reserve(rows.size());
  for (const Row& row : rows) names.push_back(row.name);
  return DidYouMean(wrong, names);
}

}  // namespace signet::expand
#endif
