#include "src/auth/authenticate.h"

#include "src/auth/asserted.h"
#include "src/auth/call.h"
#include "src/auth/pinned.h"
#include "src/auth/steps.h"
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

using StepOutcome = facts::TraceStep::Outcome;

// TLS 1.2 sends certificates in clear. The names of versions sort as the versions do.
std::string WhyTooOld(const config::Authenticator& instance, const facts::Tls& tls) {
  const config::Text& oldest = instance.server_tls_version_min;
  const bool too_old = oldest.text != "TLS1.2" && tls.version < oldest.text;
  return too_old ? tls.version + " is older than server_tls_version_min" : "";
}

void AddCheckOf(facts::Trace* trace, std::string_view name, const std::string& why,
                std::string_view good, SourceSpan where = {}) {
  AddCheck(trace, name, why.empty() ? StepOutcome::kYes : StepOutcome::kNo,
           why.empty() ? good : std::string_view(why), where);
}

void AddVerified(facts::Trace* trace, const facts::Tls& tls) {
  const auto outcome = tls.verified          ? StepOutcome::kYes
                       : tls.verify_deferred ? StepOutcome::kLater
                                             : StepOutcome::kNo;
  AddCheck(trace, "the certificate verified", outcome, tls.verify_reason);
}

// What server_pins says; nullopt where the certificate is good enough by that.
std::optional<facts::Auth> WhyNotByPin(const config::Authenticator& instance,
                                       crypto::Purpose purpose, facts::Session* session, Log* log) {
  const facts::Tls& tls = session->tls;
  const std::int64_t now = NowIn(*session);
  const Pinned pinned = FindPinned(instance, *tls.peer, now, log);
  const SourceSpan where = instance.server_pins.span;
  if (pinned.deferred) {
    AddCheck(session->trace, "server_pins", StepOutcome::kLater, pinned.reason, where);
    facts::Auth auth;
    Defer(&auth, pinned.reason, false);
    return auth;
  }
  if (session->trace != nullptr)
    AddCheckOf(session->trace, "server_pins", pinned.found ? "" : pinned.reason,
               "its pin stands there as \"" + pinned.name + '"', where);
  const bool pin_is_needed = !tls.verified || instance.server_require_verified;
  if (pin_is_needed && !pinned.found)
    return Failed(tls.verified ? pinned.reason
                               : "the certificate did not verify (" + tls.verify_reason +
                                     "), and " + pinned.reason);
  if (pinned.found) session->auth_pinned = Value(pinned.name, kFromDirectory);
  if (tls.verified) return std::nullopt;
  const std::string why = WhyUnfitWithPin(tls, purpose, now);
  AddCheckOf(session->trace, "the pinned certificate itself", why, "nothing is wrong with it");
  return why.empty() ? std::nullopt : std::optional(Failed(why));
}

// Rule I1, all of it: nullopt where the session's certificate is good enough for expressions
// to be looked at.
std::optional<facts::Auth> WhyNot(const config::Authenticator& instance, crypto::Purpose purpose,
                                  facts::Session* session, Log* log) {
  const facts::Tls& tls = session->tls;
  const bool verified = tls.verified;
  AddVerified(session->trace, tls);
  if (!verified && tls.verify_deferred) return DeferUnverified(tls);
  if (!verified && (instance.server_require_verified || instance.pins == nullptr))
    return facts::Auth();
  std::string why = WhyTooOld(instance, tls);
  if (!why.empty() || instance.server_tls_version_min.text != "TLS1.2")
    AddCheckOf(session->trace, "server_tls_version_min", why, tls.version,
               instance.server_tls_version_min.span);
  if (!why.empty()) return Failed(why);
  if (instance.pins != nullptr)
    if (auto refused = WhyNotByPin(instance, purpose, session, log)) return refused;
  // Of one that is pinned and did not verify, that was looked at by itself.
  if (!verified) return std::nullopt;
  why = WhyUnfit(*tls.peer);
  if (!why.empty()) AddCheckOf(session->trace, "fit for a client", why, "");
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

std::string WhyNotTried(const config::Config& config, const facts::Session& session) {
  if (MayAuthenticateAfterTls(config, session)) return "";
  const config::Authenticator* instance = FindAfterTls(config);
  if (instance == nullptr) return "no authenticator runs after the TLS handshake";
  if (!session.tls.active) return instance->name + " is not tried: the session is not under TLS";
  if (session.tls.peer == nullptr)
    return instance->name + " is not tried: the client has shown no certificate";
  return instance->name + " is not tried: the client's certificate did not verify (" +
         session.tls.verify_reason + ")" +
         (instance->pins != nullptr ? ", which server_require_verified wants" : "");
}

namespace {

facts::Auth Authenticate(const config::Config& config, const config::Authenticator& instance,
                         const Call::World& world) {
  AuthVariables variables(world.session);
  if (auto refused = WhyNot(instance, PurposeOfClients(config), &world.session, world.log))
    return *std::move(refused);
  Call call(instance, world);
  const signet_verdict verdict = call.Run();
  facts::Auth auth = Conclude(instance, call, verdict);
  if (auth.result == facts::AuthResult::kAuthenticated)
    LimitToAssertable(config, instance, world, &auth);
  return auth;
}

}  // namespace

std::string WhyNotAnyMore(const config::Config& config, facts::Session& session, Log* log) {
  const config::Authenticator* instance = FindAfterTls(config);
  if (instance == nullptr) return "no authenticator runs after the TLS handshake any more";
  if (session.tls.peer == nullptr) return "there is no certificate";
  const auto refused = WhyNot(*instance, PurposeOfClients(config), &session, log);
  if (!refused) return "";
  return refused->reason.empty() ? session.tls.verify_reason : refused->reason;
}

facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget, Log* log) {
  const config::Authenticator* instance = FindAfterTls(config);
  if (instance == nullptr || !session.tls.active || session.tls.peer == nullptr) return {};
  AuthenticatorStep step(session, *instance, false);
  facts::Auth auth = Authenticate(config, *instance, {session, services, budget, log});
  step.Came(auth);
  return auth;
}

}  // namespace signet::auth
