// What was decided about a client, in words.
#include "src/smtp/decide.h"

#include <atomic>
#include <chrono>
#include <ctime>

#include "src/auth/authenticate.h"
#include "src/base/text.h"
#include "src/crypto/examine.h"
#include "src/smtp/packed_steps.h"

namespace signet::smtp {
namespace {

using facts::AuthResult;
using facts::TraceStep;
using report::Decision;

// --- the reason --------------------------------------------------------------------------

// What the log says of an authenticator begins with the reply that it means.
std::string WithoutReply(const std::string& reason) {
  for (std::string_view reply :
       {"535 Incorrect authentication data", "435 Unable to authenticate at present"}) {
    if (!reason.starts_with(reply)) continue;
    std::string_view rest = Trim(std::string_view(reason).substr(reply.size()));
    // Who failed is said elsewhere.
    const std::size_t end = rest.find("): ");
    if (rest.starts_with("(set_id=")) rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (rest.starts_with(": ")) rest.remove_prefix(2);
    return std::string(Trim(rest));
  }
  return reason;
}

// What a certificate has to offer, for whoever wonders why it was not enough.
std::string NamesIn(const crypto::Certificate& certificate) {
  constexpr std::size_t kShown = 5;
  std::string names;
  std::size_t count = 0;
  for (const crypto::SanName& name : certificate.alternative_names()) {
    const char* kind = name.type == crypto::SanType::kMail  ? "mail "
                       : name.type == crypto::SanType::kDns ? "dns "
                       : name.type == crypto::SanType::kUri ? "uri "
                                                            : nullptr;
    if (++count > kShown || !name.valid) continue;
    names += (names.empty() ? "" : ", ") + (kind != nullptr ? kind + name.value : "another kind");
  }
  if (count == 0) return "; the certificate has no alternative names";
  return "; the certificate names " + names + (count > kShown ? ", ..." : "");
}

std::vector<TraceStep> StepsOf(const Dialogue& dialogue) {
  std::vector<TraceStep> steps = Unpack(dialogue.packed_steps);
  const facts::Trace* trace = dialogue.session().trace;
  if (trace != nullptr) steps.insert(steps.end(), trace->steps().begin(), trace->steps().end());
  return steps;
}

// What a condition that is not met has looked for in vain.
std::string FoundNothing(const Dialogue& dialogue) {
  constexpr std::size_t kQueryShown = 200;
  std::string query;
  for (const TraceStep& step : StepsOf(dialogue))
    if (step.kind == TraceStep::Kind::kLookup && step.outcome == TraceStep::Outcome::kNo &&
        !step.hidden)
      query = step.query;
  if (query.empty()) return "server_condition is not met";
  return "server_condition is not met, and the lookup of " + query.substr(0, kQueryShown) +
         " found nothing";
}

std::string OfAuthenticator(const Dialogue& dialogue) {
  const facts::Auth& auth = dialogue.session().auth;
  const config::Authenticator* after_tls = auth::FindAfterTls(dialogue.config);
  const bool by_command = !dialogue.last_auth.empty() || after_tls == nullptr;
  const std::string name =
      by_command ? "AUTH " + dialogue.last_auth : "the authenticator " + after_tls->name;
  const bool later = auth.result == AuthResult::kDeferred;
  std::string why = WithoutReply(auth.reason);
  if (why.empty() && !later && !by_command) why = FoundNothing(dialogue);
  const crypto::CertificatePtr& peer = dialogue.session().tls.peer;
  const bool names_help = !by_command && !later && peer != nullptr;
  return name + (later ? " cannot tell at the moment" : " said no") +
         (why.empty() ? "" : ": " + why) + (names_help ? NamesIn(*peer) : "");
}

// Why the chain did not verify: with the facts, where it was examined.
std::string WhyNotVerified(const Dialogue& dialogue) {
  const std::string& reason = dialogue.session().tls.verify_reason;
  std::size_t certificates = 0;
  std::string subject;
  for (const TraceStep& step : StepsOf(dialogue)) {
    if (step.kind == TraceStep::Kind::kCertificate) {
      ++certificates;
      subject = step.what;
    }
    const bool is_it = step.kind == TraceStep::Kind::kCheck && step.depth > 2 &&
                       step.outcome != TraceStep::Outcome::kYes;
    if (!is_it || !step.value.starts_with(reason)) continue;
    // Further ones are the issuers.
    return certificates > 1 ? step.value + ", of the issuer " + subject : step.value;
  }
  return reason;
}

// Why the client has no identity.
std::string WhyNoIdentity(const Dialogue& dialogue) {
  const facts::Session& session = dialogue.session();
  const facts::Tls& tls = session.tls;
  const bool tried =
      session.auth.result == AuthResult::kFailed || session.auth.result == AuthResult::kDeferred;
  if (tried) return OfAuthenticator(dialogue);
  if (!tls.active) return "the client has not used TLS, without which there is no certificate";
  if (tls.peer == nullptr && tls.verify_reason.empty())
    return "the client was not asked for a certificate: neither tls_verify_hosts nor "
           "tls_try_verify_hosts holds its address";
  if (tls.verify_reason == crypto::kNoCertificate) return "the client has sent no certificate";
  if (tls.verify_deferred)
    return "the client certificate cannot be verified at the moment: " + WhyNotVerified(dialogue);
  if (!tls.verified) return "the client certificate did not verify: " + WhyNotVerified(dialogue);
  if (dialogue.xclients > 0) return "XCLIENT has told of another client than the certificate's";
  if (auth::FindAfterTls(dialogue.config) == nullptr)
    return "no authenticator runs after TLS in this configuration";
  return "the authenticator has not run";
}

// Whether we have ended the connection, and not for what a refusal has said.
bool HungUp(const Dialogue& dialogue) {
  const std::string& ending = dialogue.ending;
  return ending.starts_with("closed") && ending != "closed by QUIT" &&
         ending != "closed after timeout" && ending != "closed after SIGTERM";
}

std::string ReasonOf(const Dialogue& dialogue) {
  const bool known = dialogue.session().auth.result == AuthResult::kAuthenticated;
  const std::optional<ToldRefusal>& told = dialogue.told_refusal;
  if (!told && HungUp(dialogue)) return dialogue.ending;
  if (!told) return known ? "" : WhyNoIdentity(dialogue);
  if (told->of_message) return "what is in the message; its words are in the log only";
  if (told->about_identity && !known) return WhyNoIdentity(dialogue);
  return told->log_text;
}

// --- the headline ------------------------------------------------------------------------

std::string WhoItIs(const Dialogue& dialogue) {
  const facts::Auth& auth = dialogue.session().auth;
  switch (auth.result) {
    case AuthResult::kAuthenticated:
      return "authenticated as " + auth.id;
    case AuthResult::kDeferred:
      return "authentication deferred";
    default:
      return "not authenticated";
  }
}

std::string OneLine(const Reply& reply) {
  std::string line = std::to_string(reply.code);
  if (!reply.enhanced.empty()) line += ' ' + reply.enhanced;
  return line + ' ' + reply.text();
}

std::string Codes(const Reply& reply) {
  return std::to_string(reply.code) + (reply.enhanced.empty() ? "" : ' ' + reply.enhanced);
}

std::string WhatItMay(const Dialogue& dialogue) {
  if (const auto& told = dialogue.told_refusal)
    return told->command + (told->reply.code < 500 ? " is deferred: " : " is refused: ") +
           (told->of_message ? Codes(told->reply) : OneLine(told->reply));
  if (HungUp(dialogue)) return "the connection is " + dialogue.ending;
  if (dialogue.last_mail.empty()) return "";
  std::string may = "may send from " + dialogue.last_mail;
  for (std::size_t i = 0; i < dialogue.last_rcpt.size(); ++i)
    may += (i == 0 ? " to " : ", ") + dialogue.last_rcpt[i];
  return may;
}

Decision::Verdict VerdictOf(const Dialogue& dialogue) {
  if (!dialogue.told_refusal && HungUp(dialogue))
    return dialogue.ending == "closed after a local problem" ? Decision::Verdict::kDeferred
                                                             : Decision::Verdict::kRefused;
  if (!dialogue.told_refusal) return Decision::Verdict::kAccepted;
  return dialogue.told_refusal->reply.code < 500 ? Decision::Verdict::kDeferred
                                                 : Decision::Verdict::kRefused;
}

std::string_view NameOf(AuthResult result) {
  switch (result) {
    case AuthResult::kAuthenticated:
      return "authenticated";
    case AuthResult::kFailed:
      return "failed";
    case AuthResult::kDeferred:
      return "deferred";
    default:
      return "none";
  }
}

// --- the client --------------------------------------------------------------------------

Decision::Client ClientOf(const Dialogue& dialogue) {
  const facts::Session& session = dialogue.session();
  const facts::Tls& tls = session.tls;
  Decision::Client client;
  client.ip = session.connection.client_ip;
  client.port = session.connection.client_port;
  client.local_ip = session.connection.local_ip;
  client.local_port = session.connection.local_port;
  client.tls_on_connect = session.connection.tls_on_connect;
  client.helo = Printable(session.helo);
  client.tls_version = tls.version;
  client.tls_cipher = tls.cipher;
  client.sni = Printable(tls.sni);
  if (tls.verified) {
    // The anchor is ours.
    for (std::size_t i = 0; i < tls.path.size() && (i == 0 || i + 1 < tls.path.size()); ++i)
      client.chain.emplace_back(tls.path[i]->der());
  } else {
    client.chain = tls.presented;
  }
  client.mail_from = Printable(dialogue.last_mail);
  for (const std::string& recipient : dialogue.last_rcpt)
    client.rcpt_to.push_back(Printable(recipient));
  client.auth = dialogue.last_auth;
  return client;
}

void MakePrintable(TraceStep* step) {
  for (std::string* text : {&step->what, &step->from, &step->query, &step->place})
    *text = Printable(*text);
  if (step->kind != TraceStep::Kind::kCommand) {
    step->value = Printable(step->value);
    return;
  }
  // A reply's lines stay lines.
  std::string lines;
  for (std::size_t at = 0; at <= step->value.size();) {
    const std::size_t end = std::min(step->value.find('\n', at), step->value.size());
    lines += (at > 0 ? "\n" : "") + Printable(step->value.substr(at, end - at));
    at = end + 1;
  }
  step->value = std::move(lines);
}

TraceStep Step(TraceStep::Kind kind, TraceStep::Outcome outcome, std::string what,
               std::string value) {
  return {.kind = kind, .outcome = outcome, .what = std::move(what), .value = std::move(value)};
}

// --- the chain ---------------------------------------------------------------------------

std::atomic<std::int64_t> examined_second{0}, examined_microseconds{0};
std::atomic<std::size_t> examined_count{0};

// An examination costs several verifications, and clients with bad certificates may be many:
// so many a second, and for so long, are examined for being told of later (rule R8).
bool MayExamine() {
  const std::int64_t now = std::time(nullptr);
  if (examined_second.exchange(now, std::memory_order_relaxed) != now) {
    examined_count.store(0, std::memory_order_relaxed);
    examined_microseconds.store(0, std::memory_order_relaxed);
  }
  return examined_microseconds.load(std::memory_order_relaxed) <
             limits::kExaminationTimePerSecond.count() &&
         examined_count.fetch_add(1, std::memory_order_relaxed) < limits::kExaminationsPerSecond;
}

TraceStep::Outcome OutcomeOf(crypto::Check::Result result) {
  switch (result) {
    case crypto::Check::kGood:
      return TraceStep::Outcome::kYes;
    case crypto::Check::kBad:
      return TraceStep::Outcome::kNo;
    case crypto::Check::kUnknown:
      return TraceStep::Outcome::kLater;
    default:
      return TraceStep::Outcome::kNone;
  }
}

TraceStep::Outcome OutcomeOf(const facts::Tls& tls) {
  if (tls.verified) return TraceStep::Outcome::kYes;
  return tls.verify_deferred ? TraceStep::Outcome::kLater : TraceStep::Outcome::kNo;
}

// Of all checks the worst.
TraceStep::Outcome OutcomeOf(const std::vector<crypto::Check>& checks) {
  auto worst = TraceStep::Outcome::kYes;
  for (const crypto::Check& check : checks) {
    if (check.result == crypto::Check::kBad) return TraceStep::Outcome::kNo;
    if (check.result == crypto::Check::kUnknown) worst = TraceStep::Outcome::kLater;
  }
  return worst;
}

void TraceCertificate(const crypto::Examined& examined, facts::Trace* trace) {
  const bool readable = examined.certificate != nullptr;
  facts::TraceScope scope(
      trace, {.kind = TraceStep::Kind::kCertificate,
              .what = readable ? examined.certificate->subject_text() : "(cannot be read)"});
  scope.Result(OutcomeOf(examined.checks),
               examined.anchor ? "trusted (tls_verify_certificates)" : "");
  for (const crypto::Check& check : examined.checks)
    trace->Add(Step(TraceStep::Kind::kCheck, OutcomeOf(check.result), check.name, check.detail));
}

void TraceExamination(const facts::Tls& tls, const crypto::TrustStore& trust,
                      crypto::Purpose purpose, std::int64_t now, facts::Trace* trace) {
  std::vector<std::string_view> chain(tls.presented.begin(), tls.presented.end());
  for (std::size_t i = 0; i < tls.path.size() && (i == 0 || i + 1 < tls.path.size()); ++i)
    chain.push_back(tls.path[i]->der());
  crypto::Examination examination;
  const auto began = std::chrono::steady_clock::now();
  engine::OnThreadStack([&] { examination = crypto::Examine(trust, chain, purpose, now); });
  examined_microseconds += std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::steady_clock::now() - began)
                               .count();
  if (!examination.why_no_path.empty())
    trace->Add(Step(TraceStep::Kind::kCheck, TraceStep::Outcome::kNo, "path to an authority",
                    examination.why_no_path));
  for (const crypto::Examined& examined : examination.certificates)
    TraceCertificate(examined, trace);
}

}  // namespace

report::Decision MakeDecision(const Dialogue& dialogue, Steps steps) {
  const facts::Session& session = dialogue.session();
  Decision decision;
  decision.reference = dialogue.reference;
  decision.time = session.at.value_or(std::time(nullptr));
  decision.configuration = Printable(dialogue.config.file);
  decision.generation = dialogue.context.site->generation;
  decision.verdict = VerdictOf(dialogue);
  const std::string may = WhatItMay(dialogue);
  decision.headline = Printable(WhoItIs(dialogue) + (may.empty() ? "" : "; " + may));
  decision.reason = Printable(ReasonOf(dialogue));
  if (dialogue.told_refusal) decision.where = PlaceOf(dialogue.told_refusal->where);
  decision.authentication = NameOf(session.auth.result);
  decision.authenticator = session.auth.authenticator;
  decision.identity = Printable(session.auth.id);
  decision.client = ClientOf(dialogue);
  if (session.trace == nullptr || steps == Steps::kNo) return decision;
  decision.steps = StepsOf(dialogue);
  for (TraceStep& step : decision.steps) MakePrintable(&step);
  decision.steps_dropped = dialogue.packed_dropped + session.trace->dropped();
  return decision;
}

void TraceHandshake(Dialogue& dialogue, const tls::ServerPolicy& policy,
                    tls::ClientCertificate mode) {
  const facts::Session& session = dialogue.session();
  facts::Trace* trace = session.trace;
  if (trace == nullptr) return;
  const facts::Tls& tls = session.tls;
  using Kind = TraceStep::Kind;
  using Outcome = TraceStep::Outcome;
  facts::TraceScope handshake(trace, {.kind = Kind::kTls, .what = "handshake"});
  handshake.Result(Outcome::kYes, tls.cipher);
  if (!tls.sni.empty()) trace->Add(Step(Kind::kNote, Outcome::kNone, "server name", tls.sni));
  const char* asked = mode == tls::ClientCertificate::kRequire ? "required (tls_verify_hosts)"
                      : mode == tls::ClientCertificate::kRequest
                          ? "asked for (tls_try_verify_hosts)"
                          : "not asked for";
  trace->Add(Step(Kind::kNote, Outcome::kNone, "client certificate", asked));
  if (mode == tls::ClientCertificate::kIgnore) return;
  facts::TraceScope verified(trace, {.kind = Kind::kCheck, .what = "verified"});
  verified.Result(OutcomeOf(tls), tls.verify_reason);
  if (tls.peer == nullptr) return;
  if (trace->thorough() || (!tls.verified && MayExamine())) {
    TraceExamination(tls, *policy.trust(), auth::PurposeOfClients(dialogue.config),
                     session.at.value_or(std::time(nullptr)), trace);
    return;
  }
  for (const crypto::CertificatePtr& certificate : tls.path)
    trace->Add(Step(Kind::kCertificate, Outcome::kYes, certificate->subject_text(), ""));
}

void TraceFailedHandshake(Dialogue& dialogue, std::string_view why) {
  facts::Trace* trace = dialogue.session().trace;
  if (trace == nullptr) return;
  trace->Add(Step(TraceStep::Kind::kTls, TraceStep::Outcome::kNo, "handshake", std::string(why)));
}

void TraceNotAuthenticated(Dialogue& dialogue) {
  facts::Trace* trace = dialogue.session().trace;
  if (trace == nullptr) return;
  trace->Add(Step(TraceStep::Kind::kNote, TraceStep::Outcome::kNo, "no authenticator runs",
                  WhyNoIdentity(dialogue)));
}

}  // namespace signet::smtp
