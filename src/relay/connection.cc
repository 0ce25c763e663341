#include "src/relay/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstdlib>
#include <utility>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/relay/authenticate.h"
#include "src/relay/replies.h"

namespace signet::relay {

Connection::Connection(Terms terms, const Address& address, report::TlsReports* reports)
    : terms_(std::move(terms)), local_(address.IsLocal()), reports_(reports) {
  upstream_ = {terms_.host.name, terms_.ip, terms_.host.port, {}};
  host_field_ = "H=" + terms_.host.name;
  if (!terms_.ip.empty()) host_field_ += " [" + terms_.ip + "]:" + std::to_string(terms_.host.port);
}

Result<std::unique_ptr<Connection>, Reply> Connection::Open(Terms terms, const Address& address,
                                                            const config::Transport& transport,
                                                            report::TlsReports* reports) {
  std::unique_ptr<Connection> connection(new Connection(std::move(terms), address, reports));
  connection->messages_max_ = transport.connection_max_messages;
  connection->idle_time_ = transport.connection_idle_timeout;
  Step step = connection->Dial(address, transport);
  if (step.ok()) step = connection->ImplicitTls();
  if (step.ok()) step = connection->Greet();
  if (step.ok()) step = connection->Hello();
  if (step.ok()) step = connection->Starttls();
  if (step.ok()) step = connection->Introduce();
  if (step.ok()) step = connection->LogIn();
  if (step.ok()) return connection;
  if (connection->client_ != nullptr) connection->client_->Leave();
  return Err{step.error()};
}

Connection::Step Connection::Dial(const Address& address, const config::Transport& transport) {
  const Deadline deadline = Deadline::After(transport.connect_timeout);
  auto socket = engine::Socket::Connect(address.get(), address.size, deadline);
  if (!socket.ok()) return Err{Unavailable(host_field_ + ": " + engine::Describe(socket.error()))};
  const int on = 1;
  setsockopt(socket.value().fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  NoteOurEnd(socket.value().fd());
  client_ =
      std::make_unique<SmtpClient>(tls::MakeClearStream(std::move(socket).value()), terms_.times);
  return true;
}

Connection::Step Connection::ImplicitTls() {
  if (terms_.tls_use != TlsUse::kImplicit) return true;
  auto facts = client_->BeginTls(terms_.tls);
  if (!facts.ok()) {
    NoteTls(report::ResultOf(facts.error()), facts.error());
    return Unfit("connecting", facts.error());
  }
  NoteTls(report::TlsResult::kSuccess, "");
  upstream_.tls = std::move(facts).value();
  return true;
}

// Where TLS is asked for there is nothing in clear in its place, whatever goes wrong with it
// (rule T14).
Connection::Step Connection::Starttls() {
  if (terms_.tls_use != TlsUse::kRequired && terms_.tls_use != TlsUse::kWhereOffered) return true;
  if (!client_->offered().starttls) {
    NoteTls(report::TlsResult::kStarttlsNotSupported, "");
    if (terms_.tls_use == TlsUse::kWhereOffered) return true;
    return Unfit("EHLO", "STARTTLS is not offered, and TLS is required (hosts_require_tls)");
  }
  auto facts = client_->StartTls(terms_.tls);
  if (!facts.ok()) {
    NoteTls(report::ResultOf(facts.error()), facts.error());
    return Unfit("STARTTLS", facts.error());
  }
  NoteTls(report::TlsResult::kSuccess, "");
  upstream_.tls = std::move(facts).value();
  return Hello();
}

void Connection::NoteOurEnd(int fd) {
  sockaddr_storage end{};
  socklen_t size = sizeof end;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&end), &size) != 0) return;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  const bool numeric = end.ss_family != AF_UNIX &&
                       getnameinfo(reinterpret_cast<sockaddr*>(&end), size, host, sizeof host, port,
                                   sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0;
  if (!numeric) return;
  local_ip_ = host;
  local_port_ = std::atoi(port);
}

void Connection::NoteTls(report::TlsResult result, std::string_view problem) {
  if (reports_ == nullptr) return;
  report::TlsSession session;
  session.mx_host = upstream_.name;
  session.result = result;
  session.sending_ip = local_ip_;
  session.receiving_ip = upstream_.ip;
  session.reason = problem;
  reports_->Add(session, std::chrono::system_clock::now());
}

Connection::Step Connection::Greet() {
  const auto greeting = client_->ReadGreeting();
  if (!greeting.ok()) return Unfit("connecting", greeting.error());
  if (greeting.value().code != 220) return Unfit("connecting", greeting.value().ForLog());
  return true;
}

Connection::Step Connection::Hello() {
  const bool lmtp = terms_.protocol == Protocol::kLmtp;
  const std::string_view verb = lmtp ? "LHLO" : "EHLO";
  const auto hello = lmtp ? client_->LmtpHello(terms_.helo) : client_->Hello(terms_.helo);
  if (!hello.ok()) return Unfit(verb, hello.error());
  if (hello.value().code != 250) return Unfit(verb, hello.value().ForLog());
  return true;
}

// XCLIENT, and EHLO again: it makes a new session of it. Never left out where it is
// configured, because mail without its identity is not what was asked for.
Connection::Step Connection::Introduce() {
  if (terms_.xclient.empty()) return true;
  if (!may_identify())
    return Unfit("EHLO", "XCLIENT is only said over loopback or verified TLS (rule U8)");
  const auto line = XclientCommand(terms_.xclient, client_->offered());
  if (!line.ok()) return Unfit("EHLO", line.error());
  const auto answer = client_->Command(line.value());
  if (!answer.ok()) return Unfit(line.value(), answer.error());
  if (answer.value().digit() != 2) return Unfit(line.value(), answer.value().ForLog());
  client_->ForgetOffered();
  return Hello();
}

// A mistake in our own credentials is no fault of the client's.
Connection::Step Connection::LogIn() {
  if (terms_.credentials.mechanisms.empty()) return true;
  if (!may_identify())
    return Unfit("EHLO", "AUTH is only said over loopback or verified TLS (rule U8)");
  const auto mechanism = Authenticate(terms_.credentials, client_.get());
  if (!mechanism.ok()) return Unfit("EHLO", mechanism.error());
  authenticator_ = Lower(mechanism.value());
  if (!terms_.credentials.user.empty()) authenticator_ += ':' + terms_.credentials.user;
  return true;
}

bool Connection::MayServeAgain() {
  if (idle_time_.count() <= 0 || !client_->IsReady() || end_.Passed()) return false;
  if (messages_max_ > 0 && messages_ >= messages_max_) return false;
  const std::uint64_t most = client_->offered().mail_max;
  return most == 0 || static_cast<std::uint64_t>(messages_) < most;
}

Err<Reply> Connection::Unfit(std::string_view after, std::string_view what) const {
  return Err{Unavailable(LogText(after, what))};
}

std::string Connection::LogText(std::string_view after, std::string_view what) const {
  return host_field_ + ": SMTP error from upstream after " + Printable(after) + ": " +
         Printable(what);
}

}  // namespace signet::relay
