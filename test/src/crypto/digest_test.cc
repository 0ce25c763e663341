#include "src/crypto/digest.h"

#include <gtest/gtest.h>

#include "src/base/codec.h"

namespace signet::crypto {
namespace {

TEST(Digest, MatchesPublishedVectors) {
  EXPECT_EQ(HexLower(Md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(HexLower(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(HexLower(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexLower(Sha384("abc")).substr(0, 16), "cb00753f45a35e8b");
  EXPECT_EQ(HexLower(Sha512("abc")).substr(0, 16), "ddaf35a193617aba");
}

TEST(Digest, NulIsAnOctetLikeAnyOther) {
  EXPECT_NE(Sha256(std::string_view("a\0b", 3)), Sha256("a"));
}

TEST(Hmac, MatchesRfc2202AndRfc4231) {
  EXPECT_EQ(HexLower(HmacMd5("Jefe", "what do ya want for nothing?")),
            "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(HexLower(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, TakesAnEmptyKey) {
  EXPECT_EQ(HexLower(HmacSha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(RandomOctets, GivesTheCountAskedForAndNotTheSameTwice) {
  EXPECT_EQ(RandomOctets(0), "");
  EXPECT_EQ(RandomOctets(32).size(), 32u);
  EXPECT_NE(RandomOctets(32), RandomOctets(32));
}

TEST(EqualSecrets, RuleL12ComparesLengthAndEveryOctet) {
  EXPECT_TRUE(EqualSecrets("", ""));
  EXPECT_TRUE(EqualSecrets("secret", "secret"));
  EXPECT_FALSE(EqualSecrets("secret", "secreT"));
  EXPECT_FALSE(EqualSecrets("Secret", "secret"));
  EXPECT_FALSE(EqualSecrets("secret", "secre"));
}

}  // namespace
}  // namespace signet::crypto
