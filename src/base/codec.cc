#include "src/base/codec.h"

#include <array>
#include <cstdint>

#include "src/base/text.h"

namespace signet {
namespace {

constexpr char kLowerHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string Hex(std::string_view octets, const char* digits) {
  std::string out;
  out.reserve(octets.size() * 2);
  for (unsigned char c : octets) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  c = ToLower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

constexpr std::array<std::int8_t, 256> MakeBase64Values() {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (int i = 0; i < 64; ++i)
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kBase64Values = MakeBase64Values();

// So that an ordinary value is quoted without growing the text on the way.
constexpr std::size_t kRoomForQuotes = 16;

bool Contains(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

void AppendPercent(std::string* out, char c) {
  auto octet = static_cast<unsigned char>(c);
  *out += '%';
  *out += kUpperHex[octet >> 4];
  *out += kUpperHex[octet & 15];
}

// The characters that stand for themselves in an LDAP URL here.
constexpr std::string_view kUrlSafe = "!$'-._()*+";

}  // namespace

std::string HexLower(std::string_view octets) { return Hex(octets, kLowerHex); }
std::string HexUpper(std::string_view octets) { return Hex(octets, kUpperHex); }

std::optional<std::string> DecodeHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    int high = HexValue(hex[i]), low = HexValue(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string EncodeBase64(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    std::uint32_t group = 0;
    std::size_t count = std::min<std::size_t>(3, octets.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(octets[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? kBase64[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text, DroppedBits dropped) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    std::size_t pads = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      int value = k >= 4 - pads ? 0 : kBase64Values[static_cast<unsigned char>(text[i + k])];
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    // One text per octet string, where it matters.
    if (dropped == DroppedBits::kZero && (group & ((1u << (8 * pads)) - 1)) != 0)
      return std::nullopt;
    for (std::size_t k = 0; k < 3 - pads; ++k)
      out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

std::string EncodeXtext(std::string_view octets) {
  std::string out;
  for (char c : octets) {
    if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
      out += c;
      continue;
    }
    auto octet = static_cast<unsigned char>(c);
    out += '+';
    out += kUpperHex[octet >> 4];
    out += kUpperHex[octet & 15];
  }
  return out;
}

std::optional<std::string> DecodeXtext(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c <= ' ' || c >= 0x7f || c == '=') return std::nullopt;
    if (c != '+') {
      out += c;
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    int high = HexValue(text[i + 1]), low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string QuoteLdapFilter(std::string_view octets) {
  std::string out;
  out.reserve(octets.size() + kRoomForQuotes);
  for (char c : octets) {
    if (IsAlnum(c)) {
      out += c;
    } else if (Contains("*()\\", c) || c == '\0') {
      // A filter's own escape is backslash and two hex digits (RFC 4515 §3); the
      // backslash itself must pass the URL as %5C.
      auto octet = static_cast<unsigned char>(c);
      out += "%5C";
      out += kUpperHex[octet >> 4];
      out += kUpperHex[octet & 15];
    } else if (Contains(kUrlSafe, c)) {
      out += c;
    } else {
      AppendPercent(&out, c);
    }
  }
  return out;
}

std::string QuoteLdapDn(std::string_view octets) {
  std::string out;
  out.reserve(octets.size() + kRoomForQuotes);
  std::size_t begin = 0, end = octets.size();
  for (; begin < end && (octets[begin] == ' ' || octets[begin] == '#'); ++begin) {
    out += "%5C";
    AppendPercent(&out, octets[begin]);
  }
  std::size_t trailing = 0;
  while (end > begin && octets[end - 1] == ' ') --end, ++trailing;
  for (char c : octets.substr(begin, end - begin)) {
    if (IsAlnum(c)) {  // nearly all of them
      out += c;
      continue;
    }
    if (c == '\0') {
      out += "%5C00";  // RFC 4514 §2.4: NUL must be written in hex
      continue;
    }
    if (Contains(",+\"\\<>;", c)) out += "%5C";
    if (Contains(kUrlSafe, c))
      out += c;
    else
      AppendPercent(&out, c);
  }
  for (; trailing > 0; --trailing) out += "%5C%20";
  return out;
}

}  // namespace signet
