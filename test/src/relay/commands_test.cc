#include "src/relay/commands.h"

#include <gtest/gtest.h>

namespace signet::relay {
namespace {

const Offered kAll = {
    .eight_bit_mime = true, .smtputf8 = true, .dsn = true, .size = true, .size_max = 1000};

facts::Envelope EnvelopeOf(std::string local_part, std::string domain) {
  facts::Envelope envelope;
  envelope.sender = local_part + '@' + domain;
  envelope.sender_local_part = std::move(local_part);
  envelope.sender_domain = std::move(domain);
  return envelope;
}

std::string Shown(const Result<std::string, Reply>& line) {
  if (line.ok()) return line.value();
  return std::to_string(line.error().code) + ' ' + line.error().enhanced;
}

std::string Mail(const facts::Envelope& envelope, const TransactionOptions& options,
                 const Offered& offered) {
  return Shown(MailCommand(envelope, options, offered));
}

TEST(MailCommandTest, RuleU7SaysWhatTheUpstreamOffers) {
  facts::Envelope envelope = EnvelopeOf("alice", "example.org");
  envelope.smtputf8 = true;
  envelope.dsn_ret = "HDRS";
  envelope.dsn_envid = "QQ+2B314159";
  EXPECT_EQ(Mail(envelope, {true, 1000}, kAll),
            "MAIL FROM:<alice@example.org> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS "
            "ENVID=QQ+2B314159");
  EXPECT_EQ(Mail(envelope, {true, 1000}, {}), "MAIL FROM:<alice@example.org>");
}

TEST(MailCommandTest, RuleU7WhatIsTooLargeIsRefused) {
  const facts::Envelope envelope = EnvelopeOf("alice", "example.org");
  EXPECT_EQ(Mail(envelope, {false, 1001}, kAll), "552 5.3.4");
  EXPECT_EQ(Mail(envelope, {false, 1001}, {.size = true}),
            "MAIL FROM:<alice@example.org> SIZE=1001");
}

TEST(MailCommandTest, RuleU7InternationalAddressesNeedSmtputf8) {
  facts::Envelope envelope = EnvelopeOf("j\xc3\xb6rg", "b\xc3\xbc.example");
  envelope.smtputf8 = true;
  EXPECT_EQ(Mail(envelope, {}, kAll), "MAIL FROM:<j\xc3\xb6rg@b\xc3\xbc.example> SMTPUTF8");
  EXPECT_EQ(Mail(envelope, {}, {}), "553 5.6.7");
  envelope.smtputf8 = false;
  EXPECT_EQ(Mail(envelope, {}, kAll), "553 5.1.7");
  envelope = EnvelopeOf("j\xc3", "example.org");
  envelope.smtputf8 = true;
  EXPECT_EQ(Mail(envelope, {}, kAll), "553 5.1.7");
}

TEST(RcptCommandTest, RuleU2ParametersAreEncodedAnew) {
  const facts::Envelope envelope;
  facts::Recipient bob{"bob@example.com", "bob", "example.com"};
  bob.notify = "SUCCESS,FAILURE";
  bob.orcpt = "rfc822;bob+2Bx@example.com";
  const auto rcpt = [&](const Offered& offered) {
    return Shown(RcptCommand(bob, envelope, offered));
  };
  EXPECT_EQ(rcpt(kAll),
            "RCPT TO:<bob@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@example.com");
  EXPECT_EQ(rcpt({}), "RCPT TO:<bob@example.com>");
  for (const char* bad : {"rfc822", ";bob", "rf c;bob", "rfc822;b+0", "rfc822;b ob", "x\r\n;y"}) {
    bob.orcpt = bad;
    EXPECT_EQ(rcpt(kAll), "RCPT TO:<bob@example.com> NOTIFY=SUCCESS,FAILURE") << bad;
  }
  bob.orcpt.clear();
  bob.notify = "NEVER ORCPT=x";
  EXPECT_EQ(rcpt(kAll), "RCPT TO:<bob@example.com>");
  bob.local_part = "b\xc3\xb6b";
  EXPECT_EQ(rcpt(kAll), "553 5.1.3");
}

TEST(ContentCheckTest, RuleU7InternationalHeadersAreNotDowngraded) {
  facts::Envelope envelope;
  envelope.smtputf8 = true;
  ContentCheck check(envelope, {}, {.eight_bit_mime = true});
  EXPECT_TRUE(check.Allows("Subject: x"));
  EXPECT_FALSE(check.Allows("From: J\xc3\xb6rg"));
  EXPECT_EQ(check.problem().enhanced, "5.6.7");
  EXPECT_FALSE(check.Allows("Subject: y"));  // there is no way back
  ContentCheck body(envelope, {}, {.eight_bit_mime = true});
  EXPECT_TRUE(body.Allows("Subject: x"));
  EXPECT_TRUE(body.Allows(""));
  EXPECT_TRUE(body.Allows("\xc3\xb6"));
  ContentCheck able(envelope, {true, 0}, kAll);
  EXPECT_TRUE(able.Allows("From: J\xc3\xb6rg"));
}

TEST(ContentCheckTest, RuleU7EightBitBodiesAreNotDowngraded) {
  const facts::Envelope envelope;
  ContentCheck check(envelope, {true, 0}, {});
  EXPECT_TRUE(check.Allows(""));
  EXPECT_FALSE(check.Allows("\xe4"));
  EXPECT_EQ(check.problem().enhanced, "5.6.3");
}

}  // namespace
}  // namespace signet::relay
