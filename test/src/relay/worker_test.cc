#include "src/relay/worker.h"

#include "src/base/limits.h"
#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

class ReuseTest : public TransactionTest {
 protected:
  void RouteKeeping(const std::string& hosts, std::chrono::milliseconds idle = 5s,
                    const std::function<void(config::Transport&)>& set = nullptr) {
    RouteTo(hosts, [&](config::Transport& transport) {
      transport.connection_idle_timeout = idle;
      if (set) set(transport);
    });
  }
};

TEST_F(ReuseTest, TheNextMessageGoesOverTheSameConnection) {
  ScriptedUpstream up({});
  RouteKeeping(up.host());
  RunInCoroutine([&] {
    EXPECT_EQ(DeliverOne().code, 250);
    WaitForIdle(1);
    EXPECT_EQ(DeliverOne().code, 250);
    WaitForIdle(1);
  });
  EXPECT_EQ(up.connections(), 1);
  EXPECT_EQ(up.messages().size(), 2u);
  const std::string mail = "MAIL FROM:<alice@example.org>", rcpt = "RCPT TO:<bob@example.com>";
  EXPECT_EQ(up.commands(), (std::vector<std::string>{"EHLO mx.example.org", mail, rcpt, "DATA",
                                                     "RSET", mail, rcpt, "DATA", "RSET"}));
  EXPECT_EQ(ThisWorker().idle.size(), 0u);  // they end with their loop
}

TEST_F(ReuseTest, ARefusedRecipientDoesNotCostTheConnection) {
  Script script;
  script.reply = When("RCPT", "550 5.1.1 no\r\n");
  ScriptedUpstream up(script);
  RouteKeeping(up.host());
  RunInCoroutine([&] {
    EXPECT_EQ(DeliverOne().code, 550);
    WaitForIdle(1);
    EXPECT_EQ(DeliverOne().code, 550);
    WaitForIdle(1);
  });
  EXPECT_EQ(up.connections(), 1);
}

TEST_F(ReuseTest, RuleU9WithoutACleanResetThereIsNoSecondMessage) {
  for (const char* reply : {"451 4.3.0 no\r\n", "250 ok\r\n250 ok\r\n", "garbage\r\n"}) {
    Script script;
    script.reply = When("RSET", reply);
    ScriptedUpstream up(script);
    RouteKeeping(up.host());
    RunInCoroutine([&] {
      EXPECT_EQ(DeliverOne().code, 250);
      Settle();
      EXPECT_EQ(ThisWorker().idle.size(), 0u) << reply;
      EXPECT_EQ(DeliverOne().code, 250);
      Settle();
    });
    EXPECT_EQ(up.connections(), 2) << reply;
  }
}

TEST_F(ReuseTest, RuleU9OneThatHasSpokenOrClosedMeanwhileIsNotUsed) {
  for (const std::string& after : {std::string("421 4.4.2 idle\r\n"), ScriptedUpstream::kClose}) {
    Script script;
    script.after_reset = after;
    ScriptedUpstream up(script);
    RouteKeeping(up.host());
    RunInCoroutine([&] {
      EXPECT_EQ(DeliverOne().code, 250);
      Settle();
      (void)engine::SleepUntil(Deadline::After(100ms));
      EXPECT_EQ(DeliverOne().code, 250);
      Settle();
    });
    EXPECT_EQ(up.messages().size(), 2u);
    EXPECT_EQ(up.connections(), 2);
  }
}

TEST_F(ReuseTest, AStaleConnectionIsReplacedOnceAndSilently) {
  for (const std::string& end : {ScriptedUpstream::kClose, std::string("421 4.4.2 idle\r\n")}) {
    Script script;
    auto mails = std::make_shared<int>(0);
    script.reply = [=](const std::string& line) {
      return line.starts_with("MAIL") && ++*mails == 2 ? end : std::string();
    };
    ScriptedUpstream up(script);
    RouteKeeping(up.host());
    RunInCoroutine([&] {
      EXPECT_EQ(DeliverOne().code, 250);
      WaitForIdle(1);
      EXPECT_EQ(DeliverOne().code, 250);
      WaitForIdle(1);
    });
    EXPECT_EQ(up.connections(), 2);
    EXPECT_EQ(up.messages().size(), 2u);
  }
}

TEST_F(ReuseTest, ANewConnectionThatEndsIsNotTriedAgain) {
  Script script;
  script.reply = When("MAIL", ScriptedUpstream::kClose);
  ScriptedUpstream up(script);
  RouteKeeping(up.host());
  RunInCoroutine([&] { EXPECT_EQ(DeliverOne().code, 451); });
  EXPECT_EQ(up.connections(), 1);
}

TEST_F(ReuseTest, RuleU1NothingIsTriedAgainAfterTheDot) {
  Script script;
  auto dots = std::make_shared<int>(0);
  script.reply = [=](const std::string& line) {
    return line == "." && ++*dots == 2 ? ScriptedUpstream::kClose : std::string();
  };
  ScriptedUpstream up(script);
  RouteKeeping(up.host());
  RunInCoroutine([&] {
    EXPECT_EQ(DeliverOne().code, 250);
    WaitForIdle(1);
    EXPECT_EQ(DeliverOne().code, 451);
  });
  EXPECT_EQ(up.connections(), 1);
  EXPECT_EQ(up.messages().size(), 2u);  // it may be theirs: the client will say it again
}

TEST_F(ReuseTest, RuleU8AnotherIdentityIsAnotherConnection) {
  Script script;
  script.ehlo = "250-up\r\n250 XCLIENT LOGIN\r\n";
  script.reply = When("XCLIENT", "220 again\r\n");
  ScriptedUpstream up(script);
  RouteKeeping(up.host(), 200ms, [](auto& transport) { transport.xclient.text = "login"; });
  policy.session.auth.result = facts::AuthResult::kAuthenticated;
  RunInCoroutine([&] {
    for (const char* id : {"alice", "alice", "bob"}) {
      policy.session.auth.id = id;
      EXPECT_EQ(DeliverOne().code, 250);
      WaitForIdle(1);
    }
  });
  EXPECT_EQ(up.connections(), 2);
  EXPECT_TRUE(up.Heard("XCLIENT LOGIN=alice"));
  EXPECT_TRUE(up.Heard("XCLIENT LOGIN=bob"));
}

TEST_F(ReuseTest, ThereIsALimitOfMessages) {
  for (bool upstreams : {false, true}) {
    Script script;
    if (upstreams) script.ehlo = "250-up\r\n250 LIMITS MAILMAX=2\r\n";
    ScriptedUpstream up(script);
    RouteKeeping(up.host(), 5s,
                 [&](auto& transport) { transport.connection_max_messages = upstreams ? 0 : 2; });
    RunInCoroutine([&] {
      EXPECT_EQ(DeliverOne().code, 250);
      WaitForIdle(1);
      EXPECT_EQ(DeliverOne().code, 250);
      Settle();
      EXPECT_EQ(ThisWorker().idle.size(), 0u);
      EXPECT_EQ(DeliverOne().code, 250);
      WaitForIdle(1);
    });
    EXPECT_EQ(up.connections(), 2);
  }
}

TEST_F(ReuseTest, IdleConnectionsEndWithQuit) {
  ScriptedUpstream up({});
  RouteKeeping(up.host(), 100ms);
  RunInCoroutine([&] {
    EXPECT_EQ(DeliverOne().code, 250);
    WaitForIdle(1);
    WaitForIdle(0);
    Settle();
  });
  EXPECT_TRUE(up.Heard("QUIT"));
}

TEST_F(ReuseTest, RuleR2OnlySoManyAreKept) {
  std::vector<std::unique_ptr<ScriptedUpstream>> ups;
  for (std::size_t i = 0; i <= limits::kUpstreamIdleMax; ++i)
    ups.push_back(std::make_unique<ScriptedUpstream>(Script()));
  RunInCoroutine([&] {
    for (std::size_t i = 0; i < ups.size(); ++i) {
      RouteKeeping(ups[i]->host());
      EXPECT_EQ(DeliverOne().code, 250);
      if (i < limits::kUpstreamIdleMax) WaitForIdle(i + 1);
    }
    for (int i = 0; i < 1000 && !ups[0]->Heard("QUIT"); ++i)
      (void)engine::SleepUntil(Deadline::After(5ms));
    WaitForIdle(limits::kUpstreamIdleMax);
  });
  EXPECT_TRUE(ups[0]->Heard("QUIT"));  // the oldest
  EXPECT_FALSE(ups[1]->Heard("QUIT"));
}

// --- hosts -----------------------------------------------------------------------------------

class FailoverTest : public TransactionTest {
 protected:
  Script Busy() {
    Script script;
    script.greeting = "421 4.3.2 busy\r\n";
    return script;
  }
};

TEST_F(FailoverTest, AHostThatFailedComesLastForAWhile) {
  ScriptedUpstream busy(Busy()), good({});
  RouteTo(busy.host() + ":" + good.host());
  Deliver();
  EXPECT_EQ(end.code, 250);
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(busy.connections(), 1);
  EXPECT_EQ(good.messages().size(), 2u);
  ThisWorker().failing = {};  // the while is over
  Deliver();
  EXPECT_EQ(busy.connections(), 2);
}

TEST_F(FailoverTest, WhereAllHaveFailedAllAreTriedAgain) {
  ScriptedUpstream busy(Busy());
  RouteTo(busy.host() + ":" + DeadHost());
  Deliver();
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_EQ(busy.connections(), 2);
}

TEST_F(FailoverTest, AnAnswerIsNoFailure) {
  Script later;
  later.reply = When("RCPT", "450 4.2.0 later\r\n");
  ScriptedUpstream first(later), second({});
  RouteTo(first.host() + ":" + second.host());
  Deliver();
  Deliver();
  EXPECT_EQ(first.connections(), 2);
}

TEST_F(FailoverTest, FallbackHostsComeWhenTheOthersFail) {
  ScriptedUpstream busy(Busy()), good({}), fallback({});
  const auto set = [&](auto& transport) {
    transport.fallback_hosts = policy.Expanded(fallback.host());
  };
  RouteTo(good.host(), set);
  Deliver();
  EXPECT_EQ(fallback.connections(), 0);
  RouteTo(busy.host(), set);
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(fallback.messages().size(), 1u);
  policy.config.routers[0].fallback_hosts = policy.Expanded(good.host());
  Deliver();
  EXPECT_EQ(good.messages().size(), 2u);
}

TEST_F(FailoverTest, HostsMayBeTakenInAnyOrder) {
  ScriptedUpstream a({}), b({});
  RouteTo(a.host() + ":" + b.host(), [](auto& transport) { transport.hosts_randomize = true; });
  for (int i = 0; i < 64 && (a.messages().empty() || b.messages().empty()); ++i) Deliver();
  EXPECT_FALSE(a.messages().empty());
  EXPECT_FALSE(b.messages().empty());
}

TEST(FailingHostsTest, RuleR7RemembersSoMany) {
  FailingHosts failing;
  for (std::size_t i = 0; i < limits::kUpstreamHostsRemembered + 10; ++i)
    failing.Note("host" + std::to_string(i));
  EXPECT_EQ(failing.size(), limits::kUpstreamHostsRemembered);
  failing.Note("last");
  EXPECT_TRUE(failing.Contains("last"));
  failing.Forget("last");
  EXPECT_FALSE(failing.Contains("last"));
}

TEST(ProbeAnswersTest, RuleR7RemembersSoMany) {
  ProbeAnswers probes;
  for (std::size_t i = 0; i < limits::kCallForwardKept + 10; ++i)
    probes.Note(std::to_string(i), {250, "", "", ""});
  EXPECT_EQ(probes.size(), limits::kCallForwardKept);
}

}  // namespace
}  // namespace signet::relay
