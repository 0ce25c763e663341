// "signet pins" from outside: what it writes, what it says, and its statuses.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "src/base/codec.h"
#include "src/crypto/pins.h"
#include "test/support/certificates.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Pins : public ::testing::Test {
 protected:
  Pins() {
    for (const char* name : {"old", "new", "newest", "expired"}) {
      signet::testing::CertificateSpec spec;
      spec.subject = signet::testing::CommonName(name);
      if (name == std::string("expired")) spec.not_after = signet::testing::kYear2020 + 1;
      const auto issued = signet::testing::Issue(
          spec, signet::testing::Key::Generate(signet::testing::KeyType::kEcdsaP256), nullptr);
      signet::testing::WriteFile(Pem(name), issued.Pem());
      const auto certificate = crypto::Certificate::FromDer(issued.der).value();
      pins_[name] = EncodeBase64(crypto::PinOf(*certificate));
      prints_[name] = HexLower(crypto::FingerprintOf(*certificate));
    }
  }
  std::string Pem(const std::string& name) const { return directory_ / (name + ".pem"); }
  Finished Do(std::vector<std::string> words) {
    words.insert(words.begin(), {SignetProgram(), "pins"});
    return test::Run(words);
  }
  std::string Text() const { return ReadFile(file_); }

  TempDir directory_;
  const std::string file_ = directory_ / "pins";
  std::map<std::string, std::string> pins_, prints_;
};

TEST_F(Pins, AddMakesTheFileThenTheNextPinThenRefusesAThird) {
  const Finished first = Do({"add", file_, "laptop", Pem("old"), "--until", "2100-01-01"});
  EXPECT_EQ(first.status, 0) << first.output;
  EXPECT_EQ(Text(), "laptop: pin=" + pins_["old"] + " until=2100-01-01\n");
  EXPECT_EQ(first.output, Text());
  struct stat info {};
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  EXPECT_EQ(Do({"add", file_, "laptop", Pem("old")}).status, 0) << "it is there already";
  EXPECT_EQ(Do({"add", file_, "laptop", Pem("new")}).status, 0);
  EXPECT_EQ(Text(),
            "laptop: pin=" + pins_["old"] + " next=" + pins_["new"] + " until=2100-01-01\n");
  const std::string before = Text();
  const Finished third = Do({"add", file_, "laptop", Pem("newest")});
  EXPECT_EQ(third.status, 2);
  EXPECT_THAT(third.output, HasSubstr("\"laptop\" has a current and a next pin"));
  EXPECT_EQ(Text(), before);
  EXPECT_EQ(Do({"rotate", file_, "laptop"}).status, 0);
  EXPECT_EQ(Text(), "laptop: pin=" + pins_["new"] + " until=2100-01-01\n");
  EXPECT_EQ(Do({"rotate", file_, "laptop"}).status, 2);
}

TEST_F(Pins, AddKeepsCommentsOtherLinesModeAndASymbolicLink) {
  const std::string real = directory_ / "real";
  WriteFile(real, "# devices of the office\n\nprinter:   pin=" + pins_["old"] +
                      "\n# it gets a new key in May\n  until=2100-01-01\n# end");
  chmod(real.c_str(), 0640);
  std::filesystem::create_symlink(real, file_);
  EXPECT_EQ(Do({"add", file_, "printer", Pem("new")}).status, 0);
  EXPECT_EQ(Do({"add", file_, "laptop", Pem("newest"), "--from=2020-01-01"}).status, 0);
  EXPECT_EQ(ReadFile(real),
            "# devices of the office\n\nprinter: pin=" + pins_["old"] + " next=" + pins_["new"] +
                " until=2100-01-01\n# it gets a new key in May\n# end\nlaptop: pin=" +
                pins_["newest"] + " from=2020-01-01\n");
  EXPECT_TRUE(std::filesystem::is_symlink(file_));
  struct stat info {};
  ASSERT_EQ(stat(real.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_FALSE(std::filesystem::exists(real + ".new"));
}

TEST_F(Pins, AddKeepsTheOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has files of others";
  WriteFile(file_, "");
  ASSERT_EQ(chown(file_.c_str(), 1, 2), 0);
  EXPECT_EQ(Do({"add", file_, "laptop", Pem("old")}).status, 0);
  struct stat info {};
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1u);
  EXPECT_EQ(info.st_gid, 2u);
}

TEST_F(Pins, WhatCannotBeDoneLeavesTheFileAsItIs) {
  const std::string text = "laptop: pin=" + pins_["old"] + "\n";
  WriteFile(file_, text);
  const struct {
    std::vector<std::string> words;
    const char* message;
  } kCases[] = {
      {{}, "what is to be done with pins?"},
      {{"ad", file_, "x", Pem("new")}, "did you mean \"add\"?"},
      {{"add", file_, "x"}, "too few words; usage: signet pins add FILE NAME CERTIFICATE"},
      {{"add", file_, "x", Pem("new"), "y"}, "too many words"},
      {{"add", file_, "a b", Pem("new")}, "name \"a b\" holds a blank"},
      {{"add", file_, "x", Pem("new"), "--until", "soon"}, "--until wants a date as 2027-06-30"},
      {{"add", file_, "x", Pem("new"), "--untill", "soon"}, "did you mean \"--until\"?"},
      {{"add", file_, "x", Pem("new"), "--from", "2027-01-01", "--until", "2026-01-01"},
       "\"x\" ends before it begins"},
      {{"add", file_, "x", file_}, "no PEM certificate found"},
      {{"add", file_, "x", directory_ / "none"}, "none\": No such file"},
      {{"add", file_, "x", Pem("old")}, "the pin of \"x\" stands in line 1 too"},
      {{"add", directory_ / "no/pins", "x", Pem("new")}, "cannot create "},
      {{"list", directory_ / "none"}, "No such file"},
      {{"rotate", file_, "x"}, "\"x\" is not in "},
      {{"check", file_}, "too few words"},
      {{"list", file_, "--from", "2027-01-01"}, "are for \"signet pins add\""},
  };
  for (const auto& c : kCases) {
    const Finished done = Do(c.words);
    EXPECT_EQ(done.status, 2) << done.output;
    EXPECT_THAT(done.output, HasSubstr(c.message));
    EXPECT_EQ(Text(), text);
  }
  WriteFile(file_, text + "printer: pin=x\n");
  EXPECT_THAT(Do({"add", file_, "x", Pem("new")}).output, HasSubstr("pins:2: SHA-256 in base64"));
  WriteFile(file_ + ".new", "");
  WriteFile(file_, text);
  EXPECT_THAT(Do({"add", file_, "x", Pem("new")}).output, HasSubstr("another \"signet pins\""));
  EXPECT_EQ(Text(), text);
}

TEST_F(Pins, ListShowsHowLongEachLineHolds) {
  WriteFile(file_, "a: pin=" + pins_["old"] + " until=2021-01-01\nb: pin=" + pins_["new"] +
                       " from=2100-01-01\nc: fingerprint=" + prints_["newest"] + "\n");
  const Finished done = Do({"list", file_});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.output, HasSubstr("a: pin=" + pins_["old"] + " until=2021-01-01  # ended "));
  EXPECT_THAT(done.output, HasSubstr(" from=2100-01-01  # begins in "));
  EXPECT_THAT(done.output, HasSubstr("  # no end, fingerprint only\n"));
}

TEST_F(Pins, CheckSaysWhoEachCertificateIsAndWarnsOfFingerprints) {
  WriteFile(file_, "a: pin=" + pins_["old"] + " next=" + pins_["new"] + "\nb: fingerprint=" +
                       prints_["newest"] + "\nc: pin=" + pins_["expired"] + "\n");
  const Finished good = Do({"check", file_, Pem("old"), Pem("new")});
  EXPECT_EQ(good.status, 0) << good.output;
  EXPECT_THAT(good.output, HasSubstr("old.pem: good: a; the certificate has "));
  EXPECT_THAT(good.output, HasSubstr("new.pem: good: a, by its next pin; "));
  const Finished print = Do({"check", file_, Pem("newest"), Pem("old")});
  EXPECT_EQ(print.status, 1);
  EXPECT_THAT(print.output, HasSubstr("newest.pem: bad: b, by its fingerprint only: renewing it"));
  EXPECT_THAT(print.output, HasSubstr("add pin=" + pins_["newest"]));
  EXPECT_THAT(print.output, HasSubstr("old.pem: good"));
  EXPECT_THAT(Do({"check", file_, Pem("expired")}).output, HasSubstr("the certificate expired"));
  WriteFile(file_, "a: pin=" + pins_["old"] + " until=2021-01-01\n");
  const Finished bad = Do({"check", file_, Pem("old"), Pem("new")});
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.output, HasSubstr("old.pem: bad: a, but its line held until 2021-01-01"));
  EXPECT_THAT(bad.output, HasSubstr("new.pem: bad: not listed; its pin is " + pins_["new"]));
  EXPECT_EQ(Do({"check", file_, directory_ / "none"}).status, 2);
}

TEST_F(Pins, ShowPrintsWhatCertextractGives) {
  EXPECT_EQ(Do({"show", Pem("old"), Pem("new")}).output,
            pins_["old"] + "  " + Pem("old") + "\n" + pins_["new"] + "  " + Pem("new") + "\n");
}

// The file is one for lsearch too, as the manual says.
TEST_F(Pins, TheFileAnswersLsearch) {
  EXPECT_EQ(Do({"add", file_, "laptop-17", Pem("old")}).status, 0);
  EXPECT_EQ(Do({"add", file_, "laptop-17", Pem("new")}).status, 0);
  WriteFile(directory_ / "signet.conf", "primary_hostname = mx.example.org\n");
  const Finished done = test::Run({SignetProgram(), "expand", "-C", directory_ / "signet.conf",
                                   "${extract{next}{${lookup{laptop-17}lsearch{" + file_ + "}}}}"});
  EXPECT_EQ(done.output, pins_["new"] + "\n");
}

// --- a gateway with pins ------------------------------------------------------------------

Gateway::Options WithPins(const std::string& pins) {
  Gateway::Options options;
  const std::string text = ReadFile("doc/examples/exim-manual.conf");
  const std::size_t begin = text.find("  server_param1"), end = text.find("begin routers");
  options.edits = {
      {text.substr(begin, end - begin), "  server_require_verified = no\n  server_pins = " + pins +
                                            "\n  server_set_id = $auth_pinned\n\n"},
      {"tls_verify_certificates = ", "# "}};
  return options;
}

TEST_F(Pins, RuleI1ASelfSignedCertificateAuthenticatesByItsPinAndOthersDoNot) {
  const Certificates& certificates = Certificates::Get();
  ASSERT_EQ(Do({"add", file_, "selfsigned@example.org", certificates.pem("selfsigned")}).status, 0);
  World world(nullptr, WithPins(file_));
  EXPECT_THAT(world.RcptReply("selfsigned", "selfsigned@example.org"), StartsWith("250"))
      << world.gateway->Log();
  for (const char* name : {"alice", "expired", "", "otherca"})
    EXPECT_THAT(world.RcptReply(name, "alice@example.org"), StartsWith("550 5.7.1 relaying"))
        << name;
  EXPECT_TRUE(world.gateway->WaitForLog("is not in server_pins")) << world.gateway->Log();
  // From the next session on, without a reload.
  ASSERT_EQ(Do({"add", file_, "alice@example.org", certificates.pem("alice")}).status, 0);
  EXPECT_THAT(world.RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

TEST_F(Pins, ServeRefusesAFileWithAMistakeAndWarnsOfOneThatOthersMayWrite) {
  WriteFile(file_, "laptop: pni=x\n");
  const std::string conf = directory_ / "signet.conf";
  const Certificates& certificates = Certificates::Get();
  WriteFile(conf, "tls_certificate = " + certificates.pem("server") +
                      "\ntls_privatekey = " + certificates.key("server") +
                      "\ntls_try_verify_hosts = *\nbegin authenticators\ntls:\n  driver = tls\n"
                      "  server_require_verified = no\n  server_pins = " +
                      file_ + "\n  server_set_id = $auth_pinned\n");
  const Finished bad = test::Run({SignetProgram(), "check", "-C", conf});
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.output, HasSubstr("signet.conf:8:17: error: server_pins: "));
  EXPECT_THAT(bad.output, HasSubstr("pins:1: unknown setting \"pni\""));
  WriteFile(file_, "laptop: pin=" + pins_["old"] + "\n");
  chmod(file_.c_str(), 0664);
  const Finished good = test::Run({SignetProgram(), "check", "-C", conf});
  EXPECT_EQ(good.status, 0) << good.output;
  EXPECT_THAT(good.output, HasSubstr("group or others may write "));
  EXPECT_THAT(good.output, HasSubstr("(weakens rule I1) [weak-setting]"));
}

}  // namespace
}  // namespace signet::test
