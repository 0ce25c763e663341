#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

class CallForwardTest : public TransactionTest {
 protected:
  // What is said of a local part, asked in the name of alice. In a coroutine.
  Reply Ask(const std::string& local_part) {
    policy.session.envelope.current = {local_part + "@example.com", local_part, "example.com"};
    config::MatchContext context = policy.Context();
    Reply reply = CallForward(routes, policy.session, context);
    Settle();
    return reply;
  }
};

TEST_F(CallForwardTest, TheUpstreamIsAskedWithoutAMessage) {
  Script script;
  script.reply = When("RCPT TO:<carol@", "550 5.1.1 no carol\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    EXPECT_TRUE(Ask("bob").positive());
    EXPECT_EQ(Said(Ask("carol")), "550 5.1.1 no carol");
  });
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org>"));
  EXPECT_FALSE(up.Heard("DATA"));
  EXPECT_TRUE(up.messages().empty());
}

TEST_F(CallForwardTest, WhatItSaidForGoodIsRemembered) {
  Script script;
  script.reply = When("RCPT TO:<carol@", "550 5.1.1 no carol\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(Ask("bob").positive());
      EXPECT_EQ(Ask("carol").code, 550);
    }
  });
  EXPECT_EQ(up.connections(), 2);
}

TEST_F(CallForwardTest, WhatItCouldNotSayIsAskedAgain) {
  Script script;
  script.reply = When("RCPT", "450 4.2.0 later\r\n");
  ScriptedUpstream up(script);
  RouteTo(up.host());
  RunInCoroutine([&] {
    EXPECT_EQ(Ask("bob").code, 450);
    EXPECT_EQ(Ask("bob").code, 450);
  });
  EXPECT_EQ(up.connections(), 2);
}

TEST_F(CallForwardTest, AnotherIdentityOrSenderIsAnotherQuestion) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  RunInCoroutine([&] {
    EXPECT_TRUE(Ask("bob").positive());
    policy.session.auth.result = facts::AuthResult::kAuthenticated;
    policy.session.auth.id = "alice";
    EXPECT_TRUE(Ask("bob").positive());
    policy.session.envelope.sender = policy.session.envelope.sender_local_part =
        policy.session.envelope.sender_domain = "";
    EXPECT_TRUE(Ask("bob").positive());
  });
  EXPECT_EQ(up.connections(), 3);
}

TEST_F(CallForwardTest, ARouteIsFoundWithoutAsking) {
  ScriptedUpstream up({});
  RouteTo(up.host());
  policy.config.routers[0].domains = policy.Expanded("example.com");
  CompileRoutes();
  policy.session.envelope.current = {"bob@example.com", "bob", "example.com"};
  config::MatchContext context = policy.Context();
  EXPECT_TRUE(FindRoute(*routes, context).positive());
  policy.session.envelope.current.domain = "elsewhere.example";
  EXPECT_EQ(FindRoute(*routes, context).code, 550);
  EXPECT_EQ(up.connections(), 0);
}

}  // namespace
}  // namespace signet::relay
