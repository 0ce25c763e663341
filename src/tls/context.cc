#include <gnutls/gnutls.h>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"
#include "src/tls/files.h"
#include "src/tls/policy.h"
#include "src/tls/tls.h"

namespace signet::tls {

// Forward-secret AEAD suites only. FFDHE is out because one handshake of it costs as much
// as twenty of X25519, AES-GCM comes first because ChaCha20 has no fast path in nettle.
const std::string_view kServerPriority =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:"
    "-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE";
const std::string_view kClientPriority =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1";

namespace {

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

struct Pair {
  std::string certificate_file, key_file;
};

Result<std::vector<Pair>, std::string> PairsOf(const ServerPolicy::Sources& sources) {
  const auto certificates = SplitAdministratorList(sources.certificate_file);
  const auto keys = SplitAdministratorList(sources.key_file);
  if (certificates.empty()) return Err{std::string("no certificate file is configured")};
  if (!keys.empty() && keys.size() != certificates.size())
    return Err{"as many private keys as certificates are expected (" +
               std::to_string(certificates.size()) + "), found " + std::to_string(keys.size())};
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < certificates.size(); ++i)
    pairs.push_back({certificates[i], keys.empty() ? certificates[i] : keys[i]});
  return pairs;
}

// Loads one pair into `*rep`. "" or what is wrong.
std::string LoadPair(const Pair& pair, PolicyParts* rep) {
  const auto pem = ReadTlsFile(pair.certificate_file);
  if (!pem.ok()) return pem.error();
  const auto chain = crypto::Certificate::ChainFromPem(pem.value());
  if (!chain.ok()) return "\"" + pair.certificate_file + "\": " + chain.error();
  const auto key = ReadKeyFile(pair.key_file);
  if (!key.ok()) return key.error();
  if (std::string wrong = rep->credentials.Add(pem.value(), key.value()); !wrong.empty())
    return "\"" + pair.certificate_file + "\" with key \"" + pair.key_file + "\": " + wrong;
  rep->own.push_back(chain.value().front());
  return "";
}

Result<crypto::TrustStorePtr, std::string> LoadTrust(const ServerPolicy::Sources& sources) {
  crypto::TrustStore::Sources texts;
  for (const auto& [file, text] : {std::pair(&sources.verify_file, &texts.anchors_pem),
                                   std::pair(&sources.crl_file, &texts.crls_pem)}) {
    if (file->empty()) continue;
    auto read = ReadTrust(*file);
    if (!read.ok()) return Err{read.error()};
    *text = std::move(read).value();
  }
  auto store = crypto::TrustStore::Make(texts);
  if (store.ok()) return store;
  return Err{"\"" + sources.verify_file +
             (sources.crl_file.empty() ? std::string("\"") : "\", \"" + sources.crl_file + "\"") +
             ": " + store.error()};
}

// Authorities whose names go to clients; none where there are none to send.
Result<std::vector<crypto::CertificatePtr>, std::string> NamedAuthorities(
    const ServerPolicy::Sources& sources, const crypto::TrustStore& trust) {
  std::vector<crypto::CertificatePtr> authorities;
  if (sources.ca_names.empty()) return authorities;
  if (sources.ca_names == "all") {
    authorities = trust.anchor_certificates();
  } else {
    const auto pem = ReadTlsFile(sources.ca_names);
    if (!pem.ok()) return Err{pem.error()};
    auto chain = crypto::Certificate::ChainFromPem(pem.value());
    if (!chain.ok()) return Err{"\"" + sources.ca_names + "\": " + chain.error()};
    authorities = std::move(chain).value();
  }
  if (authorities.size() <= limits::kCaNamesMax) return authorities;
  return Err{"\"" + sources.ca_names + "\" are " + std::to_string(authorities.size()) +
             " authorities; clients are sent the names of at most " +
             std::to_string(limits::kCaNamesMax)};
}

}  // namespace

Credentials::Credentials() { SIGNET_CHECK(gnutls_certificate_allocate_credentials(&handle_) >= 0); }
Credentials::~Credentials() { gnutls_certificate_free_credentials(handle_); }

std::string Credentials::Add(const std::string& chain_pem, const SecretText& key_pem) {
  const gnutls_datum_t chain = Datum(chain_pem), key = Datum(key_pem.Reveal());
  const int rc =
      gnutls_certificate_set_x509_key_mem2(handle_, &chain, &key, GNUTLS_X509_FMT_PEM, nullptr, 0);
  return rc < 0 ? gnutls_strerror(rc) : "";
}

std::string Credentials::SetNames(const std::vector<crypto::CertificatePtr>& authorities) {
  for (const crypto::CertificatePtr& authority : authorities) {
    const gnutls_datum_t der = Datum(authority->der());
    const int rc = gnutls_certificate_set_x509_trust_mem(handle_, &der, GNUTLS_X509_FMT_DER);
    if (rc < 0) return gnutls_strerror(rc);
  }
  return "";
}

Priority::~Priority() {
  if (handle_ != nullptr) gnutls_priority_deinit(handle_);
}

std::string Priority::Set(const std::string& text, std::string_view otherwise) {
  std::string wanted = text.empty() ? std::string(otherwise) : text;
  const std::size_t own_part = wanted.size();
  wanted += ":-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1";
  const char* at = nullptr;
  const int rc = gnutls_priority_init(&handle_, wanted.c_str(), &at);
  if (rc >= 0) return "";
  handle_ = nullptr;
  std::size_t offset = at != nullptr ? static_cast<std::size_t>(at - wanted.c_str()) : 0;
  if (offset > own_part) offset = own_part;
  return "priority string \"" + Printable(wanted.substr(0, own_part)) + "\" failed at offset " +
         std::to_string(offset) + ": " + gnutls_strerror(rc);
}

ServerPolicy::ServerPolicy(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
ServerPolicy::~ServerPolicy() = default;
const crypto::TrustStorePtr& ServerPolicy::trust() const { return rep_->trust; }

Result<ServerPolicyPtr, std::string> ServerPolicy::Make(const Sources& sources) {
  auto rep = std::make_unique<Rep>();
  const auto pairs = PairsOf(sources);
  if (!pairs.ok()) return Err{pairs.error()};
  for (const Pair& pair : pairs.value())
    if (std::string wrong = LoadPair(pair, rep.get()); !wrong.empty()) return Err{wrong};
  if (std::string wrong = rep->priority.Set(sources.priority, kServerPriority); !wrong.empty())
    return Err{wrong};
  auto trust = LoadTrust(sources);
  if (!trust.ok()) return Err{trust.error()};
  rep->trust = std::move(trust).value();
  rep->purpose = sources.purpose;
  const auto names = NamedAuthorities(sources, *rep->trust);
  if (!names.ok()) return Err{names.error()};
  if (std::string wrong = rep->credentials.SetNames(names.value()); !wrong.empty())
    return Err{"\"" + sources.ca_names + "\": " + wrong};
  rep->sends_names = !names.value().empty();
  rep->resumption = sources.resumption;
  if (rep->resumption) rep->ticket_secret = SecretText(crypto::RandomOctets(32));
  return ServerPolicyPtr(new ServerPolicy(std::move(rep)));
}

}  // namespace signet::tls
