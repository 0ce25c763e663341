// The `smtpauth` lookup and condition against servers that say exactly what a test wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/support/scripted_upstream.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedUpstream;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

// A worker of its own. Lives inside a coroutine.
class Site {
 public:
  Site() : registry_(drivers::Registry::MakeBuiltin()) {
    worker_ = std::make_unique<Worker>(*registry_, std::make_shared<config::Config>(), nullptr);
    connection_ = std::make_unique<PerConnection>(*worker_);
  }
  // "yes", "no" or the reason for neither; condition and lookup agree.
  std::string Test(const std::string& query, milliseconds limit = seconds(20)) {
    return Show(connection_->Authenticate(Handle(), query, Deadline::After(limit)));
  }
  std::string Lookup(const std::string& query) {
    return Show(connection_->Find({Handle(), "", query, ""}, Deadline::After(seconds(20))));
  }

 private:
  int Handle() const { return registry_->FindLookup("smtpauth")->type.handle; }
  static std::string Show(const LookupAnswer& answer) {
    if (answer.kind == LookupAnswer::kFound) return "yes" + answer.text;
    return answer.kind == LookupAnswer::kNotFound ? "no" : answer.text;
  }
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<PerConnection> connection_;
};

void InCoroutine(const std::function<void(Site&)>& body) {
  engine::RunInLoop([&] {
    Site site;
    body(site);
  });
}

constexpr const char* kWithPlain = "250-up\r\n250-AUTH GSSAPI PLAIN\r\n250 HELP\r\n";
constexpr const char* kWithLogin = "250-up\r\n250 AUTH LOGIN CRAM-MD5\r\n";

ScriptedUpstream::Script ScriptOf(std::string ehlo, std::string answer) {
  ScriptedUpstream::Script script;
  script.ehlo = std::move(ehlo);
  script.reply = [answer](const std::string& line) -> std::string {
    if (line.starts_with("AUTH PLAIN ")) return answer;
    if (line == "AUTH LOGIN") return "334 VXNlcm5hbWU6\r\n";
    if (line == "YW5u") return "334 UGFzc3dvcmQ6\r\n";
    if (line == "c2VzYW1l") return answer;
    return "";
  };
  return script;
}

std::string QueryFor(const ScriptedUpstream& server, const std::string& more = "tls=no") {
  return "user=ann pass=sesame server=127.0.0.1:" + std::to_string(server.port()) + " " + more;
}

TEST(SmtpAuth, SaysWhatTheOtherServerSays) {
  struct Case {
    const char *answer, *result;
  };
  for (const Case& c : {Case{"235 2.7.0 welcome\r\n", "yes"}, Case{"235\r\n", "yes"},
                        Case{"235-a\r\n235 b\r\n", "yes"}, Case{"535 5.7.8 no\r\n", "no"},
                        Case{"535-5.7.8 no\r\n535 really\r\n", "no"}, Case{"550 no such\r\n", "no"},
                        Case{"525 5.7.13 disabled\r\n", "no"}}) {
    ScriptedUpstream server(ScriptOf(kWithPlain, c.answer));
    InCoroutine([&](Site& site) {
      EXPECT_EQ(site.Test(QueryFor(server)), c.result) << c.answer;
      EXPECT_EQ(site.Lookup(QueryFor(server)), c.result) << c.answer;
    });
    EXPECT_TRUE(server.Heard("AUTH PLAIN AGFubgBzZXNhbWU="));
    EXPECT_TRUE(server.Heard("QUIT"));
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST(SmtpAuth, WhatIsNeitherYesNorNoIsTrouble) {
  for (const char* code : {"454 4.7.0", "421", "432 4.7.12", "451", "500", "501", "503", "504",
                           "530", "534", "538", "554", "250", "334", "220", "354"}) {
    ScriptedUpstream server(ScriptOf(kWithPlain, std::string(code) + " sesame\r\n"));
    InCoroutine([&](Site& site) {
      const std::string why = site.Test(QueryFor(server));
      EXPECT_THAT(why, StartsWith("SMTP server 127.0.0.1:"));
      EXPECT_THAT(why, HasSubstr(std::string("the server answers AUTH with ") + code));
      EXPECT_THAT(why, Not(HasSubstr("sesame")));
    });
  }
}

TEST(SmtpAuth, LoginServesWhereThereIsNoPlain) {
  ScriptedUpstream yes(ScriptOf(kWithLogin, "235 ok\r\n"));
  ScriptedUpstream no(ScriptOf(kWithLogin, "535 no\r\n"));
  ScriptedUpstream neither(ScriptOf("250-up\r\n250 AUTH CRAM-MD5\r\n", "235 ok\r\n"));
  ScriptedUpstream none(ScriptOf("250 up AUTH PLAIN\r\n", "235 ok\r\n"));
  InCoroutine([&](Site& site) {
    EXPECT_EQ(site.Test(QueryFor(yes)), "yes");
    EXPECT_EQ(site.Test(QueryFor(no)), "no");
    EXPECT_THAT(site.Test(QueryFor(neither)), HasSubstr("neither AUTH PLAIN nor AUTH LOGIN"));
    EXPECT_THAT(site.Test(QueryFor(none)), HasSubstr("neither AUTH PLAIN nor AUTH LOGIN"));
  });
}

TEST(RuleL6, SmtpauthNeverSendsAnEmptyPassword) {
  ScriptedUpstream server(ScriptOf(kWithPlain, "235 ok\r\n"));
  const std::string rest = " tls=no server=127.0.0.1:" + std::to_string(server.port());
  InCoroutine([&](Site& site) {
    for (const char* both : {"user=ann pass=\"\"", "user=ann pass=", "user= pass=x",
                             "user=ann pass=%00", "user=ann pass=a%00b", "user=%00 pass=x"})
      EXPECT_EQ(site.Test(both + rest), "no") << both;
    EXPECT_EQ(site.Test("user=ann" + rest), "user= and pass= must be set");
    EXPECT_EQ(site.Test("pass=x" + rest), "user= and pass= must be set");
  });
  EXPECT_EQ(server.connections(), 0);
}

TEST(RuleU3, SmtpauthReadsRepliesStrictly) {
  const std::string long_line(2048 - 4, 'x'), too_long(2048 - 3, 'x');
  std::string lines, too_many;
  for (int i = 0; i < 100; ++i)
    too_many += "235-x\r\n", lines += i < 99 ? "235-x\r\n" : "235 x\r\n";
  too_many += "235 x\r\n";
  struct Case {
    std::string answer, result;
  };
  for (const Case& c : std::vector<Case>{{"235 " + long_line + "\r\n", "yes"},
                                         {"235 " + too_long + "\r\n", "malformed"},
                                         {lines, "yes"},
                                         {too_many, "malformed"},
                                         {"235-a\r\n250 b\r\n", "malformed"},
                                         {"235-a\r\n535 b\r\n", "malformed"},
                                         {"23 ok\r\n", "malformed"},
                                         {"2350 ok\r\n", "malformed"},
                                         {"235ok\r\n", "malformed"},
                                         {"635 ok\r\n", "malformed"},
                                         {"135 ok\r\n", "malformed"},
                                         {" 235 ok\r\n", "malformed"},
                                         {"235_ok\r\n", "malformed"},
                                         {"ok\r\n", "malformed"},
                                         {"\r\n", "malformed"},
                                         {std::string("235 o\0k\r\n", 9), "malformed"},
                                         {"235 a\n235 b\r\n", "malformed"},
                                         {"235 a\rb\r\n", "malformed"},
                                         {"235 ok\r\n535 no\r\n", "not asked for"},
                                         {"235 ok\r\n2", "not asked for"},
                                         {"535 no\r\n235 yes\r\n", "not asked for"}}) {
    ScriptedUpstream server(ScriptOf(kWithPlain, c.answer));
    InCoroutine([&](Site& site) {
      EXPECT_THAT(site.Test(QueryFor(server)), HasSubstr(c.result)) << c.answer;
    });
  }
}

TEST(RuleU4, SmtpauthTakesNothingThatItDidNotAskFor) {
  ScriptedUpstream::Script eager = ScriptOf(kWithPlain, "535 no\r\n");
  eager.greeting = "220 up\r\n250 AUTH PLAIN\r\n";
  ScriptedUpstream early(eager);
  ScriptedUpstream::Script more = ScriptOf(std::string(kWithPlain) + "235 ok\r\n", "535 no\r\n");
  ScriptedUpstream behind(more);
  ScriptedUpstream::Script tls =
      ScriptOf("250-up\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "235\r\n");
  tls.reply = [](const std::string& line) {
    return line == "STARTTLS" ? "220 go\r\n235 ok\r\n" : "";
  };
  ScriptedUpstream injected(tls);
  InCoroutine([&](Site& site) {
    EXPECT_THAT(site.Test(QueryFor(early)), HasSubstr("not asked for"));
    EXPECT_THAT(site.Test(QueryFor(behind)), HasSubstr("not asked for"));
    EXPECT_THAT(site.Test(QueryFor(injected, "")), HasSubstr("not asked for"));
  });
  for (const ScriptedUpstream* server : {&early, &behind, &injected})
    for (const std::string& command : server->commands())
      EXPECT_THAT(command, Not(StartsWith("AUTH")));
}

TEST(SmtpAuth, SaysNothingInClearToOthers) {
  ScriptedUpstream server(ScriptOf(kWithPlain, "235 ok\r\n"));
  InCoroutine([&](Site& site) {
    // Without STARTTLS there is no AUTH.
    EXPECT_THAT(site.Test(QueryFor(server, "")), HasSubstr("does not offer STARTTLS"));
    EXPECT_EQ(site.Test("user=a pass=b server=192.0.2.1 tls=no"),
              "tls=no is for servers on this machine only, and \"192.0.2.1\" is not");
    EXPECT_THAT(site.Test("user=a pass=b server=mx.example.org tls=no"),
                HasSubstr("for servers on this machine only"));
    EXPECT_THAT(site.Test("user=a pass=b server=127.0.0.1.example.org tls=no"),
                HasSubstr("for servers on this machine only"));
    EXPECT_THAT(site.Test("user=a pass=b server=[::ffff:127.0.0.1]:25 tls=no"),
                HasSubstr("for servers on this machine only"));
  });
  for (const std::string& command : server.commands())
    EXPECT_THAT(command, Not(StartsWith("AUTH")));
}

TEST(SmtpAuth, MistakesOfTheQueryAreSaidWithoutItsSecrets) {
  struct Case {
    const char *query, *why;
  };
  InCoroutine([&](Site& site) {
    for (const Case& c :
         {Case{"user=a pass=sesame", "server= is not set"},
          Case{"user=a pass=sesame server=", "server= wants HOST"},
          Case{"user=a pass=sesame server=h:0", "server= wants HOST"},
          Case{"user=a pass=sesame server=h:99999", "server= wants HOST"},
          Case{"user=a pass=sesame server=h:1x", "server= wants HOST"},
          Case{"user=a pass=sesame server=a/b", "server= wants HOST"},
          Case{"user=a pass=sesame server=h tls=maybe", "tls= wants starttls, on-connect or no"},
          Case{"user=a pass=sesame server=h helo=\"a b\"", "helo= is no host name"},
          Case{"user=a pass=\"sesame server=h", "the value of \"pass=\" has no end"},
          Case{"user=a pass=\"ses\"ame server=h", "the value of \"pass=\" has no end"},
          Case{"user=a pass=sesame%2 server=h", "has a \"%\" without two digits"},
          Case{"user=a pass=sesame pass=b server=h", "\"pass=\" appears twice"},
          Case{"user=a pass=sesame port=1 server=h", "unknown setting \"port=\""},
          Case{"user=a pass=sesame server=h more", "there is text that is no setting"}}) {
      const std::string why = site.Test(c.query);
      EXPECT_THAT(why, HasSubstr(c.why)) << c.query;
      EXPECT_THAT(why, Not(HasSubstr("sesame"))) << c.query;
    }
  });
}

TEST(SmtpAuth, AServerThatStallsEndsInTime) {
  for (const char* stage : {"greeting", "ehlo", "auth"}) {
    ScriptedUpstream::Script script = ScriptOf(kWithPlain, "235 ok\r\n");
    if (stage[0] == 'g') script.greeting = ScriptedUpstream::kHang;
    if (stage[0] == 'e') script.ehlo = ScriptedUpstream::kHang;
    if (stage[0] == 'a')
      script.reply = [](const std::string& line) {
        return line.starts_with("AUTH") ? ScriptedUpstream::kHang : "";
      };
    ScriptedUpstream server(script);
    InCoroutine([&](Site& site) {
      const auto start = Clock::now();
      EXPECT_THAT(site.Test(QueryFor(server), milliseconds(300)), HasSubstr("timed out")) << stage;
      EXPECT_LT(Clock::now() - start, seconds(2));
    });
  }
}

TEST(SmtpAuth, AServerThatGoesAwayIsTrouble) {
  ScriptedUpstream gone(ScriptOf(kWithPlain, ScriptedUpstream::kClose));
  ScriptedUpstream::Script busy;
  busy.greeting = "421 busy\r\n";
  ScriptedUpstream refuses(busy);
  InCoroutine([&](Site& site) {
    EXPECT_THAT(site.Test(QueryFor(gone)), HasSubstr("connection lost"));
    EXPECT_THAT(site.Test(QueryFor(refuses)), HasSubstr("the server greets with 421"));
    EXPECT_THAT(site.Test("user=a pass=b tls=no server=127.0.0.1:1"), HasSubstr("cannot connect"));
  });
}

}  // namespace
}  // namespace signet::lookup
