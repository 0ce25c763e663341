#include <signet/driver_cpp.h>

#include "drivers/auth/dovecot_protocol.h"

#include <gtest/gtest.h>

namespace signet::dovecot {
namespace {

TEST(DovecotProtocol, FieldsAreEscapedAndComeBack) {
  const std::string all("a\0b\1c\td\re\nf", 11);
  EXPECT_EQ(Escape(all),
            "a\001"
            "0b\001"
            "1c\001td\001re\001nf");
  EXPECT_EQ(Unescape(Escape(all)), all);
  EXPECT_EQ(Unescape("x\001"), "x\001");
  EXPECT_EQ(Unescape("\001q"), "\001q");
}

TEST(DovecotProtocol, Base64IsStrict) {
  const std::string octets("\0ann\0sesame", 11);
  EXPECT_EQ(driver::DecodeBase64(""), "");
  EXPECT_EQ(driver::DecodeBase64("AGFubgBzZXNhbWU="), octets);
  EXPECT_EQ(driver::EncodeBase64(octets), "AGFubgBzZXNhbWU=");
  for (const char* bad : {"a", "ab", "abc", "ab=c", "a===", "====", "ab c", "abcd=", "ab\n="})
    EXPECT_EQ(driver::DecodeBase64(bad), std::nullopt) << bad;
}

TEST(DovecotProtocol, ARequestIsOneLine) {
  Facts facts;
  facts.secured = facts.verified_cert = true;
  facts.client_ip = "2001:db8::1";
  facts.local_ip = "192.0.2.2";
  const std::string_view response("\0ann\0sesame", 11);
  EXPECT_EQ(Request("PLAIN", facts, &response),
            "AUTH\t1\tPLAIN\tservice=smtp\tsecured\tvalid-client-cert\trip=2001:db8::1\t"
            "lip=192.0.2.2\tnologin\tresp=AGFubgBzZXNhbWU=\n");
  EXPECT_EQ(Request("LOGIN", Facts(), nullptr),
            "AUTH\t1\tLOGIN\tservice=smtp\trip=\tlip=\tnologin\n");
}

TEST(DovecotProtocol, ValuesOfAnAnswerAreUnescaped) {
  Reply reply;
  EXPECT_EQ(ReadReply("OK\t1\toriginal_user=x\tuser=a\001tb\tother", &reply), "");
  EXPECT_EQ(reply.kind, Reply::kAccepted);
  EXPECT_EQ(reply.user, "a\tb");
}

}  // namespace
}  // namespace signet::dovecot
