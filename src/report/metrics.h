#ifndef SIGNET_SRC_REPORT_METRICS_H_
#define SIGNET_SRC_REPORT_METRICS_H_

#include <array>
#include <cstdint>
#include <ctime>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/report/lookup_health.h"
#include "src/report/top_identities.h"

namespace signet::report {

// What is measured: the rows of the table in metrics_rows.cc, in its order.
enum class Metric : std::uint8_t {
  kBuild,
  kStart,
  kSessions,
  kSessionsActive,
  kConnectionsRefused,
  kHandshakes,
  kHandshakesFailed,
  kPeerCertificates,
  kAuthentications,
  kIdentitySessions,
  kRefusals,
  kLookups,
  kLookupDuration,
  kRelay,
  kRelayDuration,
  kUpstreamFailures,
  kMessages,
  kMessageBytes,
  kOwnExpiry,
  kPeerExpiry,
  kPeerExpirySoonest,
  kChainCache,
  kDecisions,
  kLogLost,
  kLoopLag,
  kCoroutines,
  kGeneration,
  kReloadSuccessful,
  kReloadTime,
  kRateEvictions,
  kRestarts,
  kCount,
};

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram, kInfo };

struct MetricLabel {
  std::string_view name;    // "": there is none
  std::string_view values;  // all that it can be, between blanks; "": what is configured
};

struct MetricRow {
  Metric metric;
  std::string_view name;  // without the suffix that the type adds
  MetricType type;
  std::string_view unit;  // the end of the name, or ""
  std::string_view help;
  std::array<MetricLabel, 3> labels = {};
  std::span<const double> buckets = {};

  std::size_t label_count() const;
  // As scrapes show it: "signet_sessions_total"; of a histogram without _bucket, _sum, _count.
  std::string ShownName() const;
};
std::span<const MetricRow> MetricRows();

// A number that somebody else keeps, asked for with each scrape.
struct Sample {
  Metric metric;
  std::vector<std::string> labels;
  double value = 0;
};

// Metrics is what the process counts, for Prometheus and its like.
//
//   Threads   any.
//   Cost      counting is a walk over a short list and a relaxed atomic addition: no lock,
//             but for identities, and for label values beyond the bound.
//   Security  bounded whatever outsiders say (rule R7): a label has limits::kMetricsLabels
//             values, identities limits::kMetricsIdentities; all others are "other".
class Metrics {
 public:
  using Labels = std::initializer_list<std::string_view>;
  using Collector = std::function<void(std::vector<Sample>*)>;
  enum class Format : std::uint8_t { kOpenMetrics, kText };  // kText: text/plain version 0.0.4

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void Add(Metric counter, Labels labels = {}, std::uint64_t by = 1);
  void Set(Metric gauge, Labels labels, double value);
  void Change(Metric gauge, Labels labels, double by);
  void Observe(Metric histogram, Labels labels, double value);

  // A session of that identity has ended.
  void CountIdentity(std::string_view identity);
  // A client has proved who it is with a certificate that ends then (seconds since the epoch).
  void NoteCertificate(std::string_view identity, std::int64_t not_after, std::int64_t now);

  // How lookups go, for "signet status".
  LookupHealth& lookup_health() { return lookup_health_; }

  // Asked with each scrape, until it is taken away. Does not call back.
  void SetCollector(Collector collector);

  std::string Render(Format format, std::int64_t now = std::time(nullptr)) const;

 private:
  struct Series;
  class Family;
  Family& At(Metric metric) const { return *families_[static_cast<std::size_t>(metric)]; }

  std::array<std::unique_ptr<Family>, static_cast<std::size_t>(Metric::kCount)> families_;
  TopIdentities identities_;
  SoonestExpiries expiries_;
  LookupHealth lookup_health_;
  mutable std::mutex collector_mutex_;
  Collector collector_;
};

}  // namespace signet::report
#endif
