#ifndef SIGNET_SRC_AUTH_FAILURES_H_
#define SIGNET_SRC_AUTH_FAILURES_H_

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "src/base/clock.h"

namespace signet::auth {

// How often AUTH has failed lately, per source (rule A5): an IPv4 address, or the /64 of an
// IPv6 address, because that is what one customer has. Counts of two windows of
// limits::kAuthFailuresWindow are kept: an old failure counts for one to two of them.
//
//   Threads   any.
//   Security  bounded by limits::kAuthFailureSources (R7): sources beyond that are not
//             counted until the next window; those that are known stay known.
class Failures {
 public:
  // Counts one more.
  void Add(std::string_view ip, MonotonicTime now);
  // Whether the source has reached limits::kAuthFailuresPerSource.
  bool TooMany(std::string_view ip, MonotonicTime now);
  std::size_t sources() const;

 private:
  void Turn(MonotonicTime now);

  mutable std::mutex mutex_;
  MonotonicTime window_began_{};
  std::unordered_map<std::string, std::size_t> current_, previous_;
};

}  // namespace signet::auth
#endif
