#include "src/relay/terms.h"

#include "src/relay/replies.h"

namespace signet::relay {

Protocol ProtocolOf(const config::Transport& transport) {
  if (transport.protocol.text == "smtps") return Protocol::kSmtps;
  if (transport.protocol.text == "lmtp") return Protocol::kLmtp;
  return Protocol::kSmtp;
}

Result<Terms, Reply> MakeTerms(const Place& place, const Host& host, const std::string& ip,
                               config::MatchContext& context) {
  const config::Transport& transport = *place.transport;
  Terms terms{.host = host, .ip = ip, .protocol = ProtocolOf(transport), .helo = place.helo};
  Xclient which = Xclient::kNo;
  if (transport.xclient.text == "login") which = Xclient::kLogin;
  if (transport.xclient.text == "full") which = Xclient::kFull;
  terms.xclient = XclientAttributes(which, context.session);
  return terms;
}

Result<std::string, Reply> AuthenticatedSender(const Place& place, config::MatchContext& context) {
  const facts::Session& session = context.session;
  if (session.auth.result != facts::AuthResult::kAuthenticated) return std::string("<>");
  const auto outcome = expand::Evaluate(*place.transport->authenticated_sender.program, session,
                                        context.services, context.budget);
  if (!outcome.ok() && outcome.error().kind == FailureKind::kForced) return std::string("<>");
  if (!outcome.ok()) return Err{LocalProblem(outcome.error().text)};
  auto said = MailAuth(outcome.value(), session);
  if (!said.ok()) return Err{LocalProblem(said.error())};
  return std::move(said).value();
}

}  // namespace signet::relay
