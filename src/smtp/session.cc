// A session in the order of the protocol: connection, greeting, commands, end.
#include "src/smtp/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>

#include "expand/show.h"
#include "src/base/text.h"
#include "src/smtp/commands.h"
#include "src/smtp/counted.h"
#include "src/smtp/decide.h"
#include "src/smtp/dialogue.h"
#include "src/smtp/packed_steps.h"
#include "src/smtp/receive.h"
#include "src/smtp/received.h"
#include "src/tls/live.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;
using facts::VerdictKind;
using TraceKind = facts::TraceStep::Kind;
using TraceOutcome = facts::TraceStep::Outcome;

constexpr std::size_t kPackedSlack = 128;          // octets of a session that waits
constexpr std::size_t kOutputMaxBytes = 8 * 1024;  // replies that gather before they are sent
constexpr std::chrono::minutes kWriteWait{2};      // for a client that does not read
constexpr std::chrono::seconds kLingerWait{1};     // so that it gets to read the last reply
constexpr std::chrono::minutes kDelayMax{5};
constexpr std::size_t kCommandsShown = 20;  // of a session, in the log; as in Exim

LogSelector SelectorOf(const config::Config& config) {
  std::vector<std::string> unknown;
  return LogSelector::Parse(config.main.log_selector.text, &unknown);
}

void SendAtOnce(const engine::Socket& socket) {
  if (!socket.valid()) return;  // an offline client
  // Replies are gathered here: the kernel must not wait for more.
  const int on = 1;
  (void)setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// "50M": digits, and K, M or G behind them.
std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  text = Trim(text);
  std::uint64_t unit = 1;
  if (!text.empty() && !IsDigit(text.back())) {
    const char suffix = ToLower(text.back());
    unit = suffix == 'k' ? 1U << 10 : suffix == 'm' ? 1U << 20 : suffix == 'g' ? 1U << 30 : 0;
    text.remove_suffix(1);
  }
  if (text.empty() || unit == 0) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    if (value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value * unit;
}

bool IsPermanent(VerdictKind kind) { return kind != VerdictKind::kDefer; }

// Clients offer passwords even where nobody asks; they must not get into the log (A6).
bool MayHoldPassword(std::string_view octets) {
  return Upper(octets).find("AUTH ") != std::string::npos;
}

// The octets waiting, as a log shows them.
std::string Waiting(std::string_view octets) {
  const std::string size = " (" + std::to_string(octets.size()) + " bytes)";
  if (MayHoldPassword(octets)) return "not shown" + size;
  return '"' + Printable(octets.substr(0, 150)) + '"' + size;
}

std::string MechanismOf(const Command& command) {
  return Echo(command.argument.substr(0, command.argument.find(' ')), 40);
}

// $smtp_notquit_reason where nothing else has set it.
std::string_view ReasonOf(std::string_view ending) {
  if (ending == "lost") return "connection-lost";
  if (ending == "closed after bad commands") return "bad-commands";
  if (ending.starts_with("closed by ")) return "acl-drop";
  if (ending.starts_with("closed after TLS") || ending.starts_with("closed: TLS") ||
      ending.starts_with("closed: client certificate"))
    return "tls-failed";
  if (ending == "closed: input behind STARTTLS") return "synchronization-error";
  return "other";
}

// A reply as a decision shows it, line by line.
std::string WordsOf(const Reply& reply) {
  std::string words;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    if (i > 0) words += '\n';
    words += std::to_string(reply.code) + (i + 1 < reply.lines.size() ? '-' : ' ');
    if (!reply.enhanced.empty()) words += reply.enhanced + ' ';
    words += reply.lines[i];
  }
  return words;
}

// The same where its text may be a part of the message (rule C7).
std::string CodesOf(const Reply& reply) {
  return std::to_string(reply.code) + (reply.enhanced.empty() ? "" : ' ' + reply.enhanced) +
         " (text not recorded)";
}

TraceOutcome OutcomeOf(const Reply& reply) {
  if (reply.positive()) return TraceOutcome::kYes;
  return reply.code < 500 ? TraceOutcome::kLater : TraceOutcome::kNo;
}

// A command as a log shows it.
std::string Shown(const Command& command) {
  if (command.verb != "AUTH") return Echo(command.line, 100);
  const bool more = command.argument.find(' ') != std::string::npos;
  return "AUTH " + MechanismOf(command) + (more ? " ..." : "");
}

}  // namespace

Dialogue::Dialogue(engine::Socket socket, facts::Connection connection,
                   SessionContext session_context)
    : context(std::move(session_context)),
      config(*context.site->config),
      selector(SelectorOf(config)),
      services(context.lookups),
      without_mail(Deadline::After(limits::kSessionWithoutMail)) {
  SendAtOnce(socket);
  stream = context.pretence != nullptr ? std::move(context.pretence->stream)
                                       : tls::MakeClearStream(std::move(socket));
  if (context.trace == nullptr && context.decisions != nullptr) own_trace.emplace();
  session_.trace = own_trace ? &*own_trace : context.trace;
  session_.connection = std::move(connection);
  session_.primary_hostname = config.main.primary_hostname;
  session_.strict_acl_vars = config.main.strict_acl_vars;
  session_.active_hostname = config.main.primary_hostname;
  services.Serve({&config, context.site->acl.get(), this, context.metrics});
  good_under_site = context.site->generation;
  good_under_files = tls::LiveChanges();
}

// The transaction reads the session's envelope as long as it lives.
Dialogue::~Dialogue() { transaction.reset(); }

void Dialogue::Run() {
  const bool known = ReadProxyHeader(*this);
  nolog_ = Offers(config.main.hosts_connection_nolog, "hosts_connection_nolog");
  if (selector.Has(Selector::kSmtpConnection) && !nolog_)
    context.log->Main(ConnectionLine(session_, selector, context.connections));
  if (known && Greeted()) Converse();
  Close();
}

// Not a part of Run: what is on the stack from here to AwaitInput waits with every session.
[[gnu::noinline]] void Dialogue::Converse() {
  while (AwaitCommand() && Step()) {
  }
}

// Connect(), written down.
bool Dialogue::Greeted() {
  facts::TraceScope step(session_.trace, {.kind = TraceKind::kCommand, .what = "connection"});
  const bool goes_on = Connect();
  if (step.on() && !last_reply_.lines.empty())
    step.Result(OutcomeOf(last_reply_), WordsOf(last_reply_));
  return goes_on;
}

// --- connection ------------------------------------------------------------------------------

bool Dialogue::Connect() {
  if (!ReadLimits()) return false;
  const bool quiet = session_.connection.tls_on_connect;
  if (RejectedHost()) {
    if (!quiet) Send(MakeClosingReply(554, "", "SMTP service not available"));
    return false;
  }
  if (!quiet && !GreetingAllowed()) return false;
  const facts::Verdict verdict = Ask(AclWhen::kConnect, Phase::kConnect);
  if (verdict.kind != VerdictKind::kAccept) return Refuse(verdict);
  if (quiet && !ConnectTls()) return false;
  if (certificate_refusal) return RefuseCertificate();
  if (quiet && !GreetingAllowed()) return false;
  const Reply banner = MakeReply(220, "", session_.active_hostname + " ESMTP Signet");
  Reply reply = banner;
  if (!verdict.user_message.empty()) {
    reply = Accepted(verdict, banner);
  } else if (config.main.smtp_banner) {
    const Unwritten unwritten(session_);
    BorrowedBudget budget(services);
    const expand::Outcome text =
        expand::Evaluate(*config.main.smtp_banner.program, session_, services, budget.get());
    if (text) {
      reply.lines = SplitText(text.value().text);
    } else {
      context.log->Panic("cannot expand smtp_banner: " + text.error().text);
    }
  }
  Send(reply);
  if (!Flush()) return false;
  return !session_.tls.active || Authenticate(*this);
}

// "", or what is wrong.
std::string Dialogue::FindLimits() {
  const Unwritten unwritten(session_);
  Result<std::uint64_t, std::string> size =
      Number(config.main.message_size_limit, limits::kMessageMaxBytes);
  if (!size) return "message_size_limit: " + size.error();
  Result<std::uint64_t, std::string> recipients =
      Number(config.main.recipients_max, limits::kRecipientsMax);
  if (!recipients) return "recipients_max: " + recipients.error();
  Result<std::uint64_t, std::string> messages =
      Number(config.main.smtp_accept_max_per_connection, limits::kMessagesMax);
  if (!messages) return "smtp_accept_max_per_connection: " + messages.error();
  message_size_limit = size.value();
  recipients_max = recipients.value();
  messages_max = messages.value();
  const std::string wrong = FindHostname();
  return wrong.empty() ? FindLists() : wrong;
}

// "" , or what is wrong. A forced failure and nothing leave the name as it is.
std::string Dialogue::FindHostname() {
  session_.active_hostname = session_.primary_hostname;
  if (!config.main.smtp_active_hostname) return "";
  BorrowedBudget budget(services);
  const expand::Outcome name =
      expand::Evaluate(*config.main.smtp_active_hostname.program, session_, services, budget.get());
  if (!name)
    return name.error().kind == FailureKind::kForced ? ""
                                                     : "smtp_active_hostname: " + name.error().text;
  if (!name.value().text.empty()) session_.active_hostname = name.value().text;
  return "";
}

// What lists of hosts say about the client. One that cannot be evaluated is a local problem:
// each of them lets something through or keeps it out.
std::string Dialogue::FindLists() {
  const auto find = [this](const config::Expanded& hosts, const char* option, bool* out) {
    const Result<bool, Failure> matched = ClientIn(hosts);
    if (!matched) return option + (": " + matched.error().text);
    *out = matched.value();
    return std::string();
  };
  std::string wrong = find(config.main.hosts_require_helo, "hosts_require_helo", &helo_required);
  if (!wrong.empty()) return wrong;
  return find(config.main.smtp_accept_max_nonmail_hosts, "smtp_accept_max_nonmail_hosts",
              &idle_counted);
}

bool Dialogue::RejectedHost() {
  if (!config.main.host_reject_connection) return false;
  const Result<bool, Failure> matched = ClientIn(config.main.host_reject_connection);
  if (matched && !matched.value()) return false;
  if (!matched)
    context.log->Panic("cannot evaluate host_reject_connection: " + matched.error().text);
  if (selector.Has(Selector::kConnectionReject))
    context.log->MainAndReject(HostEvent("connection_refused", "refused connection from ", session_,
                                         selector, " (host_reject_connection)"));
  CountRefusedConnection(*this, "host_reject_connection");
  ending = "closed by host_reject_connection";
  return true;
}

bool Dialogue::ReadLimits() {
  const std::string wrong = FindLimits();
  if (wrong.empty()) return true;
  context.log->Panic("connection from " + Host() + " refused: " + wrong);
  if (!session_.connection.tls_on_connect)
    Send(MakeClosingReply(421, "", "Temporary local problem - please try later"));
  ending = "closed after a local problem";
  return false;
}

Result<std::uint64_t, std::string> Dialogue::Number(const config::Expanded& option,
                                                    std::uint64_t standard) {
  if (!option) return standard;
  BorrowedBudget budget(services);
  const expand::Outcome outcome =
      expand::Evaluate(*option.program, session_, services, budget.get());
  if (!outcome) return Err{outcome.error().text};
  const std::optional<std::uint64_t> number = ParseNumber(outcome.value().text);
  if (!number) return Err{"not a number: \"" + outcome.value().text + '"'};
  return *number;
}

// A client that talks before it is greeted follows a script, not the protocol (rule S8).
bool Dialogue::GreetingAllowed() {
  if (!EnforcesSync() || !InputWaiting()) return true;
  context.log->MainAndReject(HostEvent(
      "synchronization_error",
      "SMTP protocol synchronization error (input sent without waiting for greeting): rejected "
      "connection from ",
      session_, selector, " input=" + Waiting(input.waiting())));
  ending = "closed after synchronization error";
  Send(Farewell("synchronization-error", MakeClosingReply(554, "", "SMTP synchronization error")));
  return false;
}

// Before TLS nothing can be said on a port where TLS comes first.
bool Dialogue::Refuse(const facts::Verdict& verdict) {
  const bool permanent = IsPermanent(verdict.kind);
  const VerdictReply worded =
      ReplyWithText(permanent ? MakeReply(550, "", "Administrative prohibition")
                              : MakeReply(451, "", "Temporary local problem - please try later"),
                    verdict.user_message);
  const bool same = verdict.log_message.empty() || verdict.log_message == verdict.user_message;
  const std::string& why = same ? worded.text : verdict.log_message;
  ending = "closed by connect ACL";
  NoteRefusal({"connection", worded.reply, why, verdict.where, verdict.about_identity});
  CountRefused(*this, "connect", worded.reply);
  const Named named = IsAboutIdentity(*this, verdict);
  if (named == Named::kYes) Refer(*this);
  if (session_.connection.tls_on_connect) {
    const std::string after = " dropped by 'connect' ACL" + (why.empty() ? "" : ": " + why);
    context.log->MainAndReject(
        WithReference(*this, HostEvent("dropped", "", session_, selector, after)));
    return false;
  }
  LogRejection(permanent ? smtp::Refusal::kPermanent : smtp::Refusal::kTemporary,
               "connection in \"connect\" ACL", why, verdict.reject_logs, named);
  Reply reply = worded.reply;
  if (named == Named::kYes) TellReference(*this, &reply);
  Send(reply);
  return false;
}

bool Dialogue::ConnectTls() {
  Result<TlsPlan, std::string> plan = PlanTls(*this);
  if (plan) return StartTls(*this, std::move(plan).value());
  context.log->Panic(TlsErrorLine(session_, selector, plan.error()));
  ending = "closed: TLS not available";
  return false;
}

// --- commands ----------------------------------------------------------------------------------

// What a session keeps while it waits is multiplied by thousands: the wait is here, where
// hardly anything is on the stack yet.
[[gnu::noinline]] bool Dialogue::AwaitCommand() {
  command_due_ = CommandDeadline();
  if (input.HasLine()) return true;
  PackTrace();
  if (!Flush()) return false;
  if (!input.empty()) return true;
  if (Shutting()) return NoInput(Input::Status::kCancelled);
  const Input::Status status = AwaitInput();
  return status == Input::Status::kLine || NoInput(status);
}

[[gnu::noinline]] bool Dialogue::NoInput(Input::Status why) {
  return InputTrouble({why, "", true});
}

Input::Status Dialogue::AwaitInput() {
  // A transaction reads this session's facts, also while it waits.
  const bool alone = transaction == nullptr && receiver == nullptr;
  engine::IdleScope idle(alone ? engine::StackIs::kPrivate : engine::StackIs::kSeen);
  return input.Await(*stream, command_due_);
}

bool Dialogue::Step() {
  // Where AUTH is offered, a command may hold a password: it is longer, and wiped (A6).
  const bool auth_offered = !session_.auth_offered.empty();
  Input::Line line =
      ReadLine(auth_offered ? limits::kAuthLineMaxBytes : LineMaxBytes(), command_due_);
  const bool trouble = line.status >= Input::Status::kTimeout;
  if (trouble) return InputTrouble(line);
  Command command = ParseCommand(line.text);
  NoteCommand(command);
  const bool quits = line.status == Input::Status::kLine && command.verb == "QUIT";
  if (certificate_refusal && !quits) {
    if (session_.trace != nullptr)
      session_.trace->Add({.kind = TraceKind::kCommand,
                           .outcome = OutcomeOf(*certificate_refusal),
                           .what = ShownHere(command),
                           .value = WordsOf(*certificate_refusal)});
    return RefuseCertificate();
  }
  const bool auth = command.verb == "AUTH";
  const bool stray = IsStrayPassword(command);
  if (!auth && line.status == Input::Status::kLine && line.text.size() > LineMaxBytes())
    line.status = Input::Status::kTooLong;
  session_.smtp_command = auth || stray ? ShownHere(command) : command.line;
  session_.smtp_command_argument = auth ? MechanismOf(command) : stray ? "" : command.argument;
  // A client that does not read our refusal of AUTH goes on with its answers.
  if (auth) password_may_follow_ = true;
  if (own_trace && (command.verb == "MAIL FROM:" || command.verb == "RCPT TO:")) {
    PackTrace();
    LeaveOutEarlier(*this, command.verb);
  }
  Answer answer;
  Carry(command, line, &answer);
  if (auth || stray)
    for (std::string* text : {&line.text, &command.line, &command.argument})
      explicit_bzero(text->data(), text->size());
  return !answer.ends;
}

void Dialogue::NoteRefusal(ToldRefusal refusal) {
  refusal.of_message = refusal.of_message || !expand::MayShow(session_);
  told_refusal = std::move(refusal);
}

// While it waits for its client a session is to be small.
[[gnu::noinline]] void Dialogue::PackTrace() {
  last_reply_ = {};
  if (!own_trace || own_trace->steps().empty()) return;
  packed_dropped += own_trace->dropped();
  // Commands are written down whatever there is; a client may have no end of them.
  if (packed_steps.size() < 2 * limits::kTraceMaxBytes)
    Pack(own_trace->steps(), &packed_steps);
  else
    packed_dropped += own_trace->steps().size();
  if (packed_steps.capacity() > packed_steps.size() + kPackedSlack) packed_steps.shrink_to_fit();
  own_trace.emplace(false,
                    limits::kTraceMaxBytes - std::min(limits::kTraceMaxBytes, packed_steps.size()));
}

// Does what a command says and answers it.
void Dialogue::Carry(const Command& command, const Input::Line& line, Answer* answer) {
  facts::TraceScope step(session_.trace, session_.trace != nullptr
                                             ? facts::TraceStep{.kind = TraceKind::kCommand,
                                                                .what = ShownHere(command)}
                                             : facts::TraceStep{});
  *answer = line.status == Input::Status::kLine ? Execute(command) : BadLine(line);
  // Octets follow that must not be taken for commands (rule S6).
  const bool bad_chunk = line.status != Input::Status::kLine && command.verb == "BDAT";
  answer->ends = answer->ends || bad_chunk;
  CountAnswer(*this, command, *answer);
  if (answer->reply) {
    if (answer->fault != Fault::kNone) CountMistake(command, answer);
    if (!answer->reply->positive() && !answer->ends) CountRefusal(command, answer);
    Send(*answer->reply);
  }
  if (!step.on()) return;
  NoteAnswer(command, *answer);
  const bool of_message = (command.verb == "DATA" || command.verb == "BDAT") &&
                          last_reply_.code != 354 && last_reply_.code != 503;
  step.Result(OutcomeOf(last_reply_), of_message ? CodesOf(last_reply_) : WordsOf(last_reply_));
}

// What the last word about the client is. A mistake says less than a refusal before it.
void Dialogue::NoteAnswer(const Command& command, const Answer& answer) {
  if (!answer.reply) return;
  if (!answer.reply->positive()) {
    if (!told_refusal) NoteRefusal({ShownHere(command), *answer.reply, "", {}, false});
  } else if (command.verb == "MAIL FROM:" || command.verb == "AUTH") {
    told_refusal.reset();  // another transaction, or another attempt
  }
}

// Nothing that such a client says is looked at (rule T12).
bool Dialogue::RefuseCertificate() {
  Refer(*this);  // once more: with the command that is refused
  CountRefused(*this, "tls", *certificate_refusal);
  Send(*certificate_refusal);
  ending = "closed: client certificate refused";
  return false;
}

std::size_t Dialogue::LineMaxBytes() const {
  return smtputf8_offered ? limits::kUtf8CommandLineMaxBytes : limits::kCommandLineMaxBytes;
}

Input::Line Dialogue::ReadLine(std::size_t max_bytes, std::optional<Deadline> until) {
  engine::IdleScope idle;
  return input.ReadLine(*stream, max_bytes, until.value_or(CommandDeadline()));
}

Deadline Dialogue::CommandDeadline() const {
  if (certificate_refusal) return Deadline::After(limits::kTlsHandshake).Sooner(without_mail);
  const auto wait = config.main.smtp_receive_timeout;
  // Between its chunks a message goes on to come.
  const Deadline total = receiver != nullptr ? receiver->whole() : without_mail;
  return wait.count() > 0 ? Deadline::After(wait).Sooner(total) : total;
}

// No command came. Says so where somebody may still listen.
bool Dialogue::InputTrouble(const Input::Line& line) {
  const WallTime now = std::chrono::system_clock::now();
  const std::string duration = DurationField(session_, selector, now);
  if (line.status == Input::Status::kTimeout) {
    context.log->Main(ClientEvent("timeout",
                                  session_.tls.active
                                      ? "SMTP command timeout on TLS connection from "
                                      : "SMTP command timeout on connection from ",
                                  session_, selector, duration));
    ending = "closed after timeout";
    Send(Farewell("command-timeout",
                  MakeClosingReply(
                      421, "4.4.2",
                      session_.active_hostname + ": SMTP command timeout - closing connection")));
  } else if (line.status == Input::Status::kCancelled) {
    ending = "closed after SIGTERM";
    Send(Farewell("signal-exit",
                  MakeClosingReply(
                      421, "4.3.2",
                      session_.active_hostname + ": Service not available - closing connection")));
  } else {
    LogIncomplete("connection lost");
    // Clients and health checks that just go are many; what matters is who goes in the
    // middle of a message.
    if (session_.envelope.has_sender && selector.Has(Selector::kLostIncomingConnection))
      context.log->Main(ClientEvent("lost",
                                    "unexpected disconnection while reading SMTP command from ",
                                    session_, selector, duration));
    ending = "lost";
  }
  return false;
}

// Whether this may be what a client answers to a challenge that it never got.
bool Dialogue::IsStrayPassword(const Command& command) const {
  return password_may_follow_ && FindCommand(command.verb) == nullptr;
}

std::string Dialogue::ShownHere(const Command& command) const {
  return IsStrayPassword(command) ? "not shown" : Shown(command);
}

Answer Dialogue::BadLine(const Input::Line& line) {
  Answer answer;
  answer.fault = Fault::kSyntax;
  switch (line.status) {
    case Input::Status::kTooLong:
      answer.reply = MakeReply(500, "5.5.2", "line too long");
      break;
    case Input::Status::kNul:
      answer.reply = MakeReply(501, "5.5.2", "NUL characters are not allowed in SMTP commands");
      break;
    default:
      answer.reply =
          MakeReply(501, "5.5.2", "lines must end with CRLF, and CR and LF not be in them");
      break;
  }
  answer.ends = line.out_of_step;
  return answer;
}

Answer Dialogue::Execute(const Command& command) {
  const CommandRow* row = FindCommand(command.verb);
  if (row == nullptr) return UnknownCommand(command);
  password_may_follow_ = command.verb == "AUTH";
  if (command.verb == "AUTH") session_.authentication_failed = true;
  if (auto answer = OutOfSync(command)) return *answer;
  if (command.verb != "QUIT")
    if (auto answer = EndWhereOutdated(*this, Shown(command))) return *answer;
  if (row->idle == Idle::kCounted)
    if (auto answer = TooIdle(command)) return *answer;
  if (row->argument == Argument::kNone && !command.argument.empty())
    return {MakeReply(501, "5.5.4", "unexpected argument data"), Fault::kSyntax};
  if (auto answer = row->check(*this, command)) return *answer;
  return row->run(*this, command);
}

Answer Dialogue::UnknownCommand(const Command& command) {
  const auto max = static_cast<std::uint32_t>(config.main.smtp_max_unknown_commands);
  const std::string shown = ShownHere(command);
  if (++unknown_commands_ > max || IsForeignVerb(command.verb)) {
    LogIncomplete("unrecognized command");
    const std::string why = IsForeignVerb(command.verb) ? "command of another protocol"
                                                        : "too many unrecognized commands";
    context.log->MainAndReject(
        DroppedLine(session_, selector, why + " (last was \"" + shown + "\")"));
    ending = "closed after bad commands";
    return Farewell("bad-commands",
                    MakeClosingReply(500, "5.5.1", "Too many unrecognized commands"));
  }
  if (auto answer = TooIdle(command)) return *answer;
  if (selector.Has(Selector::kSmtpSyntaxError))
    context.log->Main(MistakeLine(session_, selector, "syntax", shown, "unrecognized command"));
  return MakeReply(500, "5.5.1", "unrecognized command");
}

// Behind a command that has to be the last of its group nothing may wait: neither what the
// client could not have known it may say, nor what somebody else has put there (rule S8).
std::optional<Answer> Dialogue::OutOfSync(const Command& command) {
  const CommandRow* row = FindCommand(command.verb);
  if (row->group == Group::kBeforeData) return std::nullopt;
  const bool must_be_last = row->group == Group::kLast || !pipelining_offered;
  const bool always = command.verb == "STARTTLS";
  if (!must_be_last || (!always && !EnforcesSync()) || !InputWaiting()) return std::nullopt;
  LogIncomplete("sync failure");
  context.log->MainAndReject(HostEvent(
      "synchronization_error",
      std::string("SMTP protocol synchronization error (next input sent too soon: pipelining was") +
          (pipelining_offered ? "" : " not") + " advertised): rejected \"" + Shown(command) + "\" ",
      session_, selector,
      " next input=" + (command.verb == "AUTH" ? "not shown" : Waiting(input.waiting()))));
  ending = "closed after synchronization error";
  return Answer{Farewell("synchronization-error",
                         MakeClosingReply(554, "5.5.0", "SMTP synchronization error"))};
}

bool Dialogue::IsFree(const Command& command) {
  if (command.verb == "EHLO" || command.verb == "HELO") return std::exchange(free_hello, false);
  if (command.verb == "RSET") return std::exchange(free_rset, false);
  if (command.verb == "STARTTLS") return std::exchange(free_starttls, false);
  if (command.verb == "AUTH") return std::exchange(free_auth, false);
  return false;
}

std::optional<Answer> Dialogue::TooIdle(const Command& command) {
  if (!idle_counted || IsFree(command)) return std::nullopt;
  if (++idle_commands_ <= static_cast<std::uint32_t>(config.main.smtp_accept_max_nonmail))
    return std::nullopt;
  LogIncomplete("too many non-mail commands");
  context.log->MainAndReject(DroppedLine(
      session_, selector, "too many nonmail commands (last was \"" + ShownHere(command) + "\")"));
  ending = "closed after bad commands";
  return Answer{
      Farewell("bad-commands", MakeClosingReply(554, "5.5.0", "Too many nonmail commands"))};
}

void Dialogue::CountMistake(const Command& command, Answer* answer) {
  const bool syntax = answer->fault == Fault::kSyntax;
  if (selector.Has(syntax ? Selector::kSmtpSyntaxError : Selector::kSmtpProtocolError))
    context.log->Main(MistakeLine(session_, selector, syntax ? "syntax" : "protocol",
                                  ShownHere(command), answer->reply->text()));
  if (++mistakes_ <= static_cast<std::uint32_t>(config.main.smtp_max_synprot_errors)) return;
  context.log->MainAndReject(
      DroppedLine(session_, selector,
                  "too many syntax or protocol errors (last command was \"" + ShownHere(command) +
                      '"' + (commands_.empty() ? "" : ", " + CommandsField()) + ')'));
  answer->reply->lines.emplace_back("Too many syntax or protocol errors");
  answer->ends = true;
  session_.notquit_reason = "bad-command-synprot";
  ending = "closed after bad commands";
}

// Whoever is told no a thousand times is not sending mail, whatever the single noes were
// for (rule S12).
void Dialogue::CountRefusal(const Command& command, Answer* answer) {
  if (++refusals_ <= limits::kRefusalsMax) return;
  context.log->MainAndReject(DroppedLine(
      session_, selector, "too many refused commands (last was \"" + ShownHere(command) + "\")"));
  answer->reply->lines.emplace_back("Too many refused commands");
  answer->ends = true;
  ending = "closed after bad commands";
}

// --- the end -----------------------------------------------------------------------------------

void Dialogue::LogIncomplete(std::string_view why) {
  if (!session_.envelope.has_sender || !selector.Has(Selector::kSmtpIncompleteTransaction)) return;
  context.log->Main(IncompleteLine(session_, selector, why));
}

// A command that can be told from others; the last few are enough to see what a client is.
void Dialogue::NoteCommand(const Command& command) {
  const CommandRow* row = FindCommand(command.verb);
  if (!input.empty() && pipelining_offered) pipelining_used_ = true;
  if (row == nullptr) return;
  const std::string_view name = row->name.substr(0, row->name.find(' '));
  if (name == "MAIL") mail_seen_ = true;
  commands_.push_back(name);
  if (commands_.size() > kCommandsShown) commands_.erase(commands_.begin());
}

std::string Dialogue::CommandsField() const {
  std::string out = "C=";
  for (std::string_view name : commands_) out += (out.size() > 2 ? "," : "") + std::string(name);
  return out;
}

void Dialogue::LogNoMail() {
  if (mail_seen_ || !selector.Has(Selector::kSmtpNoMail)) return;
  context.log->Main(NoMailLine(session_, selector, std::chrono::system_clock::now(), commands_));
}

Reply Dialogue::Farewell(std::string_view reason, Reply standard) {
  if (notquit_asked_) return standard;
  session_.notquit_reason = reason;
  const facts::Verdict verdict = AskNotquit();
  if (verdict.user_message.empty()) return standard;
  VerdictReply worded = ReplyWithText(standard, verdict.user_message);
  if (!worded.problem.empty()) context.log->Panic(worded.problem);
  worded.reply.closes = true;
  return std::move(worded.reply);
}

facts::Verdict Dialogue::AskNotquit() {
  notquit_asked_ = true;
  if (!config.main.acl[static_cast<std::size_t>(AclWhen::kNotquit)]) return {};
  return Ask(AclWhen::kNotquit, Phase::kQuit);
}

void Dialogue::Close() {
  transaction.reset();
  const bool said_goodbye = ending == "closed by QUIT";
  if (said_goodbye) LogIncomplete("QUIT");
  if (!said_goodbye && !notquit_asked_) {
    if (session_.notquit_reason.empty()) session_.notquit_reason = ReasonOf(ending);
    (void)AskNotquit();
  }
  KeepLastDecision(*this);
  if (stream != nullptr) {
    (void)Flush();
    // Closing with unread input resets the connection, and the client may lose our
    // reply; so what has come is read, for a moment.
    std::array<char, 512> rest;
    const Deadline until = Deadline::After(kLingerWait);
    while (!output_failed_ && stream->InputPending() && !until.Passed())
      if (!stream->Read(rest.data(), rest.size(), until).ok()) break;
  }
  LogNoMail();
  CountEnd(*this);
  if (selector.Has(Selector::kSmtpConnection) && !nolog_)
    context.log->Main(EndLine(session_, selector, std::chrono::system_clock::now(),
                              ending.empty() ? "closed" : ending));
  stream.reset();
}

// --- input and output --------------------------------------------------------------------------

void Dialogue::Send(const Reply& reply) {
  if (output_.size() > kOutputMaxBytes) (void)Flush();
  output_ += Encode(reply);
  if (session_.trace != nullptr) last_reply_ = reply;
}

bool Dialogue::Flush() {
  KeepRefusal(*this);
  if (output_.empty()) return !output_failed_;
  if (stream == nullptr || output_failed_) return false;
  const engine::IoResult result = stream->Write(output_, Deadline::After(kWriteWait));
  output_ = std::string();
  output_failed_ = !result.ok();
  if (output_failed_ && ending.empty()) ending = "lost";
  return !output_failed_;
}

// A connection that has ended is readable too, so only octets in hand are input.
bool Dialogue::InputWaiting() {
  if (!input.empty()) return true;
  if (stream == nullptr || !stream->InputPending()) return false;
  return input.Fill(*stream, 512, Deadline::After(std::chrono::milliseconds(0))).ok();
}

// --- state ---------------------------------------------------------------------------------------

State Dialogue::state() const {
  const facts::Envelope& envelope = session_.envelope;
  if (session_.helo.empty() && helo_required) return State::kGreeted;
  if (!envelope.has_sender) return State::kHello;
  return envelope.recipients.empty() && recipients_discarded == 0 ? State::kMail : State::kRcpt;
}

void Dialogue::ResetEnvelope() {
  receiver.reset();
  transaction.reset();
  transaction_options = {};
  session_.envelope = {};
  session_.upstream = {};
  session_.acl_m.clear();
  recipients_discarded = 0;
  discard_all = mail_refused = rcpt_refused = recipients_over = false;
  rcpt_refusal.reset();
}

void Dialogue::ForgetSession() {
  LogIncomplete("STARTTLS");
  ResetEnvelope();
  session_.helo.clear();
  session_.esmtp = false;
  session_.auth = {};
  session_.tls = {};
  session_.auth_offered.clear();
  session_.authentication_failed = false;
  starttls_offered = pipelining_offered = xclient_offered = false;
  dsn_offered = smtputf8_offered = auth_used = pipelining_used_ = false;
  helo_required = true;  // rule T2, whatever hosts_require_helo says
  free_hello = free_rset = free_starttls = free_auth = true;
}

Answer Dialogue::BeginAgain() {
  ResetEnvelope();
  session_.helo.clear();
  session_.esmtp = false;
  session_.auth_offered.clear();
  session_.authentication_failed = false;
  session_.acl_c.clear();
  starttls_offered = pipelining_offered = xclient_offered = auth_used = false;
  chunking_offered = false;
  dsn_offered = smtputf8_offered = false;
  free_hello = free_rset = free_starttls = free_auth = true;
  if (const std::string wrong = FindLimits(); !wrong.empty()) {
    context.log->Panic("connection from " + Host() + " refused: " + wrong);
    ending = "closed after a local problem";
    return MakeClosingReply(421, "4.3.0", "Temporary local problem - please try later");
  }
  if (RejectedHost()) return MakeClosingReply(554, "5.3.2", "SMTP service not available");
  const facts::Verdict verdict = Ask(AclWhen::kConnect, Phase::kConnect);
  if (auto refusal = Refusal(verdict, MakeReply(550, "5.7.1", "Administrative prohibition"),
                             "connection in \"connect\" ACL")) {
    refusal->reply->closes = refusal->ends = true;
    ending = "closed by connect ACL";
    return *refusal;
  }
  return Accepted(verdict, MakeReply(220, "2.0.0", "XCLIENT success"));
}

// --- access control ------------------------------------------------------------------------------

facts::Verdict Dialogue::Ask(AclWhen when, Phase phase) {
  session_.phase = phase;
  BorrowedBudget budget(services);
  config::MatchContext match{config, session_, services, budget.get()};
  return acl::Evaluate(*context.site->acl, when, match, *this);
}

std::optional<Answer> Dialogue::Refusal(const facts::Verdict& verdict, const Reply& standard,
                                        std::string_view what) {
  if (verdict.kind == VerdictKind::kAccept || verdict.kind == VerdictKind::kDiscard)
    return std::nullopt;
  // Who could not be recognised for a trouble of ours is told to come again (rule I14).
  const bool not_known_yet = IsPermanent(verdict.kind) && verdict.because_unauthenticated &&
                             session_.auth.result == facts::AuthResult::kDeferred;
  const Named named = IsAboutIdentity(*this, verdict);
  if (named == Named::kYes) Refer(*this);
  Reply reply;
  if (not_known_yet) {
    reply = MakeReply(451, "4.7.0",
                      "Temporary authentication failure: " + session_.auth.deferred_class);
    LogRejection(smtp::Refusal::kTemporary, what,
                 "authentication was deferred: " + session_.auth.deferred_class, std::nullopt,
                 named);
    NoteRefusal({std::string(what), reply, "authentication was deferred: " + session_.auth.reason,
                 verdict.where, true});
  } else {
    const bool permanent = IsPermanent(verdict.kind);
    const VerdictReply worded = ReplyWithText(
        permanent ? standard
                  : MakeReply(451, "4.3.0", "Temporary local problem - please try later"),
        verdict.user_message);
    if (!worded.problem.empty()) context.log->Panic(worded.problem);
    reply = worded.reply;
    if (session_.controls.no_multiline_responses) reply.lines.resize(1);
    const bool same = verdict.log_message.empty() || verdict.log_message == verdict.user_message;
    LogRejection(permanent ? smtp::Refusal::kPermanent : smtp::Refusal::kTemporary, what,
                 same ? worded.text : verdict.log_message, verdict.reject_logs, named);
    NoteRefusal({std::string(what), reply, same ? worded.text : verdict.log_message, verdict.where,
                 verdict.about_identity || verdict.because_unauthenticated});
  }
  if (named == Named::kYes) TellReference(*this, &reply);
  reply.closes = verdict.kind == VerdictKind::kDrop;
  if (reply.closes) ending = "closed by DROP in ACL";
  return Answer{std::move(reply)};
}

// The class of the upstream's reply is kept (rule U5); what is neither yes nor no where a
// yes was wanted is not a yes.
Answer Dialogue::RefusedUpstream(const relay::Reply& reply, std::string_view what) {
  const bool clear = reply.code >= 400 && reply.code < 600;
  const bool permanent = clear && reply.code >= 500;
  LogRejection(permanent ? smtp::Refusal::kPermanent : smtp::Refusal::kTemporary, what,
               reply.log_text.empty() ? reply.text : reply.log_text);
  const std::string standard = permanent ? "5.0.0" : "4.0.0";
  const Reply said =
      clear ? MakeReply(reply.code, reply.enhanced.empty() ? standard : reply.enhanced, reply.text)
            : MakeReply(451, "4.4.0", "Onward transmission not accepted");
  NoteRefusal({std::string(what), said, reply.log_text.empty() ? reply.text : reply.log_text});
  return said;
}

Reply Dialogue::Accepted(const facts::Verdict& verdict, const Reply& standard) {
  VerdictReply worded = ReplyWithText(standard, verdict.user_message);
  if (!worded.problem.empty()) context.log->Panic(worded.problem);
  if (session_.controls.no_multiline_responses) worded.reply.lines.resize(1);
  return std::move(worded.reply);
}

bool Dialogue::Offers(const config::Expanded& hosts, std::string_view option) {
  const Unwritten unwritten(session_);
  const Result<bool, Failure> matched = ClientIn(hosts);
  if (matched) return matched.value();
  context.log->Panic("cannot evaluate " + std::string(option) + ": " + matched.error().text);
  return false;
}

Result<bool, Failure> Dialogue::ClientIn(const config::Expanded& hosts) {
  return HostIn(hosts, session_.connection.client_ip);
}

Result<bool, Failure> Dialogue::HostIn(const config::Expanded& hosts, std::string_view ip) {
  if (!hosts) return false;
  BorrowedBudget budget(services);
  config::MatchContext match{config, session_, services, budget.get()};
  return config::MatchList(hosts, config::ListKind::kHost, ip, match);
}

void Dialogue::LogRejection(smtp::Refusal refusal, std::string_view what, std::string_view why,
                            const std::optional<std::vector<std::string>>& logs, Named named) {
  LogEvent line = RejectionLine(session_, selector, refusal, what, why);
  if (named == Named::kYes) line = WithReference(*this, std::move(line));
  if (!logs) return context.log->MainAndReject(line);
  const auto wanted = [&](std::string_view log) {
    return std::find(logs->begin(), logs->end(), log) != logs->end();
  };
  // What goes to the panic log goes to the main log too.
  if (wanted("panic"))
    context.log->Panic(line);
  else if (wanted("main"))
    context.log->Main(line);
  if (wanted("reject")) context.log->Reject(line.text);
}

// --- what an ACL may do --------------------------------------------------------------------------

void Dialogue::SetVariable(const std::string& name, Value value) {
  auto& variables = name.starts_with("acl_m") ? session_.acl_m : session_.acl_c;
  variables.insert_or_assign(name, std::move(value));
}

void Dialogue::AddHeader(facts::AddedHeader header) {
  std::vector<facts::AddedHeader>& added = session_.envelope.added_headers;
  const bool is_there = std::any_of(added.begin(), added.end(), [&](const facts::AddedHeader& a) {
    return a.text == header.text && a.place == header.place;
  });
  if (!is_there) added.push_back(std::move(header));
}

void Dialogue::RemoveHeader(std::string pattern) {
  session_.envelope.removed_headers.push_back(std::move(pattern));
}

acl::RateAnswer Dialogue::UpdateRate(const acl::RateRequest& request) {
  const config::Text& store = config.main.ratelimit_store;
  // What is only played must not count in a store that others look at.
  if (context.pretence == nullptr && store.set() && !store.text.empty())
    return services.UpdateRate(store.text, request);
  if (context.rates == nullptr) return acl::Effects::UpdateRate(request);
  return context.rates->Update(request, std::chrono::steady_clock::now());
}

void Dialogue::LogWrite(std::string_view log, std::string_view text) {
  if (log == "reject") {
    context.log->Reject(text);
  } else if (log == "panic") {
    context.log->Panic(text);
  } else {
    context.log->Main(text);
  }
}

void Dialogue::Delay(std::chrono::milliseconds time) {
  if (context.pretence != nullptr) return;  // nobody waits
  if (!session_.controls.no_delay_flush && !Flush()) return;
  (void)engine::SleepUntil(
      Deadline::After(std::min<std::chrono::milliseconds>(time, kDelayMax)).Sooner(without_mail));
}

// The dialogue is on the stack, with which it is packed while its client is idle. Most of it
// is zero then; so that the rest is too, what was there before is wiped.
#pragma GCC diagnostic ignored "-Wframe-larger-than="
void RunSession(engine::Socket socket, facts::Connection connection, SessionContext context) {
  alignas(Dialogue) std::byte room[sizeof(Dialogue)];
  ::explicit_bzero(room, sizeof room);
  const std::unique_ptr<Dialogue, void (*)(Dialogue*)> dialogue(
      new (room) Dialogue(std::move(socket), std::move(connection), std::move(context)),
      [](Dialogue* d) { d->~Dialogue(); });
  dialogue->Run();
}

}  // namespace signet::smtp
