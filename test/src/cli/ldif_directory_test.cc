// The directory in a file, held to a real server that was loaded with the same file: what the
// lookup driver makes of both is compared.
#include "src/cli/ldif_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

#include "drivers/host/registry.h"
#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/cli/ldif_ber.h"
#include "test/support/process.h"
#include "test/support/slapd.h"

namespace signet::cli {
namespace {

using expand::LookupAnswer;
using test::Slapd;

constexpr const char kMore[] = R"(
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
seeAlso: cn=Ann, OU=People,dc=example,dc=org
telephoneNumber: +49 123 45-67
description:: YQpi
userPassword: {SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0

dn: cn=O\, K #1,ou=people,dc=example,dc=org
objectClass: person
objectClass: uidObject
uid: ok
cn: O, K #1
sn: K
userPassword: {CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1

dn: ou=Deep,ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: Deep
description: a  place   with
  blanks

dn: cn=Low+sn=One,ou=Deep,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: Low
sn: One
mail: Low@Example.ORG
mail: second@example.org
givenName: Lo
displayName: Löw ÄÖÜ
employeeNumber: 0042
title: Chief

dn: cn=Empty,ou=Deep,ou=people,dc=example,dc=org
objectClass: person
cn: Empty
sn: E
)";

std::string Text() {
  return test::ReadFile(test::ProjectRoot() + "/test/support/directory.ldif") + kMore;
}

Slapd& Server() {
  static Slapd slapd(kMore);
  return slapd;
}

std::string Show(const LookupAnswer& answer) {
  const char* const kinds[] = {"found ", "not found ", "deferred "};
  std::string text = kinds[answer.kind] + answer.text;
  // Messages name the server.
  return test::Replace(text, "127.0.0.1:" + std::to_string(Server().port()), "SERVER");
}

// The driver, with a server behind it or with the file.
class Side {
 public:
  explicit Side(std::shared_ptr<LdifDirectory> directory,
                const std::map<std::string, std::string>& options = {})
      : registry_(drivers::Registry::MakeBuiltin()) {
    auto config = std::make_shared<config::Config>();
    for (const auto& [name, value] : options) config->main.driver_options.emplace(name, value);
    config->main.driver_options.emplace("ldap_default_servers", Server().host_and_port());
    worker_ = std::make_unique<lookup::Worker>(*registry_, config, nullptr);
    if (directory != nullptr) LdifDirectory::Answer(std::move(directory), *worker_);
  }
  std::string Ask(const std::string& query, std::string_view type = "ldap") {
    lookup::PerConnection connection(*worker_);
    const int handle = registry_->FindLookup(type)->type.handle;
    return Show(
        connection.Find({handle, "", query, ""}, Deadline::After(std::chrono::seconds(20))));
  }
  std::string Bind(const std::string& query) {
    lookup::PerConnection connection(*worker_);
    const int handle = registry_->FindLookup("ldap")->type.handle;
    return Show(connection.Authenticate(handle, query, Deadline::After(std::chrono::seconds(20))));
  }

 private:
  std::unique_ptr<drivers::Registry> registry_;
  std::unique_ptr<lookup::Worker> worker_;
};

std::shared_ptr<LdifDirectory> Loaded() {
  auto loaded = LdifDirectory::Parse(Text());
  EXPECT_TRUE(loaded.ok()) << (loaded ? "" : loaded.error());
  return loaded.value();
}

// A server sends entries in whatever order.
std::string Sorted(const std::string& answer) {
  if (!answer.starts_with("found ")) return answer;
  std::multiset<std::string> lines;
  std::istringstream in(answer.substr(6));
  for (std::string line; std::getline(in, line);) lines.insert(line);
  std::string all = "found ";
  for (const std::string& line : lines) all += line + '\n';
  return all;
}

const char* const kBases[] = {"dc=example,dc=org",
                              "ou=people,dc=example,dc=org",
                              "OU=People, DC=Example ,dc=org",
                              "ou=deep,ou=people,dc=example,dc=org",
                              "cn=Ann,ou=people,dc=example,dc=org",
                              "cn=o\\2c k #1,ou=people,dc=example,dc=org",
                              "sn=one+cn=low,ou=deep,ou=people,dc=example,dc=org",
                              "mailname=ALICE@example.org,ou=users,dc=example,dc=org",
                              "ou=none,dc=example,dc=org",
                              "cn=x,cn=Ann,ou=people,dc=example,dc=org",
                              "dc=other",
                              "2.5.4.11=people,dc=example,dc=org",
                              "not a name",
                              "ou=people;dc=example,dc=org",
                              "ou=\"people\",dc=example,dc=org",
                              "ou=people,,dc=org"};

const char* const kFilters[] = {"",
                                "(objectClass=*)",
                                "(objectClass=person)",
                                "(objectClass=inetOrgPerson)",
                                "(objectclass=TOP)",
                                "(uid=ann)",
                                "(UID=ANN)",
                                "(cn=  ann )",
                                "(commonName=Ann)",
                                "(cn=Ann, Müller)",
                                "(cn=ann, MÜLLER)",
                                "(uid=*)",
                                "(title=*)",
                                "(!(uid=ann))",
                                "(&(sn=*)(!(uid=*)))",
                                "(|(uid=ann)(uid=bob))",
                                "(&)",
                                "(|)",
                                "(cn=A*)",
                                "(cn=*n)",
                                "(cn=*u*l*)",
                                "(cn=a*, m*r)",
                                "(cn=*\\22*)",
                                "(description=a*two*)",
                                "(description=a place with blanks)",
                                "(description=*place   with*)",
                                "(mail=low@example.org)",
                                "(mail=*@EXAMPLE.org)",
                                "(employeeNumber=0042)",
                                "(employeeNumber=42)",
                                "(displayName=löw äöü)",
                                "(name=Ann)",
                                "(name=K)",
                                "(cn~=ann)",
                                "(mailid=1001)",
                                "(mailname=bob@example.org)",
                                "(seeAlso=cn=ann,ou=people,dc=example,dc=org)",
                                "(seeAlso=CN=Ann, ou=PEOPLE,dc=example,dc=org)",
                                "(seeAlso=nonsense)",
                                "(!(seeAlso=nonsense))",
                                "(telephoneNumber=+491234567)",
                                "(telephoneNumber=+49 123-4567)",
                                "(description=\\61\\0ab)",
                                "(userPassword=annpw)",
                                "(userPassword=ANNPW)",
                                "(cn:caseExactMatch:=Ann)",
                                "(cn:caseExactMatch:=ann)",
                                "(cn:2.5.13.2:=ANN)",
                                "(((",
                                "(cn=)",
                                "(&(objectClass=person)(|(cn=Bob)(cn=Low))(!(title=Chief)))",
                                "(sn=\\4b)"};

const char* const kSelections[] = {
    "",      "cn",  "sn,cn", "uid,description", "CN",          "commonName", "name",
    "title", "1.1", "*",     "mail,nosuch",     "objectClass", "seeAlso"};

TEST(LdifDirectory, AnswersSearchesAsARealServerLoadedWithTheSameFile) {
  engine::RunInLoop([] {
    Side live(nullptr), file(Loaded());
    std::size_t found = 0, differ = 0;
    const auto same = [&](const std::string& query, std::string_view type) {
      const std::string expected = Sorted(live.Ask(query, type)),
                        got = Sorted(file.Ask(query, type));
      found += expected.starts_with("found ");
      differ += got != expected;
      EXPECT_TRUE(got == expected)
          << type << ' ' << query << "\nfile: " << got << "\nlive: " << expected;
    };
    const auto percent = [](std::string text) {
      for (const char* c : {"%", "?", "#", " ", "\"", "\\"})
        text = test::Replace(text, c, "%" + HexUpper(c));
      return text;
    };
    for (const char* base : kBases)
      for (const char* filter : kFilters)
        for (const char* scope : {"base", "one", "sub"}) {
          const std::string end = std::string("?") + scope + '?' + percent(filter);
          same("ldap:///" + percent(base) + "?cn,sn,ou" + end, "ldapm");
          if (differ > 20) return;  // enough to see
        }
    for (const char* selection : kSelections)
      for (const char* filter : {"(cn=Bob)", "(cn=Low)", "(ou=Deep)", "(mailid=1001)", "(sn=*)"})
        for (const char* type : {"ldap", "ldapm", "ldapdn"})
          same("ldap:///dc=example,dc=org?" + std::string(selection) + "?sub?" + filter, type);
    for (const char* limit : {"1", "2", "3", "5", "6", "100"}) {
      const std::string query =
          "size=" + std::string(limit) + " ldap:///ou=people,dc=example,dc=org?cn?sub?(sn=*)";
      const auto count = [&](Side& side) {
        const std::string answer = side.Ask(query, "ldapm");
        return std::count(answer.begin(), answer.end(), '\n');
      };
      EXPECT_EQ(count(file), count(live)) << limit;
    }
    EXPECT_GT(found, 400u);
  });
}

TEST(LdifDirectory, BindsAsARealServerDoes) {
  engine::RunInLoop([] {
    Side live(nullptr), file(Loaded());
    const std::string people = ",ou=people,dc=example,dc=org\" ";
    for (const std::string& who :
         {"user=\"cn=Ann" + people + "pass=annpw ", "user=\"cn=Ann" + people + "pass=ANNPW ",
          "user=\"CN=ann" + people + "pass=annpw ", "user=\"cn=Bob" + people + "pass=secret ",
          "user=\"cn=Bob" + people + "pass=wrong ",
          "user=\"cn=O\\\\, K #1" + people + "pass=secret ",
          "user=\"cn=O\\\\, K #1" + people + "pass=no ", "user=\"cn=Zoe" + people + "pass=x ",
          "user=\"cn=Empty,ou=Deep" + people + "pass=x ", std::string("user=nonsense pass=x "),
          "user=\"cn=Ann" + people + "pass=\"\" "}) {
      EXPECT_EQ(file.Bind(who + "ldap:///"), live.Bind(who + "ldap:///")) << who;
      const std::string query = who + "ldap:///dc=example,dc=org?o";
      EXPECT_EQ(file.Ask(query), live.Ask(query)) << who;
    }
    EXPECT_EQ(file.Bind("user=\"cn=Ann" + people + "pass=annpw ldap:///"), "found ");
    EXPECT_EQ(file.Bind("user=\"cn=Bob" + people + "pass=secret ldap:///"), "found ");
    EXPECT_EQ(file.Bind("user=\"cn=O\\\\, K #1" + people + "pass=secret ldap:///"), "found ");
  });
}

// Values that only mean themselves when they are quoted right, in names and in filters.
TEST(LdifDirectory, HardValuesAreFoundAndNamedAsByARealServer) {
  static const char* const kNames[] = {
      "*",      "a*b",  "(",      "\\",  "a\\2Ab", "a,b",     "a+b=c", "#x", " x",
      "x y ",   "a\"b", "<a>",    "a;b", "100%",   "${lc:A}", "ü",     "Ü2", "a=b",
      "))(u=*", "a\\",  "tail  ", "\"",  "a\tb",   "ГДЕ",     "Ωmega", "ß",  "z\xc2\xa0y"};
  std::string ldif;
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    std::string escaped;
    for (const char c : std::string_view(kNames[i])) escaped += "\\" + HexLower(std::string(1, c));
    ldif += "\ndn: description=" + escaped +
            ",dc=example,dc=org\nobjectClass: person\ncn: e\nsn: " + std::to_string(i) +
            "\ndescription:: " + EncodeBase64(kNames[i]) + '\n';
  }
  Slapd slapd(ldif);
  auto loaded = LdifDirectory::Parse(
      test::ReadFile(test::ProjectRoot() + "/test/support/directory.ldif") + ldif);
  ASSERT_TRUE(loaded.ok()) << loaded.error();
  engine::RunInLoop([&] {
    Side live(nullptr, {{"ldap_default_servers", slapd.host_and_port()}}), file(loaded.value());
    for (const char* name : kNames) {
      const std::string query =
          "ldap:///dc=example,dc=org?sn?sub?(description=" + QuoteLdapFilter(name) + ")";
      EXPECT_EQ(file.Ask(query), live.Ask(query)) << name;
      EXPECT_EQ(file.Ask(query).substr(0, 6), "found ") << name;
      EXPECT_EQ(file.Ask(query, "ldapdn"), live.Ask(query, "ldapdn")) << name;
      const std::string base = "ldap:///description=" + QuoteLdapDn(name) + ",dc=example,dc=org?sn";
      EXPECT_EQ(file.Ask(base), live.Ask(base)) << name;
    }
    // What is the same to a server, and what is not.
    for (const char* value :
         {"где", "ωMEGA", "ω",   "Z Y",  "z y",   "z  y", "a b",  "a  b",     "Ü",  "ü2", "SS",
          "ss",  "ẞ",     "A=B", "tail", " tail", "x Y",  "x  y", "$${LC:a}", "u2", "ö"}) {
      const std::string query =
          "ldap:///dc=example,dc=org?sn?sub?(description=" + QuoteLdapFilter(value) + ")";
      EXPECT_EQ(file.Ask(query), live.Ask(query)) << value;
    }
  });
}

TEST(LdifDirectory, StandsForEveryServerAndForTls) {
  engine::RunInLoop([] {
    Side file(Loaded(), {{"ldap_start_tls", "yes"}});
    const std::string where = "/ou=people,dc=example,dc=org?sn?sub?(uid=ann)";
    EXPECT_EQ(file.Ask("ldap://" + where), "found Muller");
    EXPECT_EQ(file.Ask("ldaps://none.invalid" + where), "found Muller");
    EXPECT_EQ(file.Ask("ldap://none.invalid:1234" + where), "found Muller");
    EXPECT_EQ(file.Ask("ldapi://%2Fnowhere" + where), "found Muller");
  });
}

TEST(LdifDirectory, WhatStandsAboveAnEntryIsThere) {
  auto loaded = LdifDirectory::Parse("dn: uid=a,ou=b,dc=c\nuid: a\nmail: a@c\n");
  ASSERT_TRUE(loaded.ok());
  engine::RunInLoop([&] {
    Side file(loaded.value());
    EXPECT_EQ(file.Ask("ldap:///dc=c?mail?sub?(uid=a)"), "found a@c");
    EXPECT_EQ(file.Ask("ldap:///dc=c?mail"), "not found ");
    EXPECT_EQ(file.Ask("ldap:///dc=d?mail?sub?(uid=a)"), "not found ");
  });
}

TEST(LdifDirectory, WhatItCannotTellIsDeferred) {
  engine::RunInLoop([] {
    Side file(Loaded());
    EXPECT_EQ(file.Ask("ldap:///dc=example,dc=org?cn?sub?(cn:1.2.3.4:=x)").substr(0, 9),
              "deferred ");
    EXPECT_EQ(file.Ask("ldap:///dc=example,dc=org?cn?sub?(|(uid=ann)(cn:dn:=x))").substr(0, 9),
              "deferred ");
  });
}

TEST(LdifDirectory, ReferralsAreSaid) {
  auto loaded = LdifDirectory::Parse(
      "dn: dc=c\ndc: c\n\ndn: ou=r,dc=c\nobjectClass: referral\nref: ldap://other/ou=t,dc=c\n\n"
      "dn: ou=t,dc=c\nou: t\n\ndn: uid=a,ou=t,dc=c\nuid: a\nmail: a@c\n");
  ASSERT_TRUE(loaded.ok());
  engine::RunInLoop([&] {
    Side file(loaded.value());
    EXPECT_EQ(file.Ask("ldap:///dc=c?mail?sub?(uid=none)").substr(0, 9), "deferred ");
    EXPECT_EQ(file.Ask("referrals=follow ldap:///ou=r,dc=c?mail?sub?(uid=a)").substr(0, 9),
              "found a@c");
  });
}

std::string Mistake(const std::string& text) {
  const auto parsed = LdifDirectory::Parse(text);
  return parsed ? "none" : parsed.error();
}

TEST(LdifDirectory, TakesWhatToolsWrite) {
  const char* const kText =
      "version: 1\r\n# people\r\n\r\ndn:: dWlkPcO8LGRjPWM=\r\nuid:: w7w=\r\ndescription: a lo\r\n "
      "ng "
      "one\r\n# said\r\n  twice\r\nuserCertificate;binary:: MAA=\r\n\r\n\r\n# search "
      "result\r\nsearch: "
      "2\r\nresult: 0 Success\r\n\r\n# numResponses: 2\r\n";
  const auto parsed = ParseLdif(kText);
  ASSERT_TRUE(parsed.ok()) << parsed.error();
  ASSERT_EQ(parsed.value().size(), 1u);
  EXPECT_EQ(parsed.value()[0].dn, "uid=ü,dc=c");
  EXPECT_EQ(parsed.value()[0].attributes[1].values[0], "a long one");
  EXPECT_EQ(parsed.value()[0].attributes[2].name, "userCertificate;binary");
}

TEST(LdifDirectory, SaysWhereAFileIsWrong) {
  EXPECT_EQ(Mistake(""), "1: there is no entry in it");
  EXPECT_EQ(Mistake("dn: dc=c\ndc c\n"), "2: no colon in the line");
  EXPECT_EQ(Mistake("dn: dc=c\ndc:: ***\n"), "2: a value is not base64");
  EXPECT_EQ(Mistake("dn: dc=c\n\ndc: c\n"), "3: an entry begins with \"dn:\"");
  EXPECT_EQ(Mistake("dn: dc=c\ndn: dc=d\n"), "2: no empty line in front of the entry");
  EXPECT_EQ(Mistake("dn: dc=c\nchangetype: delete\n"),
            "2: these are changes of a directory, not its entries");
  EXPECT_EQ(Mistake("dn: dc=c\njpegPhoto:< file:///etc/passwd\n"),
            "2: values in other files are not read");
  EXPECT_EQ(Mistake("dn: nonsense\nuid: a\n"), "1: \"nonsense\" is not a distinguished name");
  EXPECT_EQ(Mistake("dn: dc=c\ndc: c\n\ndn: DC=C\ndc: c\n"), "4: \"DC=C\" is there twice");
  const auto none = LdifDirectory::Load("/nonexistent.ldif");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error(), "cannot read \"/nonexistent.ldif\": No such file or directory");
}

TEST(LdifDirectory, NoiseEndsTheConnectionAndNothingElse) {
  const auto directory = Loaded();
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string body;
    const std::size_t size = random() % 60;
    for (std::size_t j = 0; j < size; ++j)
      body += static_cast<char>(random() % 3 == 0 ? "\x30\x04\xa0\xa1\x02\x63\x87\x80"[random() % 8]
                                                  : random());
    (void)directory->Respond(body);
    (void)directory->Respond(Ber(0x30, BerInteger(0x02, 1) + Ber(0x63, body)));
    (void)LdifFilter::Read(body);
    (void)LdifName::Parse(body);
    (void)ParseLdif(body);
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep = Ber(0xa2, deep);
  EXPECT_FALSE(LdifFilter::Read(deep).has_value());
}

}  // namespace
}  // namespace signet::cli
