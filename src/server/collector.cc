#include "src/server/collector.h"

#include <ctime>
#include <utility>

#include "src/base/log_lost.h"
#include "src/tls/own.h"

namespace signet::server {

using report::Metric;
using report::Sample;

void Collector::Watch(smtp::SitePtr site) {
  const std::lock_guard lock(mutex_);
  site_ = std::move(site);
}

void Collector::Collect(std::vector<Sample>* samples) {
  const auto add = [&](Metric metric, std::vector<std::string> labels, std::uint64_t value) {
    samples->push_back({metric, std::move(labels), static_cast<double>(value)});
  };
  const report::TlsCounters& tls = workers_.tls_counters();
  add(Metric::kHandshakesFailed, {}, tls.failed);
  for (const report::CounterRow& row : report::CounterRows())
    if (row.of_certificates)
      add(Metric::kPeerCertificates, {std::string(row.name)}, tls.*row.count);
  add(Metric::kRateEvictions, {}, workers_.rates_evicted());
  add(Metric::kLogLost, {}, LogLinesLost());
  const auto kept = decisions_ == nullptr ? report::DecisionStore::Counts() : decisions_->counts();
  add(Metric::kDecisions, {}, kept.refused + kept.accepted);
  CollectSite(samples);
}

void Collector::CollectSite(std::vector<Sample>* samples) {
  const std::lock_guard lock(mutex_);
  if (site_ == nullptr) return;
  std::vector<tls::ServerPolicyPtr> policies;
  {
    const std::lock_guard policies_lock(site_->policies_mutex);
    for (const auto& [sources, policy] : site_->policies) policies.push_back(policy->InUse());
  }
  const std::int64_t now = std::time(nullptr);
  std::map<std::uint64_t, Hits> seen;
  for (const tls::ServerPolicyPtr& policy : policies) {
    for (const tls::OwnCertificate& own : tls::OwnCertificates(*policy))
      samples->push_back({Metric::kOwnExpiry,
                          {own.file, own.leaf->subject_text()},
                          static_cast<double>(own.leaf->not_after() - now)});
    if (policy->trust() != nullptr)
      seen[policy->trust()->generation()] = policy->trust()->cache_counters();
  }
  for (const auto& [generation, hits] : seen) {
    const Hits before = seen_[generation];
    all_.hits += hits.hits - before.hits;
    all_.misses += hits.misses - before.misses;
  }
  seen_ = std::move(seen);
  samples->push_back({Metric::kChainCache, {"hit"}, static_cast<double>(all_.hits)});
  samples->push_back({Metric::kChainCache, {"miss"}, static_cast<double>(all_.misses)});
}

}  // namespace signet::server
