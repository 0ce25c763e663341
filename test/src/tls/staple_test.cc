#include <gtest/gtest.h>

#include <ctime>

#include "src/tls/material.h"
#include "test/support/responder.h"

// Which OCSP responses are stapled; openssl makes them.
namespace signet::tls {
namespace {

using test::ReadFile;
using test::Responder;
using test::WriteFile;

Pair PairOf(const Responder& responder) {
  const auto chain = crypto::Certificate::ChainFromPem(ReadFile(responder.certificate()));
  EXPECT_TRUE(chain.ok());
  return {responder.certificate(), "", SecretText(""), chain.value().at(0), chain.value().at(1)};
}

// "" or what is wrong, behind the file's name.
std::string FlawOf(const Responder& responder, const Pair& pair, std::int64_t later = 0) {
  const auto staple = ReadStaple(responder.response(), pair, std::time(nullptr) + later);
  if (staple.ok()) return "";
  EXPECT_EQ(staple.error().find('"' + responder.response() + "\" "), 0u) << staple.error();
  return staple.error().substr(responder.response().size() + 3);
}

TEST(ReadStaple, AGoodResponseHoldsUntilItsNextUpdate) {
  const Responder responder;
  responder.Respond("good", {"-nmin", "5"});
  const Pair pair = PairOf(responder);
  EXPECT_EQ(FlawOf(responder, pair), "");
  EXPECT_EQ(FlawOf(responder, pair, 290), "");
  EXPECT_EQ(FlawOf(responder, pair, 301), "is out of date");
  EXPECT_EQ(FlawOf(responder, pair, -10), "is from the future");
  const auto staple = ReadStaple("DER " + responder.response(), pair, std::time(nullptr));
  ASSERT_TRUE(staple.ok());
  EXPECT_EQ(staple.value().der, ReadFile(responder.response()));
  EXPECT_NEAR(static_cast<double>(staple.value().until), std::time(nullptr) + 300, 30);
}

TEST(ReadStaple, OthersAreRefused) {
  const Responder responder, another;
  const Pair pair = PairOf(responder), stranger = PairOf(another);
  EXPECT_FALSE(ReadStaple(responder.response(), pair, 0).ok()) << "there is no file yet";
  responder.Respond("revoked", {"-ndays", "1"});
  EXPECT_EQ(FlawOf(responder, pair), "does not say that the certificate is good");
  responder.Respond("good", {});
  EXPECT_EQ(FlawOf(responder, pair), "does not say until when it holds");
  responder.Respond("good", {"-ndays", "1"});
  EXPECT_EQ(FlawOf(responder, stranger), "is for another certificate");
  Pair other_issuer = pair;
  other_issuer.issuer = stranger.issuer;
  EXPECT_EQ(FlawOf(responder, other_issuer), "is not signed by the issuer of the certificate");
  WriteFile(responder.response(), ReadFile(responder.response()).substr(0, 100));
  EXPECT_EQ(FlawOf(responder, pair), "is no OCSP response");
}

}  // namespace
}  // namespace signet::tls
