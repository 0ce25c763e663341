#include "src/crypto/name.h"

#include <algorithm>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/der.h"

namespace signet::crypto {
namespace {

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

// X.680 41.4. What careless issuers put in beside these ("@", "&", "*") belongs into
// another string type.
bool IsPrintableStringCharacter(char c) {
  return IsAlnum(c) || std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
}

// C0, DEL and C1, in valid UTF-8.
bool HasControl(std::string_view utf8) {
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    if (IsControl(utf8[i])) return true;
    if (utf8[i] == '\xc2' && static_cast<unsigned char>(utf8[i + 1]) < 0xa0) return true;
  }
  return false;
}

bool AppendUtf8(std::uint32_t c, std::string* out) {
  if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
  if (c < 0x80) {
    *out += static_cast<char>(c);
  } else if (c < 0x800) {
    *out += static_cast<char>(0xc0 | c >> 6);
    *out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *out += static_cast<char>(0xe0 | c >> 12);
    *out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    *out += static_cast<char>(0xf0 | c >> 18);
    *out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    *out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (c & 0x3f));
  }
  return true;
}

// Big-endian code units of `width` octets. BMPString has no surrogates: X.680 41.
std::optional<std::string> FromCodeUnits(std::string_view octets, std::size_t width) {
  if (octets.size() % width != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += width) {
    std::uint32_t c = 0;
    for (std::size_t k = 0; k < width; ++k) c = c << 8 | static_cast<unsigned char>(octets[i + k]);
    if (!AppendUtf8(c, &out)) return std::nullopt;
  }
  return out;
}

std::optional<std::string> Convert(std::uint8_t tag, std::string_view octets) {
  std::string text(octets);
  switch (tag) {
    case der::kUtf8String:
      if (!IsValidUtf8(text)) return std::nullopt;
      return text;
    case der::kPrintableString:
      if (!std::all_of(text.begin(), text.end(), IsPrintableStringCharacter)) return std::nullopt;
      return text;
    case der::kNumericString:
      if (text.find_first_not_of("0123456789 ") != text.npos) return std::nullopt;
      return text;
    case der::kIa5String:
    case der::kVisibleString:
    case der::kTeletexString:  // its own repertoire is anybody's guess beyond ASCII
      if (!IsAscii(text)) return std::nullopt;
      return text;
    case der::kBmpString:
      return FromCodeUnits(octets, 2);
    case der::kUniversalString:
      return FromCodeUnits(octets, 4);
    default:
      return std::nullopt;
  }
}

std::optional<NameAttribute> ParseAttribute(std::string_view content, std::uint32_t rdn) {
  der::Reader reader(content);
  const auto type = reader.Expect(der::kOid);
  const auto value = reader.Next();
  if (!type || !value || !reader.done()) return std::nullopt;
  const auto oid = der::OidText(type->content);
  if (!oid) return std::nullopt;

  NameAttribute attribute{.oid = *oid, .rdn = rdn, .encoded = value->whole};
  const char* label = gnutls_x509_dn_oid_name(oid->c_str(), 0);
  attribute.label = label != nullptr ? label : *oid;
  auto text = DecodeText(value->tag, value->content);
  attribute.valid = text.has_value();
  attribute.value = text ? std::move(*text) : std::string(value->content);
  return attribute;
}

// Appends one RDN. False: malformed.
bool ParseRdn(std::string_view content, std::uint32_t rdn, std::vector<NameAttribute>* out) {
  der::Reader set(content);
  while (auto pair = set.Next()) {
    if (pair->tag != der::kSequence) return false;
    if (out->size() > limits::kSubjectMaxAttributes) return true;
    auto attribute = ParseAttribute(pair->content, rdn);
    if (!attribute) return false;
    out->push_back(std::move(*attribute));
  }
  return set.done() && !content.empty();
}

}  // namespace

std::optional<std::string> DecodeText(std::uint8_t tag, std::string_view octets) {
  auto text = Convert(tag, octets);
  if (!text || HasControl(*text)) return std::nullopt;
  return text;
}

std::optional<ParsedName> ParseName(std::string_view der) {
  const auto sequence = der::Only(der, der::kSequence);
  if (!sequence) return std::nullopt;
  ParsedName name;
  der::Reader rdns(sequence->content);
  std::uint32_t rdn = 0;
  while (auto set = rdns.Next()) {
    if (set->tag != der::kSet || !ParseRdn(set->content, rdn, &name.attributes))
      return std::nullopt;
    ++rdn;
  }
  if (!rdns.done()) return std::nullopt;
  name.over_limit = name.attributes.size() > limits::kSubjectMaxAttributes;
  if (name.over_limit) name.attributes.clear();
  return name;
}

std::string PrintValue(const NameAttribute& attribute, Commas commas) {
  const std::string_view value = attribute.value;
  if (attribute.label == attribute.oid) return "#" + HexLower(attribute.encoded);
  std::string_view special = ",+\"\\<>;";
  if (commas == Commas::kBare) special.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool first = i == 0 && (value[i] == ' ' || value[i] == '#');
    const bool last = i + 1 == value.size() && value[i] == ' ';
    if (first || last || special.find(value[i]) != special.npos) out += '\\';
    out += value[i];
  }
  return out;
}

std::string PrintAttributes(const std::vector<NameAttribute>& attributes) {
  std::string out;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    if (i > 0) out += attributes[i].rdn == attributes[i - 1].rdn ? '+' : ',';
    out += attributes[i].label + "=" + PrintValue(attributes[i], Commas::kEscaped);
  }
  return out;
}

std::string PrintForDirectory(const std::vector<NameAttribute>& attributes) {
  std::string out;
  for (std::size_t end = attributes.size(), begin = end; end > 0; end = begin) {
    while (begin > 0 && attributes[begin - 1].rdn == attributes[end - 1].rdn) --begin;
    for (std::size_t i = begin; i < end; ++i) {
      if (!attributes[i].valid) return "";
      if (!out.empty()) out += i == begin ? ',' : '+';
      out += attributes[i].label + "=" + PrintValue(attributes[i], Commas::kEscaped);
    }
  }
  return out;
}

std::string PrintName(std::string_view der) {
  gnutls_x509_dn_t dn = nullptr;
  if (gnutls_x509_dn_init(&dn) < 0) return "";
  gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(der.data())),
                       static_cast<unsigned>(der.size())};
  gnutls_datum_t out = {nullptr, 0};
  std::string text;
  // COMPAT is the order of encoding, which gnutls_x509_crt_get_dn() has as well.
  if (gnutls_x509_dn_import(dn, &in) >= 0 &&
      gnutls_x509_dn_get_str2(dn, &out, GNUTLS_X509_DN_FLAG_COMPAT) >= 0) {
    text.assign(reinterpret_cast<char*>(out.data), out.size);
    gnutls_free(out.data);
  }
  gnutls_x509_dn_deinit(dn);
  return text;
}

}  // namespace signet::crypto
