#include "src/crypto/der.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::crypto::der {
namespace {

unsigned Octet(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

using Arc = unsigned __int128;

std::string Decimal(Arc value) {
  if (value == 0) return "0";
  std::string out;
  for (; value != 0; value /= 10) out += static_cast<char>('0' + static_cast<int>(value % 10));
  std::reverse(out.begin(), out.end());
  return out;
}

// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
std::int64_t DaysFromEpoch(int year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

int DaysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

int Digits(std::string_view text) {
  int value = 0;
  for (char c : text) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

std::optional<Element> Reader::Fail() {
  failed_ = true;
  rest_ = {};
  return std::nullopt;
}

std::optional<Element> Reader::Next() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < 2) return Fail();
  const auto tag = static_cast<std::uint8_t>(rest_[0]);
  if ((tag & 0x1f) == 0x1f) return Fail();  // long tags: nothing that we read has them
  std::size_t header = 2;
  std::size_t length = Octet(rest_, 1);
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7f;
    if (octets == 0 || octets > 4 || rest_.size() < 2 + octets) return Fail();
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = length << 8 | Octet(rest_, 2 + i);
    const std::size_t least = octets == 1 ? 0x80 : std::size_t{1} << (8 * (octets - 1));
    if (length < least) return Fail();  // a shorter form exists
    header += octets;
  }
  if (length > rest_.size() - header) return Fail();
  Element element{tag, rest_.substr(header, length), rest_.substr(0, header + length)};
  rest_.remove_prefix(header + length);
  return element;
}

std::optional<Element> Reader::Expect(std::uint8_t tag) {
  auto element = Next();
  if (!element || element->tag != tag) return Fail();
  return element;
}

std::optional<Element> Reader::Optional(std::uint8_t tag) {
  if (rest_.empty() || static_cast<std::uint8_t>(rest_[0]) != tag) return std::nullopt;
  return Next();
}

std::optional<Element> Only(std::string_view text, std::uint8_t tag) {
  Reader reader(text);
  auto element = reader.Expect(tag);
  if (!element || !reader.done()) return std::nullopt;
  return element;
}

std::optional<std::string> OidText(std::string_view content) {
  if (content.empty()) return std::nullopt;
  std::string out;
  Arc arc = 0;
  bool inside = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const unsigned octet = Octet(content, i);
    if (!inside && octet == 0x80) return std::nullopt;  // leading zero of an arc
    if (arc >> 121 != 0) return std::nullopt;
    arc = arc << 7 | (octet & 0x7f);
    inside = (octet & 0x80) != 0;
    if (inside) continue;
    if (out.empty()) {
      const unsigned first = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      out = Decimal(first) + "." + Decimal(arc - 40 * first);
    } else {
      out += "." + Decimal(arc);
    }
    arc = 0;
  }
  if (inside) return std::nullopt;
  return out;
}

std::optional<bool> Boolean(std::string_view content) {
  if (content.size() != 1 || (content[0] != '\0' && content[0] != '\xff')) return std::nullopt;
  return content[0] != '\0';
}

std::optional<std::uint32_t> SmallInteger(std::string_view content) {
  if (content.empty() || content.size() > 4 || Octet(content, 0) >= 0x80) return std::nullopt;
  if (content.size() > 1 && content[0] == '\0' && Octet(content, 1) < 0x80) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < content.size(); ++i) value = value << 8 | Octet(content, i);
  return value;
}

std::optional<std::uint32_t> NamedBits(std::string_view content) {
  if (content.empty() || content.size() > 5 || Octet(content, 0) > 7) return std::nullopt;
  if (content.size() == 1 && content[0] != '\0') return std::nullopt;
  std::uint32_t bits = 0;
  for (std::size_t i = 1; i < content.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit)
      if (Octet(content, i) & (0x80u >> bit)) bits |= 1u << (8 * (i - 1) + bit);
  return bits;
}

std::optional<std::int64_t> Time(const Element& element) {
  std::string_view text = element.content;
  const bool short_year = element.tag == kUtcTime;
  if (!short_year && element.tag != kGeneralizedTime) return std::nullopt;
  const std::size_t year_digits = short_year ? 2 : 4;
  if (text.size() != year_digits + 11 || text.back() != 'Z') return std::nullopt;
  text.remove_suffix(1);
  if (!std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  int year = Digits(text.substr(0, year_digits));
  if (short_year) year += year < 50 ? 2000 : 1900;  // RFC 5280 4.1.2.5.1
  text.remove_prefix(year_digits);
  const int month = Digits(text.substr(0, 2)), day = Digits(text.substr(2, 2));
  const int hour = Digits(text.substr(4, 2)), minute = Digits(text.substr(6, 2));
  const int second = Digits(text.substr(8, 2));
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, month)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return DaysFromEpoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

}  // namespace signet::crypto::der
