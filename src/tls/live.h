#ifndef SIGNET_SRC_TLS_LIVE_H_
#define SIGNET_SRC_TLS_LIVE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "src/tls/tls.h"

namespace signet::tls {

// LivePolicy is a server policy that follows its files: a new revocation list, trust file,
// certificate or OCSP response is in use a second after it is there, without a SIGHUP. What
// is wrong with a new file leaves in use what was read before (rule C2), part by part.
//
//   Threads  any. One session at a time looks at the files, on the blocking pool; the others
//            go on with what there is.
//   Cost     a few stat calls a second, while sessions begin.
class LivePolicy {
 public:
  static Result<std::shared_ptr<LivePolicy>, std::string> Make(ServerPolicy::Sources sources);
  ~LivePolicy();

  // What is told to the administrator: trouble that leaves an old file in use, or what is
  // good to know, such as a file that was read again.
  enum class Event : std::uint8_t { kTrouble, kNotice };
  using Report = std::function<void(Event, std::string_view text)>;
  // `resumption`: with tickets. The files as they were a second ago or later; may wait for
  // the disk.
  ServerPolicyPtr Current(bool resumption, const Report& report);

  // What was in use last; looks at no file.
  ServerPolicyPtr InUse() const;

  // What is wrong at Make and no error: OCSP responses that are not stapled.
  const std::vector<std::string>& warnings() const;

 private:
  struct Rep;
  class Looking;
  explicit LivePolicy(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// How often a live policy of this process has become another, because a file has: for whoever
// holds on to what an earlier one has decided.
std::uint64_t LiveChanges();

}  // namespace signet::tls
#endif
