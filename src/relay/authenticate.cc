#include "src/relay/authenticate.h"

#include <algorithm>
#include <optional>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/crypto/digest.h"

namespace signet::relay {
namespace {

SecretText Base64(const SecretText& text) { return SecretText(EncodeBase64(text.Reveal())); }

SecretText Joined(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);  // no copies are left where it grew
  for (std::string_view part : parts) text += part;
  return SecretText(std::move(text));
}

// The first line, and the answers to the challenges behind it.
class Exchange {
 public:
  Exchange(std::string mechanism, const Credentials& credentials)
      : mechanism_(std::move(mechanism)), credentials_(credentials) {}

  SecretText First() const {
    const std::string& user = credentials_.user;
    const std::string_view password = credentials_.password.Reveal();
    if (mechanism_ == "PLAIN") {
      const std::string_view nul("\0", 1);
      return Joined({"AUTH PLAIN ", Base64(Joined({nul, user, nul, password})).Reveal()});
    }
    if (mechanism_ == "EXTERNAL")
      return SecretText("AUTH EXTERNAL " + (user.empty() ? "=" : EncodeBase64(user)));
    return SecretText("AUTH " + mechanism_);
  }

  // nullopt: a challenge that is none of this mechanism.
  std::optional<SecretText> Next(const std::string& challenge) {
    ++steps_;
    if (mechanism_ == "LOGIN" && steps_ == 1) return SecretText(EncodeBase64(credentials_.user));
    if (mechanism_ == "LOGIN" && steps_ == 2) return Base64(credentials_.password);
    if (mechanism_ != "CRAM-MD5" || steps_ > 1) return std::nullopt;
    const auto asked = DecodeBase64(challenge);
    if (!asked || asked->empty()) return std::nullopt;
    const std::string digest = crypto::HmacMd5(credentials_.password.Reveal(), *asked);
    return SecretText(EncodeBase64(credentials_.user + ' ' + HexLower(digest)));
  }

 private:
  const std::string mechanism_;
  const Credentials& credentials_;
  int steps_ = 0;
};

std::string Choose(const Credentials& credentials, const Offered& offered) {
  for (const std::string& mechanism : credentials.mechanisms)
    if (offered.Mechanism(mechanism)) return mechanism;
  return "";
}

}  // namespace

Result<std::string, std::string> Authenticate(const Credentials& credentials, SmtpClient* client) {
  const std::string mechanism = Choose(credentials, client->offered());
  if (mechanism.empty()) return Err{std::string("AUTH: no mechanism of auth_mechanism is offered")};
  Exchange exchange(mechanism, credentials);
  SmtpClient::Answer answer = client->Secret(exchange.First());
  for (std::size_t step = 0; answer.ok() && answer.value().code == 334; ++step) {
    auto next = step < limits::kUpstreamAuthChallenges ? exchange.Next(answer.value().lines.front())
                                                       : std::nullopt;
    if (!next) {
      (void)client->Command("*");
      return Err{"AUTH " + mechanism + ": a challenge that is not understood"};
    }
    answer = client->Secret(*next);
  }
  if (!answer.ok()) return Err{"AUTH " + mechanism + ": " + answer.error()};
  if (answer.value().code != 235) return Err{"AUTH " + mechanism + ": " + answer.value().ForLog()};
  return mechanism;
}

}  // namespace signet::relay
