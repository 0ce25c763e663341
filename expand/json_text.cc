#include "expand/json_text.h"

#include "src/base/text.h"

namespace signet::expand {
namespace {

// The offset of the quote that ends the string which `text` begins with, or npos.
std::size_t EndOfString(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i;
  }
  return std::string_view::npos;
}

}  // namespace

bool JsonText::Open(Kind kind) {
  kind_ = kind;
  const bool array = kind == Kind::kArray;
  SkipSpace();
  if (at_ == text_.size() || text_[at_] != static_cast<char>(kind))
    return Fail(array ? "missing '['" : "missing '{'", array ? "array" : "object");
  close_ = FindEnd(++at_, "]}");
  if (close_ == text_.size() || text_[close_] != (array ? ']' : '}'))
    return Fail(array ? "missing ']'" : "missing '}'", array ? "array" : "object");
  text_ = text_.substr(0, close_);
  return true;
}

bool JsonText::Next(Member* member) {
  SkipSpace();
  if (at_ >= close_) return false;
  *member = {};
  if (kind_ == Kind::kObject && !ReadKey(member)) return false;
  SkipSpace();
  member->begin = at_;
  member->end = FindEnd(at_, ",");
  at_ = member->end + 1;
  return true;
}

bool JsonText::ReadKey(Member* member) {
  if (text_[at_] != '"') return Fail("missing '\"'", "string key");
  std::size_t end = BehindString(at_);
  member->key = text_.substr(at_ + 1, end - at_ - 2);
  at_ = end;
  SkipSpace();
  if (at_ < close_ && text_[at_] == ':') return ++at_, true;
  error_ = "missing object value-separator for extract json";
  return false;
}

bool JsonText::Fail(const char* what, const char* where) {
  error_ = std::string(what) + " wrapping " + where + " for extract json";
  return false;
}

void JsonText::SkipSpace() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
}

std::size_t JsonText::BehindString(std::size_t at) const {
  std::size_t end = EndOfString(text_.substr(at));
  return end == std::string_view::npos ? text_.size() : at + end + 1;
}

std::size_t JsonText::FindEnd(std::size_t at, std::string_view stops) const {
  for (std::size_t depth = 0; at < text_.size();) {
    char c = text_[at];
    if (depth == 0 && stops.find(c) != std::string_view::npos) return at;
    if (c == '"') {
      at = BehindString(at);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    ++at;
  }
  return text_.size();
}

bool JsonText::Unquote(Member* member) const {
  std::string_view value = text_.substr(member->begin, member->end - member->begin);
  const std::size_t end = value.empty() || value.front() != '"' ? value.npos : EndOfString(value);
  if (end == value.npos) return false;
  member->end = member->begin + end;
  ++member->begin;
  return true;
}

}  // namespace signet::expand
