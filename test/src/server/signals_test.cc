#include "src/server/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace signet::server {
namespace {

class SignalsTest : public ::testing::Test {
 protected:
  SignalsTest() { ::pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~SignalsTest() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  sigset_t before_;
};

TEST_F(SignalsTest, ArriveAsValues) {
  Signals signals;
  const Deadline patience = Deadline::After(std::chrono::seconds(30));
  for (auto [signal, request] : {std::pair{SIGHUP, Request::kReload},
                                 {SIGUSR1, Request::kReopen},
                                 {SIGTERM, Request::kStop},
                                 {SIGINT, Request::kStop}}) {
    ::kill(::getpid(), signal);
    EXPECT_EQ(signals.Wait(patience), request) << signal;
  }
  EXPECT_EQ(signals.Wait(Deadline::After(std::chrono::milliseconds(1))), Request::kNone);
}

TEST_F(SignalsTest, ABrokenPipeKillsNobody) {
  Signals signals;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  ::close(ends[1]);
}

}  // namespace
}  // namespace signet::server
