// What ACLs ask about addresses: whether one has a route, and what its upstream says of it.
#include "src/smtp/dialogue.h"

namespace signet::smtp {
namespace {

void SetSender(std::string_view address, facts::Envelope* envelope) {
  const std::size_t at = address.rfind('@');
  envelope->has_sender = true;
  envelope->sender = address;
  envelope->sender_local_part = address.substr(0, at);
  if (at != address.npos) envelope->sender_domain = address.substr(at + 1);
}

acl::VerifyAnswer AnswerOf(const relay::Reply& reply) {
  const std::string why = reply.log_text.empty() ? reply.text : reply.log_text;
  if (reply.positive()) return {acl::VerifyAnswer::kYes, "", ""};
  if (reply.code >= 500 && reply.code < 600) return {acl::VerifyAnswer::kNo, reply.text, why};
  return {acl::VerifyAnswer::kLater, reply.text, why};
}

}  // namespace

// In a session of its own, so that the message at hand sees nothing of it.
acl::VerifyAnswer Dialogue::VerifyAddress(const acl::VerifyRequest& request) {
  // The host may take its time: what the client is owed goes first.
  if (request.call_forward && !session_.controls.no_callout_flush) (void)Flush();
  facts::Session probe = session_;
  probe.envelope = {};
  probe.envelope.smtputf8 = session_.envelope.smtputf8;
  SetSender(request.call_forward ? request.mail_from : session_.envelope.sender, &probe.envelope);
  probe.envelope.current = {request.local_part + '@' + request.domain, request.local_part,
                            request.domain};
  probe.phase = facts::Phase::kDelivery;
  BorrowedBudget budget(services);
  config::MatchContext match{config, probe, services, budget.get()};
  const auto& routes = context.site->routes;
  if (!request.call_forward) return AnswerOf(relay::FindRoute(*routes, match));
  if (!context.begin) return AnswerOf(relay::CallForward(routes, probe, match));
  return AnswerOf(context.begin(probe, {})->AddRecipient(probe.envelope.current, match));
}

}  // namespace signet::smtp
