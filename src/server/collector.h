#ifndef SIGNET_SRC_SERVER_COLLECTOR_H_
#define SIGNET_SRC_SERVER_COLLECTOR_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "src/report/decisions.h"
#include "src/report/metrics.h"
#include "src/server/workers.h"
#include "src/smtp/site.h"

namespace signet::server {

// The numbers that parts of the server keep themselves, put together for a scrape.
//
//   Threads   any.
//   Lifetime  what it is given outlives it.
class Collector {
 public:
  explicit Collector(const Workers& workers, const report::DecisionStore* decisions = nullptr)
      : workers_(workers), decisions_(decisions) {}

  // The site that is in use from now on.
  void Watch(smtp::SitePtr site);
  void Collect(std::vector<report::Sample>* samples);

 private:
  using Hits = crypto::TrustStore::CacheCounters;
  void CollectSite(std::vector<report::Sample>* samples);

  const Workers& workers_;
  const report::DecisionStore* decisions_;
  std::mutex mutex_;  // all below
  smtp::SitePtr site_;
  std::map<std::uint64_t, Hits> seen_;  // of each store that is in use, by generation
  Hits all_;                            // of those that were, too: a counter only grows
};

}  // namespace signet::server
#endif
