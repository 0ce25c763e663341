#ifndef SIGNET_SRC_SMTP_LOG_LINES_H_
#define SIGNET_SRC_SMTP_LOG_LINES_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/facts/session.h"

// The lines of Exim's main and reject logs, as far as a session writes them. Functions
// only: facts in, text out. Escaping is the Log's (rule G1); what must not be mistaken
// for another field is in double quotes or brackets here.
namespace signet::smtp {

// What log_selector switches. Selectors that exist in Exim and mean nothing here are
// accepted and do nothing.
enum class Selector : std::uint8_t {
  kConnectionReject,
  kIncomingInterface,
  kIncomingPort,
  kLostIncomingConnection,
  kReceivedRecipients,
  kReceivedSender,
  kSizeReject,
  kSmtpConnection,
  kSmtpIncompleteTransaction,
  kSmtpProtocolError,
  kSmtpSyntaxError,
  kTlsCertificateVerified,
  kTlsCipher,
  kTlsPeerdn,
  kTlsResumption,
  kTlsSni,
  kNone,  // known, without effect
};

class LogSelector {
 public:
  LogSelector();  // Exim's defaults
  // "+tls_peerdn -size_reject +all". What is not understood is appended to `unknown`.
  static LogSelector Parse(std::string_view text, std::vector<std::string>* unknown);
  bool Has(Selector selector) const { return bits_ >> static_cast<unsigned>(selector) & 1; }

 private:
  std::uint32_t bits_ = 0;
};

// "(helo) [192.0.2.1]", "name (helo) [192.0.2.1]:4711"
std::string HostName(const facts::Session& session, const LogSelector& selector);
// "H=" and the above, and " I=[…]:25" where selected.
std::string HostField(const facts::Session& session, const LogSelector& selector);
// " X=… CV=yes DN="…" SNI=…", or "" without TLS.
std::string TlsFields(const facts::Session& session, const LogSelector& selector);
// " A=tls:alice@example.org", or "".
std::string AuthField(const facts::Session& session);

// "H=… X=… F=<s> A=… rejected RCPT <r>: why". `what` as in "RCPT <r>", "after DATA".
enum class Refusal : std::uint8_t { kPermanent, kTemporary };
std::string RejectionLine(const facts::Session& session, const LogSelector& selector,
                          Refusal refusal, std::string_view what, std::string_view why);

struct Arrival {
  std::uint64_t size_bytes = 0;  // with our Received: header
  std::string_view message_id;   // of the client's header
};
// "ID <= sender H=… P=esmtpsa X=… CV=yes A=tls:alice S=340 id=… [for …]"
std::string ArrivalLine(const facts::Session& session, const LogSelector& selector,
                        const Arrival& arrival);
// "ID >> a@x R=… C="250 …"": handed on while the client waited.
std::string DeliveryLine(const facts::Session& session, std::string_view mark,
                         const facts::Recipient& recipient, std::string_view fields);

// "tls authenticator failed for H=…: 535 Incorrect authentication data (set_id=x): why";
// all behind the colon is auth.reason (rule G4).
std::string AuthenticatorLine(const facts::Session& session, const LogSelector& selector,
                              const facts::Auth& auth, std::string_view instance);

// "TLS error on connection from (helo) [ip] (gnutls_handshake): …"
std::string TlsErrorLine(const facts::Session& session, const LogSelector& selector,
                         std::string_view detail);

// "SMTP call from (helo) [ip] dropped: why"
std::string DroppedLine(const facts::Session& session, const LogSelector& selector,
                        std::string_view why);

// " D=3s"
std::string DurationField(const facts::Session& session, WallTime now);

}  // namespace signet::smtp
#endif
