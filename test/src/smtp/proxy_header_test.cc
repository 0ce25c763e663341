#include "src/smtp/proxy_header.h"

#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::smtp {
namespace {

using namespace std::string_literals;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string Two(std::size_t n) {
  return {static_cast<char>(n >> 8 & 0xff), static_cast<char>(n & 0xff)};
}
std::string Field(int type, const std::string& value) {
  return static_cast<char>(type) + Two(value.size()) + value;
}
std::string Second(
    const std::string& fields, char command = 0x21, char family = 0x11,
    const std::string& addresses = "\xc6\x33\x64\x07\xcb\x00\x71\x09\x04\xd2\x02\x4b"s) {
  return kSignature + command + family + Two(addresses.size() + fields.size()) + addresses + fields;
}

std::string ErrorOf(const std::string& whole) {
  const auto header = ParseProxyHeader(whole);
  return header ? "" : header.error();
}

// What is read of `input` by whoever reads no more than is wanted, `most` octets at a time.
std::string ReadOf(const std::string& input, std::size_t most) {
  std::string read;
  while (const std::size_t wanted = ProxyOctetsWanted(read)) {
    const std::string more = input.substr(read.size(), std::min(wanted, most));
    if (more.empty()) break;
    read += more;
  }
  return read;
}

TEST(ProxyHeader, RuleS15NothingBehindItIsRead) {
  const std::vector<std::string> headers = {"PROXY UNKNOWN\r\n",
                                            "PROXY TCP4 1.2.3.4 5.6.7.8 1 65535\r\n",
                                            "PROXY TCP6 ::1 2001:db8::1 0 9\r\n",
                                            Second(""),
                                            Second(Field(2, "mx")),
                                            Second("", 0x20, 0, "")};
  for (const std::string& header : headers)
    for (std::size_t most : {1U, 3U, 15U, 5000U})
      EXPECT_EQ(ReadOf(header + "EHLO c\r\n", most), header);
}

TEST(ProxyHeader, WhatCannotBecomeAHeaderIsNotReadOn) {
  for (const char* other : {"EHLO c\r\n", "\x16\x03\x01", "PROXZ", "\r\nPROXY"})
    EXPECT_LE(ReadOf(std::string(other) + std::string(500, 'x'), 1).size(), 5U) << other;
}

TEST(ProxyHeader, RuleR2ALineOfVersion1HasItsLimit) {
  const std::string unknown = "PROXY UNKNOWN ";
  const std::string fits = unknown + std::string(107 - 2 - unknown.size(), 'x') + "\r\n";
  const std::string over = unknown + std::string(108 - 2 - unknown.size(), 'x') + "\r\n";
  EXPECT_EQ(ReadOf(fits, 1), fits);
  EXPECT_EQ(ErrorOf(fits), "");
  EXPECT_EQ(ReadOf(over, 1).size(), 107U);
  EXPECT_NE(ErrorOf(ReadOf(over, 1)), "");
}

TEST(ProxyHeader, RuleR2VersionTwoHasItsLimits) {
  const std::size_t room = limits::kProxyHeaderMaxBytes - Second("").size() - 3;
  EXPECT_EQ(ErrorOf(Second(Field(0xe0, std::string(room, 'x')))), "");
  const std::string over = Second(Field(0xe0, std::string(room + 1, 'x')));
  EXPECT_EQ(ErrorOf(over), "too long");
  EXPECT_EQ(ReadOf(over, 5000).size(), 16U);
  std::string fields;
  for (std::size_t i = 0; i < limits::kProxyTlvsMax; ++i) fields += Field(0xe0, "x");
  EXPECT_EQ(ErrorOf(Second(fields)), "");
  EXPECT_EQ(ErrorOf(Second(fields + Field(0xe0, "x"))), "malformed fields");
}

TEST(ProxyHeader, LinesThatAreAlmostRightAreWrong) {
  for (const char* line : {
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
           "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
           "PROXY TCP4 ::1 ::1 1 2\r\n",
           "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
           "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
           "PROXY \r\n",
           "PROXY TCP6 ::1%lo ::1 1 2\r\n",
       })
    EXPECT_NE(ErrorOf(line), "") << line;
}

TEST(ProxyHeader, FieldsAreKeptByTypeAndTheLastCounts) {
  const auto header =
      ParseProxyHeader(Second(Field(2, "first") + Field(4, "padding") + Field(0xe0, "\0x"s) +
                              Field(2, "last") + Field(0x22, "not here")));
  ASSERT_TRUE(header);
  EXPECT_EQ(header.value().tlvs.at(2), "last");
  EXPECT_EQ(header.value().tlvs.at(0xe0), "\0x"s);
  EXPECT_EQ(header.value().tlvs.size(), 2U);
}

TEST(ProxyHeader, FieldsAboutTlsAreTakenApart) {
  const std::string tls = "\x03\0\0\0\0"s + Field(0x21, "TLSv1.2") + Field(0x22, "ann");
  const auto header = ParseProxyHeader(Second(Field(0x20, tls)));
  ASSERT_TRUE(header);
  EXPECT_EQ(header.value().tlvs.at(0x21), "TLSv1.2");
  EXPECT_EQ(header.value().tlvs.at(0x22), "ann");
  EXPECT_EQ(ErrorOf(Second(Field(0x20, "\x03\0\0\0"s))), "field about TLS too short");
  EXPECT_EQ(ErrorOf(Second(Field(0x20, tls + "\x22"))), "malformed fields about TLS");
}

TEST(ProxyHeader, AChecksumIsOneOfFourOctets) {
  EXPECT_EQ(ErrorOf(Second(Field(3, ""))), "checksum does not fit");
  EXPECT_EQ(ErrorOf(Second(Field(3, "12345"))), "checksum does not fit");
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);  // the check value of CRC-32C
}

}  // namespace
}  // namespace signet::smtp
