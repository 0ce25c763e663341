#ifndef SIGNET_SRC_CRYPTO_PINS_H_
#define SIGNET_SRC_CRYPTO_PINS_H_

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/crypto/certificate.h"

// Tables that say by which key a client is known. A file of them has lines
//
//   NAME: pin=BASE64 next=BASE64 fingerprint=HEX from=2026-01-01 until=2027-06-30
//
// which is also a file for the `lsearch` lookup, whose answer ${extract{pin}{…}} takes
// apart. `#` begins a comment line, a line that begins with a blank continues the one
// before it. A pin is the SHA-256 of a certificate's SubjectPublicKeyInfo and stays the
// same when the certificate is renewed with its key; a fingerprint is the SHA-256 of a
// whole certificate, and does not.
namespace signet::crypto {

struct PinEntry {
  std::string name;
  std::string pin, next, fingerprint;       // digests as octets; "" where not given
  std::optional<std::int64_t> from, until;  // seconds; `until` is the last one
  std::size_t line = 0;                     // of the name, from 1
  std::size_t lines = 1;                    // with those that continue it
};

// What is wrong with a file of pins, and where.
struct PinError {
  std::size_t line = 0;  // 0: not about a line
  std::string message;
};

// Immutable; may be read from any thread.
class PinTable {
 public:
  // Errors: a line that is not as above, a name or a digest that stands there twice. Nothing
  // of a file with an error is used.
  static Result<PinTable, PinError> Parse(std::string_view text);
  // Pins without names, as a list in a configuration has them: each is its own name.
  static Result<PinTable, std::string> FromList(const std::vector<std::string>& pins);

  const std::vector<PinEntry>& entries() const { return entries_; }
  const PinEntry* FindName(std::string_view name) const;

  enum class How : std::uint8_t { kNot, kPin, kNext, kFingerprint };
  struct Match {
    How how = How::kNot;
    const PinEntry* entry = nullptr;
    // The certificate's key is one entry's and its fingerprint another's.
    const PinEntry* other = nullptr;
  };
  // By key first, then by fingerprint.
  Match Find(const Certificate& certificate) const;

 private:
  std::string Add(PinEntry entry);

  std::vector<PinEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> names_, keys_, fingerprints_;
};

// "" where the entry holds at `now`, else in words why not.
std::string WhyNotNow(const PinEntry& entry, std::int64_t now);

std::string PinOf(const Certificate& certificate);          // octets
std::string FingerprintOf(const Certificate& certificate);  // octets
// A SHA-256 digest written in base64 or in hexadecimal digits, with colons between its
// octets or without; "sha256:" or "sha256//" may stand before it. nullopt: not that.
std::optional<std::string> ReadDigest(std::string_view text);
// "2027-06-30" (its first second, or its last), "2027-06-30T12:00:00Z".
enum class DayEnd : bool { kFirst, kLast };
std::optional<std::int64_t> ReadDate(std::string_view text, DayEnd end);
std::string ShowDate(std::int64_t seconds, DayEnd end);  // so that ReadDate reads it back
// The line for an entry, as Parse reads it, without its end.
std::string ShowEntry(const PinEntry& entry);
// "" or what is wrong with a name in a file of pins.
std::string FlawOfPinName(std::string_view name);

// Where an authenticator has its pins from: a file, read again when it changes, or what the
// configuration itself lists.
//
//   Threads  any.
//   Cost     Load asks the file system each time, and blocks for as long as that takes.
class PinSource {
 public:
  explicit PinSource(std::string path) : path_(std::move(path)) {}
  explicit PinSource(PinTable table) : table_(std::make_shared<const PinTable>(std::move(table))) {}

  const std::string& path() const { return path_; }
  // Errors: the file cannot be read or has a mistake, "PATH:LINE: what". Never an older
  // table: a line that was taken out must not count on.
  Result<std::shared_ptr<const PinTable>, std::string> Load();

 private:
  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<const PinTable> table_;
  struct stat known_ {};
  bool settled_ = false;  // the file was old enough when read that a later change shows
};

}  // namespace signet::crypto
#endif
