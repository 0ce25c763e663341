#include "src/smtp/parse.h"

#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::smtp {
namespace {

std::string MailAddress(std::string_view argument) {
  const auto mail = ParseMail(argument, Parameters::kExtended);
  return mail ? '<' + mail.value().sender.Text() + '>' : Encode(mail.error());
}
std::string RcptAddress(std::string_view argument) {
  const auto rcpt = ParseRcpt(argument, Parameters::kExtended);
  return rcpt ? '<' + rcpt.value().recipient.Text() + '>' : Encode(rcpt.error());
}

TEST(ParseCommand, VerbsAreReadInAnyCase) {
  EXPECT_EQ(ParseCommand("ehlo Host.Example").verb, "EHLO");
  EXPECT_EQ(ParseCommand("ehlo Host.Example").argument, "Host.Example");
  EXPECT_EQ(ParseCommand("mail from:<a@b>").verb, "MAIL FROM:");
  EXPECT_EQ(ParseCommand("mail from:<a@b>").argument, "<a@b>");
}

TEST(ParseCommand, BlanksAtTheEndMeanNothing) {
  EXPECT_EQ(ParseCommand("QUIT \t ").verb, "QUIT");
  EXPECT_EQ(ParseCommand("QUIT \t ").argument, "");
  EXPECT_EQ(ParseCommand("").verb, "");
}

TEST(ParseCommand, TheColonBelongsToTheVerb) {
  EXPECT_EQ(ParseCommand("MAIL FROM: <a@b>").argument, "<a@b>");
  EXPECT_EQ(ParseCommand("MAIL FROM :<a@b>").verb, "MAIL");
  EXPECT_EQ(ParseCommand("MAIL  FROM:<a@b>").verb, "MAIL");
  EXPECT_EQ(ParseCommand("RCPT").verb, "RCPT");
}

TEST(ParseMail, TakesAddressesOfAllForms) {
  EXPECT_EQ(MailAddress("<alice@example.org>"), "<alice@example.org>");
  EXPECT_EQ(MailAddress("alice@example.org"), "<alice@example.org>");
  EXPECT_EQ(MailAddress("< alice@example.org >"), "<alice@example.org>");
  EXPECT_EQ(MailAddress("<>"), "<>");
  EXPECT_EQ(MailAddress("<Al.I+ce@Example.ORG>"), "<Al.I+ce@Example.ORG>");
  EXPECT_EQ(MailAddress("<a..b@c.example>"), "<a..b@c.example>");
  EXPECT_EQ(MailAddress("<@r1.example,@r2.example:a@b.example>"), "<a@b.example>");
}

TEST(ParseMail, QuotedLocalPartsAreUnquotedAndQuotedOnlyWhereTheyMust) {
  const auto mail = ParseMail(R"(<"a\"b c"@d.example>)", Parameters::kExtended);
  ASSERT_TRUE(mail.ok());
  EXPECT_EQ(mail.value().sender.local_part, "a\"b c");
  EXPECT_EQ(mail.value().sender.Text(), R"("a\"b c"@d.example)");
  EXPECT_EQ(MailAddress(R"(<"plain"@d.example>)"), "<plain@d.example>");
}

TEST(ParseMail, RuleS9TextThatIsNoAddressIsRefused) {
  EXPECT_EQ(MailAddress("<a b@c>"), "501 5.1.7 <a b@c>: '>' missing at end of address\r\n");
  EXPECT_EQ(MailAddress("<a@b"), "501 5.1.7 <a@b: '>' missing at end of address\r\n");
  EXPECT_EQ(MailAddress("<@b.example>"),
            "501 5.1.7 <@b.example>: ':' missing at end of source route\r\n");
  EXPECT_EQ(MailAddress("<a,b@c>"), "501 5.1.7 <a,b@c>: \"@\" or \".\" expected after \"a\"\r\n");
  EXPECT_EQ(MailAddress("<a@>"), "501 5.1.7 <a@>: domain missing or malformed\r\n");
  EXPECT_EQ(MailAddress("<a@b..c>"), "501 5.1.7 <a@b..c>: domain missing or malformed\r\n");
  EXPECT_EQ(MailAddress("<a@b.>"), "501 5.1.7 <a@b.>: domain missing or malformed\r\n");
  EXPECT_EQ(MailAddress("<a@[127.0.0.1]>"),
            "501 5.1.7 <a@[127.0.0.1]>: domain literals not allowed\r\n");
  EXPECT_EQ(MailAddress("<a@b@c>"), "501 5.1.7 <a@b@c>: '>' missing at end of address\r\n");
  EXPECT_EQ(MailAddress("<\"\"@b>"), "501 5.1.7 <\"\"@b>: missing or malformed local part\r\n");
  EXPECT_EQ(MailAddress("<\"a@b>"), "501 5.1.7 <\"a@b>: closing quote missing in local part\r\n");
  EXPECT_EQ(MailAddress("<a@b>c"),
            "501 5.1.7 <a@b>c: malformed address: c may not follow <a@b>\r\n");
  EXPECT_EQ(MailAddress(""), "501 5.5.4 MAIL must have an address operand\r\n");
  EXPECT_EQ(MailAddress("<a>"), "501 5.1.7 <a>: sender address must contain a domain\r\n");
}

TEST(ParseMail, RuleS9ControlCharactersNeverPass) {
  for (int c = 0; c < 0x20; ++c) {
    const std::string octet(1, static_cast<char>(c));
    EXPECT_FALSE(ParseMail("<a" + octet + "@b>", Parameters::kExtended).ok()) << c;
    EXPECT_FALSE(ParseMail("<\"a" + octet + "\"@b>", Parameters::kExtended).ok()) << c;
    EXPECT_FALSE(ParseMail("<\"a\\" + octet + "\"@b>", Parameters::kExtended).ok()) << c;
    EXPECT_FALSE(ParseMail("<a@b" + octet + ">", Parameters::kExtended).ok()) << c;
  }
  EXPECT_EQ(MailAddress("<a\x7f@b>"), "501 5.1.7 <a\\177@b>: control character in address\r\n");
}

TEST(ParseMail, RuleS9OctetsAbove127WantSmtputf8) {
  EXPECT_TRUE(MailAddress("<\xc3\xa9@b>").starts_with("553 5.6.7 "));
  EXPECT_TRUE(MailAddress("<a\xc3\xa9@b>").starts_with("553 5.6.7 "));
  EXPECT_TRUE(MailAddress("<a@b\xc3\xa9>").starts_with("553 5.6.7 "));
  EXPECT_TRUE(MailAddress("<\"\xc3\xa9\"@b>").starts_with("553 5.6.7 "));
}

TEST(ParseMail, PartsHaveLimits) {
  const std::string label(kDomainLabelMaxBytes, 'd');
  EXPECT_TRUE(ParseMail("<a@" + label + ".example>", Parameters::kExtended).ok());
  EXPECT_FALSE(ParseMail("<a@" + label + "d.example>", Parameters::kExtended).ok());
  std::string domain = "d";
  while (domain.size() < kDomainMaxBytes) domain += ".d";
  EXPECT_TRUE(ParseMail("<a@" + domain + ">", Parameters::kExtended).ok());
  EXPECT_FALSE(ParseMail("<a@" + domain + "d>", Parameters::kExtended).ok());
  const std::string local(kLocalPartMaxBytes, 'l');
  EXPECT_TRUE(ParseMail("<" + local + "@d>", Parameters::kExtended).ok());
  EXPECT_FALSE(ParseMail("<" + local + "l@d>", Parameters::kExtended).ok());
}

TEST(ParseMail, ReadsItsParametersInAnyOrderAndCase) {
  const auto mail =
      ParseMail("<a@b.example> body=8bitmime SIZE=1234 auth=e+3Dmc2", Parameters::kExtended);
  ASSERT_TRUE(mail.ok());
  EXPECT_EQ(mail.value().path, "<a@b.example>");
  EXPECT_TRUE(mail.value().body_8bitmime);
  EXPECT_EQ(mail.value().size_bytes, 1234U);
  EXPECT_EQ(mail.value().auth, "e=mc2");
  EXPECT_EQ(mail.value().auth_typed, "e+3Dmc2");
}

TEST(ParseMail, RuleS7NumbersAreParsedInFull) {
  EXPECT_EQ(MailAddress("<a@b> SIZE=12x"), "501 5.5.4 invalid data for SIZE\r\n");
  EXPECT_EQ(MailAddress("<a@b> SIZE="), "501 5.5.4 invalid data for SIZE\r\n");
  EXPECT_EQ(MailAddress("<a@b> SIZE"), "501 5.5.4 invalid data for SIZE\r\n");
  EXPECT_EQ(MailAddress("<a@b> SIZE=-1"), "501 5.5.4 invalid data for SIZE\r\n");
  const auto big = ParseMail("<a@b> SIZE=99999999999999999999", Parameters::kExtended);
  ASSERT_TRUE(big.ok());
  EXPECT_EQ(big.value().size_bytes, UINT64_MAX);
  EXPECT_FALSE(ParseMail("<a@b> SIZE=100000000000000000000", Parameters::kExtended).ok());
}

TEST(ParseMail, RuleS7UnknownAndRepeatedParametersAreErrors) {
  EXPECT_EQ(MailAddress("<a@b> FOO=1"),
            "501 5.5.4 <a@b> FOO=1: malformed address: FOO=1 may not follow <a@b>\r\n");
  EXPECT_EQ(MailAddress("<a@b> SIZE=1 SIZE=1"), "501 5.5.4 SIZE can be specified once only\r\n");
  EXPECT_EQ(MailAddress("<a@b> BODY=7BIT BODY=7BIT"),
            "501 5.5.4 BODY can be specified once only\r\n");
  EXPECT_EQ(MailAddress("<a@b> BODY=BINARYMIME"), "501 5.5.4 invalid data for BODY\r\n");
  EXPECT_EQ(MailAddress("<a@b> AUTH=+zz"), "501 5.5.4 invalid data for AUTH\r\n");
  EXPECT_EQ(MailAddress("<a@b> AUTH="), "501 5.5.4 invalid data for AUTH\r\n");
  EXPECT_FALSE(ParseMail("<a@b> SIZE=1", Parameters::kNone).ok());
}

TEST(ParseRcpt, TakesOneAddressAndNothingElse) {
  EXPECT_EQ(RcptAddress("<bob@example.org>"), "<bob@example.org>");
  EXPECT_EQ(RcptAddress("<Postmaster>"), "<Postmaster>");
  EXPECT_EQ(RcptAddress("<>"), "501 5.1.3 <>: missing or malformed local part\r\n");
  EXPECT_EQ(RcptAddress("<bob>"), "501 5.1.3 <bob>: recipient address must contain a domain\r\n");
  EXPECT_EQ(RcptAddress(""), "501 5.5.4 RCPT must have an address operand\r\n");
  EXPECT_EQ(
      RcptAddress("<a@b> NOTIFY=NEVER"),
      "501 5.5.4 <a@b> NOTIFY=NEVER: malformed address: NOTIFY=NEVER may not follow <a@b>\r\n");
}

TEST(HeloName, IsADomainOrAnAddressLiteral) {
  for (const char* good : {"c", "mail.example.org", "a-b.c", "[192.0.2.1]", "[IPv6:2001:db8::1]"})
    EXPECT_TRUE(IsHeloName(good)) << good;
  for (const char* bad : {"", "a b", "a_b", "a(b)", "[]", "[a]", "[192.0.2]", "[IPv6:]", "a\r"})
    EXPECT_FALSE(IsHeloName(bad)) << bad;
  EXPECT_FALSE(IsHeloName(std::string("[127.0.0.1\0x]", 13)));
  EXPECT_TRUE(IsHeloName(std::string(kDomainMaxBytes, 'a')));
  EXPECT_FALSE(IsHeloName(std::string(kDomainMaxBytes + 1, 'a')));
}

// --- RFC 6531 -----------------------------------------------------------------------------

constexpr Parameters kAll{.extended = true, .dsn = true, .smtputf8 = true};

TEST(ParseMail, Utf8AddressesWantSmtputf8) {
  const std::string address = "<\xc3\xa9t\xc3\xa9@\xe4\xbe\x8b\xe3\x81\x88.example>";
  const auto mail = ParseMail(address + " SMTPUTF8", kAll);
  ASSERT_TRUE(mail);
  EXPECT_TRUE(mail.value().smtputf8);
  EXPECT_EQ('<' + mail.value().sender.Text() + '>', address);
  EXPECT_EQ(ParseMail(address, kAll).error().code, 553);
  EXPECT_EQ(ParseMail(address, kAll).error().enhanced, "5.6.7");
  EXPECT_EQ(ParseMail("<a@b.example> SMTPUTF8", Parameters::kExtended).error().code, 501);
  EXPECT_FALSE(ParseMail("<a@b.example> SMTPUTF8=1", kAll));
  EXPECT_FALSE(ParseMail("<a@b.example> SMTPUTF8 SMTPUTF8", kAll));
  EXPECT_TRUE(ParseRcpt(address, kAll));
  EXPECT_EQ(ParseRcpt(address, Parameters::kExtended).error().code, 553);
}

TEST(ParseMail, RuleS9WhatIsNoUtf8OrAControlIsNoAddress) {
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                          "\xc2\x80", "\xc2\x85", "\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    const std::string octets = bad;
    EXPECT_FALSE(ParseMail("<a" + octets + "@b.example> SMTPUTF8", kAll)) << octets;
    EXPECT_FALSE(ParseMail("<\"a" + octets + "\"@b.example> SMTPUTF8", kAll)) << octets;
    EXPECT_FALSE(ParseMail("<a@b" + octets + ".example> SMTPUTF8", kAll)) << octets;
  }
}

TEST(ParseMail, DotsOfOtherScriptsAreNoDots) {
  for (const char* dot : {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"})
    EXPECT_FALSE(ParseMail(std::string("<a@b") + dot + "example> SMTPUTF8", kAll)) << dot;
}

// --- RFC 3461 -----------------------------------------------------------------------------

TEST(ParseMail, ReadsRetAndEnvid) {
  const auto mail = ParseMail("<a@b.example> ret=hdrs ENVID=QQ+2B314159", kAll);
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail.value().ret, "HDRS");
  EXPECT_EQ(mail.value().envid, "QQ+2B314159");
  for (const char* bad : {"RET=", "RET", "RET=ALL", "RET=FULL RET=FULL", "ENVID=", "ENVID=a+0D",
                          "ENVID=a+zz", "ENVID=a=b", "ENVID=x ENVID=x"})
    EXPECT_FALSE(ParseMail(std::string("<a@b.example> ") + bad, kAll)) << bad;
  EXPECT_FALSE(ParseMail("<a@b.example> RET=FULL", Parameters::kExtended));
}

TEST(ParseMail, RuleR2EnvidHasALimit) {
  const std::string fits(limits::kEnvidMaxBytes, 'x');
  EXPECT_TRUE(ParseMail("<a@b.example> ENVID=" + fits, kAll));
  EXPECT_FALSE(ParseMail("<a@b.example> ENVID=x" + fits, kAll));
}

TEST(ParseRcpt, ReadsNotifyAndOrcpt) {
  const auto rcpt = ParseRcpt("<a@b.example> NOTIFY=success,Failure ORCPT=rfc822;a+2Bx@b", kAll);
  ASSERT_TRUE(rcpt);
  EXPECT_EQ(rcpt.value().notify, "SUCCESS,FAILURE");
  EXPECT_EQ(rcpt.value().orcpt, "rfc822;a+2Bx@b");
  EXPECT_TRUE(ParseRcpt("<a@b.example> NOTIFY=NEVER", kAll));
  for (const char* bad :
       {"NOTIFY=", "NOTIFY", "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,DELAY", "NOTIFY=DELAY,",
        "NOTIFY=,DELAY", "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=a@b", "ORCPT=;a@b", "ORCPT=rfc822;",
        "ORCPT=rfc822;a+0Ab", "ORCPT=rf c822;a", "ORCPT=rf_c;a", "ORCPT=rfc822;a ORCPT=rfc822;a"})
    EXPECT_FALSE(ParseRcpt(std::string("<a@b.example> ") + bad, kAll)) << bad;
  EXPECT_FALSE(ParseRcpt("<a@b.example> NOTIFY=NEVER", Parameters::kExtended));
}

TEST(ParseRcpt, RuleR2OrcptHasALimit) {
  const std::string fits = "rfc822;" + std::string(limits::kOrcptMaxBytes - 7, 'x');
  EXPECT_TRUE(ParseRcpt("<a@b.example> ORCPT=" + fits, kAll));
  EXPECT_FALSE(ParseRcpt("<a@b.example> ORCPT=" + fits + 'x', kAll));
}

TEST(ParseRcpt, OriginalRecipientsInUtf8AsRfc6533Has) {
  for (const char* good :
       {"utf-8;a@b", "utf-8;\\x{e9}t\\x{E9}@b", "utf-8;\\x{5C}\\x{20}\\x{10ffff}"})
    EXPECT_TRUE(ParseRcpt(std::string("<a@b.example> ORCPT=") + good, Parameters{.dsn = true}))
        << good;
  for (const char* bad : {"utf-8;", "utf-8;a+2Bb", "utf-8;a=b", "utf-8;\\x{0A}", "utf-8;\\x{85}",
                          "utf-8;\\x{00e9}", "utf-8;\\x{d800}", "utf-8;\\x{110000}", "utf-8;\\x{e9",
                          "utf-8;\\y", "utf-8;\\x{}", "utf-8;\xc3\xa9"})
    EXPECT_FALSE(ParseRcpt(std::string("<a@b.example> ORCPT=") + bad, Parameters{.dsn = true}))
        << bad;
  EXPECT_TRUE(ParseRcpt("<a@b.example> ORCPT=utf-8;\xc3\xa9", kAll));
}

// --- further choices ----------------------------------------------------------------------

TEST(ParseRcpt, DomainLiteralsWhereTheyAreAllowed) {
  const Parameters may{.literals = true};
  for (const char* good : {"<a@[192.0.2.1]>", "<a@[IPv6:2001:db8::1]>", "a@[192.0.2.1]"})
    EXPECT_TRUE(ParseRcpt(good, may)) << good;
  for (const char* bad : {"<a@[192.0.2]>", "<a@[192.0.2.1>", "<a@[]>", "<a@[x.example]>",
                          "<a@[192.0.2.1]b>", "<a@[192.0.2.1].b>"})
    EXPECT_FALSE(ParseRcpt(bad, may)) << bad;
  EXPECT_FALSE(ParseRcpt("<a@[192.0.2.1]>", Parameters::kExtended));
}

TEST(ParseRcpt, AddressesWithoutADomainWhereTheyAreAllowed) {
  EXPECT_TRUE(ParseRcpt("<a>", Parameters{.unqualified = true}));
  EXPECT_TRUE(ParseMail("<a>", Parameters{.unqualified = true}));
  EXPECT_FALSE(ParseRcpt("<a>", Parameters::kExtended));
  EXPECT_FALSE(ParseRcpt("<>", Parameters{.unqualified = true}));
}

TEST(IsHeloName, MayHaveFurtherCharacters) {
  EXPECT_TRUE(IsHeloName("a_b", "_"));
  EXPECT_FALSE(IsHeloName("a_b"));
  EXPECT_FALSE(IsHeloName("a b", "_"));
}

}  // namespace
}  // namespace signet::smtp
