#include "src/config/words.h"

#include <algorithm>
#include <string>

#include "src/base/text.h"

namespace signet::config {
namespace {

// Where an unquoted word that begins at `from` ends.
std::size_t EndOfWord(std::string_view text, std::size_t from) {
  int braces = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++braces;
    } else if (text[i] == '}') {
      --braces;
    } else if (IsSpace(text[i]) && braces <= 0) {
      return i;
    }
  }
  return text.size();
}

// The closing quote of what is opened at `from`, or the end.
std::size_t EndOfQuote(std::string_view text, std::size_t from) {
  std::size_t end = from + 1;
  for (; end < text.size() && text[end] != '"'; ++end)
    if (text[end] == '\\') ++end;
  return std::min(end, text.size());
}

SourceSpan WithoutBlanks(SourceSpan span) {
  std::string_view text = span.view();
  std::size_t from = 0, to = text.size();
  while (from < to && IsSpace(text[from])) ++from;
  while (to > from && IsSpace(text[to - 1])) --to;
  return span.Part(from, to);
}

}  // namespace

std::vector<SourceSpan> SplitWords(SourceSpan span,
                                   std::vector<std::unique_ptr<SourceText>>* texts) {
  std::vector<SourceSpan> words;
  std::string_view text = span.view();
  for (std::size_t at = 0; at < text.size();) {
    if (IsSpace(text[at])) {
      ++at;
      continue;
    }
    if (text[at] != '"') {
      std::size_t end = EndOfWord(text, at);
      words.push_back(span.Part(at, end));
      at = end;
      continue;
    }
    std::string unquoted;
    std::size_t end = at + 1;
    for (; end < text.size() && text[end] != '"'; ++end) {
      bool escape = text[end] == '\\' && end + 1 < text.size() &&
                    (text[end + 1] == '"' || text[end + 1] == '\\');
      if (escape) ++end;
      unquoted += text[end];
    }
    SourceSpan inside = span.Part(at + 1, end);
    if (unquoted == inside.view()) {
      words.push_back(inside);
    } else {
      std::vector<SourceText::Piece> pieces = {{0, inside, false}};
      texts->push_back(std::make_unique<SourceText>("", std::move(unquoted), std::move(pieces)));
      words.push_back(texts->back()->whole());
    }
    at = std::min(end + 1, text.size());
  }
  return words;
}

std::vector<SourceSpan> SplitItems(SourceSpan span, char separator) {
  std::vector<SourceSpan> items;
  std::string_view text = span.view();
  std::size_t from = 0;
  int braces = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) {
      if (text[i] == '"') i = EndOfQuote(text, i);
      if (i < text.size() && text[i] == '{') ++braces;
      if (i < text.size() && text[i] == '}') --braces;
      if (i < text.size() && (text[i] != separator || braces > 0)) continue;
    }
    SourceSpan item = WithoutBlanks(span.Part(from, std::min(i, text.size())));
    if (!item.view().empty()) items.push_back(item);
    from = i + 1;
  }
  return items;
}

}  // namespace signet::config
