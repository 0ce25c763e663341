#ifndef SIGNET_SRC_TLS_POLICY_H_
#define SIGNET_SRC_TLS_POLICY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/secret.h"
#include "src/tls/key_client.h"
#include "src/tls/tickets.h"
#include "src/tls/tls.h"

struct gnutls_certificate_credentials_st;
struct gnutls_priority_st;

// Inside of src/tls only.
namespace signet::tls {

// Handles of the library, given back when dropped.
class Credentials {
 public:
  Credentials();
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  gnutls_certificate_credentials_st* get() const { return handle_; }
  // A PEM chain with its key, checked as a pair (C2). "" or what is wrong.
  std::string Add(const std::string& chain_pem, const SecretText& key_pem);
  // The same with a key that lies elsewhere.
  std::string Add(const std::string& chain_pem, const RemoteKeyPtr& key);
  // An OCSP response to send with the pair that was added last. "" or what is wrong.
  std::string Staple(const std::string& response_der);
  // Asks clients for certificates of these authorities. "" or what is wrong.
  std::string SetNames(const std::vector<crypto::CertificatePtr>& authorities);

 private:
  gnutls_certificate_credentials_st* handle_ = nullptr;
  unsigned last_ = 0;  // the pair added last
};

class Priority {
 public:
  Priority() = default;
  ~Priority();
  Priority(const Priority&) = delete;
  Priority& operator=(const Priority&) = delete;
  gnutls_priority_st* get() const { return handle_; }
  // `text` "" means `otherwise`; versions below TLS 1.2 are taken out of any (T7).
  // "" or what is wrong.
  std::string Set(const std::string& text, std::string_view otherwise);

 private:
  gnutls_priority_st* handle_ = nullptr;
};

extern const std::string_view kServerPriority;
extern const std::string_view kClientPriority;

struct PolicyParts {
  Credentials credentials;
  Priority priority;
  crypto::TrustStorePtr trust;
  crypto::Purpose purpose = crypto::Purpose::kTlsClient;
  std::vector<crypto::CertificatePtr> own;  // leaf of each pair
  std::vector<std::string> own_files;       // where it was read
  std::vector<std::int64_t> stapled_until;  // of each pair; 0: nothing is stapled
  bool sends_names = false;
  std::vector<std::string> alpn;
  bool resumption = false;
  // Shared by several servers, or one of this policy object, so that a reload ends all tickets.
  std::shared_ptr<const TicketSecrets> ticket_secrets;
  // Of all that makes the policy, where the secrets are shared; else "".
  std::string digest;
};

struct ServerPolicy::Rep : PolicyParts {};

struct Material;
// A policy of what has been read; of `sources` only what is no file counts.
Result<ServerPolicyPtr, std::string> MakePolicy(const ServerPolicy::Sources& sources,
                                                const Material& material);

struct TlsInternals {
  using Rep = ServerPolicy::Rep;
  static ServerPolicyPtr Wrap(std::unique_ptr<ServerPolicy::Rep> rep) {
    return ServerPolicyPtr(new ServerPolicy(std::move(rep)));
  }
  static const PolicyParts& Of(const ServerPolicy& policy) { return *policy.rep_; }
};

}  // namespace signet::tls
#endif
