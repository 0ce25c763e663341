// The ldap lookups against a real directory server.
#include "test/support/slapd.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>

#include "src/base/codec.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/support/certificates.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Slapd;
using Clock = std::chrono::steady_clock;

constexpr const char kPeople[] = R"(
dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: cn=Ann,ou=people,dc=example,dc=org
objectClass: person
objectClass: uidObject
uid: ann
cn: Ann
cn:: QW5uLCBNw7xsbGVy
cn: Ann "Q" B\S
sn: Muller
description: ann@one.test
description: a,n@two.test
userPassword: annpw

dn: cn=Bob,ou=people,dc=example,dc=org
objectClass: person
objectClass: uidObject
uid: bob
cn: Bob
sn: B
description:: YQpi
userPassword: bobpw

dn: cn=O\, K #1,ou=people,dc=example,dc=org
objectClass: person
objectClass: uidObject
uid: ok
cn: O, K #1
sn: K
)";

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

class Site {
 public:
  using Options = std::map<std::string, std::string, std::less<>>;
  explicit Site(const Slapd& slapd, Options options = {})
      : registry_(drivers::Registry::MakeBuiltin()) {
    auto config = std::make_shared<config::Config>();
    config->main.driver_options = std::move(options);
    config->main.driver_options.emplace("ldap_default_servers", slapd.host_and_port());
    worker_ = std::make_unique<Worker>(*registry_, config, nullptr);
  }
  // `query` behind "ldap:///".
  std::string Ask(const std::string& query, std::string_view type = "ldap") {
    return AskRaw("ldap:///" + query, type);
  }
  std::string AskRaw(const std::string& query, std::string_view type = "ldap") {
    PerConnection connection(*worker_);
    const int handle = registry_->FindLookup(type)->type.handle;
    return Show(connection.Find({handle, "", query, ""}, Deadline::After(seconds(20))));
  }
  // The second answer of one session, between which something happens.
  std::string AskTwice(const std::string& query, std::string_view type,
                       const std::function<void()>& between) {
    PerConnection connection(*worker_);
    const int handle = registry_->FindLookup(type)->type.handle;
    (void)connection.Find({handle, "", query, ""}, Deadline::After(seconds(20)));
    between();
    return Show(connection.Find({handle, "", query, ""}, Deadline::After(seconds(20))));
  }
  std::string Bind(const std::string& query) {
    PerConnection connection(*worker_);
    const int handle = registry_->FindLookup("ldap")->type.handle;
    return Show(connection.Authenticate(handle, query, Deadline::After(seconds(20))));
  }

 private:
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<Worker> worker_;
};

// One server for all tests that leave it as it is.
Slapd& Shared() {
  static Slapd slapd(kPeople);
  return slapd;
}

struct Case {
  const char* type;
  const char* query;
  const char* answer;
};
const Case kCases[] = {
    {"ldap", "ou=people,dc=example,dc=org?description?sub?(uid=ann)",
     "found ann@one.test,a,,n@two.test"},
    {"ldap", "ou=people,dc=example,dc=org?cn,description?sub?(uid=ann)",
     "found cn=\"Ann,Ann,, Müller,Ann \\\"Q\\\" B\\\\S\" "
     "description=\"ann@one.test,a,,n@two.test\""},
    {"ldap", "ou=people,dc=example,dc=org?description?sub?(uid=bob)", "found a\nb"},
    {"ldap", "ou=people,dc=example,dc=org?uid,description?sub?(uid=bob)",
     "found uid=\"bob\" description=\"a\\nb\""},
    {"ldap", "ou=people,dc=example,dc=org?title,uid?sub?(uid=ann)", "found uid=\"ann\""},
    {"ldap", "ou=people,dc=example,dc=org?title?sub?(uid=ann)", "not found"},
    {"ldap", "ou=people,dc=example,dc=org?cn?sub?(uid=zoe)", "not found"},
    {"ldap", "ou=none,dc=example,dc=org?cn", "not found"},
    {"ldap", "ou=people,dc=example,dc=org?sn?sub?(sn=*)",
     "deferred LDAP search: more than one entry (3) was returned (filter not specific enough?)"},
    {"ldapm", "ou=people,dc=example,dc=org?description?sub?(sn=*)",
     "found ann@one.test,a,,n@two.test\na\nb\n"},
    {"ldapm", "ou=people,dc=example,dc=org?uid?sub?(sn=*)", "found ann\nbob\nok"},
    {"ldapm", "ou=people,dc=example,dc=org?title?sub?(sn=*)", "not found"},
    {"ldapdn", "ou=people,dc=example,dc=org?description?sub?(uid=ok)",
     "found cn=O\\2C K #1,ou=people,dc=example,dc=org"},
    {"ldap", "cn=O%5C,%20K%20%231,ou=people,dc=example,dc=org?sn?base", "found K"},
    {"ldap", "ou=people,dc=example,dc=org?sn?sub?(cn=Ann%2C%20M%C3%BCller)", "found Muller"},
    {"ldap", "mailname=alice%40example.org,ou=users,dc=example,dc=org?mailid", "found 1001"},
    {"ldap", "dc=example,dc=org?o??", "found Example"},
    {"ldap", "ou=people,dc=example,dc=org?sn?sub?(((",
     "deferred ldap_search failed: -7, Bad search filter"},
};

TEST(SlapdLookup, AnswersAsTheManualShows) {
  engine::RunInLoop([] {
    Site site(Shared());
    for (const Case& c : kCases) EXPECT_EQ(site.Ask(c.query, c.type), c.answer) << c.query;
    EXPECT_EQ(site.AskRaw("size=1 ldap:///ou=people,dc=example,dc=org?uid?sub?(sn=*)"),
              "found ann");
    EXPECT_EQ(site.AskRaw("user=\"cn=Bob,ou=people,dc=example,dc=org\" pass=bobpw time=5 "
                          "ldap:///ou=people,dc=example,dc=org?uid?sub?(uid=bob)"),
              "found bob");
    EXPECT_EQ(site.AskRaw("DEREFERENCE=x ldap:///dc=example,dc=org?o"), "found Example");
  });
}

TEST(SlapdLookup, ARefusedBindDefersWithTheServersName) {
  engine::RunInLoop([] {
    Site site(Shared());
    const std::string server = "127.0.0.1:" + std::to_string(Shared().port());
    EXPECT_EQ(site.AskRaw("user=\"cn=Bob,ou=people,dc=example,dc=org\" pass=wrong "
                          "ldap:///dc=example,dc=org?o"),
              "deferred failed to bind the LDAP connection to server " + server +
                  " - LDAP error 49: Invalid credentials");
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example");
  });
}

TEST(SlapdLookup, TestsCredentialsByBinding) {
  engine::RunInLoop([] {
    Site site(Shared());
    const std::string bob = "user=\"cn=Bob,ou=people,dc=example,dc=org\" ";
    EXPECT_EQ(site.Bind(bob + "pass=bobpw ldap:///"), "found ");
    EXPECT_EQ(site.Bind(bob + "pass=wrong ldap:///"), "not found");
    EXPECT_EQ(site.Bind(bob + "pass=\"\" ldap:///"), "not found");
    EXPECT_EQ(site.Bind("user=cn=zoe,ou=people,dc=example,dc=org pass=x ldap:///"), "not found");
    // Quoted as one value, a whole DN is the name of nobody.
    EXPECT_EQ(site.Bind("user=cn=" + QuoteLdapDn("Bob,ou=people,dc=example,dc=org") +
                        " pass=bobpw ldap:///"),
              "not found");
    EXPECT_EQ(site.Bind("user=cn=" + QuoteLdapDn("Bob") +
                        ",ou=people,dc=example,dc=org pass=bobpw ldap:///"),
              "found ");
  });
}

// Values that only mean themselves when they are quoted right. No two are the same to a
// directory, which ignores case and blanks at the ends.
std::vector<std::string> HardNames() {
  static const char* const kNames[] = {
      "*",         "a*b",  "(",        ")",       "\\",     "a\\2Ab", "a,b",
      "a+b=c",     "#x",   " x",       "x y ",    "a\"b",   "<a>",    "a;b",
      "a/b?c#d&e", "100%", "%41",      "${lc:A}", "\\,",    "ü",      "a=b,ou=people",
      "cn=z",      "\\2a", "))(uid=*", "a\\",     "  lead", "tail  ", "#",
      "\""};
  std::vector<std::string> names(std::begin(kNames), std::end(kNames));
  static std::mt19937 random(11);
  constexpr std::string_view kOctets("*()\\,+=\"<>;# %?/a0&|!~^$'", 25);
  for (int i = 0; i < 60; ++i) {
    std::string name = std::string(1, kOctets[random() % kOctets.size()]) + std::to_string(i);
    for (int j = 0; j < 6; ++j) name += kOctets[random() % kOctets.size()];
    names.push_back(name);
  }
  return names;
}

// RFC 4514 lets any octet stand as its hexadecimal pair, so this needs no rules to be right.
std::string HexEscaped(const std::string& octets) {
  std::string escaped;
  for (const char c : octets) escaped += "\\" + HexLower(std::string(1, c));
  return escaped;
}

TEST(RuleL2, AQuotedValueFindsExactlyItsEntryInFilterAndDn) {
  std::string ldif;
  const auto names = HardNames();
  for (std::size_t i = 0; i < names.size(); ++i)
    ldif += "dn: description=" + HexEscaped(names[i]) +
            ",dc=example,dc=org\nobjectClass: person\ncn: e\nsn: " + std::to_string(i) +
            "\ndescription:: " + EncodeBase64(names[i]) + "\n\n";
  Slapd slapd(ldif);
  engine::RunInLoop([&] {
    Site site(slapd);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string expected = "found " + std::to_string(i);
      EXPECT_EQ(
          site.Ask("dc=example,dc=org?sn?sub?(description=" + QuoteLdapFilter(names[i]) + ")"),
          expected)
          << names[i];
      EXPECT_EQ(site.Ask("description=" + QuoteLdapDn(names[i]) + ",dc=example,dc=org?sn"),
                expected)
          << names[i];
    }
  });
}

TEST(RuleL4, AStoppedServerDefersWithinTheDeadlineAndWorksAgain) {
  Slapd slapd(kPeople);
  engine::RunInLoop([&] {
    Site site(slapd);
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example");
    slapd.Stop();
    const auto start = Clock::now();
    EXPECT_EQ(site.Ask("dc=example,dc=org?o").find("deferred "), 0u);
    EXPECT_LT(Clock::now() - start, limits::kLookupTotal + milliseconds(500));
    slapd.Continue();
    const Deadline limit = Deadline::After(limits::kDirectoryRetry + seconds(10));
    std::string answer;
    while (answer != "found Example" && !limit.Passed()) {
      answer = site.Ask("dc=example,dc=org?o");
      engine::SleepUntil(Deadline::After(milliseconds(50)));
    }
    EXPECT_EQ(answer, "found Example");
  });
}

TEST(SlapdLookup, AKilledAndRestartedServerWorksAtOnce) {
  Slapd slapd(kPeople);
  engine::RunInLoop([&] {
    Site site(slapd);
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example");
    slapd.Kill();
    EXPECT_NE(site.Ask("dc=example,dc=org?o").find("Connection refused"), std::string::npos);
    slapd.Start();
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example");
    slapd.Kill();
    slapd.Start();
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example") << "the old connection is dead";
  });
}

// --- other ways to a server, and several of them ------------------------------------------

TEST(SlapdLookup, ASocketIsNamedInTheUrlOrInTheListOfServers) {
  engine::RunInLoop([] {
    Site site(Shared());
    const std::string path = test::Replace(Shared().socket_path(), "/", "%2F");
    EXPECT_EQ(site.AskRaw("ldapi://" + path + "/dc=example,dc=org?o"), "found Example");
    EXPECT_EQ(site.AskRaw("ldap://" + path + "/dc=example,dc=org?o"), "found Example");
    Site by_list(Shared(), {{"ldap_default_servers", Shared().socket_path()}});
    EXPECT_EQ(by_list.AskRaw("ldapi:///dc=example,dc=org?o"), "found Example");
    EXPECT_EQ(
        by_list.AskRaw("SERVERS=/nowhere/ldapi ldapi:///dc=example,dc=org?o").find("deferred"), 0u);
    EXPECT_EQ(site.AskRaw("ldapi://127.0.0.1/dc=example,dc=org?o"),
              "deferred ldapi requires an absolute path (\"127.0.0.1\" given)");
  });
}

TEST(SlapdLookup, TheNextServerIsAskedUntilOneKnows) {
  // Only the second has Bob; to the first his password is wrong.
  Slapd first, second(kPeople);
  engine::RunInLoop([&] {
    Site site(first,
              {{"ldap_default_servers", first.host_and_port() + " : " + second.host_and_port()}});
    const std::string bob = "user=\"cn=Bob,ou=people,dc=example,dc=org\" pass=bobpw ";
    EXPECT_EQ(site.AskRaw(bob + "ldap:///ou=people,dc=example,dc=org?uid?sub?(uid=bob)"),
              "found bob");
    // "No such entry" is an answer, and nobody else is asked.
    EXPECT_EQ(site.Ask("ou=people,dc=example,dc=org?uid?sub?(uid=bob)"), "not found");
    EXPECT_EQ(site.AskRaw("SERVERS=" + test::Replace(second.host_and_port(), "::", "::") +
                          " ldap:///ou=people,dc=example,dc=org?uid?sub?(uid=bob)"),
              "found bob");
    // A test of credentials ends at the first server that knows them to be wrong.
    EXPECT_EQ(site.Bind(bob + "ldap:///"), "not found");
    EXPECT_EQ(site.Bind("SERVERS=" + second.host_and_port() + " " + bob + "ldap:///"), "found ");
    first.Kill();
    EXPECT_EQ(site.Bind(bob + "ldap:///"), "found ");
    EXPECT_EQ(site.Bind("user=notadn pass=x ldap:///").find("deferred "), 0u);
  });
}

TEST(SlapdLookup, ReferralsAreFollowedWhereTheQuerySaysSo) {
  Slapd second(kPeople);
  const std::string url = "ldap://127.0.0.1:" + std::to_string(second.port());
  Slapd first(
      "dn: ou=elsewhere,dc=example,dc=org\nobjectClass: referral\n"
      "objectClass: extensibleObject\nou: elsewhere\nref: " +
      url + "/ou=people,dc=example,dc=org\n");
  engine::RunInLoop([&] {
    Site site(first);
    const std::string everywhere = "ldap:///dc=example,dc=org?uid?sub?";
    EXPECT_EQ(site.AskRaw("referrals=follow " + everywhere + "(uid=ann)"), "found ann");
    EXPECT_EQ(site.AskRaw("REFERRALS=follow " + everywhere + "(uid=zoe)"), "not found");
    EXPECT_EQ(site.AskRaw("referrals=follow " + everywhere + "(uid=*)")
                  .find("deferred LDAP search: more than one entry (3)"),
              0u);
    // A base that lies behind it: the server answers with the referral alone.
    EXPECT_EQ(site.AskRaw("referrals=follow "
                          "ldap:///cn=Bob,ou=elsewhere,dc=example,dc=org?uid"),
              "found bob");
    const std::string refused =
        "deferred LDAP search: the server refers to others, and referrals are not followed";
    EXPECT_EQ(site.AskRaw(everywhere + "(uid=ann)"), refused);
    EXPECT_EQ(site.AskRaw("referrals=nofollow " + everywhere + "(uid=ann)"), refused);
    EXPECT_EQ(site.Ask("cn=Bob,ou=elsewhere,dc=example,dc=org?uid"), refused);
    second.Kill();
    EXPECT_EQ(site.AskRaw("referrals=follow " + everywhere + "(uid=ann)").find("deferred "), 0u);
  });
}

// --- limits -------------------------------------------------------------------------------

std::string Many(std::size_t count) {
  std::string ldif;
  for (std::size_t i = 0; i < count; ++i)
    ldif += "dn: cn=n" + std::to_string(i) +
            ",dc=example,dc=org\nobjectClass: person\nobjectClass: uidObject\nuid: n\nsn: s\n\n";
  return ldif;
}

TEST(RuleL9, AnAnswerMayHaveSoManyEntriesAndNoMore) {
  for (const std::size_t extra : {0u, 1u}) {
    Slapd slapd(Many(limits::kLdapAnswerEntries + extra));
    engine::RunInLoop([&] {
      Site site(slapd);
      const std::string query = "dc=example,dc=org?uid?sub?(uid=n)";
      const std::string answer = site.Ask(query, "ldapm");
      EXPECT_EQ(answer.find(extra == 0 ? "found n\nn" : "deferred LDAP search: the answer is over"),
                0u)
          << answer;
      // SIZE is the administrator's word that the rest does not matter.
      EXPECT_EQ(site.AskRaw("size=2 ldap:///" + query, "ldapm"), "found n\nn");
      EXPECT_EQ(site.AskRaw("size=2 time=5 ldap:///" + query)
                    .find("deferred LDAP search: more than one entry (2)"),
                0u);
    });
  }
}

TEST(SlapdLookup, ATimeoutOfTheQueryIsKept) {
  Slapd slapd(kPeople);
  engine::RunInLoop([&] {
    Site site(slapd);
    EXPECT_EQ(site.Ask("dc=example,dc=org?o"), "found Example");
    slapd.Stop();
    const auto start = Clock::now();
    EXPECT_EQ(site.AskRaw("connect=1 ldap:///dc=example,dc=org?o").find("deferred "), 0u);
    EXPECT_LT(Clock::now() - start, milliseconds(2500));
  });
}

TEST(SlapdLookup, LdapauthIsALookupTypeThatIsAskedEachTime) {
  Slapd slapd(kPeople);
  engine::RunInLoop([&] {
    Site site(slapd);
    const std::string bob = "user=\"cn=Bob,ou=people,dc=example,dc=org\" pass=";
    EXPECT_EQ(site.AskRaw(bob + "bobpw ldap:///", "ldapauth"), "found ");
    EXPECT_EQ(site.AskRaw(bob + "wrong ldap:///", "ldapauth"), "not found");
    // Rule L6: blanks are a password like any other, and no NUL goes on the wire.
    EXPECT_EQ(site.AskRaw(bob + "\"   \" ldap:///", "ldapauth"), "not found");
    EXPECT_EQ(site.AskRaw(bob + "\"\\000\" ldap:///", "ldapauth"), "not found");
    EXPECT_EQ(site.AskRaw(bob + "\"bobpw\\000\" ldap:///", "ldapauth"), "not found");
    EXPECT_EQ(site.AskRaw("user=\" \" pass=bobpw ldap:///", "ldapauth"), "not found");
    EXPECT_EQ(site.AskRaw("ldap:///", "ldapauth"),
              "deferred ldapauth lookups must specify the username and password");
    // The password changes while a session has the old answer.
    EXPECT_EQ(site.AskTwice(bob + "bobpw ldap:///", "ldapauth",
                            [&] {
                              slapd.Modify(
                                  "dn: cn=Bob,ou=people,dc=example,dc=org\nchangetype: modify\n"
                                  "replace: userPassword\nuserPassword: other\n");
                            }),
              "not found");
  });
}

// Resident memory of this process in KiB.
long ResidentKib() {
  const std::string status = test::ReadFile("/proc/self/status");
  const std::size_t at = status.find("VmRSS:");
  return at == status.npos ? 0 : std::strtol(status.c_str() + at + 6, nullptr, 10);
}

TEST(RuleR4, LookupsOfEveryKindLeaveNoMemoryBehind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps what is freed, and finds leaks by itself";
#endif
  Slapd slapd(kPeople);
  engine::RunInLoop([&] {
    Site site(slapd);
    const std::string bob = "user=\"cn=Bob,ou=people,dc=example,dc=org\" pass=";
    const std::string query = " ldap:///ou=people,dc=example,dc=org?cn,description?sub?";
    const auto round = [&] {
      site.AskRaw(query + "(uid=ann)");
      site.AskRaw(query + "(sn=*)", "ldapm");
      site.AskRaw(query + "(uid=ok)", "ldapdn");
      site.AskRaw(query + "(uid=zoe)");
      site.AskRaw(query + "(((");
      site.AskRaw(bob + "wrong" + query + "(uid=bob)");  // a connection each time
      site.Bind(bob + "bobpw ldap:///");
    };
    for (int i = 0; i < 100; ++i) round();
    const long before = ResidentKib();
    for (int i = 0; i < 400; ++i) round();
    EXPECT_LT(ResidentKib() - before, 4096) << "2800 lookups";
  });
}

// --- TLS ----------------------------------------------------------------------------------

struct Authority {
  explicit Authority(std::string_view name = "Directory Root", int key_number = 100)
      : root(testing::MakeRoot(name, testing::KeyType::kEcdsaP384, key_number)) {
    test::WriteFile(ca_file, root.Pem());
  }
  testing::Issued root;
  test::TempDir directory;
  std::string ca_file = directory / "ca.pem";
  Slapd::Tls Issue(const testing::CertificateSpec& spec) const {
    const testing::Issued server =
        testing::Issue(spec, testing::SharedKey(testing::KeyType::kEcdsaP256), &root);
    return {server.Pem(), server.key.Pem()};
  }
};

TEST(SlapdTls, LdapsAndStartTlsVerifyTheServer) {
  Authority authority, another("Another Root", 105);
  Slapd slapd(kPeople, authority.Issue(testing::ServerSpec()));
  const std::string ldaps =
      "ldaps://127.0.0.1:" + std::to_string(slapd.tls_port()) + "/dc=example,dc=org?o";
  const std::string start_tls = "ldap:///dc=example,dc=org?o";
  const struct {
    Site::Options options;
    bool found;
  } kCases[] = {
      {{{"ldap_ca_cert_file", authority.ca_file}}, true},
      {{{"ldap_ca_cert_file", another.ca_file}}, false},
      {{{"ldap_ca_cert_file", another.ca_file}, {"ldap_require_cert", "demand"}}, false},
      {{{"ldap_ca_cert_file", another.ca_file}, {"ldap_require_cert", "try"}}, false},
      {{{"ldap_ca_cert_file", another.ca_file}, {"ldap_require_cert", "nonsense"}}, false},
      {{{"ldap_ca_cert_file", another.ca_file}, {"ldap_require_cert", "never"}}, true},
      {{{"ldap_require_cert", "allow"}}, true},
      {{}, false},
  };
  engine::RunInLoop([&] {
    for (const auto& c : kCases) {
      Site::Options with_start_tls = c.options;
      with_start_tls["ldap_start_tls"] = "true";
      Site plain(slapd, c.options), upgraded(slapd, with_start_tls);
      for (const std::string& answer : {plain.AskRaw(ldaps), upgraded.AskRaw(start_tls)}) {
        EXPECT_EQ(answer == "found Example", c.found) << answer;
        if (!c.found) {
          EXPECT_EQ(answer.find("deferred failed to "), 0u) << answer;
        }
      }
    }
  });
}

TEST(SlapdTls, ACertificateForAnotherNameIsRefused) {
  Authority authority;
  testing::CertificateSpec spec = testing::ServerSpec();
  spec.alternative_names = {testing::DnsName("other.example.org")};
  spec.subject = testing::CommonName("127.0.0.1");
  Slapd slapd(kPeople, authority.Issue(spec));
  engine::RunInLoop([&] {
    Site site(slapd, {{"ldap_ca_cert_file", authority.ca_file}, {"ldap_start_tls", "true"}});
    EXPECT_EQ(site.Ask("dc=example,dc=org?o").find("deferred failed to initiate TLS"), 0u);
  });
}

TEST(RuleT14, AReferralDoesNotLeadOutOfTls) {
  Authority authority;
  Slapd clear(kPeople);
  Slapd slapd(
      "dn: ou=elsewhere,dc=example,dc=org\nobjectClass: referral\n"
      "objectClass: extensibleObject\nou: elsewhere\nref: ldap://127.0.0.1:" +
          std::to_string(clear.port()) + "/ou=people,dc=example,dc=org\n",
      authority.Issue(testing::ServerSpec()));
  const std::string query = "/dc=example,dc=org?uid?sub?(uid=ann)";
  engine::RunInLoop([&] {
    const std::string host = "127.0.0.1:";
    Site site(slapd, {{"ldap_ca_cert_file", authority.ca_file}});
    const std::string answer =
        site.AskRaw("referrals=follow ldaps://" + host + std::to_string(slapd.tls_port()) + query);
    EXPECT_NE(answer.find("and TLS would end there"), std::string::npos) << answer;
    EXPECT_EQ(site.AskRaw("referrals=follow ldap://" + host + std::to_string(slapd.port()) + query),
              "found ann");
    // With StartTLS the other server must be able to do it, and prove itself.
    Site upgraded(slapd, {{"ldap_ca_cert_file", authority.ca_file}, {"ldap_start_tls", "true"}});
    EXPECT_EQ(
        upgraded.AskRaw("referrals=follow ldap://" + host + std::to_string(slapd.port()) + query)
            .find("deferred failed to initiate TLS"),
        0u);
  });
}

TEST(SlapdTls, ManySearchesShareOneTlsConnectionAndASilentServerDefers) {
  Authority authority;
  Slapd slapd(kPeople, authority.Issue(testing::ServerSpec()));
  engine::RunInLoop([&] {
    Site site(slapd, {{"ldap_ca_cert_file", authority.ca_file}, {"ldap_start_tls", "true"}});
    int left = 300, found = 0;
    engine::Event all;
    for (int i = 0; i < 300; ++i)
      engine::Loop::Current()->Spawn([&] {
        found += site.Ask("ou=people,dc=example,dc=org?uid?sub?(uid=ann)") == "found ann";
        if (--left == 0) all.Signal();
      });
    while (left > 0) all.Wait(Deadline::After(seconds(30)));
    EXPECT_EQ(found, 300);
    slapd.Stop();
    const auto start = Clock::now();
    EXPECT_EQ(site.AskRaw("nettime=3 ldap:///dc=example,dc=org?o").find("deferred "), 0u);
    EXPECT_LT(Clock::now() - start, limits::kLookupTotal + milliseconds(500));
  });
}

TEST(SlapdLookup, ManySearchesAtOnceDoNotMakeTheServerHangUp) {
  engine::RunInLoop([] {
    Site site(Shared());
    int left = 500, found = 0;
    engine::Event all;
    for (int i = 0; i < 500; ++i)
      engine::Loop::Current()->Spawn([&] {
        found += site.Ask("ou=people,dc=example,dc=org?uid?sub?(uid=ann)") == "found ann";
        if (--left == 0) all.Signal();
      });
    while (left > 0) all.Wait(Deadline::After(seconds(30)));
    EXPECT_EQ(found, 500);
  });
}

}  // namespace
}  // namespace signet::lookup
