#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/tls/tls.h"
#include "test/support/certificates.h"

namespace signet::tls {
namespace {

using namespace signet::testing;  // NOLINT: the maker's vocabulary

class ServerPolicyTest : public ::testing::Test {
 protected:
  ServerPolicyTest() {
    char pattern[] = "/tmp/signet-policy-XXXXXX";
    folder_ = mkdtemp(pattern);
    const Issued server = Issue(ServerSpec(), SharedKey(KeyType::kEcdsaP256, 50), nullptr);
    sources_.certificate_file = Write("server.pem", server.Pem());
    sources_.key_file = Write("server.key", server.key.Pem());
    sources_.verify_file = Write("ca.pem", MakeRoot().Pem());
  }
  ~ServerPolicyTest() override {
    for (const std::string& file : files_) unlink(file.c_str());
    rmdir(folder_.c_str());
  }
  std::string Write(const std::string& name, std::string_view octets) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(WriteFile(path, octets));
    files_.push_back(path);
    return path;
  }
  std::string ErrorOf(const ServerPolicy::Sources& sources) {
    const auto policy = ServerPolicy::Make(sources);
    return policy.ok() ? "" : policy.error();
  }
  std::string folder_;
  std::vector<std::string> files_;
  ServerPolicy::Sources sources_;
};

TEST_F(ServerPolicyTest, GoodFilesLoad) {
  const auto policy = ServerPolicy::Make(sources_);
  ASSERT_TRUE(policy.ok()) << policy.error();
  EXPECT_EQ(policy.value()->trust()->anchors(), 1u);
}

TEST_F(ServerPolicyTest, KeyAndCertificateMayBeInOneFile) {
  const Issued server = Issue(ServerSpec(), SharedKey(KeyType::kEd25519), nullptr);
  sources_.certificate_file = Write("both.pem", server.Pem() + server.key.Pem());
  sources_.key_file.clear();
  EXPECT_EQ(ErrorOf(sources_), "");
}

TEST_F(ServerPolicyTest, RuleC4AKeyThatOthersMayReadIsRefusedWithItsMode) {
  for (const mode_t mode : {0640, 0604, 0620, 0610}) {
    ASSERT_EQ(chmod(sources_.key_file.c_str(), mode), 0);
    const std::string error = ErrorOf(sources_);
    EXPECT_NE(error.find("server.key"), error.npos) << error;
    EXPECT_NE(error.find("mode 06"), error.npos) << error;
  }
  ASSERT_EQ(chmod(sources_.key_file.c_str(), 0400), 0);
  EXPECT_EQ(ErrorOf(sources_), "");
}

TEST_F(ServerPolicyTest, RuleC2AKeyOfAnotherCertificateIsRefused) {
  sources_.key_file = Write("other.key", SharedKey(KeyType::kEcdsaP256, 77).Pem());
  EXPECT_NE(ErrorOf(sources_).find("other.key"), std::string::npos);
}

TEST_F(ServerPolicyTest, RuleC2WhatIsMissingIsNamed) {
  auto sources = sources_;
  sources.certificate_file = folder_ + "/none.pem";
  EXPECT_EQ(ErrorOf(sources),
            "cannot read \"" + folder_ + "/none.pem\": No such file or directory");
  sources = sources_;
  sources.key_file = folder_ + "/none.key";
  EXPECT_NE(ErrorOf(sources).find("none.key"), std::string::npos);
  sources = sources_;
  sources.certificate_file.clear();
  EXPECT_EQ(ErrorOf(sources), "no certificate file is configured");
  sources = sources_;
  sources.key_file += ":" + sources_.key_file;
  EXPECT_EQ(ErrorOf(sources), "as many private keys as certificates are expected (1), found 2");
}

TEST_F(ServerPolicyTest, RuleC2ATruncatedCertificateIsRefused) {
  const Issued server = Issue(ServerSpec(), SharedKey(KeyType::kEcdsaP256, 50), nullptr);
  sources_.certificate_file = Write("cut.pem", server.Pem().substr(0, 300));
  EXPECT_NE(ErrorOf(sources_).find("cut.pem"), std::string::npos);
}

TEST_F(ServerPolicyTest, RuleT11AMissingTrustFileIsAnErrorAndAnEmptyOneTrustsNobody) {
  sources_.verify_file = folder_ + "/none.pem";
  EXPECT_NE(ErrorOf(sources_).find("none.pem"), std::string::npos);
  sources_.verify_file = Write("empty.pem", "");
  const auto policy = ServerPolicy::Make(sources_);
  ASSERT_TRUE(policy.ok()) << policy.error();
  EXPECT_EQ(policy.value()->trust()->anchors(), 0u);
}

TEST_F(ServerPolicyTest, RuleT11RubbishForATrustFileIsAnError) {
  sources_.verify_file = Write("rubbish.pem", "rubbish");
  EXPECT_NE(ErrorOf(sources_).find("rubbish.pem"), std::string::npos);
}

TEST_F(ServerPolicyTest, ADirectoryGivesAllItsCertificates) {
  const std::string folder = folder_ + "/anchors";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  Write("anchors/a.pem", MakeRoot("A", KeyType::kEcdsaP384, 1).Pem());
  Write("anchors/b.pem", MakeRoot("B", KeyType::kEcdsaP384, 2).Pem());
  Write("anchors/README", "no certificate");
  sources_.verify_file = folder;
  const auto policy = ServerPolicy::Make(sources_);
  ASSERT_TRUE(policy.ok()) << policy.error();
  EXPECT_EQ(policy.value()->trust()->anchors(), 2u);
  for (const char* name : {"a.pem", "b.pem", "README"}) unlink((folder + "/" + name).c_str());
  rmdir(folder.c_str());
}

TEST_F(ServerPolicyTest, ABadPriorityStringIsShownWithItsPlace) {
  sources_.priority = "NORMAL:+NOSUCH";
  EXPECT_EQ(ErrorOf(sources_),
            "priority string \"NORMAL:+NOSUCH\" failed at offset 7: The request is invalid.");
  sources_.priority = "SECURE256";
  EXPECT_EQ(ErrorOf(sources_), "");
}

TEST_F(ServerPolicyTest, RuleC2AMalformedRevocationListIsAnError) {
  sources_.crl_file = Write("crl.pem", "rubbish");
  EXPECT_NE(ErrorOf(sources_).find("crl.pem"), std::string::npos);
}

}  // namespace
}  // namespace signet::tls
