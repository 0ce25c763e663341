#include "drivers/auth/hash.h"

#include <gtest/gtest.h>
#include <signet/driver_cpp.h>

namespace signet::auth_drivers {
namespace {

TEST(AuthHash, Rfc2195Example) {
  EXPECT_EQ(Hex(HmacMd5("tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>")),
            "b913a602c7eda7a495b4e6e7334d3890");
}

TEST(AuthHash, Rfc4231HmacSha256) {
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(AuthHash, Sha256OfNothing) {
  EXPECT_EQ(Hex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(AuthHash, Rfc7914Pbkdf2) {
  EXPECT_EQ(Hex(Pbkdf2Sha256("passwd", "salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  EXPECT_EQ(Hex(Pbkdf2Sha256("Password", "NaCl", 80000)),
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

TEST(SameSecret, RuleL12EveryOctetCounts) {
  const std::string secret = "there is no such secret";
  EXPECT_TRUE(driver::SameSecret(secret, secret));
  EXPECT_TRUE(driver::SameSecret("", ""));
  EXPECT_FALSE(driver::SameSecret(secret, secret.substr(1)));
  for (std::size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] ^= 1;
    EXPECT_FALSE(driver::SameSecret(secret, other)) << i;
  }
}

TEST(AuthHash, RandomOctetsAreNotTheSameTwice) {
  EXPECT_EQ(Random(24).size(), 24u);
  EXPECT_NE(Random(24), Random(24));
}

}  // namespace
}  // namespace signet::auth_drivers
