#ifndef SIGNET_SRC_RELAY_CONNECTION_H_
#define SIGNET_SRC_RELAY_CONNECTION_H_

#include <memory>
#include <string>

#include "src/facts/session.h"
#include "src/relay/address.h"
#include "src/relay/client.h"
#include "src/relay/terms.h"
#include "src/report/tlsrpt.h"

namespace signet::relay {

// A connection is not used for longer, however busy it is: what was verified when it began
// may have changed.
inline constexpr std::chrono::minutes kConnectionAge{5};

// Connection is an upstream that has greeted us, knows who we are and, where it is to, who
// sends, and waits for MAIL.
class Connection {
 public:
  // May wait. Errors: never 5xx; an upstream that will not talk to us is our trouble, not
  // the client's.
  // Where TLS was tried, how that ended goes to `reports`, unless there are none.
  static Result<std::unique_ptr<Connection>, Reply> Open(Terms terms, const Address& address,
                                                         const config::Transport& transport,
                                                         report::TlsReports* reports = nullptr);

  SmtpClient& client() { return *client_; }
  const Terms& terms() const { return terms_; }
  const facts::Upstream& upstream() const { return upstream_; }
  // "plain:gateway", where we have authenticated.
  const std::string& authenticator() const { return authenticator_; }
  // Over loopback or verified TLS: who sends may be said here (rule U8).
  bool may_identify() const { return local_ || upstream_.tls.verified; }

  // A message has been handed over, or was to be.
  void CountMessage() { ++messages_; }
  // Whether another may follow: it is in step, within connection_max_messages and what the
  // upstream allows (RFC 9422), and not too old.
  bool MayServeAgain();
  Deadline idle_until() const { return Deadline::After(idle_time_).Sooner(end_); }
  // Our end; "" of a Unix socket.
  const std::string& local_ip() const { return local_ip_; }
  int local_port() const { return local_port_; }

  // What went wrong with it and behind which command of ours, for the log.
  std::string LogText(std::string_view after, std::string_view what) const;

 private:
  Connection(Terms terms, const Address& address, report::TlsReports* reports);
  using Step = Result<bool, Reply>;
  Step Dial(const Address& address, const config::Transport& transport);
  Step ImplicitTls();
  Step Greet();
  Step Hello();
  Step Starttls();
  Step Introduce();
  Step LogIn();
  void NoteOurEnd(int fd);
  void NoteTls(report::TlsResult result, std::string_view problem);
  Err<Reply> Unfit(std::string_view after, std::string_view what) const;

  Terms terms_;
  bool local_;
  facts::Upstream upstream_;
  std::string host_field_;
  std::string authenticator_;
  std::string local_ip_;
  int local_port_ = 0;
  report::TlsReports* reports_;
  std::unique_ptr<SmtpClient> client_;
  std::int64_t messages_ = 0, messages_max_ = 1;
  std::chrono::milliseconds idle_time_{0};
  Deadline end_ = Deadline::After(kConnectionAge);
};

}  // namespace signet::relay
#endif
