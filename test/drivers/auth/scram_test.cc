#include <gtest/gtest.h>
#include <signet/driver_cpp.h>

#include "drivers/auth/hash.h"
#include "drivers/auth/scram_keys.h"
#include "drivers/auth/scram_messages.h"

namespace signet::auth_drivers {
namespace {

using namespace std::string_literals;

// RFC 7677 section 3, message by message.
constexpr char kClientFirst[] = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr char kServerFirst[] =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr char kClientFinal[] =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr char kServerFinal[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

TEST(Scram, Rfc7677Example) {
  ClientFirst first;
  ASSERT_EQ(ReadClientFirst(kClientFirst, &first), "");
  EXPECT_EQ(first.name, "user");
  EXPECT_EQ(first.bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
  ScramKeys keys;
  keys.iterations = 4096;
  keys.salt = driver::DecodeBase64("W22ZaJ0SNY7soEsUEjb6gQ==").value();
  ASSERT_TRUE(Derive("pencil", &keys));
  const std::string nonce = std::string(first.nonce) + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string server_first = ServerFirst(nonce, keys.salt, keys.iterations);
  EXPECT_EQ(server_first, kServerFirst);
  ClientFinal last;
  ASSERT_EQ(ReadClientFinal(kClientFinal, &last), "");
  EXPECT_EQ(last.nonce, nonce);
  EXPECT_EQ(last.binding, first.gs2_header);
  const std::string auth_message =
      std::string(first.bare) + "," + server_first + "," + std::string(last.without_proof);
  EXPECT_TRUE(Proves(keys, auth_message, last.proof));
  EXPECT_EQ(ServerFinal(keys, auth_message), kServerFinal);
  last.proof[0] ^= 1;
  EXPECT_FALSE(Proves(keys, auth_message, last.proof));
  EXPECT_FALSE(Proves(keys, auth_message, ""));
}

// The password "pencil" as others keep it.
std::string Stored(const std::string& begin, const std::string& separators) {
  ScramKeys keys;
  keys.iterations = 4096;
  keys.salt = driver::DecodeBase64("W22ZaJ0SNY7soEsUEjb6gQ==").value();
  EXPECT_TRUE(Derive("pencil", &keys));
  return begin + "4096" + separators[0] + driver::EncodeBase64(keys.salt) + separators[1] +
         driver::EncodeBase64(keys.stored_key) + separators[2] +
         driver::EncodeBase64(keys.server_key);
}

TEST(Scram, StoredFormsOfDovecotAndRfc5803AreTheSameKeys) {
  const std::string dovecot = Stored("{SCRAM-SHA-256}", ",,,");
  for (const std::string& text :
       {dovecot, dovecot + ",c2FsdGVk", Stored("SCRAM-SHA-256$", ":$:")}) {
    ScramKeys keys, derived;
    EXPECT_TRUE(LooksStored(text));
    ASSERT_EQ(ReadStored(text, &keys), "") << text;
    derived.iterations = keys.iterations;
    derived.salt = keys.salt;
    ASSERT_TRUE(Derive("pencil", &derived));
    EXPECT_EQ(keys.stored_key, derived.stored_key);
    EXPECT_EQ(keys.server_key, derived.server_key);
  }
}

TEST(Scram, WhatIsNoStoredFormIsRefused) {
  const std::string good = Stored("{SCRAM-SHA-256}", ",,,");
  const std::string keys = good.substr(good.find(','));
  ScramKeys read;
  EXPECT_NE(ReadStored("", &read), "");
  EXPECT_NE(ReadStored("pencil", &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-1}4096" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}4095" + keys, &read), "");
  EXPECT_EQ(ReadStored("{SCRAM-SHA-256}4096" + keys, &read), "");
  EXPECT_EQ(ReadStored("{SCRAM-SHA-256}1000000" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}1000001" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}-4096" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}4096x" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}99999999999999999999" + keys, &read), "");
  EXPECT_NE(ReadStored("{SCRAM-SHA-256}4096," + keys, &read), "");
  EXPECT_NE(ReadStored(good.substr(0, good.rfind(',')), &read), "");
  EXPECT_NE(ReadStored(good.substr(0, good.size() - 4), &read), "");
  EXPECT_NE(ReadStored(good + "AAAA", &read), "");
}

std::string Why(std::string_view message) {
  ClientFirst read;
  return std::string(ReadClientFirst(message, &read));
}

TEST(Scram, FirstMessages) {
  ClientFirst read;
  ASSERT_EQ(ReadClientFirst("p=tls-exporter,a=zid,n=a=2Cb=3Dc,r=x,e=1,f=", &read), "");
  EXPECT_EQ(read.binding, Binding::kUsed);
  EXPECT_EQ(read.binding_type, "tls-exporter");
  EXPECT_EQ(read.gs2_header, "p=tls-exporter,a=zid,");
  EXPECT_EQ(read.authorization, "zid");
  EXPECT_EQ(read.name, "a,b=c");
  EXPECT_EQ(read.nonce, "x");
  EXPECT_EQ(Why("y,,n=user,r=x"), "");
  ClientFirst empty;
  ASSERT_EQ(ReadClientFirst("n,a=,n=user,r=x", &empty), "");
  EXPECT_EQ(empty.authorization, "");
  EXPECT_EQ(empty.gs2_header, "n,a=,");
}

TEST(Scram, BadFirstMessages) {
  for (const std::string& message : {""s,
                                     "n"s,
                                     "n,"s,
                                     "n,,"s,
                                     "x,,n=u,r=x"s,
                                     "p=,,n=u,r=x"s,
                                     "p,,n=u,r=x"s,
                                     "n,b=z,n=u,r=x"s,
                                     "n,a,n=u,r=x"s,
                                     "n,,n=u"s,
                                     "n,,n=u,"s,
                                     "n,,n=u,r="s,
                                     "n,,r=x,n=u"s,
                                     "n,,n=,r=x"s,
                                     "n,,u,r=x"s,
                                     "n,,n=u,r=x,"s,
                                     "n,,n=u,r=x,y"s,
                                     "n,,n=u,r=x y"s,
                                     "n,,n=u,r=\x80"s,
                                     "n,,n=a=2cb,r=x"s,
                                     "n,,n=a=,r=x"s,
                                     "n,,n=a=4,r=x"s,
                                     "n,,n=a\0b,r=x"s,
                                     "n,,n=a\x01,r=x"s,
                                     "n,,n=j\xc3\xb6rg,r=x"s,
                                     "n,,m=ext,n=u,r=x"s,
                                     " n,,n=u,r=x"s}) {
    EXPECT_NE(Why(message), "") << message;
  }
}

TEST(Scram, NamesOf512OctetsAreTheLongest) {
  EXPECT_EQ(Why("n,,n=" + std::string(512, 'a') + ",r=x"), "");
  EXPECT_NE(Why("n,,n=" + std::string(513, 'a') + ",r=x"), "");
}

TEST(Scram, BadFinalMessages) {
  for (const std::string& message :
       {""s, "p="s, "c=biws,r=x"s, "c=biws,r=x,p=A"s, "c=biws,r=x,p=AA=A"s, "r=x,c=biws,p=AAAA"s,
        "c=,r=,p=AAAA"s, "c=biw,r=x,p=AAAA"s, "c=biws,p=AAAA"s, "c=biws,r=x,z,p=AAAA"s,
        "c=biws,r=x,p=AAAA,e=1"s, "c=biws,r=x,p=AAAB=="s, "biws,r=x,p=AAAA"s}) {
    ClientFinal read;
    EXPECT_NE(ReadClientFinal(message, &read), "") << message;
  }
}

TEST(Scram, Base64IsStrict) {
  for (const std::string& octets : {""s, "f"s, "fo"s, "foo"s, "foob"s, "\0\xff\x80"s})
    EXPECT_EQ(driver::DecodeBase64(driver::EncodeBase64(octets)), octets);
  EXPECT_EQ(driver::EncodeBase64("foob"), "Zm9vYg==");
  for (const std::string& text : {"A"s, "AA"s, "AAA"s, "AAA=="s, "=AAA"s, "===="s, "A==="s, "AA=A"s,
                                  "AB=="s, "AAB="s, "AA A"s, "AA\n="s, "AA_-"s})
    EXPECT_EQ(driver::DecodeBase64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace signet::auth_drivers
