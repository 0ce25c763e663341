#ifndef SIGNET_SRC_RELAY_RELAY_H_
#define SIGNET_SRC_RELAY_RELAY_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/config.h"
#include "src/config/match.h"
#include "src/facts/session.h"
#include "src/report/tlsrpt.h"

namespace signet::report {
class Metrics;
}

namespace signet::relay {

// Routers and transports of a configuration, checked and ready. Compile never returns
// nullptr; where it adds errors, the routes are not for use and only keep the texts that
// the diagnostics point into.
class Routes;
std::shared_ptr<const Routes> Compile(const config::Config& config, const expand::Names& names,
                                      Diagnostics* diagnostics);

// A reply of an upstream, or one that we make in its place. `text` is printable, one
// line, without code; `enhanced` like "5.1.1" or empty (rules U3, U5).
struct Reply {
  int code = 0;
  std::string enhanced;
  std::string text;
  // For the log where this is no success: what went wrong and with whom. Never for the client.
  std::string log_text;
  bool positive() const { return code >= 200 && code < 400; }
};

// One recipient's delivery, for the log.
struct Delivered {
  facts::Recipient recipient;
  std::string router, transport;  // the instances' names
  // Where it went over a connection, else empty: what is stored here has no upstream.
  facts::Upstream upstream;
  std::string local_ip = {};  // our end of the connection, where known
  int local_port = 0;
  std::string authenticator = {};     // who we are to the upstream: mechanism and name
  bool pipelining = false;            // commands went in groups
  bool chunking = false;              // the message went by BDAT
  std::string confirmation = {};      // the upstream's words: "250 2.0.0 ok"
  std::chrono::milliseconds time{0};  // from connecting, or from the first command
  // Where this recipient did not get the message, although another did (LMTP): why.
  std::string failure = {};
  bool temporary = false;
  bool remote() const { return !upstream.name.empty(); }
};

// One message on its way out while the client waits. Nothing is queued: whatever does
// not end in success is said to the client (rules U1, S11).
//
// Begin → AddRecipient… → StartData → WriteLine… → Finish. A Transaction that is dropped
// before Finish delivers nothing: the upstream connection is closed without the dot, a
// Maildir file is unlinked.
class Transaction {
 public:
  virtual ~Transaction() = default;
  // Routes the recipient and, for the first one, connects and says EHLO, MAIL; then
  // RCPT. A recipient that routes to another place than the first gets 452 4.5.3.
  //   Requires  context.session.envelope.current is the recipient.
  virtual Reply AddRecipient(const facts::Recipient& recipient, config::MatchContext& context) = 0;
  // DATA; 354 where the message may come.
  virtual Reply StartData() = 0;
  // One line of the message, decoded: without line end, without dot-stuffing. Encoded
  // anew for the place it goes to (rule S3). False: the upstream is gone or has replied
  // early; Finish then tells the outcome (U6).
  virtual bool WriteLine(std::string_view line) = 0;
  // The final dot and its reply; or fsync and rename. Positive: the message is theirs, for
  // all recipients. An LMTP server answers for each: where one is not served, this is no
  // success, and TakeDelivered tells who was.
  virtual Reply Finish() = 0;
  virtual std::vector<Delivered> TakeDelivered() = 0;
};

// What the session that relays is; copied into MAIL parameters.
struct TransactionOptions {
  bool body_8bitmime = false;
  std::uint64_t declared_size = 0;
  report::TlsReports* tls_reports = nullptr;  // where sessions with upstreams are counted
  report::Metrics* metrics = nullptr;         // where their results are
};
// `session` outlives the Transaction, which reads the envelope from it and says in
// session.upstream whom it talks to.
std::unique_ptr<Transaction> Begin(std::shared_ptr<const Routes> routes, facts::Session& session,
                                   const TransactionOptions& options);

// Whether the recipient context.session.envelope.current has a route: 250, 550 or 451.
// Nobody is asked.
Reply FindRoute(const Routes& routes, config::MatchContext& context);

// What the upstream says of that recipient, without a message: MAIL with the sender of
// session.envelope, RCPT, and neither DATA nor a delivery. What it said for good is
// remembered for kCallForwardMaxAge, per worker and per identity of the session. May wait.
//
//   Requires  context.session is `session`, a copy that is for this alone.
Reply CallForward(std::shared_ptr<const Routes> routes, facts::Session& session,
                  config::MatchContext& context);

}  // namespace signet::relay
#endif
