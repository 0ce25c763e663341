#include "src/crypto/certificate.h"

#include <algorithm>
#include <atomic>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/der.h"
#include "src/crypto/name.h"
#include "src/crypto/other_name.h"

namespace signet::crypto {

// A name, parsed when somebody first asks: most certificates are kept for long and few are
// asked for all of their names.
class LazyName {
 public:
  ~LazyName() { delete parsed_.load(); }
  void Is(std::string_view der) { der_ = der; }
  const std::vector<NameAttribute>& attributes() const {
    if (const auto* parsed = parsed_.load(std::memory_order_acquire)) return *parsed;
    auto name = ParseName(der_);
    auto fresh = std::make_unique<const std::vector<NameAttribute>>(
        name ? std::move(name->attributes) : std::vector<NameAttribute>());
    const std::vector<NameAttribute>* none = nullptr;
    if (parsed_.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel))
      return *fresh.release();
    return *none;  // another thread was first
  }

 private:
  std::string_view der_;
  mutable std::atomic<const std::vector<NameAttribute>*> parsed_{nullptr};
};

struct Certificate::Rep {
  std::string der;
  int version = 1;
  std::string serial_hex;
  std::int64_t not_before = 0, not_after = 0;
  std::string signature_algorithm, key_algorithm;
  unsigned key_bits = 0;
  std::string_view signature;
  LazyName subject, issuer;
  std::string subject_text, issuer_text;
  std::string_view subject_der, issuer_der, public_key_der;
  std::vector<SanName> alternative_names;
  std::vector<std::string> ocsp_uris, crl_uris;
  std::vector<Extension> extensions;
  bool within_limits = true;
  bool subject_has_invalid = false;  // an attribute that is left out
  bool is_ca = false;
};

namespace {

constexpr std::string_view kOidAltName = "2.5.29.17";
constexpr std::string_view kOidBasicConstraints = "2.5.29.19";
constexpr std::string_view kOidKeyUsage = "2.5.29.15";
constexpr std::string_view kOidCrlPoints = "2.5.29.31";
constexpr std::string_view kOidAuthorityInfo = "1.3.6.1.5.5.7.1.1";
constexpr std::string_view kOidOcsp = "1.3.6.1.5.5.7.48.1";

// No certificate in use has near so many; looking for repeated ones is quadratic.
constexpr std::size_t kMaxExtensions = 64;

// The outer shell of a certificate: views into its DER.
struct Shell {
  int version = 1;
  std::string_view serial, issuer, subject, public_key, signature;
  std::optional<std::string_view> extensions;  // contents of [3]
};

// Builds a Rep from DER. Members run in this order, each false with `error` set.
template <typename Rep>
class Reading {
 public:
  Reading(Rep* rep, std::string* error) : rep_(*rep), error_(*error) {}
  bool Run() {
    return ReadShell() && ReadFixedFields() && ReadNames() && ReadExtensions() && ReadByLibrary();
  }

 private:
  bool Fail(std::string_view what) {
    error_ = "malformed certificate: " + std::string(what);
    return false;
  }
  bool ReadShell();
  bool ReadTbs(std::string_view content);
  bool ReadFixedFields();
  bool ReadNames();
  bool ReadExtensions();
  bool ReadExtension(std::string_view content);
  bool ReadMeanings();
  bool ReadAlternativeNames(std::string_view value);
  bool ReadByLibrary();
  void ReadKey(gnutls_x509_crt_t certificate);
  std::optional<std::string_view> Value(std::string_view oid) const;

  Rep& rep_;
  std::string& error_;
  Shell shell_;
};

template <typename Rep>
bool Reading<Rep>::ReadShell() {
  const auto certificate = der::Only(rep_.der, der::kSequence);
  if (!certificate) return Fail("not one DER sequence");
  der::Reader parts(certificate->content);
  const auto tbs = parts.Expect(der::kSequence);
  const auto algorithm = parts.Expect(der::kSequence);
  const auto signature = parts.Expect(der::kBitString);
  if (!tbs || !algorithm || !signature || !parts.done()) return Fail("outer structure");
  if (signature->content.empty() || signature->content[0] != '\0') return Fail("signature");
  shell_.signature = signature->content.substr(1);
  return ReadTbs(tbs->content);
}

template <typename Rep>
bool Reading<Rep>::ReadTbs(std::string_view content) {
  der::Reader tbs(content);
  if (const auto version = tbs.Optional(der::ContextConstructed(0))) {
    const auto number = der::Only(version->content, der::kInteger);
    const auto value = number ? der::SmallInteger(number->content) : std::nullopt;
    if (!value || *value > 2) return Fail("version");
    shell_.version = static_cast<int>(*value) + 1;
  }
  const auto serial = tbs.Expect(der::kInteger);
  const auto algorithm = tbs.Expect(der::kSequence);
  const auto issuer = tbs.Expect(der::kSequence);
  const auto validity = tbs.Expect(der::kSequence);
  const auto subject = tbs.Expect(der::kSequence);
  const auto key = tbs.Expect(der::kSequence);
  if (!serial || !algorithm || !issuer || !validity || !subject || !key) return Fail("fields");
  tbs.Optional(der::Context(1));  // unique identifiers: nobody uses them
  tbs.Optional(der::Context(2));
  if (const auto extensions = tbs.Optional(der::ContextConstructed(3))) {
    if (shell_.version != 3) return Fail("extensions in an old version");
    shell_.extensions = extensions->content;
  }
  if (!tbs.done()) return Fail("fields");
  shell_.serial = serial->content;
  shell_.issuer = issuer->whole;
  shell_.subject = subject->whole;
  shell_.public_key = key->whole;
  der::Reader times(validity->content);
  const auto from = times.Next(), to = times.Next();
  if (!from || !to || !times.done()) return Fail("validity");
  const auto not_before = der::Time(*from), not_after = der::Time(*to);
  if (!not_before || !not_after) return Fail("validity");
  rep_.not_before = *not_before;
  rep_.not_after = *not_after;
  return true;
}

template <typename Rep>
bool Reading<Rep>::ReadFixedFields() {
  if (shell_.serial.empty()) return Fail("serial number");
  rep_.version = shell_.version;
  std::string hex = HexLower(shell_.serial);
  hex.erase(0, std::min(hex.find_first_not_of('0'), hex.size()));
  rep_.serial_hex = hex.empty() ? "0" : hex;
  rep_.signature = shell_.signature;
  rep_.subject_der = shell_.subject;
  rep_.issuer_der = shell_.issuer;
  rep_.public_key_der = shell_.public_key;
  return true;
}

template <typename Rep>
bool Reading<Rep>::ReadNames() {
  auto subject = ParseName(shell_.subject), issuer = ParseName(shell_.issuer);
  if (!subject || !issuer) return Fail("distinguished name");
  // Printing is left out where it would be the library's quadratic work over a hostile name.
  if (!subject->over_limit) rep_.subject_text = PrintName(shell_.subject);
  if (!issuer->over_limit) rep_.issuer_text = PrintName(shell_.issuer);
  if (subject->over_limit || issuer->over_limit) rep_.within_limits = false;
  rep_.subject_has_invalid =
      std::any_of(subject->attributes.begin(), subject->attributes.end(),
                  [](const NameAttribute& attribute) { return !attribute.valid; });
  rep_.subject.Is(shell_.subject);
  rep_.issuer.Is(shell_.issuer);
  return true;
}

template <typename Rep>
bool Reading<Rep>::ReadExtensions() {
  if (!shell_.extensions) return true;
  const auto list = der::Only(*shell_.extensions, der::kSequence);
  if (!list) return Fail("extensions");
  der::Reader reader(list->content);
  while (const auto extension = reader.Next()) {
    if (extension->tag != der::kSequence || !ReadExtension(extension->content))
      return error_.empty() ? Fail("extension") : false;
  }
  rep_.extensions.shrink_to_fit();
  return reader.done() ? ReadMeanings() : Fail("extensions");
}

template <typename Rep>
bool Reading<Rep>::ReadExtension(std::string_view content) {
  der::Reader reader(content);
  const auto type = reader.Expect(der::kOid);
  const auto critical = reader.Optional(der::kBoolean);
  const auto value = reader.Expect(der::kOctetString);
  if (!type || !value || !reader.done()) return false;
  const auto oid = der::OidText(type->content);
  const auto flag = critical ? der::Boolean(critical->content) : false;
  if (!oid || !flag) return false;
  if (Value(*oid)) return Fail("repeated extension " + *oid);
  if (rep_.extensions.size() == kMaxExtensions) return Fail("too many extensions");
  rep_.extensions.push_back({*oid, *flag, value->content});
  return true;
}

template <typename Rep>
std::optional<std::string_view> Reading<Rep>::Value(std::string_view oid) const {
  for (const Extension& extension : rep_.extensions)
    if (extension.oid == oid) return extension.value;
  return std::nullopt;
}

// basicConstraints: whether cA is true; nullopt where malformed.
std::optional<bool> SaysCa(std::string_view value) {
  const auto sequence = der::Only(value, der::kSequence);
  if (!sequence) return std::nullopt;
  der::Reader reader(sequence->content);
  const auto ca = reader.Optional(der::kBoolean);
  reader.Optional(der::kInteger);
  if (!reader.done()) return std::nullopt;
  return ca ? der::Boolean(ca->content) : false;
}

bool IsValidName(std::string_view der) {
  const auto name = ParseName(der);
  return name && !name->over_limit && !name->attributes.empty() &&
         std::all_of(name->attributes.begin(), name->attributes.end(),
                     [](const NameAttribute& a) { return a.valid; });
}

SanName ReadGeneralName(const der::Element& element) {
  const auto text = [&](SanType type) {
    const bool valid = !element.content.empty() && DecodeText(der::kIa5String, element.content);
    return SanName{type, std::string(element.content), valid};
  };
  switch (element.tag) {
    case der::Context(1):
      return text(SanType::kMail);
    case der::Context(2):
      return text(SanType::kDns);
    case der::Context(6):
      return text(SanType::kUri);
    case der::Context(7): {
      const std::size_t size = element.content.size();
      return {SanType::kIp, std::string(element.content), size == 4 || size == 16};
    }
    case der::ContextConstructed(4):
      return {SanType::kDirectoryName, std::string(element.content), IsValidName(element.content)};
    case der::Context(8): {
      const auto oid = der::OidText(element.content);
      return {SanType::kRegisteredId, oid.value_or(std::string(element.content)), oid.has_value()};
    }
    case der::ContextConstructed(0): {
      const auto name = ParseOtherName(element.whole);
      return {SanType::kOther, std::string(element.whole), name && IsValid(*name)};
    }
    default:
      return {SanType::kOther, std::string(element.whole), true};
  }
}

template <typename Rep>
bool Reading<Rep>::ReadAlternativeNames(std::string_view value) {
  const auto sequence = der::Only(value, der::kSequence);
  if (!sequence) return Fail("subject alternative name");
  der::Reader names(sequence->content);
  std::size_t count = 0, octets = 0;
  bool fits = true;
  while (const auto element = names.Next()) {
    octets += element->content.size();
    fits = fits && ++count <= limits::kSanMaxNames && octets <= limits::kSanTotalMaxBytes &&
           element->content.size() <= limits::kSanNameMaxBytes;
    if (fits) rep_.alternative_names.push_back(ReadGeneralName(*element));
  }
  if (!names.done()) return Fail("subject alternative name");
  if (!fits) {
    rep_.within_limits = false;
    rep_.alternative_names.clear();
  }
  return true;
}

// Text of a URI in a place that is only shown and never fetched (rule I16).
void AppendUri(const der::Element& name, std::vector<std::string>* out) {
  if (name.tag != der::Context(6) || name.content.empty()) return;
  if (auto uri = DecodeText(der::kIa5String, name.content)) out->push_back(std::move(*uri));
}

void ReadOcspUris(std::string_view value, std::vector<std::string>* out) {
  const auto sequence = der::Only(value, der::kSequence);
  if (!sequence) return;
  der::Reader entries(sequence->content);
  while (const auto entry = entries.Expect(der::kSequence)) {
    der::Reader reader(entry->content);
    const auto method = reader.Expect(der::kOid);
    const auto location = reader.Next();
    if (method && location && der::OidText(method->content) == kOidOcsp) AppendUri(*location, out);
  }
}

void ReadCrlUris(std::string_view value, std::vector<std::string>* out) {
  const auto sequence = der::Only(value, der::kSequence);
  if (!sequence) return;
  der::Reader points(sequence->content);
  while (const auto point = points.Expect(der::kSequence)) {
    der::Reader parts(point->content);
    const auto name = parts.Optional(der::ContextConstructed(0));
    if (!name) continue;
    der::Reader choice(name->content);
    const auto full = choice.Optional(der::ContextConstructed(0));
    if (!full) continue;
    der::Reader names(full->content);
    while (const auto element = names.Next()) AppendUri(*element, out);
  }
}

template <typename Rep>
bool Reading<Rep>::ReadMeanings() {
  if (const auto value = Value(kOidBasicConstraints)) {
    const auto ca = SaysCa(*value);
    if (!ca) return Fail("basic constraints");
    rep_.is_ca = *ca;
  }
  if (const auto value = Value(kOidKeyUsage)) {
    constexpr std::uint32_t kCertSign = 1u << 5;
    const auto bits = der::Only(*value, der::kBitString);
    const auto usage = bits ? der::NamedBits(bits->content) : std::nullopt;
    if (!usage) return Fail("key usage");
    if (*usage & kCertSign) rep_.is_ca = true;
  }
  if (const auto value = Value(kOidAuthorityInfo)) ReadOcspUris(*value, &rep_.ocsp_uris);
  if (const auto value = Value(kOidCrlPoints)) ReadCrlUris(*value, &rep_.crl_uris);
  if (const auto value = Value(kOidAltName)) return ReadAlternativeNames(*value);
  return true;
}

template <typename Rep>
void Reading<Rep>::ReadKey(gnutls_x509_crt_t certificate) {
  const int algorithm = gnutls_x509_crt_get_pk_algorithm(certificate, &rep_.key_bits);
  const char* name =
      algorithm < 0 ? nullptr
                    : gnutls_pk_algorithm_get_name(static_cast<gnutls_pk_algorithm_t>(algorithm));
  if (name == nullptr || algorithm == GNUTLS_PK_UNKNOWN) rep_.key_bits = 0;
  rep_.key_algorithm = name != nullptr && algorithm != GNUTLS_PK_UNKNOWN ? name : "";
}

// What the library knows better, and the proof that it can read the same octets.
template <typename Rep>
bool Reading<Rep>::ReadByLibrary() {
  gnutls_x509_crt_t certificate = nullptr;
  if (gnutls_x509_crt_init(&certificate) < 0) return Fail("out of memory");
  gnutls_datum_t in = {reinterpret_cast<unsigned char*>(rep_.der.data()),
                       static_cast<unsigned>(rep_.der.size())};
  const int rc = gnutls_x509_crt_import(certificate, &in, GNUTLS_X509_FMT_DER);
  if (rc >= 0) {
    const int algorithm = gnutls_x509_crt_get_signature_algorithm(certificate);
    const char* name =
        algorithm < 0
            ? nullptr
            : gnutls_sign_algorithm_get_name(static_cast<gnutls_sign_algorithm_t>(algorithm));
    rep_.signature_algorithm = name != nullptr ? name : "";
    ReadKey(certificate);
  }
  gnutls_x509_crt_deinit(certificate);
  return rc >= 0 || Fail(gnutls_strerror(rc));
}

std::string_view KindOf(SanType type) {
  switch (type) {
    case SanType::kDns:
      return "dns";
    case SanType::kUri:
      return "uri";
    case SanType::kMail:
      return "mail";
    case SanType::kIp:
      return "ip";
    case SanType::kDirectoryName:
      return "directory name";
    case SanType::kOther:
      return "other name";
    default:
      return "name";
  }
}

constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";

// The next PEM certificate of `*text` as DER, taken off its front; nullopt at the end.
std::optional<Result<std::string, std::string>> TakePem(std::string_view* text) {
  const std::size_t begin = text->find(kPemBegin);
  if (begin == text->npos) return std::nullopt;
  const std::size_t end = text->find(kPemEnd, begin);
  if (end == text->npos) {
    *text = {};
    return Err{std::string("PEM certificate without its END line")};
  }
  const std::string_view block = text->substr(begin, end + kPemEnd.size() - begin);
  text->remove_prefix(end + kPemEnd.size());
  gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(block.data())),
                       static_cast<unsigned>(block.size())};
  gnutls_datum_t out = {nullptr, 0};
  const int rc = gnutls_pem_base64_decode2("CERTIFICATE", &in, &out);
  if (rc < 0) return Err{std::string("PEM certificate: ") + gnutls_strerror(rc)};
  std::string der(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return der;
}

}  // namespace

Certificate::Certificate(std::unique_ptr<const Rep> rep) : rep_(std::move(rep)) {}
Certificate::~Certificate() = default;

Result<std::shared_ptr<const Certificate>, std::string> Certificate::FromDer(std::string_view der) {
  auto rep = std::make_unique<Rep>();
  rep->der = der;
  std::string error;
  if (!Reading<Rep>(rep.get(), &error).Run()) return Err{error};
  return std::shared_ptr<const Certificate>(new Certificate(std::move(rep)));
}

Result<std::shared_ptr<const Certificate>, std::string> Certificate::FromPem(std::string_view pem) {
  auto der = TakePem(&pem);
  if (!der) return Err{std::string("no PEM certificate found")};
  if (!der->ok()) return Err{der->error()};
  return FromDer(der->value());
}

Result<std::vector<std::shared_ptr<const Certificate>>, std::string> Certificate::ChainFromPem(
    std::string_view pem) {
  std::vector<std::shared_ptr<const Certificate>> chain;
  while (auto der = TakePem(&pem)) {
    if (!der->ok()) return Err{der->error()};
    auto certificate = FromDer(der->value());
    if (!certificate.ok()) return Err{certificate.error()};
    chain.push_back(certificate.value());
  }
  if (chain.empty()) return Err{std::string("no PEM certificate found")};
  return chain;
}

std::string_view Certificate::der() const { return rep_->der; }
int Certificate::version() const { return rep_->version; }
const std::string& Certificate::serial_hex() const { return rep_->serial_hex; }
std::int64_t Certificate::not_before() const { return rep_->not_before; }
std::int64_t Certificate::not_after() const { return rep_->not_after; }
const std::string& Certificate::signature_algorithm() const { return rep_->signature_algorithm; }
const std::string& Certificate::key_algorithm() const { return rep_->key_algorithm; }
unsigned Certificate::key_bits() const { return rep_->key_bits; }
std::string_view Certificate::signature() const { return rep_->signature; }
const std::vector<NameAttribute>& Certificate::subject() const {
  return rep_->subject.attributes();
}
const std::vector<NameAttribute>& Certificate::issuer() const { return rep_->issuer.attributes(); }
const std::string& Certificate::subject_text() const { return rep_->subject_text; }
const std::string& Certificate::issuer_text() const { return rep_->issuer_text; }
std::string_view Certificate::subject_der() const { return rep_->subject_der; }
std::string_view Certificate::issuer_der() const { return rep_->issuer_der; }
std::string_view Certificate::public_key_der() const { return rep_->public_key_der; }
const std::vector<SanName>& Certificate::alternative_names() const {
  return rep_->alternative_names;
}
const std::vector<std::string>& Certificate::ocsp_uris() const { return rep_->ocsp_uris; }
const std::vector<std::string>& Certificate::crl_uris() const { return rep_->crl_uris; }
const std::vector<Extension>& Certificate::extensions() const { return rep_->extensions; }
bool Certificate::within_limits() const { return rep_->within_limits; }
bool Certificate::is_ca() const { return rep_->is_ca; }

std::string Certificate::SkippedNames() const {
  constexpr std::size_t kShown = 5, kShownBytes = 100;
  std::string text;
  std::size_t count = 0;
  const auto add = [&](std::string_view kind, std::string_view value) {
    if (++count > kShown) return;
    if (count > 1) text += ", ";
    text.append(kind).append(" \"").append(Printable(value.substr(0, kShownBytes))).append("\"");
  };
  if (rep_->subject_has_invalid)
    for (const NameAttribute& attribute : subject())
      if (!attribute.valid) add(attribute.label, attribute.value);
  for (const SanName& name : rep_->alternative_names)
    if (!name.valid) add(KindOf(name.type), name.value);
  if (count > kShown) text += " and " + std::to_string(count - kShown) + " more";
  return text;
}

std::optional<std::string_view> Certificate::ExtensionView(std::string_view oid) const {
  for (const Extension& extension : rep_->extensions)
    if (extension.oid == oid) return extension.value;
  return std::nullopt;
}
std::optional<std::string> Certificate::extension(std::string_view oid) const {
  const auto value = ExtensionView(oid);
  if (!value) return std::nullopt;
  return std::string(*value);
}

}  // namespace signet::crypto
