#include <algorithm>
#include <random>
#include <utility>

#include "src/base/log.h"
#include "src/relay/commands.h"
#include "src/relay/connection.h"
#include "src/relay/maildir.h"
#include "src/relay/relay.h"
#include "src/relay/replies.h"
#include "src/relay/route.h"
#include "src/relay/worker.h"
#include "src/report/metrics.h"

namespace signet::relay {
namespace {

Reply LocalTrouble(const MaildirFile::Problem& problem) {
  if (problem.no_space) return {452, "4.3.1", "Insufficient space, please try later", problem.text};
  return {451, "4.3.0", "Temporary local problem - please try later", problem.text};
}

// The log also wants to know who routed it there.
Reply WithPlace(const Place& place, Reply reply) {
  if (!reply.log_text.empty())
    reply.log_text =
        "R=" + place.router->name + " T=" + place.transport->name + " " + reply.log_text;
  return reply;
}

Result<std::vector<Address>, std::string> OneAddress(const Host& socket) {
  auto address = SocketAddress(socket.name);
  if (!address.ok()) return Err{address.error()};
  return std::vector<Address>{std::move(address).value()};
}

// Names in a reply, which stays one line whatever they are.
std::string BeginningOf(const std::string& names) {
  constexpr std::size_t kMost = 200;
  std::string shown = Printable(names.substr(0, kMost));
  return names.size() > kMost ? shown + "..." : shown;
}

MaildirFile::Modes ModesOf(const config::Transport& transport) {
  MaildirFile::Modes modes;
  modes.file = ReadMode(transport.mode.text).value_or(modes.file);
  modes.directory = ReadMode(transport.directory_mode.text).value_or(modes.directory);
  return modes;
}

// A host or one of its addresses, in what a worker remembers.
std::string NameOf(const Host& host, const std::string& ip = "") {
  return host.name + ' ' + std::to_string(host.port) + ' ' + ip;
}

template <typename T, typename Name>
void FreshFirst(std::vector<T>* list, Name name) {
  std::stable_partition(list->begin(), list->end(), [&](const T& element) {
    return !ThisWorker().failing.Contains(name(element));
  });
}

std::vector<Host> InOrder(const Place& place) {
  // Spreads work and nothing else: it need not be hard to guess.
  static thread_local std::minstd_rand random(static_cast<std::minstd_rand::result_type>(
      std::chrono::steady_clock::now().time_since_epoch().count()));
  std::vector<Host> hosts = place.hosts;
  if (place.randomize) std::shuffle(hosts.begin(), hosts.end(), random);
  hosts.insert(hosts.end(), place.fallback.begin(), place.fallback.end());
  FreshFirst(&hosts, [](const Host& host) { return NameOf(host); });
  return hosts;
}

// --- the transaction --------------------------------------------------------------------------

class RelayTransaction : public Transaction {
 public:
  RelayTransaction(std::shared_ptr<const Routes> routes, facts::Session& session,
                   const TransactionOptions& options)
      : routes_(std::move(routes)), session_(session), options_(options) {
    session_.upstream = {};
  }
  ~RelayTransaction() override { LeaveUpstream(); }

  Reply AddRecipient(const facts::Recipient& recipient, config::MatchContext& context) override;
  Reply StartData() override;
  bool WriteLine(std::string_view line) override;
  Reply Finish() override;
  std::vector<Delivered> TakeDelivered() override { return std::move(delivered_); }

 private:
  enum class State : std::uint8_t { kRecipients, kData, kEnded };
  struct Accepted {
    facts::Recipient recipient;
    const config::Router* router;
  };

  Reply AddAtUpstream(const Place& place, const facts::Recipient& recipient,
                      config::MatchContext& context);
  Reply TryHosts(const Place& place, const facts::Recipient& recipient,
                 config::MatchContext& context);
  Reply TryHost(const Place& place, const Host& host, const facts::Recipient& recipient,
                config::MatchContext& context);
  enum class Reuse : bool { kNo, kYes };
  Reply TryAddress(const Place& place, const Host& host, const Address& address, Reuse reuse,
                   config::MatchContext& context);
  bool StillFits(const Place& place, config::MatchContext& context);
  Reply Begin(const Place& place, const facts::Recipient& recipient, config::MatchContext& context);
  Result<std::string, Reply> MailLine(const Place& place, config::MatchContext& context);
  Reply Judge(const SmtpClient::Answer& answer, std::string_view after);
  bool IsFull(const Place& place);
  Reply FinishUpstream();
  Reply FinishLmtp();
  Delivered MakeDelivered(const Accepted& accepted, const facts::Upstream& upstream) const;
  Reply FinishMaildir();
  void Deliver(const facts::Upstream& upstream, const std::string& confirmation);
  void LeaveUpstream();
  void Count(const Place& place, const Reply& reply);
  Reply Counted(Reply reply);  // of the place, and counted
  SmtpClient& client() { return connection_->client(); }
  std::string LogText(std::string_view after, std::string_view what) const {
    return connection_->LogText(after, what);
  }

  std::shared_ptr<const Routes> routes_;
  facts::Session& session_;
  const TransactionOptions options_;
  State state_ = State::kRecipients;
  std::optional<Place> place_;  // of what is under way
  std::vector<Accepted> accepted_;
  std::vector<Delivered> delivered_;
  WallTime began_;  // to connect, or to write a file
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<MaildirFile> file_;
  ContentCheck check_;
  bool reused_ = false;      // the connection has been there before
  bool gone_ = false;        // it closed, or the last reply was 421
  bool pipelining_ = false;  // commands went in one write
};

Reply RelayTransaction::AddRecipient(const facts::Recipient& recipient,
                                     config::MatchContext& context) {
  if (state_ != State::kRecipients) return Unclear("recipient after the message");
  // What cannot be said anywhere needs no connection.
  const auto said = RcptCommand(recipient, session_.envelope, {.smtputf8 = true});
  if (!said.ok()) return said.error();
  auto found = routes_->Find(context);
  if (!found.ok()) return found.error();
  const Place& place = found.value();
  if (!accepted_.empty() && !place.SameAs(*place_)) return Elsewhere();
  if (IsFull(place)) return TooManyRecipients();

  bool upstream = place.transport->driver == config::TransportDriver::kSmtp;
  Reply reply = {250, "2.1.5", "Accepted", ""};
  if (upstream)
    reply = AddAtUpstream(place, recipient, context);
  else
    place_ = place;
  if (reply.positive())
    accepted_.push_back({recipient, place.router});
  else
    Count(place, reply);
  return WithPlace(place, std::move(reply));
}

bool RelayTransaction::IsFull(const Place& place) {
  const std::size_t count = accepted_.size();
  const std::int64_t configured = place.transport->max_rcpt;
  if (configured > 0 && count >= static_cast<std::size_t>(configured)) return true;
  const std::uint64_t offered = connection_ != nullptr ? client().offered().rcpt_max : 0;
  return offered > 0 && count >= offered;
}

Reply RelayTransaction::AddAtUpstream(const Place& place, const facts::Recipient& recipient,
                                      config::MatchContext& context) {
  if (connection_ != nullptr && !(place.SameAs(*place_) && StillFits(place, context))) {
    if (!accepted_.empty()) return Elsewhere();
    LeaveUpstream();
  }
  if (connection_ == nullptr) return TryHosts(place, recipient, context);
  const auto line = RcptCommand(recipient, session_.envelope, client().offered());
  if (!line.ok()) return line.error();
  Reply reply = Judge(client().Command(line.value()), line.value());
  // A connection that broke took the recipients that it had with it.
  if (client().broken() && accepted_.empty()) LeaveUpstream();
  return reply;
}

// Options of a transport may depend on the recipient: a certificate by its domain.
bool RelayTransaction::StillFits(const Place& place, config::MatchContext& context) {
  const Terms& terms = connection_->terms();
  auto now = MakeTerms(place, terms.host, terms.ip, context);
  return now.ok() && now.value() == terms;
}

// In the order of the configuration, those that failed lately last, until one has an opinion
// that is not "later".
Reply RelayTransaction::TryHosts(const Place& place, const facts::Recipient& recipient,
                                 config::MatchContext& context) {
  Reply reply = Unavailable("no upstream to try");
  std::string log_text;
  for (const Host& host : InOrder(place)) {
    reply = TryHost(place, host, recipient, context);
    bool decided = reply.code / 100 != 4;
    if (decided && connection_ != nullptr && !client().broken()) {
      place_ = place;
      return reply;
    }
    LeaveUpstream();
    if (decided) return reply;
    log_text += (log_text.empty() ? "" : "; ") + reply.log_text;
  }
  reply.log_text = std::move(log_text);
  return reply;
}

// Its addresses in turn, until one lets us in: that one decides.
Reply RelayTransaction::TryHost(const Place& place, const Host& host,
                                const facts::Recipient& recipient, config::MatchContext& context) {
  auto addresses = host.is_socket() ? OneAddress(host) : Resolve(host);
  if (!addresses.ok()) {
    ThisWorker().failing.Note(NameOf(host));
    return Unavailable("H=" + host.name + ": " + addresses.error());
  }
  FreshFirst(&addresses.value(), [&](const Address& a) { return NameOf(host, a.ip); });
  Reply reply;
  for (const Address& address : addresses.value()) {
    reply = TryAddress(place, host, address, Reuse::kYes, context);
    if (!reply.positive()) continue;
    reply = Begin(place, recipient, context);
    // The upstream had closed it, and that only shows now: nothing is lost by a second try.
    if (reused_ && gone_) {
      connection_.reset();
      reply = TryAddress(place, host, address, Reuse::kNo, context);
      if (!reply.positive()) continue;
      reply = Begin(place, recipient, context);
    }
    ThisWorker().failing.Forget(NameOf(host));
    return reply;
  }
  ThisWorker().failing.Note(NameOf(host));
  return reply;
}

Reply RelayTransaction::TryAddress(const Place& place, const Host& host, const Address& address,
                                   Reuse reuse, config::MatchContext& context) {
  session_.upstream = {host.name, address.ip, host.port, {}};
  began_ = std::chrono::system_clock::now();
  gone_ = false;
  auto terms = MakeTerms(place, host, address.ip, context);
  if (!terms.ok()) return terms.error();
  if (reuse == Reuse::kYes) connection_ = ThisWorker().idle.Take(terms.value());
  reused_ = connection_ != nullptr;
  if (!reused_) {
    auto opened =
        Connection::Open(std::move(terms).value(), address, *place.transport, options_.tls_reports);
    if (!opened.ok()) {
      ThisWorker().failing.Note(NameOf(host, address.ip));
      if (options_.metrics != nullptr)
        options_.metrics->Add(report::Metric::kUpstreamFailures, {place.transport->name});
      return opened.error();
    }
    ThisWorker().failing.Forget(NameOf(host, address.ip));
    connection_ = std::move(opened).value();
  }
  session_.upstream = connection_->upstream();
  return {250, "", "", ""};
}

// MAIL and the first RCPT, in one write where the upstream takes that (RFC 2920).
Reply RelayTransaction::Begin(const Place& place, const facts::Recipient& recipient,
                              config::MatchContext& context) {
  auto mail = MailLine(place, context);
  auto rcpt = RcptCommand(recipient, session_.envelope, client().offered());
  if (!mail.ok() || !rcpt.ok()) {
    LeaveUpstream();
    return mail.ok() ? rcpt.error() : mail.error();
  }
  check_ = ContentCheck(session_.envelope, options_, client().offered());
  pipelining_ = client().offered().pipelining && connection_->terms().pipelining;
  std::vector<std::string> lines = {mail.value()};
  if (pipelining_) lines.push_back(rcpt.value());
  (void)client().Send(lines);
  Reply reply = Judge(client().Receive(), mail.value());
  if (!reply.positive()) {
    // There is no transaction upstream: the next recipient begins anew.
    if (pipelining_) (void)client().Receive();
    LeaveUpstream();
    return reply;
  }
  return Judge(pipelining_ ? client().Receive() : client().Command(rcpt.value()), rcpt.value());
}

Result<std::string, Reply> RelayTransaction::MailLine(const Place& place,
                                                      config::MatchContext& context) {
  const Offered& offered = client().offered();
  auto line = MailCommand(session_.envelope, options_, offered);
  const bool takes_auth = offered.auth || place.transport->authenticated_sender_force;
  if (!line.ok() || !place.transport->authenticated_sender || !takes_auth) return line;
  if (!connection_->may_identify())
    return Err{
        Unavailable(LogText("EHLO", "AUTH= is only said over loopback or verified TLS (rule U8)"))};
  auto sender = AuthenticatedSender(place, context);
  if (!sender.ok()) return Err{sender.error()};
  return line.value() + " AUTH=" + sender.value();
}

Reply RelayTransaction::Judge(const SmtpClient::Answer& answer, std::string_view after) {
  gone_ = !answer.ok() || answer.value().code == 421;
  if (!answer.ok()) return Unclear(LogText(after, answer.error()));
  const UpstreamReply& reply = answer.value();
  if (reply.digit() == 2) return {250, "", "", ""};
  if (reply.digit() == 3) return Unclear(LogText(after, reply.ForLog()));
  return PassedOn(reply, LogText(after, reply.ForLog()));
}

Reply RelayTransaction::StartData() {
  if (state_ != State::kRecipients || accepted_.empty())
    return {503, "5.5.1", "Valid RCPT command must precede DATA", "no recipient accepted"};
  state_ = State::kEnded;
  if (connection_ != nullptr) {
    connection_->CountMessage();
    auto answer = client().StartData();
    if (!answer.ok()) return Counted(Unclear(LogText("DATA", answer.error())));
    if (answer.value().code != 354)
      return Counted(PassedOn(answer.value(), LogText("DATA", answer.value().ForLog())));
  } else {
    began_ = std::chrono::system_clock::now();
    file_ = std::make_unique<MaildirFile>(place_->directory, session_.primary_hostname,
                                          FileCalls::System(), ModesOf(*place_->transport));
    auto create = MaildirFile::CreateDirectory(place_->transport->create_directory);
    auto opened = file_->Open(create);
    if (!opened.ok()) return Counted(LocalTrouble(opened.error()));
  }
  state_ = State::kData;
  return {354, "", "Enter message, ending with \".\" on a line by itself", ""};
}

bool RelayTransaction::WriteLine(std::string_view line) {
  if (state_ != State::kData) return false;
  if (file_ != nullptr) return file_->WriteLine(line);
  return check_.Allows(line) && client().WriteLine(line);
}

Reply RelayTransaction::Finish() {
  if (state_ != State::kData) return Unclear("no message under way");
  state_ = State::kEnded;
  Reply reply = Counted(file_ != nullptr ? FinishMaildir() : FinishUpstream());
  const std::chrono::duration<double> took = std::chrono::system_clock::now() - began_;
  if (options_.metrics != nullptr)
    options_.metrics->Observe(report::Metric::kRelayDuration, {place_->transport->name},
                              std::max(0.0, took.count()));
  return reply;
}

void RelayTransaction::Count(const Place& place, const Reply& reply) {
  if (options_.metrics == nullptr) return;
  const std::string_view result = reply.positive()   ? "delivered"
                                  : reply.code < 500 ? "temporary"
                                                     : "permanent";
  options_.metrics->Add(report::Metric::kRelay, {place.transport->name, result});
}

Reply RelayTransaction::Counted(Reply reply) {
  Count(*place_, reply);
  return WithPlace(*place_, std::move(reply));
}

Reply RelayTransaction::FinishUpstream() {
  if (check_.failed()) {
    Reply reply = check_.problem();
    reply.log_text = LogText("MAIL", reply.log_text);
    return reply;
  }
  if (connection_->terms().protocol == Protocol::kLmtp) return FinishLmtp();
  auto answer = client().FinishData();
  if (!answer.ok()) return Unclear(LogText("end of data", answer.error()));
  const UpstreamReply& reply = answer.value();
  std::string log_text = LogText("end of data", reply.ForLog());
  if (reply.digit() == 3) return Unclear(std::move(log_text));
  if (reply.digit() != 2) return PassedOn(reply, log_text);
  Deliver(connection_->upstream(), reply.ForLog());
  LeaveUpstream();
  return {250, reply.enhanced, reply.Text(), ""};
}

Reply RelayTransaction::FinishMaildir() {
  auto finished = file_->Finish();
  if (!finished.ok()) return LocalTrouble(finished.error());
  Deliver({}, "");
  return {250, "2.0.0", "Delivered", ""};
}

void RelayTransaction::Deliver(const facts::Upstream& upstream, const std::string& confirmation) {
  for (const Accepted& accepted : accepted_) {
    delivered_.push_back(MakeDelivered(accepted, upstream));
    delivered_.back().confirmation = confirmation;
  }
}

Delivered RelayTransaction::MakeDelivered(const Accepted& accepted,
                                          const facts::Upstream& upstream) const {
  Delivered delivered{accepted.recipient, accepted.router->name, place_->transport->name, upstream};
  delivered.time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now() - began_);
  if (connection_ == nullptr) return delivered;
  delivered.local_ip = connection_->local_ip();
  delivered.local_port = connection_->local_port();
  delivered.authenticator = connection_->authenticator();
  delivered.pipelining = pipelining_;
  return delivered;
}

// RFC 2033: one reply for each recipient, in their order. The client gets one for all: what
// is temporary for one is temporary for the message (a second copy is acceptable, a loss is
// not), and a refusal of one is told with his name.
Reply RelayTransaction::FinishLmtp() {
  if (!client().FinishData(accepted_.size()))
    return Unclear(LogText("end of data", client().problem()));
  std::optional<Reply> worst;
  std::string who, first_text;
  std::size_t taken = 0;
  for (const Accepted& accepted : accepted_) {
    const auto answer = client().Receive();
    Delivered delivered = MakeDelivered(accepted, connection_->upstream());
    const bool good = answer.ok() && answer.value().digit() == 2;
    if (good) {
      delivered.confirmation = answer.value().ForLog();
      if (taken++ == 0) first_text = answer.value().Text();
    } else {
      const Reply reply = Judge(answer, "end of data");
      delivered.failure = reply.log_text;
      delivered.temporary = reply.code < 500;
      const bool worse = !worst || (worst->code >= 500 && delivered.temporary);
      if (worse) worst = reply;
      who += (who.empty() ? "<" : ", <") + accepted.recipient.address + '>';
    }
    delivered_.push_back(std::move(delivered));
  }
  if (!worst) {
    LeaveUpstream();
    return {250, "2.0.0", first_text, ""};
  }
  if (taken > 0) worst->text = "Not delivered to " + BeginningOf(who) + ": " + worst->text;
  if (taken == 0) delivered_.clear();
  return *worst;
}

void RelayTransaction::LeaveUpstream() {
  if (connection_ == nullptr) return;
  if (gone_) {
    connection_->client().Leave();
    connection_.reset();
  } else {
    ThisWorker().idle.Keep(std::move(connection_));
  }
}

}  // namespace

std::unique_ptr<Transaction> Begin(std::shared_ptr<const Routes> routes, facts::Session& session,
                                   const TransactionOptions& options) {
  return std::make_unique<RelayTransaction>(std::move(routes), session, options);
}

Reply FindRoute(const Routes& routes, config::MatchContext& context) {
  auto found = routes.Find(context);
  return found.ok() ? Reply{250, "2.1.5", "Accepted", ""} : found.error();
}

Reply CallForward(std::shared_ptr<const Routes> routes, facts::Session& session,
                  config::MatchContext& context) {
  const facts::Envelope& envelope = session.envelope;
  const bool authenticated = session.auth.result == facts::AuthResult::kAuthenticated;
  std::string key = std::to_string(reinterpret_cast<std::uintptr_t>(routes.get()));
  for (const std::string& part :
       {envelope.current.address, envelope.sender, authenticated ? session.auth.id : ""})
    key += '\0' + part;
  if (const Reply* known = ThisWorker().probes.Find(key)) return *known;
  auto transaction = Begin(std::move(routes), session, {});
  Reply reply = transaction->AddRecipient(envelope.current, context);
  if (reply.positive() || reply.code >= 500) ThisWorker().probes.Note(key, reply);
  return reply;
}

}  // namespace signet::relay
