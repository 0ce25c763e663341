#include "test/support/certificates.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <map>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/result.h"

namespace signet::testing {
namespace {

constexpr std::uint8_t kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04, kOidTag = 0x06;
constexpr std::uint8_t kSequenceTag = 0x30, kSetTag = 0x31;

std::string Boolean(bool value) { return Tlv(0x01, value ? "\xff" : std::string_view("\0", 1)); }
std::string Integer(unsigned value) {
  std::string content;
  do {
    content.insert(content.begin(), static_cast<char>(value & 0xff));
    value >>= 8;
  } while (value != 0);
  if (static_cast<unsigned char>(content[0]) >= 0x80) content.insert(content.begin(), '\0');
  return Tlv(kInteger, content);
}
std::string Bits(std::string_view octets) {
  return Tlv(kBitString, std::string(1, '\0').append(octets));
}

std::string NamedBits(std::uint32_t bits) {
  std::string content(1, '\0');
  int last = -1;
  for (int bit = 0; bit < 32; ++bit)
    if (bits & (1u << bit)) last = bit;
  if (last < 0) return Tlv(kBitString, content);
  content.append(static_cast<std::size_t>(last / 8 + 1), '\0');
  for (int bit = 0; bit <= last; ++bit)
    if (bits & (1u << bit))
      content[static_cast<std::size_t>(1 + bit / 8)] |= static_cast<char>(0x80 >> (bit % 8));
  content[0] = static_cast<char>(7 - last % 8);
  return Tlv(kBitString, content);
}

std::string Time(std::int64_t when) {
  const std::time_t seconds = when;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[32];
  const bool general = tm.tm_year + 1900 >= 2050 || tm.tm_year + 1900 < 1950;
  std::strftime(text, sizeof text, general ? "%Y%m%d%H%M%SZ" : "%y%m%d%H%M%SZ", &tm);
  return Tlv(general ? 0x18 : 0x17, text);
}

std::string Extension(std::string_view oid, bool critical, std::string_view value) {
  return Sequence({Oid(oid), critical ? Boolean(true) : std::string(), Tlv(kOctetString, value)});
}

std::string Join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}

std::string Sha1(std::string_view octets) {
  std::string out(20, '\0');
  SIGNET_CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA1, octets.data(), octets.size(), out.data()) == 0);
  return out;
}

std::string Subtrees(std::uint8_t tag, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string content;
  for (const std::string& name : names) content += Sequence({name});
  return Tlv(tag, content);
}

std::string BasicConstraints(const CertificateSpec& spec) {
  return Sequence(
      {spec.ca.value_or(false) ? Boolean(true) : std::string(),
       spec.path_length ? Integer(static_cast<unsigned>(*spec.path_length)) : std::string()});
}

std::string Extensions(const CertificateSpec& spec, const Key& key, const Issued* issuer) {
  std::string out;
  if (spec.ca) out += Extension("2.5.29.19", *spec.ca, BasicConstraints(spec));
  if (spec.key_usage) out += Extension("2.5.29.15", true, NamedBits(*spec.key_usage));
  if (!spec.purposes.empty()) {
    std::string oids;
    for (const std::string& purpose : spec.purposes) oids += Oid(purpose);
    out += Extension("2.5.29.37", false, Tlv(kSequenceTag, oids));
  }
  if (!spec.alternative_names.empty())
    out += Extension("2.5.29.17", spec.alternative_names_critical,
                     Tlv(kSequenceTag, Join(spec.alternative_names)));
  if (!spec.permitted.empty() || !spec.excluded.empty())
    out += Extension("2.5.29.30", true,
                     Sequence({Subtrees(0xa0, spec.permitted), Subtrees(0xa1, spec.excluded)}));
  if (spec.key_identifiers) {
    out += Extension("2.5.29.14", false, Tlv(kOctetString, Sha1(key.PublicDer())));
    const Key& signer = issuer != nullptr ? issuer->key : key;
    out += Extension("2.5.29.35", false, Sequence({Tlv(0x80, Sha1(signer.PublicDer()))}));
  }
  for (const RawExtension& extra : spec.extra)
    out += Extension(extra.oid, extra.critical, extra.value);
  return out;
}

std::string RandomSerial() {
  std::string serial(8, '\0');
  SIGNET_CHECK(gnutls_rnd(GNUTLS_RND_NONCE, serial.data(), serial.size()) == 0);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);
  return serial;
}

struct Algorithm {
  gnutls_sign_algorithm_t id;
  const char* oid;
  bool null_parameters;
};
Algorithm AlgorithmOf(KeyType type, Key::Hash hash) {
  switch (type) {
    case KeyType::kRsa2048:
    case KeyType::kRsa1024:
      if (hash == Key::Hash::kSha1) return {GNUTLS_SIGN_RSA_SHA1, "1.2.840.113549.1.1.5", true};
      if (hash == Key::Hash::kMd5) return {GNUTLS_SIGN_RSA_MD5, "1.2.840.113549.1.1.4", true};
      return {GNUTLS_SIGN_RSA_SHA256, "1.2.840.113549.1.1.11", true};
    case KeyType::kEd25519:
      return {GNUTLS_SIGN_EDDSA_ED25519, "1.3.101.112", false};
    case KeyType::kEcdsaP384:
      if (hash == Key::Hash::kBest) return {GNUTLS_SIGN_ECDSA_SHA384, "1.2.840.10045.4.3.3", false};
      break;
    default:
      break;
  }
  if (hash != Key::Hash::kBest) return {GNUTLS_SIGN_ECDSA_SHA1, "1.2.840.10045.4.1", false};
  return {GNUTLS_SIGN_ECDSA_SHA256, "1.2.840.10045.4.3.2", false};
}

}  // namespace

std::string Tlv(std::uint8_t tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  std::size_t length = content.size();
  if (length < 0x80) {
    out += static_cast<char>(length);
  } else {
    std::string octets;
    for (; length != 0; length >>= 8)
      octets.insert(octets.begin(), static_cast<char>(length & 0xff));
    out += static_cast<char>(0x80 | octets.size());
    out += octets;
  }
  return out.append(content);
}

std::string Sequence(std::initializer_list<std::string_view> parts) {
  std::string content;
  for (std::string_view part : parts) content += part;
  return Tlv(kSequenceTag, content);
}

std::string Oid(std::string_view dotted) {
  std::vector<std::uint64_t> arcs(1, 0);
  for (char c : dotted) {
    if (c == '.') {
      arcs.push_back(0);
    } else {
      arcs.back() = arcs.back() * 10 + static_cast<std::uint64_t>(c - '0');
    }
  }
  arcs[1] += arcs[0] * 40;
  std::string content;
  for (std::size_t i = 1; i < arcs.size(); ++i) {
    std::string octets(1, static_cast<char>(arcs[i] & 0x7f));
    for (std::uint64_t rest = arcs[i] >> 7; rest != 0; rest >>= 7)
      octets.insert(octets.begin(), static_cast<char>(0x80 | (rest & 0x7f)));
    content += octets;
  }
  return Tlv(kOidTag, content);
}

std::string Utf8(std::string_view text) { return Tlv(0x0c, text); }
std::string Ia5(std::string_view text) { return Tlv(0x16, text); }

std::string Name(const std::vector<Attribute>& attributes) {
  std::vector<std::string> rdns;
  for (const Attribute& attribute : attributes) {
    if (!attribute.same_rdn || rdns.empty()) rdns.emplace_back();
    rdns.back() += Sequence({Oid(attribute.oid), attribute.value});
  }
  std::string content;
  for (const std::string& rdn : rdns) content += Tlv(kSetTag, rdn);
  return Tlv(kSequenceTag, content);
}
std::string CommonName(std::string_view text) { return Name({{"2.5.4.3", Utf8(text)}}); }

std::string MailName(std::string_view octets) { return Tlv(0x81, octets); }
std::string DnsName(std::string_view octets) { return Tlv(0x82, octets); }
std::string UriName(std::string_view octets) { return Tlv(0x86, octets); }
std::string IpName(std::string_view octets) { return Tlv(0x87, octets); }
std::string DirectoryName(std::string_view name) { return Tlv(0xa4, name); }
std::string RegisteredId(std::string_view dotted) { return Tlv(0x88, Oid(dotted).substr(2)); }
std::string OtherName(std::string_view oid, std::string_view value) {
  return Tlv(0xa0, Oid(oid) + Tlv(0xa0, value));
}

struct Key::Rep {
  KeyType type;
  gnutls_x509_privkey_t x509 = nullptr;
  gnutls_privkey_t key = nullptr;
  gnutls_pubkey_t pub = nullptr;
  ~Rep() {
    gnutls_pubkey_deinit(pub);
    gnutls_privkey_deinit(key);
    gnutls_x509_privkey_deinit(x509);
  }
};

Key Key::Generate(KeyType type) {
  static constexpr struct {
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
  } kParameters[] = {
      {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)},
      {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
      {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP192R1)},
      {GNUTLS_PK_RSA, 2048},
      {GNUTLS_PK_RSA, 1024},
      {GNUTLS_PK_EDDSA_ED25519, 0},
  };
  Key out;
  out.rep_ = std::make_shared<Rep>();
  Rep& rep = *out.rep_;
  rep.type = type;
  const auto& parameters = kParameters[static_cast<std::size_t>(type)];
  SIGNET_CHECK(gnutls_x509_privkey_init(&rep.x509) >= 0);
  SIGNET_CHECK(gnutls_x509_privkey_generate(rep.x509, parameters.algorithm, parameters.bits, 0) >=
               0);
  SIGNET_CHECK(gnutls_privkey_init(&rep.key) >= 0);
  SIGNET_CHECK(gnutls_privkey_import_x509(rep.key, rep.x509, 0) >= 0);
  SIGNET_CHECK(gnutls_pubkey_init(&rep.pub) >= 0);
  SIGNET_CHECK(gnutls_pubkey_import_privkey(rep.pub, rep.key, 0, 0) >= 0);
  return out;
}

KeyType Key::type() const { return rep_->type; }

std::string Key::Pem() const {
  gnutls_datum_t out{};
  SIGNET_CHECK(gnutls_x509_privkey_export2_pkcs8(rep_->x509, GNUTLS_X509_FMT_PEM, nullptr,
                                                 GNUTLS_PKCS_PLAIN, &out) >= 0);
  std::string text(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

std::string Key::PublicDer() const {
  gnutls_datum_t out{};
  SIGNET_CHECK(gnutls_pubkey_export2(rep_->pub, GNUTLS_X509_FMT_DER, &out) >= 0);
  std::string der(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return der;
}

std::string Key::AlgorithmDer(Hash hash) const {
  const Algorithm algorithm = AlgorithmOf(rep_->type, hash);
  return Sequence({Oid(algorithm.oid), algorithm.null_parameters ? Tlv(0x05, "") : std::string()});
}

std::string Key::Sign(std::string_view octets, Hash hash) const {
  const gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
                             static_cast<unsigned>(octets.size())};
  gnutls_datum_t out{};
  SIGNET_CHECK(
      gnutls_privkey_sign_data2(rep_->key, AlgorithmOf(rep_->type, hash).id, 0, &in, &out) >= 0);
  std::string signature(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return signature;
}

const Key& SharedKey(KeyType type, int number) {
  static std::map<std::pair<KeyType, int>, Key> keys;
  auto it = keys.find({type, number});
  if (it == keys.end()) it = keys.emplace(std::pair(type, number), Key::Generate(type)).first;
  return it->second;
}

Issued Issue(const CertificateSpec& spec, const Key& key, const Issued* issuer) {
  const Key& signer = issuer != nullptr ? issuer->key : key;
  const std::string issuer_name =
      spec.issuer.value_or(issuer != nullptr ? issuer->subject : spec.subject);
  const std::string algorithm = signer.AlgorithmDer(spec.hash);
  const std::string extensions = Extensions(spec, key, issuer);
  const std::string tbs = Sequence(
      {spec.version == 1 ? std::string()
                         : Tlv(0xa0, Integer(static_cast<unsigned>(spec.version - 1))),
       Tlv(kInteger, spec.serial.empty() ? RandomSerial() : spec.serial), algorithm, issuer_name,
       Sequence({Time(spec.not_before), Time(spec.not_after)}), spec.subject, key.PublicDer(),
       spec.version < 3 || extensions.empty() ? std::string()
                                              : Tlv(0xa3, Tlv(kSequenceTag, extensions))});
  std::string signature = signer.Sign(tbs, spec.hash);
  if (spec.break_signature) signature.back() = static_cast<char>(signature.back() ^ 1);
  return {key, spec.subject, Sequence({tbs, algorithm, Bits(signature)})};
}

std::string Issued::Pem() const { return PemBlock("CERTIFICATE", der); }

Issued MakeRoot(std::string_view name, KeyType type, int key_number) {
  CertificateSpec spec;
  spec.subject = CommonName(name);
  spec.ca = true;
  spec.key_usage = kKeyCertSign | kCrlSign;
  return Issue(spec, SharedKey(type, key_number), nullptr);
}

Issued MakeIntermediate(const Issued& root, std::string_view name, KeyType type, int key_number) {
  CertificateSpec spec;
  spec.subject = CommonName(name);
  spec.ca = true;
  spec.path_length = 0;
  spec.key_usage = kKeyCertSign | kCrlSign;
  return Issue(spec, SharedKey(type, key_number), &root);
}

CertificateSpec ClientSpec(std::string_view mail) {
  CertificateSpec spec;
  spec.subject = CommonName("client");
  spec.ca = false;
  spec.key_usage = kDigitalSignature;
  spec.purposes = {std::string(kClientAuth)};
  if (!mail.empty()) spec.alternative_names = {MailName(mail)};
  return spec;
}

CertificateSpec ServerSpec() {
  CertificateSpec spec;
  spec.subject = CommonName("localhost");
  spec.ca = false;
  spec.key_usage = kDigitalSignature;
  spec.purposes = {std::string(kServerAuth)};
  spec.alternative_names = {DnsName("localhost"), IpName(std::string("\x7f\0\0\x01", 4)),
                            IpName(std::string(15, '\0') + '\x01')};
  return spec;
}

std::string MakeCrl(const CrlSpec& spec, const Issued& issuer) {
  std::string revoked;
  for (const std::string& serial : spec.serials)
    revoked += Sequence({Tlv(kInteger, serial), Time(spec.this_update)});
  if (!revoked.empty()) revoked = Tlv(kSequenceTag, revoked);
  std::string extensions =
      Extension("2.5.29.35", false, Sequence({Tlv(0x80, Sha1(issuer.key.PublicDer()))})) +
      Extension("2.5.29.20", false, Integer(1));
  for (const RawExtension& extra : spec.extra)
    extensions += Extension(extra.oid, extra.critical, extra.value);
  const std::string algorithm = issuer.key.AlgorithmDer(Key::Hash::kBest);
  const std::string tbs = Sequence({Integer(1), algorithm, issuer.subject, Time(spec.this_update),
                                    spec.next_update ? Time(*spec.next_update) : std::string(),
                                    revoked, Tlv(0xa0, Tlv(kSequenceTag, extensions))});
  std::string signature = issuer.key.Sign(tbs, Key::Hash::kBest);
  if (spec.break_signature) signature.back() = static_cast<char>(signature.back() ^ 1);
  return Sequence({tbs, algorithm, Bits(signature)});
}

std::string PemBlock(std::string_view label, std::string_view der) {
  const gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(der.data())),
                             static_cast<unsigned>(der.size())};
  gnutls_datum_t out{};
  SIGNET_CHECK(gnutls_pem_base64_encode2(std::string(label).c_str(), &in, &out) >= 0);
  std::string text(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

std::string SerialOf(std::string_view certificate_der) {
  gnutls_x509_crt_t certificate = nullptr;
  const gnutls_datum_t in = {
      reinterpret_cast<unsigned char*>(const_cast<char*>(certificate_der.data())),
      static_cast<unsigned>(certificate_der.size())};
  std::array<char, 64> serial{};
  std::size_t size = serial.size();
  SIGNET_CHECK(gnutls_x509_crt_init(&certificate) >= 0);
  SIGNET_CHECK(gnutls_x509_crt_import(certificate, &in, GNUTLS_X509_FMT_DER) >= 0);
  SIGNET_CHECK(gnutls_x509_crt_get_serial(certificate, serial.data(), &size) >= 0);
  gnutls_x509_crt_deinit(certificate);
  return std::string(serial.data(), size);
}

bool WriteFile(const std::string& path, std::string_view octets) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool good = fchmod(fd, 0600) == 0;
  while (good && !octets.empty()) {
    const ssize_t written = write(fd, octets.data(), octets.size());
    good = written > 0;
    if (good) octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return close(fd) == 0 && good;
}

}  // namespace signet::testing
