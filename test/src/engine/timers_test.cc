#include "src/engine/timers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <vector>

namespace signet::engine {
namespace {

MonotonicTime At(int ms) { return MonotonicTime{} + std::chrono::milliseconds(ms); }

TEST(Timers, GiveTheSoonestFirstWhateverTheOrderOfAdding) {
  Timers timers;
  std::vector<Timer> all(1000);
  for (int i = 0; i < 1000; ++i) {
    all[i].when = At((i * 7919) % 1000);
    timers.Add(&all[i]);
  }
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(timers.Soonest()->when, At(i));
    timers.Remove(timers.Soonest());
  }
  EXPECT_EQ(timers.Soonest(), nullptr);
}

TEST(Timers, AnyCanBeRemovedAndTheOthersStayInOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    Timers timers;
    std::vector<Timer> all(64);
    for (Timer& timer : all) {
      timer.when = At(static_cast<int>(random() % 40));  // many alike
      timers.Add(&timer);
    }
    for (int i = 0; i < 32; ++i) timers.Remove(&all[random() % all.size()]);
    MonotonicTime last{};
    while (Timer* timer = timers.Soonest()) {
      EXPECT_GE(timer->when, last);
      last = timer->when;
      timers.Remove(timer);
    }
    for (const Timer& timer : all) EXPECT_FALSE(timer.armed());
  }
}

TEST(Timers, RemovingOneThatIsNotArmedDoesNothing) {
  Timers timers;
  Timer armed, idle;
  timers.Add(&armed);
  timers.Remove(&idle);
  EXPECT_EQ(timers.size(), 1u);
}

}  // namespace
}  // namespace signet::engine
