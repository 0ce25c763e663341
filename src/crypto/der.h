#ifndef SIGNET_SRC_CRYPTO_DER_H_
#define SIGNET_SRC_CRYPTO_DER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// A strict reader of DER: definite, minimal lengths and one-octet tags only. What it
// does not accept is refused, never guessed at, so that a certificate that two parsers
// could read differently gives no identity.
namespace signet::crypto::der {

enum Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kOid = 0x06,
  kEnumerated = 0x0a,
  kUtf8String = 0x0c,
  kNumericString = 0x12,
  kPrintableString = 0x13,
  kTeletexString = 0x14,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kVisibleString = 0x1a,
  kUniversalString = 0x1c,
  kBmpString = 0x1e,
  kSequence = 0x30,
  kSet = 0x31,
};
// The identifier octet of a context-specific tag.
constexpr std::uint8_t Context(int number) { return static_cast<std::uint8_t>(0x80 | number); }
constexpr std::uint8_t ContextConstructed(int number) {
  return static_cast<std::uint8_t>(0xa0 | number);
}

struct Element {
  std::uint8_t tag = 0;  // identifier octet
  std::string_view content;
  std::string_view whole;  // with tag and length
};

// Reader takes elements off the front of a text of DER elements.
//
//   Lifetime  elements are views into the text.
//   Errors    the first bad octet makes it failed(); nothing comes after that.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty() && !failed_; }
  bool failed() const { return failed_; }
  // The next element; nullopt at the end and on failure.
  std::optional<Element> Next();
  // The next element if it has this tag; otherwise failed().
  std::optional<Element> Expect(std::uint8_t tag);
  // The next element if it has this tag; otherwise nothing is taken.
  std::optional<Element> Optional(std::uint8_t tag);

 private:
  std::optional<Element> Fail();
  std::string_view rest_;
  bool failed_ = false;
};

// The one element that `text` consists of, or nullopt.
std::optional<Element> Only(std::string_view text, std::uint8_t tag);

// Contents → values. nullopt: not DER, or too large for the type.
std::optional<std::string> OidText(std::string_view content);  // "2.5.4.3"; arcs up to 128 bits
std::optional<bool> Boolean(std::string_view content);
std::optional<std::uint32_t> SmallInteger(std::string_view content);  // 0 … 2^31-1
// Named bits of a BIT STRING, the first bit as bit 0; up to 32.
std::optional<std::uint32_t> NamedBits(std::string_view content);
// UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 wants them; seconds since the epoch.
std::optional<std::int64_t> Time(const Element& element);

}  // namespace signet::crypto::der
#endif
