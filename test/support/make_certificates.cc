// make_certificates DIR: writes the certificates of the demonstration and of the system
// tests into DIR, which is created. For each NAME below there is NAME.pem (certificate,
// then the intermediate) and NAME.key (mode 0600); client-ca.pem and ca.pem hold the
// root, crl.pem the intermediate's CRL, which lists "revoked", and crl-stale.pem one
// that is out of date.
#include <sys/stat.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "test/support/certificates.h"

namespace signet::testing {
namespace {

class Writer {
 public:
  explicit Writer(std::string directory) : directory_(std::move(directory)) {}
  void File(const std::string& name, std::string_view octets) {
    if (WriteFile(directory_ + "/" + name, octets)) return;
    std::fprintf(stderr, "make_certificates: %s/%s: %s\n", directory_.c_str(), name.c_str(),
                 std::strerror(errno));
    failed_ = true;
  }
  // A certificate with its key; `chain` is appended to the certificate.
  void Pair(const std::string& name, const Issued& issued, const std::string& chain) {
    File(name + ".pem", issued.Pem() + chain);
    File(name + ".key", issued.key.Pem());
  }
  bool failed() const { return failed_; }

 private:
  std::string directory_;
  bool failed_ = false;
};

CertificateSpec Named(std::string_view common_name, std::string_view mail) {
  CertificateSpec spec = ClientSpec(mail);
  spec.subject = Name({{"2.5.4.10", Utf8("Example Org")}, {"2.5.4.3", Utf8(common_name)}});
  return spec;
}

Key NewKey(KeyType type = KeyType::kEcdsaP256) { return Key::Generate(type); }

void WriteServers(const Issued& intermediate, Writer* out) {
  const std::string chain = intermediate.Pem();
  out->Pair("server", Issue(ServerSpec(), NewKey(), &intermediate), chain);
  CertificateSpec rsa = ServerSpec();
  rsa.key_usage = kDigitalSignature | kKeyEncipherment;
  out->Pair("server-rsa", Issue(rsa, NewKey(KeyType::kRsa2048), &intermediate), chain);
}

void WriteGoodClients(const Issued& intermediate, Writer* out) {
  const std::string chain = intermediate.Pem();
  const auto issue = [&](const CertificateSpec& spec, KeyType type = KeyType::kEcdsaP256) {
    return Issue(spec, NewKey(type), &intermediate);
  };
  const CertificateSpec alice = Named("Alice", "alice@example.org");
  out->Pair("alice", issue(alice), chain);
  out->Pair("alice-rsa", issue(alice, KeyType::kRsa2048), chain);
  out->Pair("alice-ed25519", issue(alice, KeyType::kEd25519), chain);
  out->Pair("bob", issue(Named("Bob", "bob@example.org")), chain);
  out->Pair("mallory", issue(Named("Mallory", "mallory@example.org")), chain);
  out->Pair("none", issue(Named("Nobody", "")), chain);
  out->Pair("zero", issue(Named("Zero", "zero@example.org")), chain);
  out->Pair("word", issue(Named("Word", "word@example.org")), chain);
  CertificateSpec two = alice;
  two.alternative_names = {MailName("alice@example.org"), MailName("bob@example.org")};
  out->Pair("two", issue(two), chain);
  CertificateSpec nul = alice;  // one name that is cut by careless readers, one that is good
  nul.alternative_names = {MailName(std::string("alice@example.org\0.evil.example", 31)),
                           MailName("bob@example.org")};
  out->Pair("nul", issue(nul), chain);
}

void WriteBadClients(const Issued& intermediate, Writer* out) {
  const std::string chain = intermediate.Pem();
  const CertificateSpec alice = Named("Alice", "alice@example.org");
  CertificateSpec expired = alice;
  expired.not_after = kYear2020 + 86400;
  out->Pair("expired", Issue(expired, NewKey(), &intermediate), chain);
  out->Pair("selfsigned", Issue(alice, NewKey(), nullptr), "");
  CertificateSpec server_only = alice;
  server_only.purposes = {std::string(kServerAuth)};
  out->Pair("serverauth", Issue(server_only, NewKey(), &intermediate), chain);

  const Issued other_root = MakeRoot("Other Root", KeyType::kEcdsaP384, 200);
  const Issued other = MakeIntermediate(other_root, "Other Intermediate", KeyType::kEcdsaP256, 201);
  out->Pair("otherca", Issue(alice, NewKey(), &other), other.Pem());

  const Issued revoked = Issue(alice, NewKey(), &intermediate);
  out->Pair("revoked", revoked, chain);
  CrlSpec crl;
  crl.serials = {SerialOf(revoked.der)};
  out->File("crl.pem", PemBlock("X509 CRL", MakeCrl(crl, intermediate)));
  crl.next_update = kYear2020 + 86400;
  out->File("crl-stale.pem", PemBlock("X509 CRL", MakeCrl(crl, intermediate)));
}

int Run(const std::string& directory) {
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    std::fprintf(stderr, "make_certificates: %s: %s\n", directory.c_str(), std::strerror(errno));
    return 1;
  }
  Writer out(directory);
  const Issued root = MakeRoot("Demonstration Root");
  const Issued intermediate = MakeIntermediate(root, "Demonstration Intermediate");
  out.File("client-ca.pem", root.Pem());
  out.File("ca.pem", root.Pem());
  out.File("intermediate.pem", intermediate.Pem());
  out.File("chain.pem", intermediate.Pem() + root.Pem());
  WriteServers(intermediate, &out);
  WriteGoodClients(intermediate, &out);
  WriteBadClients(intermediate, &out);
  return out.failed() ? 1 : 0;
}

}  // namespace
}  // namespace signet::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_certificates DIR\n");
    return 2;
  }
  return signet::testing::Run(argv[1]);
}
