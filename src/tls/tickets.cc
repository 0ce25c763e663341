#include "src/tls/tickets.h"

#include <algorithm>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"
#include "src/tls/files.h"

namespace signet::tls {
namespace {

constexpr std::size_t kNameBytes = 16;  // of a key, in front of a ticket

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

std::size_t Sixteen(std::string_view octets, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(octets[at])) << 8 |
         static_cast<unsigned char>(octets[at + 1]);
}

Err<std::string> InLine(std::size_t number, const std::string& what) {
  return Err{"line " + std::to_string(number) + ": " + what};
}

bool IsThere(const TicketSecrets& secrets, const SecretText& secret) {
  return std::any_of(secrets.begin(), secrets.end(), [&](const SecretText& other) {
    return crypto::EqualSecrets(other.Reveal(), secret.Reveal());
  });
}

}  // namespace

Result<TicketSecrets, std::string> ParseTicketSecrets(std::string_view text) {
  if (text.size() > limits::kTicketKeyFileBytes)
    return Err{"is longer than " + std::to_string(limits::kTicketKeyFileBytes) + " octets"};
  TicketSecrets secrets;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    auto octets = IsHex(line) ? DecodeHex(line) : DecodeBase64(line);
    if (!octets) return InLine(number, "is neither hex nor base64");
    SecretText secret(std::move(*octets));
    if (secret.Reveal().size() < limits::kTicketSecretMinBytes)
      return InLine(number, "a secret has at least " +
                                std::to_string(limits::kTicketSecretMinBytes) + " octets, this " +
                                std::to_string(secret.Reveal().size()));
    if (IsThere(secrets, secret)) return InLine(number, "the same secret stands above");
    if (secrets.size() == limits::kTicketKeysMax)
      return InLine(number, "more than " + std::to_string(limits::kTicketKeysMax) + " secrets");
    secrets.push_back(std::move(secret));
  }
  if (secrets.empty()) return Err{std::string("holds no secret")};
  return secrets;
}

Result<TicketSecrets, std::string> ReadTicketSecrets(const std::string& path) {
  const auto text = ReadKeyFile(path);
  if (!text.ok()) return Err{text.error()};
  auto secrets = ParseTicketSecrets(text.value().Reveal());
  if (!secrets.ok()) return Err{'"' + path + "\": " + secrets.error()};
  return secrets;
}

SecretText TicketKey(const SecretText& secret, std::string_view purpose) {
  const std::string input(purpose);
  return SecretText(crypto::HmacSha256(secret.Reveal(), input + "\x01") +
                    crypto::HmacSha256(secret.Reveal(), input + "\x02"));
}

std::vector<std::string> NamesInTicket(std::string_view extension) {
  if (extension.size() < kNameBytes) return {};
  return {std::string(extension.substr(0, kNameBytes))};
}

std::vector<std::string> NamesInPreSharedKeys(std::string_view extension) {
  std::vector<std::string> names;
  if (extension.size() < 2) return names;
  std::string_view identities = extension.substr(2, Sixteen(extension, 0));
  while (identities.size() >= 2 && names.size() < kTicketNamesLookedAt) {
    const std::size_t size = Sixteen(identities, 0);
    identities.remove_prefix(2);
    if (identities.size() < size) break;
    if (size >= kNameBytes) names.emplace_back(identities.substr(0, kNameBytes));
    identities.remove_prefix(std::min(size + 4, identities.size()));  // and the ticket's age
  }
  return names;
}

bool IsNamed(const std::vector<std::string>& names, const SecretText& key, std::int64_t now) {
  if (names.empty()) return false;
  // The library changes keys by itself, and opens with the one before too.
  const std::int64_t period = 3 * std::chrono::seconds(limits::kTicketLifetime).count();
  for (const std::int64_t number : {now / period, now / period - 1}) {
    std::string input;
    for (int shift = 56; shift >= 0; shift -= 8)
      input += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff);
    input += key.Reveal();
    const SecretText derived(crypto::Sha3(512, input));
    explicit_bzero(input.data(), input.size());
    const std::string_view name = derived.Reveal().substr(0, kNameBytes);
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  }
  return false;
}

}  // namespace signet::tls
