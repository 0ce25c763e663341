#include "expand/lookup_word.h"

#include <algorithm>

#include "expand/message.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

constexpr std::string_view kPartial = "partial";
constexpr std::size_t kLeastByDefault = 2;
constexpr std::size_t kLeastMax = 1'000'000;  // more components than any key has

bool IsPunctuation(char c) { return c > ' ' && c < '\x7f' && !IsAlnum(c); }

// What stands between `partial` and the type's name; false where it is malformed.
bool ReadPartial(std::string_view rest, LookupWord* read) {
  read->partial = true;
  read->least = kLeastByDefault;
  if (!rest.empty() && IsDigit(rest[0])) read->least = 0;
  for (; !rest.empty() && IsDigit(rest[0]); rest.remove_prefix(1))
    read->least = std::min(kLeastMax, read->least * 10 + static_cast<std::size_t>(rest[0] - '0'));
  if (rest.empty()) return false;
  if (rest[0] == '-') {
    read->affix = "*.";
    read->plain = rest.substr(1);
    return true;
  }
  if (rest[0] != '(') return false;
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != ')' && IsPunctuation(rest[end])) ++end;
  if (end == rest.size() || rest[end] != ')') return false;
  read->affix = rest.substr(1, end - 1);
  read->plain = rest.substr(end + 1);
  return true;
}

}  // namespace

std::string ReadLookupWord(std::string_view word, LookupWord* read) {
  *read = LookupWord();
  read->whole = read->plain = word;
  if (word.starts_with(kPartial) && !ReadPartial(word.substr(kPartial.size()), read))
    return "format error in lookup type " + InQuotes(word);
  const std::size_t comma = read->plain.find(',');
  read->name = read->plain.substr(0, comma);
  if (comma != std::string_view::npos) read->options = read->plain.substr(comma + 1);
  if (read->name.ends_with("*@")) {
    read->name.remove_suffix(2);
    read->otherwise = LookupWord::kStarAt;
  } else if (read->name.ends_with("*")) {
    read->name.remove_suffix(1);
    read->otherwise = LookupWord::kStar;
  }
  return "";
}

const LookupType* FindLookupType(const Names& names, const LookupWord& word, std::string* wrong,
                                 std::string* hint) {
  const LookupType* type = names.FindLookup(word.name);
  if (type == nullptr) {
    *wrong = "unknown lookup type " + InQuotes(word.name);
    *hint = DidYouMean(word.name, names.LookupNames());
    return nullptr;
  }
  // For a query that names a file the defaults are permitted, though they change nothing.
  if (type->single_key || type->absolute_file) return type;
  if (word.partial)
    *wrong = "\"partial\" is not permitted for lookup type " + InQuotes(word.plain);
  else if (word.otherwise != LookupWord::kNone)
    *wrong =
        "defaults using \"*\" or \"*@\" are not permitted for lookup type " + InQuotes(word.plain);
  return wrong->empty() ? type : nullptr;
}

// The key is `prefix` and the rest of the given key.
void LookupKeys::Set(std::string_view prefix, std::size_t fixed_begin) {
  made_ = prefix;
  made_ += key_.substr(fixed_begin);
  tried_ = made_;
  parts_ = {true, fixed_begin == 0 ? 0 : std::min(key_.size(), fixed_begin - 1), fixed_begin};
}

bool LookupKeys::Next() {
  switch (step_) {
    case Step::kExact:
      step_ = word_.partial ? Step::kWhole : Step::kStarAt;
      tried_ = key_;
      parts_ = {word_.partial, 0, 0};
      return true;
    case Step::kWhole:
    case Step::kComponents:
      if (Partial()) return true;
      step_ = Step::kStarAt;
      [[fallthrough]];
    case Step::kStarAt:
      step_ = Step::kStar;
      if (word_.otherwise == LookupWord::kStarAt && StarAt()) return true;
      [[fallthrough]];
    case Step::kStar:
      step_ = Step::kEnd;
      if (word_.otherwise == LookupWord::kNone) return false;
      tried_ = "*";
      parts_ = {true, key_.size(), key_.size()};
      return true;
    case Step::kEnd:
      return false;
  }
  return false;
}

bool LookupKeys::Partial() {
  if (step_ == Step::kWhole) {
    step_ = Step::kComponents;
    components_ = 1 + static_cast<std::size_t>(std::count(key_.begin(), key_.end(), '.'));
    if (!word_.affix.empty()) return Set(word_.affix, 0), true;
  }
  return Components();
}

// Drops the leading component.
bool LookupKeys::Components() {
  if (components_ == 0 || components_ - 1 < word_.least) return false;
  --components_;
  if (components_ != 0) {
    at_ = key_.find('.', at_) + 1;
    return Set(word_.affix, at_), true;
  }
  // All are gone: the affix alone, and without the dot that parted it from them.
  std::string_view affix = word_.affix;
  if (affix.empty()) return false;
  if (affix.size() > 1 && affix.back() == '.') affix.remove_suffix(1);
  Set(affix, key_.size());
  parts_.wild_end = key_.size();
  return true;
}

// Everybody in the same domain.
bool LookupKeys::StarAt() {
  const std::size_t at = key_.rfind('@');
  if (at == std::string_view::npos || at == 0) return false;
  made_ = "*";
  made_ += key_.substr(at);
  tried_ = made_;
  parts_ = {true, at, key_.size()};
  return true;
}

}  // namespace signet::expand
