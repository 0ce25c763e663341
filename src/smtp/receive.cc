// DATA: from 354 to the reply that says who has the message now.
#include "src/smtp/receive.h"

#include <algorithm>

#include "expand/auth_results.h"
#include "src/base/charset.h"
#include "src/base/text.h"
#include "src/smtp/counted.h"
#include "src/smtp/fixups.h"
#include "src/smtp/message_id.h"
#include "src/smtp/received.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;
using facts::VerdictKind;

constexpr std::size_t kReadBytes = 16 * 1024;

Read EndOf(const engine::IoResult& result) {
  if (result.status == engine::IoStatus::kTimeout) return Read::kTimeout;
  if (result.status == engine::IoStatus::kCancelled) return Read::kCancelled;
  return Read::kLost;
}

// As it can be read in a header: encoded words where it is not ASCII.
std::string EncodeIdentity(const std::string& id) {
  const bool ascii = std::none_of(id.begin(), id.end(), [](char c) { return (c & 0x80) != 0; });
  return ascii ? id : EncodeWords(id);
}

void AddFields(const std::vector<facts::AddedHeader>& added, Header* header) {
  // In their order at each place: all but those at the end push each other down.
  for (auto field = added.rbegin(); field != added.rend(); ++field)
    if (field->place != facts::HeaderPlace::kEnd)
      AddField(MakeField(HeaderLines(field->text)), field->place, header);
  for (const facts::AddedHeader& field : added)
    if (field.place == facts::HeaderPlace::kEnd)
      AddField(MakeField(HeaderLines(field.text)), field.place, header);
}

// Our Received field; empty where received_header_text is, or was forced to fail.
Result<std::vector<std::string>, std::string> TraceField(Dialogue& dialogue) {
  facts::Session& session = dialogue.session();
  const config::Expanded& option = dialogue.config.main.received_header_text;
  const bool shows_port = dialogue.selector.Has(Selector::kIncomingPort);
  if (!option)
    return ReceivedHeader(session, session.envelope.received,
                          shows_port ? ClientPort::kShown : ClientPort::kHidden);
  session.phase = Phase::kData;
  BorrowedBudget budget(dialogue.services);
  expand::Outcome text =
      expand::Evaluate(*option.program, session, dialogue.services, budget.get());
  const bool none =
      text ? Trim(text.value().text).empty() : text.error().kind == FailureKind::kForced;
  if (none) return std::vector<std::string>();
  if (!text) return Err{"cannot expand received_header_text: " + text.error().text};
  return ReceivedHeader(text.value(), session.envelope.received);
}

std::string AuthservName(const Dialogue& dialogue) {
  const std::string& name = dialogue.config.main.authserv_id.text;
  return name.empty() ? dialogue.session().primary_hostname : name;
}

// What only we may say is taken out of what the client says, whether we say it or not.
void RemoveClaims(const Dialogue& dialogue, Header* header) {
  RemoveForgedResults({dialogue.session().primary_hostname, AuthservName(dialogue)}, header);
  const std::string& identity = dialogue.config.main.identity_header.text;
  std::erase_if(*header, [&](const facts::HeaderField& field) {
    return EqualsIgnoreCase(field.name, identity);
  });
}

// What we say of the client, above its own header.
Result<Header, std::string> OwnFields(Dialogue& dialogue) {
  const facts::Session& session = dialogue.session();
  const config::Main& main = dialogue.config.main;
  Result<std::vector<std::string>, std::string> trace = TraceField(dialogue);
  if (!trace) return Err{std::move(trace).error()};
  Header own;
  if (main.add_authentication_results)
    own.push_back(
        MakeField(HeaderLines(expand::AuthResultsField(session, AuthservName(dialogue)))));
  if (!trace.value().empty()) own.push_back(MakeField(trace.value()));
  const bool known = session.auth.result == facts::AuthResult::kAuthenticated;
  if (!main.identity_header.text.empty() && known)
    own.push_back(
        MakeField(HeaderLines(main.identity_header.text + ": " + EncodeIdentity(session.auth.id))));
  return own;
}

// The header as it goes on: what we say of the client, the client's fields but for what it
// may not claim and what ACLs remove, what ACLs add, and what is still missing in a submission.
//
//   Errors  for the log.
Result<Header, std::string> OutgoingHeader(Dialogue& dialogue) {
  const facts::Envelope& envelope = dialogue.session().envelope;
  Header header = envelope.headers;
  RemoveClaims(dialogue, &header);
  for (const std::string& pattern : envelope.removed_headers) {
    const Result<bool, std::string> removed = RemoveFields(pattern, &header);
    if (!removed) return Err{"remove_header = " + pattern + ": " + removed.error()};
  }
  RemoveSender(dialogue.session(), &header);
  Result<Header, std::string> own = OwnFields(dialogue);
  if (!own) return own;
  header.insert(header.begin(), own.value().begin(), own.value().end());
  AddFields(envelope.added_headers, &header);
  CompleteHeader(dialogue.session(), dialogue.config.main, &header);
  return header;
}

}  // namespace

Receiver::Receiver(Dialogue& dialogue, Framing framing)
    : dialogue_(dialogue),
      decoder_({dialogue.message_size_limit,
                static_cast<std::size_t>(dialogue.config.main.message_linelength_limit)},
               framing, BareNewlinesNamed(dialogue.config.main.bare_newlines.text)),
      reader_({.received = static_cast<std::size_t>(dialogue.config.main.received_headers_max)}) {
  RenewLineDeadline();
  envelope().received = std::chrono::system_clock::now();
  if (acl::MayChangeHeader(*dialogue.context.site->acl, dialogue.config, AclWhen::kData))
    held_.emplace(dialogue.context.pretence != nullptr
                      ? std::nullopt
                      : std::optional(dialogue.config.main.hold_directory.text));
}

Read Receiver::ReadMessage() {
  while (true) {
    dialogue_.input.Consume(Take(dialogue_.input.waiting()));
    if (decoder_.ended()) break;
    const Read read = Fill();
    if (read != Read::kWhole) return read;
  }
  End();
  return Read::kWhole;
}

Read Receiver::ReadChunk(std::uint64_t octets) {
  if (whole_.Passed()) return Read::kTimeout;
  RenewLineDeadline();
  while (octets > 0) {
    const std::string_view waiting = dialogue_.input.waiting();
    const std::size_t used = std::min<std::uint64_t>(octets, waiting.size());
    (void)Take(waiting.substr(0, used));
    dialogue_.input.Consume(used);
    octets -= used;
    chunk_bytes_ += used;
    if (octets == 0) break;
    // The client may wait for what it has been told so far.
    const Read read = dialogue_.Flush() ? Fill() : Read::kLost;
    if (read != Read::kWhole) return read;
  }
  return decoder_.hopeless() ? Read::kHopeless : Read::kWhole;
}

// Reads some more octets.
Read Receiver::Fill() {
  if (decoder_.hopeless()) return Read::kHopeless;
  // A whole line renews the wait for the next one; a single octet does not (rule R1).
  if (decoder_.message_bytes() != seen_) RenewLineDeadline();
  const engine::IoResult result =
      dialogue_.input.Fill(*dialogue_.stream, kReadBytes, line_.Sooner(whole_));
  return result.ok() ? Read::kWhole : EndOf(result);
}

void Receiver::RenewLineDeadline() {
  const auto wait = dialogue_.config.main.smtp_receive_timeout;
  line_ = Deadline::After(wait.count() > 0 ? wait : limits::kMessageTotal);
  seen_ = decoder_.message_bytes();
}

DataProblem Receiver::problem() const {
  return decoder_.problem() != DataProblem::kNone ? decoder_.problem() : reader_.problem();
}

Reply Receiver::refusal() const {
  const auto line_bytes = static_cast<std::size_t>(dialogue_.config.main.message_linelength_limit);
  return trouble_ ? trouble_->reply : ProblemReply(problem(), line_bytes);
}

void Receiver::Fail(Reply reply, std::string log_text) {
  if (!failed()) trouble_ = Trouble{std::move(reply), std::move(log_text)};
  dialogue_.transaction.reset();
}

void Receiver::FailToHold() {
  const HeldBody::Problem& problem = *held_->problem();
  Fail(problem.no_space ? MakeReply(452, "4.3.1", "Insufficient space, please try later")
                        : MakeReply(451, "4.3.0", "Temporary local problem - please try later"),
       problem.text);
}

std::size_t Receiver::Take(std::string_view octets) {
  const std::size_t used = decoder_.Feed(octets, [this](std::string_view l) { TakeLine(l); });
  DropIfWrong();
  return used;
}

void Receiver::TakeLine(std::string_view line) {
  facts::Envelope& message = envelope();
  ++message.message_lines;
  message.max_line_length = std::max(message.max_line_length, line.size());
  if (!in_header_) return TakeBodyLine(line);
  const HeaderReader::Place place = reader_.Take(line);
  DropIfWrong();
  if (place == HeaderReader::Place::kHeader) return;
  EndHeader();
  if (place == HeaderReader::Place::kBody) TakeBodyLine(line);
}

void Receiver::TakeBodyLine(std::string_view line) {
  ++envelope().body_lines;
  envelope().body_size += line.size() + 2;
  KeepEnds(line);
  if (!held_) {
    PassOn(line);
  } else if (!failed() && dialogue_.transaction != nullptr && !held_->Append(line)) {
    FailToHold();
  }
}

// For $message_body and $message_body_end.
void Receiver::KeepEnds(std::string_view line) {
  facts::Envelope& message = envelope();
  const std::size_t most = BodyVisible();
  const char end = dialogue_.config.main.message_body_newlines ? '\n' : ' ';
  if (message.body_start.size() < most) {
    message.body_start += line.substr(0, most - message.body_start.size());
    if (message.body_start.size() < most) message.body_start += end;
  }
  message.body_end += line;
  message.body_end += end;
  if (message.body_end.size() > 2 * most + limits::kMessageLineMaxBytes)
    message.body_end.erase(0, message.body_end.size() - most);
}

std::size_t Receiver::BodyVisible() const {
  constexpr auto kMost = static_cast<std::int64_t>(limits::kMessageBodyVisibleMaxBytes);
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(dialogue_.config.main.message_body_visible, 0, kMost));
}

void Receiver::EndHeader() {
  in_header_ = false;
  envelope().headers = reader_.TakeHeader();
  envelope().headers_read = true;
  message_id_ = MessageIdOf(envelope().headers);
  if (!held_ && !failed()) PassHeaderOn();
}

void Receiver::End() {
  if (!decoder_.ended()) decoder_.End([this](std::string_view l) { TakeLine(l); });
  if (in_header_) EndHeader();
  DropIfWrong();
  const std::size_t most = BodyVisible();
  std::string& body_end = envelope().body_end;
  body_end.erase(0, body_end.size() - std::min(body_end.size(), most));
}

void Receiver::PassHeld() {
  PassHeaderOn();
  if (failed()) return;
  const bool read = held_->Replay([this](std::string_view line) {
    PassOn(line);
    return upstream_listens_;
  });
  if (!read) FailToHold();
}

void Receiver::PassHeaderOn() {
  const Result<Header, std::string> header = OutgoingHeader(dialogue_);
  if (!header)
    return Fail(MakeReply(451, "4.3.0", "Temporary local problem - please try later"),
                header.error());
  if (message_id_.empty()) {
    message_id_ = MessageIdOf(header.value());
    message_id_created_ = !message_id_.empty();
  }
  for (const facts::HeaderField& field : header.value())
    EmitField(field, [this](std::string_view line) { PassOn(line); });
  PassOn("");
}

void Receiver::PassOn(std::string_view line) {
  passed_bytes_ += line.size() + 2;
  // What the upstream says early is told by Finish(); until the client's own end its
  // lines go nowhere (rule U6).
  if (dialogue_.transaction != nullptr && upstream_listens_)
    upstream_listens_ = dialogue_.transaction->WriteLine(line);
}

void Receiver::DropIfWrong() {
  if (problem() != DataProblem::kNone) dialogue_.transaction.reset();
}

namespace {

// The client went, or took too long: nothing is delivered, whatever has come so far.
Answer Abandon(Dialogue& dialogue, Read how, bool in_header) {
  dialogue.transaction.reset();
  const facts::Session& session = dialogue.session();
  const std::string& name = session.active_hostname;
  Log& log = *dialogue.context.log;
  if (how == Read::kHopeless) {
    dialogue.ending = "closed: message far over the size limit";
    log.MainAndReject(
        HostEvent("size_refused",
                  session.envelope.message_id + " rejected from <" + session.envelope.sender + "> ",
                  session, dialogue.selector,
                  ": message too big: max=" + std::to_string(dialogue.message_size_limit)));
    Reply reply = ProblemReply(DataProblem::kTooBig);
    reply.closes = true;
    return reply;
  }
  if (how == Read::kTimeout) {
    dialogue.ending = "closed after timeout";
    const std::string duration =
        DurationField(session, dialogue.selector, std::chrono::system_clock::now());
    log.Main(ClientEvent("timeout", "SMTP data timeout (message abandoned) on connection from ",
                         session, dialogue.selector,
                         " F=<" + session.envelope.sender + ">" + duration));
    return dialogue.Farewell(
        "data-timeout",
        MakeClosingReply(421, "4.4.2", name + " SMTP incoming data timeout - closing connection."));
  }
  dialogue.ending = how == Read::kCancelled ? "closed after SIGTERM" : "lost";
  log.Main(ClientEvent("lost", "SMTP connection from ", session, dialogue.selector,
                       std::string(" lost while reading message data (") +
                           (in_header ? "header" : "after header") + ")"));
  if (how == Read::kCancelled)
    return dialogue.Farewell(
        "signal-exit",
        MakeClosingReply(421, "4.3.2", name + ": Service not available - closing connection"));
  return MakeClosingReply(421, "4.4.2", name + " lost input connection");
}

Answer RefuseMessage(Dialogue& dialogue, const Receiver& receiver) {
  const Reply reply = receiver.refusal();
  const std::string trouble = receiver.trouble();
  if (!trouble.empty()) dialogue.context.log->Panic(trouble);
  dialogue.LogRejection(reply.code < 500 ? Refusal::kTemporary : Refusal::kPermanent, "after DATA",
                        trouble.empty() ? reply.text() : trouble);
  return reply;
}

// What is said of a message that was taken although an ACL wants the client to hear no.
std::optional<Reply> FakeReply(const Dialogue& dialogue) {
  const facts::Controls& controls = dialogue.session().envelope.controls;
  if (!controls.fake_reject && !controls.fake_defer) return std::nullopt;
  Reply reply = controls.fake_reject ? MakeReply(550, "5.7.1", "") : MakeReply(450, "4.7.1", "");
  reply.lines = SplitText(controls.fake_text.empty()
                              ? "Your message has been rejected but is being kept for evaluation.\n"
                                "If it was a legitimate message, it may still be delivered to the "
                                "target recipient(s)."
                              : controls.fake_text);
  return reply;
}

Reply TakenReply(const Dialogue& dialogue) {
  return MakeReply(250, "2.0.0", "OK id=" + dialogue.session().envelope.message_id);
}

Arrival ArrivalOf(const Dialogue& dialogue, const Receiver& receiver) {
  Arrival arrival;
  arrival.size_bytes = receiver.size_bytes();
  arrival.message_id = receiver.message_id();
  arrival.message_id_created = receiver.message_id_created();
  arrival.pipelining = dialogue.Pipelining();
  arrival.began = dialogue.session().envelope.received;
  arrival.ended = receiver.ended();
  return arrival;
}

Answer Discard(Dialogue& dialogue, const facts::Verdict& verdict, const Receiver& receiver,
               std::string_view acl) {
  const facts::Session& session = dialogue.session();
  dialogue.transaction.reset();
  Log& log = *dialogue.context.log;
  const Arrival arrival = ArrivalOf(dialogue, receiver);
  log.Main(ArrivalLine(session, dialogue.selector, arrival));
  log.Main(BlackholeLine(session, acl, verdict.log_message));
  log.Main(CompletedLine(session, dialogue.selector, arrival, std::chrono::system_clock::now()));
  CountMessage(dialogue, arrival.size_bytes);
  return dialogue.Accepted(verdict, TakenReply(dialogue));
}

// Only now is the dot said upstream, and only its reply makes a 250 (rule U1).
Answer HandOver(Dialogue& dialogue, const facts::Verdict& verdict, const Receiver& receiver) {
  const facts::Session& session = dialogue.session();
  const relay::Reply reply = dialogue.transaction->Finish();
  Log& log = *dialogue.context.log;
  const WallTime now = std::chrono::system_clock::now();
  if (!reply.positive() || reply.code >= 300) {
    // Of several recipients, some may have it.
    for (const relay::Delivered& delivered : dialogue.transaction->TakeDelivered()) {
      const std::string_view mark = delivered.failure.empty() ? ">>"
                                    : delivered.temporary     ? "=="
                                                              : "**";
      log.Main(DeliveryLine(session, dialogue.selector, mark, delivered,
                            ArrivalOf(dialogue, receiver), now));
    }
    return dialogue.RefusedUpstream(reply, "after DATA");
  }
  const Arrival arrival = ArrivalOf(dialogue, receiver);
  const std::vector<relay::Delivered> all = dialogue.transaction->TakeDelivered();
  const LogSelector& selector = dialogue.selector;
  // One copy went on: its first recipient stands behind "=>", the others behind "->". Exim
  // has ">>" above the arrival for what went on while the client waited, which its own log
  // readers don't count.
  log.Main(ArrivalLine(session, selector, arrival));
  std::string_view mark = "=>";
  for (const relay::Delivered& delivered : all) {
    log.Main(DeliveryLine(session, selector, mark, delivered, arrival, now));
    mark = "->";
  }
  log.Main(CompletedLine(session, selector, arrival, now));
  CountMessage(dialogue, arrival.size_bytes);
  if (auto fake = FakeReply(dialogue)) return *fake;
  return dialogue.Accepted(verdict, TakenReply(dialogue));
}

// DATA upstream; nullopt where the message may come.
std::optional<Answer> StartUpstream(Dialogue& dialogue) {
  if (dialogue.transaction == nullptr) return std::nullopt;
  const relay::Reply reply = dialogue.transaction->StartData();
  if (reply.code == 354) return std::nullopt;
  return dialogue.RefusedUpstream(reply, "DATA");
}

Answer Conclude(Dialogue& dialogue, Receiver& receiver) {
  facts::Session& session = dialogue.session();
  if (receiver.failed()) return RefuseMessage(dialogue, receiver);
  session.envelope.message_size = receiver.size_bytes();
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kData, Phase::kData);
  if (verdict.kind == VerdictKind::kDiscard) return Discard(dialogue, verdict, receiver, "DATA");
  if (auto refusal = dialogue.Refusal(
          verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), "after DATA")) {
    dialogue.transaction.reset();
    return *refusal;
  }
  // Whoever has lost the right to send meanwhile has not sent this.
  if (auto ended = EndWhereOutdated(dialogue, "after DATA")) {
    dialogue.transaction.reset();
    return *ended;
  }
  if (session.envelope.recipients.empty() || dialogue.transaction == nullptr)
    return Discard(dialogue, verdict, receiver, dialogue.discard_all ? "MAIL" : "RCPT");
  if (receiver.holds()) {
    if (auto refusal = StartUpstream(dialogue)) return *refusal;
    receiver.PassHeld();
    if (receiver.failed()) return RefuseMessage(dialogue, receiver);
  }
  return HandOver(dialogue, verdict, receiver);
}

}  // namespace

std::optional<Answer> StartReceiving(Dialogue& dialogue, const Receiver& receiver) {
  facts::Envelope& envelope = dialogue.session().envelope;
  if (envelope.recipients.empty()) dialogue.transaction.reset();
  if (!receiver.holds())
    if (auto refusal = StartUpstream(dialogue)) return refusal;
  envelope.message_id = MakeMessageId(std::chrono::system_clock::now());
  return std::nullopt;
}

Answer FinishReceiving(Dialogue& dialogue, Receiver& receiver, Read read) {
  Answer answer = read == Read::kWhole ? Conclude(dialogue, receiver)
                                       : Abandon(dialogue, read, receiver.in_header());
  if (answer.reply->positive())
    dialogue.without_mail = Deadline::After(limits::kSessionWithoutMail);
  return answer;
}

Answer RunData(Dialogue& dialogue, const Command&) {
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kPredata, Phase::kPredata);
  if (auto refusal = dialogue.Refusal(
          verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), "DATA")) {
    dialogue.ResetEnvelope();
    return *refusal;
  }
  std::optional<Receiver> receiver(std::in_place, dialogue, Framing::kDot);
  if (auto refusal = StartReceiving(dialogue, *receiver)) {
    dialogue.ResetEnvelope();
    return *refusal;
  }
  dialogue.Send(dialogue.Accepted(
      verdict, MakeReply(354, "", "Enter message, ending with \".\" on a line by itself")));
  const Read read = dialogue.Flush() ? receiver->ReadMessage() : Read::kLost;
  Answer answer = FinishReceiving(dialogue, *receiver, read);
  receiver.reset();
  dialogue.ResetEnvelope();
  return answer;
}

}  // namespace signet::smtp
