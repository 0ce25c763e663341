#include "src/relay/authenticate.h"

#include "src/base/codec.h"
#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

constexpr char kPassword[] = "tanstaaftanstaaf";

class UpstreamAuthTest : public TransactionTest {
 protected:
  Script Offers(const std::string& mechanisms,
                std::function<std::string(const std::string&)> reply) {
    Script script;
    script.ehlo = "250-up\r\n250 AUTH " + mechanisms + "\r\n";
    script.reply = std::move(reply);
    return script;
  }
  void RouteAs(const std::string& hosts, const std::string& mechanism) {
    RouteTo(hosts, [&](auto& transport) {
      transport.auth_mechanism = {mechanism, policy.Text(mechanism)};
      transport.auth_user = policy.Expanded("tim");
      transport.auth_password = policy.Expanded(kPassword);
    });
  }
  void ExpectNoPassword(const ScriptedUpstream& up) {
    EXPECT_EQ(rcpt.log_text.find(kPassword), std::string::npos);
    EXPECT_EQ(rcpt.log_text.find(EncodeBase64(kPassword)), std::string::npos);
    EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
  }
};

TEST_F(UpstreamAuthTest, Plain) {
  const std::string line = "AUTH PLAIN " + EncodeBase64(std::string("\0tim\0tanstaaftanstaaf", 21));
  ScriptedUpstream up(Offers("PLAIN LOGIN", When(line, "235 2.7.0 good\r\n")));
  RouteAs(up.host(), "plain");
  Deliver();
  EXPECT_EQ(end.code, 250) << rcpt.log_text;
  EXPECT_TRUE(up.Heard(line));
  EXPECT_EQ(delivered.at(0).authenticator, "plain:tim");
}

TEST_F(UpstreamAuthTest, CramMd5AsInRfc2195) {
  const std::string answer = EncodeBase64("tim b913a602c7eda7a495b4e6e7334d3890");
  const std::string challenge = EncodeBase64("<1896.697170952@postoffice.reston.mci.net>");
  ScriptedUpstream up(Offers("PLAIN CRAM-MD5", [=](const std::string& line) -> std::string {
    if (line == "AUTH CRAM-MD5") return "334 " + challenge + "\r\n";
    return line == answer ? "235 2.7.0 good\r\n" : "";
  }));
  RouteAs(up.host(), "cram-md5 : plain");
  Deliver();
  EXPECT_EQ(end.code, 250) << rcpt.log_text;
  EXPECT_TRUE(up.Heard(answer));
}

TEST_F(UpstreamAuthTest, LoginAndExternal) {
  ScriptedUpstream login(Offers("LOGIN", [](const std::string& line) -> std::string {
    if (line == "AUTH LOGIN") return "334 VXNlcm5hbWU6\r\n";
    if (line == EncodeBase64("tim")) return "334 UGFzc3dvcmQ6\r\n";
    return line == EncodeBase64(kPassword) ? "235 good\r\n" : "";
  }));
  RouteAs(login.host(), "login");
  Deliver();
  EXPECT_EQ(end.code, 250) << rcpt.log_text;
  ScriptedUpstream external(Offers("EXTERNAL", When("AUTH", "235 good\r\n")));
  RouteTo(external.host(), [&](auto& transport) {
    transport.auth_mechanism = {"external", policy.Text("external")};
  });
  Deliver();
  EXPECT_EQ(end.code, 250) << rcpt.log_text;
  EXPECT_TRUE(external.Heard("AUTH EXTERNAL ="));
}

TEST_F(UpstreamAuthTest, RefusalIsOurTroubleAndTellsNoSecret) {
  for (const char* refusal :
       {"535 5.7.8 no\r\n", "454 4.7.0 later\r\n", "250 what\r\n", "334 \r\n", "garbage\r\n"}) {
    ScriptedUpstream up(Offers("PLAIN", When("AUTH", refusal)));
    RouteAs(up.host(), "plain");
    Deliver();
    EXPECT_EQ(Said(rcpt), "451 4.4.1 Upstream is not available, please try later") << refusal;
    ExpectNoPassword(up);
  }
  ScriptedUpstream up(Offers("GSSAPI", nullptr));
  RouteAs(up.host(), "plain");
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_NE(rcpt.log_text.find("no mechanism of auth_mechanism is offered"), std::string::npos);
  ExpectNoPassword(up);
}

TEST_F(UpstreamAuthTest, RuleU3AChallengeWithoutEndIsEnded) {
  for (const char* mechanism : {"login", "cram-md5"}) {
    ScriptedUpstream up(Offers("LOGIN CRAM-MD5", [](const std::string& line) -> std::string {
      return line == "*"                                  ? "501 5.7.0 cancelled\r\n"
             : line.starts_with("EHLO") || line == "QUIT" ? ""
                                                          : "334 AAAA\r\n";
    }));
    RouteAs(up.host(), mechanism);
    Deliver();
    EXPECT_EQ(rcpt.code, 451);
    EXPECT_TRUE(up.Heard("*"));
    ExpectNoPassword(up);
  }
}

TEST_F(UpstreamAuthTest, MistakesAreSaidAtLoad) {
  const auto mistakes = [&](const std::string& mechanism, const std::string& xclient, bool user) {
    policy.config.transports.clear();
    config::Transport& transport = policy.Transport("to_mta", TransportDriver::kSmtp);
    if (!mechanism.empty()) transport.auth_mechanism = {mechanism, policy.Text(mechanism)};
    transport.xclient.text = xclient;
    if (user) {
      transport.auth_user = policy.Expanded("tim");
      transport.auth_password = policy.Expanded("x");
    }
    Diagnostics diagnostics;
    (void)Compile(policy.config, policy.names(), &diagnostics);
    return testing::Summary(diagnostics);
  };
  EXPECT_EQ(mistakes("plain : cram-md5", "no", true), "");
  EXPECT_EQ(mistakes("external", "no", false), "");
  EXPECT_NE(mistakes("digest-md5", "no", true).find("unknown mechanism"), std::string::npos);
  EXPECT_NE(mistakes("plain", "no", false).find("are needed"), std::string::npos);
  EXPECT_NE(mistakes("", "no", true).find("no \"auth_mechanism\""), std::string::npos);
  EXPECT_NE(mistakes("plain", "login", true).find("exclude each other"), std::string::npos);
}

}  // namespace
}  // namespace signet::relay
