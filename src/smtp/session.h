#ifndef SIGNET_SRC_SMTP_SESSION_H_
#define SIGNET_SRC_SMTP_SESSION_H_

#include <atomic>
#include <functional>
#include <memory>

#include "src/acl/rates.h"
#include "src/auth/failures.h"
#include "src/base/log.h"
#include "src/engine/engine.h"
#include "src/facts/session.h"
#include "src/lookup/lookup.h"
#include "src/report/counters.h"
#include "src/report/tlsrpt.h"
#include "src/smtp/site.h"
#include "src/tls/tls.h"

namespace signet::report {
class DecisionStore;
class Metrics;
}  // namespace signet::report

namespace signet::smtp {

// How a session hands messages on. relay::Begin, but for tests and for offline tools,
// which must not.
using BeginTransaction = std::function<std::unique_ptr<relay::Transaction>(
    facts::Session& session, const relay::TransactionOptions& options)>;

// In place of a client on a socket: what offline tools play.
struct Pretence {
  // What the client says, line by line, and where replies go.
  std::unique_ptr<tls::Stream> stream;
  std::string server_name;  // that the client asks for
  // The outcome of the handshake that the client would have had: facts, and `refused`.
  std::function<Result<tls::Accepted, tls::HandshakeFailure>(const tls::ServerPolicyPtr& policy,
                                                             const tls::AcceptOptions& options)>
      handshake;
};

// The configuration that is in force at the moment, for sessions that began under an earlier
// one: both of it, and together.
struct InForce {
  SitePtr site;
  std::shared_ptr<lookup::Worker> lookups;
};

// What a session uses of its worker.
struct SessionContext {
  SitePtr site;
  const InForce* in_force = nullptr;  // of this worker, becomes another with a reload
  lookup::Worker* lookups = nullptr;  // of this worker and this site; nullptr: all deferred
  Log* log = nullptr;
  const std::atomic<bool>* shutting_down = nullptr;  // answered with 421 at the next command
  auth::Failures* auth_failures = nullptr;           // nullptr: not counted per source
  std::size_t connections = 0;                       // at present, this one included; 0: unknown
  acl::RateTable* rates = nullptr;                   // nullptr: ratelimit has no store here
  // Counts the connection for the client that a proxy has told about, not for the proxy any
  // more. False: too many from there already. Empty: not counted.
  std::function<bool(const facts::Connection& told)> admit_told;
  report::TlsReports* tls_reports = nullptr;    // nullptr: not counted
  report::TlsCounters* tls_counters = nullptr;  // likewise
  BeginTransaction begin;                       // empty: relay::Begin with the site's routes
  report::DecisionStore* decisions = nullptr;   // nullptr: none are kept, replies name none
  report::Metrics* metrics = nullptr;           // nullptr: not counted
  facts::Trace* trace = nullptr;                // offline tools: where all of it is written down
  std::shared_ptr<Pretence> pretence;           // offline tools: then there is no socket
};

// One connection from greeting to QUIT. Runs inside a coroutine of the worker's loop and
// returns when the connection has ended. The socket is closed on return.
void RunSession(engine::Socket socket, facts::Connection connection, SessionContext context);

}  // namespace signet::smtp
#endif
