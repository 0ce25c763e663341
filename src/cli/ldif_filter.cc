#include "src/cli/ldif_filter.h"

#include <algorithm>
#include <charconv>

#include "src/base/text.h"
#include "src/cli/ldif_ber.h"

namespace signet::cli {
namespace {

constexpr int kDepthMax = 100;

enum Tag : unsigned {
  kOctetString = 0x04,
  kSequence = 0x30,
  kAndTag = 0xa0,
  kOrTag = 0xa1,
  kNotTag = 0xa2,
  kEqualityTag = 0xa3,
  kSubstringsTag = 0xa4,
  kGreaterTag = 0xa5,
  kLessTag = 0xa6,
  kPresentTag = 0x87,
  kApproxTag = 0xa8,
  kExtensibleTag = 0xa9,
};

// Matching rules that need nothing but the values.
constexpr std::string_view kCaseIgnoreRules[] = {
    "2.5.13.2", "caseignorematch", "1.3.6.1.4.1.1466.109.114.2", "caseignoreia5match"};
constexpr std::string_view kCaseExactRules[] = {"2.5.13.5", "caseexactmatch",
                                                "1.3.6.1.4.1.1466.109.114.1", "caseexactia5match"};
constexpr std::string_view kAllBitsRule = "1.2.840.113556.1.4.803";
constexpr std::string_view kAnyBitsRule = "1.2.840.113556.1.4.804";

template <typename Rules>
bool IsOneOf(const Rules& rules, const std::string& rule) {
  return std::find(std::begin(rules), std::end(rules), rule) != std::end(rules);
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Which of two values comes first: as numbers where both are.
int Compare(const std::string& a, const std::string& b) {
  const auto x = Number(a), y = Number(b);
  if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
  return a.compare(b);
}

}  // namespace

std::optional<LdifFilter> LdifFilter::Read(std::string_view ber) { return Read(ber, 0); }

std::optional<LdifFilter> LdifFilter::Read(std::string_view ber, int depth) {
  BerReader reader(ber);
  const auto item = reader.Next();
  LdifFilter filter;
  if (!item || !reader.empty() || depth > kDepthMax) return std::nullopt;
  if (!filter.ReadInto(item->tag, item->body, depth)) return std::nullopt;
  return filter;
}

void LdifFilter::SetDescription(std::string_view description) {
  type_ = LdifType(description);
  syntax_ = LdifSyntaxOf(type_);
  for (std::size_t at = description.find(';'); at != description.npos;) {
    const std::size_t end = std::min(description.find(';', at + 1), description.size());
    options_.push_back(Lower(description.substr(at + 1, end - at - 1)));
    at = end == description.size() ? description.npos : end;
  }
}

bool LdifFilter::ReadAssertion(std::string_view body) {
  BerReader reader(body);
  const auto description = reader.Next(kOctetString);
  const auto value = reader.Next(kOctetString);
  if (!description || !value || !reader.empty()) return false;
  SetDescription(description->body);
  const auto normalized = LdifNormalized(syntax_, value->body);
  valid_ = normalized.has_value();
  if (normalized) value_ = *normalized;
  return true;
}

bool LdifFilter::ReadSubstrings(std::string_view body) {
  BerReader reader(body);
  const auto description = reader.Next(kOctetString);
  const auto pieces = reader.Next(kSequence);
  if (!description || !pieces || !reader.empty()) return false;
  SetDescription(description->body);
  BerReader each(pieces->body);
  while (!each.empty()) {
    const auto piece = each.Next();
    if (!piece) return false;
    std::string text = LdifNormalizedPiece(syntax_, piece->body);
    if (piece->tag == 0x80)
      initial_ = std::move(text);
    else if (piece->tag == 0x81)
      any_.push_back(std::move(text));
    else if (piece->tag == 0x82)
      final_ = std::move(text);
    else
      return false;
  }
  return true;
}

bool LdifFilter::ReadExtensible(std::string_view body) {
  BerReader reader(body);
  std::string rule, type, value;
  bool names_too = false;
  while (!reader.empty()) {
    const auto item = reader.Next();
    if (!item) return false;
    if (item->tag == 0x81) rule = Lower(item->body);
    if (item->tag == 0x82) type = item->body;
    if (item->tag == 0x83) value = item->body;
    if (item->tag == 0x84) names_too = item->Integer() != 0;
  }
  if (type.empty() || names_too) {
    kind_ = Kind::kUnsupported;
    unsupported_ = "a filter that asks for any attribute, or for the name";
    return true;
  }
  SetDescription(type);
  kind_ = Kind::kEqual;
  if (rule == kAllBitsRule || rule == kAnyBitsRule) {
    kind_ = rule == kAllBitsRule ? Kind::kAllBits : Kind::kAnyBits;
    syntax_ = LdifSyntax::kInteger;
  } else if (IsOneOf(kCaseIgnoreRules, rule)) {
    syntax_ = LdifSyntax::kText;
  } else if (IsOneOf(kCaseExactRules, rule)) {
    syntax_ = LdifSyntax::kExact;
    exact_ = true;
  } else if (!rule.empty()) {
    kind_ = Kind::kUnsupported;
    unsupported_ = "the matching rule " + rule;
    return true;
  }
  const auto normalized = LdifNormalized(syntax_, value);
  valid_ = normalized.has_value();
  if (normalized) value_ = *normalized;
  return true;
}

bool LdifFilter::ReadInto(unsigned tag, std::string_view body, int depth) {
  switch (tag) {
    case kAndTag:
    case kOrTag:
    case kNotTag: {
      kind_ = tag == kAndTag ? Kind::kAnd : tag == kOrTag ? Kind::kOr : Kind::kNot;
      BerReader reader(body);
      std::size_t at = 0;
      while (!reader.empty()) {
        const auto item = reader.Next();
        if (!item) return false;
        const std::size_t end = static_cast<std::size_t>(item->body.end() - body.begin());
        auto part = Read(body.substr(at, end - at), depth + 1);
        if (!part) return false;
        parts_.push_back(*std::move(part));
        at = end;
      }
      return kind_ != Kind::kNot || parts_.size() == 1;
    }
    case kEqualityTag:
    case kApproxTag:
      kind_ = Kind::kEqual;
      return ReadAssertion(body);
    case kGreaterTag:
      kind_ = Kind::kAtLeast;
      return ReadAssertion(body);
    case kLessTag:
      kind_ = Kind::kAtMost;
      return ReadAssertion(body);
    case kSubstringsTag:
      kind_ = Kind::kSubstrings;
      return ReadSubstrings(body);
    case kPresentTag:
      kind_ = Kind::kPresent;
      SetDescription(body);
      return true;
    case kExtensibleTag:
      return ReadExtensible(body);
    default:
      return false;
  }
}

std::string LdifFilter::Unsupported() const {
  if (!unsupported_.empty()) return unsupported_;
  for (const LdifFilter& part : parts_)
    if (std::string why = part.Unsupported(); !why.empty()) return why;
  return "";
}

const LdifFilter* LdifFilter::FindEquality() const {
  if (kind_ == Kind::kEqual && valid_ && !exact_ && syntax_ == LdifSyntaxOf(type_) &&
      syntax_ != LdifSyntax::kObjectClass && type_ != "name")
    return this;
  if (kind_ != Kind::kAnd) return nullptr;
  for (const LdifFilter& part : parts_)
    if (const LdifFilter* found = part.FindEquality()) return found;
  return nullptr;
}

// An attribute with more options is a kind of the one with fewer.
bool LdifFilter::Applies(const LdifValues& values) const {
  if (!LdifIsKindOf(values.type, type_)) return false;
  return std::all_of(options_.begin(), options_.end(), [&](const std::string& option) {
    return std::find(values.options.begin(), values.options.end(), option) != values.options.end();
  });
}

bool LdifFilter::MeetsPieces(std::string_view text) const {
  if (initial_) {
    if (!text.starts_with(*initial_)) return false;
    text.remove_prefix(initial_->size());
  }
  for (const std::string& piece : any_) {
    const std::size_t at = text.find(piece);
    if (at == text.npos) return false;
    text.remove_prefix(at + piece.size());
  }
  return !final_ || text.ends_with(*final_);
}

bool LdifFilter::Meets(const LdifValues& values, std::size_t i) const {
  const std::string& have = values.normalized[i];
  switch (kind_) {
    case Kind::kEqual:
      if (syntax_ == values.syntax) return have == value_;
      return LdifNormalized(syntax_, values.values[i]) == value_;
    case Kind::kSubstrings:
      return MeetsPieces(have);
    case Kind::kAtLeast:
      return Compare(have, value_) >= 0;
    case Kind::kAtMost:
      return Compare(have, value_) <= 0;
    case Kind::kAllBits:
    case Kind::kAnyBits: {
      const auto bits = Number(have), wanted = Number(value_);
      if (!bits || !wanted) return false;
      return kind_ == Kind::kAllBits ? (*bits & *wanted) == *wanted : (*bits & *wanted) != 0;
    }
    default:
      return true;
  }
}

bool LdifFilter::MeetsObjectClass(const LdifValues& values) const {
  for (const std::string& have : values.normalized) {
    const auto above = LdifSuperiors(have);
    if (std::find(above.begin(), above.end(), value_) != above.end()) return true;
  }
  return false;
}

LdifFilter::Match LdifFilter::Matches(const std::vector<LdifValues>& entry) const {
  const auto other = [](Match match) {
    return match == Match::kTrue    ? Match::kFalse
           : match == Match::kFalse ? Match::kTrue
                                    : Match::kUndefined;
  };
  if (kind_ == Kind::kNot) return other(parts_[0].Matches(entry));
  if (kind_ == Kind::kAnd || kind_ == Kind::kOr) {
    const Match decides = kind_ == Kind::kAnd ? Match::kFalse : Match::kTrue;
    Match result = other(decides);
    for (const LdifFilter& part : parts_) {
      const Match match = part.Matches(entry);
      if (match == decides) return decides;
      if (match == Match::kUndefined) result = Match::kUndefined;
    }
    return result;
  }
  if (!valid_ || kind_ == Kind::kUnsupported) return Match::kUndefined;
  for (const LdifValues& values : entry) {
    if (!Applies(values)) continue;
    if (kind_ == Kind::kPresent) return Match::kTrue;
    for (std::size_t i = 0; i < values.values.size(); ++i)
      if (Meets(values, i)) return Match::kTrue;
    if (kind_ == Kind::kEqual && syntax_ == LdifSyntax::kObjectClass && MeetsObjectClass(values))
      return Match::kTrue;
  }
  return Match::kFalse;
}

}  // namespace signet::cli
