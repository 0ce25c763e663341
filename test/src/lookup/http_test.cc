// The `http` lookup and the `httpauth` condition against a real web server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/support/certificates.h"
#include "test/support/http_server.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::HttpServer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;
using MainOptions = std::vector<std::pair<std::string, std::string>>;

// A worker with these main options. Lives inside a coroutine.
class Site {
 public:
  explicit Site(const MainOptions& options = {}) : registry_(drivers::Registry::MakeBuiltin()) {
    auto config = std::make_shared<config::Config>();
    for (const auto& [name, value] : options) config->main.driver_options[name] = value;
    worker_ = std::make_unique<Worker>(*registry_, config, nullptr);
    connection_ = std::make_unique<PerConnection>(*worker_);
  }
  // "<body>", "none" or the reason.
  std::string Ask(const std::string& query, const std::string& options = "cache=no",
                  milliseconds limit = seconds(20)) {
    const LookupAnswer answer =
        connection_->Find({Handle("http"), "", query, options}, Deadline::After(limit));
    if (answer.kind == LookupAnswer::kFound) return "<" + answer.text + ">";
    return answer.kind == LookupAnswer::kNotFound ? "none" : answer.text;
  }
  std::string Test(const std::string& query) {
    const LookupAnswer answer =
        connection_->Authenticate(Handle("httpauth"), query, Deadline::After(seconds(20)));
    if (answer.kind == LookupAnswer::kFound) return "yes" + answer.text;
    return answer.kind == LookupAnswer::kNotFound ? "no" : answer.text;
  }

 private:
  int Handle(const char* type) const { return registry_->FindLookup(type)->type.handle; }
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<PerConnection> connection_;
};

void InCoroutine(const std::function<void(Site&)>& body, const MainOptions& options = {}) {
  engine::RunInLoop([&] {
    Site site(options);
    body(site);
  });
}

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Http, TheStatusSaysWhetherSomethingIsFound) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    for (int status : {200, 201, 203, 206, 299})
      EXPECT_EQ(site.Ask(server.origin() + "/status/" + std::to_string(status)),
                "<status " + std::to_string(status) + ">");
    EXPECT_EQ(site.Ask(server.origin() + "/status/204"), "<>");
    for (int status : {401, 403, 404, 410})
      EXPECT_EQ(site.Ask(server.origin() + "/status/" + std::to_string(status)), "none");
    for (int status : {300, 301, 302, 304, 307, 400, 402, 405, 407, 408, 429, 500, 502, 503, 599})
      EXPECT_EQ(site.Ask(server.origin() + "/status/" + std::to_string(status)),
                server.origin() + ": the server answers " + std::to_string(status));
  });
}

TEST(Http, MethodsAndBodies) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    EXPECT_EQ(site.Ask(server.origin() + "/echo?q=a%20b"), "<GET q=a%20b >");
    EXPECT_EQ(site.Ask("post=\"u=a%20b&c=%22\" " + server.origin() + "/echo"),
              "<POST  u=a%20b&c=%22>");
    EXPECT_EQ(site.Ask("json=\"user=a%22b%0A&q=x+y%C3%BC\" " + server.origin() + "/echo"),
              "<POST  {\"user\":\"a\\\"b\\u000a\",\"q\":\"x y\xc3\xbc\"}>");
    EXPECT_EQ(site.Ask("post=\"\" " + server.origin() + "/echo"), "<POST  >");
    EXPECT_EQ(site.Ask("post=x " + server.origin() + "/echo", "method=PUT"), "<PUT  x>");
    EXPECT_EQ(site.Ask(server.origin() + "/echo", "method=HEAD"), "<>");
    EXPECT_THAT(site.Ask(server.origin() + "/echo", "method=POST"), HasSubstr("a body goes with"));
    EXPECT_THAT(site.Ask("post=x " + server.origin() + "/echo", "method=GET"),
                HasSubstr("a body goes with"));
    EXPECT_THAT(site.Ask(server.origin() + "/echo", "method=DELETE"), HasSubstr("method= wants"));
    EXPECT_EQ(site.Ask("json=\"a=%FF\" " + server.origin() + "/echo"),
              "json= wants NAME=VALUE&NAME=VALUE, in UTF-8");
    EXPECT_EQ(site.Ask("header=\"Authorization: Bearer a%2Bb\" " + server.origin() + "/echo"),
              "<GET  >");
  });
  const std::string requests = server.Requests();
  EXPECT_THAT(requests, HasSubstr("Content-Type: application/x-www-form-urlencoded\n"));
  EXPECT_THAT(requests, HasSubstr("Content-Type: application/json\n"));
  EXPECT_THAT(requests, HasSubstr("Authorization: Bearer a+b\n"));
  EXPECT_THAT(requests, Not(HasSubstr("Expect:")));
}

TEST(Http, CredentialsAreTested) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    const std::string login = " " + server.origin() + "/login",
                      basic = " " + server.origin() + "/basic";
    EXPECT_EQ(site.Test("post=\"user=ann&pass=sesame%20%26%20co\"" + login), "yes");
    EXPECT_EQ(site.Test("post=\"user=ann&pass=sesame\"" + login), "no");
    EXPECT_EQ(site.Test("post=\"user=ann&pass=sesame%20%26%20co&user=bob\"" + login), "no");
    EXPECT_EQ(site.Test("user=ann pass=sesame" + basic), "yes");
    EXPECT_EQ(site.Test("user=ann pass=%73esame" + basic), "yes");
    EXPECT_EQ(site.Test("user=ann pass=wrong" + basic), "no");
    EXPECT_EQ(site.Test("user=ann pass=x " + server.origin() + "/status/500"),
              server.origin() + ": the server answers 500");
    EXPECT_EQ(site.Test("user=ann" + basic), "user= and pass= go together");
  });
}

TEST(RuleL6, HttpNeverSendsAnEmptyPassword) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    for (const char* both :
         {"user=ann pass=\"\"", "user=ann pass=", "user= pass=x", "user=ann pass=%00",
          "user=ann pass=a%00", "user=%00a pass=x", "user=a%3Ab pass=x"}) {
      EXPECT_EQ(site.Test(std::string(both) + " " + server.origin() + "/status/200"), "no") << both;
      EXPECT_EQ(site.Ask(std::string(both) + " " + server.origin() + "/status/200"), "none")
          << both;
    }
  });
  EXPECT_EQ(server.Requests(), "");
}

TEST(Http, ReasonsHoldNoSecrets) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    for (const std::string& query :
         {"user=ann pass=sesame post=\"p=sesame\" " + server.origin() + "/status/500?sesame",
          std::string("user=ann pass=sesame http://127.0.0.1:1/sesame"),
          std::string("user=ann pass=sesame ftp://h/sesame"),
          std::string("user=ann pass=sesame http://h:x/sesame"),
          std::string("user=ann pass=sesame%2 http://h/sesame"),
          std::string("user=ann pass=sesame\"x http://h/sesame sesame"),
          std::string("header=\"sesame\" http://h/"), std::string("json=sesame http://h/")}) {
      EXPECT_THAT(site.Ask(query), Not(HasSubstr("sesame"))) << query;
      EXPECT_NE(site.Ask(query)[0], '<') << query;
    }
  });
}

TEST(Http, UrlsThatCouldBeReadInTwoWaysAreRefused) {
  InCoroutine([&](Site& site) {
    for (const char* url : {"",
                            "127.0.0.1/",
                            "//127.0.0.1/",
                            "ftp://127.0.0.1/",
                            "file:///etc/passwd",
                            "http:/127.0.0.1/",
                            "http://",
                            "http:///x",
                            "http://a@127.0.0.1/",
                            "http://a:b@127.0.0.1/",
                            "http://127.0.0.1\\@example.org/",
                            "http://127.0.0.1:0/",
                            "http://127.0.0.1:99999/",
                            "http://127.0.0.1:/",
                            "http://[::1/",
                            "http://127.0.0.1%2e/",
                            "http://127.0.0.1/\x01",
                            "http://127.0.0.1/\xc3\xbc",
                            "http://127.0.0.1/\"",
                            "gopher://127.0.0.1:25/x"}) {
      const std::string why = site.Ask(std::string("user=a pass=b ") + url);
      EXPECT_TRUE(why == "the URL is neither http:// nor https://" ||
                  why == "the URL has no proper host" || why == "there is no URL" ||
                  why == "the URL has octets that belong in none: encode them" ||
                  why.find("unknown setting") == 0)
          << url << ": " << why;
    }
    EXPECT_THAT(site.Ask("http://127.0.0.1:1/" + std::string(8 * 1024 - 19, 'x')),
                Not(HasSubstr("longer than")));
    EXPECT_EQ(site.Ask("http://127.0.0.1:1/" + std::string(8 * 1024 - 18, 'x')),
              "the URL is longer than 8192 octets");
  });
}

TEST(Http, HeadersOfTheRequestAreLines) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    const std::string url = " " + server.origin() + "/echo";
    for (const char* bad :
         {"X: a%0D%0AY: b", "X: a%0AY: b", "X: a%00", "X", ": a", "X Y: a", "%0D%0A", "X: %7F"})
      EXPECT_THAT(site.Ask("header=\"" + std::string(bad) + "\"" + url),
                  StartsWith("header= wants"))
          << bad;
    for (const char* ours :
         {"Host: x", "content-length: 5", "Transfer-Encoding: chunked", "Connection: close"})
      EXPECT_EQ(site.Ask("header=\"" + std::string(ours) + "\"" + url),
                "header= cannot set that header");
  });
  EXPECT_EQ(server.Requests(), "");
}

TEST(Http, RedirectsAreFollowedOnlyWhereAskedFor) {
  HttpServer server, other;
  InCoroutine([&](Site& site) {
    const std::string there = server.origin() + "/redirect?to=" + other.origin() + "/echo";
    EXPECT_EQ(site.Ask(there), server.origin() + ": the server answers 302");
    EXPECT_EQ(other.Requests(), "");
    EXPECT_EQ(site.Ask(there, "cache=no,redirects=1"), "<GET  >");
    EXPECT_THAT(site.Ask(server.origin() + "/redirect?to=" + there, "cache=no,redirects=1"),
                StartsWith(server.origin() + ": "));
    EXPECT_THAT(site.Ask(server.origin() + "/redirect?to=file:///etc/passwd", "redirects=1"),
                StartsWith(server.origin() + ": "));
    // What was meant for one server goes to no other.
    EXPECT_THAT(site.Ask("user=a pass=b " + there, "redirects=1"), HasSubstr("does not go with"));
    EXPECT_THAT(site.Ask("post=b " + there, "redirects=1"), HasSubstr("does not go with"));
    EXPECT_THAT(site.Ask("header=\"A: b\" " + there, "redirects=1"), HasSubstr("does not go with"));
    EXPECT_THAT(site.Ask(there, "redirects=6"), HasSubstr("at most 5"));
    EXPECT_EQ(site.Ask(there, "cache=no,redirects=5"), "<GET  >");
  });
}

TEST(RuleL9, AnswersOfWebServersHaveLimits) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    EXPECT_EQ(site.Ask(server.origin() + "/big/262144").size(), 262144u + 2);
    EXPECT_EQ(site.Ask(server.origin() + "/big/262145"),
              server.origin() + ": the answer is longer than 262144 octets");
    EXPECT_EQ(site.Ask(server.origin() + "/endless"),
              server.origin() + ": the answer is longer than 262144 octets");
    EXPECT_EQ(site.Ask(server.origin() + "/headers/50"), "<ok>");
    EXPECT_EQ(site.Ask(server.origin() + "/headers/80"),
              server.origin() + ": the headers of the answer are longer than 65536 octets");
    EXPECT_THAT(site.Ask(server.origin() + "/cut"), StartsWith(server.origin() + ": "));
  });
}

// However much of it there is: nobody knows what the rest would have said.
TEST(RuleE6, AnAnswerThatEndsInsideItsHeadersIsNone) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    for (const char* octets : {"17", "19", "25"})
      EXPECT_EQ(site.Ask(server.origin() + "/stump/" + octets),
                server.origin() + ": the answer ends inside its headers")
          << octets;
    EXPECT_EQ(site.Ask(server.origin() + "/echo"), "<GET  >");
  });
}

TEST(RuleL4, AWebServerThatStallsEndsInTime) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    const auto start = Clock::now();
    EXPECT_EQ(site.Ask(server.origin() + "/slow/5", "", milliseconds(300)),
              server.origin() + ": timed out");
    EXPECT_LT(Clock::now() - start, seconds(2));
    EXPECT_EQ(site.Ask(server.origin() + "/echo"), "<GET  >");
  });
}

// Threads that may block are few: stalled requests leave half of them to the others.
TEST(RuleL4, StalledRequestsAreFew) {
  HttpServer server;
  engine::RunInLoop([&] {
    Site site;
    int waiting = 0;
    for (std::size_t i = 0; i < limits::kBlockingThreads + 4; ++i) {
      ++waiting;
      ASSERT_TRUE(engine::Loop::Current()->Spawn([&, waiting_for = i] {
        // Those who come too late are gone when the first ones end.
        const milliseconds limit(waiting_for < limits::kHttpAtOnce ? 1000 : 600);
        EXPECT_THAT(site.Ask(server.origin() + "/slow/3", "cache=no", limit),
                    HasSubstr("timed out"));
        --waiting;
      }));
    }
    engine::Event never;
    never.Wait(Deadline::After(milliseconds(300)));
    const auto start = Clock::now();
    engine::Blocking([] {});
    EXPECT_LT(Clock::now() - start, milliseconds(300));
    while (waiting > 0) never.Wait(Deadline::After(milliseconds(20)));
    EXPECT_EQ(CountOf(server.Requests(), "REQUEST"), static_cast<int>(limits::kHttpAtOnce));
    EXPECT_EQ(site.Ask(server.origin() + "/echo"), "<GET  >");
  });
}

TEST(RuleC6, NeitherEnvironmentNorAccountSteersHttpLookups) {
  test::TempDir home;
  test::WriteFile(home / ".netrc", "machine 127.0.0.1 login ann password sesame\n");
  HttpServer server, proxy;
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"})
    setenv(name, proxy.origin().c_str(), 1);
  const std::string old_home = getenv("HOME") == nullptr ? "" : getenv("HOME");
  setenv("HOME", home.path().c_str(), 1);
  InCoroutine([&](Site& site) {
    EXPECT_EQ(site.Ask(server.origin() + "/echo"), "<GET  >");
    EXPECT_EQ(site.Ask(server.origin() + "/cookie"), "<none>");
    EXPECT_EQ(site.Ask(server.origin() + "/cookie"), "<none>");
  });
  setenv("HOME", old_home.c_str(), 1);
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"})
    unsetenv(name);
  EXPECT_EQ(proxy.Requests(), "");
  EXPECT_THAT(server.Requests(), Not(HasSubstr("Authorization")));
}

TEST(Http, WhatIsOnlyReadIsRemembered) {
  HttpServer server;
  InCoroutine([&](Site& site) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(site.Ask(server.origin() + "/echo?read", ""), "<GET read >");
      EXPECT_EQ(site.Ask("post=x " + server.origin() + "/echo?post", ""), "<POST post x>");
      EXPECT_EQ(site.Ask("user=ann pass=sesame " + server.origin() + "/basic", ""), "<>");
    }
  });
  EXPECT_EQ(CountOf(server.Requests(), "REQUEST POST"), 2);
  EXPECT_EQ(CountOf(server.Requests(), "/basic"), 2);
}

}  // namespace
}  // namespace signet::lookup
