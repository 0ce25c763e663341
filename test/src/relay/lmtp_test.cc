#include <filesystem>

#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

class LmtpTest : public TransactionTest {
 protected:
  Script Lmtp(std::function<std::string(const std::string&)> reply = nullptr) {
    Script script;
    script.lmtp = true;
    script.ehlo = "250-up\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
    script.reply = std::move(reply);
    return script;
  }
  void RouteToLmtp(const std::string& hosts, std::int64_t max_rcpt = 0) {
    RouteTo(hosts, [&](auto& transport) {
      transport.protocol.text = "lmtp";
      transport.max_rcpt = max_rcpt;
    });
  }
  // One message for bob, carol and dave.
  void DeliverToThree() {
    RunInCoroutine([&] {
      Start();
      for (const char* who : {"bob", "carol", "dave"}) EXPECT_TRUE(Add(who).positive()) << who;
      data = transaction->StartData();
      EXPECT_EQ(data.code, 354);
      EXPECT_TRUE(transaction->WriteLine("text"));
      end = transaction->Finish();
      delivered = transaction->TakeDelivered();
      transaction.reset();
      Settle();
    });
  }
  // "+" for each recipient who got it, "-" for each refused for good, "~" for the rest.
  std::string Marks() const {
    std::string marks;
    for (const Delivered& d : delivered) marks += d.failure.empty() ? "+" : d.temporary ? "~" : "-";
    return marks;
  }
};

// The replies behind the message, by recipient: bob's, carol's, dave's; "" for a good one.
std::function<std::string(const std::string&)> Ends(std::string bob, std::string carol,
                                                    std::string dave) {
  return [=](const std::string& line) -> std::string {
    if (line.starts_with(".RCPT TO:<bob@")) return bob;
    if (line.starts_with(".RCPT TO:<carol@")) return carol;
    return line.starts_with(".RCPT TO:<dave@") ? dave : "";
  };
}

TEST_F(LmtpTest, EachRecipientIsAnsweredFor) {
  ScriptedUpstream up(Lmtp());
  RouteToLmtp(up.host());
  DeliverToThree();
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(Marks(), "+++");
  EXPECT_TRUE(up.Heard("LHLO mx.example.org"));
  EXPECT_FALSE(up.Heard("EHLO mx.example.org"));
  EXPECT_TRUE(up.Heard("QUIT"));
}

TEST_F(LmtpTest, RuleU1WhatIsTemporaryForOneIsTemporaryForTheMessage) {
  ScriptedUpstream up(Lmtp(Ends("550 5.1.1 gone\r\n", "", "452 4.2.2 over quota\r\n")));
  RouteToLmtp(up.host());
  DeliverToThree();
  EXPECT_EQ(Said(end),
            "452 4.2.2 Not delivered to <bob@example.com>, <dave@example.com>: over quota");
  EXPECT_EQ(Marks(), "-+~");
}

TEST_F(LmtpTest, ARefusalOfOneIsToldWithHisName) {
  ScriptedUpstream up(Lmtp(Ends("", "554 5.2.2 over quota\r\n", "")));
  RouteToLmtp(up.host());
  DeliverToThree();
  EXPECT_EQ(Said(end), "554 5.2.2 Not delivered to <carol@example.com>: over quota");
  EXPECT_EQ(Marks(), "+-+");
  EXPECT_NE(delivered[1].failure.find("554 5.2.2 over quota"), std::string::npos);
}

TEST_F(LmtpTest, WhereNobodyGetsItTheReplyIsTheServers) {
  const std::string no = "550 5.7.1 spam\r\n", later = "451 4.3.0 busy\r\n";
  ScriptedUpstream refuses(Lmtp(Ends(no, no, no)));
  RouteToLmtp(refuses.host());
  DeliverToThree();
  EXPECT_EQ(Said(end), "550 5.7.1 spam");
  EXPECT_EQ(Marks(), "");
  ScriptedUpstream mixed(Lmtp(Ends(no, later, no)));
  RouteToLmtp(mixed.host());
  DeliverToThree();
  EXPECT_EQ(Said(end), "451 4.3.0 busy");
}

TEST_F(LmtpTest, RuleU1RepliesThatDoNotComeAreTemporary) {
  command_timeout = std::chrono::milliseconds(300);
  for (const std::string& third :
       {ScriptedUpstream::kClose, ScriptedUpstream::kHang, std::string("250-hm\r\n550 no\r\n"),
        std::string("354 more\r\n"), std::string("250 a\r\n250 b\r\n")}) {
    ScriptedUpstream up(Lmtp(Ends("", "", third)));
    RouteToLmtp(up.host());
    DeliverToThree();
    EXPECT_EQ(end.code, 451) << third;
    EXPECT_EQ(Marks(), "++~") << third;
  }
}

TEST_F(LmtpTest, ThereIsNoWayBackToHelo) {
  Script script = Lmtp(When("LHLO", "500 5.5.1 this is SMTP\r\n"));
  ScriptedUpstream up(script);
  RouteToLmtp(up.host());
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_FALSE(up.Heard("HELO mx.example.org"));
}

TEST_F(LmtpTest, MaxRcptKeepsMessagesApart) {
  for (std::int64_t most : {1, 2}) {
    ScriptedUpstream up(Lmtp());
    RouteToLmtp(up.host(), most);
    RunInCoroutine([&] {
      Start();
      for (std::int64_t i = 0; i < most; ++i) EXPECT_TRUE(Add("bob").positive());
      EXPECT_EQ(Said(Add("carol")).substr(0, 9), "452 4.5.3");
      transaction.reset();
      Settle();
    });
  }
}

TEST_F(LmtpTest, LimitsOfTheUpstreamCountToo) {
  Script script;
  script.ehlo = "250-up\r\n250 LIMITS RCPTMAX=1\r\n";
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_TRUE(Add("bob").positive());
    EXPECT_EQ(Said(Add("carol")).substr(0, 9), "452 4.5.3");
    transaction.reset();
    Settle();
  });
}

TEST_F(LmtpTest, SpeaksOverAUnixSocket) {
  char folder[] = "/tmp/signet_lmtp_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  Script script = Lmtp();
  script.socket_path = std::string(folder) + "/lmtp";
  {
    ScriptedUpstream up(script);
    policy.config.transports.clear();
    config::Transport& transport = policy.Transport("to_mta", TransportDriver::kSmtp);
    transport.protocol.text = "lmtp";
    transport.xclient.text = "login";  // a socket is as good as loopback
    transport.socket = policy.Expanded(script.socket_path);
    transport.hosts_require_tls = policy.Expanded("*");  // there is none over a socket
    policy.Router("r", RouterDriver::kAccept, "to_mta");
    CompileRoutes();
    Deliver();
    EXPECT_NE(rcpt.log_text.find("XCLIENT LOGIN is not offered"), std::string::npos)
        << rcpt.log_text;
    policy.config.transports[0].xclient.text = "no";
    Deliver();
    EXPECT_EQ(end.code, 250) << rcpt.log_text;
    EXPECT_EQ(delivered.at(0).upstream.name, script.socket_path);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace signet::relay
