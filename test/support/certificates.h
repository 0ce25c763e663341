#ifndef SIGNET_TEST_SUPPORT_CERTIFICATES_H_
#define SIGNET_TEST_SUPPORT_CERTIFICATES_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Certificates and CRLs for tests, good ones and ones with exactly the flaw that a test
// is about. The structure is written octet by octet here, so that anything can be put
// into it; keys and signatures are GnuTLS'. Dates are far away from today.
namespace signet::testing {

// --- DER, written ---------------------------------------------------------------------
std::string Tlv(std::uint8_t tag, std::string_view content);
std::string Sequence(std::initializer_list<std::string_view> parts);
std::string Oid(std::string_view dotted);
std::string Utf8(std::string_view text);
std::string Ia5(std::string_view text);

// Distinguished names. `value` is a whole element, e.g. Utf8("Ann").
struct Attribute {
  std::string oid;
  std::string value;
  bool same_rdn = false;  // joins the RDN before it
};
std::string Name(const std::vector<Attribute>& attributes);
std::string CommonName(std::string_view text);  // CN=text

// GeneralNames, with any octets.
std::string MailName(std::string_view octets);
std::string DnsName(std::string_view octets);
std::string UriName(std::string_view octets);
std::string IpName(std::string_view octets);
std::string DirectoryName(std::string_view name);
std::string RegisteredId(std::string_view dotted);
std::string OtherName(std::string_view oid, std::string_view value);

// --- keys -----------------------------------------------------------------------------
enum class KeyType : std::uint8_t {
  kEcdsaP256,
  kEcdsaP384,
  kEcdsaP192,
  kRsa2048,
  kRsa1024,
  kEd25519
};
class Key {
 public:
  static Key Generate(KeyType type);
  KeyType type() const;
  std::string Pem() const;        // PKCS #8
  std::string PublicDer() const;  // SubjectPublicKeyInfo
  enum class Hash : std::uint8_t { kBest, kSha1, kMd5 };
  std::string AlgorithmDer(Hash hash) const;  // AlgorithmIdentifier of a signature
  std::string Sign(std::string_view octets, Hash hash) const;

 private:
  struct Rep;
  std::shared_ptr<Rep> rep_;
};
// One key of each type per process: making RSA keys is slow.
const Key& SharedKey(KeyType type, int number = 0);

// --- certificates ---------------------------------------------------------------------
inline constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";
inline constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";

enum KeyUsage : std::uint32_t {
  kDigitalSignature = 1u << 0,
  kKeyEncipherment = 1u << 2,
  kKeyCertSign = 1u << 5,
  kCrlSign = 1u << 6,
};

struct RawExtension {
  std::string oid;
  bool critical = false;
  std::string value;  // DER
};

inline constexpr std::int64_t kYear2020 = 1577836800;
inline constexpr std::int64_t kYear2120 = 4733510400;

struct CertificateSpec {
  int version = 3;
  std::string serial;  // content octets; "" = random
  std::string subject = CommonName("someone");
  std::optional<std::string> issuer;  // default: the issuer's subject
  std::int64_t not_before = kYear2020;
  std::int64_t not_after = kYear2120;
  std::vector<std::string> alternative_names;
  bool alternative_names_critical = false;
  std::optional<bool> ca;  // basic constraints
  std::optional<int> path_length;
  std::optional<std::uint32_t> key_usage;
  std::vector<std::string> purposes;             // extended key usage
  std::vector<std::string> permitted, excluded;  // name constraints
  std::vector<RawExtension> extra;
  bool key_identifiers = true;
  Key::Hash hash = Key::Hash::kBest;
  bool break_signature = false;
};

struct Issued {
  Key key;
  std::string subject;  // DER
  std::string der;
  std::string Pem() const;
};

// `issuer` nullptr: self-signed.
Issued Issue(const CertificateSpec& spec, const Key& key, const Issued* issuer);
// Certificate authorities as they should be.
Issued MakeRoot(std::string_view name = "Test Root", KeyType type = KeyType::kEcdsaP384,
                int key_number = 100);
Issued MakeIntermediate(const Issued& root, std::string_view name = "Test Intermediate",
                        KeyType type = KeyType::kEcdsaP256, int key_number = 101);
// A client certificate as it should be; a test changes the one thing it is about.
CertificateSpec ClientSpec(std::string_view mail = "alice@example.org");
CertificateSpec ServerSpec();  // localhost, 127.0.0.1, ::1

struct CrlSpec {
  std::int64_t this_update = kYear2020;
  std::optional<std::int64_t> next_update = kYear2120;
  std::vector<std::string> serials;  // content octets
  std::vector<RawExtension> extra;
  bool break_signature = false;
};
std::string MakeCrl(const CrlSpec& spec, const Issued& issuer);  // DER

std::string PemBlock(std::string_view label, std::string_view der);
std::string SerialOf(std::string_view certificate_der);  // content octets

// Writes a file with mode 0600. False, with errno set, where that fails.
bool WriteFile(const std::string& path, std::string_view octets);

}  // namespace signet::testing
#endif
