#include "src/crypto/describe.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/der.h"
#include "src/crypto/name.h"
#include "src/crypto/other_name.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidNameConstraints = "2.5.29.30";
constexpr std::string_view kOidAuthorityInfo = "1.3.6.1.5.5.7.1.1";
constexpr std::string_view kOidCaIssuers = "1.3.6.1.5.5.7.48.2";

std::string AddressText(std::string_view octets) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text, sizeof text);
  return text;
}

// The prefix that a mask is, or -1.
int PrefixOf(std::string_view mask) {
  int bits = 0;
  bool ended = false;
  for (const char c : mask) {
    const auto octet = static_cast<std::uint8_t>(c);
    const int ones = std::countl_one(octet);
    if ((ended && octet != 0) || std::popcount(octet) != ones) return -1;
    bits += ones;
    ended = ended || ones < 8;
  }
  return bits;
}

std::string NetworkText(std::string_view octets) {
  if (octets.size() != 8 && octets.size() != 32) return "(malformed)";
  const std::string_view address = octets.substr(0, octets.size() / 2);
  const std::string_view mask = octets.substr(octets.size() / 2);
  const int prefix = PrefixOf(mask);
  return AddressText(address) + "/" + (prefix < 0 ? AddressText(mask) : std::to_string(prefix));
}

// A base, in words.
std::string SubtreeText(const der::Element& base) {
  const auto text = [&](const char* kind) {
    return std::string(kind) + " " + (base.content.empty() ? "(all)" : std::string(base.content));
  };
  switch (base.tag) {
    case der::Context(1):
      return text("mail");
    case der::Context(2):
      return text("dns");
    case der::Context(6):
      return text("uri");
    case der::Context(7):
      return "ip " + NetworkText(base.content);
    case der::ContextConstructed(4): {
      const auto name = ParseName(base.content);
      if (!name) return "dirname (malformed)";
      return "dirname " + (name->attributes.empty() ? "(all)" : PrintAttributes(name->attributes));
    }
    case der::Context(8):
      return "rid " + der::OidText(base.content).value_or("(malformed)") + " (not evaluated)";
    case der::ContextConstructed(0): {
      const auto other = ParseOtherName(base.whole);
      return "othername " + (other ? other->oid : "(malformed)") + " (not evaluated)";
    }
    default:
      return "another kind of name (not evaluated)";
  }
}

bool AppendSubtrees(std::string_view content, const std::string& verb,
                    std::vector<std::string>* out) {
  der::Reader subtrees(content);
  while (const auto subtree = subtrees.Next()) {
    if (subtree->tag != der::kSequence || out->size() == limits::kExtensionMaxValues) return false;
    der::Reader parts(subtree->content);
    const auto base = parts.Next();
    if (!base) return false;
    out->push_back(verb + SubtreeText(*base));
  }
  return subtrees.done();
}

struct KnownKind {
  std::string_view oid, name;
};
constexpr KnownKind kOtherKinds[] = {
    {kOidServiceName, "srv"}, {kOidSmtpUtf8, "smtputf8"}, {kOidUpn, "upn"}, {kOidXmpp, "xmpp"}};

std::string WhyNot(const SanName& name) {
  if (name.value.empty()) return "empty";
  switch (name.type) {
    case SanType::kIp:
      return "neither 4 nor 16 octets";
    case SanType::kDirectoryName:
      return "empty, malformed or with a part that is not valid";
    case SanType::kRegisteredId:
      return "not an object identifier";
    case SanType::kOther:
      return "malformed, or not text as its kind has to be";
    default:
      break;
  }
  if (std::any_of(name.value.begin(), name.value.end(), IsControl)) return "has control characters";
  return "not ASCII, which such names have to be";
}

bool IsEncoded(const SanName& name) {
  return name.type == SanType::kIp || name.type == SanType::kDirectoryName ||
         name.type == SanType::kOther;
}

std::string WhyNot(const NameAttribute& attribute) {
  const bool control = std::any_of(attribute.value.begin(), attribute.value.end(), IsControl);
  return control ? "has control characters" : "not valid in its ASN.1 type";
}

}  // namespace

Said<std::vector<std::string>> NameConstraintsOf(const Certificate& certificate) {
  const auto value = certificate.ExtensionView(kOidNameConstraints);
  if (!value) return std::optional<std::vector<std::string>>();
  const Err malformed{std::string("malformed name constraints in the certificate")};
  const auto sequence = der::Only(*value, der::kSequence);
  if (!sequence) return malformed;
  std::vector<std::string> texts;
  der::Reader reader(sequence->content);
  if (const auto list = reader.Optional(der::ContextConstructed(0)))
    if (!AppendSubtrees(list->content, "permitted ", &texts)) return malformed;
  if (const auto list = reader.Optional(der::ContextConstructed(1)))
    if (!AppendSubtrees(list->content, "excluded ", &texts)) return malformed;
  if (!reader.done()) return malformed;
  return std::optional(std::move(texts));
}

std::vector<std::string> IssuerUrisOf(const Certificate& certificate) {
  std::vector<std::string> uris;
  const auto value = certificate.ExtensionView(kOidAuthorityInfo);
  const auto sequence = value ? der::Only(*value, der::kSequence) : std::nullopt;
  if (!sequence) return uris;
  der::Reader entries(sequence->content);
  while (const auto entry = entries.Expect(der::kSequence)) {
    der::Reader reader(entry->content);
    const auto method = reader.Expect(der::kOid);
    const auto location = reader.Optional(der::Context(6));
    if (!method || !location || der::OidText(method->content) != kOidCaIssuers) continue;
    auto uri = DecodeText(der::kIa5String, location->content);
    if (uri) uris.push_back(std::move(*uri));
  }
  return uris;
}

std::string KindOfName(const SanName& name) {
  switch (name.type) {
    case SanType::kDns:
      return "dns";
    case SanType::kUri:
      return "uri";
    case SanType::kMail:
      return "mail";
    case SanType::kIp:
      return "ip";
    case SanType::kDirectoryName:
      return "dirname";
    case SanType::kRegisteredId:
      return "rid";
    case SanType::kOther:
      break;
  }
  const auto other = ParseOtherName(name.value);
  if (!other) return "another kind";
  for (const KnownKind& kind : kOtherKinds)
    if (kind.oid == other->oid) return std::string(kind.name);
  return "othername=" + other->oid;
}

std::vector<LeftOut> LeftOutOf(const Certificate& certificate) {
  std::vector<LeftOut> all;
  for (const NameAttribute& attribute : certificate.subject())
    if (!attribute.valid) all.push_back({attribute.label, attribute.value, WhyNot(attribute)});
  for (const SanName& name : certificate.alternative_names()) {
    if (name.valid) continue;
    all.push_back(
        {KindOfName(name), IsEncoded(name) ? HexLower(name.value) : name.value, WhyNot(name)});
  }
  return all;
}

}  // namespace signet::crypto
