// DATA: from 354 to the reply that says who has the message now.
#include "src/base/text.h"
#include "src/smtp/data.h"
#include "src/smtp/dialogue.h"
#include "src/smtp/message_id.h"
#include "src/smtp/received.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::Phase;
using facts::VerdictKind;

constexpr std::size_t kReadBytes = 16 * 1024;

// How reading a message ended.
enum class Read : std::uint8_t { kWhole, kTimeout, kLost, kCancelled, kHopeless };

// Receiver takes one message from the client and passes it on line by line. What goes
// wrong drops the transaction, which closes the upstream connection without a dot; the
// rest of the message is then read and thrown away (rules S4, S11).
class Receiver {
 public:
  explicit Receiver(Dialogue& dialogue)
      : dialogue_(dialogue),
        decoder_({.message_bytes = dialogue.message_size_limit}),
        filter_(Options(dialogue)),
        upstream_listens_(dialogue.transaction != nullptr) {}

  Read ReadMessage() {
    const Deadline whole = Deadline::After(limits::kMessageTotal);
    Deadline line = LineDeadline();
    std::uint64_t seen = 0;
    while (true) {
      dialogue_.input.Consume(Take(dialogue_.input.waiting()));
      if (decoder_.ended()) break;
      if (decoder_.hopeless()) return Read::kHopeless;
      // A whole line renews the wait for the next one; a single octet does not (rule R1).
      if (decoder_.message_bytes() != seen) line = LineDeadline();
      seen = decoder_.message_bytes();
      const engine::IoResult result =
          dialogue_.input.Fill(*dialogue_.stream, kReadBytes, line.Sooner(whole));
      if (!result.ok()) return Trouble(result);
    }
    filter_.End([this](std::string_view l) { PassOn(l); });
    DropIfWrong();
    return Read::kWhole;
  }

  DataProblem problem() const {
    return decoder_.problem() != DataProblem::kNone ? decoder_.problem() : filter_.problem();
  }
  bool in_header() const { return filter_.in_header(); }
  // As it went out, our own lines included.
  std::uint64_t size_bytes() const { return decoder_.message_bytes() + filter_.added_bytes(); }
  const std::string& message_id() const { return filter_.message_id(); }

 private:
  static HeaderFilter::Options Options(Dialogue& dialogue) {
    HeaderFilter::Options options;
    options.first = ReceivedHeader(dialogue.session(), std::chrono::system_clock::now());
    for (const facts::AddedHeader& header : dialogue.session().envelope.added_headers)
      for (std::string& line : HeaderLines(header.text)) options.added.push_back(std::move(line));
    options.own_name = dialogue.session().primary_hostname;
    options.received_max = static_cast<std::size_t>(dialogue.config.main.received_headers_max);
    return options;
  }

  std::size_t Take(std::string_view octets) {
    const std::size_t used = decoder_.Feed(octets, [this](std::string_view line) {
      filter_.Line(line, [this](std::string_view l) { PassOn(l); });
      DropIfWrong();
    });
    DropIfWrong();
    return used;
  }

  void PassOn(std::string_view line) {
    // What the upstream says early is told by Finish(); until the client's own end its
    // lines go nowhere (rule U6).
    if (dialogue_.transaction != nullptr && upstream_listens_)
      upstream_listens_ = dialogue_.transaction->WriteLine(line);
  }

  void DropIfWrong() {
    if (problem() != DataProblem::kNone) dialogue_.transaction.reset();
  }

  Deadline LineDeadline() const {
    const auto wait = dialogue_.config.main.smtp_receive_timeout;
    return wait.count() > 0 ? Deadline::After(wait) : Deadline::After(limits::kMessageTotal);
  }

  static Read Trouble(const engine::IoResult& result) {
    if (result.status == engine::IoStatus::kTimeout) return Read::kTimeout;
    if (result.status == engine::IoStatus::kCancelled) return Read::kCancelled;
    return Read::kLost;
  }

  Dialogue& dialogue_;
  DataDecoder decoder_;
  HeaderFilter filter_;
  bool upstream_listens_;
};

// The client went, or took too long: nothing is delivered, whatever has come so far.
Answer Abandon(Dialogue& dialogue, Read how, bool in_header) {
  dialogue.transaction.reset();
  const facts::Session& session = dialogue.session();
  const std::string host = dialogue.Host();
  const std::string& name = session.active_hostname;
  Log& log = *dialogue.context.log;
  if (how == Read::kHopeless) {
    dialogue.ending = "closed: message far over the size limit";
    log.MainAndReject(session.envelope.message_id + " rejected from <" + session.envelope.sender +
                      "> " + HostField(session, dialogue.selector) +
                      ": message too big: max=" + std::to_string(dialogue.message_size_limit));
    Reply reply = ProblemReply(DataProblem::kTooBig);
    reply.closes = true;
    return reply;
  }
  if (how == Read::kTimeout) {
    dialogue.ending = "closed after timeout";
    log.Main("SMTP data timeout (message abandoned) on connection from " + host + " F=<" +
             session.envelope.sender + ">" +
             DurationField(session, std::chrono::system_clock::now()));
    return MakeClosingReply(421, "4.4.2",
                            name + " SMTP incoming data timeout - closing connection.");
  }
  dialogue.ending = how == Read::kCancelled ? "closed after SIGTERM" : "lost";
  log.Main("SMTP connection from " + host + " lost while reading message data (" +
           (in_header ? "header" : "after header") + ")");
  if (how == Read::kCancelled)
    return MakeClosingReply(421, "4.3.2", name + ": Service not available - closing connection");
  return MakeClosingReply(421, "4.4.2", name + " lost input connection");
}

Answer RefuseMessage(Dialogue& dialogue, const Receiver& receiver) {
  const Reply reply = ProblemReply(receiver.problem());
  dialogue.LogRejection(Refusal::kPermanent, "after DATA", reply.text());
  return reply;
}

Reply TakenReply(const Dialogue& dialogue) {
  return MakeReply(250, "2.0.0", "OK id=" + dialogue.session().envelope.message_id);
}

Answer Discard(Dialogue& dialogue, const facts::Verdict& verdict, const Receiver& receiver,
               std::string_view acl) {
  const facts::Session& session = dialogue.session();
  dialogue.transaction.reset();
  Log& log = *dialogue.context.log;
  log.Main(ArrivalLine(session, dialogue.selector, {receiver.size_bytes(), receiver.message_id()}));
  log.Main(session.envelope.message_id + " => blackhole (" + std::string(acl) +
           " ACL discarded recipients)" +
           (verdict.log_message.empty() ? "" : ": " + verdict.log_message));
  log.Main(session.envelope.message_id + " Completed");
  return dialogue.Accepted(verdict, TakenReply(dialogue));
}

// Only now is the dot said upstream, and only its reply makes a 250 (rule U1).
Answer HandOver(Dialogue& dialogue, const facts::Verdict& verdict, const Receiver& receiver) {
  const facts::Session& session = dialogue.session();
  const relay::Reply reply = dialogue.transaction->Finish();
  Log& log = *dialogue.context.log;
  if (!reply.positive() || reply.code >= 300) return dialogue.RefusedUpstream(reply, "after DATA");
  // As in Exim, what went cut-through to another host stands before the arrival with
  // ">>", what was stored here behind it with "=>".
  const std::vector<relay::Delivered> all = dialogue.transaction->TakeDelivered();
  const auto went_on = [](const relay::Delivered& d) {
    return d.log_fields.find(" H=") != std::string::npos;
  };
  for (const relay::Delivered& delivered : all)
    if (went_on(delivered))
      log.Main(DeliveryLine(session, ">>", delivered.recipient, delivered.log_fields));
  log.Main(ArrivalLine(session, dialogue.selector, {receiver.size_bytes(), receiver.message_id()}));
  for (const relay::Delivered& delivered : all)
    if (!went_on(delivered))
      log.Main(DeliveryLine(session, "=>", delivered.recipient, delivered.log_fields));
  log.Main(session.envelope.message_id + " Completed");
  return dialogue.Accepted(verdict, TakenReply(dialogue));
}

Answer Conclude(Dialogue& dialogue, Receiver& receiver) {
  facts::Session& session = dialogue.session();
  if (receiver.problem() != DataProblem::kNone) return RefuseMessage(dialogue, receiver);
  session.envelope.message_size = receiver.size_bytes();
  const std::size_t headers = session.envelope.added_headers.size();
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kData, Phase::kData);
  if (session.envelope.added_headers.size() != headers)
    dialogue.context.log->Panic(session.envelope.message_id +
                                " Header modification in data ACLs will not take effect on "
                                "cutthrough deliveries");
  if (verdict.kind == VerdictKind::kDiscard) return Discard(dialogue, verdict, receiver, "DATA");
  if (auto refusal = dialogue.Refusal(
          verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), "after DATA")) {
    dialogue.transaction.reset();
    return *refusal;
  }
  if (session.envelope.recipients.empty() || dialogue.transaction == nullptr)
    return Discard(dialogue, verdict, receiver, dialogue.discard_all ? "MAIL" : "RCPT");
  return HandOver(dialogue, verdict, receiver);
}

// DATA upstream; nullopt where the message may come.
std::optional<Answer> StartUpstream(Dialogue& dialogue) {
  if (dialogue.session().envelope.recipients.empty()) dialogue.transaction.reset();
  if (dialogue.transaction == nullptr) return std::nullopt;
  const relay::Reply reply = dialogue.transaction->StartData();
  if (reply.code == 354) return std::nullopt;
  return dialogue.RefusedUpstream(reply, "DATA");
}

}  // namespace

Answer RunData(Dialogue& dialogue, const Command&) {
  facts::Session& session = dialogue.session();
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kPredata, Phase::kPredata);
  if (auto refusal = dialogue.Refusal(
          verdict, MakeReply(550, "5.7.1", "Administrative prohibition"), "DATA")) {
    dialogue.ResetEnvelope();
    return *refusal;
  }
  if (auto refusal = StartUpstream(dialogue)) {
    dialogue.ResetEnvelope();
    return *refusal;
  }
  session.envelope.message_id = MakeMessageId(std::chrono::system_clock::now());
  dialogue.Send(dialogue.Accepted(
      verdict, MakeReply(354, "", "Enter message, ending with \".\" on a line by itself")));
  Receiver receiver(dialogue);
  const Read read = dialogue.Flush() ? receiver.ReadMessage() : Read::kLost;
  Answer answer = read == Read::kWhole ? Conclude(dialogue, receiver)
                                       : Abandon(dialogue, read, receiver.in_header());
  if (answer.reply->positive())
    dialogue.without_mail = Deadline::After(limits::kSessionWithoutMail);
  dialogue.ResetEnvelope();
  return answer;
}

}  // namespace signet::smtp
