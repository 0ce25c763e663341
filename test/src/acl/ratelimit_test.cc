// Rates: the average, the table that holds them, and the conditions that ask.
#include "src/acl/ratelimit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/acl/acl.h"
#include "src/acl/rates.h"
#include "test/support/policy.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::VerdictKind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::Policy;

// --- the average -----------------------------------------------------------------------------

TEST(NextRate, EventsAtAnEvenPaceSettleAtTheirRate) {
  // One event each 6 seconds is 10 a minute.
  double rate = 1;
  for (int i = 0; i < 200; ++i) rate = NextRate(rate, 6, 60, 1);
  EXPECT_NEAR(rate, 10, 0.01);
}

TEST(NextRate, FollowsItsFormula) {
  const double kept = std::exp(-30.0 / 60);
  EXPECT_NEAR(NextRate(8, 30, 60, 1), (1 - kept) * 1 * 60 / 30 + kept * 8, 1e-12);
}

TEST(NextRate, AddsUpEventsOfOneMoment) { EXPECT_NEAR(NextRate(4, 0, 3600, 2), 6, 1e-6); }

TEST(NextRate, IsNeverBelowWhatIsCounted) {
  EXPECT_EQ(NextRate(0, 10'000, 60, 5), 5);
  EXPECT_EQ(NextRate(100, 1e9, 60, 1), 1);
}

TEST(NextRate, FadesWhereNothingIsCounted) {
  EXPECT_NEAR(NextRate(10, 60, 60, 0), 10 * std::exp(-1.0), 1e-12);
  EXPECT_EQ(NextRate(10, 1e9, 60, 0), 0);
}

// --- the table -------------------------------------------------------------------------------

class RateTableTest : public ::testing::Test {
 protected:
  RateRequest Request(std::string key, RateRequest::Update update = RateRequest::kAlways) {
    RateRequest request;
    request.update = update;
    request.key = std::move(key);
    request.period_seconds = 3600;
    request.limit = 2.5;
    return request;
  }
  double Rate(const RateRequest& request) {
    const RateAnswer answer = table.Update(request, now);
    EXPECT_TRUE(answer.available);
    return answer.rate;
  }

  RateTable table;
  MonotonicTime now{hours(1)};
};

TEST_F(RateTableTest, KeysAreMeasuredApart) {
  EXPECT_EQ(Rate(Request("a")), 1);
  EXPECT_NEAR(Rate(Request("a")), 2, 1e-6);
  EXPECT_EQ(Rate(Request("b")), 1);
}

TEST_F(RateTableTest, ReadingCountsNothing) {
  EXPECT_EQ(Rate(Request("a", RateRequest::kNever)), 0);
  EXPECT_EQ(table.keys(), 0u);
  Rate(Request("a"));
  now += hours(1);
  EXPECT_NEAR(Rate(Request("a", RateRequest::kNever)), std::exp(-1.0), 1e-9);
  EXPECT_NEAR(Rate(Request("a", RateRequest::kNever)), std::exp(-1.0), 1e-9);
}

TEST_F(RateTableTest, AboveItsLimitALeakyRateIsNotCounted) {
  const RateRequest leaky = Request("a", RateRequest::kBelow);
  for (double expected : {1.0, 2.0, 3.0, 3.0, 3.0}) EXPECT_NEAR(Rate(leaky), expected, 1e-6);
  const RateRequest strict = Request("b");
  for (double expected : {1.0, 2.0, 3.0, 4.0, 5.0}) EXPECT_NEAR(Rate(strict), expected, 1e-6);
}

TEST_F(RateTableTest, ValuesCountOnceInAPeriod) {
  RateRequest request = Request("a");
  request.unique = "x";
  EXPECT_EQ(Rate(request), 1);
  EXPECT_NEAR(Rate(request), 1, 1e-6);
  request.unique = "y";
  EXPECT_NEAR(Rate(request), 2, 1e-6);
  now += seconds(3600);
  request.unique = "x";
  EXPECT_GT(Rate(request), 2 * std::exp(-1.0) + 0.5);
}

TEST_F(RateTableTest, WhatIsNotCountedIsNotKnownAsCounted) {
  RateRequest request = Request("a", RateRequest::kBelow);
  request.limit = 2;
  request.unique = "x";
  EXPECT_EQ(Rate(request), 1);
  request.unique = "y";
  EXPECT_NEAR(Rate(request), 2, 1e-6);  // at the limit: refused, not counted
  EXPECT_NEAR(Rate(request), 2, 1e-6);  // and again not
}

TEST_F(RateTableTest, RatesAreForgottenWhenTheyAreNothing) {
  Rate(Request("a"));
  now += hours(10) - seconds(1);
  EXPECT_GT(Rate(Request("a", RateRequest::kNever)), 0);
  now += seconds(1);
  EXPECT_EQ(Rate(Request("a", RateRequest::kNever)), 0);
}

TEST_F(RateTableTest, RuleR7KeysAreBounded) {
  RateTable small({.keys = 3});
  for (const char* key : {"a", "b", "c"}) small.Update(Request(key), now);
  small.Update(Request("a"), now);  // used last
  EXPECT_EQ(small.keys(), 3u);
  EXPECT_EQ(small.evicted(), 0u);
  small.Update(Request("d"), now);  // "b" makes room
  EXPECT_EQ(small.keys(), 3u);
  EXPECT_EQ(small.evicted(), 1u);
  EXPECT_NEAR(small.Update(Request("a"), now).rate, 3, 1e-6);
  EXPECT_EQ(small.Update(Request("b", RateRequest::kNever), now).rate, 0);
  // What is over makes room first, and nothing is lost by it.
  now += hours(11);
  small.Update(Request("e"), now);
  EXPECT_EQ(small.evicted(), 1u);
}

TEST_F(RateTableTest, RuleR7ValuesAreBounded) {
  RateTable small({.keys = 10, .uniques_of_key = 2, .uniques = 4});
  RateRequest request = Request("a");
  for (const char* value : {"x", "y", "z"}) {
    request.unique = value;
    small.Update(request, now);
    now += seconds(1);
  }
  const double rate = small.Update(Request("a", RateRequest::kNever), now).rate;
  request.unique = "z";  // still known
  EXPECT_LE(small.Update(request, now).rate, rate);
  request.unique = "x";  // made room
  EXPECT_GT(small.Update(request, now).rate, rate);
  for (const char* key : {"b", "c"}) {
    RateRequest other = Request(key);
    for (const char* value : {"x", "y"}) {
      other.unique = value;
      small.Update(other, now);
    }
  }
  EXPECT_EQ(small.evicted(), 1u);  // two values each of three keys are two too many
  EXPECT_EQ(small.keys(), 2u);
}

TEST_F(RateTableTest, LongKeysAreKeptApart) {
  const std::string just(limits::kRateKeyMaxBytes, 'k');
  for (const std::string& key : {just, just + 'x', just + 'y'}) EXPECT_EQ(Rate(Request(key)), 1);
  EXPECT_NEAR(Rate(Request(just + 'x')), 2, 1e-6);
}

TEST_F(RateTableTest, RemembersWhenAKeyWasSeen) {
  RateRequest request;
  request.kind = RateRequest::kSeen;
  request.key = "a";
  request.period_seconds = 300;
  request.refresh_seconds = 600;
  request.update = RateRequest::kNever;
  EXPECT_EQ(table.Update(request, now).age_seconds, std::nullopt);
  request.update = RateRequest::kBelow;
  EXPECT_EQ(table.Update(request, now).age_seconds, std::nullopt);
  now += seconds(599);
  EXPECT_EQ(table.Update(request, now).age_seconds, 599);
  now += seconds(1);
  EXPECT_EQ(table.Update(request, now).age_seconds, 600);  // noted anew
  EXPECT_EQ(table.Update(request, now).age_seconds, 0);
  // A rate of the same key is something else.
  EXPECT_EQ(Rate(Request("a", RateRequest::kNever)), 0);
}

// --- the conditions --------------------------------------------------------------------------

class Store : public Effects {
 public:
  explicit Store(facts::Session* session) : session_(session) {}
  void SetVariable(const std::string&, Value) override {}
  void AddHeader(facts::AddedHeader) override {}
  void RemoveHeader(std::string) override {}
  VerifyAnswer VerifyAddress(const VerifyRequest&) override { return {}; }
  void LogWrite(std::string_view, std::string_view) override {}
  void Delay(milliseconds) override {}
  RateAnswer UpdateRate(const RateRequest& request) override {
    keys.push_back(request.key);
    if (!trouble.empty()) return {.available = false, .why = trouble};
    return table.Update(request, now);
  }
  facts::Session& session() override { return *session_; }

  RateTable table;
  MonotonicTime now{hours(1)};
  std::vector<std::string> keys;
  std::string trouble;

 private:
  facts::Session* session_;
};

class RatelimitTest : public ::testing::Test {
 protected:
  RatelimitTest() : store(&policy.session) {
    policy.session.connection.client_ip = "192.0.2.1";
    policy.session.envelope.has_sender = true;
    policy.session.envelope.sender = "a@b.example";
    policy.session.envelope.current = {"bob@example.com", "bob", "example.com"};
  }
  facts::Verdict Ask(std::string_view lines, AclWhen when = AclWhen::kRcpt) {
    std::erase_if(policy.config.acls, [](const auto& acl) { return acl.name == "a"; });
    policy.Acl("a", lines);
    for (config::Expanded& option : policy.config.main.acl) option = {};
    policy.AclOption(when, "a");
    Diagnostics diagnostics;
    rules_ = Compile(policy.config, policy.names(), &diagnostics);
    EXPECT_EQ(testing::Summary(diagnostics), "");
    config::MatchContext context = policy.Context();
    return Evaluate(*rules_, when, context, store);
  }
  bool Denies(std::string_view argument, AclWhen when = AclWhen::kRcpt) {
    return Ask("deny ratelimit = " + std::string(argument) + "\naccept", when).kind ==
           VerdictKind::kDeny;
  }

  Policy policy;
  Store store;

 private:
  std::unique_ptr<const Rules> rules_;
};

TEST_F(RatelimitTest, HoldsFromTheLimitOn) {
  const std::string limit = "3 / 1h / per_cmd";
  EXPECT_FALSE(Denies(limit));
  EXPECT_FALSE(Denies(limit));
  store.now += milliseconds(1);  // a little less than three
  EXPECT_FALSE(Denies(limit));
  EXPECT_TRUE(Denies(limit));
  EXPECT_EQ(policy.session.sender_rate_limit, "3");
  EXPECT_EQ(policy.session.sender_rate_period, "1h");
  EXPECT_EQ(policy.session.sender_rate, "4.0");
  EXPECT_EQ(store.keys.front(), "1h/per_cmd/192.0.2.1");
}

TEST_F(RatelimitTest, TheSameEventIsCountedOnce) {
  // Two conditions of one command, then another command; the limit is above all of them.
  EXPECT_EQ(Ask("warn ratelimit = 9/1h/per_cmd/k\nwarn ratelimit = 9/1h/per_cmd/k\naccept").kind,
            VerdictKind::kAccept);
  EXPECT_EQ(store.keys.size(), 1u);
  Ask("warn ratelimit = 9/1h/per_cmd/k\naccept");
  EXPECT_EQ(store.keys.size(), 2u);
  // A message is one event however many recipients ask about it.
  for (int i = 0; i < 3; ++i) Ask("warn ratelimit = 9/1h/m\naccept");
  EXPECT_EQ(store.keys.size(), 3u);
  policy.session.envelope.rates.clear();  // the next message
  Ask("warn ratelimit = 9/1h/m\naccept");
  EXPECT_EQ(store.keys.size(), 4u);
  for (int i = 0; i < 3; ++i) Ask("warn ratelimit = 9/1h/per_conn\naccept");
  EXPECT_EQ(store.keys.size(), 5u);
}

TEST_F(RatelimitTest, CountsWhatItIsToldTo) {
  policy.session.envelope.declared_size = 2048;
  EXPECT_TRUE(Denies("2k/1h/per_byte/strict/a", AclWhen::kMail));
  policy.session.envelope.rates.clear();
  EXPECT_FALSE(Denies("2049/1h/per_byte/strict/b", AclWhen::kMail));
  policy.session.envelope.recipients.resize(3);
  EXPECT_TRUE(Denies("3/1h/per_rcpt/c", AclWhen::kPredata));
  EXPECT_FALSE(Denies("4/1h/per_rcpt/d", AclWhen::kPredata));
  EXPECT_TRUE(Denies("5/1h/per_cmd/count=${eval:2+3}/e"));
  EXPECT_FALSE(Denies("5/1h/per_cmd/count=4.9/f"));
}

TEST_F(RatelimitTest, AddressesCountOnce) {
  const std::string limit = "1.5/1h/per_addr/strict/k";
  EXPECT_FALSE(Denies(limit));
  EXPECT_FALSE(Denies(limit));
  policy.session.envelope.current.address = "eve@example.com";
  EXPECT_TRUE(Denies(limit));
  EXPECT_EQ(store.keys.front(), "1h/per_rcpt/unique/k");
}

TEST_F(RatelimitTest, RuleE2WhatAClientTypesIsOnlyKey) {
  policy.session.envelope.sender = "x/readonly/count=0/unique=y/z@b.example";
  EXPECT_FALSE(Denies("1.5/1h/strict/per_cmd/$sender_address"));
  EXPECT_TRUE(Denies("1.5/1h/strict/per_cmd/$sender_address"));
  for (const std::string& key : store.keys)
    EXPECT_EQ(key, "1h/per_cmd/x/readonly/count=0/unique=y/z@b.example");
}

TEST_F(RatelimitTest, KeysMayHaveSlashes) {
  Denies("9/1h/per_cmd/a/b//c");
  EXPECT_EQ(store.keys.back(), "1h/per_cmd/a/b/c");
}

TEST_F(RatelimitTest, WithoutItsStoreItDefers) {
  store.trouble = "REDIS: timed out";
  const facts::Verdict verdict = Ask("deny ratelimit = 5/1h\naccept");
  EXPECT_EQ(verdict.kind, VerdictKind::kDefer);
  EXPECT_EQ(verdict.log_message, "ratelimit database not available: REDIS: timed out");
  EXPECT_EQ(Ask("accept !seen = 5m").kind, VerdictKind::kDefer);
}

TEST_F(RatelimitTest, MistakesThatComeOutAtRunTimeDefer) {
  policy.session.acl_c["acl_c_x"] = Value("x");
  const std::pair<const char*, const char*> wrong[] = {
      {"$acl_c_x/1h", "\"x\" is not a positive number"},
      {"$acl_c_none/1h", "sender rate limit not set"},
      {"1/$acl_c_x", "\"x\" is not a time value"},
      {"1/1h/strict/${lc:LEAKY}", "conflicting update modes"},
      {"1/1h/per_cmd/${lc:PER_MAIL}", "conflicting per_* options"},
  };
  for (const auto& [argument, why] : wrong) {
    const facts::Verdict verdict = Ask("deny ratelimit = " + std::string(argument) + "\naccept");
    EXPECT_EQ(verdict.kind, VerdictKind::kDefer) << argument;
    EXPECT_THAT(verdict.log_message,
                HasSubstr(std::string("error in arguments to \"ratelimit\" condition: ") + why));
  }
}

TEST_F(RatelimitTest, SeenTellsWhetherAKeyCameByLately) {
  const auto seen = [&](const char* argument) {
    return Ask("accept seen = " + std::string(argument)).kind == VerdictKind::kAccept;
  };
  EXPECT_FALSE(seen("5m"));
  store.now += seconds(299);
  EXPECT_TRUE(seen("5m"));
  store.now += seconds(300);
  EXPECT_FALSE(seen("5m / readonly"));
  EXPECT_FALSE(seen("5m"));  // too long ago, but noted
  EXPECT_TRUE(seen("5m"));
  // Greylisting: true once enough time has passed since the first try.
  EXPECT_FALSE(seen("-5m / key=$sender_address"));
  store.now += seconds(299);
  EXPECT_FALSE(seen("-5m / key=$sender_address"));
  store.now += seconds(1);
  EXPECT_TRUE(seen("-5m / key=$sender_address"));
  EXPECT_TRUE(seen("-5m / key=$sender_address"));
}

}  // namespace
}  // namespace signet::acl
