#include "src/crypto/crl.h"

#include <algorithm>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/codec.h"
#include "src/crypto/der.h"
#include "src/crypto/digest.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidSubjectKeyId = "2.5.29.14";
constexpr std::string_view kOidAuthorityKeyId = "2.5.29.35";
constexpr std::string_view kOidKeyUsage = "2.5.29.15";
constexpr std::uint32_t kUsageCrlSign = 1u << 6;
constexpr std::string_view kBegin = "-----BEGIN X509 CRL-----";
constexpr std::string_view kEnd = "-----END X509 CRL-----";

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

// Serial numbers without leading zeros, so that sloppy encodings are equal.
std::string_view Normal(std::string_view serial) {
  while (serial.size() > 1 && serial[0] == '\0') serial.remove_prefix(1);
  return serial;
}

// keyIdentifier of an AuthorityKeyIdentifier; "" where there is none.
std::string_view KeyIdOf(std::string_view value) {
  const auto sequence = der::Only(value, der::kSequence);
  if (!sequence) return "";
  der::Reader reader(sequence->content);
  const auto id = reader.Optional(der::Context(0));
  return id ? id->content : std::string_view();
}

std::string_view SubjectKeyIdOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidSubjectKeyId);
  const auto id = value ? der::Only(*value, der::kOctetString) : std::nullopt;
  return id ? id->content : std::string_view();
}

bool MaySignLists(const Certificate& issuer) {
  const auto value = issuer.ExtensionView(kOidKeyUsage);
  if (!value) return true;
  const auto bits = der::Only(*value, der::kBitString);
  const auto usage = bits ? der::NamedBits(bits->content) : std::nullopt;
  return usage && (*usage & kUsageCrlSign);
}

bool IsStrong(gnutls_sign_algorithm_t algorithm) {
  switch (gnutls_sign_get_hash_algorithm(algorithm)) {
    case GNUTLS_DIG_MD5:
    case GNUTLS_DIG_MD2:
    case GNUTLS_DIG_SHA1:
      return false;
    default:
      return true;
  }
}

bool SignatureIsGood(std::string_view public_key, const std::string& algorithm_oid,
                     std::string_view signed_part, std::string_view signature) {
  const gnutls_sign_algorithm_t algorithm = gnutls_oid_to_sign(algorithm_oid.c_str());
  if (algorithm == GNUTLS_SIGN_UNKNOWN || !IsStrong(algorithm)) return false;
  gnutls_pubkey_t key = nullptr;
  if (gnutls_pubkey_init(&key) < 0) return false;
  const gnutls_datum_t key_der = Datum(public_key), data = Datum(signed_part);
  const gnutls_datum_t sig = Datum(signature);
  const bool good = gnutls_pubkey_import(key, &key_der, GNUTLS_X509_FMT_DER) >= 0 &&
                    gnutls_pubkey_verify_data2(key, algorithm, 0, &data, &sig) >= 0;
  gnutls_pubkey_deinit(key);
  return good;
}

}  // namespace

struct CrlIndex::List {
  std::string der;
  std::string_view issuer, signed_part, signature, authority_key_id;
  std::string algorithm_oid;
  std::int64_t this_update = 0, next_update = 0;
  bool understood = true;
  std::vector<std::string_view> serials;  // sorted

  // Which public keys (SHA-256) it was found signed, or not signed, by.
  std::mutex mutex;
  std::vector<std::pair<std::string, bool>> tried;

  bool Parse();
  bool ParseTbs(std::string_view content);
  bool ParseEntries(std::string_view content);
  bool ParseExtensions(std::string_view content);
  bool SignedBy(const Certificate& issuer_certificate);
};

CrlIndex::CrlIndex() = default;
CrlIndex::~CrlIndex() = default;
std::size_t CrlIndex::lists() const { return lists_.size(); }

bool CrlIndex::List::Parse() {
  const auto list = der::Only(der, der::kSequence);
  if (!list) return false;
  der::Reader reader(list->content);
  const auto tbs = reader.Expect(der::kSequence);
  const auto algorithm = reader.Expect(der::kSequence);
  const auto bits = reader.Expect(der::kBitString);
  if (!tbs || !algorithm || !bits || !reader.done()) return false;
  if (bits->content.empty() || bits->content[0] != '\0') return false;
  der::Reader parts(algorithm->content);
  const auto oid = parts.Expect(der::kOid);
  const auto text = oid ? der::OidText(oid->content) : std::nullopt;
  if (!text) return false;
  algorithm_oid = *text;
  signed_part = tbs->whole;
  signature = bits->content.substr(1);
  return ParseTbs(tbs->content);
}

bool CrlIndex::List::ParseTbs(std::string_view content) {
  der::Reader reader(content);
  reader.Optional(der::kInteger);
  const auto algorithm = reader.Expect(der::kSequence);
  const auto name = reader.Expect(der::kSequence);
  const auto made = reader.Next();
  if (!algorithm || !name || !made) return false;
  const auto this_time = der::Time(*made);
  if (!this_time) return false;
  issuer = name->whole;
  this_update = *this_time;
  auto next = reader.Optional(der::kUtcTime);
  if (!next) next = reader.Optional(der::kGeneralizedTime);
  // RFC 5280 wants nextUpdate. Without one nobody could say when the list is stale.
  const auto next_time = next ? der::Time(*next) : std::nullopt;
  if (next && !next_time) return false;
  next_update = next_time.value_or(0);
  if (const auto entries = reader.Optional(der::kSequence))
    if (!ParseEntries(entries->content)) return false;
  if (const auto extensions = reader.Optional(der::ContextConstructed(0)))
    if (!ParseExtensions(extensions->content)) return false;
  return reader.done();
}

bool CrlIndex::List::ParseEntries(std::string_view content) {
  der::Reader reader(content);
  while (const auto entry = reader.Next()) {
    if (entry->tag != der::kSequence) return false;
    der::Reader parts(entry->content);
    const auto serial = parts.Expect(der::kInteger);
    if (!serial || serial->content.empty()) return false;
    serials.push_back(Normal(serial->content));
  }
  std::sort(serials.begin(), serials.end());
  return reader.done();
}

bool CrlIndex::List::ParseExtensions(std::string_view content) {
  const auto sequence = der::Only(content, der::kSequence);
  if (!sequence) return false;
  der::Reader reader(sequence->content);
  while (const auto extension = reader.Next()) {
    if (extension->tag != der::kSequence) return false;
    der::Reader parts(extension->content);
    const auto type = parts.Expect(der::kOid);
    const auto critical = parts.Optional(der::kBoolean);
    const auto value = parts.Expect(der::kOctetString);
    if (!type || !value) return false;
    const auto oid = der::OidText(type->content);
    if (oid == kOidAuthorityKeyId) {
      authority_key_id = KeyIdOf(value->content);
    } else if (critical) {
      understood = false;  // delta, indirect or partial: says less than it seems to say
    }
  }
  return reader.done();
}

bool CrlIndex::List::SignedBy(const Certificate& issuer_certificate) {
  const std::string key = Sha256(issuer_certificate.public_key_der());
  {
    std::lock_guard lock(mutex);
    for (const auto& [tried_key, good] : tried)
      if (tried_key == key) return good;
  }
  const bool good =
      SignatureIsGood(issuer_certificate.public_key_der(), algorithm_oid, signed_part, signature);
  constexpr std::size_t kRemembered = 16;  // keys that one name has had (rule R7)
  std::lock_guard lock(mutex);
  if (tried.size() < kRemembered) tried.emplace_back(key, good);
  return good;
}

Result<std::unique_ptr<CrlIndex>, std::string> CrlIndex::FromPem(std::string_view pem) {
  std::unique_ptr<CrlIndex> index(new CrlIndex());
  for (;;) {
    const std::size_t begin = pem.find(kBegin);
    if (begin == pem.npos) break;
    const std::size_t end = pem.find(kEnd, begin);
    if (end == pem.npos) return Err{std::string("PEM revocation list without its END line")};
    const gnutls_datum_t in = Datum(pem.substr(begin, end + kEnd.size() - begin));
    gnutls_datum_t out = {nullptr, 0};
    const int rc = gnutls_pem_base64_decode2("X509 CRL", &in, &out);
    if (rc < 0) return Err{std::string("PEM revocation list: ") + gnutls_strerror(rc)};
    auto list = std::make_unique<List>();
    list->der.assign(reinterpret_cast<char*>(out.data), out.size);
    gnutls_free(out.data);
    if (!list->Parse()) return Err{std::string("malformed revocation list")};
    index->lists_.push_back(std::move(list));
    pem.remove_prefix(end + kEnd.size());
  }
  return index;
}

Revocation CrlIndex::Check(const Certificate& certificate, const Certificate& issuer,
                           std::int64_t now, std::int64_t* fresh_until) const {
  const auto serial =
      DecodeHex(certificate.serial_hex().size() % 2 == 0 ? certificate.serial_hex()
                                                         : "0" + certificate.serial_hex());
  Revocation answer = Revocation::kNoList;
  for (const auto& list : lists_) {
    if (list->issuer != certificate.issuer_der()) continue;
    // A namesake of the issuer, with another key, has lists of its own.
    const std::string_view id = SubjectKeyIdOf(issuer);
    if (!list->authority_key_id.empty() && !id.empty() && list->authority_key_id != id) continue;
    if (!list->understood || !MaySignLists(issuer) || !list->SignedBy(issuer)) {
      if (answer == Revocation::kNoList) answer = Revocation::kNoUsableList;
      continue;
    }
    // What was revoked stays so, however old the list is.
    if (!serial || std::binary_search(list->serials.begin(), list->serials.end(), Normal(*serial)))
      return Revocation::kRevoked;
    const bool current = list->this_update <= now && now <= list->next_update;
    if (current) *fresh_until = std::min(*fresh_until, list->next_update);
    if (answer != Revocation::kGood) answer = current ? Revocation::kGood : Revocation::kStaleList;
  }
  return answer;
}

}  // namespace signet::crypto
