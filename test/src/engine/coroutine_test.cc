#include "src/engine/coroutine.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "src/base/limits.h"
#include "src/engine/stack.h"

namespace signet::engine {
namespace {

std::string Caught() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  }
}

TEST(Coroutine, RunsUntilItSuspendsAndGoesOnFromThere) {
  StackPool stacks;
  int step = 0;
  Coroutine* self = nullptr;
  auto coroutine = Coroutine::Make(stacks, [&] {
    step = 1;
    self->Suspend();
    step = 2;
  });
  self = coroutine.get();
  EXPECT_EQ(step, 0);
  self->Resume();
  EXPECT_EQ(step, 1);
  EXPECT_FALSE(self->ended());
  self->Resume();
  EXPECT_EQ(step, 2);
  EXPECT_TRUE(self->ended());
}

TEST(Coroutine, TwoThatSuspendInsideCatchKeepTheirOwnExceptions) {
  StackPool stacks;
  std::string first_saw, second_saw;
  Coroutine *first = nullptr, *second = nullptr;
  auto body = [](Coroutine*& self, const char* text, std::string& saw) {
    return [&self, text, &saw] {
      try {
        throw std::runtime_error(text);
      } catch (const std::exception&) {
        self->Suspend();
        saw = Caught();
        self->Suspend();
        saw += Caught();
      }
    };
  };
  auto a = Coroutine::Make(stacks, body(first, "a", first_saw));
  auto b = Coroutine::Make(stacks, body(second, "b", second_saw));
  first = a.get();
  second = b.get();
  for (int i = 0; i < 3; ++i) {
    first->Resume();
    second->Resume();
  }
  EXPECT_EQ(first_saw, "aa");
  EXPECT_EQ(second_saw, "bb");
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST(Coroutine, ARethrowAfterSuspendingThrowsItsOwn) {
  StackPool stacks;
  std::string saw;
  Coroutine* self = nullptr;
  auto coroutine = Coroutine::Make(stacks, [&] {
    try {
      try {
        throw std::runtime_error("inner");
      } catch (...) {
        self->Suspend();
        throw;
      }
    } catch (const std::exception& e) {
      saw = e.what();
    }
  });
  self = coroutine.get();
  self->Resume();
  try {
    throw std::logic_error("outer");
  } catch (const std::exception&) {
    self->Resume();  // while the resumer is itself handling one
    EXPECT_EQ(Caught(), "outer");
  }
  EXPECT_EQ(saw, "inner");
}

struct Counts {
  int& destroyed;
  ~Counts() { ++destroyed; }
};

void Descend(int depth, int& destroyed, Coroutine& self) {
  Counts counts{destroyed};
  if (depth == 0) {
    self.Suspend();
    throw std::runtime_error("deep");
  }
  Descend(depth - 1, destroyed, self);
}

TEST(Coroutine, DeepUnwindingRunsEveryDestructor) {
  StackPool stacks;
  int destroyed = 0;
  std::string saw;
  Coroutine* self = nullptr;
  auto coroutine = Coroutine::Make(stacks, [&] {
    try {
      Descend(200, destroyed, *self);
    } catch (const std::exception& e) {
      saw = e.what();
    }
  });
  self = coroutine.get();
  self->Resume();
  EXPECT_EQ(destroyed, 0);
  self->Resume();
  EXPECT_EQ(destroyed, 201);
  EXPECT_EQ(saw, "deep");
}

TEST(Coroutine, ReusesTheStackOfOneThatEnded) {
  StackPool stacks;
  for (int i = 0; i < 3; ++i) {
    auto coroutine = Coroutine::Make(stacks, [] {});
    EXPECT_EQ(stacks.unused(), 0u);
    coroutine->Resume();
    EXPECT_EQ(stacks.unused(), 1u);
  }
  stacks.Trim(0);
  EXPECT_EQ(stacks.unused(), 0u);
}

TEST(Coroutine, OneThatNeverStartedGivesItsStackBack) {
  StackPool stacks;
  Coroutine::Make(stacks, [] {}).reset();
  EXPECT_EQ(stacks.unused(), 1u);
}

TEST(Coroutine, TrimKeepsTheGuard) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  StackPool stacks;
  Coroutine::Make(stacks, [] {}).reset();
  stacks.Trim(1);
  Stack stack = stacks.Take();
  stack.bottom[0] = std::byte{1};
  EXPECT_DEATH(const_cast<volatile std::byte*>(stack.bottom)[-1] = std::byte{1}, "");
  stacks.GiveBack(stack);
}

// A frame as large as the biggest that the libraries make can't step over the guard.
[[gnu::noinline]] int Overflow(int depth) {
  volatile char frame[3 * 1024];
  frame[0] = static_cast<char>(depth);
  return depth <= 0 ? frame[0] : Overflow(depth - 1) + frame[0];
}

int OverflowInCoroutine(int depth) {
  StackPool stacks;
  int result = 0;
  auto coroutine = Coroutine::Make(stacks, [&] { result = Overflow(depth); });
  coroutine->Resume();
  return result;
}

TEST(CoroutineDeathTest, AnOverflowHitsTheGuard) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(OverflowInCoroutine(2 * kStackBytes / (3 * 1024)), "");
}

TEST(Coroutine, HasTheRoomThatTheLimitSays) {
  // Sanitizers enlarge frames; a third of the stack is enough to tell.
  OverflowInCoroutine(kStackBytes / (3 * 1024) / 3);
}

TEST(CoroutineDeathTest, AnExceptionThatLeavesTheBodyEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        StackPool stacks;
        Coroutine::Make(stacks, [] { throw std::runtime_error("lost"); })->Resume();
      },
      "lost");
}

// Resident pages among the `bytes` that end at `top`.
std::size_t ResidentPages(std::byte* top, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto start = reinterpret_cast<std::uintptr_t>(top - bytes) / page * page;
  std::vector<unsigned char> pages(bytes / page);
  EXPECT_EQ(::mincore(reinterpret_cast<void*>(start), bytes, pages.data()), 0);
  return static_cast<std::size_t>(
      std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return p & 1; }));
}

TEST(Coroutine, GivesBackWhatItTouchedLongAgoAndKeepsWhatItUses) {
  constexpr int kDeep = 30;  // times 3 KiB
  constexpr std::size_t kLooked = 128 * 1024;
  StackPool stacks;
  Coroutine* self = nullptr;
  std::byte* top = nullptr;
  int sum = 0;
  auto coroutine = Coroutine::Make(stacks, [&] {
    volatile std::byte mark{7};
    top = const_cast<std::byte*>(&mark);
    Overflow(kDeep);
    self->Suspend();
    sum = Overflow(kDeep) + static_cast<int>(mark);
  });
  self = coroutine.get();
  self->Resume();
  EXPECT_GE(ResidentPages(top, kLooked), 20u);
  self->ReleaseUnused();
  EXPECT_LE(ResidentPages(top, kLooked), 6u);
  self->Resume();
  EXPECT_EQ(sum, kDeep * (kDeep + 1) / 2 + 7);
}

TEST(Coroutine, IsPackedAndGoesOnWithAllThatWasOnItsStack) {
  constexpr std::size_t kLooked = 128 * 1024;
  StackPool stacks;
  Coroutine* self = nullptr;
  std::byte* top = nullptr;
  std::uint64_t wrong = 1;
  auto coroutine = Coroutine::Make(stacks, [&] {
    std::array<std::uint64_t, 1000> some;  // two thirds zeros, and an address of its own
    for (std::size_t i = 0; i < some.size(); ++i) some[i] = i % 3 == 0 ? i : 0;
    some[1] = reinterpret_cast<std::uintptr_t>(some.data());
    const std::string text = "short";  // points at itself
    top = reinterpret_cast<std::byte*>(some.data() + some.size());
    for (int round = 0; round < 3; ++round) self->Suspend();
    wrong = text == "short" ? 0 : 1;
    for (std::size_t i = 2; i < some.size(); ++i) wrong += some[i] != (i % 3 == 0 ? i : 0);
    wrong += some[1] != reinterpret_cast<std::uintptr_t>(some.data());
    wrong += static_cast<std::uint64_t>(Overflow(5) != 15);
  });
  self = coroutine.get();
  self->Resume();
  self->Pack();
  self->Pack();  // once is enough
  self->ReleaseUnused();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_EQ(ResidentPages(top, kLooked), 0u);
#else
  (void)top, (void)kLooked;
#endif
  self->Resume();
  self->Resume();  // not packed this time
  self->Pack();
  self->Resume();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(coroutine->ended());
}

TEST(Coroutine, ManyTakeTurns) {
  StackPool stacks;
  std::vector<std::unique_ptr<Coroutine>> all;
  int total = 0;
  for (int i = 0; i < 500; ++i) {
    all.push_back(nullptr);
    Coroutine** self = nullptr;
    self = new Coroutine*(nullptr);
    all.back() = Coroutine::Make(stacks, [self, &total] {
      for (int round = 0; round < 3; ++round) {
        ++total;
        (*self)->Suspend();
      }
      delete self;
    });
    *self = all.back().get();
  }
  for (int round = 0; round < 4; ++round) {
    for (auto& coroutine : all) coroutine->Resume();
  }
  EXPECT_EQ(total, 1500);
}

}  // namespace
}  // namespace signet::engine
