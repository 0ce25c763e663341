// Whether a session may go on when what its client was let in by has changed.
#include <chrono>
#include <ctime>

#include "src/auth/authenticate.h"
#include "src/smtp/counted.h"
#include "src/smtp/decide.h"
#include "src/smtp/dialogue.h"
#include "src/tls/live.h"

namespace signet::smtp {
namespace {

constexpr std::chrono::seconds kLook{1};

// Files are looked at when clients begin. Where none do, those who are there have to see to it
// that a revocation list counts.
void LookAtFiles(Dialogue& dialogue, const InForce& now) {
  const facts::Session& session = dialogue.session();
  if (!session.tls.verified || std::chrono::steady_clock::now() - dialogue.looked_at < kLook)
    return;
  SessionServices services(now.lookups.get());
  services.Serve(
      {now.site->config.get(), now.site->acl.get(), &dialogue, dialogue.context.metrics});
  (void)now.site->PolicyFor(session, services, dialogue.context.log);
  dialogue.looked_at = std::chrono::steady_clock::now();
}

// What is to be verified again: what the client has sent of the path, or all of it where
// there was none. The anchor is looked for anew.
std::vector<std::string_view> ChainOf(const facts::Tls& tls) {
  std::vector<std::string_view> chain(tls.presented.begin(), tls.presented.end());
  for (std::size_t i = 0; i < tls.path.size() && (i == 0 || i + 1 < tls.path.size()); ++i)
    chain.push_back(tls.path[i]->der());
  return chain;
}

void VerifyAnew(const crypto::TrustStore& trust, crypto::Purpose purpose, std::int64_t now,
                facts::Tls* tls) {
  const std::vector<std::string_view> chain = ChainOf(*tls);
  crypto::ChainStatus status;
  engine::OnThreadStack([&] { status = trust.Verify(chain, purpose, now); });
  tls->verified = status.verified && status.leaf != nullptr;
  tls->verify_deferred = status.temporary;
  tls->revoked = status.revoked;
  tls->purpose_excused = status.purpose_excused;
  tls->verify_reason = std::move(status.reason);
}

const config::Authenticator* FindByName(const config::Config& config, std::string_view name) {
  for (const config::Authenticator& instance : config.authenticators)
    if (instance.name == name) return &instance;
  return nullptr;
}

// Whether the session's identity is its certificate's.
bool IsByCertificate(const Dialogue& dialogue) {
  const facts::Auth& auth = dialogue.session().auth;
  const config::Authenticator* after_tls = auth::FindAfterTls(dialogue.config);
  return auth.result == facts::AuthResult::kAuthenticated && after_tls != nullptr &&
         auth.authenticator == after_tls->name;
}

// By AUTH, whose proof is not kept: it stands as long as there is such an authenticator.
std::string WhyNotByCommand(const Dialogue& dialogue, const config::Config& config) {
  const facts::Auth& auth = dialogue.session().auth;
  const bool known = auth.result == facts::AuthResult::kAuthenticated &&
                     auth.authenticator != kXclientAuthenticator && !IsByCertificate(dialogue);
  if (!known || FindByName(config, auth.authenticator) != nullptr) return "";
  return "the authenticator " + auth.authenticator + " is not configured any more";
}

// "" where the certificate is as good as it was.
std::string WhyNotByCertificate(Dialogue& dialogue, const InForce& now) {
  const facts::Session& session = dialogue.session();
  if (!session.tls.verified && !IsByCertificate(dialogue)) return "";
  const config::Config& config = *now.site->config;
  SessionServices services(now.lookups.get());
  services.Serve({&config, now.site->acl.get(), &dialogue, dialogue.context.metrics});
  const auto policy = now.site->PolicyFor(session, services, dialogue.context.log);
  if (!policy) return "client certificate cannot be verified any more: " + policy.error();
  // Only what the authenticator looks at.
  const auto probe = std::make_unique<facts::Session>();
  probe->connection = session.connection;
  probe->at = session.at;
  probe->tls = session.tls;
  VerifyAnew(*policy.value()->trust(), auth::PurposeOfClients(config),
             session.at.value_or(std::time(nullptr)), &probe->tls);
  if (session.tls.verified && !probe->tls.verified)
    return "client certificate does not verify any more: " + probe->tls.verify_reason;
  if (!IsByCertificate(dialogue)) return "";
  const std::string why = auth::WhyNotAnyMore(config, *probe, dialogue.context.log);
  return why.empty() ? "" : "client certificate is no identity any more: " + why;
}

}  // namespace

std::optional<Answer> EndWhereOutdated(Dialogue& dialogue, std::string_view what) {
  if (dialogue.context.in_force == nullptr || dialogue.context.in_force->site == nullptr)
    return std::nullopt;
  LookAtFiles(dialogue, InForce(*dialogue.context.in_force));
  const std::uint64_t files = tls::LiveChanges();
  const std::uint64_t number = dialogue.context.in_force->site->generation;
  if (dialogue.good_under_site == number && dialogue.good_under_files == files) return std::nullopt;
  const InForce now = *dialogue.context.in_force;  // another reload may come while we wait
  std::string why = WhyNotByCommand(dialogue, *now.site->config);
  if (why.empty()) why = WhyNotByCertificate(dialogue, now);
  dialogue.good_under_site = number;
  dialogue.good_under_files = files;
  if (why.empty()) return std::nullopt;
  const facts::Session& session = dialogue.session();
  dialogue.context.log->MainAndReject(DroppedLine(session, dialogue.selector, why));
  const Reply reply = MakeClosingReply(
      421, "4.7.0", session.active_hostname + ": Authentication has ended - closing connection");
  dialogue.ending = "closed: authentication has ended";
  dialogue.NoteRefusal({std::string(what), reply, why, {}, true});
  return Answer{reply};
}

}  // namespace signet::smtp
