#include "drivers/auth/scram_keys.h"

#include <charconv>
#include <optional>

#include "drivers/auth/hash.h"
#include "drivers/auth/scram_messages.h"

namespace signet::auth_drivers {
namespace {

constexpr std::string_view kDovecot = "{SCRAM-SHA-256}", kRfc5803 = "SCRAM-SHA-256$";
constexpr std::size_t kSaltMaxBytes = 256;

// Takes what stands before `end`, and that character; all where it does not stand there and
// is the last.
std::optional<std::string_view> TakeUpTo(char end, std::string_view* rest) {
  const std::size_t at = rest->find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view part = rest->substr(0, at);
  rest->remove_prefix(at + 1);
  return part;
}

std::string_view ReadIterations(std::string_view text, std::uint32_t* iterations) {
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, *iterations);
  if (error != std::errc() || stopped != end) return "the number of iterations is none";
  if (*iterations < kLeastIterations) return "fewer than 4096 iterations";
  if (*iterations > kMostIterations) return "more than 1000000 iterations";
  return "";
}

std::string_view ReadKey(std::string_view text, std::string* key) {
  auto octets = driver::DecodeBase64(text);
  if (!octets || octets->size() != kSha256Size) return "a key is not 32 octets in base64";
  *key = std::move(*octets);
  return "";
}

// `separators` stand behind iterations, salt and stored key.
std::string_view ReadFields(std::string_view rest, std::string_view separators, ScramKeys* keys) {
  const auto iterations = TakeUpTo(separators[0], &rest);
  const auto salt = iterations ? TakeUpTo(separators[1], &rest) : std::nullopt;
  const auto stored = salt ? TakeUpTo(separators[2], &rest) : std::nullopt;
  if (!stored) return "fewer than four fields";
  if (const auto why = ReadIterations(*iterations, &keys->iterations); !why.empty()) return why;
  auto salted = driver::DecodeBase64(*salt);
  if (!salted || salted->empty() || salted->size() > kSaltMaxBytes)
    return "the salt is no base64, or none";
  keys->salt = std::move(*salted);
  if (const auto why = ReadKey(*stored, &keys->stored_key); !why.empty()) return why;
  return ReadKey(rest.substr(0, rest.find(',')), &keys->server_key);
}

std::string Xor(std::string_view a, std::string_view b) {
  std::string both(a);
  for (std::size_t i = 0; i < both.size() && i < b.size(); ++i)
    both[i] = static_cast<char>(both[i] ^ b[i]);
  return both;
}

}  // namespace

bool LooksStored(std::string_view text) {
  return text.substr(0, kDovecot.size()) == kDovecot || text.substr(0, kRfc5803.size()) == kRfc5803;
}

std::string_view ReadStored(std::string_view text, ScramKeys* keys) {
  if (text.substr(0, kDovecot.size()) == kDovecot)
    return ReadFields(text.substr(kDovecot.size()), ",,,", keys);
  if (text.substr(0, kRfc5803.size()) == kRfc5803)
    return ReadFields(text.substr(kRfc5803.size()), ":$:", keys);
  return "it begins neither with {SCRAM-SHA-256} nor with SCRAM-SHA-256$";
}

bool Derive(std::string_view password, ScramKeys* keys) {
  std::string salted = Pbkdf2Sha256(password, keys->salt, keys->iterations);
  std::string client_key = HmacSha256(salted, "Client Key");
  keys->stored_key = Sha256(client_key);
  keys->server_key = HmacSha256(salted, "Server Key");
  const bool good = salted.size() == kSha256Size && keys->stored_key.size() == kSha256Size &&
                    keys->server_key.size() == kSha256Size;
  driver::Wipe(&salted);
  driver::Wipe(&client_key);
  return good;
}

bool Proves(const ScramKeys& keys, std::string_view auth_message, std::string_view proof) {
  if (proof.size() != kSha256Size || keys.stored_key.size() != kSha256Size) return false;
  std::string client_key = Xor(proof, HmacSha256(keys.stored_key, auth_message));
  const bool good = driver::SameSecret(Sha256(client_key), keys.stored_key);
  driver::Wipe(&client_key);
  return good;
}

std::string ServerFinal(const ScramKeys& keys, std::string_view auth_message) {
  return "v=" + driver::EncodeBase64(HmacSha256(keys.server_key, auth_message));
}

}  // namespace signet::auth_drivers
