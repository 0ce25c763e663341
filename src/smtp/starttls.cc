// From a connection in clear to a session that knows who its client is.
#include "src/auth/authenticate.h"
#include "src/base/text.h"
#include "src/smtp/counted.h"
#include "src/smtp/decide.h"
#include "src/smtp/dialogue.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;

// A list of hosts, written down under its option's name.
Result<bool, Failure> ClientInOption(Dialogue& dialogue, const config::Expanded& hosts,
                                     const char* option) {
  if (!hosts) return false;
  facts::TraceScope step(dialogue.session().trace,
                         {.kind = facts::TraceStep::Kind::kOption, .what = option});
  Result<bool, Failure> matched = dialogue.ClientIn(hosts);
  using Outcome = facts::TraceStep::Outcome;
  if (step.on() && matched)
    step.Result(matched.value() ? Outcome::kYes : Outcome::kNo,
                matched.value() ? "the client is in it" : "the client is not in it");
  return matched;
}

Result<tls::ClientCertificate, std::string> CertificateMode(Dialogue& dialogue) {
  const config::Main& main = dialogue.config.main;
  const Result<bool, Failure> required =
      ClientInOption(dialogue, main.tls_verify_hosts, "tls_verify_hosts");
  if (!required) return Err{"tls_verify_hosts: " + required.error().text};
  if (required.value()) return tls::ClientCertificate::kRequire;
  const Result<bool, Failure> wanted =
      ClientInOption(dialogue, main.tls_try_verify_hosts, "tls_try_verify_hosts");
  if (!wanted) return Err{"tls_try_verify_hosts: " + wanted.error().text};
  return wanted.value() ? tls::ClientCertificate::kRequest : tls::ClientCertificate::kIgnore;
}

// A certificate that is no proof is an ordinary thing; the line says why it was none.
void LogUnverified(Dialogue& dialogue) {
  const facts::Tls& tls = dialogue.session().tls;
  if (!tls.peer || tls.verified) return;
  dialogue.context.log->Main(
      HostTlsEvent("certificate_not_verified", dialogue.session(), dialogue.selector,
                   " client certificate not verified: " + tls.verify_reason));
}

// So that whoever depends on a certificate made for something else can be counted before
// server_eku is tightened.
void LogExcused(Dialogue& dialogue) {
  const facts::Tls& tls = dialogue.session().tls;
  if (!tls.verified || !tls.purpose_excused) return;
  const config::Authenticator* instance = auth::FindAfterTls(dialogue.config);
  dialogue.context.log->Main(HostTlsEvent(
      "certificate_excused", dialogue.session(), dialogue.selector,
      " client certificate verified only because of server_eku = " +
          (instance != nullptr ? instance->server_eku.text : std::string()) + ": subject \"" +
          Printable(tls.peer->subject_text()) + "\" serial " + tls.peer->serial_hex()));
}

// Rule I6: what is left out of a certificate's lists is said, so that nobody has to guess.
void LogSkippedNames(Dialogue& dialogue) {
  const facts::Tls& tls = dialogue.session().tls;
  const std::string skipped = tls.peer ? tls.peer->SkippedNames() : std::string();
  if (skipped.empty()) return;
  dialogue.context.log->Main(HostEvent("certificate_names", "", dialogue.session(),
                                       dialogue.selector,
                                       " client certificate: invalid names left out: " + skipped));
}

// What a client is told that tls_verify_hosts keeps out: 554, as RFC 3207 section 4 has it,
// with X.7.8 of RFC 4954 where there are credentials and they are bad, X.7.0 where there are
// none. What could not be decided now is no refusal for good (rule C3); 421 is the code of
// 4xx that may answer anything and says that the connection ends. Which check failed is for
// the log (rule G3).
Reply CertificateRefusal(const facts::Session& session) {
  const facts::Tls& tls = session.tls;
  if (tls.verify_deferred)
    return MakeClosingReply(
        421, "4.7.0",
        session.active_hostname + ": client certificate: revocation information not available");
  if (tls.verify_reason == crypto::kNoCertificate)
    return MakeClosingReply(554, "5.7.0", "A client certificate is required");
  return MakeClosingReply(554, "5.7.8", "Client certificate not accepted");
}

void LogOutcome(Dialogue& dialogue, const facts::Auth& auth) {
  const bool failed =
      auth.result == facts::AuthResult::kFailed || auth.result == facts::AuthResult::kDeferred;
  const config::Authenticator* instance = auth::FindAfterTls(dialogue.config);
  if (!failed || instance == nullptr) return;  // what does not exist has not failed
  dialogue.context.log->MainAndReject(
      AuthenticatorLine(dialogue.session(), dialogue.selector, auth, instance->name));
}

// The handshake has not begun, but there is no way back to talk in clear (rule T10): where
// no policy can be made, the connection ends.
bool ChooseByServerName(Dialogue& dialogue, engine::Socket* socket, Deadline deadline,
                        TlsPlan* plan) {
  const auto& pretence = dialogue.context.pretence;
  Result<std::string, std::string> name =
      pretence != nullptr ? pretence->server_name : tls::PeekServerName(socket, deadline);
  if (!name) {
    dialogue.context.log->Main(TlsErrorLine(dialogue.session(), dialogue.selector, name.error()));
    return false;
  }
  facts::Tls& tls = dialogue.session().tls;
  tls.sni = name.value();
  plan->options.server_name = std::move(name).value();
  Result<tls::ServerPolicyPtr, std::string> policy =
      dialogue.context.site->PolicyFor(dialogue.session(), dialogue.services, dialogue.context.log);
  tls.sni.clear();
  if (policy) {
    plan->policy = std::move(policy).value();
    return true;
  }
  dialogue.context.log->Panic(
      TlsErrorLine(dialogue.session(), dialogue.selector,
                   "for server name \"" + *plan->options.server_name + "\": " + policy.error()));
  tls::RefuseBeforeTls(std::move(*socket));
  return false;
}

}  // namespace

Result<TlsPlan, std::string> PlanTls(Dialogue& dialogue) {
  Result<tls::ClientCertificate, std::string> mode = CertificateMode(dialogue);
  if (!mode) return Err{std::move(mode).error()};
  TlsPlan plan{nullptr, mode.value()};
  const Result<bool, Failure> alpn = dialogue.ClientIn(dialogue.config.main.hosts_require_alpn);
  if (!alpn) return Err{"hosts_require_alpn: " + alpn.error().text};
  plan.options.require_alpn = alpn.value();
  // As the client sees it: behind a PROXY the same for all that stand there.
  const facts::Connection& connection = dialogue.session().connection;
  plan.options.listener = std::to_string(connection.local_port);
  if (connection.tls_on_connect) plan.options.listener += " on connect";
  const Site& site = *dialogue.context.site;
  if (site.by_server_name) return plan;
  Result<tls::ServerPolicyPtr, std::string> policy =
      site.PolicyFor(dialogue.session(), dialogue.services, dialogue.context.log);
  if (!policy) return Err{std::move(policy).error()};
  plan.policy = std::move(policy).value();
  return plan;
}

bool StartTls(Dialogue& dialogue, TlsPlan plan) {
  const Deadline deadline = Deadline::After(limits::kTlsHandshake);
  Pretence* const pretence = dialogue.context.pretence.get();
  engine::Socket socket;
  if (pretence == nullptr) {
    socket = std::move(*dialogue.stream->socket());
    dialogue.stream.reset();
  }
  dialogue.input.Clear();
  if (plan.policy == nullptr && !ChooseByServerName(dialogue, &socket, deadline, &plan)) {
    dialogue.ending = "closed after TLS error";
    return false;
  }
  const tls::ServerPolicyPtr policy = plan.policy;
  Result<tls::Accepted, tls::HandshakeFailure> accepted =
      pretence != nullptr
          ? pretence->handshake(policy, plan.options)
          : tls::Accept(std::move(socket), std::move(plan.policy), plan.options, deadline);
  engine::SetPriority(engine::Priority::kEstablished);
  report::TlsCounters* counters = dialogue.context.tls_counters;
  if (!accepted) {
    if (counters != nullptr) ++counters->failed;
    dialogue.context.log->Main(
        TlsErrorLine(dialogue.session(), dialogue.selector, accepted.error().detail));
    TraceFailedHandshake(dialogue, accepted.error().detail);
    dialogue.ending = "closed after TLS error";
    return false;
  }
  tls::Accepted layer = std::move(accepted).value();
  if (counters != nullptr) counters->Add(layer.facts);
  CountHandshake(dialogue, layer.facts);
  if (pretence == nullptr) dialogue.stream = std::move(layer.stream);
  if (!layer.refused.empty()) {  // before its EHLO name is forgotten
    Refer(dialogue);
    dialogue.context.log->Main(WithReference(
        dialogue, TlsErrorLine(dialogue.session(), dialogue.selector, layer.refused)));
  }
  dialogue.ForgetSession();
  dialogue.session().tls = std::move(layer.facts);
  dialogue.session().tls.active = true;
  dialogue.session().phase = Phase::kTls;
  TraceHandshake(dialogue, *policy, plan.options.mode);
  if (!layer.refused.empty()) {
    dialogue.certificate_refusal = CertificateRefusal(dialogue.session());
    // Here, because the client may go without a word.
    dialogue.NoteRefusal({"handshake",
                          *dialogue.certificate_refusal,
                          dialogue.session().tls.verify_reason,
                          {},
                          true});
    TellReference(dialogue, &*dialogue.certificate_refusal);
    return true;
  }
  LogUnverified(dialogue);
  LogExcused(dialogue);
  LogSkippedNames(dialogue);
  return true;
}

bool Authenticate(Dialogue& dialogue) {
  facts::Session& session = dialogue.session();
  session.auth = {};  // nothing of an earlier attempt is left (rule I15)
  if (dialogue.certificate_refusal) return true;
  // The certificate is the front's, not that of the client it has told about (rule I13).
  if (dialogue.xclients > 0) return true;
  if (!auth::MayAuthenticateAfterTls(dialogue.config, session)) {
    TraceNotAuthenticated(dialogue);
    return true;
  }
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kAuth, Phase::kAuth);
  if (verdict.kind != facts::VerdictKind::kAccept) {
    const auto refusal =
        verdict.kind == facts::VerdictKind::kDefer ? Refusal::kTemporary : Refusal::kPermanent;
    dialogue.LogRejection(refusal, "AUTH ",
                          verdict.log_message.empty() ? verdict.user_message : verdict.log_message);
    return verdict.kind != facts::VerdictKind::kDrop;
  }
  BorrowedBudget budget(dialogue.services);
  facts::Auth auth = auth::AuthenticateAfterTls(dialogue.config, session, dialogue.services,
                                                budget.get(), dialogue.context.log);
  LogOutcome(dialogue, auth);
  if (const config::Authenticator* instance = auth::FindAfterTls(dialogue.config))
    CountAuthentication(dialogue, instance->name, auth.result);
  session.auth = std::move(auth);
  CountCertificateOf(dialogue);
  if (session.auth.result == facts::AuthResult::kAuthenticated)
    session.authentication_failed = false;
  return true;
}

Answer RunStarttls(Dialogue& dialogue, const Command&) {
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kStarttls, Phase::kHelo);
  if (auto refusal = dialogue.Refusal(
          verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), "STARTTLS "))
    return *refusal;
  Result<TlsPlan, std::string> plan = PlanTls(dialogue);
  if (!plan) {
    dialogue.context.log->Panic(TlsErrorLine(dialogue.session(), dialogue.selector, plan.error()));
    return MakeReply(454, "4.7.0", "TLS currently unavailable");
  }
  // What the client has sent in clear behind STARTTLS is never read, neither here nor
  // inside TLS: the session ends (rule T1). The look before the command ran does not
  // suffice, because the ACL and the policy may have waited.
  if (dialogue.InputWaiting()) {
    dialogue.ending = "closed: input behind STARTTLS";
    dialogue.LogRejection(Refusal::kPermanent, "STARTTLS", "input was sent behind it in clear");
    return MakeClosingReply(554, "5.5.0", "SMTP synchronization error");
  }
  dialogue.Send(dialogue.Accepted(verdict, MakeReply(220, "2.0.0", "TLS go ahead")));
  Answer none;
  none.ends =
      !dialogue.Flush() || !StartTls(dialogue, std::move(plan).value()) || !Authenticate(dialogue);
  return none;
}

}  // namespace signet::smtp
