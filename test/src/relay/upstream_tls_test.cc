#include <filesystem>
#include <fstream>

#include "src/base/codec.h"
#include "src/crypto/pins.h"
#include "test/src/relay/transaction_world.h"
#include "test/support/certificates.h"

namespace signet::relay {
namespace {

using ::signet::testing::CertificateSpec;
using ::signet::testing::Issue;
using ::signet::testing::Issued;
using ::signet::testing::KeyType;
using ::signet::testing::SharedKey;

// An upstream for "localhost" with a certificate of an authority of its own.
class UpstreamTlsTest : public TransactionTest {
 protected:
  UpstreamTlsTest() {
    char path[] = "/tmp/signet_relay_tls_XXXXXX";
    folder_ = mkdtemp(path);
    authority_ = Write("ca.pem", root_.Pem());
  }
  ~UpstreamTlsTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + '/' + name;
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), 0600);
    return path;
  }
  Script Offers(const std::string& line = "STARTTLS") {
    Script script;
    script.ehlo = "250-up\r\n250 " + line + "\r\n";
    script.certificate_pem = server_.Pem() + intermediate_.Pem();
    script.key_pem = server_.key.Pem();
    return script;
  }
  // Required, of our authority, by the name "localhost".
  void Require(config::Transport& transport) {
    transport.hosts_require_tls = policy.Expanded("*");
    transport.tls_verify_certificates = policy.Expanded(authority_);
    transport.tls_verify_name = policy.Expanded("localhost");
  }
  void RouteSafely(const std::string& hosts,
                   const std::function<void(config::Transport&)>& set = nullptr) {
    RouteTo(hosts, [&](config::Transport& transport) {
      Require(transport);
      if (set) set(transport);
    });
  }
  std::string Why() const { return rcpt.log_text; }

  const Issued root_ = testing::MakeRoot();
  const Issued intermediate_ = testing::MakeIntermediate(root_);
  const Issued server_ =
      Issue(testing::ServerSpec(), SharedKey(KeyType::kEcdsaP256, 50), &intermediate_);
  std::string folder_, authority_;
};

TEST_F(UpstreamTlsTest, StarttlsIsSaidAndEhloAgain) {
  ScriptedUpstream up(Offers());
  RouteSafely(up.host());
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  EXPECT_EQ(up.commands(),
            (std::vector<std::string>{"EHLO mx.example.org", "STARTTLS", "EHLO mx.example.org",
                                      "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>",
                                      "DATA", "QUIT"}));
  ASSERT_EQ(delivered.size(), 1u);
  EXPECT_TRUE(delivered[0].upstream.tls.cipher.starts_with("TLS1.3:"));
  EXPECT_TRUE(delivered[0].upstream.tls.verified);
  const facts::Upstream& upstream = policy.session.upstream;
  EXPECT_EQ(upstream.name, "127.0.0.1");
  EXPECT_EQ(upstream.port, up.port());
  EXPECT_EQ(upstream.tls.version, "TLS1.3");
  EXPECT_EQ(upstream.tls.sni, "localhost");
  EXPECT_TRUE(upstream.tls.verified);
  ASSERT_NE(upstream.tls.peer, nullptr);
  EXPECT_EQ(upstream.tls.path.size(), 3u);
}

TEST_F(UpstreamTlsTest, TlsFromTheStart) {
  Script script = Offers("SIZE");
  script.tls_on_connect = true;
  ScriptedUpstream up(script);
  RouteSafely(up.host(), [](auto& transport) { transport.protocol.text = "smtps"; });
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  EXPECT_FALSE(up.Heard("STARTTLS"));
  EXPECT_TRUE(policy.session.upstream.tls.verified);
}

TEST_F(UpstreamTlsTest, WhatWasOfferedInClearIsForgotten) {
  Script script = Offers();
  auto hellos = std::make_shared<int>(0);
  script.reply = [hellos](const std::string& line) -> std::string {
    if (!line.starts_with("EHLO")) return "";
    return ++*hellos == 1 ? "250-up\r\n250-STARTTLS\r\n250 SIZE\r\n" : "250 up\r\n";
  };
  options.declared_size = 1234;
  ScriptedUpstream up(script);
  RouteSafely(up.host());
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org>"));
}

TEST_F(UpstreamTlsTest, RuleT14NothingGoesInClearWhereTlsIsRequired) {
  Script refuses = Offers();
  refuses.reply = When("STARTTLS", "454 4.7.0 not now\r\n");
  Script broken = Offers();
  broken.certificate_pem.clear();
  broken.reply = When("STARTTLS", "220 go\r\nhello\r\n");
  for (const Script& script : {Offers("SIZE"), refuses, broken}) {
    ScriptedUpstream up(script);
    RouteSafely(up.host());
    Deliver();
    EXPECT_EQ(Said(rcpt), "451 4.4.1 Upstream is not available, please try later");
    EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
    EXPECT_EQ(up.connections(), 1);
  }
}

TEST_F(UpstreamTlsTest, RuleT14OnceStarttlsIsSaidThereIsNoWayBack) {
  for (bool refuses : {true, false}) {
    Script script = Offers();
    if (refuses) script.reply = When("STARTTLS", "454 4.7.0 not now\r\n");
    ScriptedUpstream up(script);
    RouteTo(up.host(), [&](auto& transport) {
      transport.hosts_try_tls = policy.Expanded("*");
      transport.tls_verify_certificates = policy.Expanded(authority_);
      transport.tls_verify_name = policy.Expanded("other.example");
    });
    Deliver();
    EXPECT_EQ(rcpt.code, 451);
    EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
  }
}

TEST_F(UpstreamTlsTest, TriedWhereOfferedAndNotMissedWhereNot) {
  for (const char* offer : {"STARTTLS", "SIZE"}) {
    ScriptedUpstream up(Offers(offer));
    RouteTo(up.host(), [&](auto& transport) {
      Require(transport);
      transport.hosts_require_tls = {};
      transport.hosts_try_tls = policy.Expanded("127.0.0.0/8");
    });
    Deliver();
    EXPECT_EQ(end.code, 250) << Why();
    EXPECT_EQ(policy.session.upstream.tls.active, std::string(offer) == "STARTTLS");
  }
}

TEST_F(UpstreamTlsTest, RuleT14TheCertificateIsVerifiedByNameAndAuthority) {
  ScriptedUpstream up(Offers());
  RouteSafely(up.host(),
              [&](auto& transport) { transport.tls_verify_name = policy.Expanded("mx.example"); });
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_NE(Why().find("server certificate: it is not for \"mx.example\""), std::string::npos)
      << Why();
  const Issued other = testing::MakeRoot("Other Root", KeyType::kEcdsaP384, 60);
  RouteSafely(up.host(), [&](auto& transport) {
    transport.tls_verify_certificates = policy.Expanded(Write("other.pem", other.Pem()));
  });
  Deliver();
  EXPECT_NE(Why().find("server certificate: unknown CA"), std::string::npos) << Why();
  EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
}

TEST_F(UpstreamTlsTest, HowItEndsIsCountedForReports) {
  report::TlsReports reports;
  options.tls_reports = &reports;
  testing::CertificateSpec expired_spec = testing::ServerSpec();
  expired_spec.not_after = expired_spec.not_before + 1;
  const Issued expired = Issue(expired_spec, SharedKey(KeyType::kEcdsaP256, 50), &intermediate_);
  Script old = Offers();
  old.certificate_pem = expired.Pem() + intermediate_.Pem();
  const Issued other = testing::MakeRoot("Other Root", KeyType::kEcdsaP384, 60);
  struct Case {
    Script script;
    std::function<void(config::Transport&)> set;
  };
  const Case cases[] = {
      {Offers(), nullptr},
      {Offers(), [&](auto& t) { t.tls_verify_name = policy.Expanded("mx.example"); }},
      {Offers(),
       [&](auto& t) { t.tls_verify_certificates = policy.Expanded(Write("o.pem", other.Pem())); }},
      {old, nullptr},
      {Offers("SIZE"), nullptr},
  };
  for (const Case& one : cases) {
    ScriptedUpstream up(one.script);
    RouteSafely(up.host(), one.set);
    Deliver();
  }
  const std::string report =
      reports.Report(report::DayOf(std::chrono::system_clock::now()), {"o", "c", "h"});
  EXPECT_NE(report.find("\"policy-domain\": \"127.0.0.1\""), report.npos) << report;
  EXPECT_NE(report.find("\"total-successful-session-count\": 1"), report.npos) << report;
  EXPECT_NE(report.find("\"total-failure-session-count\": 4"), report.npos) << report;
  for (const char* result : {"certificate-host-mismatch", "certificate-not-trusted",
                             "certificate-expired", "starttls-not-supported"})
    EXPECT_NE(report.find(std::string("\"result-type\": \"") + result), report.npos)
        << result << " in " << report;
  EXPECT_NE(report.find("\"receiving-ip\": \"127.0.0.1\""), report.npos) << report;
  EXPECT_NE(report.find("\"sending-mta-ip\": \"127.0.0.1\""), report.npos) << report;
}

TEST_F(UpstreamTlsTest, HostsMayBeExcusedFromVerifyingAndAreThenToldNoIdentity) {
  ScriptedUpstream up(Offers());
  RouteSafely(up.host(), [&](auto& transport) {
    transport.tls_verify_hosts = policy.Expanded("192.0.2.1");
    transport.tls_verify_name = policy.Expanded("mx.example");
  });
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  EXPECT_FALSE(policy.session.upstream.tls.verified);
  EXPECT_FALSE(delivered.at(0).upstream.tls.verified);
}

TEST_F(UpstreamTlsTest, RuleT14APinStandsForAuthorityAndName) {
  const auto certificate = crypto::Certificate::FromDer(server_.der).value();
  const std::string good = EncodeBase64(crypto::PinOf(*certificate));
  const std::string bad = EncodeBase64(std::string(32, 'x'));
  for (const std::string& pin : {good, bad}) {
    ScriptedUpstream up(Offers());
    RouteTo(up.host(), [&](auto& transport) {
      transport.hosts_require_tls = policy.Expanded("*");
      transport.tls_verify_certificates = policy.Expanded(Write("none.pem", ""));
      transport.pins =
          std::make_shared<crypto::PinSource>(crypto::PinTable::FromList({pin}).value());
    });
    Deliver();
    EXPECT_EQ(rcpt.positive(), pin == good) << Why();
    EXPECT_EQ(up.Heard("MAIL FROM:<alice@example.org>"), pin == good);
    if (pin == bad) {
      EXPECT_NE(Why().find("no pin matches"), std::string::npos) << Why();
    }
  }
}

TEST_F(UpstreamTlsTest, OurCertificateMayDependOnTheSender) {
  const Issued client =
      Issue(testing::ClientSpec(), SharedKey(KeyType::kEcdsaP256, 51), &intermediate_);
  const std::string chain = Write("client.pem", client.Pem() + intermediate_.Pem());
  const std::string key = Write("client.key", client.key.Pem());
  ScriptedUpstream up(Offers());
  RouteSafely(up.host(), [&](auto& transport) {
    transport.tls_certificate =
        policy.Expanded("${if eq{$sender_address_domain}{example.org}{" + chain + "}fail}");
    transport.tls_privatekey = policy.Expanded(key);
  });
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  ASSERT_EQ(up.clients().size(), 1u);
  EXPECT_EQ(up.clients()[0], crypto::Certificate::FromDer(client.der).value()->subject_text());
  ASSERT_NE(policy.session.upstream.tls.own, nullptr);
  EXPECT_EQ(policy.session.upstream.tls.own->subject_text(), up.clients()[0]);

  RouteSafely(up.host(), [&](auto& transport) {
    transport.tls_certificate = policy.Expanded("/keys/$sender_address_domain.pem");
  });
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_NE(Why().find("text from outside in tls_certificate"), std::string::npos) << Why();
}

TEST_F(UpstreamTlsTest, WhatIsWrongWithFilesOrWeakIsSaidAtLoad) {
  const auto mistakes = [&](const std::function<void(config::Transport&)>& set) {
    policy.config.transports.clear();
    set(policy.Transport("to_mta", TransportDriver::kSmtp));
    Diagnostics diagnostics;
    (void)Compile(policy.config, policy.names(), &diagnostics);
    return testing::Summary(diagnostics);
  };
  const std::string key = Write("key.pem", SharedKey(KeyType::kEcdsaP256, 52).Pem());
  EXPECT_EQ(mistakes([&](auto& transport) { Require(transport); }), "");
  EXPECT_NE(mistakes([&](auto& transport) {
              transport.tls_certificate = policy.Expanded(Write("c.pem", server_.Pem()));
              transport.tls_privatekey = policy.Expanded(key);
            }).find("error: transport \"to_mta\": "),
            std::string::npos);
  EXPECT_NE(mistakes([&](auto& transport) {
              transport.tls_verify_certificates = policy.Expanded("/no/such.pem");
            }).find("/no/such.pem"),
            std::string::npos);
  EXPECT_EQ(mistakes([&](auto& transport) {
              transport.hosts_require_tls = policy.Expanded("");
              transport.tls_verify_hosts = policy.Expanded("");
            }),
            "warning: mail goes to upstreams in clear where they offer no TLS (weakens rule T14)\n"
            "warning: certificates of upstreams are not verified (weakens rule T14)\n");
}

TEST_F(UpstreamTlsTest, RuleT1OctetsBehindTheReplyToStarttlsEndIt) {
  Script script = Offers();
  script.reply = When("STARTTLS", "220 go\r\n250 injected\r\n");
  ScriptedUpstream up(script);
  RouteSafely(up.host());
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_TRUE(up.clients().empty());
}

TEST_F(UpstreamTlsTest, RuleU8VerifiedTlsMayCarryAnIdentityAndUnverifiedMayNot) {
  policy.session.auth.result = facts::AuthResult::kAuthenticated;
  policy.session.auth.id = "alice";
  Script script = Offers();
  script.ehlo = "250-up\r\n250-XCLIENT LOGIN\r\n250 STARTTLS\r\n";
  script.reply = When("XCLIENT", "220 again\r\n");
  ScriptedUpstream up(script);
  RouteSafely(up.host(), [](auto& transport) { transport.xclient.text = "login"; });
  Deliver();
  EXPECT_EQ(end.code, 250) << Why();
  EXPECT_TRUE(up.Heard("XCLIENT LOGIN=alice"));
}

}  // namespace
}  // namespace signet::relay
