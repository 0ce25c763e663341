#ifndef SIGNET_TEST_SUPPORT_TLS_CLIENT_H_
#define SIGNET_TEST_SUPPORT_TLS_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/support/certificates.h"

namespace signet::testing {

// What a TLS client of a test does. It blocks, on a thread of its own.
struct TlsClientOptions {
  std::string priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
  std::string chain_pem, key_pem;  // empty: no certificate
  bool key_need_not_fit = false;   // a stolen certificate
  std::string server_name;
  std::vector<std::string> protocols;  // ALPN
  std::string session;                 // of an earlier connection, to resume
  std::string early_data;              // sent before the handshake
};

// TlsClient is a client over one descriptor, by GnuTLS.
class TlsClient {
 public:
  TlsClient(int fd, const TlsClientOptions& options);  // takes ownership of fd
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  int Handshake();  // 0, or GnuTLS' code
  bool Send(std::string_view octets);
  // Up to 64 KiB; "" at the end of the session, `code()` saying how it ended.
  std::string Receive();
  void SayGoodbye();  // close_notify; the descriptor stays open
  void Cut();         // closes the descriptor without a word
  int Renegotiate();  // TLS 1.2: asks for a new handshake
  int fd() const;
  int code() const;               // GnuTLS' code of the last failure
  std::string AlertName() const;  // the last alert that came
  bool resumed() const;
  // "tls-exporter" of RFC 9266 as GnuTLS computes it for clients; "" where it can't.
  std::string ChannelBinding() const;
  bool early_data_taken() const;  // by the server
  // For resuming later; in TLS 1.3 after something has been received.
  std::string SessionData() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::testing
#endif
