#ifndef SIGNET_SRC_SERVER_METRICS_LISTENER_H_
#define SIGNET_SRC_SERVER_METRICS_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "src/base/result.h"
#include "src/config/metrics_address.h"
#include "src/report/metrics.h"

namespace signet::server {

// MetricsListener answers HTTP for those who watch: GET and HEAD of /metrics and /health.
//
//   Threads   one of its own; no worker ever waits for it, nor it for one.
//   Security  bounded: limits::kMetricsConnections at a time (others wait in the kernel's
//             queue), limits::kMetricsWait for each in all and less while others wait, a few KiB
//             for a request. Listens on loopback or on a Unix socket with mode 0660.
class MetricsListener {
 public:
  // Whether another instance that is being replaced may have the address still.
  enum class Place : std::uint8_t { kFree, kOfAnother };
  // Begins to listen and to answer. `metrics` outlives it.
  //   Errors  "127.0.0.1:9465: Address already in use"
  static Result<std::unique_ptr<MetricsListener>, std::string> Open(
      const config::MetricsAddress& address, const report::Metrics& metrics,
      Place place = Place::kFree);
  ~MetricsListener();  // what is under way is cut off; the Unix socket is removed
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  const config::MetricsAddress& address() const;

 private:
  struct Rep;
  explicit MetricsListener(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::server
#endif
