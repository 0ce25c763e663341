#include "src/relay/offered.h"

#include <gtest/gtest.h>

namespace signet::relay {
namespace {

Offered Of(const std::string& octets) {
  ReplyParser parser;
  EXPECT_EQ(parser.Feed(octets), ReplyParser::State::kDone) << octets;
  return ReadOffered(parser.reply());
}

TEST(OfferedTest, KnowsWhatAnUpstreamSaysItCan) {
  const Offered all =
      Of("250-mx.example greets you\r\n250-SIZE 10240000\r\n250-8bitmime\r\n250-SMTPUTF8\r\n"
         "250-DSN\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n"
         "250-AUTH PLAIN cram-md5\r\n250-XCLIENT NAME ADDR LOGIN\r\n"
         "250 LIMITS MAILMAX=20 RCPTMAX=1000\r\n");
  EXPECT_TRUE(all.size && all.eight_bit_mime && all.smtputf8 && all.dsn && all.pipelining &&
              all.starttls && all.chunking && all.enhanced_status_codes && all.auth);
  EXPECT_EQ(all.size_max, 10240000u);
  EXPECT_TRUE(all.Mechanism("PLAIN") && all.Mechanism("CRAM-MD5"));
  EXPECT_FALSE(all.Mechanism("LOGIN"));
  EXPECT_TRUE(all.Xclient("LOGIN") && all.Xclient("ADDR"));
  EXPECT_FALSE(all.Xclient("PORT"));
  EXPECT_EQ(all.mail_max, 20u);
  EXPECT_EQ(all.rcpt_max, 1000u);
}

TEST(OfferedTest, TheFirstLineIsAGreeting) {
  EXPECT_FALSE(Of("250-STARTTLS\r\n250 DSN\r\n").starttls);
  EXPECT_FALSE(Of("250 DSN\r\n").dsn);
}

TEST(OfferedTest, OddNumbersAreNoLimits) {
  for (const char* size : {"SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999999999999", "SIZE -1"}) {
    const Offered offered = Of(std::string("250-mx\r\n250 ") + size + "\r\n");
    EXPECT_TRUE(offered.size) << size;
    EXPECT_EQ(offered.size_max, 0u) << size;
  }
  EXPECT_EQ(Of("250-mx\r\n250 LIMITS RCPTMAX=x MAILMAX\r\n").rcpt_max, 0u);
  EXPECT_FALSE(Of("250-mx\r\n250-SIZES 1\r\n250 \r\n").size);
}

}  // namespace
}  // namespace signet::relay
