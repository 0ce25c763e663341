#include "test/support/language_world.h"

#include <filesystem>
#include <stdexcept>

#include "test/support/certificates.h"

namespace signet::test {
namespace {

constexpr char kDirectory[] = "test/expand/reference";

namespace make = signet::testing;

std::string Access(const char* method, const char* uri) {
  return make::Sequence({make::Oid(method), make::UriName(uri)});
}
constexpr char kAuthorityInfoAccess[] = "1.3.6.1.5.5.7.1.1";
constexpr char kOcsp[] = "1.3.6.1.5.5.7.48.1";
constexpr char kCaIssuers[] = "1.3.6.1.5.5.7.48.2";

// They need not verify, only be there: any key will do.
std::string SelfSigned(const make::CertificateSpec& spec) {
  return make::Issue(spec, make::SharedKey(make::KeyType::kEcdsaP256), nullptr).Pem();
}

// One name with two attributes, only an address among the alternative names, no OCSP.
std::string CertificateC() {
  make::CertificateSpec spec;
  spec.serial = "\x08";
  spec.subject = make::Name({{"2.5.4.10", make::Utf8("Org")},
                             {"2.5.4.3", make::Utf8("Bob")},
                             {"0.9.2342.19200300.100.1.1", make::Utf8("bob1"), true}});
  spec.alternative_names = {make::IpName(std::string("\xc0\x00\x02\x09", 4))};
  spec.extra = {
      {kAuthorityInfoAccess, false, make::Sequence({Access(kCaIssuers, "http://ca.one.test/")})}};
  return SelfSigned(spec);
}

std::string CertificateD() {
  make::CertificateSpec spec;
  spec.subject = make::CommonName("dee");
  spec.extra = {{kAuthorityInfoAccess, false,
                 make::Sequence({Access(kOcsp, "http://ocsp.one.test/"),
                                 Access(kCaIssuers, "http://ca.one.test/")})}};
  return SelfSigned(spec);
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

void Tool(std::vector<std::string> command, const std::string& input) {
  const std::string name = command.front();
  const Finished finished = Run(std::move(command), {.input = input});
  if (finished.status != 0) throw std::runtime_error(name + ": " + finished.output);
}

}  // namespace

DemoDirectory::DemoDirectory() : port_(FreePort()) {
  std::filesystem::create_directory(directory_ / "db");
  const std::string file = directory_ / "slapd.conf";
  WriteFile(file, Replace(Replace(kSlapdSettings, "@PEERS@", PeersDirectory()), "@DIRECTORY@",
                          directory_.path()));
  const Process::Options libraries = {.environment = PeerEnvironment()};
  const std::string ldif = std::string(kDirectory) + "/directory.ldif";
  const Finished loaded =
      Run({PeersDirectory() + "/usr/sbin/slapadd", "-f", file, "-l", ldif}, libraries);
  if (loaded.status != 0) throw std::runtime_error("slapadd: " + loaded.output);
  process_ =
      std::make_unique<Process>(std::vector<std::string>{PeersDirectory() + "/usr/sbin/slapd", "-f",
                                                         file, "-h", "ldap://" + host(), "-d", "0"},
                                libraries);
  if (!WaitUntil([this] { return SomebodyListens(port_) || !process_->running(); }) ||
      !process_->running()) {
    throw std::runtime_error("slapd did not start: " + process_->Output());
  }
}

LanguageWorld& LanguageWorld::Get() {
  static LanguageWorld world;
  return world;
}

LanguageWorld::LanguageWorld() {
  CopyFiles();
  MakeDatabases();
  const std::string data = "test/src/crypto/data/";
  WriteFile(fx() + "/A.pem", ReadFile(data + "ann.pem"));
  WriteFile(fx() + "/B.pem", ReadFile(data + "odd-names.pem"));
  WriteFile(fx() + "/C.pem", CertificateC());
  WriteFile(fx() + "/D.pem", CertificateD());
  const std::string settings = ReadFile(std::string(kDirectory) + "/settings.conf");
  WriteFile(settings_file(), settings);
  const std::string own = exim_.directory().path();
  WriteFile(own + "/exim.conf",
            "spool_directory = " + own + "/spool\nlog_file_path = " + own + "/log-%s\n" + settings);
}

std::string LanguageWorld::Here(std::string text) const {
  return Replace(Replace(std::move(text), "/fx", fx()), "//LDAP/", "//" + directory_.host() + "/");
}

std::string LanguageWorld::There(std::string text) const {
  return Replace(Replace(std::move(text), "//" + directory_.host() + "/", "//LDAP/"), fx(), "/fx");
}

LineExpander LanguageWorld::Signet(const std::string& certificate,
                                   const std::vector<std::string>& settings) const {
  std::vector<std::string> command = {SignetProgram(), "expand", "-C", settings_file()};
  for (const std::string& setting : settings)
    command.insert(command.end(), {"--set", Here(setting)});
  if (!certificate.empty() && certificate != "none") {
    command.insert(command.end(), {"--cert", fx() + "/" + certificate + ".pem"});
  }
  return {command, {.environment = {"DEMO_A=val"}}};
}

LineExpander LanguageWorld::Exim() const {
  std::vector<std::string> environment = exim_.environment();
  environment.push_back("DEMO_A=val");
  return {{exim_.path(), "-C", exim_.directory() / "exim.conf", "-be"}, {environment, "> "}};
}

void LanguageWorld::CopyFiles() {
  namespace fs = std::filesystem;
  fs::copy(std::string(kDirectory) + "/files", fx());
  fs::create_directories(fx() + "/dir/sub");
  WriteFile(fx() + "/dir/file", "");
  fs::create_symlink("nowhere", fx() + "/dir/link");
}

void LanguageWorld::MakeDatabases() {
  Tool({"cdb", "-c", fx() + "/x.cdb"}, "+2,3:k1->one\n+2,0:k2->\n+3,4:K k->v,\"w\n\n");
  Tool({"sqlite3", fx() + "/s.db"},
       "create table u(name,home,q,n);\n"
       "insert into u values('ann','/home/ann','a \"q\\ b',NULL),('bob','',' x',5);\n");
  // k1 and k2 as octets, with and without a NUL behind them.
  const std::string head = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n";
  Tool({"db5.3_load", fx() + "/x.dbm"},
       head + " 6b3100\n 6f6e65\n 6b3200\n 74776f20776f726473\nDATA=END\n");
  Tool({"db5.3_load", fx() + "/x.dbmnz"}, head + " 6b31\n 6f6e65\nDATA=END\n");
}

}  // namespace signet::test
