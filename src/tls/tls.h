#ifndef SIGNET_SRC_TLS_TLS_H_
#define SIGNET_SRC_TLS_TLS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/crypto/pins.h"
#include "src/crypto/trust.h"
#include "src/engine/engine.h"
#include "src/facts/session.h"

namespace signet::tls {

// Stream is what SMTP and LDAP talk over: a socket, in clear or under TLS.
class Stream {
 public:
  virtual ~Stream() = default;
  // As engine::Socket. kClosed: the peer ended the TLS layer or the connection, which
  // are the same thing to us (rule T3).
  virtual engine::IoResult Read(void* data, std::size_t size, Deadline deadline) = 0;
  virtual engine::IoResult Write(std::string_view data, Deadline deadline) = 0;
  // Whether input is waiting that a Read would return at once (library buffer or
  // socket): for synchronisation checks and for the STARTTLS rule T1.
  virtual bool InputPending() = 0;
  virtual engine::Socket* socket() = 0;
};
std::unique_ptr<Stream> MakeClearStream(engine::Socket socket);

enum class ClientCertificate : std::uint8_t { kIgnore, kRequest, kRequire };

// A server policy: credentials, priorities, trust. Immutable; a reload makes a new one
// and sessions keep theirs until they end.
class ServerPolicy {
 public:
  struct Sources {
    std::string certificate_file;  // PEM, chain included; several: colon list
    std::string key_file;          // "" = same file
    std::string verify_file;       // PEM of client CAs, file or directory; "" = nobody verifies
    std::string crl_file;          // PEM, file or directory
    crypto::OnStale on_stale = crypto::OnStale::kDefer;
    std::string ocsp_file;              // responses to staple, in the order of certificate_file
    std::string priority;               // "" = the built-in priority string
    std::string alpn = "smtp : esmtp";  // protocols that we are; a list
    // Whose names clients are sent: "" nobody's, "all" those of verify_file, or a PEM file.
    std::string ca_names;
    crypto::Purpose purpose = crypto::Purpose::kTlsClient;  // that chains are verified for
    bool resumption = false;
    // Secrets that several servers share, so that each opens the others' tickets; "" a secret
    // of this policy object, so that a reload ends all tickets.
    std::string ticket_keys;
    // For tools that serve nobody: our certificates are known, their keys are not looked at.
    bool without_keys = false;
  };
  // Errors: which file or string is wrong, and why (C2, C4: a key that group or others
  // may read is refused).
  static Result<std::shared_ptr<const ServerPolicy>, std::string> Make(const Sources& sources);
  // All that is wrong, where Make stops at the first.
  static std::vector<std::string> Complaints(const Sources& sources);
  ~ServerPolicy();
  const crypto::TrustStorePtr& trust() const;

 private:
  friend struct TlsInternals;
  struct Rep;
  explicit ServerPolicy(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};
using ServerPolicyPtr = std::shared_ptr<const ServerPolicy>;

struct Accepted {
  std::unique_ptr<Stream> stream;
  facts::Tls facts;  // complete: chain verified now, resumed or not
  // With kRequire, and only then, why this client must not be served, as in the log:
  // "(gnutls_handshake): Certificate is required.". The stream is there to tell it so in
  // words, which an alert could not (rule T12). Empty where it may be served.
  std::string refused;
};
struct HandshakeFailure {
  std::string detail;  // as in the log: "(gnutls_handshake): Decryption has failed."
};

struct AcceptOptions {
  AcceptOptions(ClientCertificate m) : mode(m) {}  // NOLINT: mostly there is nothing else
  ClientCertificate mode;
  bool require_alpn = false;
  // What a ticket under shared secrets is bound to beside the policy: the same words on every
  // server where it is to be of use.
  std::string listener;
  // What PeekServerName gave, where the policy was chosen by it.
  std::optional<std::string> server_name;
};

// The server name in a ClientHello that is about to come, which stays unread; "" where the
// client names none, or no host name (T9). Errors: for the log.
Result<std::string, std::string> PeekServerName(engine::Socket* socket, Deadline deadline);

// The end of a connection whose client waits for a handshake for which there is no policy:
// an alert, as far as it goes without waiting.
void RefuseBeforeTls(engine::Socket socket);

// Server side of a handshake on `socket`, within `deadline` in all (T8). Runs with
// Priority::kHandshake; the caller sets kEstablished again. Everything wanted later
// is copied into facts; GnuTLS is not asked again. Before this, the caller has made
// sure that no octets wait in clear (T1).
Result<Accepted, HandshakeFailure> Accept(engine::Socket socket, ServerPolicyPtr policy,
                                          const AcceptOptions& options, Deadline deadline);

// Client side, for directories (ldaps, StartTLS) and for upstreams.
struct ClientOptions {
  std::string
      verify_name;  // host name or IP that the peer's certificate must have; "" with verify=false
  std::string ca_file, ca_directory, certificate_file, key_file, priority;
  bool verify = true;
  bool system_authorities = false;  // those that the system trusts, beside ca_file
  std::string crl_file;             // PEM, file or directory
  std::string server_name;          // to ask for (SNI); "" = verify_name, if that is no address
  // Where set, the certificate must match a pin that holds now, and nothing else: no
  // authority, no name.
  std::shared_ptr<crypto::PinSource> pins;
  bool operator==(const ClientOptions&) const = default;
};
// A server's side of what was negotiated. `facts.verified`: by chain and name, or by pin,
// whether or not that was a condition.
struct Dialled {
  std::unique_ptr<Stream> stream;
  facts::Tls facts;
};
// Client side of a handshake, within `deadline` in all. Files are read once and again when
// they change. May wait for the disk.
//   Errors  for the log; also where the server is not the one that was meant (rule T14).
Result<Dialled, std::string> DialTls(engine::Socket socket, const ClientOptions& options,
                                     Deadline deadline);
// The same, where only the stream is of interest.
Result<std::unique_ptr<Stream>, std::string> ConnectTls(engine::Socket socket,
                                                        const ClientOptions& options,
                                                        Deadline deadline);
// What is wrong with the files and strings of `options`, or "".
std::string ComplaintAbout(const ClientOptions& options);

}  // namespace signet::tls
#endif
