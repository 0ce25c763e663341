#include <gnutls/gnutls.h>

#include <algorithm>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"
#include "src/tls/material.h"
#include "src/tls/own.h"
#include "src/tls/policy.h"
#include "src/tls/remote_credentials.h"
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

// Of all that makes a policy and is not read anew for each session: revocation lists are, so
// that servers which fetched them at different times still open each other's tickets.
std::string DigestOf(const ServerPolicy::Sources& sources, const Material& material,
                     const std::vector<crypto::CertificatePtr>& names) {
  std::string octets;
  const auto add = [&octets](std::string_view text) {
    octets += std::to_string(text.size()) + ':';
    octets += text;
  };
  for (const Pair& pair : *material.pairs) add(pair.chain_pem);
  add("anchors");
  for (const crypto::CertificatePtr& anchor : material.trust->anchor_certificates())
    add(anchor->der());
  add("names");
  for (const crypto::CertificatePtr& name : names) add(name->der());
  add(sources.crl_file.empty() ? "without lists" : "with lists");
  add(std::to_string(static_cast<int>(sources.on_stale)));
  add(std::to_string(static_cast<int>(sources.purpose)));
  add(sources.priority);
  add(sources.alpn);
  return crypto::Sha256(octets);
}

}  // namespace

Credentials::Credentials() {
  SIGNET_CHECK(gnutls_certificate_allocate_credentials(&handle_) >= 0);
  gnutls_certificate_set_flags(handle_, GNUTLS_CERTIFICATE_API_V2);  // pairs have numbers
}
Credentials::~Credentials() { gnutls_certificate_free_credentials(handle_); }

std::string Credentials::Add(const std::string& chain_pem, const SecretText& key_pem) {
  const gnutls_datum_t chain = Datum(chain_pem), key = Datum(key_pem.Reveal());
  const int rc =
      gnutls_certificate_set_x509_key_mem2(handle_, &chain, &key, GNUTLS_X509_FMT_PEM, nullptr, 0);
  if (rc < 0) return gnutls_strerror(rc);
  last_ = static_cast<unsigned>(rc);
  return "";
}

std::string Credentials::Add(const std::string& chain_pem, const RemoteKeyPtr& key) {
  const int rc = AddPair(handle_, chain_pem, key);
  if (rc < 0) return gnutls_strerror(rc);
  last_ = static_cast<unsigned>(rc);
  return "";
}

std::string Credentials::Staple(const std::string& response_der) {
  const gnutls_datum_t der = Datum(response_der);
  const int rc =
      gnutls_certificate_set_ocsp_status_request_mem(handle_, &der, last_, GNUTLS_X509_FMT_DER);
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

Result<ServerPolicyPtr, std::string> MakePolicy(const ServerPolicy::Sources& sources,
                                                const Material& material) {
  auto rep = std::make_unique<TlsInternals::Rep>();
  for (std::size_t i = 0; i < material.pairs->size(); ++i) {
    const Pair& pair = (*material.pairs)[i];
    std::string wrong = sources.without_keys  ? ""
                        : pair.key != nullptr ? rep->credentials.Add(pair.chain_pem, pair.key)
                                              : rep->credentials.Add(pair.chain_pem, pair.key_pem);
    rep->stapled_until.push_back(0);
    for (const Staple& staple : material.staples) {
      if (!wrong.empty() || staple.pair != i || sources.without_keys) continue;
      wrong = rep->credentials.Staple(staple.der);
      rep->stapled_until.back() = staple.until;
    }
    if (!wrong.empty()) return Err{"\"" + pair.certificate_file + "\": " + wrong};
    rep->own.push_back(pair.leaf);
    rep->own_files.push_back(pair.certificate_file);
  }
  if (std::string wrong = rep->priority.Set(sources.priority, kServerPriority); !wrong.empty())
    return Err{wrong};
  rep->alpn = SplitAdministratorList(sources.alpn);
  const auto is_bad = [](const std::string& name) { return name.size() > 255; };
  if (rep->alpn.empty() || std::any_of(rep->alpn.begin(), rep->alpn.end(), is_bad))
    return Err{"\"" + Printable(sources.alpn) + "\" is no list of protocol names"};
  const auto names = NamedAuthorities(sources, material);
  if (!names.ok()) return Err{names.error()};
  if (std::string wrong = rep->credentials.SetNames(names.value()); !wrong.empty())
    return Err{"\"" + sources.ca_names + "\": " + wrong};
  rep->sends_names = !names.value().empty();
  rep->trust = material.trust;
  rep->purpose = sources.purpose;
  rep->resumption = sources.resumption;
  if (!rep->resumption) return TlsInternals::Wrap(std::move(rep));
  rep->ticket_secrets = material.tickets;
  if (rep->ticket_secrets != nullptr)
    rep->digest = DigestOf(sources, material, names.value());
  else
    rep->ticket_secrets = std::make_shared<const TicketSecrets>(
        1, SecretText(crypto::RandomOctets(limits::kTicketSecretMinBytes)));
  return TlsInternals::Wrap(std::move(rep));
}

std::vector<OwnCertificate> OwnCertificates(const ServerPolicy& policy) {
  const PolicyParts& parts = TlsInternals::Of(policy);
  std::vector<OwnCertificate> all;
  for (std::size_t i = 0; i < parts.own.size(); ++i)
    all.push_back({parts.own_files[i], parts.own[i]});
  return all;
}

std::vector<std::string> ServerPolicy::Complaints(const Sources& sources) {
  std::vector<std::string> complaints = tls::Complaints(sources);
  if (!complaints.empty()) return complaints;
  const auto policy = Make(sources);
  if (!policy.ok()) complaints.push_back(policy.error());
  return complaints;
}

Result<ServerPolicyPtr, std::string> ServerPolicy::Make(const Sources& sources) {
  Material material;
  for (const Part part : kParts)
    if (std::string wrong = Load(part, sources, &material); !wrong.empty()) return Err{wrong};
  return MakePolicy(sources, material);
}

}  // namespace signet::tls
