#include "test/support/authority.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <stdexcept>

#include "src/base/codec.h"

namespace signet::test {

namespace {
constexpr int kKeyNumbers = 10'000;  // away from those that other tests share

std::string Digest(const char* algorithm, std::string_view octets) {
  const auto id = static_cast<gnutls_digest_algorithm_t>(gnutls_digest_get_id(algorithm));
  std::string out(gnutls_hash_get_len(id), '\0');
  if (gnutls_hash_fast(id, octets.data(), octets.size(), out.data()) != 0)
    throw std::runtime_error("no digest");
  return out;
}
}  // namespace

Authority::Authority(const std::string& name, int id)
    : root_(testing::MakeRoot(name + " Root", testing::KeyType::kEcdsaP384, kKeyNumbers + 2 * id)),
      intermediate_(testing::MakeIntermediate(root_, name + " CA", testing::KeyType::kEcdsaP256,
                                              kKeyNumbers + 2 * id + 1)) {
  testing::WriteFile(root(), root_.Pem());
  testing::WriteFile(chain(), intermediate_.Pem() + root_.Pem());
  testing::CertificateSpec server = testing::ServerSpec();
  server.alternative_names.push_back(testing::DnsName("mx.example.org"));
  Issue("server", server);
}

const testing::Issued& Authority::Keep(const std::string& name, testing::Issued issued,
                                       const std::string& chain) {
  testing::WriteFile(pem(name), issued.Pem() + chain);
  testing::WriteFile(key(name), issued.key.Pem());
  return issued_.insert_or_assign(name, std::move(issued)).first->second;
}

const testing::Issued& Authority::Issue(const std::string& name,
                                        const testing::CertificateSpec& spec,
                                        const testing::Key& key) {
  return Keep(name, testing::Issue(spec, key, &intermediate_), intermediate_.Pem());
}
const testing::Issued& Authority::Issue(const std::string& name,
                                        const testing::CertificateSpec& spec) {
  return Issue(name, spec, testing::Key::Generate(testing::KeyType::kEcdsaP256));
}
const testing::Issued& Authority::IssueSelfSigned(const std::string& name,
                                                  const testing::CertificateSpec& spec) {
  return Keep(name,
              testing::Issue(spec, testing::Key::Generate(testing::KeyType::kEcdsaP256), nullptr),
              "");
}

std::string HexDigest(const char* algorithm, std::string_view octets, char separator) {
  std::string out;
  for (const char octet : Digest(algorithm, octets)) {
    char text[3];
    std::snprintf(text, sizeof text, "%02X", static_cast<unsigned char>(octet));
    if (separator != '\0' && !out.empty()) out += separator;
    out += text;
  }
  return out;
}
std::string PublicKeyPin(const testing::Key& key) {
  return EncodeBase64(Digest("SHA256", key.PublicDer()));
}

}  // namespace signet::test
