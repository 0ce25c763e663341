#include "src/config/scalars.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>

#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::config {
namespace {

constexpr std::string_view kSuffixes = "KMGT";

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr Unit kUnits[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (std::string_view part : parts) all += part;
  return all;
}

// What stands behind a value that is complete.
std::string_view Junk(std::string_view text, std::size_t at) {
  return Trim(text.substr(std::min(at, text.size())));
}

}  // namespace

std::string_view CommentHint(std::string_view junk) {
  return junk.starts_with('#') ? " (# is comment only at line start)" : "";
}

Result<std::int64_t, ScalarError> ReadInteger(std::string_view text, std::string_view option) {
  std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  int base = 10;
  std::size_t digits = sign;
  if (text.size() > sign + 1 && text[sign] == '0') {
    base = ToLower(text[sign + 1]) == 'x' ? 16 : 8;
    if (base == 16) digits += 2;
  }
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + digits, end, value, base);
  if (error == std::errc::invalid_argument) {
    return Err{ScalarError{Join({"integer expected for ", option}), 0}};
  }
  std::size_t at = static_cast<std::size_t>(stop - text.data());
  std::size_t suffix = at < text.size() ? kSuffixes.find(ToUpper(text[at])) : kSuffixes.npos;
  std::uint64_t factor = 1;
  if (suffix != kSuffixes.npos) {
    factor = std::uint64_t{1} << (10 * (suffix + 1));
    ++at;
  }
  if (std::string_view junk = Junk(text, at); !junk.empty()) {
    return Err{
        ScalarError{Join({"extra characters follow integer value for ", option, CommentHint(junk)}),
                    static_cast<std::size_t>(junk.data() - text.data())}};
  }
  if (error == std::errc::result_out_of_range ||
      value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) {
    return Err{
        ScalarError{Join({"absolute value of integer \"", text, "\" is too large (overflow)"}), 0}};
  }
  auto result = static_cast<std::int64_t>(value * factor);
  return text[0] == '-' ? -result : result;
}

Result<bool, ScalarError> ReadBoolean(std::string_view text, std::string_view option) {
  std::size_t size = 0;
  while (size < text.size() && IsAlnum(text[size])) ++size;
  std::string_view word = text.substr(0, size);
  bool yes = EqualsIgnoreCase(word, "true") || EqualsIgnoreCase(word, "yes");
  if (!yes && !EqualsIgnoreCase(word, "false") && !EqualsIgnoreCase(word, "no")) {
    return Err{ScalarError{
        Join({"\"", Printable(text), "\" is not a valid value for the \"", option, "\" option"}),
        0}};
  }
  if (std::string_view junk = Junk(text, size); !junk.empty()) {
    return Err{ScalarError{Join({"extra characters follow \"", word, "\" for boolean option ",
                                 option, CommentHint(junk)}),
                           static_cast<std::size_t>(junk.data() - text.data())}};
  }
  return yes;
}

Result<std::chrono::milliseconds, ScalarError> ReadTime(std::string_view text,
                                                        std::string_view option) {
  auto invalid = [&] { return Err{ScalarError{Join({"invalid time value for ", option}), 0}}; };
  std::int64_t total = 0;
  const std::int64_t max = std::numeric_limits<std::int32_t>::max();
  std::size_t at = 0;
  while (at < text.size()) {
    std::int32_t count = 0;
    auto [stop, error] = std::from_chars(text.data() + at, text.data() + text.size(), count);
    at = static_cast<std::size_t>(stop - text.data());
    if (error != std::errc() || count < 0 || at == text.size()) return invalid();
    std::int64_t seconds = 0;
    for (const Unit& unit : kUnits) {
      if (text[at] == unit.letter) seconds = unit.seconds;
    }
    if (seconds == 0 || count > max / seconds) return invalid();
    total += count * seconds;
    if (total > max) return invalid();
    ++at;
  }
  if (text.empty()) return invalid();
  return std::chrono::milliseconds(std::chrono::seconds(total));
}

std::string ShowInteger(std::int64_t value) {
  std::size_t suffix = 0;
  while (value != 0 && value % 1024 == 0 && suffix < kSuffixes.size()) {
    value /= 1024;
    ++suffix;
  }
  std::string shown = std::to_string(value);
  if (suffix > 0) shown += kSuffixes[suffix - 1];
  return shown;
}

std::string ShowTime(std::chrono::milliseconds time) {
  std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(time).count();
  if (seconds <= 0) return "0s";
  std::string shown;
  for (const Unit& unit : kUnits) {
    if (seconds < unit.seconds) continue;
    shown += std::to_string(seconds / unit.seconds) + unit.letter;
    seconds %= unit.seconds;
  }
  return shown;
}

}  // namespace signet::config
