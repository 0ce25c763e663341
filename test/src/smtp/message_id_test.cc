#include "src/smtp/message_id.h"

#include <gtest/gtest.h>

#include <set>

namespace signet::smtp {
namespace {

TEST(Base62, CountsDigitsCapitalsSmallLetters) {
  EXPECT_EQ(Base62(0, 4), "0000");
  EXPECT_EQ(Base62(9, 1), "9");
  EXPECT_EQ(Base62(10, 1), "A");
  EXPECT_EQ(Base62(36, 1), "a");
  EXPECT_EQ(Base62(61, 1), "z");
  EXPECT_EQ(Base62(62, 2), "10");
  EXPECT_EQ(Base62(UINT64_MAX, 11), "LygHa16AHYF");
}

TEST(MessageId, HasGroupsOfSixSixAndTwoDigits) {
  const std::string id = MakeMessageId(WallTime(std::chrono::seconds(1795185470)));
  ASSERT_EQ(id.size(), 16U);
  EXPECT_EQ(id[6], '-');
  EXPECT_EQ(id[13], '-');
  EXPECT_EQ(id.substr(0, 6), Base62(1795185470, 6));
  EXPECT_EQ(id.substr(14), "00");
  const std::string later = MakeMessageId(WallTime(std::chrono::microseconds(1795185470'999'999)));
  EXPECT_EQ(later.substr(0, 6), id.substr(0, 6));
  EXPECT_EQ(later.substr(14), "zz");
}

TEST(MessageId, IsNeverGivenTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 13'000; ++i) EXPECT_TRUE(seen.insert(MakeMessageId(WallTime{})).second);
}

}  // namespace
}  // namespace signet::smtp
