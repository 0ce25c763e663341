#ifndef SIGNET_SRC_SERVER_MONITORING_H_
#define SIGNET_SRC_SERVER_MONITORING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/report/metrics.h"
#include "src/server/collector.h"
#include "src/server/metrics_listener.h"

namespace signet::server {

// What a server tells those who watch it: the numbers, and where they are fetched.
//
//   Threads   one owner; anybody counts.
//   Lifetime  outlives the sessions. Close() comes before the workers end.
class Monitoring {
 public:
  explicit Monitoring(std::string_view version);

  report::Metrics* metrics() { return &metrics_; }

  // Another instance answers at the same place until ours does.
  void ReplaceAnother() { replaces_ = true; }

  // What a configuration wants, but not in use yet; nothing of it can fail any more.
  //   Errors  text for the log.
  struct Prepared {
    std::unique_ptr<MetricsListener> listener;  // nullptr: none, or the one that is there
    bool keep = false;
  };
  Result<Prepared, std::string> Prepare(const config::Main& main) const;
  // A configuration is in use from now on.
  void Adopt(Prepared prepared, const smtp::SitePtr& site);
  // How often a process of this server was replaced before it.
  void SetRestarts(std::uint64_t restarts);
  // A reload came to nothing.
  void ReloadFailed();
  // They are there, and stay until Close().
  void Watch(const Workers& workers, const report::DecisionStore* decisions);
  // Nobody is answered any more.
  void Close();

 private:
  report::Metrics metrics_;
  std::optional<Collector> collector_;
  std::unique_ptr<MetricsListener> listener_;  // nullptr: nowhere
  bool replaces_ = false;
};

}  // namespace signet::server
#endif
