#ifndef SIGNET_SRC_BASE_CLOCK_H_
#define SIGNET_SRC_BASE_CLOCK_H_

#include <algorithm>
#include <chrono>

namespace signet {

using MonotonicTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Deadline is a point in monotonic time by which a wait must have ended. Every wait
// takes one (rule R1); `Never()` exists for tests and for the accept loop.
class Deadline {
 public:
  static Deadline After(std::chrono::milliseconds delay) {
    return Deadline(std::chrono::steady_clock::now() + delay);
  }
  static Deadline At(MonotonicTime when) { return Deadline(when); }
  static Deadline Never() { return Deadline(MonotonicTime::max()); }

  MonotonicTime when() const { return when_; }
  bool never() const { return when_ == MonotonicTime::max(); }
  bool Passed() const { return !never() && std::chrono::steady_clock::now() >= when_; }
  Deadline Sooner(Deadline other) const { return Deadline(std::min(when_, other.when_)); }
  std::chrono::milliseconds Remaining() const {
    if (never()) return std::chrono::milliseconds::max();
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(when_ - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }

 private:
  explicit Deadline(MonotonicTime when) : when_(when) {}
  MonotonicTime when_;
};

}  // namespace signet
#endif
