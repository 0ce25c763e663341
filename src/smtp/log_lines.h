#ifndef SIGNET_SRC_SMTP_LOG_LINES_H_
#define SIGNET_SRC_SMTP_LOG_LINES_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/log_event.h"
#include "src/base/log_selector.h"
#include "src/facts/session.h"
#include "src/relay/relay.h"

// The lines of Exim's main and reject logs, as far as a session writes them. Functions
// only: facts in, event out. Escaping is the Log's (rule G1); what must not be mistaken
// for another field is in double quotes or brackets here. The order of fields is Exim's,
// which log readers depend on.
namespace signet::smtp {

// "(helo) [192.0.2.1]", "name (helo) [192.0.2.1]:4711"
std::string HostName(const facts::Session& session, const LogSelector& selector);
// "H=" and the above, and " I=[…]:25", " Ci=7" where selected.
std::string HostField(const facts::Session& session, const LogSelector& selector);
// " X=… CV=yes DN="…" SNI=…", or "" without TLS.
std::string TlsFields(const facts::Session& session, const LogSelector& selector);

// --- any line of a session ----------------------------------------------------------------

// An event about the client: its line is `before`, "H=…" and `after`; its facts are the
// client and, as "text", the words around it. With<Tls> as the name says.
LogEvent HostEvent(std::string_view kind, std::string_view before, const facts::Session& session,
                   const LogSelector& selector, std::string_view after);
LogEvent HostTlsEvent(std::string_view kind, const facts::Session& session,
                      const LogSelector& selector, std::string_view after);
// The same with the client as "(helo) [ip]": "SMTP command timeout on connection from …".
LogEvent ClientEvent(std::string_view kind, std::string_view before, const facts::Session& session,
                     const LogSelector& selector, std::string_view after);

// --- connections ------------------------------------------------------------------------------

// "SMTP connection from [ip] (TCP/IP connection count = 3)"
LogEvent ConnectionLine(const facts::Session& session, const LogSelector& selector,
                        std::size_t connections);
// "SMTP connection from (helo) [ip] D=3s closed by QUIT"
LogEvent EndLine(const facts::Session& session, const LogSelector& selector, WallTime now,
                 std::string_view how);
// "no MAIL in SMTP connection from (helo) [ip] D=0s A=… X=… C=EHLO,QUIT"
LogEvent NoMailLine(const facts::Session& session, const LogSelector& selector, WallTime now,
                    std::span<const std::string_view> commands);
// "H=… incomplete transaction (RSET) from <s> for r1 r2"
LogEvent IncompleteLine(const facts::Session& session, const LogSelector& selector,
                        std::string_view why);
// "SMTP syntax error in "X" H=… text", "SMTP protocol error in …"
LogEvent MistakeLine(const facts::Session& session, const LogSelector& selector,
                     std::string_view what, std::string_view command, std::string_view text);
// "SMTP call from (helo) [ip] dropped: why"
LogEvent DroppedLine(const facts::Session& session, const LogSelector& selector,
                     std::string_view why);
// "TLS error on connection from (helo) [ip] (gnutls_handshake): …"
LogEvent TlsErrorLine(const facts::Session& session, const LogSelector& selector,
                      std::string_view detail);
// "tls authenticator failed for H=…: 535 Incorrect authentication data (set_id=x): why";
// all behind the colon is auth.reason (rule G4).
LogEvent AuthenticatorLine(const facts::Session& session, const LogSelector& selector,
                           const facts::Auth& auth, std::string_view instance);

// --- messages -----------------------------------------------------------------------------------

// "H=… X=… F=<s> A=… rejected RCPT <r>: why". `what` as in "RCPT <r>", "after DATA". Where
// the header has been read, it follows in the reject log.
enum class Refusal : std::uint8_t { kPermanent, kTemporary };
LogEvent RejectionLine(const facts::Session& session, const LogSelector& selector, Refusal refusal,
                       std::string_view what, std::string_view why);

struct Arrival {
  std::uint64_t size_bytes = 0;     // with our Received: header
  std::string_view message_id;      // of the header
  bool message_id_created = false;  // it was made here
  enum class Pipelining : std::uint8_t { kNotOffered, kUnused, kUsed };
  Pipelining pipelining = Pipelining::kNotOffered;
  WallTime began, ended;  // when the message came
};
// "ID <= sender H=… P=esmtpsa X=… CV=yes A=tls:alice S=340 id=… [for …]"
LogEvent ArrivalLine(const facts::Session& session, const LogSelector& selector,
                     const Arrival& arrival);

// One recipient's delivery. Exim's marks: "=>" for the first of a copy, "->" for the others;
// of a message that was not taken for all, ">>" for who has it, "**" and "==" for who has not.
LogEvent DeliveryLine(const facts::Session& session, const LogSelector& selector,
                      std::string_view mark, const relay::Delivered& delivered,
                      const Arrival& arrival, WallTime now);
// "ID => blackhole (DATA ACL discarded recipients): why"
LogEvent BlackholeLine(const facts::Session& session, std::string_view acl, std::string_view why);
// "ID Completed QT=3s"
LogEvent CompletedLine(const facts::Session& session, const LogSelector& selector,
                       const Arrival& arrival, WallTime now);

// --- parts
// -----------------------------------------------------------------------------------------

// "3s", or "3.141s" with the selector millisec.
std::string Duration(WallTime from, WallTime to, const LogSelector& selector);
// " D=3s"
std::string DurationField(const facts::Session& session, const LogSelector& selector, WallTime now);
// A message's header as the reject log shows it: who it was from and to, then its lines, each
// behind a letter for its kind.
std::vector<std::string> RejectedHeader(const facts::Envelope& envelope);

}  // namespace signet::smtp
#endif
