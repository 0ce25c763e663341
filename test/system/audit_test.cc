// signet audit from outside: a directory of certificates against a configuration.
#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>

#include "src/base/text.h"
#include "src/cli/certificate_files.h"
#include "test/support/authority.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kDay = 86'400;

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;

// What the JSON form says of one certificate.
struct Row {
  std::string state, identity, flags, reason;
};

class Audit : public ::testing::Test {
 protected:
  TempDir directory_;
  TempDir certificates_;
  Authority authority_{"Audit"};

  Audit() {
    authority_.Issue("server", testing::ServerSpec());
    WriteFile(directory_ / "accounts",
              "alice@example.org: alice\nally@example.org: alice\nbob@example.org: bob\n");
  }

  std::string Config(const std::string& more = "") {
    WriteFile(directory_ / "signet.conf",
              "primary_hostname = mx.example.org\ndaemon_smtp_ports = 587\n"
              "tls_certificate = " +
                  authority_.pem("server") +
                  "\ntls_try_verify_hosts = *\ntls_verify_certificates = " + authority_.root() +
                  "\n" + more +
                  "begin authenticators\n"
                  "tls:\n"
                  "  driver = tls\n"
                  "  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
                  "  server_condition = ${if and{{eq{${listcount:$auth1}}{1}}"
                  "{!eq{${lookup{$auth1}lsearch{" +
                  directory_ / "accounts" +
                  "}{$value}}}{}}}}\n"
                  "  server_set_id = ${lookup{$auth1}lsearch{" +
                  directory_ / "accounts" + "}{$value}}\n");
    return directory_ / "signet.conf";
  }
  // A certificate into the directory, with its intermediate.
  void Put(const std::string& name, const testing::CertificateSpec& spec) {
    const std::string flat = Replace(name, "/", "_");
    authority_.Issue(flat, spec);
    const std::filesystem::path path = certificates_ / (name + ".pem");
    std::filesystem::create_directories(path.parent_path());
    WriteFile(path, ReadFile(authority_.pem(flat)));
  }
  void Put(const std::string& name, const std::string& mail) {
    Put(name, testing::ClientSpec(mail));
  }

  Finished Run(std::vector<std::string> more) {
    std::vector<std::string> words = {SignetProgram(), "audit", "--certs", certificates_.path()};
    if (std::find(more.begin(), more.end(), "-C") == more.end()) {
      words.push_back("-C");
      words.push_back(Config());
    }
    words.insert(words.end(), more.begin(), more.end());
    return test::Run(words, {}, seconds(120));
  }
  std::map<std::string, Row> Rows(std::vector<std::string> more = {}) {
    more.push_back("--json");
    const Finished finished = Run(more);
    const Json json(json_loads(finished.output.c_str(), 0, nullptr), &json_decref);
    EXPECT_NE(json, nullptr) << finished.output;
    std::map<std::string, Row> rows;
    std::size_t i = 0, k = 0;
    json_t *one = nullptr, *flag = nullptr;
    json_array_foreach(json_object_get(json.get(), "certificates"), i, one) {
      const auto text = [&](const char* name) {
        const char* value = json_string_value(json_object_get(one, name));
        return std::string(value == nullptr ? "" : value);
      };
      Row row{text("state"), text("identity"), "", text("reason")};
      json_array_foreach(json_object_get(one, "flags"), k, flag) row.flags +=
          std::string(json_string_value(flag)) + ' ';
      rows[text("file")] = row;
    }
    return rows;
  }
};

TEST_F(Audit, WhoIsMappedToWhomAndWhyNot) {
  Put("alice", "alice@example.org");
  Put("below/bob", "bob@example.org");
  Put("stranger", "mallory@example.org");
  testing::CertificateSpec two = testing::ClientSpec("alice@example.org");
  two.alternative_names = {testing::MailName("alice@example.org"),
                           testing::MailName("bob@example.org")};
  Put("two", two);
  Authority others("Others", 1);
  others.Issue("x", testing::ClientSpec("alice@example.org"));
  WriteFile(certificates_ / "unknown.pem", ReadFile(others.pem("x")));
  const auto rows = Rows();
  EXPECT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows.at("alice.pem").state, "mapped");
  EXPECT_EQ(rows.at("alice.pem").identity, "alice");
  EXPECT_EQ(rows.at("below/bob.pem").identity, "bob");
  EXPECT_EQ(rows.at("stranger.pem").state, "unmapped");
  EXPECT_EQ(rows.at("two.pem").state, "ambiguous");
  EXPECT_EQ(rows.at("unknown.pem").state, "unmapped");
  EXPECT_THAT(rows.at("unknown.pem").reason, HasSubstr("unknown CA"));
  const Finished shown = Run({});
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.output, HasSubstr("2 mail addresses: alice@example.org bob@example.org"));
  EXPECT_THAT(shown.output,
              AllOf(HasSubstr("       2  mapped to an account"), HasSubstr("       2  not mapped"),
                    HasSubstr("       1  ambiguous")));
}

TEST_F(Audit, StatusIsGoodWhereAllAreMappedAndNothingIsToBeLookedAt) {
  Put("alice", "alice@example.org");
  Put("bob", "bob@example.org");
  const Finished finished = Run({});
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("2 certificates in 2 files"));
}

TEST_F(Audit, TwoCertificatesOfOneAccountNameEachOther) {
  Put("alice", "alice@example.org");
  Put("ally", "ally@example.org");
  Put("bob", "bob@example.org");
  const auto rows = Rows();
  EXPECT_EQ(rows.at("alice.pem").flags, "shared ");
  EXPECT_EQ(rows.at("ally.pem").flags, "shared ");
  EXPECT_EQ(rows.at("bob.pem").flags, "");
  const Finished shown = Run({});
  EXPECT_EQ(shown.status, 1);
  EXPECT_THAT(shown.output, HasSubstr("its account is that of ally.pem too"));
}

TEST_F(Audit, ACopyIsNoSecondCertificate) {
  Put("alice", "alice@example.org");
  WriteFile(certificates_ / "copy.der", authority_.issued("alice").der);
  const auto rows = Rows();
  EXPECT_EQ(rows.at("alice.pem").flags, "");
  EXPECT_EQ(rows.at("copy.der").flags, "copy ");
}

TEST_F(Audit, WhatExpiresIsCountedInDays) {
  const std::int64_t now = std::time(nullptr);
  const auto until = [&](const std::string& name, std::int64_t end, std::int64_t begin) {
    testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
    spec.not_after = end;
    spec.not_before = begin;
    Put(name, spec);
  };
  until("soon", now + 29 * kDay + 60, now - kDay);
  until("later", now + 31 * kDay, now - kDay);
  until("over", now - 3 * kDay - 60, now - 9 * kDay);
  until("future", now + 90 * kDay, now + kDay);
  auto rows = Rows();
  EXPECT_THAT(rows.at("soon.pem").flags, HasSubstr("expiring "));
  EXPECT_THAT(rows.at("later.pem").flags, Not(HasSubstr("expiring ")));
  EXPECT_THAT(rows.at("over.pem").flags, HasSubstr("expired "));
  EXPECT_EQ(rows.at("over.pem").state, "unmapped");
  EXPECT_THAT(rows.at("future.pem").flags, HasSubstr("not-yet "));
  rows = Rows({"--days", "40"});
  EXPECT_THAT(rows.at("later.pem").flags, HasSubstr("expiring "));
  rows = Rows({"--at", "2119-12-20"});
  EXPECT_THAT(rows.at("later.pem").flags, HasSubstr("expired "));
}

TEST_F(Audit, WhatIsWeakOrMadeForServersIsNamed) {
  testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
  spec.purposes = {std::string(testing::kServerAuth)};
  Put("server", spec);
  spec.purposes = {std::string(testing::kServerAuth), std::string(testing::kClientAuth)};
  Put("both", spec);
  authority_.Issue("weak", testing::ClientSpec("bob@example.org"),
                   testing::SharedKey(testing::KeyType::kRsa1024));
  WriteFile(certificates_ / "weak.pem", ReadFile(authority_.pem("weak")));
  spec = testing::ClientSpec("bob@example.org");
  spec.hash = testing::Key::Hash::kSha1;
  Put("sha1", spec);
  const auto rows = Rows();
  EXPECT_THAT(rows.at("server.pem").flags, HasSubstr("server-only "));
  EXPECT_THAT(rows.at("both.pem").flags, Not(HasSubstr("server-only ")));
  EXPECT_THAT(rows.at("weak.pem").flags, HasSubstr("weak-key "));
  EXPECT_THAT(rows.at("sha1.pem").flags, HasSubstr("weak-hash "));
}

TEST_F(Audit, WithoutADirectoryLookupsAreDeferred) {
  Put("alice", "alice@example.org");
  const auto rows = Rows({"--directory", "none"});
  EXPECT_EQ(rows.at("alice.pem").state, "deferred");
  EXPECT_EQ(Run({"--directory", "none"}).status, 1);
}

TEST_F(Audit, ADirectoryMayBeAFile) {
  WriteFile(directory_ / "people.ldif",
            "dn: uid=alice,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\n"
            "uid: alice\ncn: Alice\nsn: A\nmail: alice@example.org\n\n"
            "dn: uid=bob,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\n"
            "uid: bob\ncn: Bob\nsn: B\nmail: bob@example.org\n");
  Put("alice", "alice@example.org");
  Put("eve", "eve@example.org");
  const std::string lookup =
      "${lookup ldap{ldap:///ou=people,dc=example,dc=org?uid?sub?(mail=${quote_ldap:$auth1})}}";
  std::string text = ReadFile(Config("ldap_default_servers = 127.0.0.1::1\n"));
  text = text.substr(0, text.find("  server_condition")) + "  server_condition = ${if !eq{" +
         lookup + "}{}}\n  server_set_id = " + lookup + "\n";
  WriteFile(directory_ / "ldap.conf", text);
  for (const char* option : {"--ldif", "--directory"}) {
    const auto rows = Rows({"-C", directory_ / "ldap.conf", option, directory_ / "people.ldif"});
    EXPECT_EQ(rows.at("alice.pem").state, "mapped");
    EXPECT_EQ(rows.at("alice.pem").identity, "alice");
    EXPECT_EQ(rows.at("eve.pem").state, "unmapped");
  }
  const auto rows = Rows({"-C", directory_ / "ldap.conf"});
  EXPECT_EQ(rows.at("alice.pem").state, "deferred") << "nobody answers there";
  EXPECT_EQ(Run({"-C", directory_ / "ldap.conf", "--ldif", "/nonexistent.ldif"}).status, 2);
}

TEST_F(Audit, OtherFilesArePassedOverAndBrokenOnesNamed) {
  Put("alice", "alice@example.org");
  WriteFile(certificates_ / "alice.key", ReadFile(authority_.key("alice")));
  WriteFile(certificates_ / "README", "certificates of ours\n");
  WriteFile(certificates_ / "empty", "");
  WriteFile(certificates_ / "ca.pem", ReadFile(authority_.chain()));
  WriteFile(certificates_ / "both.pem",
            ReadFile(authority_.key("alice")) + ReadFile(authority_.pem("alice")));
  WriteFile(certificates_ / "broken.pem", testing::PemBlock("CERTIFICATE", "rubbish"));
  const Finished finished = Run({});
  EXPECT_THAT(finished.output, HasSubstr("unreadable -                              broken.pem"));
  EXPECT_THAT(finished.output, HasSubstr("3  files without a certificate"));
  const auto rows = Rows();
  EXPECT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.at("both.pem").identity, "alice") << "a key beside it does no harm";
}

TEST_F(Audit, LinksAreFollowedWithinTheDirectoryOnly) {
  Put("alice", "alice@example.org");
  authority_.Issue("bob", testing::ClientSpec("bob@example.org"));
  const std::string out = authority_.pem("bob"), in = certificates_ / "alice.pem";
  ASSERT_EQ(::symlink(out.c_str(), (certificates_ / "out.pem").c_str()), 0);
  ASSERT_EQ(::symlink(in.c_str(), (certificates_ / "in.pem").c_str()), 0);
  ASSERT_EQ(::symlink("/", (certificates_ / "root").c_str()), 0);
  ASSERT_EQ(::symlink(".", (certificates_ / "loop").c_str()), 0);
  ASSERT_EQ(::mkfifo((certificates_ / "pipe.pem").c_str(), 0600), 0);
  const auto rows = Rows();
  EXPECT_EQ(rows.count("out.pem"), 0u);
  EXPECT_EQ(rows.at("in.pem").flags, "copy ");
  const Finished finished = Run({});
  EXPECT_THAT(finished.output, HasSubstr("left out: out.pem: a link that leads out"));
  EXPECT_THAT(finished.output, HasSubstr("left out: root: a link to a directory"));
}

TEST_F(Audit, AFileMayHaveItsBytesAndNotOneMore) {
  Put("alice", "alice@example.org");
  const std::string pem = ReadFile(certificates_ / "alice.pem");
  WriteFile(certificates_ / "full.pem",
            std::string(limits::kCertificateFileMaxBytes - pem.size(), '\n') + pem);
  WriteFile(certificates_ / "over.pem",
            std::string(limits::kCertificateFileMaxBytes - pem.size() + 1, '\n') + pem);
  const auto rows = Rows();
  EXPECT_EQ(rows.at("full.pem").state, "mapped");
  EXPECT_EQ(rows.at("over.pem").state, "unreadable");
}

TEST_F(Audit, CsvHasALinePerCertificateQuotedWhereItMustBe) {
  testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
  spec.subject = testing::CommonName("Alice, \"the first\"");
  Put("a,b", spec);
  const Finished finished = Run({"--csv"});
  EXPECT_EQ(finished.status, 0) << finished.output;
  const std::size_t end = finished.output.find("\r\n");
  EXPECT_EQ(finished.output.substr(0, end),
            "file,number,state,identity,authenticator,flags,reason,subject,issuer,serial,"
            "not_before,not_after,days_left,key,signature,sha256");
  const std::string line = finished.output.substr(end + 2);
  EXPECT_TRUE(line.starts_with("\"a,b.pem\",1,mapped,alice,tls,,,")) << line;
  EXPECT_THAT(line, HasSubstr("\"CN=Alice\\, \\\"\"the first\\\"\"\""));
  EXPECT_THAT(line, HasSubstr(",2020-01-01T00:00:00Z,2120-01-01T00:00:00Z,"));
  EXPECT_TRUE(
      line.ends_with("," + Lower(HexDigest("sha256", authority_.issued("a,b").der)) + "\r\n"))
      << line;
}

// What a certificate says neither steers a terminal nor breaks a row, and no spreadsheet runs it.
TEST_F(Audit, CsvHoldsNothingThatIsMoreThanText) {
  testing::CertificateSpec spec = testing::ClientSpec("alice@example.org");
  spec.subject = testing::CommonName("A\x1b[31m\nB");
  Put("=cmd|x", spec);
  const Finished finished = Run({"--csv"});
  EXPECT_EQ(std::count(finished.output.begin(), finished.output.end(), '\n'), 2) << finished.output;
  EXPECT_THAT(finished.output, Not(HasSubstr("\x1b")));
  EXPECT_THAT(finished.output, HasSubstr("\n'=cmd|x.pem,1,"));
}

TEST_F(Audit, NothingIsWiderThanATerminal) {
  Put("a-rather-long-name-for-a-certificate-that-somebody-has-given-it-once-upon-a-time",
      "alice@example.org");
  Put("no\x1b[31mred", "mallory@example.org");
  const Finished finished = Run({});
  std::istringstream lines(finished.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_THAT(finished.output, Not(HasSubstr("\x1b")));
}

TEST_F(Audit, WrongWordsAreSaid) {
  const std::string config = Config();
  const auto wrong = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {SignetProgram(), "audit"});
    const Finished finished = test::Run(words);
    EXPECT_EQ(finished.status, 2) << finished.output;
    return finished.output;
  };
  EXPECT_THAT(wrong({"-C", config}), HasSubstr("--certs DIR"));
  EXPECT_THAT(wrong({"-C", config, "--certs", "/nonexistent/x"}), HasSubstr("cannot read"));
  EXPECT_THAT(wrong({"-C", config, "--certs", config}), HasSubstr("cannot read"));
  EXPECT_THAT(wrong({"-C", config, "--certs", "/", "--days", "many"}), HasSubstr("--days"));
  EXPECT_THAT(wrong({"-C", config, "--certs", "/", "--csv", "--json"}), HasSubstr("not both"));
  EXPECT_THAT(wrong({"-C", config, "--certs", certificates_.path(), "--at", "soon"}),
              HasSubstr("--at"));
}

}  // namespace
}  // namespace signet::test
