// Drivers see nothing of src/base/limits.h, so they repeat its numbers.
#include "src/base/limits.h"

#include <gtest/gtest.h>

#include "drivers/lookup/http_query.h"
#include "drivers/lookup/ldap_directory.h"
#include "drivers/lookup/redis_protocol.h"
#include "drivers/lookup/smtp_reply.h"

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

TEST(HttpLimits, AreThoseOfTheProgram) {
  EXPECT_EQ(http::kAnswerMaxBytes, limits::kHttpAnswerBytes);
  EXPECT_EQ(http::kHeaderMaxBytes, limits::kHttpHeaderBytes);
  EXPECT_EQ(http::kAtOnce, limits::kHttpAtOnce);
  EXPECT_EQ(http::kRedirectsMax, limits::kHttpRedirects);
  EXPECT_EQ(http::kUrlMaxBytes, limits::kHttpUrlBytes);
}

TEST(SmtpAuthLimits, AreThoseOfTheProgram) {
  EXPECT_EQ(smtpauth::kReplyLinesMax, limits::kSmtpAuthReplyLines);
  EXPECT_EQ(smtpauth::kReplyLineMaxBytes, limits::kSmtpAuthReplyLineBytes);
  EXPECT_EQ(smtpauth::kConnectMs, std::chrono::milliseconds(limits::kSmtpAuthConnect).count());
}

}  // namespace
}  // namespace signet::ldap
