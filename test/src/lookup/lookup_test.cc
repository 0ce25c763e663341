#include "src/lookup/lookup.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>

#include "drivers/lookup/ldap_referral.h"
#include "src/engine/engine.h"
#include "test/support/fake_directory.h"
#include "test/support/process.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using std::chrono::milliseconds;
using test::FakeDirectory;
using Clock = std::chrono::steady_clock;
using Reaction = FakeDirectory::Reaction;
using Request = FakeDirectory::Request;

constexpr int kBind = 0x60, kSearch = 0x63, kAbandon = 0x50;

std::string Show(const LookupAnswer& answer) {
  switch (answer.kind) {
    case LookupAnswer::kFound:
      return "found " + answer.text;
    case LookupAnswer::kNotFound:
      return "not found";
    case LookupAnswer::kDeferred:
      return "deferred " + answer.text;
  }
  return "";
}

milliseconds Since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// A worker with these main options. Lives inside a coroutine.
class Site {
 public:
  explicit Site(std::map<std::string, std::string, std::less<>> options = {})
      : registry_(drivers::Registry::MakeBuiltin()) {
    auto config = std::make_shared<config::Config>();
    config->main.driver_options = std::move(options);
    worker_ = std::make_unique<Worker>(*registry_, config, nullptr);
  }
  int Handle(std::string_view type) const { return registry_->FindLookup(type)->type.handle; }
  Worker& worker() { return *worker_; }

  std::string Ask(std::string_view type, std::string_view query,
                  milliseconds limit = std::chrono::seconds(20)) {
    PerConnection connection(*worker_);
    return Show(connection.Find({Handle(type), "", query, ""}, Deadline::After(limit)));
  }
  std::string Bind(std::string_view query) {
    PerConnection connection(*worker_);
    return Show(
        connection.Authenticate(Handle("ldap"), query, Deadline::After(std::chrono::seconds(20))));
  }

 private:
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<Worker> worker_;
};

std::string Servers(const std::vector<const FakeDirectory*>& directories) {
  std::string list = "<; ";
  for (const FakeDirectory* directory : directories)
    list += "127.0.0.1:" + std::to_string(directory->port()) + " ; ";
  return list;
}

constexpr const char kQuery[] = "ldap:///dc=x?mail";

// Binds anybody; every search finds one entry with the connection's number in `mail`.
Reaction Good(const Request& request) {
  if (request.operation == kBind)
    return FakeDirectory::Say(FakeDirectory::BindResponse(request.id));
  if (request.operation != kSearch) return FakeDirectory::Hang();
  return FakeDirectory::Say(FakeDirectory::SearchEntry(request.id, "dc=x", "mail",
                                                       {"c" + std::to_string(request.connection)}) +
                            FakeDirectory::SearchDone(request.id));
}

TEST(Ldap, OneConnectionAnswersManyAtOnce) {
  FakeDirectory directory([](const Request& request) {
    Reaction reaction = Good(request);
    if (request.operation == kSearch) reaction.hold_ms = 100;
    return reaction;
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    int found = 0, left = 40;
    engine::Event all;
    const auto start = Clock::now();
    for (int i = 0; i < 40; ++i)
      engine::Loop::Current()->Spawn([&] {
        found += site.Ask("ldap", kQuery) == "found c1";
        if (--left == 0) all.Signal();
      });
    while (left > 0) all.Wait(Deadline::After(std::chrono::seconds(30)));
    EXPECT_EQ(found, 40);
    EXPECT_LT(Since(start), milliseconds(2000));
  });
  EXPECT_EQ(directory.connections(), 1);
  EXPECT_GT(directory.most_in_flight(), 10);
}

TEST(Ldap, NoMoreThanTheLimitIsInFlightAndTheRestWaitsItsTurn) {
  FakeDirectory directory([](const Request& request) {
    Reaction reaction = Good(request);
    if (request.operation == kSearch) reaction.hold_ms = 50;
    return reaction;
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    int found = 0, left = 200;
    engine::Event all;
    for (int i = 0; i < 200; ++i)
      engine::Loop::Current()->Spawn([&] {
        found += site.Ask("ldap", kQuery) == "found c1";
        if (--left == 0) all.Signal();
      });
    while (left > 0) all.Wait(Deadline::After(std::chrono::seconds(30)));
    EXPECT_EQ(found, 200);
  });
  EXPECT_EQ(directory.most_in_flight(), static_cast<int>(limits::kLdapInFlightAnonymous));
}

TEST(Ldap, OneSlowSearchDelaysNoOther) {
  FakeDirectory directory([](const Request& request) {
    return request.base == "dc=slow" ? FakeDirectory::Hang() : Good(request);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    std::string slow;
    engine::Event done;
    engine::Loop::Current()->Spawn([&] {
      slow = site.Ask("ldap", "ldap:///dc=slow?mail");
      done.Signal();
    });
    const auto start = Clock::now();
    while (slow.empty()) {
      const auto asked = Clock::now();
      EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
      EXPECT_LT(Since(asked), milliseconds(1000));
      done.Wait(Deadline::After(milliseconds(300)));
    }
    EXPECT_EQ(slow.find("deferred ldap_result timed out"), 0u) << slow;
    EXPECT_GE(Since(start), milliseconds(4500));
    EXPECT_LT(Since(start), milliseconds(8000));
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
  });
  EXPECT_EQ(directory.connections(), 1);
  EXPECT_EQ(directory.CountOf(kAbandon), 1);
}

TEST(RuleL5, ALateAnswerReachesNobody) {
  FakeDirectory directory([](const Request& request) {
    Reaction reaction = Good(request);
    if (request.base == "dc=late") reaction.hold_ms = 400;
    return reaction;
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    const std::string late = site.Ask("ldap", "ldap:///dc=late?mail", milliseconds(100));
    EXPECT_EQ(late.find("deferred ldap_result timed out"), 0u) << late;
    for (int i = 0; i < 30; ++i) {
      EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
      engine::SleepUntil(Deadline::After(milliseconds(20)));
    }
  });
  EXPECT_EQ(directory.connections(), 1);
}

TEST(Ldap, AServerThatHangsUpIsAskedAgainOnce) {
  FakeDirectory directory([](const Request& request) {
    if (request.operation == kSearch && request.connection == 1 && request.base == "dc=second")
      return FakeDirectory::Close();
    return Good(request);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
    EXPECT_EQ(site.Ask("ldap", "ldap:///dc=second?mail"), "found c2");
  });
}

TEST(Ldap, AServerThatAlwaysHangsUpDefers) {
  FakeDirectory directory([](const Request& request) {
    return request.operation == kSearch ? FakeDirectory::Close() : Good(request);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", kQuery), "deferred connection closed");
  });
  EXPECT_LE(directory.connections(), 2);
}

TEST(Ldap, GarbageDefersAndTheNextServerAnswers) {
  FakeDirectory garbage([](const Request& request) {
    return request.operation == kBind ? Good(request)
                                      : FakeDirectory::Say("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  FakeDirectory good(Good);
  engine::RunInLoop([&] {
    Site alone({{"ldap_default_servers", Servers({&garbage})}});
    EXPECT_EQ(alone.Ask("ldap", kQuery), "deferred the server's answer is not LDAP, or too large");
    Site both({{"ldap_default_servers", Servers({&garbage, &good})}});
    EXPECT_EQ(both.Ask("ldap", kQuery), "found c1");
  });
}

TEST(Ldap, GarbageInsteadOfABindResponseDefers) {
  FakeDirectory garbage([](const Request&) { return FakeDirectory::Say("\x30\x05xxxxx"); });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&garbage})}});
    EXPECT_NE(site.Ask("ldap", kQuery).find("deferred failed to bind the LDAP connection"),
              std::string::npos);
  });
}

TEST(Ldap, ARefusedConnectionMovesOnAndIsLeftAloneForAWhile) {
  FakeDirectory good(Good);
  const int closed_port = test::FreePort();
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", "127.0.0.1::" + std::to_string(closed_port) +
                                            " : 127.0.0.1::" + std::to_string(good.port())}});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
    Site alone({{"ldap_default_servers", "127.0.0.1::" + std::to_string(closed_port)}});
    const std::string answer = alone.Ask("ldap", kQuery);
    EXPECT_EQ(answer, "deferred failed to bind the LDAP connection to server 127.0.0.1:" +
                          std::to_string(closed_port) +
                          " - ldap_bind() returned -1 (Connection refused)");
  });
}

TEST(RuleL4, ASilentServerIsFoundOutWithinTheDeadlineAndTheNextOneAnswers) {
  FakeDirectory silent([](const Request&) { return FakeDirectory::Hang(); });
  FakeDirectory good(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&silent, &good})}});
    auto start = Clock::now();
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
    EXPECT_GE(Since(start), milliseconds(2900));  // limits::kDirectoryConnect
    EXPECT_LT(Since(start), milliseconds(4500));
    start = Clock::now();
    EXPECT_EQ(site.Ask("ldap", "ldap:///dc=y?mail"), "found c1");
    EXPECT_LT(Since(start), milliseconds(500)) << "a silent server is left alone for a while";
  });
}

TEST(RuleL4, AServerThatStopsAnsweringDefersEverybodyWhoWaitsWithinTheDeadline) {
  std::atomic<bool> stopped{false};
  FakeDirectory directory(
      [&](const Request& request) { return stopped ? FakeDirectory::Hang() : Good(request); });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
    stopped = true;
    int left = 10;
    engine::Event all;
    const auto start = Clock::now();
    for (int i = 0; i < 10; ++i)
      engine::Loop::Current()->Spawn([&] {
        EXPECT_EQ(site.Ask("ldap", kQuery).find("deferred "), 0u);
        if (--left == 0) all.Signal();
      });
    while (left > 0) all.Wait(Deadline::After(std::chrono::seconds(30)));
    EXPECT_LT(Since(start), limits::kLookupTotal + milliseconds(500));
    const auto again = Clock::now();
    EXPECT_NE(site.Ask("ldap", kQuery).find("not tried again yet"), std::string::npos);
    EXPECT_LT(Since(again), milliseconds(500));
  });
}

TEST(RuleL3, TwoEntriesWhereOneIsWantedDefer) {
  FakeDirectory directory([](const Request& request) {
    if (request.operation != kSearch) return Good(request);
    const auto entry = [&](const char* dn) {
      return FakeDirectory::SearchEntry(request.id, dn, "mail", {"v"});
    };
    std::string send = entry("cn=a") + entry("cn=b") + FakeDirectory::SearchDone(request.id);
    return FakeDirectory::Say(send);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    const std::string expected =
        "deferred LDAP search: more than one entry (2) was returned (filter not specific "
        "enough?)";
    EXPECT_EQ(site.Ask("ldap", kQuery), expected);
    EXPECT_EQ(site.Ask("ldapdn", kQuery), expected);
    EXPECT_EQ(site.Ask("ldapm", kQuery), "found v\nv");
  });
}

// An answer with `entries` entries of one value of `octets` octets.
Reaction Big(const Request& request, std::size_t entries, std::size_t octets) {
  if (request.operation != kSearch) return Good(request);
  std::string send;
  for (std::size_t i = 0; i < entries; ++i)
    send += FakeDirectory::SearchEntry(request.id, "", "m", {std::string(octets, 'x')});
  return FakeDirectory::Say(send + FakeDirectory::SearchDone(request.id));
}

TEST(RuleL9, AsManyEntriesAsAllowedAreReadAndOneMoreDefers) {
  for (const std::size_t extra : {0u, 1u}) {
    FakeDirectory directory([&](const Request& request) {
      return Big(request, limits::kLdapAnswerEntries + extra, 1);
    });
    engine::RunInLoop([&] {
      Site site({{"ldap_default_servers", Servers({&directory})}});
      const std::string answer = site.Ask("ldapm", "ldap:///dc=x?m?sub");
      EXPECT_EQ(answer.find(extra == 0 ? "found x\nx" : "deferred LDAP search: the answer is over"),
                0u);
    });
  }
}

TEST(RuleL9, AsManyOctetsAsAllowedAreReadAndOneMoreDefers) {
  for (const std::size_t extra : {0u, 1u}) {
    // The attribute's name has one octet.
    FakeDirectory directory([&](const Request& request) {
      return Big(request, 1, limits::kLdapAnswerBytes - 1 + extra);
    });
    engine::RunInLoop([&] {
      Site site({{"ldap_default_servers", Servers({&directory})}});
      const std::string answer = site.Ask("ldap", "ldap:///dc=x?m");
      EXPECT_EQ(answer.find(extra == 0 ? "found x" : "deferred LDAP search: the answer is over"),
                0u);
    });
  }
}

TEST(RuleL7, AReferralIsNotFollowedAndNotTakenForNotFound) {
  FakeDirectory elsewhere(Good);
  FakeDirectory directory([&](const Request& request) {
    if (request.operation != kSearch) return Good(request);
    const std::string url = "ldap://127.0.0.1:" + std::to_string(elsewhere.port()) + "/dc=x";
    return FakeDirectory::Say(FakeDirectory::SearchReference(request.id, url) +
                              FakeDirectory::SearchDone(request.id));
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", kQuery),
              "deferred LDAP search: the server refers to others, and referrals are not followed");
  });
  EXPECT_EQ(elsewhere.connections(), 0);
}

std::string UrlOf(const FakeDirectory& directory, const std::string& path = "dc=x") {
  return "ldap://127.0.0.1:" + std::to_string(directory.port()) + "/" + path;
}

// Refers each search to these places.
FakeDirectory::Script Referring(std::function<std::vector<std::string>()> urls) {
  return [urls = std::move(urls)](const Request& request) {
    if (request.operation != kSearch) return Good(request);
    std::string octets;
    for (const std::string& url : urls()) octets += FakeDirectory::SearchReference(request.id, url);
    return FakeDirectory::Say(octets + FakeDirectory::SearchDone(request.id));
  };
}

TEST(RuleL7, AReferralThatIsFollowedIsAskedAsNobody) {
  FakeDirectory elsewhere(Good);
  FakeDirectory directory(Referring([&] { return std::vector{UrlOf(elsewhere)}; }));
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", std::string("user=cn=me pass=s3cret referrals=follow ") + kQuery),
              "found c1");
  });
  EXPECT_EQ(directory.CountOf(kBind), 1);
  ASSERT_EQ(elsewhere.CountOf(kSearch), 1);
  for (const Request& request : elsewhere.requests()) {
    EXPECT_EQ(request.octets.find("cn=me"), std::string::npos);
    EXPECT_EQ(request.octets.find("s3cret"), std::string::npos);
  }
}

TEST(RuleL7, AReferralCannotNameASocketOrSettings) {
  FakeDirectory elsewhere(Good);
  for (const std::string& url :
       {std::string("ldapi://%2Ftmp%2Fx/dc=x"), std::string("ldap://%2Ftmp%2Fx/dc=x"),
        std::string("ldap:///dc=x"), std::string("http://127.0.0.1/"), std::string(""),
        "user=a pass=b " + UrlOf(elsewhere), "servers=x " + UrlOf(elsewhere)}) {
    FakeDirectory directory(Referring([&] { return std::vector{url}; }));
    engine::RunInLoop([&] {
      Site site({{"ldap_default_servers", Servers({&directory})}});
      EXPECT_EQ(site.Ask("ldap", std::string("referrals=follow ") + kQuery).find("deferred "), 0u);
    });
  }
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Ldap, AReferralSaysWhomToAskAndWhat) {
  FakeDirectory elsewhere(Good);
  ldap::Query next;
  ldap::SearchRequest request;
  EXPECT_EQ(ldap::ReadReferral(UrlOf(elsewhere, "dc=y?cn?sub?(a=b)"), &next, &request), "");
  EXPECT_EQ(request.base, "dc=y");
  EXPECT_EQ(request.filter, "(a=b)");
  EXPECT_FALSE(next.has_user || next.has_password || next.follow);
}

TEST(RuleL9, ReferralsHaveALimitInNumberAndInARow) {
  FakeDirectory elsewhere(Good);
  for (const std::size_t count : {limits::kLdapReferrals, limits::kLdapReferrals + 1}) {
    FakeDirectory directory(
        Referring([&] { return std::vector<std::string>(count, UrlOf(elsewhere)); }));
    engine::RunInLoop([&] {
      Site site({{"ldap_default_servers", Servers({&directory})}});
      const std::string answer = site.Ask("ldapm", std::string("referrals=follow ") + kQuery);
      if (count == limits::kLdapReferrals)
        EXPECT_EQ(answer.find("found c1\nc1"), 0u) << answer;
      else
        EXPECT_EQ(answer, "deferred LDAP search: too many referrals");
    });
  }
  // One that goes in a circle.
  FakeDirectory* itself = nullptr;
  FakeDirectory circle(Referring([&] { return std::vector{UrlOf(*itself)}; }));
  itself = &circle;
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&circle})}});
    EXPECT_EQ(site.Ask("ldap", std::string("referrals=follow ") + kQuery),
              "deferred LDAP search: too many referrals");
  });
  EXPECT_EQ(circle.CountOf(kSearch), static_cast<int>(limits::kLdapReferralHops) + 1);
}

TEST(RuleE6, AReferralThatCannotBeAskedMakesTheAnswerOneThatCannotBeGiven) {
  FakeDirectory good(Good);
  std::string gone;
  {
    FakeDirectory closed(Good);
    gone = UrlOf(closed);
  }
  FakeDirectory directory([&](const Request& request) {
    if (request.operation != kSearch) return Good(request);
    return FakeDirectory::Say(FakeDirectory::SearchEntry(request.id, "dc=x", "mail", {"half"}) +
                              FakeDirectory::SearchReference(request.id, gone) +
                              FakeDirectory::SearchDone(request.id));
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", std::string("referrals=follow ") + kQuery).find("deferred "), 0u);
    // Followed or not, an entry that is there is there.
    EXPECT_EQ(site.Ask("ldap", kQuery), "found half");
  });
}

TEST(RuleL6, AnEmptyPasswordOrNameNeverReachesTheNetwork) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Bind("user=\"cn=a\" pass=\"\" ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=\"\" pass=x ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=cn=a ldap:///"),
              "deferred ldapauth lookups must specify the username and password");
    EXPECT_EQ(site.Bind(""), "not found");
    EXPECT_EQ(site.Bind("user=\"  \" pass=x ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=%20 pass=x ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=cn=a pass=\"\\000\" ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=cn=a pass=\"\\x00\\x00\" ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=cn=a pass=\"\\000real\" ldap:///"), "not found");
    EXPECT_EQ(site.Bind(std::string("user=cn=a pass=\0 ldap:///", 26)), "not found");
    EXPECT_EQ(site.Ask("ldap", "user=\" \" pass=x ldap:///dc=x?mail").find("deferred "), 0u);
    EXPECT_EQ(site.Ask("ldap", "user=cn=a pass=\"\\000\" ldap:///dc=x?mail").find("deferred "), 0u);
    EXPECT_EQ(site.Ask("ldap", "user=cn=a pass=\"\" ldap:///dc=x?mail").find("deferred "), 0u);
    EXPECT_EQ(site.Ask("ldap", "user=cn=a ldap:///dc=x?mail").find("deferred "), 0u);
    EXPECT_EQ(site.Ask("ldap", "pass=x ldap:///dc=x?mail").find("deferred "), 0u);
  });
  EXPECT_EQ(directory.connections(), 0);
}

TEST(Ldap, EachBindIdentityHasItsOwnConnection) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
    EXPECT_EQ(site.Ask("ldap", std::string("user=cn=a pass=p ") + kQuery), "found c2");
    EXPECT_EQ(site.Ask("ldap", std::string("user=cn=a pass=q ") + kQuery), "found c3");
    EXPECT_EQ(site.Ask("ldap", std::string("user=cn=a pass=p ") + kQuery), "found c2");
    EXPECT_EQ(site.Ask("ldap", kQuery), "found c1");
  });
}

TEST(Ldap, ConnectionsAreBoundedAndTheOldestMakesRoom) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    for (int i = 1; i <= 70; ++i) {
      const std::string query = "user=cn=a pass=" + std::to_string(i) + " " + kQuery;
      EXPECT_EQ(site.Ask("ldap", query), "found c" + std::to_string(i));
    }
  });
}

TEST(Ldap, APasswordIsInNoReason) {
  FakeDirectory directory([](const Request& request) {
    return request.operation == kBind
               ? FakeDirectory::Say(FakeDirectory::BindResponse(request.id, 49, "no"))
               : Good(request);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    for (const char* query :
         {"user=cn=a pass=hunter2 ldap:///dc=x?mail", "pass=\"hunter2 ldap:///dc=x?mail",
          "user=cn=a pass=hunter2 bogus=1 ldap:///", "user=cn=a pass=hunter2 ldapx:///",
          "user=cn=a pass=hunter2 ldap:///dc=x?mail?bad", "pass=hunter2"}) {
      const std::string answer = site.Ask("ldap", query);
      EXPECT_EQ(answer.find("deferred "), 0u) << answer;
      EXPECT_EQ(answer.find("hunter2"), std::string::npos) << answer;
    }
  });
}

TEST(Ldap, StartTlsWithSomethingBehindItsAnswerIsRefused) {
  FakeDirectory directory([](const Request& request) {
    return FakeDirectory::Say(FakeDirectory::ExtendedResponse(request.id, 0) +
                              FakeDirectory::BindResponse(request.id + 1));
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}, {"ldap_start_tls", "true"}});
    EXPECT_NE(site.Ask("ldap", kQuery).find("there was more behind the answer"), std::string::npos);
  });
  EXPECT_EQ(directory.CountOf(kBind), 0);
}

TEST(Ldap, StartTlsThatIsRefusedDefersWithoutBinding) {
  FakeDirectory directory([](const Request& request) {
    return FakeDirectory::Say(FakeDirectory::ExtendedResponse(request.id, 2));
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}, {"ldap_start_tls", "true"}});
    EXPECT_NE(site.Ask("ldap", "user=cn=a pass=secret ldap:///dc=x?mail")
                  .find("ldap_start_tls_s() returned 2: Protocol error"),
              std::string::npos);
  });
  EXPECT_EQ(directory.CountOf(kBind), 0);
}

TEST(Ldap, WithoutAnyServerItDefers) {
  engine::RunInLoop([&] {
    Site site;
    EXPECT_EQ(site.Ask("ldap", kQuery),
              "deferred no LDAP server: neither the URL, nor SERVERS, nor ldap_default_servers "
              "names one");
  });
}

TEST(Ldap, AServerInTheUrlOrInServersIsUsed) {
  FakeDirectory directory(Good);
  const std::string place = "127.0.0.1:" + std::to_string(directory.port());
  engine::RunInLoop([&] {
    Site site;
    EXPECT_EQ(site.Ask("ldap", "ldap://" + place + "/dc=x?mail"), "found c1");
    EXPECT_EQ(site.Ask("ldap", "servers=\"<;" + place + "\" ldap:///dc=x?mail"), "found c1");
  });
}

// --- answers that a connection has had -------------------------------------------------------

TEST(RuleL8, AConnectionAsksOnceAndAnotherConnectionAsksAgain) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    for (int round = 1; round <= 2; ++round) {
      PerConnection connection(site.worker());
      const Deadline deadline = Deadline::After(std::chrono::seconds(10));
      for (int i = 0; i < 3; ++i)
        EXPECT_EQ(Show(connection.Find({site.Handle("ldap"), "", kQuery, ""}, deadline)),
                  "found c1");
      EXPECT_EQ(directory.CountOf(kSearch), round);
    }
  });
}

TEST(RuleL8, EverythingThatCouldChangeTheAnswerIsInTheKey) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    PerConnection connection(site.worker());
    const Deadline deadline = Deadline::After(std::chrono::seconds(10));
    const auto ask = [&](const char* type, std::string_view query, std::string_view options) {
      EXPECT_EQ(connection.Find({site.Handle(type), "", query, options}, deadline).kind,
                LookupAnswer::kFound);
      return directory.CountOf(kSearch);
    };
    EXPECT_EQ(ask("ldap", kQuery, ""), 1);
    EXPECT_EQ(ask("ldapm", kQuery, ""), 2);
    EXPECT_EQ(ask("ldap", "ldap:///dc=x?cn", ""), 3);
    EXPECT_EQ(ask("ldap", kQuery, "x=1"), 4);
    EXPECT_EQ(ask("ldap", kQuery, ""), 4);
    EXPECT_EQ(ask("ldap", kQuery, "cache=no_rd"), 5);
    EXPECT_EQ(ask("ldap", kQuery, "cache=no"), 6);
  });
}

TEST(RuleL8, TemporaryTroubleIsNotKept) {
  std::atomic<bool> busy{true};
  FakeDirectory directory([&](const Request& request) {
    if (request.operation == kSearch && busy.exchange(false))
      return FakeDirectory::Say(FakeDirectory::SearchDone(request.id, 51, "later"));
    return Good(request);
  });
  engine::RunInLoop([&] {
    Site site({{"ldap_default_servers", Servers({&directory})}});
    PerConnection connection(site.worker());
    const Deadline deadline = Deadline::After(std::chrono::seconds(10));
    const auto ask = [&] {
      return Show(connection.Find({site.Handle("ldap"), "", kQuery, ""}, deadline));
    };
    EXPECT_EQ(ask(), "deferred LDAP search failed - error 51: Server is busy/later");
    EXPECT_EQ(ask(), "found c1");
  });
}

TEST(Worker, StoppingTheLoopEndsALookupThatWaits) {
  FakeDirectory directory([](const Request& request) {
    return request.operation == kBind ? Good(request) : FakeDirectory::Hang();
  });
  engine::Loop loop;
  std::string answer;
  std::unique_ptr<Site> site;
  loop.Post([&] {
    site = std::make_unique<Site>(std::map<std::string, std::string, std::less<>>{
        {"ldap_default_servers", Servers({&directory})}});
    loop.Spawn([&] { answer = site->Ask("ldap", kQuery); });
    loop.Spawn([&] {
      while (directory.CountOf(kSearch) == 0) engine::SleepUntil(Deadline::After(milliseconds(5)));
      loop.Stop();
    });
  });
  const auto start = Clock::now();
  loop.Run();
  EXPECT_EQ(answer.find("deferred "), 0u);
  EXPECT_LT(Since(start), milliseconds(2000));
  site.reset();
}

TEST(Worker, AWorkerMayGoWhileItsLoopRuns) {
  FakeDirectory directory(Good);
  engine::RunInLoop([&] {
    auto site = std::make_unique<Site>(std::map<std::string, std::string, std::less<>>{
        {"ldap_default_servers", Servers({&directory})}});
    EXPECT_EQ(site->Ask("ldap", kQuery), "found c1");
    site.reset();
  });
}

// --- files -------------------------------------------------------------------------------------

std::string AskFile(Site& site, const std::string& key, const std::string& file,
                    std::string_view options = "") {
  PerConnection connection(site.worker());
  return Show(connection.Find({site.Handle("lsearch"), key, file, options},
                              Deadline::After(std::chrono::seconds(10))));
}

TEST(Lsearch, FindsChangesWithTheFileAndTakesOptions) {
  test::TempDir directory;
  const std::string file = directory / "table";
  test::WriteFile(file, "ann: one\n");
  engine::RunInLoop([&] {
    Site site;
    EXPECT_EQ(AskFile(site, "ANN", file), "found one");
    EXPECT_EQ(AskFile(site, "ANN", file, "ret=key"), "found ANN");
    EXPECT_EQ(AskFile(site, "ANN", file, "ret=full"), "found ann: one");
    EXPECT_EQ(AskFile(site, "bob", file), "not found");
    EXPECT_EQ(AskFile(site, "", file), "not found");
    test::WriteFile(file, "ann: two\n");
    EXPECT_EQ(AskFile(site, "ann", file), "found two");
  });
}

TEST(Lsearch, AFileThatCannotBeReadDefers) {
  test::TempDir directory;
  engine::RunInLoop([&] {
    Site site;
    const std::string missing = directory / "none";
    EXPECT_EQ(AskFile(site, "a", missing), "deferred failed to open " + missing +
                                               " for linear search: No such file or directory");
    EXPECT_EQ(AskFile(site, "a", directory.path()),
              "deferred " + directory.path() + " is not a regular file (lsearch lookup)");
    EXPECT_EQ(AskFile(site, "a", "relative"),
              "deferred absolute file name expected for \"lsearch\" lookup");
    EXPECT_EQ(AskFile(site, "a", std::string("/etc/passwd\0x", 13)),
              "deferred absolute file name expected for \"lsearch\" lookup");
  });
}

TEST(Lsearch, WorksOutsideACoroutine) {
  test::TempDir directory;
  test::WriteFile(directory / "table", "ann: one\n");
  Site site;
  EXPECT_EQ(AskFile(site, "ann", directory / "table"), "found one");
  EXPECT_EQ(site.Ask("ldap", kQuery), "deferred this lookup cannot be made here: it has to wait");
}

}  // namespace
}  // namespace signet::lookup
