// Drivers see nothing of src/base/limits.h, so they repeat its numbers.
#include <gtest/gtest.h>

#include "drivers/auth/dovecot_protocol.h"
#include "src/base/limits.h"

namespace signet::dovecot {
namespace {

TEST(DovecotLimits, AreThoseOfTheProgram) {
  using std::chrono::milliseconds;
  EXPECT_EQ(kLineMaxBytes, limits::kDovecotLineBytes);
  EXPECT_EQ(kGreetingLinesMax, limits::kDovecotGreetingLines);
  EXPECT_EQ(kConnectMs, milliseconds(limits::kDovecotConnect).count());
  EXPECT_EQ(kAnswerMs, milliseconds(limits::kDovecotAnswer).count());
}

}  // namespace
}  // namespace signet::dovecot
