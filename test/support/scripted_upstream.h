#ifndef SIGNET_TEST_SUPPORT_SCRIPTED_UPSTREAM_H_
#define SIGNET_TEST_SUPPORT_SCRIPTED_UPSTREAM_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace signet::testing {

// A mail server that says exactly what a test wants, octet by octet, and keeps every octet
// that it hears. One thread, one connection at a time, on a loopback port of its own.
class ScriptedUpstream {
 public:
  static inline const std::string kClose = "(close)";  // hangs up instead of replying
  static inline const std::string kHang = "(hang)";    // says nothing until we hang up

  static inline const std::string kNothing = "(nothing)";  // goes on without a reply

  struct Script {
    std::string greeting = "220 up ESMTP\r\n";
    std::string ehlo = "250-up\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n";
    // The reply to a command line; "" for what a good server says. The end of a message
    // is the line ".".
    std::function<std::string(const std::string& line)> reply;
    // Sent after the `n`th line of a message (from 1), unasked; "" sends nothing.
    std::function<std::string(int n)> during_data;
    // Sent, or done, a moment after the reply to RSET.
    std::string after_reset;
    // TLS behind a STARTTLS that was answered with 220, or at once. It asks for a client's
    // certificate and sends tickets.
    std::string certificate_pem, key_pem;
    bool tls_on_connect = false;
    // LMTP: the end of a message is asked for once for each RCPT that was answered with 2xx;
    // the line is "." and the recipient. On this Unix socket, where it is not empty.
    bool lmtp = false;
    std::string socket_path;
  };

  explicit ScriptedUpstream(Script script);
  ~ScriptedUpstream();
  int port() const { return port_; }
  std::string host() const { return "127.0.0.1::" + std::to_string(port_); }

  // What was heard so far: commands without CRLF; messages as sent, dots and all.
  std::vector<std::string> commands() const;
  std::vector<std::string> messages() const;
  int connections() const;
  bool Heard(const std::string& command) const;
  // The subjects of clients' certificates, "" where there was none; one for each handshake
  // that went well.
  std::vector<std::string> clients() const;

 private:
  void Serve();
  void Talk(int fd);
  bool Say(int fd, const std::string& text);
  bool ReadLine(int fd, std::string* line);
  bool ReadMessage(int fd);
  bool EndReplies(int fd);
  void ListenOnPort();
  void ListenOnSocket();
  void WaitForEnd(int fd);
  bool Handshake(int fd);
  ssize_t Receive(int fd, char* octets, std::size_t size);
  void EndTls();

  Script script_;
  int port_ = 0, listener_ = -1;
  int stop_[2] = {-1, -1};
  std::vector<std::string> taken_;  // RCPT lines of the transaction
  std::string input_;
  struct Tls;
  std::unique_ptr<Tls> tls_;
  mutable std::mutex mutex_;
  std::vector<std::string> commands_, messages_, clients_;
  int connections_ = 0;
  std::thread thread_;
};

// Runs `body` in a coroutine on a loop of its own, to its end.
void RunInCoroutine(const std::function<void()>& body);

}  // namespace signet::testing
#endif
