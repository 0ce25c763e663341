#ifndef SIGNET_SRC_ENGINE_TIMERS_H_
#define SIGNET_SRC_ENGINE_TIMERS_H_

#include <cstddef>
#include <vector>

#include "src/base/clock.h"

namespace signet::engine {

// A Timer lives where its owner wants (usually on a coroutine's stack) and is in at
// most one Timers.
struct Timer {
  MonotonicTime when{};
  std::size_t place = kNone;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  bool armed() const { return place != kNone; }
};

// Timers is a binary heap of timers, soonest first, that allocates nothing per timer.
//
//   Cost  Add, Remove: O(log n).
class Timers {
 public:
  void Add(Timer* timer);
  void Remove(Timer* timer);  // nothing where it isn't armed
  Timer* Soonest() const { return heap_.empty() ? nullptr : heap_.front(); }
  std::size_t size() const { return heap_.size(); }

 private:
  void Put(std::size_t place, Timer* timer);
  void Up(std::size_t place);
  void Down(std::size_t place);
  std::vector<Timer*> heap_;
};

}  // namespace signet::engine
#endif
