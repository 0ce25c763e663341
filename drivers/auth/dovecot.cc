// The `dovecot` authenticator: a SASL mechanism that a Dovecot server runs for us. What the
// client says goes to its authentication socket, and its challenges to the client.
//
// Each exchange has a connection of its own, which ends with it.
#include <signet/driver_cpp.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "drivers/auth/dovecot_protocol.h"

namespace {

using signet::driver::Text;
using signet::driver::View;
using namespace signet::dovecot;

constexpr std::uint32_t kServerSocket = 0;  // row of kOptions

// Dovecot knows its clients by process id and refuses a second one with the same. We are one
// process with many sessions: each gets a number above those that processes have.
std::uint32_t Random() {
  std::uint32_t number = 0;
  if (::getentropy(&number, sizeof number) != 0) number = static_cast<std::uint32_t>(::getpid());
  return number;
}
std::uint32_t NextClient() {
  constexpr std::uint32_t kFirst = 1u << 22, kRange = (1u << 31) - kFirst;
  static std::atomic<std::uint32_t> last{Random()};
  return kFirst + last.fetch_add(1, std::memory_order_relaxed) % kRange;
}

struct Wiped {
  std::string text;
  explicit Wiped(std::string t) : text(std::move(t)) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { explicit_bzero(text.data(), text.size()); }
};

// One connection, and what has arrived on it and was not read. Functions return what went
// wrong, or "".
class Connection {
 public:
  explicit Connection(const signet_host* host) : host_(host) {}

  std::string Open(signet_worker* worker, std::string_view where);
  std::string Greet(std::string_view mechanism);
  // Sends a request or a part of one, and reads the one answer to it.
  std::string Ask(const Wiped& line, Reply* reply);

 private:
  std::string Line(std::int64_t deadline_ms, std::string* line);
  std::string Write(std::string_view octets, std::int64_t deadline_ms);

  const signet_host* host_;
  signet::driver::Stream stream_;
  std::string buffer_;
  std::int64_t deadline_ms_ = 0;  // of the greeting
};

// An absolute path, or HOST PORT.
bool ReadWhere(std::string_view where, signet_endpoint* endpoint) {
  endpoint->size = sizeof *endpoint;
  if (where.starts_with('/')) {
    endpoint->unix_path = Text(where);
    return true;
  }
  const std::size_t blank = std::min(where.find(' '), where.size());
  std::string_view port = where.substr(blank);
  while (port.starts_with(' ')) port.remove_prefix(1);
  endpoint->host = Text(where.substr(0, blank));
  const char* end = port.data() + port.size();
  const auto number = std::from_chars(port.data(), end, endpoint->port);
  return blank != 0 && number.ec == std::errc() && number.ptr == end && endpoint->port != 0 &&
         endpoint->port < 65536;
}

std::string NoPlace(std::string_view where) {
  return "server_socket wants an absolute path, or a host and a port; found \"" +
         std::string(where) + "\"";
}

std::string Connection::Open(signet_worker* worker, std::string_view where) {
  signet_endpoint endpoint{};
  if (!ReadWhere(where, &endpoint)) return NoPlace(where);
  deadline_ms_ = host_->now_ms() + kConnectMs;
  signet_stream* stream = nullptr;
  const signet_io connected = host_->connect(worker, &endpoint, deadline_ms_, &stream);
  stream_ = signet::driver::Stream(stream, {host_});
  if (connected == SIGNET_IO_OK) return "";
  const char* kind = where.starts_with('/') ? "UNIX socket" : "server";
  return std::string("unable to connect to ") + kind + " (" + std::string(where) +
         "): " + std::string(View(host_->stream_why(stream)));
}

std::string Connection::Line(std::int64_t deadline_ms, std::string* line) {
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    if (buffer_.size() > kLineMaxBytes) return kLineTooLong;
    char block[2000];
    const std::int64_t got = host_->read(stream_.get(), block, sizeof block, deadline_ms);
    if (got == SIGNET_IO_TIMEOUT) return std::string(kReadError) + ": timed out";
    if (got <= 0) return kReadError;
    buffer_.append(block, static_cast<std::size_t>(got));
  }
  if (end > kLineMaxBytes) return kLineTooLong;
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return "";
}

std::string Connection::Write(std::string_view octets, std::int64_t deadline_ms) {
  return host_->write(stream_.get(), Text(octets), deadline_ms) == SIGNET_IO_OK ? "" : kWriteError;
}

std::string Connection::Greet(std::string_view mechanism) {
  Greeting greeting(mechanism);
  bool answered = false;
  while (!greeting.done()) {
    std::string line;
    if (std::string why = Line(deadline_ms_, &line); !why.empty()) return why;
    if (std::string why = greeting.Take(line); !why.empty()) return why;
    if (answered || !greeting.has_version()) continue;
    answered = true;
    if (std::string why = Write(Hello(NextClient()), deadline_ms_); !why.empty()) return why;
  }
  if (greeting.offers_mechanism()) return "";
  return "Dovecot did not advertise mechanism \"" + std::string(mechanism) + "\" to us";
}

// Octets that nobody asked for mean that the two sides are out of step.
std::string Connection::Ask(const Wiped& line, Reply* reply) {
  if (!buffer_.empty() || host_->read_pending(stream_.get()) != 0) return kProtocolError;
  const std::int64_t deadline_ms = host_->now_ms() + kAnswerMs;
  if (std::string why = Write(line.text, deadline_ms); !why.empty()) return why;
  Wiped answer("");
  if (std::string why = Line(deadline_ms, &answer.text); !why.empty()) return why;
  if (std::string why = ReadReply(answer.text, reply); !why.empty()) return why;
  return buffer_.empty() ? "" : kProtocolError;
}

// --- the driver --------------------------------------------------------------------------

std::string_view Variable(const signet_host* host, signet_call* call, std::string_view name) {
  const signet_value* value = nullptr;
  if (host->variable(call, Text(name), &value) != SIGNET_EXPANDED) return {};
  return View(host->value_text(value));
}

Facts FactsOf(const signet_host* host, signet_call* call) {
  Facts facts;
  facts.client_ip = Variable(host, call, "sender_host_address");
  facts.local_ip = Variable(host, call, "received_ip_address");
  const bool tls = !Variable(host, call, "tls_in_cipher").empty();
  facts.secured = tls || (!facts.client_ip.empty() && facts.client_ip == facts.local_ip);
  facts.verified_cert = tls && Variable(host, call, "tls_in_certificate_verified") == "1";
  return facts;
}

signet_verdict Defer(const signet_host* host, signet_call* call, std::string_view why) {
  host->reason(call, Text(why));
  return SIGNET_DEFER;
}

// $auth1 is the account as Dovecot names it, and the identity where the administrator did
// not say another.
void SetUser(const signet_host* host, signet_call* call, std::string_view user) {
  host->set_auth_text(call, 1, Text(user));
  const signet_value* value = nullptr;
  if (host->variable(call, Text("auth1"), &value) == SIGNET_EXPANDED)
    host->identity(call, value, 0);
}

signet_verdict Conclude(const signet_host* host, signet_call* call, const Reply& reply) {
  switch (reply.kind) {
    case Reply::kContinue:
      host->challenge(call, Text(reply.challenge));
      return SIGNET_CONTINUE;
    case Reply::kAccepted:
      SetUser(host, call, reply.user);
      return host->check_condition(call);
    case Reply::kRefused:
      break;
  }
  if (!reply.user.empty()) host->set_auth_text(call, 1, Text(reply.user));
  if (reply.temporary)
    return Defer(host, call,
                 "Dovecot cannot tell now" + (reply.reason.empty() ? "" : ": " + reply.reason));
  if (!reply.reason.empty()) host->reason(call, Text("Dovecot: " + reply.reason));
  return SIGNET_REJECT;
}

// Something, and all of it: to Dovecot a name or password ends at its first NUL.
bool IsWhole(std::string_view text) {
  return !text.empty() && text.find('\0') == std::string_view::npos;
}

// An empty password is one that nobody gave, whatever Dovecot's accounts are like (L6).
bool LacksPassword(std::string_view mechanism, signet_text response) {
  if (response.data == nullptr) return false;
  const std::string_view text = View(response);
  if (mechanism == "LOGIN") return !IsWhole(text);
  if (mechanism != "PLAIN") return false;
  const std::size_t name = text.find('\0') + 1;  // 0 where there is none
  const std::size_t password = name == 0 ? 0 : text.find('\0', name) + 1;
  return password == 0 || !IsWhole(text.substr(name, password - 1 - name)) ||
         !IsWhole(text.substr(password));
}

signet_verdict Begin(const signet_host* host, signet_call* call, Connection* connection,
                     signet_text response) {
  signet_worker* worker = host->call_worker(call);
  if (worker == nullptr) return Defer(host, call, "there is nothing here to wait on");
  signet_text where{};
  if (host->option_text(call, kServerSocket, &where) == 0)
    return Defer(host, call, "server_socket is not set");
  const std::string mechanism(View(host->public_name(call)));
  std::string why = connection->Open(worker, View(where));
  if (why.empty()) why = connection->Greet(mechanism);
  if (!why.empty()) return Defer(host, call, why);
  const std::string_view initial = View(response);
  const Wiped line(
      Request(mechanism, FactsOf(host, call), response.data == nullptr ? nullptr : &initial));
  Reply reply;
  why = connection->Ask(line, &reply);
  return why.empty() ? Conclude(host, call, reply) : Defer(host, call, why);
}

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  if (LacksPassword(View(host->public_name(call)), response)) {
    host->reason(call, Text("no name and password, or one that is empty or has a NUL in it"));
    return SIGNET_REJECT;
  }
  if (*state == nullptr) {
    auto* connection = new Connection(host);
    *state = connection;
    return Begin(host, call, connection, response);
  }
  Reply reply;
  const Wiped line(Continuation(View(response)));
  const std::string why = static_cast<Connection*>(*state)->Ask(line, &reply);
  return why.empty() ? Conclude(host, call, reply) : Defer(host, call, why);
}

void End(const signet_host*, void* state) noexcept { delete static_cast<Connection*>(state); }

// What could never be connected to is not offered. Said once, not to every client.
int Offered(const signet_host* host, signet_call* call) noexcept {
  signet_text where{};
  signet_endpoint endpoint{};
  if (host->option_text(call, kServerSocket, &where) == 0) return 1;
  if (ReadWhere(View(where), &endpoint)) return 1;
  static std::atomic<bool> said = false;
  if (!said.exchange(true)) host->log(call, Text("not offered: " + NoPlace(View(where))));
  return 0;
}

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_socket"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("Dovecot's socket for authentication clients: an absolute path, or HOST PORT")},
};

// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver = signet::driver::Mechanism(
      "dovecot", "lets a Dovecot server check the credentials", kOptions, Step, End);
  driver.needs = SIGNET_TEXT("server_socket");
  driver.offered = Offered;
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = signet::driver::AuthModule("dovecot", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(dovecot) { return &kModule; }
