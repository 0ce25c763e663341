// MAIL and RCPT: who sends, to whom, and whether the upstream agrees.
#include "src/base/text.h"
#include "src/smtp/dialogue.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;
using facts::VerdictKind;

constexpr std::size_t kRecipientsNoted = 20;  // for whoever asks why; they are all alike
const char kProhibited[] = "Administrative prohibition";
const char kNotAuthenticated[] = "client not authenticated";
const char kNotConfigured[] = "not configured";

// The word of the authenticator that authenticated the client: "" or why it is not believed.
std::string WhyNotBelieved(Dialogue& dialogue) {
  const facts::Auth& auth = dialogue.session().auth;
  if (auth.result != facts::AuthResult::kAuthenticated) return kNotAuthenticated;
  const config::Authenticator* instance = nullptr;
  for (const config::Authenticator& a : dialogue.config.authenticators)
    if (a.name == auth.authenticator) instance = &a;
  if (instance == nullptr || !instance->server_mail_auth_condition) return kNotConfigured;
  BorrowedBudget budget(dialogue.services);
  const expand::Outcome outcome =
      expand::Evaluate(*instance->server_mail_auth_condition.program, dialogue.session(),
                       dialogue.services, budget.get());
  if (outcome && expand::LaxTruth(outcome.value().text)) return "";
  return "server_mail_auth_condition failed: authenticated ID=\"" + auth.id + '"';
}

// Whether the ACL for AUTH= wants it believed; nullopt where there is no such ACL.
//
//   Errors  the answer to MAIL: the ACL cannot tell.
Result<std::optional<bool>, Answer> AskMailAuth(Dialogue& dialogue, const MailArguments& mail) {
  const config::Expanded& option =
      dialogue.config.main.acl[static_cast<std::size_t>(AclWhen::kMailauth)];
  if (!option) return std::optional<bool>();
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kMailauth, Phase::kMail);
  if (verdict.kind == VerdictKind::kDefer)
    if (auto refusal = dialogue.Refusal(verdict, MakeReply(451, "4.7.1", kProhibited),
                                        "MAILAUTH " + mail.path + " AUTH=" + mail.auth_typed))
      return Err{*refusal};
  return std::optional(verdict.kind == VerdictKind::kAccept);
}

// AUTH= on MAIL is somebody's word for who first submitted the message: believed only
// where the configuration says so, by an ACL, by the authenticator, or where both do by both
// (rules I13, S14). Returns the answer to MAIL where it cannot go on.
std::optional<Answer> NoteMailAuth(Dialogue& dialogue, const MailArguments& mail) {
  if (!mail.has_auth || mail.auth.empty()) return std::nullopt;
  std::string& believed = dialogue.session().envelope.authenticated_sender;
  believed = mail.auth;  // for the ACL
  auto asked = AskMailAuth(dialogue, mail);
  if (!asked.ok()) return asked.error();
  std::string why = asked.value() == false ? "rejected by ACL" : WhyNotBelieved(dialogue);
  const bool nothing_else = why == kNotConfigured || why == kNotAuthenticated;
  if (asked.value() == true && nothing_else) why.clear();
  if (why.empty()) return std::nullopt;
  believed.clear();
  dialogue.context.log->Main(HostEvent("mail_auth_ignored",
                                       "ignoring AUTH=" + mail.auth_typed + " from ",
                                       dialogue.session(), dialogue.selector, " (" + why + ")"));
  return std::nullopt;
}

void SetSender(facts::Envelope& envelope, const MailArguments& mail) {
  envelope.has_sender = true;
  envelope.sender = mail.sender.Text();
  envelope.sender_local_part = mail.sender.local_part;
  envelope.sender_domain = mail.sender.domain;
  envelope.declared_size = mail.size_bytes;
  envelope.body_8bitmime = mail.body_8bitmime;
  envelope.smtputf8 = mail.smtputf8;
  envelope.dsn_ret = mail.ret;
  envelope.dsn_envid = mail.envid;
}

Answer RefuseSize(Dialogue& dialogue, const MailArguments& mail) {
  if (dialogue.selector.Has(Selector::kSizeReject))
    dialogue.context.log->MainAndReject(
        HostEvent("size_refused", "rejected MAIL FROM:" + mail.path + ' ', dialogue.session(),
                  dialogue.selector,
                  ": message too big: size=" + std::to_string(mail.size_bytes) +
                      " max=" + std::to_string(dialogue.message_size_limit)));
  return MakeReply(552, "5.3.4", "Message size exceeds maximum permitted");
}

const std::string& QualifyDomain(Dialogue& dialogue) {
  const std::string& domain = dialogue.config.main.qualify_domain;
  return domain.empty() ? dialogue.session().primary_hostname : domain;
}

facts::Recipient MakeRecipient(Dialogue& dialogue, const RcptArguments& rcpt) {
  Address qualified = rcpt.recipient;
  if (qualified.domain.empty()) {
    const config::Main& main = dialogue.config.main;
    qualified.domain = main.qualify_recipient.empty() ? QualifyDomain(dialogue)  //
                                                      : main.qualify_recipient;
  }
  return {qualified.Text(), qualified.local_part, qualified.domain, rcpt.notify, rcpt.orcpt};
}

// What parameters and addresses this client may send, as it was told.
Parameters Allowed(Dialogue& dialogue, const config::Expanded& unqualified,
                   std::string_view option) {
  Parameters allowed;
  allowed.extended = dialogue.session().esmtp;
  allowed.dsn = dialogue.dsn_offered;
  allowed.smtputf8 = dialogue.smtputf8_offered;
  allowed.unqualified = unqualified && dialogue.Offers(unqualified, option);
  allowed.literals = dialogue.config.main.allow_domain_literals;
  return allowed;
}

Parameters AllowedSender(Dialogue& dialogue) {
  return Allowed(dialogue, dialogue.config.main.sender_unqualified_hosts,
                 "sender_unqualified_hosts");
}

Parameters AllowedRecipient(Dialogue& dialogue) {
  Parameters allowed = Allowed(dialogue, dialogue.config.main.recipient_unqualified_hosts,
                               "recipient_unqualified_hosts");
  allowed.smtputf8 = dialogue.session().envelope.smtputf8;
  return allowed;
}

// More than smtp_accept_max_per_connection (RFC 9422, MAILMAX). 421 says that the connection
// ends, and so it does.
Answer RefuseMessages(Dialogue& dialogue, const MailArguments& mail) {
  dialogue.LogRejection(Refusal::kTemporary, "MAIL " + mail.path,
                        "too many messages in one connection");
  dialogue.ending = "closed: too many messages";
  return MakeClosingReply(421, "4.7.0", "too many messages in this connection");
}

// Remembers that a recipient was refused, and why while it is the same for all: DATA
// behind it in the same group says so.
Answer RememberRefusal(Dialogue& dialogue, Answer answer) {
  facts::Envelope& envelope = dialogue.session().envelope;
  if (answer.reply)
    ++(answer.reply->code < 500 ? envelope.recipients_deferred : envelope.recipients_refused);
  if (!dialogue.rcpt_refused) {
    dialogue.rcpt_refusal = answer.reply;
  } else if (dialogue.rcpt_refusal &&
             (!answer.reply || answer.reply->lines != dialogue.rcpt_refusal->lines)) {
    dialogue.rcpt_refusal.reset();
  }
  dialogue.rcpt_refused = true;
  return answer;
}

Answer RefuseMore(Dialogue& dialogue) {
  dialogue.context.log->MainAndReject(
      HostEvent("too_many_recipients",
                "too many recipients: excess temporarily rejected: sender=<" +
                    dialogue.session().envelope.sender + "> ",
                dialogue.session(), dialogue.selector, ""));
  facts::Envelope& envelope = dialogue.session().envelope;
  if (!dialogue.config.main.recipients_max_reject) {
    ++envelope.recipients_deferred;
    return MakeReply(452, "4.5.3", "too many recipients");
  }
  ++envelope.recipients_refused;
  dialogue.recipients_over = true;
  return MakeReply(552, "5.5.3", "too many recipients");
}

// The upstream's answer to the recipient.
relay::Reply HandOver(Dialogue& dialogue) {
  facts::Session& session = dialogue.session();
  if (dialogue.transaction == nullptr) {
    dialogue.transaction_options.tls_reports = dialogue.context.tls_reports;
    dialogue.transaction_options.metrics = dialogue.context.metrics;
    dialogue.transaction =
        dialogue.context.begin
            ? dialogue.context.begin(session, dialogue.transaction_options)
            : relay::Begin(dialogue.context.site->routes, session, dialogue.transaction_options);
  }
  session.phase = Phase::kDelivery;
  BorrowedBudget budget(dialogue.services);
  config::MatchContext match{dialogue.config, session, dialogue.services, budget.get()};
  relay::Reply reply = dialogue.transaction->AddRecipient(session.envelope.current, match);
  // After a temporary failure with nobody accepted, the next recipient may find another
  // place or a better moment.
  if (!reply.positive() && reply.code < 500 && session.envelope.recipients.empty())
    dialogue.transaction.reset();
  return reply;
}

Answer DecideRecipient(Dialogue& dialogue, const std::string& typed) {
  facts::Session& session = dialogue.session();
  const std::string what = "RCPT " + typed;
  const Reply accepted = MakeReply(250, "2.1.5", "Accepted");
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kRcpt, Phase::kRcpt);
  if (verdict.kind == VerdictKind::kDiscard) {
    dialogue.context.log->MainAndReject(
        HostEvent("discarded", "", session, dialogue.selector,
                  " F=<" + session.envelope.sender + "> " + what + ": discarded by RCPT ACL" +
                      (verdict.log_message.empty() ? "" : ": " + verdict.log_message)));
    ++dialogue.recipients_discarded;
    return dialogue.Accepted(verdict, accepted);
  }
  if (auto refusal = dialogue.Refusal(verdict, MakeReply(550, "5.7.1", kProhibited), what))
    return RememberRefusal(dialogue, *refusal);
  const relay::Reply reply = HandOver(dialogue);
  if (!reply.positive()) return RememberRefusal(dialogue, dialogue.RefusedUpstream(reply, what));
  session.envelope.recipients.push_back(session.envelope.current);
  return dialogue.Accepted(verdict, accepted);
}

}  // namespace

Answer RunMail(Dialogue& dialogue, const Command& command) {
  facts::Session& session = dialogue.session();
  dialogue.mail_refused = true;  // until the end of this function
  Result<MailArguments, Reply> parsed = ParseMail(command.argument, AllowedSender(dialogue));
  if (!parsed) return {std::move(parsed).error(), Fault::kSyntax};
  MailArguments& mail = parsed.value();
  dialogue.last_mail = mail.path;
  dialogue.last_rcpt.clear();
  if (!mail.sender.null_path && mail.sender.domain.empty())
    mail.sender.domain = QualifyDomain(dialogue);
  if (dialogue.messages_max > 0 && dialogue.messages >= dialogue.messages_max)
    return RefuseMessages(dialogue, mail);
  const bool too_big =
      dialogue.message_size_limit > 0 && mail.size_bytes > dialogue.message_size_limit;
  if (too_big) return RefuseSize(dialogue, mail);
  dialogue.ResetEnvelope();
  SetSender(session.envelope, mail);
  if (auto answer = NoteMailAuth(dialogue, mail)) {
    dialogue.ResetEnvelope();
    dialogue.mail_refused = true;
    return *answer;
  }
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kMail, Phase::kMail);
  if (verdict.kind != VerdictKind::kDiscard) {
    // Until it is accepted there is no sender that a log line could name as one.
    session.envelope.has_sender = false;
    if (auto refusal =
            dialogue.Refusal(verdict, MakeReply(550, "5.7.1", kProhibited), "MAIL " + mail.path)) {
      dialogue.ResetEnvelope();
      dialogue.mail_refused = true;
      return *refusal;
    }
    session.envelope.has_sender = true;
  } else {
    dialogue.discard_all = true;
    dialogue.context.log->MainAndReject(
        HostEvent("discarded", "", session, dialogue.selector,
                  " MAIL " + mail.path + ": discarded by MAIL ACL"));
  }
  dialogue.transaction_options = {mail.body_8bitmime, mail.size_bytes};
  dialogue.mail_refused = false;
  ++dialogue.messages;
  dialogue.free_hello = dialogue.free_rset = dialogue.free_starttls = true;
  return dialogue.Accepted(verdict, MakeReply(250, "2.1.0", "OK"));
}

Answer RunRcpt(Dialogue& dialogue, const Command& command) {
  facts::Session& session = dialogue.session();
  ++session.envelope.recipients_asked;
  Result<RcptArguments, Reply> parsed = ParseRcpt(command.argument, AllowedRecipient(dialogue));
  if (!parsed) return RememberRefusal(dialogue, {std::move(parsed).error(), Fault::kSyntax});
  if (dialogue.last_rcpt.size() < kRecipientsNoted)
    dialogue.last_rcpt.push_back(parsed.value().path);
  const std::size_t count = session.envelope.recipients.size() + dialogue.recipients_discarded;
  if (dialogue.recipients_max > 0 && count >= dialogue.recipients_max) return RefuseMore(dialogue);
  if (dialogue.discard_all) {
    ++dialogue.recipients_discarded;
    return MakeReply(250, "2.1.5", "Accepted");
  }
  session.envelope.current = MakeRecipient(dialogue, parsed.value());
  Answer answer = DecideRecipient(dialogue, parsed.value().path);
  session.envelope.current = {};
  return answer;
}

}  // namespace signet::smtp
