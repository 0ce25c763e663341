#include "test/support/sasl_client.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <stdexcept>
#include <utility>

#include "src/base/codec.h"

namespace signet::test {
namespace {

std::string Hmac(gnutls_mac_algorithm_t algorithm, std::string_view key, std::string_view text) {
  std::string digest(gnutls_hmac_get_len(algorithm), '\0');
  gnutls_hmac_fast(algorithm, key.data(), key.size(), text.data(), text.size(), digest.data());
  return digest;
}

class External final : public SaslClient {
 public:
  explicit External(std::string user) : user_(std::move(user)) {}
  bool first() const override { return true; }
  std::string Answer(const std::string&) override { return user_; }

 private:
  std::string user_;
};

class Plain final : public SaslClient {
 public:
  Plain(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  bool first() const override { return true; }
  std::string Answer(const std::string&) override { return '\0' + user_ + '\0' + password_; }

 private:
  std::string user_, password_;
};

class Login final : public SaslClient {
 public:
  Login(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  bool first() const override { return false; }
  std::string Answer(const std::string&) override {
    return std::exchange(named_, true) ? password_ : user_;
  }

 private:
  std::string user_, password_;
  bool named_ = false;
};

class CramMd5 final : public SaslClient {
 public:
  CramMd5(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  bool first() const override { return false; }
  std::string Answer(const std::string& challenge) override {
    return user_ + ' ' + HexLower(Hmac(GNUTLS_MAC_MD5, password_, challenge));
  }

 private:
  std::string user_, password_;
};

// RFC 5802 3, with SHA-256.
class Scram final : public SaslClient {
 public:
  Scram(std::string user, std::string password, std::string binding)
      : user_(std::move(user)), password_(std::move(password)), binding_(std::move(binding)) {}
  bool first() const override { return true; }

  std::string Answer(const std::string& challenge) override {
    if (step_++ == 0) return header() + bare_;
    if (step_ > 2) return "";
    return Proof(challenge);
  }

 private:
  std::string header() const { return binding_.empty() ? "n,," : "p=tls-exporter,,"; }
  static std::string Field(const std::string& message, char name) {
    const std::string start{name, '='};
    std::size_t at = message.starts_with(start) ? 0 : message.find("," + start);
    if (at == std::string::npos) throw std::runtime_error("SCRAM: " + message);
    at = message.find('=', at) + 1;
    return message.substr(at, message.find(',', at) - at);
  }
  std::string Proof(const std::string& challenge) {
    const std::string salt = DecodeBase64(Field(challenge, 's')).value();
    std::string salted(32, '\0');
    const gnutls_datum_t key{reinterpret_cast<unsigned char*>(password_.data()),
                             static_cast<unsigned>(password_.size())};
    const gnutls_datum_t salt_octets{
        reinterpret_cast<unsigned char*>(const_cast<char*>(salt.data())),
        static_cast<unsigned>(salt.size())};
    gnutls_pbkdf2(GNUTLS_MAC_SHA256, &key, &salt_octets,
                  static_cast<unsigned>(std::stoul(Field(challenge, 'i'))), salted.data(),
                  salted.size());
    const std::string client_key = Hmac(GNUTLS_MAC_SHA256, salted, "Client Key");
    std::string stored(32, '\0');
    gnutls_hash_fast(GNUTLS_DIG_SHA256, client_key.data(), client_key.size(), stored.data());
    const std::string last =
        "c=" + EncodeBase64(header() + binding_) + ",r=" + Field(challenge, 'r');
    const std::string signature =
        Hmac(GNUTLS_MAC_SHA256, stored, bare_ + ',' + challenge + ',' + last);
    std::string proof = client_key;
    for (std::size_t i = 0; i < proof.size(); ++i)
      proof[i] = static_cast<char>(proof[i] ^ signature[i]);
    return last + ",p=" + EncodeBase64(proof);
  }

  std::string user_, password_, binding_;
  std::string bare_ = "n=" + user_ + ",r=fyko+d2lbbFgONRv9qkxdawL";
  int step_ = 0;
};

}  // namespace

std::unique_ptr<SaslClient> MakeSaslClient(std::string_view mechanism, std::string user,
                                           std::string password, std::string binding) {
  if (mechanism == "EXTERNAL") return std::make_unique<External>(std::move(user));
  if (mechanism == "PLAIN") return std::make_unique<Plain>(std::move(user), std::move(password));
  if (mechanism == "LOGIN") return std::make_unique<Login>(std::move(user), std::move(password));
  if (mechanism == "CRAM-MD5")
    return std::make_unique<CramMd5>(std::move(user), std::move(password));
  if (mechanism.starts_with("SCRAM-SHA-256"))
    return std::make_unique<Scram>(std::move(user), std::move(password), std::move(binding));
  throw std::runtime_error("no client for " + std::string(mechanism));
}

}  // namespace signet::test
