#ifndef SIGNET_TEST_SUPPORT_SMTP_CLIENT_H_
#define SIGNET_TEST_SUPPORT_SMTP_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/process.h"

namespace signet::test {

// A client that says what it is told, for what the usual ones cannot do. Blocking, with a
// deadline of half a minute on each reply.
class SmtpClient {
 public:
  // Connects and reads the greeting, unless the port wants TLS first. `from`: another address of
  // 127.0.0.0/8 than the usual one.
  explicit SmtpClient(int port, bool tls_on_connect = false, const std::string& from = "");
  ~SmtpClient();
  SmtpClient(SmtpClient&&) noexcept;

  // The last reply, lines joined by "\n", without the last line end and without its reference,
  // which is another one each time; "" where the server has gone.
  const std::string& reply() const;
  // The reference of the last reply; "" where it has none.
  const std::string& reference() const;
  int code() const;
  // Sends `line` and CRLF; returns the reply.
  const std::string& Say(std::string_view line);
  void Send(std::string_view octets);  // as they are
  const std::string& ReadReply();
  bool closed();  // the server ended the connection: waits for it

  // The handshake, with a client certificate unless `certificate` is empty. False: failed.
  bool StartTls(const std::string& certificate = "", const std::string& key = "",
                const std::string& priority = "NORMAL");

  // The handshake with these octets as the chain, whatever they are, and a key that need not
  // be the certificate's.
  bool StartTlsWithDer(const std::vector<std::string>& chain, const std::string& key_pem);

  // What this TLS session has on both sides (tls-exporter, RFC 9266); "" where there is none.
  std::string ChannelBinding() const;

  // EHLO, STARTTLS, handshake and EHLO again; returns the second EHLO's reply.
  const std::string& Begin(const std::string& certificate = "", const std::string& key = "");
  // MAIL, RCPT, DATA and a message; the reply to the first command that is refused, or to
  // the message. `content` is sent as it is, then CRLF.CRLF.
  std::string Submit(const std::string& from, const std::string& to, std::string_view content);

 private:
  bool Handshake(const std::string& priority);

  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::test
#endif
