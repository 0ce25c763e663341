#ifndef SIGNET_SRC_SERVER_WORKERS_H_
#define SIGNET_SRC_SERVER_WORKERS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "src/base/log.h"
#include "src/engine/engine.h"
#include "src/facts/session.h"
#include "src/server/connections.h"
#include "src/server/listener.h"
#include "src/smtp/session.h"
#include "src/smtp/site.h"

namespace signet::server {

// How many processors the calling thread may run on, at least 1: fewer than the machine has
// where somebody has said so (CPUAffinity= in a unit, taskset, a container's set).
std::size_t UsableProcessors();

// Workers accept connections and run their sessions: one loop thread per core. This is the
// only code that knows how sessions are scheduled.
//
// Each worker accepts on every listener; the kernel wakes one that is idle. A worker that
// has clearly more sessions than another hands new ones over. A session stays where it is
// and keeps the site that it began with; a site's directory connections are closed on a
// worker when its last session there has ended.
class Workers {
 public:
  // What runs a session; smtp::RunSession except in tests.
  using Session = std::function<void(engine::Socket, facts::Connection, smtp::SessionContext)>;
  struct Options {
    std::size_t threads = 1;
    std::size_t connections_max = 1;  // whatever smtp_accept_max says
    Session session;
    report::TlsReports* tls_reports = nullptr;   // nullptr: not counted
    report::DecisionStore* decisions = nullptr;  // nullptr: none are kept
    report::Metrics* metrics = nullptr;          // likewise
    // The number of sessions, for another process to read; nullptr: nobody does.
    std::atomic<std::uint32_t>* sessions_shown = nullptr;
  };

  Workers(Options options, Log& log);
  // Stop() has been called.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // From now on, who is accepted is served by `site`; accepts on those of `listeners` that
  // are new. Closing a listener ends accepting on it.
  void Publish(smtp::SitePtr site, const std::vector<ListenerPtr>& listeners);
  // Sessions end with 421: those that wait for a command now, others at their next one.
  void BeginShutdown();
  // Cancels every session that is left, and returns when all threads have ended.
  void Stop();

  // Asks each worker to show that its loop goes round, and whether all have since. One thread.
  void AskTurns();
  bool turned() const;

  std::size_t sessions() const { return connections_.total(); }
  std::uint64_t sessions_seen() const { return connections_seen_; }
  // Of each worker; not while Stop() runs. `lag`: how late timers woke at most, in the last
  // half or whole minute.
  struct Load {
    std::size_t sessions = 0;
    std::chrono::microseconds lag{0};
  };
  std::vector<Load> loads() const;
  const report::TlsCounters& tls_counters() const { return tls_counters_; }
  std::uint64_t rates_evicted() const { return rates_.evicted(); }

 private:
  friend class Worker;
  Options options_;
  Log& log_;
  Connections connections_;
  std::atomic<std::uint64_t> connections_seen_{0};  // what "Ci=" counts
  auth::Failures auth_failures_;
  acl::RateTable rates_;
  report::TlsCounters tls_counters_;
  std::atomic<bool> shutting_down_{false};
  std::vector<std::unique_ptr<class Worker>> workers_;
};

}  // namespace signet::server
#endif
