#include "expand/alabel.h"

#include <gtest/gtest.h>

#include "src/base/charset.h"
#include "src/base/limits.h"

namespace signet::expand {
namespace {

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

// The samples of RFC 3492 section 7.1 whose form does not depend on the case of letters.
TEST(Punycode, ConvertsTheSamplesOfTheRfc) {
  const std::pair<const char*, const char*> kSamples[] = {
      {"他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"},
      {"למההםפשוטלאמדבריםעברית", "4dbcagdahymbxekheh6e0a7fei0b"},
      {"なぜみんな日本語を話してくれないのか", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"},
      {"почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"},
      {"そのスピードで", "d9juau41awczczp"},
      {"-> $1.00 <-", "-> $1.00 <--"}};
  for (const auto& [utf8, punycode] : kSamples) {
    EXPECT_EQ(EncodePunycode(utf8).value(), punycode);
    EXPECT_EQ(DecodePunycode(punycode).value(), utf8);
  }
}

TEST(Punycode, TakesNoMoreThanTheLimit) {
  const std::string most = Repeated("é", limits::kPunycodeMaxBytes / 2);
  auto encoded = EncodePunycode(most);
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(DecodePunycode(encoded.value()).value(), most);
  EXPECT_FALSE(EncodePunycode(most + "a").ok());
  EXPECT_TRUE(DecodePunycode(Repeated("a", limits::kPunycodeMaxBytes - 1) + "-").ok());
  EXPECT_FALSE(DecodePunycode(Repeated("a", limits::kPunycodeMaxBytes) + "-").ok());
}

TEST(Punycode, RefusesSurrogatesAndWhatIsBeyondUnicode) {
  EXPECT_FALSE(DecodePunycode("gf41").ok() && DecodePunycode("gf41").value().empty());
  for (const char* text : {"0000000", "zzzzzzzz", "99999999"})
    EXPECT_FALSE(DecodePunycode(text).ok()) << text;
}

TEST(Alabels, ADomainOverTheLimitIsRefused) {
  const std::string labels = Repeated("é.", limits::kPunycodeMaxBytes);
  EXPECT_FALSE(DomainToAlabel(labels).ok());
  EXPECT_FALSE(DomainFromAlabel(labels).ok());
  EXPECT_FALSE(DomainToAlabel(std::string_view("\xc3\xa9\0", 3)).ok());
}

TEST(Alabels, WhatIsMadeOfADomainIsReadBack) {
  for (const char* domain : {"bücher.example", "παράδειγμα.δοκιμή", "例え.テスト", "ß.example"})
    EXPECT_EQ(DomainFromAlabel(DomainToAlabel(domain).value()).value(), domain);
}

}  // namespace
}  // namespace signet::expand
