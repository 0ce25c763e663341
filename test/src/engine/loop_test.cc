#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/engine/stack.h"

namespace signet::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Names = std::vector<std::string>;

Deadline Soon() { return Deadline::After(milliseconds(20)); }
Deadline Later() { return Deadline::After(seconds(30)); }

// Runs `f` in a coroutine; other coroutines are spawned from it.
void InLoop(const std::function<void()>& f) { RunInLoop(f); }
void Spawn(std::function<void()> body) { ASSERT_TRUE(Loop::Current()->Spawn(std::move(body))); }

TEST(Loop, CoroutinesTakeTurns) {
  Names seen;
  InLoop([&] {
    for (const char* name : {"a", "b"}) {
      Spawn([&seen, name] {
        for (int i = 0; i < 2; ++i) {
          seen.push_back(name + std::to_string(i));
          Yield();
        }
      });
    }
  });
  EXPECT_EQ(seen, (Names{"a0", "b0", "a1", "b1"}));
}

TEST(Loop, RunInLoopWaitsForWhatWasSpawned) {
  bool ran = false;
  InLoop([&] {
    Spawn([&] {
      Yield();
      ran = true;
    });
  });
  EXPECT_TRUE(ran);
}

TEST(Loop, PostRunsOnTheLoopOutsideAnyCoroutine) {
  Loop loop;
  std::thread::id ran_on;
  bool in_coroutine = true;
  Loop* current = nullptr;
  std::thread thread([&] { loop.Run(); });
  const std::thread::id loop_thread = thread.get_id();
  loop.Post([&] {
    ran_on = std::this_thread::get_id();
    in_coroutine = InCoroutine();
    current = Loop::Current();
  });
  loop.Stop();
  thread.join();
  EXPECT_EQ(ran_on, loop_thread);
  EXPECT_FALSE(in_coroutine);
  EXPECT_EQ(current, &loop);
  EXPECT_EQ(Loop::Current(), nullptr);
}

TEST(Loop, PostsOfManyThreadsAllArrive) {
  Loop loop;
  int arrived = 0;
  std::thread runner([&] { loop.Run(); });
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 500; ++i) loop.Post([&] { ++arrived; });
    });
  }
  for (auto& poster : posters) poster.join();
  loop.Stop();
  runner.join();
  EXPECT_EQ(arrived, 2000);
}

TEST(Loop, SleepEndsAtItsTimeInOrderOfTime) {
  Names seen;
  const auto start = std::chrono::steady_clock::now();
  InLoop([&] {
    for (int ms : {30, 10, 20}) {
      Spawn([&seen, start, ms] {
        EXPECT_TRUE(SleepUntil(Deadline::At(start + milliseconds(ms))).ok());
        seen.push_back(std::to_string(ms));
      });
    }
    // RunInLoop stops the loop when this returns.
    while (seen.size() < 3) EXPECT_TRUE(SleepUntil(Soon()).ok());
  });
  EXPECT_EQ(seen, (Names{"10", "20", "30"}));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(30));
}

TEST(Loop, StopCancelsTheWaitsThatAreUnderWay) {
  IoStatus slept = IoStatus::kOk, waited = IoStatus::kOk, read = IoStatus::kOk;
  InLoop([&] {
    Spawn([&] { slept = SleepUntil(Deadline::Never()).status; });
    Spawn([&] {
      Event never;
      waited = never.Wait(Deadline::Never());
    });
    Spawn([&] {
      int ends[2];
      ASSERT_EQ(::pipe(ends), 0);
      Socket in(ends[0]), out(ends[1]);
      char octet;
      read = in.Read(&octet, 1, Deadline::Never()).status;
    });
    Yield();
    Yield();
  });
  EXPECT_EQ(slept, IoStatus::kCancelled);
  EXPECT_EQ(waited, IoStatus::kCancelled);
  EXPECT_EQ(read, IoStatus::kCancelled);
}

TEST(Loop, WaitsThatBeginAfterStopAreCancelled) {
  IoStatus second = IoStatus::kOk;
  InLoop([&] {
    Spawn([&] {
      EXPECT_EQ(SleepUntil(Later()).status, IoStatus::kCancelled);
      second = SleepUntil(Later()).status;
    });
  });
  EXPECT_EQ(second, IoStatus::kCancelled);
}

TEST(Loop, CancelIdleEndsOnlyTheWaitsOfWhoIsIdle) {
  IoStatus idle = IoStatus::kOk, idle_later = IoStatus::kOk, busy = IoStatus::kOk;
  bool woke_busy = false;
  InLoop([&] {
    Spawn([&] {
      IdleScope scope;
      idle = SleepUntil(Later()).status;
      idle_later = SleepUntil(Later()).status;
    });
    Spawn([&] {
      { IdleScope scope; }
      busy = SleepUntil(Soon()).status;
      woke_busy = true;
    });
    Yield();
    Loop::Current()->CancelIdle();
    while (!woke_busy) EXPECT_TRUE(SleepUntil(Soon()).ok());
    EXPECT_EQ(idle, IoStatus::kCancelled);
    EXPECT_EQ(idle_later, IoStatus::kCancelled);
    EXPECT_EQ(busy, IoStatus::kOk);
  });
}

TEST(Loop, AnIdleCoroutineGivesItsUnusedStackBackAndGoesOn) {
  bool kept = false;
  InLoop([&] {
    Spawn([&] {
      volatile int mark = 7;
      OnThreadStack([] {});
      IdleScope scope;
      EXPECT_TRUE(SleepUntil(Deadline::After(milliseconds(2300))).ok());
      kept = mark == 7;
    });
    while (!kept) EXPECT_TRUE(SleepUntil(Soon()).ok());
  });
  EXPECT_TRUE(kept);
}

TEST(Loop, CountsCoroutinesAlive) {
  InLoop([&] {
    const std::size_t before = Loop::Current()->coroutines();
    Spawn([] { Yield(); });
    EXPECT_EQ(Loop::Current()->coroutines(), before + 1);
    Yield();
    Yield();
    Yield();
    EXPECT_EQ(Loop::Current()->coroutines(), before);
  });
}

TEST(Event, WakesAllThatWaitAndIsNotRemembered) {
  int woken = 0;
  InLoop([&] {
    Event event;
    event.Signal();  // nobody hears it
    for (int i = 0; i < 3; ++i) {
      Spawn([&] {
        EXPECT_EQ(event.Wait(Later()), IoStatus::kOk);
        ++woken;
      });
    }
    Yield();
    EXPECT_EQ(woken, 0);
    event.Signal();
    Yield();
    EXPECT_EQ(woken, 3);
    EXPECT_EQ(event.Wait(Soon()), IoStatus::kTimeout);
  });
}

TEST(Event, MayBeGoneWhenItsWaitersRun) {
  bool woken = false;
  InLoop([&] {
    auto event = std::make_unique<Event>();
    Spawn([&, e = event.get()] { woken = e->Wait(Later()) == IoStatus::kOk; });
    Yield();
    event->Signal();
    event.reset();
    Yield();
  });
  EXPECT_TRUE(woken);
}

TEST(Event, AWaiterThatTimedOutIsForgotten) {
  InLoop([&] {
    Event event;
    EXPECT_EQ(event.Wait(Soon()), IoStatus::kTimeout);
    event.Signal();
    EXPECT_EQ(event.Wait(Soon()), IoStatus::kTimeout);
  });
}

// --- two queues ------------------------------------------------------------------------

TEST(Priority, EstablishedWorkIsServedBetweenAnyTwoHandshakeSteps) {
  std::string order;
  InLoop([&] {
    SetPriority(Priority::kEstablished);
    for (int i = 0; i < 4; ++i) {
      Spawn([&] {
        SetPriority(Priority::kHandshake);
        order += 'h';
      });
    }
    Spawn([&] {
      for (int i = 0; i < 6; ++i) {
        order += 'e';
        Yield();
      }
    });
    for (int i = 0; i < 10; ++i) Yield();
  });
  // Never two handshake steps without an established one between, while there is one.
  EXPECT_EQ(order.find("hh"), std::string::npos) << order;
  EXPECT_EQ(std::count(order.begin(), order.end(), 'h'), 4) << order;
}

TEST(Priority, AFloodOfHandshakesDelaysAnEstablishedSessionByOneStepEach) {
  int steps = 0, worst = 0;
  bool over = false;
  InLoop([&] {
    for (int i = 0; i < 100; ++i) {
      Spawn([&] {
        SetPriority(Priority::kHandshake);
        while (!over) {
          ++steps;
          Yield();
        }
      });
    }
    for (int i = 0; i < 50; ++i) {
      const int before = steps;
      Yield();
      worst = std::max(worst, steps - before);
    }
    over = true;
  });
  EXPECT_GT(steps, 10);
  EXPECT_LE(worst, 1);
}

TEST(Priority, GoingDownToHandshakeYieldsFirst) {
  Names seen;
  InLoop([&] {
    Spawn([&] {
      SetPriority(Priority::kHandshake);
      seen.push_back("handshake");
    });
    Spawn([&] { seen.push_back("established"); });
  });
  EXPECT_EQ(seen, (Names{"established", "handshake"}));
}

// --- the thread's stack, the pool ------------------------------------------------------

TEST(OnThreadStack, RunsAtOnceElsewhereAndComesBack) {
  Names seen;
  InLoop([&] {
    char here;
    const char* there = nullptr;
    Spawn([&] { seen.push_back("other"); });
    OnThreadStack([&] {
      char local;
      there = &local;
      EXPECT_FALSE(InCoroutine());
      EXPECT_NE(Loop::Current(), nullptr);
      seen.push_back("f");
    });
    seen.push_back("back");
    EXPECT_TRUE(InCoroutine());
    EXPECT_EQ(seen, (Names{"f", "back"}));
    const auto distance = there > &here ? there - &here : &here - there;
    EXPECT_GT(static_cast<std::size_t>(distance), kStackBytes);
  });
}

TEST(OnThreadStack, HasRoomThatACoroutineHasNot) {
  InLoop([&] {
    OnThreadStack([] {
      volatile char large[2 * kStackBytes];
      large[0] = 1;
      large[sizeof large - 1] = 1;
      EXPECT_EQ(large[0] + large[sizeof large - 1], 2);
    });
  });
}

TEST(OnThreadStack, OutsideACoroutineSimplyRuns) {
  int runs = 0;
  OnThreadStack([&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(OnThreadStack, AnExceptionArrivesInTheCoroutine) {
  InLoop([] {
    EXPECT_THROW(OnThreadStack([] { throw std::string("x"); }), std::string);
    EXPECT_TRUE(InCoroutine());
  });
}

TEST(OnThreadStackDeathTest, WaitingThereIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(InLoop([] { OnThreadStack([] { SleepUntil(Soon()); }); }), "check failed");
}

TEST(Blocking, RunsOnAnotherThreadWhileOthersGoOn) {
  std::thread::id ran_on;
  bool others_ran = false;
  std::atomic<bool> may_end{false};
  InLoop([&] {
    Spawn([&] {
      others_ran = true;
      may_end = true;
    });
    Blocking([&] {
      ran_on = std::this_thread::get_id();
      while (!may_end) std::this_thread::yield();
    });
  });
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_TRUE(others_ran);
}

TEST(Blocking, ServesManyCoroutinesOfSeveralLoops) {
  std::atomic<int> ran{0}, finished{0};
  auto one_loop = [&] {
    InLoop([&] {
      for (int i = 0; i < 200; ++i) {
        Spawn([&] {
          Blocking([&] { ++ran; });
          ++finished;
        });
      }
    });
  };
  std::thread other(one_loop);
  one_loop();
  other.join();
  EXPECT_EQ(ran, 400);
  EXPECT_EQ(finished, 400);
}

// As when a database is locked: what waits for it is more than there are threads.
TEST(RuleR5, WhatIsShortDoesNotWaitBehindAnswers) {
  constexpr std::size_t kAnswers = 3 * limits::kBlockingThreads;
  std::atomic<bool> unlocked{false};
  std::atomic<std::size_t> begun{0}, answered{0};
  InLoop([&] {
    for (std::size_t i = 0; i < kAnswers; ++i) {
      Spawn([&] {
        BlockingForAnswer([&] {
          ++begun;
          while (!unlocked) std::this_thread::sleep_for(milliseconds(1));
        });
        ++answered;
      });
    }
    while (begun < limits::kBlockingForAnswers) SleepUntil(Deadline::After(milliseconds(1)));
    for (int i = 0; i < 20; ++i) Blocking([&] { EXPECT_EQ(answered, 0u); });
    EXPECT_EQ(begun, limits::kBlockingForAnswers);
    unlocked = true;
  });
  EXPECT_EQ(begun, kAnswers);
  EXPECT_EQ(answered, kAnswers);
}

TEST(Blocking, EndsEvenWhereTheLoopIsStopped) {
  bool ran = false;
  InLoop([&] {
    Spawn([&] {
      SleepUntil(Deadline::Never());  // until the stop
      Blocking([&] { ran = true; });
    });
  });
  EXPECT_TRUE(ran);
}

TEST(Blocking, AnExceptionArrivesInTheCoroutine) {
  InLoop([] { EXPECT_THROW(Blocking([] { throw 7; }), int); });
}

TEST(Blocking, OutsideACoroutineSimplyRuns) {
  const auto here = std::this_thread::get_id();
  Blocking([&] { EXPECT_EQ(std::this_thread::get_id(), here); });
}

}  // namespace
}  // namespace signet::engine
