// What the expansion language gives, from outside: the cases of test/expand/reference through
// `signet expand`, and through Exim, which proves that the cases say what Exim says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "test/support/certificates.h"
#include "test/support/exim.h"
#include "test/support/golden.h"
#include "test/support/line_expander.h"

namespace signet::test {
namespace {

constexpr char kDirectory[] = "test/expand/reference";

const std::vector<GoldenCase>& Cases() {
  static const std::vector<GoldenCase> cases = ReadGoldenDirectory(kDirectory);
  return cases;
}

// --- the world of the cases -------------------------------------------------------------

namespace make = signet::testing;

std::string Access(const char* method, const char* uri) {
  return make::Sequence({make::Oid(method), make::UriName(uri)});
}
constexpr char kAuthorityInfoAccess[] = "1.3.6.1.5.5.7.1.1";
constexpr char kOcsp[] = "1.3.6.1.5.5.7.48.1";
constexpr char kCaIssuers[] = "1.3.6.1.5.5.7.48.2";

// One name with two attributes, only an address among the alternative names, no OCSP.
std::string CertificateC() {
  make::CertificateSpec spec;
  spec.serial = "\x08";
  spec.subject = make::Name({{"2.5.4.10", make::Utf8("Org")},
                             {"2.5.4.3", make::Utf8("Bob")},
                             {"0.9.2342.19200300.100.1.1", make::Utf8("bob1"), true}});
  spec.alternative_names = {make::IpName("\xc0\x00\x02\x09")};
  spec.extra = {
      {kAuthorityInfoAccess, false, make::Sequence({Access(kCaIssuers, "http://ca.one.test/")})}};
  // The chain must not verify, only be there; any key will do.
  return make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).Pem();
}

std::string CertificateD() {
  make::CertificateSpec spec;
  spec.subject = make::CommonName("dee");
  spec.extra = {{kAuthorityInfoAccess, false,
                 make::Sequence({Access(kOcsp, "http://ocsp.one.test/"),
                                 Access(kCaIssuers, "http://ca.one.test/")})}};
  return make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).Pem();
}

constexpr char kSlapdSettings[] = R"(
include @PEERS@/etc/ldap/schema/core.schema
include @PEERS@/etc/ldap/schema/cosine.schema
include @PEERS@/etc/ldap/schema/inetorgperson.schema
modulepath @PEERS@/usr/lib/ldap
moduleload back_mdb
pidfile @DIRECTORY@/slapd.pid
database mdb
suffix "dc=sig,dc=test"
directory @DIRECTORY@/db
maxsize 67108864
dbnosync
)";

class DemoDirectory {
 public:
  DemoDirectory() : port_(FreePort()) {
    std::filesystem::create_directory(directory_ / "db");
    const std::string file = directory_ / "slapd.conf";
    WriteFile(file, Replace(Replace(kSlapdSettings, "@PEERS@", PeersDirectory()), "@DIRECTORY@",
                            directory_.path()));
    const Process::Options libraries = {.environment = PeerEnvironment()};
    const std::string ldif = std::string(kDirectory) + "/directory.ldif";
    const Finished loaded =
        Run({PeersDirectory() + "/usr/sbin/slapadd", "-f", file, "-l", ldif}, libraries);
    EXPECT_EQ(loaded.status, 0) << loaded.output;
    process_ = std::make_unique<Process>(
        std::vector<std::string>{PeersDirectory() + "/usr/sbin/slapd", "-f", file, "-h",
                                 "ldap://" + host(), "-d", "0"},
        libraries);
    EXPECT_TRUE(WaitUntil([this] { return SomebodyListens(port_); })) << process_->Output();
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> process_;
};

// The files of /fx, the directory, the certificates and the configuration; both programs.
class World {
 public:
  static World& Get() {
    static World world;
    return world;
  }

  // A text of a case as it is here, and what is printed as the case would say it.
  std::string Here(std::string text) const {
    return Replace(Replace(std::move(text), "/fx", fx()), "//LDAP/",
                   "//" + directory_.host() + "/");
  }
  std::string There(std::string text) const {
    return Replace(Replace(std::move(text), "//" + directory_.host() + "/", "//LDAP/"), fx(),
                   "/fx");
  }

  LineExpander Signet(const std::string& certificate, const std::vector<std::string>& settings) {
    std::vector<std::string> command = {SignetProgram(), "expand", "-C", settings_file()};
    for (const std::string& setting : settings) command.insert(command.end(), {"--set", setting});
    if (!certificate.empty() && certificate != "none") {
      command.insert(command.end(), {"--cert", files_ / (certificate + ".pem")});
    }
    return {command, {.environment = {"DEMO_A=val"}}};
  }
  LineExpander Exim() {
    std::vector<std::string> environment = exim_.environment();
    environment.push_back("DEMO_A=val");
    return {{exim_.path(), "-C", exim_.directory() / "exim.conf", "-be"}, {environment, "> "}};
  }

 private:
  World() {
    CopyFiles();
    MakeDatabases();
    const std::string data = "test/src/crypto/data/";
    WriteFile(files_ / "A.pem", ReadFile(data + "ann.pem"));
    WriteFile(files_ / "B.pem", ReadFile(data + "odd-names.pem"));
    WriteFile(files_ / "C.pem", CertificateC());
    WriteFile(files_ / "D.pem", CertificateD());
    const std::string settings = ReadFile(std::string(kDirectory) + "/settings.conf");
    WriteFile(settings_file(), settings);
    WriteFile(exim_.directory() / "exim.conf",
              "spool_directory = " + exim_.directory().path() +
                  "/spool\nlog_file_path = " + exim_.directory().path() + "/log-%s\n" + settings);
  }

  std::string fx() const { return files_ / "fx"; }
  std::string settings_file() const { return files_ / "settings.conf"; }

  void CopyFiles() {
    namespace fs = std::filesystem;
    fs::copy(std::string(kDirectory) + "/files", fx());
    fs::create_directories(fx() + "/dir/sub");
    WriteFile(fx() + "/dir/file", "");
    fs::create_symlink("nowhere", fx() + "/dir/link");
  }

  void MakeDatabases() {
    Tool({"cdb", "-c", fx() + "/x.cdb"}, "+2,3:k1->one\n+2,0:k2->\n+3,4:K k->v,\"w\n\n");
    Tool({"sqlite3", fx() + "/s.db"},
         "create table u(name,home,q,n);\n"
         "insert into u values('ann','/home/ann','a \"q\\ b',NULL),('bob','',' x',5);\n");
    const std::string head = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n";
    // k1 and k2 as octets, with and without a NUL behind them.
    Tool({"db5.3_load", fx() + "/x.dbm"},
         head + " 6b3100\n 6f6e65\n 6b3200\n 74776f20776f726473\nDATA=END\n");
    Tool({"db5.3_load", fx() + "/x.dbmnz"}, head + " 6b31\n 6f6e65\nDATA=END\n");
  }

  void Tool(std::vector<std::string> command, const std::string& input) {
    const std::string name = command.front();
    const Finished finished = Run(std::move(command), {.input = input});
    EXPECT_EQ(finished.status, 0) << name << ": " << finished.output;
  }

  TempDir files_;
  DemoDirectory directory_;
  EximProgram exim_;
};

// --- what is expected and what is said ------------------------------------------------------

std::string Said(const std::string& answer) {
  constexpr std::string_view kFailed = "Failed: ";
  const std::string text = Escaped(World::Get().There(answer));
  if (text.starts_with(kFailed)) return "fails " + text.substr(kFailed.size());
  return "result " + text;
}

std::string Expected(const GoldenCase& golden) {
  for (const auto& [key, value] : golden.lines)
    if (key == "result" || key == "fails") return key + " " + value;
  return "";
}

std::vector<std::string> SettingsOf(const GoldenCase& golden) {
  std::vector<std::string> settings;
  for (const auto& [key, value] : golden.lines)
    if (key == "set") settings.push_back(value);
  return settings;
}

std::string TextOf(const GoldenCase& golden) {
  return World::Get().Here(std::string(golden.Find("expand")));
}

// Runs cases in as few processes as possible; what each says, by its name.
template <typename Group, typename Expander>
std::map<std::string, std::string> SayAll(bool (*wanted)(const GoldenCase&), Group group,
                                          Expander expander) {
  std::map<decltype(group(Cases().front())), std::vector<const GoldenCase*>> groups;
  for (const GoldenCase& golden : Cases())
    if (wanted(golden)) groups[group(golden)].push_back(&golden);
  std::map<std::string, std::string> said;
  for (const auto& [key, members] : groups) {
    std::vector<std::string> texts;
    for (const GoldenCase* golden : members) texts.push_back(TextOf(*golden));
    const std::vector<std::string> answers = expander(*members.front()).Expand(texts);
    for (std::size_t i = 0; i < members.size(); ++i) said[members[i]->Name()] = Said(answers[i]);
  }
  return said;
}

const std::string& SignetSays(const GoldenCase& golden) {
  static std::map<std::string, std::string> said =
      SayAll([](const GoldenCase&) { return true; },
             [](const GoldenCase& one) {
               return std::make_pair(std::string(one.Find("cert")), SettingsOf(one));
             },
             [](const GoldenCase& one) {
               return World::Get().Signet(std::string(one.Find("cert")), SettingsOf(one));
             });
  return said[golden.Name()];
}

bool EximHasIt(const GoldenCase& golden) {
  return golden.Find("peer") != "no" && golden.Find("cert").empty();
}

const std::string& EximSays(const GoldenCase& golden) {
  static std::map<std::string, std::string> said = SayAll(
      &EximHasIt, [](const GoldenCase&) { return 0; },
      [](const GoldenCase&) { return World::Get().Exim(); });
  return said[golden.Name()];
}

// --- the tests ------------------------------------------------------------------------------

// Names of cases that are known not to pass, with the reason behind each.
std::set<std::string> Pending() {
  std::set<std::string> names;
  std::istringstream in(ReadFile(std::string(kDirectory) + "/pending"));
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#') names.insert(line.substr(0, line.find(' ')));
  return names;
}

std::string At(const GoldenCase& golden) {
  return golden.file + ":" + std::to_string(golden.line) + "\n  " +
         std::string(golden.Find("expand"));
}

std::string NameOfCase(const ::testing::TestParamInfo<GoldenCase>& info) {
  return info.param.Name();
}

class Reference : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Reference, SignetGivesWhatItSays) {
  const GoldenCase& golden = GetParam();
  static const std::set<std::string> pending = Pending();
  if (pending.contains(golden.Name())) {
    EXPECT_NE(SignetSays(golden), Expected(golden))
        << golden.Name() << " passes: take it out of " << kDirectory << "/pending\n"
        << At(golden);
    return;
  }
  EXPECT_EQ(SignetSays(golden), Expected(golden)) << At(golden);
}
INSTANTIATE_TEST_SUITE_P(Case, Reference, ::testing::ValuesIn(Cases()), NameOfCase);

std::vector<GoldenCase> CasesForExim() {
  std::vector<GoldenCase> cases;
  for (const GoldenCase& golden : Cases())
    if (EximHasIt(golden)) cases.push_back(golden);
  return cases;
}

class Peer : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(Peer, EximGivesWhatItSays) {
  const GoldenCase& golden = GetParam();
  const std::string_view other = golden.Find("peer");
  const std::string expected = other.empty() ? Expected(golden) : std::string(other);
  std::string said = EximSays(golden);
  if (said != expected) said = Said(World::Get().Exim().ExpandAlone(TextOf(golden)));
  EXPECT_EQ(said, expected) << At(golden);
}
INSTANTIATE_TEST_SUITE_P(Case, Peer, ::testing::ValuesIn(CasesForExim()), NameOfCase);

TEST(ReferenceCases, AreAllThere) {
  const std::size_t pending = Pending().size(), exim = CasesForExim().size();
  std::cout << Cases().size() << " cases, " << Cases().size() - pending << " pass; Exim ran "
            << exim << " of them\n";
  EXPECT_EQ(Cases().size(), 439u);
  std::set<std::string> names;
  for (const GoldenCase& golden : Cases()) names.insert(golden.Name());
  for (const std::string& name : Pending()) EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace signet::test
