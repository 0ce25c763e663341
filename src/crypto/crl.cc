#include "src/crypto/crl.h"

#include <algorithm>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/codec.h"
#include "src/crypto/der.h"
#include "src/crypto/digest.h"
#include "src/crypto/name.h"
#include "src/crypto/show_time.h"

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

  // Whether it speaks for an issuer of that name: a namesake, with another key, has lists of
  // its own.
  bool IsOf(const Certificate& certificate, const Certificate& issuer_certificate) const;
  bool IsUsableFor(const Certificate& issuer_certificate) {
    return understood && MaySignLists(issuer_certificate) && SignedBy(issuer_certificate);
  }
  bool Has(std::string_view serial) const {
    return std::binary_search(serials.begin(), serials.end(), Normal(serial));
  }
  bool IsCurrent(std::int64_t now) const { return this_update <= now && now <= next_update; }
  std::string WhenAndWhy(std::string_view serial) const;
};

CrlIndex::CrlIndex() = default;
CrlIndex::~CrlIndex() = default;
std::size_t CrlIndex::lists() const { return lists_.size(); }

std::vector<CrlIndex::Dates> CrlIndex::dates() const {
  std::vector<Dates> all;
  for (const auto& list : lists_)
    all.push_back({PrintName(list->issuer), list->this_update, list->next_update});
  return all;
}

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

namespace {

std::optional<std::string> SerialOf(const Certificate& certificate) {
  const std::string& hex = certificate.serial_hex();
  return DecodeHex(hex.size() % 2 == 0 ? hex : "0" + hex);
}

}  // namespace

bool CrlIndex::List::IsOf(const Certificate& certificate,
                          const Certificate& issuer_certificate) const {
  if (issuer != certificate.issuer_der()) return false;
  const std::string_view id = SubjectKeyIdOf(issuer_certificate);
  return authority_key_id.empty() || id.empty() || authority_key_id == id;
}

Revocation CrlIndex::Check(const Certificate& certificate, const Certificate& issuer,
                           std::int64_t now, std::int64_t* fresh_until) const {
  const auto serial = SerialOf(certificate);
  Revocation answer = Revocation::kNoList;
  for (const auto& list : lists_) {
    if (!list->IsOf(certificate, issuer)) continue;
    if (!list->IsUsableFor(issuer)) {
      if (answer == Revocation::kNoList) answer = Revocation::kNoUsableList;
      continue;
    }
    // What was revoked stays so, however old the list is.
    if (!serial || list->Has(*serial)) return Revocation::kRevoked;
    const bool current = list->IsCurrent(now);
    if (current) *fresh_until = std::min(*fresh_until, list->next_update);
    if (answer != Revocation::kGood) answer = current ? Revocation::kGood : Revocation::kStaleList;
  }
  return answer;
}

// --- in words ----------------------------------------------------------------------------------

namespace {

// RFC 5280 5.3.1; 7 is not used.
constexpr std::string_view kReasons[] = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", "",
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
constexpr std::string_view kOidReason = "2.5.29.21";

std::string_view ReasonIn(std::string_view extensions) {
  der::Reader reader(extensions);
  while (const auto extension = reader.Next()) {
    der::Reader parts(extension->content);
    const auto oid = parts.Expect(der::kOid);
    parts.Optional(der::kBoolean);
    const auto value = parts.Expect(der::kOctetString);
    if (!oid || !value || der::OidText(oid->content) != kOidReason) continue;
    const auto code = der::Only(value->content, der::kEnumerated);
    const auto number = code ? der::SmallInteger(code->content) : std::nullopt;
    return number && *number < std::size(kReasons) ? kReasons[*number] : std::string_view();
  }
  return "";
}

}  // namespace

// An entry is looked for where it is wanted: lists are long, and this is asked seldom.
std::string CrlIndex::List::WhenAndWhy(std::string_view serial) const {
  const auto tbs = der::Only(signed_part, der::kSequence);
  if (!tbs) return "";
  der::Reader reader(tbs->content);
  reader.Optional(der::kInteger);
  for (int skipped = 0; skipped < 3; ++skipped) reader.Next();  // algorithm, issuer, thisUpdate
  if (!reader.Optional(der::kUtcTime)) reader.Optional(der::kGeneralizedTime);
  const auto entries = reader.Optional(der::kSequence);
  der::Reader all(entries ? entries->content : std::string_view());
  while (const auto entry = all.Next()) {
    der::Reader parts(entry->content);
    const auto number = parts.Expect(der::kInteger);
    if (!number || Normal(number->content) != Normal(serial)) continue;
    const auto when = parts.Next();
    const auto time = when ? der::Time(*when) : std::nullopt;
    std::string words = time ? " " + ShowTime(*time) : "";
    const auto extensions = parts.Optional(der::kSequence);
    const std::string_view reason = extensions ? ReasonIn(extensions->content) : "";
    if (!reason.empty()) words += ", reason " + std::string(reason);
    return words;
  }
  return "";
}

std::string CrlIndex::Describe(const Certificate& certificate, const Certificate& issuer,
                               std::int64_t now) const {
  const auto serial = SerialOf(certificate);
  std::string words;
  for (const auto& list : lists_) {
    if (!list->IsOf(certificate, issuer)) continue;
    const std::string by = "the list of " + issuer.subject_text() + ", issued " +
                           ShowTime(list->this_update) + ", next due " +
                           (list->next_update == 0 ? "never" : ShowTime(list->next_update));
    if (!list->IsUsableFor(issuer)) {
      words = by + ", which cannot be used: " +
              (!list->understood       ? "it is of a kind that is not understood"
               : !MaySignLists(issuer) ? "its issuer may not sign lists"
                                       : "its signature is not its issuer's");
      continue;
    }
    if (!serial || list->Has(*serial))
      return "revoked" + (serial ? list->WhenAndWhy(*serial) : "") + ", by " + by;
    words = "not in " + by + (list->IsCurrent(now) ? "" : ", which is out of date");
    if (list->IsCurrent(now)) return words;
  }
  return words;
}

}  // namespace signet::crypto
