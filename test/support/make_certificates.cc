// make_certificates DIR: writes the certificates of the demonstration and of the system
// tests into DIR, which is created. For each NAME below there is NAME.pem (certificate,
// then the intermediate) and NAME.key (mode 0600); client-ca.pem and ca.pem hold the
// root, crl.pem the intermediate's CRL, which lists "revoked", crl-stale.pem one that
// is out of date, and crl-alice.pem one that lists "alice".
//
// make_certificates --examples DIR: writes the certificates, without keys, that examples of
// the expansion language are about and that are not a peer's: test/src/crypto/data holds
// what it once wrote. Signatures and keys are others each time.
#include <sys/stat.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "test/support/certificates.h"

namespace signet::testing {
namespace {

using namespace std::string_literals;  // NOLINT: octets with NUL among them

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
  const Issued revoked_later = issue(alice);
  out->Pair("alice", revoked_later, chain);
  CrlSpec crl;
  crl.serials = {SerialOf(revoked_later.der)};
  out->File("crl-alice.pem", PemBlock("X509 CRL", MakeCrl(crl, intermediate)));
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

std::string Octets(std::string_view octets) { return Tlv(0x04, octets); }
std::string Access(std::string_view method, std::string_view uri) {
  return Sequence({Oid(method), UriName(uri)});
}
constexpr std::string_view kOidAccess = "1.3.6.1.5.5.7.1.1";
constexpr std::string_view kOcsp = "1.3.6.1.5.5.7.48.1", kIssuers = "1.3.6.1.5.5.7.48.2";

CertificateSpec ExampleSpec(std::string serial, std::string subject) {
  CertificateSpec spec;
  spec.serial = std::move(serial);
  spec.subject = std::move(subject);
  spec.not_before = 1709600523;  // 2024-03-05 01:02:03
  spec.not_after = 2036102399;   // 2034-07-09 23:59:59
  return spec;
}

// An RDN of two attributes; no name that Exim would show; no OCSP responder.
CertificateSpec MultiValued() {
  CertificateSpec spec =
      ExampleSpec("\x08", Name({{"2.5.4.10", Utf8("Org")},
                                {"2.5.4.3", Utf8("Bob")},
                                {"0.9.2342.19200300.100.1.1", Utf8("bob1"), true}}));
  spec.alternative_names = {IpName("\xc0\x00\x02\x09"s)};
  spec.extra = {
      {std::string(kOidAccess), false, Sequence({Access(kIssuers, "http://ca.one.test/")})}};
  return spec;
}

CertificateSpec OcspAndIssuers() {
  CertificateSpec spec = ExampleSpec("\x09", CommonName("dee"));
  spec.extra = {{std::string(kOidAccess), false,
                 Sequence({Access(kOcsp, "http://ocsp.one.test/"),
                           Access(kIssuers, "http://ca.one.test/")})}};
  return spec;
}

// Every kind of alternative name and every extension that a field reads.
CertificateSpec Kinds() {
  CertificateSpec spec = ExampleSpec("\x0a", CommonName("kinds"));
  spec.alternative_names = {
      MailName("eve@one.test"),
      DnsName("h.one.test"),
      UriName("urn:x:1"),
      IpName("\xc0\x00\x02\x01"s),
      IpName("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s),
      DirectoryName(Name({{"2.5.4.6", Tlv(0x13, "GB")},
                          {"2.5.4.10", Utf8("Acme, Inc.")},
                          {"2.5.4.3", Utf8("Eve")},
                          {"0.9.2342.19200300.100.1.1", Utf8("eve1"), true}})),
      RegisteredId("1.2.3.4.5"),
      OtherName("1.3.6.1.4.1.311.20.2.3", Utf8("eve@corp.test")),
      OtherName("1.3.6.1.5.5.7.8.9", Utf8("\xc3\xa9ve@xn--bcher-kva.test")),
      OtherName("1.3.6.1.5.5.7.8.9", Utf8("plain@one.test")),
      OtherName("1.3.6.1.5.5.7.8.7", Ia5("_smtp.one.test")),
      OtherName("1.3.6.1.5.5.7.8.5", Utf8("eve@jabber.test/home")),
      OtherName("1.2.3.4", Utf8("free text")),
      OtherName("1.2.3.5", Octets("no text"))};
  spec.ca = false;
  spec.key_usage = kDigitalSignature | kKeyEncipherment;
  spec.purposes = {std::string(kClientAuth), "1.3.6.1.5.5.7.3.4", "1.2.3.9"};
  const std::string sid =
      Sequence({Tlv(0xa0, Oid("1.3.6.1.4.1.311.25.2.1") +
                              Tlv(0xa0, Octets("S-1-5-21-1004336348-1177238915-682003330-512")))});
  spec.extra = {
      {"1.3.6.1.4.1.311.25.2", false, sid},
      {"2.5.29.32", false,
       Sequence({Sequence({Oid("2.5.29.32.0")}), Sequence({Oid("1.3.6.1.4.1.99999.1")})})},
      {"1.2.3.4.5", false, Utf8("hello")}};
  return spec;
}

int WriteExamples(const std::string& directory) {
  Writer out(directory);
  CertificateSpec root_spec = ExampleSpec("\x01", Name({{"2.5.4.6", Tlv(0x13, "GB")},
                                                        {"2.5.4.10", Utf8("Test Org")},
                                                        {"2.5.4.3", Utf8("Sig Root")}}));
  root_spec.ca = true;
  root_spec.path_length = 1;
  root_spec.key_usage = kKeyCertSign | kCrlSign;
  const Issued root = Issue(root_spec, NewKey(), nullptr);
  out.File("authority.pem", root.Pem());
  out.File("multi-valued.pem", Issue(MultiValued(), NewKey(), &root).Pem());
  out.File("access.pem", Issue(OcspAndIssuers(), NewKey(), &root).Pem());
  out.File("kinds.pem", Issue(Kinds(), NewKey(KeyType::kRsa2048), &root).Pem());
  return out.failed() ? 1 : 0;
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
  if (argc == 3 && std::string_view(argv[1]) == "--examples")
    return signet::testing::WriteExamples(argv[2]);
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_certificates [--examples] DIR\n");
    return 2;
  }
  return signet::testing::Run(argv[1]);
}
