#include "src/smtp/commands.h"

#include <algorithm>

#include "src/acl/host_name.h"
#include "src/base/text.h"
#include "src/smtp/auth.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;

Answer Protocol(int code, std::string_view enhanced, std::string text) {
  return {MakeReply(code, enhanced, std::move(text)), Fault::kProtocol};
}

// --- checks: may it come now? ------------------------------------------------------------

// What helo_accept_junk_hosts may let through.
bool IsHarmless(std::string_view argument) {
  return std::all_of(argument.begin(), argument.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

Answer BadHello(const Command& command) {
  return {MakeReply(501, "", "Syntactically invalid " + command.verb + " argument(s)"),
          Fault::kSyntax};
}

std::optional<Answer> Always(const Dialogue&, const Command&) { return std::nullopt; }

std::optional<Answer> CheckHello(const Dialogue& dialogue, const Command& command) {
  if (IsHeloName(command.argument, dialogue.config.main.helo_allow_chars)) return std::nullopt;
  if (!command.argument.empty() && IsHarmless(command.argument))
    return std::nullopt;  // see RunHello
  return BadHello(command);
}

std::optional<Answer> CheckStarttls(const Dialogue& dialogue, const Command&) {
  if (dialogue.starttls_offered) return std::nullopt;
  return Protocol(503, "5.5.1", "STARTTLS command used when not advertised");
}

std::optional<Answer> CheckXclient(const Dialogue& dialogue, const Command&) {
  // To everybody else it is a command that does not exist (rule S15).
  if (!dialogue.xclient_offered)
    return Answer{MakeReply(501, "5.5.1", "XCLIENT command used when not advertised"),
                  Fault::kSyntax};
  if (dialogue.session().envelope.has_sender)
    return Protocol(503, "5.5.1", "mail transaction in progress");
  return std::nullopt;
}

std::optional<Answer> CheckMail(const Dialogue& dialogue, const Command&) {
  switch (dialogue.state()) {
    case State::kHello:
      return std::nullopt;
    case State::kGreeted:
      return Protocol(503, "5.5.1", "HELO or EHLO required");
    default:
      return Protocol(503, "5.5.1", "sender already given");
  }
}

// Between the chunks of a message nothing but its other chunks can be said of it.
std::optional<Answer> InsideMessage(const Dialogue& dialogue, const Command& command) {
  if (dialogue.receiver == nullptr) return std::nullopt;
  return Protocol(503, "5.5.1", command.verb.substr(0, 4) + " not allowed after BDAT");
}

std::optional<Answer> CheckRcpt(const Dialogue& dialogue, const Command& command) {
  if (auto inside = InsideMessage(dialogue, command)) return inside;
  if (dialogue.state() == State::kMail || dialogue.state() == State::kRcpt) return std::nullopt;
  Answer answer = Protocol(503, "5.5.1", "sender not yet given");
  // A client that pipelines could not know.
  if (dialogue.mail_refused && dialogue.pipelining_offered) answer.fault = Fault::kNone;
  return answer;
}

std::optional<Answer> CheckData(const Dialogue& dialogue, const Command& command) {
  if (auto inside = InsideMessage(dialogue, command)) return inside;
  return CheckRecipients(dialogue, "DATA");
}

std::optional<Answer> Incomplete(const Dialogue&, const Command&) {
  return Answer{MakeReply(500, "5.5.2", "unrecognized command"), Fault::kSyntax};
}

// --- commands ------------------------------------------------------------------------------

Answer NoAnswer(Dialogue&, const Command&) { return {}; }  // behind a check that always answers

std::string HelloLine(const Dialogue& dialogue) {
  const facts::Session& session = dialogue.session();
  const std::string& name = session.host_name.empty() ? session.helo : session.host_name;
  return session.active_hostname + " Hello " + name + " [" + session.connection.client_ip + "]";
}

// Chunks begin without a moment in which the predata ACL could be asked; what it forbids must
// not become possible by another command.
bool OffersChunking(Dialogue& dialogue) {
  const config::Main& main = dialogue.config.main;
  return !main.acl[static_cast<std::size_t>(AclWhen::kPredata)] &&
         dialogue.Offers(main.chunking_advertise_hosts, "chunking_advertise_hosts");
}

bool OffersStarttls(Dialogue& dialogue) {
  const config::Main& main = dialogue.config.main;
  return !dialogue.session().tls.active && main.tls_certificate &&
         dialogue.Offers(main.tls_advertise_hosts, "tls_advertise_hosts");
}

// RFC 9422: what a client may as well know before it comes to it.
std::string LimitsLine(const Dialogue& dialogue) {
  std::string line;
  if (dialogue.messages_max > 0) line += " MAILMAX=" + std::to_string(dialogue.messages_max);
  if (dialogue.recipients_max > 0) line += " RCPTMAX=" + std::to_string(dialogue.recipients_max);
  return line.empty() ? line : "LIMITS" + line;
}

void AddExtensions(Dialogue& dialogue, std::vector<std::string>* lines) {
  lines->push_back(dialogue.message_size_limit == 0
                       ? "SIZE"
                       : "SIZE " + std::to_string(dialogue.message_size_limit));
  const config::Main& main = dialogue.config.main;
  const std::string limits = LimitsLine(dialogue);
  if (!limits.empty() && dialogue.Offers(main.limits_advertise_hosts, "limits_advertise_hosts"))
    lines->push_back(limits);
  lines->emplace_back("8BITMIME");
  if (dialogue.dsn_offered) lines->emplace_back("DSN");
  if (dialogue.pipelining_offered) lines->emplace_back("PIPELINING");
  std::string mechanisms;
  for (const std::string& name : dialogue.session().auth_offered) mechanisms += ' ' + name;
  if (!mechanisms.empty()) lines->push_back("AUTH" + mechanisms);
  if (dialogue.chunking_offered) lines->emplace_back("CHUNKING");
  lines->emplace_back("ENHANCEDSTATUSCODES");
  if (dialogue.starttls_offered) lines->emplace_back("STARTTLS");
  if (dialogue.xclient_offered)
    lines->push_back("XCLIENT NAME ADDR PORT PROTO HELO" +
                     std::string(MayXclientLogin(dialogue) ? " LOGIN" : "") + " DESTADDR DESTPORT");
  if (dialogue.smtputf8_offered) lines->emplace_back("SMTPUTF8");
  lines->emplace_back("HELP");
}

// Whether the name is that of the client's host, where helo_verify_hosts wants it to be.
// nullopt: it is, or need not be.
std::optional<Answer> VerifyName(Dialogue& dialogue, const std::string& what) {
  facts::Session& session = dialogue.session();
  const config::Main& main = dialogue.config.main;
  const Result<bool, Failure> required = dialogue.ClientIn(main.helo_verify_hosts);
  const bool must = !required || required.value();
  if (!must && !dialogue.Offers(main.helo_try_verify_hosts, "helo_try_verify_hosts"))
    return std::nullopt;
  const facts::HostLookup found = required ? acl::VerifyHelo(dialogue) : facts::HostLookup::kLater;
  session.helo_verified = found == facts::HostLookup::kFound;
  if (!must || session.helo_verified) return std::nullopt;
  const bool later = found == facts::HostLookup::kLater;
  dialogue.LogRejection(later ? Refusal::kTemporary : Refusal::kPermanent, what,
                        later ? "its name cannot be verified now" : "not the name of its host");
  if (later) return MakeReply(451, "", "Temporary local problem - please try later");
  return MakeReply(550, "", "EHLO argument does not match calling host");
}

Answer RunHello(Dialogue& dialogue, const Command& command) {
  facts::Session& session = dialogue.session();
  const config::Main& main = dialogue.config.main;
  if (!IsHeloName(command.argument, main.helo_allow_chars) &&
      !dialogue.Offers(main.helo_accept_junk_hosts, "helo_accept_junk_hosts"))
    return BadHello(command);
  dialogue.ResetEnvelope();
  dialogue.starttls_offered = dialogue.pipelining_offered = dialogue.xclient_offered = false;
  dialogue.chunking_offered = false;
  dialogue.dsn_offered = dialogue.smtputf8_offered = false;
  session.auth_offered.clear();
  session.helo = command.argument;
  session.helo_verified = false;
  session.esmtp = command.verb == "EHLO";
  const std::string what = "EHLO or HELO " + command.argument;
  facts::Verdict verdict;
  std::optional<Answer> refusal = VerifyName(dialogue, what);
  if (!refusal) {
    verdict = dialogue.Ask(AclWhen::kHelo, Phase::kHelo);
    refusal =
        dialogue.Refusal(verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), what);
  }
  if (refusal) {
    session.helo.clear();
    session.esmtp = false;
    return *refusal;
  }
  Reply reply = dialogue.Accepted(verdict, MakeReply(250, "", HelloLine(dialogue)));
  reply.lines.resize(1);
  if (session.esmtp) {
    dialogue.pipelining_offered =
        !session.controls.no_pipelining &&
        dialogue.Offers(main.pipelining_advertise_hosts, "pipelining_advertise_hosts");
    dialogue.dsn_offered = dialogue.Offers(main.dsn_advertise_hosts, "dsn_advertise_hosts");
    dialogue.smtputf8_offered =
        dialogue.Offers(main.smtputf8_advertise_hosts, "smtputf8_advertise_hosts");
    dialogue.chunking_offered = OffersChunking(dialogue);
    dialogue.starttls_offered = OffersStarttls(dialogue);
    dialogue.xclient_offered = MayXclient(dialogue);
    OfferMechanisms(dialogue);
    AddExtensions(dialogue, &reply.lines);
  }
  return reply;
}

Answer RunRset(Dialogue& dialogue, const Command&) {
  dialogue.ResetEnvelope();
  return MakeReply(250, "2.0.0", "Reset OK");
}

Answer RunNoop(Dialogue&, const Command&) { return MakeReply(250, "2.0.0", "OK"); }

Answer RunHelp(Dialogue& dialogue, const Command&) {
  Reply reply = MakeReply(214, "2.0.0", "Commands supported:");
  std::string names;
  for (const CommandRow& row : Commands()) {
    const bool works = row.run != &NoAnswer &&
                       (row.name != "STARTTLS" || dialogue.starttls_offered) &&
                       (row.name != "BDAT" || dialogue.chunking_offered) &&
                       (row.name != "XCLIENT" || dialogue.xclient_offered) &&
                       (row.name != "AUTH" || !dialogue.session().auth_offered.empty());
    if (!works) continue;
    if (!names.empty()) names += ' ';
    names += row.name.substr(0, row.name.find(' '));
  }
  reply.lines.push_back(std::move(names));
  return reply;
}

// What is said about an account is the same for all of them (rule S13): the ACL sees the
// connection, and an accepted VRFY promises no more than a refused one.
Answer RunVrfy(Dialogue& dialogue, const Command& command) {
  // RFC 6531 section 3.7.4.2.
  const bool eight_bit = std::any_of(command.argument.begin(), command.argument.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  const bool asked = EndsWithIgnoreCase(command.argument, " SMTPUTF8");
  if (eight_bit && !(asked && dialogue.smtputf8_offered && IsValidUtf8(command.argument)))
    return {MakeReply(553, "5.6.7", "address with octets above 127 without SMTPUTF8"),
            Fault::kSyntax};
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kVrfy, Phase::kRcpt);
  const Reply prohibited = MakeReply(252, "2.5.0", "Administrative prohibition");
  if (verdict.kind == facts::VerdictKind::kDeny && verdict.user_message.empty()) return prohibited;
  if (auto refusal = dialogue.Refusal(verdict, MakeReply(550, "5.7.1", prohibited.text()),
                                      "VRFY " + command.argument))
    return *refusal;
  return MakeReply(252, "2.5.0", "Cannot tell, but will take mail for some accounts");
}

Answer RunExpn(Dialogue&, const Command&) {
  return MakeReply(550, "5.7.1", "Administrative prohibition");
}

Answer RunEtrn(Dialogue&, const Command&) {
  return MakeReply(458, "4.7.1", "Administrative prohibition");
}

Answer RunQuit(Dialogue& dialogue, const Command&) {
  const facts::Session& session = dialogue.session();
  const Reply standard = MakeReply(221, "2.0.0", session.active_hostname + " closing connection");
  Reply reply = standard;
  if (dialogue.config.main.acl[static_cast<std::size_t>(AclWhen::kQuit)]) {
    const facts::Verdict verdict = dialogue.Ask(AclWhen::kQuit, Phase::kQuit);
    if (verdict.kind == facts::VerdictKind::kAccept) reply = dialogue.Accepted(verdict, standard);
  }
  reply.closes = true;
  dialogue.ending = "closed by QUIT";
  return reply;
}

// clang-format off
constexpr CommandRow kCommands[] = {
  // name        argument             idle            place             may it come now?     runs           the manual says
  {"AUTH",       Argument::kParsed,   Idle::kCounted, Group::kLast,     &CheckAuth,          &RunAuth,      "a SASL exchange; under TLS, for who has no identity yet (see after_tls_auth)"},
  {"BDAT",       Argument::kParsed,   Idle::kNot,     Group::kBeforeData, &Always,           &RunBdat,      "takes a chunk of the message; the last one is answered when the upstream has it"},
  {"DATA",       Argument::kNone,     Idle::kNot,     Group::kLast,     &CheckData,          &RunData,      "takes the message; answered when the upstream has it"},
  {"EHLO",       Argument::kParsed,   Idle::kCounted, Group::kLast,     &CheckHello,         &RunHello,     "greets, lists extensions, drops a transaction"},
  {"ETRN",       Argument::kOptional, Idle::kCounted, Group::kLast,     &Always,             &RunEtrn,      "always refused: there is no queue"},
  {"EXPN",       Argument::kOptional, Idle::kCounted, Group::kLast,     &Always,             &RunExpn,      "always refused"},
  {"HELO",       Argument::kParsed,   Idle::kCounted, Group::kLast,     &CheckHello,         &RunHello,     "greets without extensions"},
  {"HELP",       Argument::kOptional, Idle::kCounted, Group::kAnywhere, &Always,             &RunHelp,      "lists the commands"},
  {"MAIL",       Argument::kParsed,   Idle::kNot,     Group::kAnywhere, &Incomplete,         &NoAnswer,     "without FROM: is not a command"},
  {"MAIL FROM:", Argument::kParsed,   Idle::kNot,     Group::kAnywhere, &CheckMail,          &RunMail,      "begins a transaction; SIZE=, BODY=, AUTH="},
  {"NOOP",       Argument::kOptional, Idle::kCounted, Group::kLast,     &Always,             &RunNoop,      "does nothing"},
  {"QUIT",       Argument::kNone,     Idle::kNot,     Group::kLast,     &Always,             &RunQuit,      "ends the session"},
  {"RCPT",       Argument::kParsed,   Idle::kNot,     Group::kAnywhere, &Incomplete,         &NoAnswer,     "without TO: is not a command"},
  {"RCPT TO:",   Argument::kParsed,   Idle::kNot,     Group::kAnywhere, &CheckRcpt,          &RunRcpt,      "adds a recipient; answered when the upstream takes it"},
  {"RSET",       Argument::kNone,     Idle::kCounted, Group::kAnywhere, &Always,             &RunRset,      "drops a transaction"},
  {"STARTTLS",   Argument::kNone,     Idle::kCounted, Group::kLast,     &CheckStarttls,      &RunStarttls,  "begins TLS; all said before is forgotten"},
  {"VRFY",       Argument::kOptional, Idle::kCounted, Group::kLast,     &Always,             &RunVrfy,      "tells nothing about accounts"},
  {"XCLIENT",    Argument::kParsed,   Idle::kNot,     Group::kLast,     &CheckXclient,       &RunXclient,   "a host of hosts_xclient says who its client is"},
};
// clang-format on
static_assert(std::is_sorted(std::begin(kCommands), std::end(kCommands),
                             [](const CommandRow& a, const CommandRow& b) {
                               return a.name < b.name;
                             }),
              "keep kCommands in order of name");

}  // namespace

// After refused RCPTs the reply repeats why, where it was the same for all of them.
std::optional<Answer> CheckRecipients(const Dialogue& dialogue, std::string_view command) {
  if (dialogue.recipients_over) return Answer{MakeReply(554, "5.5.3", "Too many recipients")};
  if (dialogue.state() == State::kRcpt) return std::nullopt;
  const std::string text = "alid RCPT command must precede " + std::string(command);
  Answer answer = Protocol(503, "5.5.1", 'v' + text);
  const bool expected = dialogue.mail_refused || dialogue.rcpt_refused;
  if (!expected || !dialogue.pipelining_offered) return answer;
  answer.fault = Fault::kNone;
  if (dialogue.rcpt_refusal) {
    std::vector<std::string>& lines = answer.reply->lines;
    lines = {"All RCPT commands were rejected with this error:"};
    lines.insert(lines.end(), dialogue.rcpt_refusal->lines.begin(),
                 dialogue.rcpt_refusal->lines.end());
    lines.push_back('V' + text);
  }
  return answer;
}

std::span<const CommandRow> Commands() { return kCommands; }

const CommandRow* FindCommand(std::string_view verb) {
  const auto* row =
      std::lower_bound(std::begin(kCommands), std::end(kCommands), verb,
                       [](const CommandRow& r, std::string_view v) { return r.name < v; });
  return row != std::end(kCommands) && row->name == verb ? row : nullptr;
}

bool IsForeignVerb(std::string_view verb) {
  static constexpr std::string_view kForeign[] = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                                  "PATCH",   "POST",   "PRI", "PUT",  "TRACE"};
  return std::find(std::begin(kForeign), std::end(kForeign), verb) != std::end(kForeign);
}

}  // namespace signet::smtp
