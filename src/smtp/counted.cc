#include "src/smtp/counted.h"

#include <algorithm>
#include <ctime>

#include "src/report/metrics.h"
#include "src/smtp/commands.h"

namespace signet::smtp {
namespace {

using facts::AuthResult;
using report::Metric;

constexpr int kResumed = 16;  // of $tls_in_resumption

struct Place {
  std::string_view verb, name;
};
// Where a command is refused, in the words of the ACLs.
constexpr Place kPlaces[] = {
    {"EHLO", "helo"},       {"HELO", "helo"},     {"STARTTLS", "starttls"}, {"AUTH", "auth"},
    {"MAIL FROM:", "mail"}, {"RCPT TO:", "rcpt"}, {"DATA", "data"},         {"BDAT", "data"},
    {"XCLIENT", "connect"}, {"VRFY", "vrfy"},
};

std::string_view PlaceOf(const CommandRow& row) {
  for (const Place& place : kPlaces)
    if (row.name == place.verb) return place.name;
  return "other";
}

// Whether the refusal that was decided last is this one, and hangs on who the client is.
bool IsForIdentity(const Dialogue& dialogue, const Reply& reply) {
  const auto& told = dialogue.told_refusal;
  if (!told || !told->about_identity || told->reply.code != reply.code) return false;
  // What is said may have more behind it: a reference, or that it was one time too many.
  const std::vector<std::string>& lines = told->reply.lines;
  return lines.size() <= reply.lines.size() &&
         std::equal(lines.begin(), lines.end(), reply.lines.begin(),
                    [](const auto& a, const auto& b) { return b.starts_with(a); });
}

std::string_view ClassOf(const Dialogue& dialogue, const Reply& reply) {
  if (IsForIdentity(dialogue, reply)) return "identity";
  return reply.code < 500 ? "4xx" : "5xx";
}

std::string_view NameOf(AuthResult result) {
  if (result == AuthResult::kAuthenticated) return "authenticated";
  return result == AuthResult::kFailed ? "failed" : "deferred";
}

}  // namespace

void CountHandshake(const Dialogue& dialogue, const facts::Tls& tls) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics == nullptr) return;
  const bool resumed = (tls.resumption & kResumed) != 0;
  metrics->Add(Metric::kHandshakes, {tls.version, tls.cipher_std, resumed ? "yes" : "no"});
  if (tls.verified && tls.peer)
    metrics->Observe(Metric::kPeerExpiry, {},
                     static_cast<double>(tls.peer->not_after() - std::time(nullptr)));
}

void CountAuthentication(const Dialogue& dialogue, std::string_view authenticator,
                         AuthResult result) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics == nullptr || result == AuthResult::kNotTried) return;
  metrics->Add(Metric::kAuthentications, {authenticator, NameOf(result)});
}

void CountCertificateOf(const Dialogue& dialogue) {
  report::Metrics* metrics = dialogue.context.metrics;
  const facts::Session& session = dialogue.session();
  if (metrics == nullptr || session.auth.result != AuthResult::kAuthenticated || !session.tls.peer)
    return;
  metrics->NoteCertificate(session.auth.id, session.tls.peer->not_after(), std::time(nullptr));
}

void CountExchange(const Dialogue& dialogue, std::string_view authenticator, const Answer& answer) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics == nullptr) return;
  const int code = answer.reply ? answer.reply->code : 0;
  const std::string_view result = code == 235   ? "authenticated"
                                  : code == 535 ? "failed"
                                  : code == 435 ? "deferred"
                                                : "aborted";
  metrics->Add(Metric::kAuthentications, {authenticator, result});
}

void CountAnswer(const Dialogue& dialogue, const Command& command, const Answer& answer) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics == nullptr || !answer.reply || answer.reply->positive()) return;
  const CommandRow* row = FindCommand(command.verb);
  if (row == nullptr || answer.fault != Fault::kNone) return;
  metrics->Add(Metric::kRefusals, {PlaceOf(*row), ClassOf(dialogue, *answer.reply)});
}

void CountRefused(const Dialogue& dialogue, std::string_view place, const Reply& reply) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics != nullptr) metrics->Add(Metric::kRefusals, {place, ClassOf(dialogue, reply)});
}

void CountRefusedConnection(const Dialogue& dialogue, std::string_view reason) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics != nullptr) metrics->Add(Metric::kConnectionsRefused, {reason});
}

void CountMessage(const Dialogue& dialogue, std::size_t octets) {
  report::Metrics* metrics = dialogue.context.metrics;
  if (metrics == nullptr) return;
  metrics->Add(Metric::kMessages);
  metrics->Add(Metric::kMessageBytes, {}, octets);
}

void CountEnd(const Dialogue& dialogue) {
  report::Metrics* metrics = dialogue.context.metrics;
  const facts::Auth& auth = dialogue.session().auth;
  if (metrics != nullptr && auth.result == AuthResult::kAuthenticated)
    metrics->CountIdentity(auth.id);
}

}  // namespace signet::smtp
