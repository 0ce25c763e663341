#include "src/auth/authenticate.h"

#include "src/auth/call.h"

namespace signet::auth {
namespace {

// What a session must have before any expression is looked at (I1, I18, I19): "" or why
// its certificate is none for us.
std::string WhyUnfit(const config::Authenticator& instance, const facts::Tls& tls) {
  const crypto::Certificate& certificate = *tls.peer;
  // TLS 1.2 sends certificates in clear. The names of versions sort as the versions do.
  const std::string& oldest = instance.server_tls_version_min.text;
  if (oldest != "TLS1.2" && tls.version < oldest)
    return tls.version + " is older than server_tls_version_min";
  if (!certificate.within_limits()) return "names in the certificate are over a limit";
  if (certificate.is_ca()) return "the certificate may sign certificates: it is not a client's";
  return "";
}

// Whether this certificate was revoked cannot be known now: not a no for good (rule C3).
facts::Auth DeferUnverified(const facts::Tls& tls) {
  facts::Auth auth;
  Defer(&auth, tls.verify_reason, false);
  auth.deferred_class = "revocation information not available";
  return auth;
}

}  // namespace

const config::Authenticator* FindAfterTls(const config::Config& config) {
  for (const config::Authenticator& instance : config.authenticators)
    if (instance.driver != nullptr && instance.driver->after_tls) return &instance;
  return nullptr;
}

crypto::Purpose PurposeOfClients(const config::Config& config) {
  const config::Authenticator* instance = FindAfterTls(config);
  const std::string eku = instance != nullptr ? instance->server_eku.text : "";
  if (eku == "allow-server") return crypto::Purpose::kTlsClientOrServer;
  return eku == "ignore" ? crypto::Purpose::kAnyClient : crypto::Purpose::kTlsClient;
}

facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget, Log* log) {
  const config::Authenticator* instance = FindAfterTls(config);
  const facts::Tls& tls = session.tls;
  if (instance == nullptr || !tls.active || tls.peer == nullptr) return {};
  if (!tls.verified) return tls.verify_deferred ? DeferUnverified(tls) : facts::Auth{};
  if (const std::string why = WhyUnfit(*instance, tls); !why.empty()) {
    facts::Auth auth;
    Fail(&auth, why);
    return auth;
  }
  AuthVariables variables(session);
  Call call(*instance, {session, services, budget, log});
  const signet_verdict verdict = call.Run();
  return Conclude(*instance, call, verdict);
}

}  // namespace signet::auth
