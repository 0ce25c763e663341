#include "src/crypto/pins.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/crypto/trust.h"
#include "test/support/certificates.h"

namespace signet::crypto {
namespace {

using testing::SharedKey;

const std::string kOnes(32, '\x11'), kTwos(32, '\x22'), kThrees(32, '\x33');

std::string B64(const std::string& octets) { return EncodeBase64(octets); }

CertificatePtr MakeCertificate(int key = 1, std::string serial = "") {
  testing::CertificateSpec spec = testing::ClientSpec();
  spec.serial = std::move(serial);
  const auto issued = testing::Issue(spec, SharedKey(testing::KeyType::kEcdsaP256, key), nullptr);
  return Certificate::FromDer(issued.der).value();
}

std::string ErrorOf(std::string_view text) {
  const auto table = PinTable::Parse(text);
  if (table.ok()) return "";
  return std::to_string(table.error().line) + ": " + table.error().message;
}

TEST(PinTable, ReadsWhatALineMaySay) {
  const auto table =
      PinTable::Parse("# devices\n\nlaptop: pin=" + B64(kOnes) + " next=sha256//" + B64(kTwos) +
                      "\n  from=2026-01-01" +
                      " until=2026-12-31\r\n# more\nprinter : fingerprint=" + HexUpper(kThrees));
  ASSERT_TRUE(table.ok()) << table.error().line << table.error().message;
  const auto& entries = table.value().entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "laptop");
  EXPECT_EQ(entries[0].pin, kOnes);
  EXPECT_EQ(entries[0].next, kTwos);
  EXPECT_EQ(entries[0].from, 1767225600);
  EXPECT_EQ(entries[0].until, 1798761599);
  EXPECT_EQ(entries[0].line, 3u);
  EXPECT_EQ(entries[0].lines, 2u);
  EXPECT_EQ(entries[1].name, "printer");
  EXPECT_EQ(entries[1].fingerprint, kThrees);
  EXPECT_EQ(entries[1].line, 6u);
  EXPECT_EQ(table.value().FindName("printer"), &entries[1]);
  EXPECT_EQ(table.value().FindName("Printer"), nullptr);
}

TEST(PinTable, SaysInWhichLineWhatIsWrong) {
  const std::string good = "a: pin=" + B64(kOnes) + "\n";
  const struct {
    std::string text, error;
  } kCases[] = {
      {"a pin=" + B64(kOnes), "1: \"NAME: pin=…\" expected"},
      {" a: pin=" + B64(kOnes), "1: a line that continues another comes first"},
      {": pin=" + B64(kOnes), "1: a name is expected before \":\""},
      {"a b: pin=" + B64(kOnes),
       "1: name \"a b\" holds a blank, a colon, a quote or a control character"},
      {"\xff: pin=" + B64(kOnes), "1: name \"\xff\" is not UTF-8"},
      {"\n#\na:", "3: \"a\" has neither a pin nor a fingerprint"},
      {"a: next=" + B64(kOnes), "1: \"a\" has neither a pin nor a fingerprint"},
      {"a: pni=" + B64(kOnes),
       "1: unknown setting \"pni\"; there are pin, next, fingerprint, from, until"},
      {"a: " + B64(kOnes), "1: unknown setting"},
      {"a: here", "1: a setting NAME=VALUE is expected, but \"here\" found"},
      {"a: pin=1234", "1: SHA-256 in base64 or hexadecimal digits expected for pin"},
      {"a: pin=" + B64(kOnes) + " pin=" + B64(kTwos), "1: \"pin\" is set for the second time"},
      {"a: pin=" + B64(kOnes) + " until=2026-02-30", "1: date as 2027-06-30"},
      {"a: pin=" + B64(kOnes) + " until=30.6.2027", "1: date as 2027-06-30"},
      {"a: pin=" + B64(kOnes) + " from=2027-01-02 until=2027-01-01",
       "1: \"a\" ends before it begins"},
      {good + good, "2: the name of \"a\" stands in line 1 too"},
      {good + "b: pin=" + HexLower(kOnes), "2: the pin of \"b\" stands in line 1 too"},
      {good + "b: pin=" + B64(kTwos) + " next=" + B64(kOnes),
       "2: the next pin of \"b\" stands in line 1 too"},
      {"a: pin=" + B64(kOnes) + " next=" + B64(kOnes),
       "1: the next pin of \"a\" stands in line 1 too"},
      {"a: fingerprint=" + B64(kOnes) + "\nb: fingerprint=" + B64(kOnes),
       "2: the fingerprint of \"b\" stands in line 1 too"},
      {std::string("a: pin=\0", 8), "0: there is a NUL in the file"},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrorOf(c.text).find(c.error), 0u) << ErrorOf(c.text);
  EXPECT_EQ(ErrorOf(good), "");
  EXPECT_EQ(ErrorOf(""), "");
}

TEST(PinTable, ANameAndAFileHaveLimits) {
  const std::string rest = ": pin=" + B64(kOnes) + "\n";
  EXPECT_EQ(ErrorOf(std::string(limits::kIdentityMaxBytes, 'x') + rest), "");
  EXPECT_NE(ErrorOf(std::string(limits::kIdentityMaxBytes + 1, 'x') + rest), "");
  std::string text = "a" + rest;
  text += "#" + std::string(limits::kPinFileMaxBytes - text.size() - 1, 'x');
  EXPECT_EQ(ErrorOf(text), "");
  EXPECT_EQ(ErrorOf(text + "x"), "0: the file is too large");
}

TEST(PinTable, WhatItShowsIsReadAgain) {
  const std::string text = "a: pin=" + B64(kOnes) + " next=" + B64(kTwos) +
                           " fingerprint=" + HexLower(kThrees) +
                           " from=0744-01-01T23:59:59Z until=9999-12-31T00:00:00Z";
  const auto table = PinTable::Parse(text);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(ShowEntry(table.value().entries()[0]), text);
}

TEST(PinTable, FindsByKeyThenByFingerprint) {
  const CertificatePtr first = MakeCertificate(1), renewed = MakeCertificate(1, "\x02");
  const CertificatePtr other = MakeCertificate(2);
  const auto find = [](const std::string& text, const CertificatePtr& certificate) {
    const auto table = PinTable::Parse(text);
    EXPECT_TRUE(table.ok()) << text;
    return table.value().Find(*certificate).how;
  };
  const std::string pin = "a: pin=" + B64(PinOf(*first));
  EXPECT_EQ(find(pin, first), PinTable::How::kPin);
  EXPECT_EQ(find(pin, renewed), PinTable::How::kPin);
  EXPECT_EQ(find(pin, other), PinTable::How::kNot);
  EXPECT_EQ(find("a: pin=" + B64(kOnes) + " next=" + B64(PinOf(*other)), other),
            PinTable::How::kNext);
  const std::string print = "a: fingerprint=" + HexLower(FingerprintOf(*first));
  EXPECT_EQ(find(print, first), PinTable::How::kFingerprint);
  EXPECT_EQ(find(print, renewed), PinTable::How::kNot);
}

TEST(RuleI12, AKeyOfOneNameAndAFingerprintOfAnotherAreTold) {
  const CertificatePtr certificate = MakeCertificate();
  const auto table = PinTable::Parse("a: pin=" + B64(PinOf(*certificate)) +
                                     "\nb: fingerprint=" + B64(FingerprintOf(*certificate)));
  ASSERT_TRUE(table.ok());
  const PinTable::Match match = table.value().Find(*certificate);
  ASSERT_NE(match.other, nullptr);
  EXPECT_EQ(match.entry->name + match.other->name, "ab");
}

TEST(Pins, ALineHoldsFromItsFirstToItsLastSecond) {
  PinEntry entry;
  EXPECT_EQ(WhyNotNow(entry, 0), "");
  entry.from = *ReadDate("2026-01-01", DayEnd::kFirst);
  entry.until = *ReadDate("2026-06-30", DayEnd::kLast);
  EXPECT_EQ(WhyNotNow(entry, *entry.from - 1), "holds from 2026-01-01 on");
  EXPECT_EQ(WhyNotNow(entry, *entry.from), "");
  EXPECT_EQ(WhyNotNow(entry, *entry.until), "");
  EXPECT_EQ(WhyNotNow(entry, *entry.until + 1), "held until 2026-06-30");
}

TEST(Pins, ADigestHasManySpellings) {
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += i == 0 ? "AB" : ":AB";
  const std::string octets(32, '\xab');
  for (const std::string& text : {B64(octets), "sha256//" + B64(octets), "sha256:" + B64(octets),
                                  HexLower(octets), HexUpper(octets), colons})
    EXPECT_EQ(ReadDigest(text), octets) << text;
  for (const std::string& text :
       {std::string(), B64(octets.substr(1)), B64(octets + "x"), HexLower(octets).substr(2),
        colons.substr(3), colons + ":AB", "sha1:" + B64(octets), B64(octets) + " "})
    EXPECT_EQ(ReadDigest(text), std::nullopt) << text;
}

TEST(PinSource, AFileIsReadAgainWhenItChangesAndABadOneCountsForNothing) {
  const std::string path = std::filesystem::temp_directory_path() / "signet_pins_test_file";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  PinSource source(path);
  std::filesystem::remove(path);
  EXPECT_FALSE(source.Load().ok());
  write("a: pin=" + B64(kOnes) + "\n");
  EXPECT_EQ(source.Load().value()->entries().size(), 1u);
  write("a: pin=" + B64(kOnes) + "\nb: pin=" + B64(kTwos) + "\n");
  EXPECT_EQ(source.Load().value()->entries().size(), 2u);
  write("a: pin\n");
  const auto bad = source.Load();
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error(), path + ":1: a setting NAME=VALUE is expected, but \"pin\" found");
  // The size and the second are the same: it is read all the same.
  write("a: pim\n");
  EXPECT_NE(source.Load().error().find("\"pim\""), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_FALSE(source.Load().ok());
}

// --- a certificate that only its pin speaks for -------------------------------------------

std::string FlawOf(testing::CertificateSpec spec, const testing::Issued* issuer = nullptr,
                   testing::KeyType type = testing::KeyType::kEcdsaP256) {
  const auto issued = testing::Issue(spec, SharedKey(type, 5), issuer);
  return FlawOfPinned(*Certificate::FromDer(issued.der).value(), Purpose::kTlsClient,
                      testing::kYear2020 + 1000);
}

TEST(RuleI1, APinStandsForTheIssuersAndForNothingElse) {
  testing::CertificateSpec plain;  // as self-signed ones are: no extensions to speak of
  plain.key_identifiers = false;
  EXPECT_EQ(FlawOf(plain), "");
  testing::CertificateSpec spec = plain;
  spec.ca = true;  // what "openssl req -x509" makes
  EXPECT_EQ(FlawOf(spec), "");
  spec = plain;
  spec.version = 1;
  EXPECT_EQ(FlawOf(spec), "");
  spec = plain;
  spec.hash = testing::Key::Hash::kSha1;  // its own signature says nothing
  EXPECT_EQ(FlawOf(spec), "");
  spec = plain;
  spec.not_after = testing::kYear2020 + 999;
  EXPECT_EQ(FlawOf(spec), "certificate expired");
  spec.not_after = testing::kYear2020 + 1000;
  EXPECT_EQ(FlawOf(spec), "");
  spec = plain;
  spec.not_before = testing::kYear2020 + 1001;
  EXPECT_EQ(FlawOf(spec), "certificate not yet valid");
  spec = plain;
  spec.purposes = {std::string(testing::kServerAuth)};
  EXPECT_EQ(FlawOf(spec), "wrong key purpose");
  spec = plain;
  spec.key_usage = testing::kKeyEncipherment;
  EXPECT_EQ(FlawOf(spec), "key usage does not allow signatures");
  spec = plain;
  spec.extra = {{"1.2.3.4", true, testing::Utf8("x")}};
  EXPECT_EQ(FlawOf(spec), "unknown critical extension 1.2.3.4");
  EXPECT_EQ(FlawOf(plain, nullptr, testing::KeyType::kRsa1024), "key too weak");
}

TEST(RuleI19, APinnedAuthorityIsAClientOnlyWhereItSignedItself) {
  const testing::Issued root = testing::MakeRoot();
  testing::CertificateSpec spec = testing::ClientSpec();
  EXPECT_EQ(FlawOf(spec, &root), "");
  spec.ca = true;
  EXPECT_EQ(FlawOf(spec, &root), "certificate authority as client");
}

}  // namespace
}  // namespace signet::crypto
