#ifndef SIGNET_TEST_SUPPORT_UPSTREAM_H_
#define SIGNET_TEST_SUPPORT_UPSTREAM_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// The mail server behind the gateway: records what it is given. Runs on threads of the
// test's own process and speaks just enough SMTP.
class Upstream {
 public:
  struct Message {
    std::string helo;                     // argument of EHLO or HELO
    std::string mail;                     // the whole MAIL line
    std::vector<std::string> recipients;  // whole RCPT lines that were accepted
    std::string content;                  // as sent, dots taken out, every octet kept
  };
  // Called with each command line, and with "." for the end of a message; what it
  // returns (with CRLF) is the reply, "" means the usual one, "close" ends the connection.
  using Script = std::function<std::string(const std::string& line)>;

  explicit Upstream(Script script = nullptr);
  ~Upstream();

  int port() const;
  std::vector<Message> messages() const;  // accepted ones, in order
  bool WaitForMessages(std::size_t count) const;
  int connections() const;  // so far
  std::vector<std::string> commands() const;
  // Stops listening and ends all connections; Listen() begins again on the same port.
  void Close();
  void Listen();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::test
#endif
