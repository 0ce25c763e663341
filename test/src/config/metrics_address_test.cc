#include "src/config/metrics_address.h"

#include <gtest/gtest.h>

namespace signet::config {
namespace {

std::string Shown(const std::string& text) {
  const auto read = ReadMetricsAddress(text);
  if (!read) return read.error();
  const MetricsAddress& address = read.value();
  return address.path.empty() ? address.ip + ' ' + std::to_string(address.port) : address.path;
}

TEST(MetricsAddress, IsALoopbackAddressWithAPortOrAPath) {
  EXPECT_EQ(Shown("127.0.0.1:9465"), "127.0.0.1 9465");
  EXPECT_EQ(Shown("127.9.9.9:1"), "127.9.9.9 1");
  EXPECT_EQ(Shown("[::1]:65535"), "::1 65535");
  EXPECT_EQ(Shown("/run/signet/metrics"), "/run/signet/metrics");
  EXPECT_FALSE(ReadMetricsAddress("").value().set());
}

TEST(MetricsAddress, IsNothingThatOthersCouldReach) {
  const std::string others = "address is not one of this machine alone";
  for (const char* text : {"0.0.0.0:9465", "192.0.2.1:9465", "[::]:9465", "[2001:db8::1]:9465",
                           "[::ffff:192.0.2.1]:9465", "localhost:9465", ":9465"})
    EXPECT_EQ(Shown(text), others) << text;
}

TEST(MetricsAddress, SaysWhatIsWrong) {
  EXPECT_EQ(Shown("127.0.0.1"), "address has no port");
  EXPECT_EQ(Shown("127.0.0.1:"), "port is not a number from 1 to 65535");
  EXPECT_EQ(Shown("127.0.0.1:0"), "port is not a number from 1 to 65535");
  EXPECT_EQ(Shown("127.0.0.1:65536"), "port is not a number from 1 to 65535");
  EXPECT_EQ(Shown("::1:9465"), "address of IPv6 is not in brackets");
  EXPECT_EQ(Shown("/" + std::string(106, 'x')), "/" + std::string(106, 'x'));
  EXPECT_EQ(Shown("/" + std::string(107, 'x')), "path of a socket is too long");
}

}  // namespace
}  // namespace signet::config
