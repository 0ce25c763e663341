#include "src/submit/submit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "src/relay/address.h"
#include "src/relay/client.h"
#include "src/tls/tls.h"

namespace signet::submit {
namespace {

using relay::UpstreamReply;

bool IsAbove127(char c) { return (c & 0x80) != 0; }
bool HasAbove127(std::string_view text) {
  return std::any_of(text.begin(), text.end(), IsAbove127);
}

bool WantsTlsAtOnce(const Settings& settings, const Host& host) {
  return settings.tls == Tls::kOnConnect || (settings.tls == Tls::kByPort && host.port == 465);
}

tls::ClientOptions TlsOptions(const Settings& settings, const Host& host) {
  tls::ClientOptions options;
  options.verify_name = settings.verify_name.empty() ? host.name : settings.verify_name;
  options.ca_file = settings.ca_file;
  options.system_authorities = settings.ca_file.empty();
  options.certificate_file = settings.certificate;
  options.key_file = settings.key.empty() ? settings.certificate : settings.key;
  return options;
}

// One host, from connecting to its reply to the message.
class Attempt {
 public:
  Attempt(const Settings& settings, const Host& host, const Submission& submission,
          const Trace& trace)
      : settings_(settings), host_(host), submission_(submission), trace_(trace) {}
  ~Attempt() {
    if (client_ != nullptr) client_->Leave();
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  Outcome Run() {
    Outcome outcome = Talk();
    if (outcome.kind != Outcome::kSent) outcome.text = Name() + ": " + outcome.text;
    return outcome;
  }
  // Whether another host may be asked: this one does not have the message (rule U1).
  bool may_go_on() const { return !unclear_; }

 private:
  // kSent stands for "go on".
  static Outcome GoOn() { return {Outcome::kSent, ""}; }
  static Outcome Later(std::string text) { return {Outcome::kLater, std::move(text)}; }

  std::string Name() const { return host_.name + ':' + std::to_string(host_.port); }
  void Tell(std::string_view direction, std::string_view text) const {
    if (trace_) trace_(std::string(direction) + ' ' + std::string(text));
  }

  Outcome Talk() {
    Outcome (Attempt::*const kSteps[])() = {&Attempt::Connect,     &Attempt::Greet,
                                            &Attempt::Identify,    &Attempt::Prepare,
                                            &Attempt::SayEnvelope, &Attempt::SendMessage};
    for (const auto step : kSteps) {
      Outcome outcome = (this->*step)();
      if (outcome.kind != Outcome::kSent) return outcome;
    }
    return GoOn();
  }

  Outcome Connect();
  Outcome ConnectTo(const relay::Address& address);
  Outcome Greet();
  Outcome Hello();
  Outcome Identify();
  Outcome Prepare();
  Outcome SayEnvelope();
  Outcome SendMessage();

  // A command and its answer; GoOn() where that is of class 2, or 3 where `wanted` is.
  Outcome Ask(const std::string& line, int wanted = 2);
  Outcome Judge(const relay::SmtpClient::Answer& answer, std::string_view after, int wanted);

  const Settings& settings_;
  const Host& host_;
  Submission submission_;  // of its own: what a host cannot take is encoded for it
  const Trace& trace_;
  std::unique_ptr<relay::SmtpClient> client_;
  bool tls_ = false;
  bool unclear_ = false;  // whether the host has the message
};

Outcome Attempt::Judge(const relay::SmtpClient::Answer& answer, std::string_view after,
                       int wanted) {
  if (!answer.ok()) return Later("after " + std::string(after) + ": " + answer.error());
  const UpstreamReply& reply = answer.value();
  Tell("<-", reply.ForLog());
  if (reply.digit() == wanted) return GoOn();
  const std::string text = std::string(after) + " was answered " + reply.ForLog();
  return {reply.digit() == 5 ? Outcome::kRefused : Outcome::kLater, text};
}

Outcome Attempt::Ask(const std::string& line, int wanted) {
  Tell("->", line);
  return Judge(client_->Command(line), line, wanted);
}

Outcome Attempt::Connect() {
  auto addresses = relay::Resolve(relay::Host{host_.name, host_.port});
  if (!addresses) return Later("cannot find its address: " + addresses.error());
  Outcome outcome = Later("no address");
  for (const relay::Address& address : addresses.value()) {
    outcome = ConnectTo(address);
    if (outcome.kind != Outcome::kLater) break;
  }
  return outcome;
}

Outcome Attempt::ConnectTo(const relay::Address& address) {
  if (settings_.tls == Tls::kNone && !address.IsLocal())
    return {Outcome::kSetup,
            "\"tls = none\" is for this machine only, and " + address.ip + " is another"};
  const Deadline deadline = Deadline::After(settings_.timeout);
  auto socket = engine::Socket::Connect(address.get(), address.size, deadline);
  if (!socket) return Later("[" + address.ip + "] " + engine::Describe(socket.error()));
  const int on = 1;
  setsockopt(socket.value().fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::unique_ptr<tls::Stream> stream;
  if (WantsTlsAtOnce(settings_, host_)) {
    auto started =
        tls::ConnectTls(std::move(socket).value(), TlsOptions(settings_, host_), deadline);
    if (!started) return Later("TLS: " + started.error());
    stream = std::move(started).value();
    tls_ = true;
  } else {
    stream = tls::MakeClearStream(std::move(socket).value());
  }
  Tell("--", "connected to " + Name() + " [" + address.ip + "]" + (tls_ ? ", TLS" : ""));
  const relay::ClientTimes times{
      settings_.timeout, settings_.timeout,
      std::max<std::chrono::milliseconds>(settings_.timeout, limits::kUpstreamFinalReply)};
  client_ = std::make_unique<relay::SmtpClient>(std::move(stream), times);
  return GoOn();
}

Outcome Attempt::Hello() {
  Tell("->", "EHLO " + settings_.helo);
  return Judge(client_->Hello(settings_.helo), "EHLO", 2);
}

Outcome Attempt::Greet() {
  Outcome outcome = Judge(client_->ReadGreeting(), "connecting", 2);
  if (outcome.kind == Outcome::kSent) outcome = Hello();
  const bool in_clear = tls_ || settings_.tls == Tls::kNone;
  if (outcome.kind != Outcome::kSent || in_clear) return outcome;
  if (!client_->offered().starttls) return {Outcome::kRefused, "STARTTLS is not offered"};
  Tell("->", "STARTTLS");
  auto started = client_->StartTls(TlsOptions(settings_, host_));
  if (!started) return Later("TLS: " + started.error());
  tls_ = true;
  Tell("--", "TLS");
  return Hello();
}

// Where the certificate was enough, AUTH is not offered any more. An empty authorization
// identity: the one that the certificate stands for.
Outcome Attempt::Identify() {
  const bool external =
      tls_ && !settings_.certificate.empty() && client_->offered().Mechanism("EXTERNAL");
  return external ? Ask("AUTH EXTERNAL =") : GoOn();
}

// Makes the message one that this host takes.
Outcome Attempt::Prepare() {
  Message& message = submission_.message;
  const relay::Offered& offered = client_->offered();
  const auto& to = submission_.recipients;
  const bool international =
      message.international || HasAbove127(submission_.sender) ||
      std::any_of(to.begin(), to.end(), [](const std::string& r) { return HasAbove127(r); });
  if (international && !offered.smtputf8)
    return {Outcome::kRefused, "addresses beyond ASCII are not taken there (no SMTPUTF8)"};
  message.international = international;
  if (!message.encode && (!message.eight_bit || offered.eight_bit_mime)) return GoOn();
  auto encoded = EncodeBody(&message);
  if (!encoded) return {Outcome::kRefused, encoded.error()};
  return GoOn();
}

Outcome Attempt::SayEnvelope() {
  const Message& message = submission_.message;
  std::string mail = "MAIL FROM:<" + submission_.sender + '>';
  if (message.eight_bit || message.international) mail += " BODY=8BITMIME";
  if (message.international) mail += " SMTPUTF8";
  if (client_->offered().size) {
    std::size_t size = 2;
    for (const auto* lines : {&message.header, &message.body})
      for (const std::string& line : *lines) size += line.size() + 2;
    mail += " SIZE=" + std::to_string(size);
  }
  Outcome outcome = Ask(mail);
  for (const std::string& recipient : submission_.recipients) {
    if (outcome.kind != Outcome::kSent) return outcome;
    outcome = Ask("RCPT TO:<" + recipient + '>');
  }
  return outcome;
}

Outcome Attempt::SendMessage() {
  Tell("->", "DATA");
  Outcome outcome = Judge(client_->StartData(), "DATA", 3);
  if (outcome.kind != Outcome::kSent) return outcome;
  const Message& message = submission_.message;
  bool good = true;
  for (const std::string& line : message.header) good = good && client_->WriteLine(line);
  good = good && client_->WriteLine("");
  for (const std::string& line : message.body) good = good && client_->WriteLine(line);
  if (!good) return Later("during the message: " + client_->problem());
  Tell("->", ".");
  const relay::SmtpClient::Answer answer = client_->FinishData();
  unclear_ = !answer.ok();
  if (unclear_) return Later("nobody can say whether it has the message: " + answer.error());
  return Judge(answer, "the message", 2);
}

// Until one takes the message or refuses it for good.
Outcome TryHosts(const Settings& settings, const Submission& submission, const Trace& trace,
                 bool* may_go_on) {
  Outcome outcome;
  std::string all;
  for (const Host& host : settings.hosts) {
    Attempt attempt(settings, host, submission, trace);
    outcome = attempt.Run();
    if (outcome.kind != Outcome::kSent) {
      if (trace) trace("-- " + outcome.text);
      all += (all.empty() ? "" : "; ") + outcome.text;
    }
    *may_go_on = attempt.may_go_on();
    if (outcome.kind != Outcome::kLater || !*may_go_on) break;
  }
  if (outcome.kind != Outcome::kSent) outcome.text = std::move(all);
  return outcome;
}

}  // namespace

Outcome Submit(const Settings& settings, Submission submission, const Trace& trace) {
  // What no host's help could make good.
  if (settings.tls != Tls::kNone)
    if (std::string wrong = tls::ComplaintAbout(TlsOptions(settings, Host())); !wrong.empty())
      return {Outcome::kSetup, std::move(wrong)};
  const Deadline give_up = Deadline::After(settings.retry_for);
  std::chrono::milliseconds wait = limits::kSubmitRetryFirst;
  while (true) {
    bool may_go_on = true;
    Outcome outcome = TryHosts(settings, submission, trace, &may_go_on);
    const bool again = outcome.kind == Outcome::kLater && may_go_on && !give_up.Passed();
    if (!again) return outcome;
    if (!engine::SleepUntil(Deadline::After(wait).Sooner(give_up)).ok()) return outcome;
    wait = std::min<std::chrono::milliseconds>(wait * 2, limits::kSubmitRetryMost);
  }
}

}  // namespace signet::submit
