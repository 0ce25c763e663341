#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

const std::string kMail = "MAIL FROM:<alice@example.org>";

class UpstreamPipeliningTest : public TransactionTest {
 protected:
  // Waits for RCPT before it answers MAIL: who sends them apart waits for ever.
  Script Together(const std::string& replies) {
    Script script;
    script.ehlo = "250-up\r\n250 PIPELINING\r\n";
    script.reply = [=](const std::string& line) -> std::string {
      if (line == kMail) return ScriptedUpstream::kNothing;
      return line.starts_with("RCPT TO:<bob@") ? replies : "";
    };
    return script;
  }
};

TEST_F(UpstreamPipeliningTest, MailAndTheFirstRecipientGoTogether) {
  ScriptedUpstream up(Together("250 2.1.0 sender\r\n250 2.1.5 recipient\r\n"));
  RouteTo(up.host());
  Deliver();
  EXPECT_EQ(end.code, 250) << rcpt.log_text;
  EXPECT_TRUE(delivered.at(0).pipelining);
}

TEST_F(UpstreamPipeliningTest, EachReplyBelongsToItsCommand) {
  struct Case {
    const char *replies, *said;
  };
  for (const Case& c : {Case{"550 5.1.8 no sender\r\n503 5.5.1 no MAIL\r\n", "550 5.1.8 no sender"},
                        Case{"451 4.3.0 later\r\n503 5.5.1 no MAIL\r\n", "451 4.3.0 later"},
                        Case{"250-a\r\n250 b\r\n550 5.1.1 no bob\r\n", "550 5.1.1 no bob"}}) {
    ScriptedUpstream up(Together(c.replies));
    RouteTo(up.host());
    Deliver();
    EXPECT_EQ(Said(rcpt), c.said);
    EXPECT_FALSE(up.Heard("DATA"));
  }
}

TEST_F(UpstreamPipeliningTest, AfterARefusedRecipientTheTransactionGoesOn) {
  ScriptedUpstream up(Together("250 ok\r\n550 5.1.1 no bob\r\n"));
  RouteTo(up.host());
  RunInCoroutine([&] {
    Start();
    EXPECT_EQ(Add("bob").code, 550);
    EXPECT_TRUE(Add("carol").positive());
    transaction.reset();
    Settle();
  });
  EXPECT_EQ(up.connections(), 1);
}

TEST_F(UpstreamPipeliningTest, RuleU4AReplyTooManyEndsIt) {
  command_timeout = std::chrono::milliseconds(300);
  for (const std::string& replies :
       {std::string("250 a\r\n250 b\r\n250 c\r\n"), std::string("250 a\r\n"),
        std::string("250 a\r\n250-b\r\n"), std::string("250 a\r\nb\r\n")}) {
    ScriptedUpstream up(Together(replies));
    RouteTo(up.host());
    Deliver();
    EXPECT_EQ(rcpt.code, 451) << replies;
    EXPECT_FALSE(up.Heard("DATA")) << replies;
  }
}

TEST_F(UpstreamPipeliningTest, HostsMayGetOneCommandAtATime) {
  Script script;
  script.ehlo = "250-up\r\n250 PIPELINING\r\n";
  ScriptedUpstream up(script);
  RouteTo(up.host(), [&](auto& transport) {
    transport.hosts_avoid_pipelining = policy.Expanded("127.0.0.1");
  });
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_FALSE(delivered.at(0).pipelining);
}

}  // namespace
}  // namespace signet::relay
