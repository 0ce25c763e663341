#include "src/crypto/password.h"

#include <crypt.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"

namespace signet::crypto {
namespace {

bool TakePrefix(std::string_view* text, std::string_view prefix) {
  if (!StartsWithIgnoreCase(*text, prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// A digest in hex (letters in any case) or base64.
PasswordMatch CompareDigest(std::string_view digest, std::string_view stored) {
  bool equal = stored.size() == digest.size() * 2 ? EqualSecrets(HexLower(digest), Lower(stored))
                                                  : EqualSecrets(EncodeBase64(digest), stored);
  return equal ? PasswordMatch::kYes : PasswordMatch::kNo;
}

// --- crypt() -----------------------------------------------------------------------------

// A string that crypt() can read, wiped when it is dropped.
class Terminated {
 public:
  explicit Terminated(std::string_view text) : text_(text) {}
  ~Terminated() { explicit_bzero(text_.data(), text_.size()); }
  Terminated(const Terminated&) = delete;
  Terminated& operator=(const Terminated&) = delete;
  const char* get() const { return text_.c_str(); }

 private:
  std::string text_;
};

// What crypt() makes of a password with a setting, or "" with errno.
std::string Crypt(std::string_view password, std::string_view setting) {
  auto room = std::make_unique<crypt_data>();
  Terminated phrase(password), salt(setting);
  errno = 0;
  const char* made = crypt_r(phrase.get(), salt.get(), room.get());
  const int error = errno;
  std::string result = made == nullptr || *made == '*' ? "" : made;
  explicit_bzero(room.get(), sizeof *room);
  errno = error == 0 ? EINVAL : error;
  return result;
}

// Exim's crypt16: eight characters and the next eight, where there are some; the salt of
// the second half is taken from the first.
std::string Crypt16(std::string_view password, std::string_view setting) {
  constexpr std::size_t kHalf = 8, kSalt = 2;
  std::string first = Crypt(password.substr(0, kHalf), setting.substr(0, kSalt));
  if (first.size() <= kSalt || password.size() <= kHalf) return first;
  std::string second =
      Crypt(password.substr(kHalf, kHalf), std::string_view(first).substr(kSalt, kSalt));
  return second.empty() ? second : first + second.substr(kSalt);
}

PasswordMatch CompareCrypt(std::string_view password, std::string_view stored,
                           std::string (*make)(std::string_view, std::string_view), int* error) {
  constexpr std::size_t kShortest = 2;
  if (stored.size() < kShortest || stored.find('\0') != std::string_view::npos ||
      password.find('\0') != std::string_view::npos || password.size() >= CRYPT_MAX_PASSPHRASE_SIZE)
    return PasswordMatch::kNo;
  if (!IsAffordable(stored)) return PasswordMatch::kTooCostly;
  const std::string made = make(password, stored);
  if (!made.empty()) return EqualSecrets(made, stored) ? PasswordMatch::kYes : PasswordMatch::kNo;
  if (errno == EINVAL) return PasswordMatch::kNo;
  *error = errno;
  return PasswordMatch::kError;
}

// --- what crypt() would cost -------------------------------------------------------------

// Digits at the front of a text, as far as they matter.
std::size_t Leading(std::string_view text) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < text.size() && IsDigit(text[i]); ++i)
    number = std::min<std::size_t>(number * 10 + static_cast<std::size_t>(text[i] - '0'),
                                   limits::kPasswordHashWork + 1);
  return number;
}

// Memory and time of yescrypt and scrypt double with each step of this digit.
constexpr std::string_view kCryptDigits =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
bool IsAtMost(char digit, char most) { return kCryptDigits.find(digit) <= kCryptDigits.find(most); }

}  // namespace

bool IsAffordable(std::string_view stored) {
  // Work in rounds of SHA-512, which take a quarter of a microsecond or so.
  constexpr std::size_t kOfBcrypt = 50, kOfOthers = 3;
  constexpr char kMostMemory = 'B';  // 64 MiB
  std::string_view text = stored;
  if (TakePrefix(&text, "$5$rounds=") || TakePrefix(&text, "$6$rounds="))
    return Leading(text) <= limits::kPasswordHashWork;
  if (TakePrefix(&text, "$sha1$") || TakePrefix(&text, "$md5,rounds="))
    return Leading(text) * kOfOthers <= limits::kPasswordHashWork;
  if (text.size() > 4 && text.starts_with("$2") && text[3] == '$')
    return Leading(text.substr(4)) < 32 &&
           (kOfBcrypt << Leading(text.substr(4))) <= limits::kPasswordHashWork;
  if (TakePrefix(&text, "$y$") || TakePrefix(&text, "$gy$")) {
    std::string_view parameters = text.substr(0, text.find('$'));
    return parameters.size() == 3 && parameters[0] == 'j' && IsAtMost(parameters[1], kMostMemory) &&
           IsAtMost(parameters[2], 'T');
  }
  if (TakePrefix(&text, "$7$"))
    return text.size() > 11 && IsAtMost(text[0], kMostMemory) && IsAtMost(text[1], 'U') &&
           text.substr(2, 4) == "...." && text.substr(6, 5) == "/....";
  return true;  // fixed, or bounded by the form itself
}

PasswordMatch CheckPassword(std::string_view password, std::string_view stored, int* error) {
  if (TakePrefix(&stored, "{md5}")) return CompareDigest(Md5(password), stored);
  if (TakePrefix(&stored, "{sha1}")) return CompareDigest(Sha1(password), stored);
  if (TakePrefix(&stored, "{crypt16}")) return CompareCrypt(password, stored, &Crypt16, error);
  if (TakePrefix(&stored, "{crypt}") || !stored.starts_with('{'))
    return CompareCrypt(password, stored, &Crypt, error);
  return PasswordMatch::kUnknownScheme;
}

}  // namespace signet::crypto
