#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "expand/network.h"
#include "src/base/log.h"
#include "src/relay/client.h"
#include "src/relay/maildir.h"
#include "src/relay/path.h"
#include "src/relay/relay.h"
#include "src/relay/route.h"

namespace signet::relay {
namespace {

constexpr std::size_t kAddressesPerHost = 8;

// --- replies that we make ------------------------------------------------------------------

Reply Unavailable(std::string log_text) {
  return {451, "4.4.1", "Upstream is not available, please try later", std::move(log_text)};
}
// In step no more, or an outcome that nobody knows (rule U1).
Reply Unclear(std::string log_text) {
  return {451, "4.4.2", "Upstream did not answer properly, please try later", std::move(log_text)};
}
Reply LocalTrouble(const MaildirFile::Problem& problem) {
  if (problem.no_space) return {452, "4.3.1", "Insufficient space, please try later", problem.text};
  return {451, "4.3.0", "Temporary local problem - please try later", problem.text};
}

// A refusal of the upstream in front of our client: the class is kept, codes that mean
// something between the upstream and us are not (rule U5).
Reply PassedOn(const UpstreamReply& upstream, const std::string& log_text) {
  static constexpr int kTemporary[] = {450, 451, 452, 455};
  static constexpr int kPermanent[] = {550, 551, 552, 553, 554, 555};
  bool temporary = upstream.digit() == 4;
  auto is_known = [&](const auto& codes) {
    return std::find(std::begin(codes), std::end(codes), upstream.code) != std::end(codes);
  };
  int code = temporary ? (is_known(kTemporary) ? upstream.code : 451)
                       : (is_known(kPermanent) ? upstream.code : 550);
  std::string text = upstream.Text();
  if (text.empty()) text = temporary ? "Upstream refused for now" : "Upstream refused";
  return {code, upstream.enhanced, std::move(text), log_text};
}

// The log also wants to know who routed it there.
Reply WithPlace(const Place& place, Reply reply) {
  if (!reply.log_text.empty())
    reply.log_text =
        "R=" + place.router->name + " T=" + place.transport->name + " " + reply.log_text;
  return reply;
}

// --- connecting ------------------------------------------------------------------------------

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string ip;
};

Address MakeAddress(const sockaddr* from, socklen_t size, int port) {
  Address address;
  std::memcpy(&address.storage, from, size);
  address.size = size;
  auto net_port = htons(static_cast<std::uint16_t>(port));
  if (from->sa_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = net_port;
  else
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = net_port;
  char text[NI_MAXHOST] = "";
  getnameinfo(from, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  address.ip = text;
  return address;
}

// The addresses of a host; numeric ones ask nobody.
Result<std::vector<Address>, std::string> Resolve(const Host& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = expand::ParseHostAddress(host.name) ? AI_NUMERICHOST : AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  int error = 0;
  auto ask = [&] { error = getaddrinfo(host.name.c_str(), nullptr, &hints, &first); };
  if (hints.ai_flags == AI_NUMERICHOST)
    ask();
  else
    engine::BlockingForAnswer(ask);
  if (error != 0) return Err{std::string(gai_strerror(error))};
  std::vector<Address> addresses;
  for (addrinfo* i = first; i != nullptr && addresses.size() < kAddressesPerHost; i = i->ai_next)
    if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
      addresses.push_back(MakeAddress(i->ai_addr, i->ai_addrlen, host.port));
  freeaddrinfo(first);
  return addresses;
}

struct Connected {
  std::unique_ptr<SmtpClient> client;
  std::string host_field;  // "H=name [ip]:port"
};

std::string HostField(const Host& host, std::string_view ip) {
  return "H=" + host.name + " [" + std::string(ip) + "]:" + std::to_string(host.port);
}

// --- the transaction --------------------------------------------------------------------------

class RelayTransaction : public Transaction {
 public:
  RelayTransaction(std::shared_ptr<const Routes> routes, const facts::Session& session,
                   const TransactionOptions& options)
      : routes_(std::move(routes)), session_(session), options_(options) {}
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

  Reply AddAtUpstream(const Place& place, const std::string& path);
  Reply TryHosts(const Place& place, const std::string& path);
  Reply TryHost(const Place& place, const Host& host, const std::string& path);
  Result<Connected, Reply> Connect(const Place& place, const Host& host);
  Reply Greet(const Place& place);
  Reply SendMail();
  Reply SendRecipient(const std::string& path);
  Reply Ask(const std::string& line, std::string_view after);
  Reply FinishUpstream();
  Reply FinishMaildir();
  void Deliver(const std::string& fields);
  void LeaveUpstream();
  std::string LogText(std::string_view after, std::string_view what) const;

  std::shared_ptr<const Routes> routes_;
  const facts::Session& session_;
  const TransactionOptions options_;
  State state_ = State::kRecipients;
  std::optional<Place> place_;  // of what is under way
  std::vector<Accepted> accepted_;
  std::vector<Delivered> delivered_;
  std::unique_ptr<SmtpClient> client_;
  std::string host_field_;
  std::unique_ptr<MaildirFile> file_;
  bool needs_eight_bit_ = false;  // declared, found, and not offered
};

Reply RelayTransaction::AddRecipient(const facts::Recipient& recipient,
                                     config::MatchContext& context) {
  if (state_ != State::kRecipients) return Unclear("recipient after the message");
  auto path = EncodePath(recipient.local_part, recipient.domain);
  if (!path || *path == "<>")
    return {553, "5.1.3", "Address cannot be passed on", "recipient address cannot be encoded"};
  auto found = routes_->Find(context);
  if (!found.ok()) return found.error();
  const Place& place = found.value();
  if (!accepted_.empty() && !place.SameAs(*place_))
    return {452, "4.5.3", "Too many recipients: this one goes elsewhere, send it separately",
            "routes elsewhere than the recipients before it"};

  bool upstream = place.transport->driver == config::TransportDriver::kSmtp;
  Reply reply = {250, "2.1.5", "Accepted", ""};
  if (upstream)
    reply = AddAtUpstream(place, *path);
  else
    place_ = place;
  if (reply.positive()) accepted_.push_back({recipient, place.router});
  return WithPlace(place, std::move(reply));
}

Reply RelayTransaction::AddAtUpstream(const Place& place, const std::string& path) {
  if (client_ != nullptr && !place.SameAs(*place_)) LeaveUpstream();
  if (client_ == nullptr) return TryHosts(place, path);
  Reply reply = SendRecipient(path);
  // A connection that broke took the recipients that it had with it.
  if (client_->broken() && accepted_.empty()) LeaveUpstream();
  return reply;
}

// In the order of the configuration, until one has an opinion that is not "later".
Reply RelayTransaction::TryHosts(const Place& place, const std::string& path) {
  Reply reply = Unavailable("no upstream to try");
  std::string log_text;
  for (const Host& host : place.hosts) {
    reply = TryHost(place, host, path);
    bool decided = reply.code / 100 != 4;
    if (decided && client_ != nullptr && !client_->broken()) {
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

Reply RelayTransaction::TryHost(const Place& place, const Host& host, const std::string& path) {
  auto connected = Connect(place, host);
  if (!connected.ok()) return connected.error();
  client_ = std::move(connected.value().client);
  host_field_ = std::move(connected.value().host_field);
  Reply reply = Greet(place);
  if (!reply.positive()) return reply;
  reply = SendMail();
  if (!reply.positive()) {
    // There is no transaction upstream: the next recipient begins anew.
    LeaveUpstream();
    return reply;
  }
  return SendRecipient(path);
}

Result<Connected, Reply> RelayTransaction::Connect(const Place& place, const Host& host) {
  const config::Transport& transport = *place.transport;
  auto addresses = Resolve(host);
  if (!addresses.ok())
    return Err{Unavailable("H=" + host.name + ": cannot find its address: " + addresses.error())};
  std::string problem = "H=" + host.name + ": no address";
  for (const Address& address : addresses.value()) {
    std::string field = HostField(host, address.ip);
    Deadline deadline = Deadline::After(transport.connect_timeout);
    auto socket = engine::Socket::Connect(reinterpret_cast<const sockaddr*>(&address.storage),
                                          address.size, deadline);
    if (!socket.ok()) {
      problem = field + ": " + engine::Describe(socket.error());
      continue;
    }
    int on = 1;
    setsockopt(socket.value().fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ClientTimes times{transport.command_timeout, transport.data_timeout, transport.final_timeout};
    return Connected{
        std::make_unique<SmtpClient>(tls::MakeClearStream(std::move(socket).value()), times),
        std::move(field)};
  }
  return Err{Unavailable(std::move(problem))};
}

// The greeting and EHLO. An upstream that will not talk to us at all is our trouble, not
// the client's: never 5xx.
Reply RelayTransaction::Greet(const Place& place) {
  auto greeting = client_->ReadGreeting();
  if (!greeting.ok()) return Unavailable(LogText("connecting", greeting.error()));
  if (greeting.value().code != 220)
    return Unavailable(LogText("connecting", greeting.value().ForLog()));
  auto hello = client_->Hello(place.helo);
  if (!hello.ok()) return Unavailable(LogText("EHLO", hello.error()));
  if (hello.value().code != 250) return Unavailable(LogText("EHLO", hello.value().ForLog()));
  return {250, "", "", ""};
}

Reply RelayTransaction::SendMail() {
  const facts::Envelope& envelope = session_.envelope;
  auto path = EncodePath(envelope.sender_local_part, envelope.sender_domain);
  if (!path || (*path == "<>") != envelope.sender.empty())
    return {553, "5.1.7", "Sender address cannot be passed on", "sender address cannot be encoded"};
  std::string line = "MAIL FROM:" + *path;
  if (client_->offered().size && options_.declared_size > 0)
    line += " SIZE=" + std::to_string(options_.declared_size);
  if (client_->offered().eight_bit_mime && options_.body_8bitmime) line += " BODY=8BITMIME";
  needs_eight_bit_ = false;
  return Ask(line, "MAIL FROM:" + *path);
}

Reply RelayTransaction::SendRecipient(const std::string& path) {
  return Ask("RCPT TO:" + path, "RCPT TO:" + path);
}

Reply RelayTransaction::Ask(const std::string& line, std::string_view after) {
  auto answer = client_->Command(line);
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
  if (client_ != nullptr) {
    auto answer = client_->StartData();
    if (!answer.ok()) return WithPlace(*place_, Unclear(LogText("DATA", answer.error())));
    if (answer.value().code != 354)
      return WithPlace(*place_, PassedOn(answer.value(), LogText("DATA", answer.value().ForLog())));
  } else {
    file_ = std::make_unique<MaildirFile>(place_->directory, session_.primary_hostname,
                                          FileCalls::System());
    auto create = MaildirFile::CreateDirectory(place_->transport->create_directory);
    auto opened = file_->Open(create);
    if (!opened.ok()) return WithPlace(*place_, LocalTrouble(opened.error()));
  }
  state_ = State::kData;
  return {354, "", "Enter message, ending with \".\" on a line by itself", ""};
}

bool RelayTransaction::WriteLine(std::string_view line) {
  if (state_ != State::kData || needs_eight_bit_) return false;
  if (file_ != nullptr) return file_->WriteLine(line);
  bool must_not = options_.body_8bitmime && !client_->offered().eight_bit_mime;
  if (must_not && std::any_of(line.begin(), line.end(), [](char c) { return (c & 0x80) != 0; })) {
    needs_eight_bit_ = true;
    return false;
  }
  return client_->WriteLine(line);
}

Reply RelayTransaction::Finish() {
  if (state_ != State::kData) return Unclear("no message under way");
  state_ = State::kEnded;
  return WithPlace(*place_, file_ != nullptr ? FinishMaildir() : FinishUpstream());
}

Reply RelayTransaction::FinishUpstream() {
  if (needs_eight_bit_)
    return {554, "5.6.3", "Message has 8-bit content, which the next server does not take",
            LogText("MAIL", "8BITMIME is not offered")};
  auto answer = client_->FinishData();
  if (!answer.ok()) return Unclear(LogText("end of data", answer.error()));
  const UpstreamReply& reply = answer.value();
  std::string log_text = LogText("end of data", reply.ForLog());
  if (reply.digit() == 3) return Unclear(std::move(log_text));
  if (reply.digit() != 2) return PassedOn(reply, log_text);
  Deliver(' ' + host_field_ + " C=\"" + Printable(reply.ForLog()) + '"');
  LeaveUpstream();
  return {250, reply.enhanced, reply.Text(), ""};
}

Reply RelayTransaction::FinishMaildir() {
  auto finished = file_->Finish();
  if (!finished.ok()) return LocalTrouble(finished.error());
  Deliver("");
  return {250, "2.0.0", "Delivered", ""};
}

void RelayTransaction::Deliver(const std::string& fields) {
  for (const Accepted& accepted : accepted_)
    delivered_.push_back({accepted.recipient,
                          "R=" + accepted.router->name + " T=" + place_->transport->name + fields});
}

void RelayTransaction::LeaveUpstream() {
  if (client_ != nullptr) client_->Leave();
  client_.reset();
}

std::string RelayTransaction::LogText(std::string_view after, std::string_view what) const {
  return host_field_ + ": SMTP error from upstream after " + Printable(after) + ": " +
         Printable(what);
}

}  // namespace

std::unique_ptr<Transaction> Begin(std::shared_ptr<const Routes> routes,
                                   const facts::Session& session,
                                   const TransactionOptions& options) {
  return std::make_unique<RelayTransaction>(std::move(routes), session, options);
}

}  // namespace signet::relay
