#include "src/auth/authenticate.h"

#include <ctime>

#include "src/auth/asserted.h"
#include "src/auth/call.h"
#include "src/auth/pinned.h"
#include "src/crypto/trust.h"
#include "src/engine/engine.h"

namespace signet::auth {
namespace {

facts::Auth Failed(const std::string& reason) {
  facts::Auth auth;
  Fail(&auth, reason);
  return auth;
}

// Whether this certificate was revoked cannot be known now: not a no for good (rule C3).
facts::Auth DeferUnverified(const facts::Tls& tls) {
  facts::Auth auth;
  Defer(&auth, tls.verify_reason, false);
  auth.deferred_class = "revocation information not available";
  return auth;
}

// "" or why a certificate that verified is none for us (I18, I19).
std::string WhyUnfit(const crypto::Certificate& certificate) {
  if (!certificate.within_limits()) return "names in the certificate are over a limit";
  if (certificate.is_ca()) return "the certificate may sign certificates: it is not a client's";
  return "";
}

// "" or why a pin does not help a certificate that did not verify. A pin stands for the
// issuers; what is wrong with the certificate itself is wrong all the same.
std::string WhyUnfitWithPin(const facts::Tls& tls, crypto::Purpose purpose, std::int64_t now) {
  if (tls.revoked) return tls.verify_reason;
  std::string flaw;
  engine::OnThreadStack([&] { flaw = crypto::FlawOfPinned(*tls.peer, purpose, now); });
  return flaw;
}

// Rule I1, all of it: nullopt where the session's certificate is good enough for expressions
// to be looked at.
std::optional<facts::Auth> WhyNot(const config::Authenticator& instance, crypto::Purpose purpose,
                                  facts::Session* session, Log* log) {
  const facts::Tls& tls = session->tls;
  const bool verified = tls.verified;
  if (!verified && tls.verify_deferred) return DeferUnverified(tls);
  if (!verified && (instance.server_require_verified || instance.pins == nullptr))
    return facts::Auth();
  // TLS 1.2 sends certificates in clear. The names of versions sort as the versions do.
  const std::string& oldest = instance.server_tls_version_min.text;
  if (oldest != "TLS1.2" && tls.version < oldest)
    return Failed(tls.version + " is older than server_tls_version_min");
  if (instance.pins != nullptr) {
    const std::int64_t now = std::time(nullptr);
    const Pinned pinned = FindPinned(instance, *tls.peer, now, log);
    if (pinned.deferred) {
      facts::Auth auth;
      Defer(&auth, pinned.reason, false);
      return auth;
    }
    const bool pin_is_needed = !verified || instance.server_require_verified;
    if (pin_is_needed && !pinned.found)
      return Failed(verified ? pinned.reason
                             : "the certificate did not verify (" + tls.verify_reason + "), and " +
                                   pinned.reason);
    if (pinned.found) session->auth_pinned = Value(pinned.name, kFromDirectory);
    if (!verified) {
      const std::string why = WhyUnfitWithPin(tls, purpose, now);
      return why.empty() ? std::nullopt : std::optional(Failed(why));
    }
  }
  const std::string why = WhyUnfit(*tls.peer);
  return why.empty() ? std::nullopt : std::optional(Failed(why));
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

bool MayAuthenticateAfterTls(const config::Config& config, const facts::Session& session) {
  const config::Authenticator* instance = FindAfterTls(config);
  const facts::Tls& tls = session.tls;
  if (instance == nullptr || !tls.active || tls.peer == nullptr) return false;
  return tls.verified || tls.verify_deferred || !instance->server_require_verified;
}

facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget, Log* log) {
  const config::Authenticator* instance = FindAfterTls(config);
  if (instance == nullptr || !session.tls.active || session.tls.peer == nullptr) return {};
  AuthVariables variables(session);
  if (auto refused = WhyNot(*instance, PurposeOfClients(config), &session, log))
    return *std::move(refused);
  Call call(*instance, {session, services, budget, log});
  const signet_verdict verdict = call.Run();
  facts::Auth auth = Conclude(*instance, call, verdict);
  if (auth.result == facts::AuthResult::kAuthenticated)
    LimitToAssertable(config, *instance, {session, services, budget, log}, &auth);
  return auth;
}

}  // namespace signet::auth
