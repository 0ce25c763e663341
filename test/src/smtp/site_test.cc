#include "src/smtp/site.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>

#include "test/support/certificates.h"
#include "test/support/fake_world.h"

namespace signet::smtp {
namespace {

class SiteTest : public ::testing::Test {
 protected:
  SiteTest() {
    const testing::Issued root = testing::MakeRoot();
    for (const char* name : {"one", "two"}) {
      const testing::Issued issued = testing::Issue(
          testing::ServerSpec(), testing::Key::Generate(testing::KeyType::kEcdsaP256), &root);
      File(std::string(name) + ".pem", issued.Pem());
      File(std::string(name) + ".key", issued.key.Pem());
    }
    File("ca.pem", root.Pem());
  }
  ~SiteTest() override {
    for (const auto& [name, path] : files_) ::unlink(path.c_str());
  }

  void File(const std::string& name, std::string_view octets) {
    files_[name] = Path(name);
    ASSERT_TRUE(testing::WriteFile(Path(name), octets));
  }
  std::string Path(const std::string& name) const {
    return ::testing::TempDir() + "site_test_" + std::to_string(::getpid()) + "_" + name;
  }

  // `text` with "@name" replaced by the path of that file.
  LoadedSite Load(std::string text, LoadTls load_tls = LoadTls::kYes) {
    for (std::size_t at; (at = text.find('@')) != text.npos;) {
      const std::size_t end = text.find_first_of(" \n}", at);
      text.replace(at, end - at, Path(text.substr(at + 1, end - at - 1)));
    }
    File("conf", text);
    return LoadSite(Path("conf"), {}, *registry_, load_tls);
  }

  // "2:18 message" of each error, a line each.
  static std::string Errors(const LoadedSite& loaded) {
    std::string all;
    for (const Diagnostic& d : loaded.loaded.diagnostics) {
      if (d.severity != Severity::kError) continue;
      const std::string place = PlaceOf(d.span);
      all += place.substr(place.find(':') + 1) + " " + d.message + "\n";
    }
    return all;
  }

  Result<tls::ServerPolicyPtr, std::string> PolicyOf(const Site& site, const std::string& ip) {
    facts::Session session;
    session.connection.local_ip = ip;
    return site.PolicyFor(session, services_, &log_);
  }

  std::unique_ptr<drivers::Registry> registry_ = drivers::Registry::MakeBuiltin();
  test::FakeServices services_;
  Log log_{{"/dev/null", "/dev/null", "/dev/null"}};
  std::map<std::string, std::string> files_;
};

constexpr std::string_view kGood =
    "primary_hostname = mx.example.org\n"
    "tls_certificate = @one.pem\n"
    "tls_privatekey = @one.key\n"
    "tls_verify_certificates = @ca.pem\n";

TEST_F(SiteTest, RuleC4AuthoritiesThatOthersMayWriteAreWarnedAbout) {
  const std::string text =
      "tls_certificate = @one.pem\ntls_privatekey = @one.key\n"
      "tls_try_verify_hosts = *\ntls_verify_certificates = @ca.pem\n";
  const auto warned = [&] {
    const LoadedSite loaded = Load(text);
    return std::any_of(loaded.loaded.diagnostics.begin(), loaded.loaded.diagnostics.end(),
                       [](const Diagnostic& d) {
                         return d.code == "file-mode" &&
                                d.message.find("whose certificates verify") != std::string::npos;
                       });
  };
  for (const auto& [mode, expected] :
       {std::pair{0644, false}, std::pair{0664, true}, std::pair{0646, true}}) {
    ASSERT_EQ(::chmod(Path("ca.pem").c_str(), mode), 0);
    EXPECT_EQ(warned(), expected) << std::oct << mode;
  }
}

TEST_F(SiteTest, AGoodConfigurationHasItsPolicyReady) {
  const LoadedSite loaded = Load(std::string(kGood));
  ASSERT_NE(loaded.site, nullptr) << Errors(loaded);
  EXPECT_EQ(loaded.site->policies.size(), 1u);
  auto first = PolicyOf(*loaded.site, "127.0.0.1"), second = PolicyOf(*loaded.site, "127.0.0.2");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first.value(), second.value());
  EXPECT_EQ(loaded.site->policies.size(), 1u);
}

TEST_F(SiteTest, EachLoadIsANewGeneration) {
  const LoadedSite first = Load(std::string(kGood)), second = Load(std::string(kGood));
  ASSERT_TRUE(first.site != nullptr && second.site != nullptr);
  EXPECT_LT(first.site->generation, second.site->generation);
}

TEST_F(SiteTest, PoliciesFollowOptionsThatExpand) {
  const LoadedSite loaded = Load(
      "primary_hostname = mx.example.org\n"
      "tls_certificate = ${if eq{$received_ip_address}{127.0.0.1}{@one.pem}{@two.pem}}\n"
      "tls_privatekey = ${if eq{$received_ip_address}{127.0.0.1}{@one.key}{@two.key}}\n");
  ASSERT_NE(loaded.site, nullptr) << Errors(loaded);
  auto one = PolicyOf(*loaded.site, "127.0.0.1"), two = PolicyOf(*loaded.site, "127.0.0.2");
  ASSERT_TRUE(one.ok()) << one.error();
  ASSERT_TRUE(two.ok()) << two.error();
  EXPECT_NE(one.value(), two.value());
  EXPECT_EQ(PolicyOf(*loaded.site, "127.0.0.1").value(), one.value());
}

TEST_F(SiteTest, RuleT9AServerNameIsNoPartOfAFileName) {
  facts::Session session;
  session.tls.sni = "a.example";
  for (const char* option : {"tls_certificate = /etc/$tls_in_sni.pem\n",
                             "tls_certificate = @one.pem\ntls_crl = /etc/crls/$tls_in_sni\n",
                             "tls_certificate = @one.pem\ntls_require_ciphers = $tls_in_sni\n"}) {
    const LoadedSite loaded = Load("primary_hostname = mx.example.org\n" + std::string(option));
    ASSERT_NE(loaded.site, nullptr) << Errors(loaded);
    EXPECT_TRUE(loaded.site->by_server_name);
    const auto policy = loaded.site->PolicyFor(session, services_, &log_);
    ASSERT_FALSE(policy.ok()) << option;
    EXPECT_NE(policy.error().find("is made of text from outside"), std::string::npos)
        << policy.error();
  }
  EXPECT_FALSE(Load(std::string(kGood)).site->by_server_name);
}

TEST_F(SiteTest, RuleC2AKeyOfAnotherCertificateIsAnErrorAtLoad) {
  const LoadedSite loaded = Load(
      "primary_hostname = mx.example.org\n"
      "tls_certificate = @one.pem\n"
      "tls_privatekey = @two.key\n");
  EXPECT_EQ(loaded.site, nullptr);
  EXPECT_EQ(Errors(loaded).substr(0, 5), "2:19 ");
}

TEST_F(SiteTest, RuleC4AKeyThatOthersMayReadIsAnErrorAtItsOption) {
  ASSERT_EQ(::chmod(Path("one.key").c_str(), 0640), 0);
  const LoadedSite loaded = Load(std::string(kGood));
  EXPECT_EQ(loaded.site, nullptr);
  EXPECT_EQ(Errors(loaded).substr(0, 5), "3:18 ");
  EXPECT_NE(Errors(loaded).find("0640"), std::string::npos);
}

TEST_F(SiteTest, AMissingTrustFileIsAnErrorAtItsOption) {
  const LoadedSite loaded = Load(
      "primary_hostname = mx.example.org\n"
      "tls_certificate = @one.pem\n"
      "tls_privatekey = @one.key\n"
      "tls_verify_certificates = @gone.pem\n");
  EXPECT_EQ(loaded.site, nullptr);
  EXPECT_EQ(Errors(loaded).substr(0, 5), "4:27 ");
}

TEST_F(SiteTest, OfflineToolsReadNoKeys) {
  const LoadedSite loaded = Load(
      "primary_hostname = mx.example.org\n"
      "tls_certificate = /nonexistent/a.pem\n",
      LoadTls::kNo);
  EXPECT_NE(loaded.site, nullptr) << Errors(loaded);
}

TEST_F(SiteTest, MistakesOfAllStagesAreToldTogether) {
  const LoadedSite loaded = Load(std::string(kGood) +
                                 "acl_smtp_rcpt = check\n"
                                 "begin acl\n"
                                 "check:\n"
                                 "  acept\n"
                                 "begin routers\n"
                                 "up:\n"
                                 "  driver = manualroute\n"
                                 "  route_list = * 127.0.0.1\n"
                                 "  transport = nowhere\n");
  EXPECT_EQ(loaded.site, nullptr);
  EXPECT_NE(Errors(loaded).find("acept"), std::string::npos) << Errors(loaded);
  EXPECT_NE(Errors(loaded).find("nowhere"), std::string::npos) << Errors(loaded);
}

}  // namespace
}  // namespace signet::smtp
