// Drivers see nothing of src/base/limits.h, so they repeat its numbers.
#include "src/base/limits.h"

#include <gtest/gtest.h>

#include "drivers/lookup/ldap_directory.h"
#include "drivers/lookup/redis_protocol.h"

namespace signet::ldap {
namespace {

TEST(LdapLimits, AreThoseOfTheProgram) {
  const auto ms = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  EXPECT_EQ(kFilterNestingMax, limits::kLdapFilterNesting);
  EXPECT_EQ(kAnswerEntriesMax, limits::kLdapAnswerEntries);
  EXPECT_EQ(kReferralsMax, limits::kLdapReferrals);
  EXPECT_EQ(kReferralHopsMax, limits::kLdapReferralHops);
  EXPECT_EQ(kAnswerBytesMax, limits::kLdapAnswerBytes);
  EXPECT_EQ(kInFlightAnonymous, limits::kLdapInFlightAnonymous);
  EXPECT_EQ(kInFlightBound, limits::kLdapInFlightBound);
  EXPECT_EQ(kConnectMs, ms(limits::kDirectoryConnect));
  EXPECT_EQ(kAnswerMs, ms(limits::kDirectoryAnswer));
  EXPECT_EQ(kRetryMs, ms(limits::kDirectoryRetry));
}

TEST(RedisLimits, AreThoseOfTheProgram) {
  const auto ms = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  EXPECT_EQ(redis::kReplyMaxBytes, limits::kLookupAnswerBytes);
  EXPECT_EQ(redis::kConnectMs, ms(limits::kDirectoryConnect));
  EXPECT_EQ(redis::kAnswerMs, ms(limits::kDirectoryAnswer));
}

}  // namespace
}  // namespace signet::ldap
