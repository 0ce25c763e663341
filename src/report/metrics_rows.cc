// The table of what is measured. A row is the whole registration; doc/monitoring/README.md has
// an entry for each.
#include "src/report/metrics.h"

namespace signet::report {
namespace {

using M = Metric;
using enum MetricType;

constexpr double kLagBuckets[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                  0.1,   0.25,   0.5,   1,    2.5,   5};
constexpr double kLookupBuckets[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                     0.1,    0.25,  0.5,    1,     2.5,  5,     10};
constexpr double kRelayBuckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                    2.5,   5,    10,    30,   60,  300,  600};
constexpr double kDay = 24 * 3600;
constexpr double kExpiryBuckets[] = {1 * kDay,  3 * kDay,  7 * kDay,   14 * kDay,  30 * kDay,
                                     60 * kDay, 90 * kDay, 180 * kDay, 365 * kDay, 730 * kDay};

constexpr MetricLabel kOpen(std::string_view name) { return {name, ""}; }

// clang-format off
constexpr MetricRow kRows[] = {
  {M::kBuild, "signet_build", kInfo, "", "The version of the program.", {kOpen("version")}},
  {M::kStart, "process_start_time_seconds", kGauge, "seconds", "When the process began, since the epoch."},
  {M::kSessions, "signet_sessions", kCounter, "", "SMTP sessions that began, by port of ours.", {kOpen("port")}},
  {M::kSessionsActive, "signet_sessions_active", kGauge, "", "SMTP sessions at present, by port of ours.", {kOpen("port")}},
  {M::kConnectionsRefused, "signet_connections_refused", kCounter, "", "Connections that got no session, or no greeting.",
   {{{"reason", "too_many too_many_from_source host_reject_connection no_memory"}}}},
  {M::kHandshakes, "signet_handshakes", kCounter, "", "TLS handshakes with clients that were completed.",
   {kOpen("version"), kOpen("cipher"), {"resumed", "yes no"}}},
  {M::kHandshakesFailed, "signet_handshakes_failed", kCounter, "", "TLS handshakes with clients that were not completed."},
  {M::kPeerCertificates, "signet_peer_certificates", kCounter, "", "Completed handshakes by what became of the client's certificate.",
   {{{"result", "none verified expired untrusted revoked undecided unfit"}}}},
  {M::kAuthentications, "signet_authentications", kCounter, "", "Runs of authenticators.",
   {kOpen("authenticator"), {"result", "authenticated failed deferred aborted"}}},
  {M::kIdentitySessions, "signet_identity_sessions", kCounter, "", "Sessions that have ended, by authenticated identity; the busiest by name.", {kOpen("identity")}},
  {M::kRefusals, "signet_refusals", kCounter, "", "Commands and messages that were refused, by where and why.",
   {{{"place", "connect tls helo starttls auth mail rcpt data vrfy other"}, {"class", "4xx 5xx identity"}}}},
  {M::kLookups, "signet_lookups", kCounter, "", "Lookups by type and outcome.",
   {kOpen("type"), {"result", "found not_found deferred remembered"}}},
  {M::kLookupDuration, "signet_lookup_duration_seconds", kHistogram, "seconds", "Time of lookups that were not answered from memory.", {kOpen("type")}, kLookupBuckets},
  {M::kRelay, "signet_relay_results", kCounter, "", "What became of messages, and of recipients that were refused, by transport.",
   {kOpen("transport"), {"result", "delivered temporary permanent"}}},
  {M::kRelayDuration, "signet_relay_duration_seconds", kHistogram, "seconds", "Time from connecting, or from the first command, to the last reply of a message.", {kOpen("transport")}, kRelayBuckets},
  {M::kUpstreamFailures, "signet_upstream_connection_failures", kCounter, "", "Connections to upstreams that could not be made: no TCP, no TLS, no greeting.", {kOpen("transport")}},
  {M::kMessages, "signet_messages", kCounter, "", "Messages that were accepted."},
  {M::kMessageBytes, "signet_message_bytes", kCounter, "bytes", "Octets of messages that were accepted."},
  {M::kOwnExpiry, "signet_own_certificate_expiry_seconds", kGauge, "seconds", "Time until a certificate of ours ends.", {kOpen("file"), kOpen("subject")}},
  {M::kPeerExpiry, "signet_peer_certificate_expiry_seconds", kHistogram, "seconds", "Time until certificates end that verified in handshakes.", {}, kExpiryBuckets},
  {M::kPeerExpirySoonest, "signet_peer_certificate_soonest_expiry_seconds", kGauge, "seconds", "Time until the certificate that an identity has shown last ends; those that end first.", {kOpen("identity")}},
  {M::kChainCache, "signet_chain_cache_lookups", kCounter, "", "Chains of certificates looked up in memory before they are verified.", {{{"result", "hit miss"}}}},
  {M::kDecisions, "signet_decisions_kept", kGauge, "", "Decisions that `signet why` can show."},
  {M::kLogLost, "signet_log_lines_lost", kCounter, "", "Log lines that could not be written, or found their queue full."},
  {M::kLoopLag, "signet_loop_lag_seconds", kHistogram, "seconds", "How late a worker's timer woke.", {kOpen("worker")}, kLagBuckets},
  {M::kCoroutines, "signet_coroutines", kGauge, "", "Coroutines that are alive, of all workers."},
  {M::kGeneration, "signet_config_generation", kGauge, "", "How often a configuration came into use since the process began."},
  {M::kReloadSuccessful, "signet_config_last_reload_successful", kGauge, "", "1 where the last reload (or the start) was good, 0 where it was refused."},
  {M::kReloadTime, "signet_config_last_reload_success_timestamp_seconds", kGauge, "seconds", "When the configuration in use was loaded, since the epoch."},
  {M::kRateEvictions, "signet_ratelimit_evictions", kCounter, "", "Measurements of ratelimit that had to make room while they were still of use."},
  {M::kRestarts, "signet_restarts", kCounter, "", "How often the process that serves was replaced because it had died."},
};
// clang-format on

constexpr bool InOrder() {
  for (std::size_t i = 0; i < std::size(kRows); ++i)
    if (static_cast<std::size_t>(kRows[i].metric) != i) return false;
  return std::size(kRows) == static_cast<std::size_t>(M::kCount);
}
static_assert(InOrder());

}  // namespace

std::span<const MetricRow> MetricRows() { return kRows; }

std::size_t MetricRow::label_count() const {
  std::size_t count = 0;
  while (count < labels.size() && !labels[count].name.empty()) ++count;
  return count;
}

std::string MetricRow::ShownName() const {
  return std::string(name) + (type == kCounter ? "_total" : type == kInfo ? "_info" : "");
}

}  // namespace signet::report
