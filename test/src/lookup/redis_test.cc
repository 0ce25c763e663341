// The `redis` lookup against a real server, and against one that misbehaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/support/process.h"
#include "test/support/redis.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::RedisServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

// A worker with these servers. Lives inside a coroutine.
class Site {
 public:
  explicit Site(std::string servers) : registry_(drivers::Registry::MakeBuiltin()) {
    auto config = std::make_shared<config::Config>();
    if (!servers.empty()) config->main.driver_options["redis_servers"] = std::move(servers);
    worker_ = std::make_unique<Worker>(*registry_, config, nullptr);
    connection_ = std::make_unique<PerConnection>(*worker_);
  }
  // One step of a rate: what came out, or why nothing did.
  std::string Step(RateStep* step) {
    return connection_->UpdateRate(registry_->FindLookup("redis")->type.handle, step,
                                   Deadline::After(seconds(20)));
  }
  std::string Ask(std::string_view query, std::string_view options = "cache=no",
                  milliseconds limit = seconds(20)) {
    const LookupAnswer answer = connection_->Find(
        {registry_->FindLookup("redis")->type.handle, "", query, options}, Deadline::After(limit));
    if (answer.kind == LookupAnswer::kFound) return "<" + answer.text + ">";
    return answer.kind == LookupAnswer::kNotFound ? "none" : answer.text;
  }

 private:
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<PerConnection> connection_;
};

void WithSite(const std::string& servers, const std::function<void(Site&)>& body) {
  engine::RunInLoop([&] {
    Site site(servers);
    body(site);
  });
}

TEST(Redis, ShowsEachKindOfReply) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    EXPECT_EQ(site.Ask("set k a\\ b"), "<OK>");
    EXPECT_EQ(site.Ask("get k"), "<a b>");
    EXPECT_EQ(site.Ask("get none"), "<>");
    EXPECT_EQ(site.Ask("exists k"), "<true>");
    EXPECT_EQ(site.Ask("exists none"), "<false>");
    EXPECT_EQ(site.Ask("rpush l x y"), "<true>");
    EXPECT_EQ(site.Ask("lrange l 0 -1"), "<x\ny>");
    EXPECT_EQ(site.Ask("lrange none 0 -1"), "none");
    EXPECT_EQ(site.Ask("eval return\\ {1,{'a','b'},'c'} 0"), "<1\na\nb\nc>");
    EXPECT_EQ(site.Ask("get"),
              "REDIS: lookup result failed: ERR wrong number of arguments for 'get' command");
    EXPECT_EQ(site.Ask("  "), "none");
  });
}

TEST(Redis, NamesItsServersInAnOptionOrTheSettings) {
  RedisServer server("pa:ss");
  WithSite("", [&](Site& site) {
    EXPECT_EQ(site.Ask("get k"), "no Redis servers defined (redis_servers option)");
    EXPECT_EQ(site.Ask("get k", "servers=localhost"), "incomplete Redis server data: localhost");
    EXPECT_EQ(site.Ask("ping", "servers=" + server.address() + "/0/pa::ss"), "<PONG>");
    EXPECT_EQ(site.Ask("ping", "servers=(" + server.socket() + ")//pa::ss"), "<PONG>");
    EXPECT_THAT(site.Ask("ping", "servers=" + server.address() + "/0/wrong"),
                StartsWith("REDIS: AUTH failed: "));
    EXPECT_THAT(site.Ask("ping", "servers=" + server.address() + "//"),
                StartsWith("REDIS: lookup result failed: NOAUTH"));
    EXPECT_THAT(site.Ask("ping", "servers=" + server.address() + "/99/pa::ss"),
                StartsWith("REDIS: SELECT failed: "));
  });
}

TEST(Redis, AnotherDatabaseIsAnotherConnection) {
  RedisServer server;
  WithSite("", [&](Site& site) {
    const std::string first = "cache=no,servers=" + server.address() + "/0/";
    const std::string second = "cache=no,servers=" + server.address() + "/1/";
    EXPECT_EQ(site.Ask("set k one", first), "<OK>");
    EXPECT_EQ(site.Ask("set k two", second), "<OK>");
    EXPECT_EQ(site.Ask("get k", first), "<one>");
    EXPECT_EQ(site.Ask("get k", second), "<two>");
  });
}

TEST(Redis, KeepsItsConnection) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    const std::string first = site.Ask("client id");
    EXPECT_EQ(first, "<true>");
    for (int i = 0; i < 20; ++i) site.Ask("ping");
    const std::string clients = site.Ask("client list");
    EXPECT_EQ(std::count(clients.begin(), clients.end(), '\n'), 1) << clients;
  });
}

TEST(Redis, AConnectionThatTheServerEndedIsReplaced) {
  RedisServer server;
  WithSite(server.item(), [&](Site& site) {
    EXPECT_EQ(site.Ask("ping"), "<PONG>");
    server.Kill();
    server.Start();
    EXPECT_EQ(site.Ask("ping"), "<PONG>");
  });
}

TEST(Redis, AnotherServerIsAskedWhereOneIsDown) {
  RedisServer down, up;
  down.Kill();
  WithSite(down.item() + " : " + up.item(),
           [&](Site& site) { EXPECT_EQ(site.Ask("ping"), "<PONG>"); });
  WithSite(down.item(), [&](Site& site) {
    EXPECT_THAT(site.Ask("ping"), StartsWith("REDIS connection failed: 127.0.0.1:"));
  });
}

TEST(Redis, RuleL4AServerThatIsSilentHoldsUpNobodyElse) {
  RedisServer stopped, good;
  stopped.Signal(SIGSTOP);
  WithSite("", [&](Site& site) {
    std::string slow;
    engine::Event done;
    engine::Loop::Current()->Spawn([&] {
      slow = site.Ask("ping", "cache=no,servers=" + stopped.item());
      done.Signal();
    });
    const auto start = Clock::now();
    int asked = 0;
    while (slow.empty()) {
      const auto before = Clock::now();
      EXPECT_EQ(site.Ask("ping", "cache=no,servers=" + good.item()), "<PONG>");
      EXPECT_LT(Clock::now() - before, milliseconds(1000));
      ++asked;
      done.Wait(Deadline::After(milliseconds(200)));
    }
    EXPECT_THAT(slow, HasSubstr("timed out"));
    EXPECT_GT(asked, 5);
    EXPECT_LT(Clock::now() - start, limits::kDirectoryAnswer + seconds(3));
  });
  stopped.Signal(SIGCONT);
}

TEST(Redis, RuleL5ALateReplyReachesNobody) {
  RedisServer server;
  WithSite(server.item(), [&](Site& site) {
    EXPECT_EQ(site.Ask("set k mine"), "<OK>");
    server.Signal(SIGSTOP);
    EXPECT_THAT(site.Ask("get none", "cache=no", milliseconds(200)), HasSubstr("timed out"));
    server.Signal(SIGCONT);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(site.Ask("get k"), "<mine>");
  });
}

TEST(Redis, RuleL9AnAnswerHasALimit) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    const std::string size = std::to_string(limits::kLookupAnswerBytes);
    EXPECT_EQ(site.Ask("setrange most " + std::to_string(limits::kLookupAnswerBytes - 1) + " x"),
              "<true>");
    EXPECT_EQ(site.Ask("get most").size(), limits::kLookupAnswerBytes + 2);
    EXPECT_EQ(site.Ask("setrange more " + size + " x"), "<true>");
    EXPECT_EQ(site.Ask("get more"), "the answer is longer than " + size + " octets");
    EXPECT_EQ(site.Ask("setrange huge 10000000 x"), "<true>");
    EXPECT_EQ(site.Ask("get huge"), "REDIS: the answer is too long");
    EXPECT_EQ(site.Ask("ping"), "<PONG>");
  });
}

TEST(Redis, RuleL8WritingEmptiesTheCache) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    EXPECT_EQ(site.Ask("set k one", ""), "<OK>");
    EXPECT_EQ(site.Ask("get k", ""), "<one>");
    EXPECT_EQ(site.Ask("set k two", ""), "<OK>");
    EXPECT_EQ(site.Ask("get k", ""), "<two>");
    EXPECT_EQ(site.Ask("incr n", ""), "<true>");
    EXPECT_EQ(site.Ask("incr n", ""), "<true>");
    EXPECT_EQ(site.Ask("get n", ""), "<2>");
  });
}

TEST(Redis, RuleL2QuotedTextIsOneWordForTheServerToo) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    const auto registry = drivers::Registry::MakeBuiltin();
    std::string every;
    for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
    for (const std::string& text : {std::string("a b\r\n*1\r\n$8\r\nFLUSHALL\r\n"), every}) {
      std::string quoted;
      ASSERT_TRUE(registry->FindLookup("redis")->type.quote("", text, &quoted));
      EXPECT_EQ(site.Ask("echo " + quoted), "<" + text + ">");
    }
  });
}

// --- rates -------------------------------------------------------------------------------

RateStep Step(std::string key, RateStep::Update update = RateStep::kAlways) {
  RateStep step;
  step.update = update;
  step.key = std::move(key);
  step.period_seconds = 3600;
  step.count = 1;
  step.limit = 2.5;
  step.life_seconds = 36'000;
  return step;
}

double Rate(Site& site, RateStep step) {
  EXPECT_EQ(site.Step(&step), "");
  return step.rate;
}

TEST(RedisRates, CountAsThoseOfTheProcess) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    EXPECT_EQ(Rate(site, Step("a", RateStep::kNever)), 0);
    for (double expected : {1.0, 2.0, 3.0}) EXPECT_NEAR(Rate(site, Step("a")), expected, 0.01);
    EXPECT_NEAR(Rate(site, Step("a", RateStep::kNever)), 3, 0.01);
    // Leaky: what reaches the limit is not counted.
    for (double expected : {1.0, 2.0, 3.0, 3.0})
      EXPECT_NEAR(Rate(site, Step("b", RateStep::kBelow)), expected, 0.01);
    EXPECT_NEAR(Rate(site, Step("b", RateStep::kNever)), 2, 0.01);
    // A value once.
    RateStep unique = Step("c");
    for (const auto& [value, expected] :
         {std::pair{"x", 1.0}, {"x", 1.0}, {"y", 2.0}, {"x", 2.0}}) {
      unique.unique = value;
      EXPECT_NEAR(Rate(site, unique), expected, 0.01) << value;
    }
    RateStep many = Step("d");
    many.count = 1e6;
    EXPECT_EQ(Rate(site, many), 1e6);
    EXPECT_EQ(site.Ask("pttl {signet/rate/d}").substr(0, 2), "<t");  // goes by itself
    EXPECT_EQ(site.Ask("exists {signet/rate/d}"), "<true>");
  });
}

TEST(RedisRates, FadeByTheClockOfTheServer) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    RateStep step = Step("a");
    step.period_seconds = 0.2;
    step.count = 8;
    Rate(site, step);
    const auto began = Clock::now();
    while (Clock::now() - began < milliseconds(250))
      engine::SleepUntil(Deadline::After(milliseconds(50)));
    step.update = RateStep::kNever;
    const double rate = Rate(site, step);
    EXPECT_LT(rate, 8 * 0.3);  // e^-1.25 at the most
    // An event that this clock has not come to yet counts as one of now.
    site.Ask("hset {signet/rate/a} t 99999999999 r 5");
    EXPECT_NEAR(Rate(site, step), 5, 0.01);
    site.Ask("hset {signet/rate/a} t rubbish r 5");
    EXPECT_EQ(Rate(site, step), 0);
  });
}

TEST(RedisRates, NoteWhenAKeyWasSeen) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    RateStep step = Step("a", RateStep::kBelow);
    step.notes_time = true;
    step.refresh_seconds = 100;
    EXPECT_EQ(site.Step(&step), "");
    EXPECT_EQ(step.age_seconds, std::nullopt);
    EXPECT_EQ(site.Step(&step), "");
    ASSERT_TRUE(step.age_seconds);
    EXPECT_LT(*step.age_seconds, 10);
    site.Ask("hset {signet/seen/a} t 1000");
    EXPECT_EQ(site.Step(&step), "");
    EXPECT_GT(step.age_seconds.value_or(0), 1e8);
    step.age_seconds.reset();
    EXPECT_EQ(site.Step(&step), "");  // it was noted anew
    EXPECT_LT(step.age_seconds.value_or(1e9), 10);
  });
}

TEST(RedisRates, NothingInAKeyIsStructure) {
  RedisServer server;
  WithSite(server.item(), [](Site& site) {
    const std::string odd("a} {\r\n*1\r\n$8\r\nFLUSHALL\r\n\0'\"]])", 38);
    RateStep step = Step(odd);
    step.unique = odd;
    EXPECT_EQ(Rate(site, step), 1);
    EXPECT_EQ(Rate(site, Step("a")), 1);
    step.unique = odd + "x";
    EXPECT_NEAR(Rate(site, step), 2, 0.01);
  });
}

TEST(RedisRates, TroubleIsSaid) {
  WithSite("", [](Site& site) {
    RateStep step = Step("a");
    EXPECT_EQ(site.Step(&step), "no Redis servers defined (redis_servers option)");
  });
  RedisServer server;
  WithSite(server.item(), [&](Site& site) {
    EXPECT_EQ(Rate(site, Step("a")), 1);
    site.Ask("set {signet/rate/b} text");
    RateStep step = Step("b");
    EXPECT_THAT(site.Step(&step), HasSubstr("WRONGTYPE"));
    server.Kill();
    step = Step("a");
    EXPECT_THAT(site.Step(&step), StartsWith("REDIS connection failed: "));
    server.Start();
    EXPECT_EQ(Rate(site, Step("a")), 1);
  });
}

}  // namespace
}  // namespace signet::lookup
