#include "src/crypto/extensions.h"

#include <algorithm>
#include <iterator>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/der.h"
#include "src/crypto/name.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidSubjectKeyId = "2.5.29.14";
constexpr std::string_view kOidKeyUsage = "2.5.29.15";
constexpr std::string_view kOidBasicConstraints = "2.5.29.19";
constexpr std::string_view kOidPolicies = "2.5.29.32";
constexpr std::string_view kOidAuthorityKeyId = "2.5.29.35";
constexpr std::string_view kOidPurposes = "2.5.29.37";
constexpr std::string_view kOidSecurity = "1.3.6.1.4.1.311.25.2";
constexpr std::string_view kOidSecurityId = "1.3.6.1.4.1.311.25.2.1";

// RFC 5280 4.2.1.3, in order of their bits.
constexpr std::string_view kUsages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                        "cRLSign",          "encipherOnly",   "decipherOnly"};

struct PurposeName {
  std::string_view oid, name;
};
constexpr PurposeName kPurposes[] = {
    {"1.3.6.1.5.5.7.3.1", "serverAuth"},
    {"1.3.6.1.5.5.7.3.2", "clientAuth"},
    {"1.3.6.1.5.5.7.3.3", "codeSigning"},
    {"1.3.6.1.5.5.7.3.4", "emailProtection"},
    {"1.3.6.1.5.5.7.3.8", "timeStamping"},
    {"1.3.6.1.5.5.7.3.9", "OCSPSigning"},
    {"1.3.6.1.5.5.7.3.17", "ipsecIKE"},
    {"1.3.6.1.5.5.7.3.21", "secureShellClient"},
    {"1.3.6.1.5.5.7.3.22", "secureShellServer"},
    {"1.3.6.1.5.2.3.4", "pkInitClientAuth"},
    {"1.3.6.1.4.1.311.20.2.2", "msSmartcardLogin"},
    {"2.5.29.37.0", "anyExtendedKeyUsage"},
};

Err<std::string> Malformed(std::string_view what) {
  return Err{"malformed " + std::string(what) + " in the certificate"};
}

using Texts = std::vector<std::string>;

// A SEQUENCE OF what `read` makes an object identifier of.
template <typename Read>
Said<Texts> ListOf(const Certificate& certificate, std::string_view oid, std::string_view what,
                   Read read) {
  const auto value = certificate.ExtensionView(oid);
  if (!value) return std::optional<Texts>();
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence || sequence->content.empty()) return Malformed(what);
  Texts texts;
  der::Reader reader(sequence->content);
  while (const auto element = reader.Next()) {
    auto text = read(*element);
    if (!text) return Malformed(what);
    if (texts.size() == limits::kExtensionMaxValues)
      return Err{"more than " + std::to_string(limits::kExtensionMaxValues) + " values of " +
                 std::string(what) + " in the certificate"};
    texts.push_back(std::move(*text));
  }
  if (!reader.done()) return Malformed(what);
  return std::optional(std::move(texts));
}

std::optional<std::string> OidOf(const der::Element& element) {
  if (element.tag != der::kOid) return std::nullopt;
  return der::OidText(element.content);
}

std::optional<std::string> PolicyOf(const der::Element& element) {
  if (element.tag != der::kSequence) return std::nullopt;
  der::Reader reader(element.content);
  const auto oid = reader.Expect(der::kOid);
  reader.Optional(der::kSequence);  // qualifiers: addresses of texts, which nobody asks for
  if (!oid || !reader.done()) return std::nullopt;
  return der::OidText(oid->content);
}

// Decimal without leading zeros, of at most so many digits.
bool IsNumber(std::string_view text, std::size_t digits) {
  if (text.empty() || text.size() > digits || (text.size() > 1 && text[0] == '0')) return false;
  return std::all_of(text.begin(), text.end(), IsDigit);
}

// S-1-authority-sub…, with up to 15 subauthorities.
bool IsSecurityId(std::string_view text) {
  if (!text.starts_with("S-1-")) return false;
  text.remove_prefix(4);
  for (std::size_t parts = 0;; ++parts) {
    const std::size_t end = std::min(text.find('-'), text.size());
    if (parts > 15 || !IsNumber(text.substr(0, end), parts == 0 ? 15 : 10)) return false;
    if (end == text.size()) return parts > 0;
    text.remove_prefix(end + 1);
  }
}

// SEQUENCE { [0] { type-id, [0] { OCTET STRING } } }
std::optional<std::string> ReadSecurityId(std::string_view value) {
  const auto sequence = der::Only(value, der::kSequence);
  const auto name = sequence ? der::Only(sequence->content, der::ContextConstructed(0))
                             : std::optional<der::Element>();
  if (!name) return std::nullopt;
  der::Reader reader(name->content);
  const auto type = reader.Expect(der::kOid);
  const auto inside = reader.Expect(der::ContextConstructed(0));
  if (!type || !inside || !reader.done() || der::OidText(type->content) != kOidSecurityId)
    return std::nullopt;
  const auto text = der::Only(inside->content, der::kOctetString);
  if (!text || !IsSecurityId(text->content)) return std::nullopt;
  return std::string(text->content);
}

}  // namespace

Said<BasicConstraints> BasicConstraintsOf(const Certificate& certificate) {
  constexpr std::string_view kWhat = "basic constraints";
  const auto value = certificate.ExtensionView(kOidBasicConstraints);
  if (!value) return std::optional<BasicConstraints>();
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence) return Malformed(kWhat);
  der::Reader reader(sequence->content);
  const auto ca = reader.Optional(der::kBoolean);
  const auto length = reader.Optional(der::kInteger);
  BasicConstraints constraints;
  const auto flag = ca ? der::Boolean(ca->content) : false;
  if (length) constraints.path_length = der::SmallInteger(length->content);
  if (!reader.done() || !flag || (length && !constraints.path_length)) return Malformed(kWhat);
  constraints.ca = *flag;
  return std::optional(constraints);
}

Said<Texts> PurposesOf(const Certificate& certificate) {
  return ListOf(certificate, kOidPurposes, "extended key usage", OidOf);
}

Said<Texts> PoliciesOf(const Certificate& certificate) {
  return ListOf(certificate, kOidPolicies, "policies", PolicyOf);
}

Said<Texts> KeyUsagesOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidKeyUsage);
  if (!value) return std::optional<Texts>();
  const auto bits = der::Only(*value, der::kBitString);
  const auto usage = bits ? der::NamedBits(bits->content) : std::nullopt;
  if (!usage) return Malformed("key usage");
  Texts names;
  for (std::size_t bit = 0; bit < std::size(kUsages); ++bit)
    if (*usage & (1u << bit)) names.emplace_back(kUsages[bit]);
  return std::optional(std::move(names));
}

Said<std::string> SubjectKeyIdOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidSubjectKeyId);
  if (!value) return std::optional<std::string>();
  const auto octets = der::Only(*value, der::kOctetString);
  if (!octets || octets->content.empty()) return Malformed("subject key identifier");
  return std::optional(std::string(octets->content));
}

Said<std::string> AuthorityKeyIdOf(const Certificate& certificate) {
  constexpr std::string_view kWhat = "authority key identifier";
  const auto value = certificate.ExtensionView(kOidAuthorityKeyId);
  if (!value) return std::optional<std::string>();
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence) return Malformed(kWhat);
  der::Reader reader(sequence->content);
  const auto octets = reader.Optional(der::Context(0));
  reader.Optional(der::ContextConstructed(1));  // the issuer's names and number
  reader.Optional(der::Context(2));
  if (!reader.done() || (octets && octets->content.empty())) return Malformed(kWhat);
  if (!octets) return std::optional<std::string>();
  return std::optional(std::string(octets->content));
}

Said<std::string> SecurityIdOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidSecurity);
  if (!value) return std::optional<std::string>();
  auto text = ReadSecurityId(*value);
  if (!text) return Malformed("security identifier");
  return text;
}

Said<std::string> TextOfExtension(const Certificate& certificate, std::string_view oid) {
  const auto value = certificate.ExtensionView(oid);
  if (!value) return std::optional<std::string>();
  der::Reader reader(*value);
  const auto element = reader.Next();
  auto text = element && reader.done() ? DecodeText(element->tag, element->content) : std::nullopt;
  if (!text) return Err{"extension " + std::string(oid) + " of the certificate is not a text"};
  return text;
}

std::string_view NameOfPurpose(std::string_view oid) {
  for (const PurposeName& purpose : kPurposes)
    if (purpose.oid == oid) return purpose.name;
  return "";
}

}  // namespace signet::crypto
