#include "drivers/lookup/ip_key.h"

#include <gtest/gtest.h>

namespace signet::driver {
namespace {

bool In(std::string_view network, std::string_view address) {
  const auto n = ReadIpKey(network), a = ReadIpKey(address);
  return n && a && Covers(*n, *a);
}

TEST(IpKey, CoversWhatBeginsWithTheSameBits) {
  EXPECT_TRUE(In("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(In("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(In("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(In("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(In("0.0.0.0/0", "198.51.100.1"));
  EXPECT_TRUE(In("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(In("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(In("2001:db8::/32", "2001:DB8::5"));
  EXPECT_FALSE(In("2001:db8::/32", "2001:db9::5"));
  EXPECT_TRUE(In("2001:db8::/127", "2001:db8::1"));
  EXPECT_FALSE(In("2001:db8::/127", "2001:db8::2"));
  EXPECT_FALSE(In("::/0", "10.0.0.1"));
}

TEST(IpKey, MappedAddressesAreIpv4) {
  EXPECT_TRUE(In("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(In("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_FALSE(In("::ffff:10.0.0.0/104", "11.1.2.3"));
}

TEST(IpKey, RefusesAllElse) {
  for (const char* text : {"", "*", "x", "192.0.2", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1",
                           "192.0.2.1/8x", " 192.0.2.1", "::/129", "192.0.2.1/+8", "fe80::1%eth0"})
    EXPECT_FALSE(ReadIpKey(text).has_value()) << text;
  EXPECT_FALSE(ReadIpKey(std::string_view("192.0.2.1\0", 10)).has_value());
}

}  // namespace
}  // namespace signet::driver
