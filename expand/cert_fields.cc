#include "expand/cert_fields.h"

#include <arpa/inet.h>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "expand/evaluate.h"
#include "expand/message.h"
#include "src/base/codec.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"
#include "src/crypto/digest.h"
#include "src/crypto/extensions.h"
#include "src/crypto/name.h"
#include "src/crypto/other_name.h"

// ${certextract{name}{…}}: functions, then the table. Lists are made of the parsed names
// themselves, so what a name holds never matters to the list (rules I7, I8).
namespace signet::expand {
namespace {

using crypto::Certificate;

bool Give(Evaluation& e, std::string_view text, Datum* out) {
  return *out = e.From(e.Copy(text), kFromCertificate), true;
}

// A list is found where it has elements.
bool GiveList(Evaluation& e, const Elements& elements, char separator, Datum* out, bool* found) {
  *found = !elements.empty();
  if (*found) *out = e.MakeList(elements, separator, ListStyle::kFields);
  return true;
}

std::string PairsOfHex(std::string_view octets) {
  std::string text;
  for (char c : octets) {
    if (!text.empty()) text += ' ';
    text += HexLower({&c, 1});
  }
  return text;
}

bool RunVersion(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&, Datum* out,
                bool*) {
  return *out = e.Decimal(c.version()), true;
}

bool RunSerialNumber(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&,
                     Datum* out, bool*) {
  (void)e;  // hex digits are nobody's text
  return *out = Datum(c.serial_hex()), true;
}

bool RunSignature(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&,
                  Datum* out, bool*) {
  return Give(e, PairsOfHex(c.signature()), out);
}

bool RunSigAlgorithm(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&,
                     Datum* out, bool*) {
  (void)e;  // a name out of the library's table
  return *out = Datum(c.signature_algorithm()), true;
}

// "Mar  5 01:02:03 2024 GMT", in the zone of the process.
std::string Date(std::int64_t seconds) {
  auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (localtime_r(&when, &parts) == nullptr) return "";
  char text[64];
  std::size_t size = std::strftime(text, sizeof text, "%b %e %T %Y %Z", &parts);
  std::string date(text, size);
  if (date.ends_with(" UTC")) date.replace(date.size() - 3, 3, "GMT");
  return date;
}

bool GiveTime(Evaluation& e, std::int64_t seconds, const FieldModifiers& modifiers, Datum* out) {
  if (modifiers.form == "int") return *out = e.Decimal(seconds), true;
  return *out = Datum(e.Copy(Date(seconds))), true;
}

bool RunNotBefore(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                  Datum* out, bool*) {
  return GiveTime(e, c.not_before(), m, out);
}

bool RunNotAfter(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                 Datum* out, bool*) {
  return GiveTime(e, c.not_after(), m, out);
}

// A name as text; with modifiers, its attributes as a list: all, as LABEL=value, or those
// with a label, as values. Values are as they are printed, but for commas; "literal" gives
// them as they are. Attributes that are not valid in their type are left out (I6). "ldap"
// gives all of it as a directory would.
bool GiveName(Evaluation& e, const std::vector<crypto::NameAttribute>& name,
              const std::string& text, const FieldModifiers& modifiers, Datum* out, bool* found) {
  if (!modifiers.any) {
    *found = !text.empty();
    return Give(e, text, out);
  }
  if (modifiers.form == "ldap") {
    const std::string whole = crypto::PrintForDirectory(name);
    *found = !whole.empty();
    return Give(e, whole, out);
  }
  Elements elements(&e.arena);
  for (const crypto::NameAttribute& a : name) {
    if (!a.valid || (!modifiers.kind.empty() && a.label != modifiers.kind)) continue;
    std::string value =
        modifiers.form.empty() ? crypto::PrintValue(a, crypto::Commas::kBare) : a.value;
    if (modifiers.kind.empty()) value.insert(0, a.label + "=");
    elements.push_back(e.From(e.Copy(value), kFromCertificate));
  }
  return GiveList(e, elements, modifiers.separator, out, found);
}

bool RunSubject(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                Datum* out, bool* found) {
  return GiveName(e, c.subject(), c.subject_text(), m, out, found);
}

bool RunIssuer(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
               Datum* out, bool* found) {
  return GiveName(e, c.issuer(), c.issuer_text(), m, out, found);
}

// --- alternative names ---------------------------------------------------------------

struct SanKind {
  std::string_view modifier;
  crypto::SanType type;
  std::string_view tag;  // where no kind was asked for; none: not shown then, as in Exim
  std::string_view oid;  // of other names
};
using crypto::SanType;
constexpr SanKind kSanKinds[] = {{"dirname", SanType::kDirectoryName, "", ""},
                                 {"dns", SanType::kDns, "DNS=", ""},
                                 {"ip", SanType::kIp, "", ""},
                                 {"mail", SanType::kMail, "MAIL=", ""},
                                 {"rid", SanType::kRegisteredId, "", ""},
                                 {"smtputf8", SanType::kOther, "", crypto::kOidSmtpUtf8},
                                 {"srv", SanType::kOther, "", crypto::kOidServiceName},
                                 {"upn", SanType::kOther, "", crypto::kOidUpn},
                                 {"uri", SanType::kUri, "URI=", ""},
                                 {"xmpp", SanType::kOther, "", crypto::kOidXmpp}};
constexpr std::string_view kOtherName = "othername=";

std::string AddressText(std::string_view octets) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text, sizeof text);
  return text;
}

// The text of a name that is valid in its kind; nullopt for an other name without one.
std::optional<std::string> TextOfName(const crypto::SanName& name) {
  switch (name.type) {
    case SanType::kIp:
      return AddressText(name.value);
    case SanType::kDirectoryName: {
      const auto parsed = crypto::ParseName(name.value);
      if (!parsed) return std::nullopt;
      return crypto::PrintAttributes(parsed->attributes);
    }
    case SanType::kOther: {
      const auto other = crypto::ParseOtherName(name.value);
      return other ? crypto::TextOf(*other) : std::nullopt;
    }
    default:
      return name.value;
  }
}

// What of the alternative names is asked for.
class Wanted {
 public:
  explicit Wanted(std::string_view modifier) {
    for (const SanKind& kind : kSanKinds)
      if (kind.modifier == modifier) kind_ = &kind;
    if (kind_ != nullptr) oid_ = kind_->oid;
    if (modifier.starts_with(kOtherName)) oid_ = modifier.substr(kOtherName.size());
    all_ = modifier.empty();
  }
  // The tag to set before the name; nullopt where it is not wanted.
  std::optional<std::string_view> TagOf(const crypto::SanName& name) const {
    if (all_) {
      for (const SanKind& kind : kSanKinds)
        if (kind.type == name.type && !kind.tag.empty()) return kind.tag;
      return std::nullopt;
    }
    const bool wanted = oid_.empty() ? kind_ != nullptr && kind_->type == name.type : IsOther(name);
    return wanted ? std::optional(std::string_view()) : std::nullopt;
  }

 private:
  bool IsOther(const crypto::SanName& name) const {
    if (name.type != SanType::kOther) return false;
    const auto other = crypto::ParseOtherName(name.value);
    return other && other->oid == oid_;
  }

  const SanKind* kind_ = nullptr;
  std::string_view oid_;
  bool all_ = false;
};

bool RunSubjAltName(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                    Datum* out, bool* found) {
  const Wanted wanted(m.kind);
  Elements elements(&e.arena);
  for (const crypto::SanName& name : c.alternative_names()) {
    const auto tag = name.valid ? wanted.TagOf(name) : std::nullopt;
    const auto text = tag ? TextOfName(name) : std::nullopt;
    if (text) elements.push_back(e.From(e.Copy(std::string(*tag) + *text), kFromCertificate));
  }
  return GiveList(e, elements, m.separator, out, found);
}

bool GiveUris(Evaluation& e, const std::vector<std::string>& uris, const FieldModifiers& modifiers,
              Datum* out, bool* found) {
  Elements elements(&e.arena);
  for (const std::string& uri : uris) elements.push_back(e.From(uri, kFromCertificate));
  return GiveList(e, elements, modifiers.separator, out, found);
}

bool RunOcspUri(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                Datum* out, bool* found) {
  return GiveUris(e, c.ocsp_uris(), m, out, found);
}

bool RunCrlUri(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
               Datum* out, bool* found) {
  return GiveUris(e, c.crl_uris(), m, out, found);
}

// --- what extensions say -------------------------------------------------------------

// What is malformed is a failure (rule E6); what is absent is not found.
template <typename T>
bool IsSaid(Evaluation& e, const Node& node, const crypto::Said<T>& said, bool* found) {
  if (!said.ok()) return e.FailPermanently(node, said.error());
  *found = said.value().has_value();
  return true;
}

// Digits and letters of an encoding, which can do no harm anywhere: nobody's text.
bool GivePlain(Evaluation& e, std::string_view text, Datum* out) {
  return *out = Datum(e.Copy(text)), true;
}

using Texts = std::vector<std::string>;

bool GiveTexts(Evaluation& e, const Node& node, const crypto::Said<Texts>& said,
               const FieldModifiers& m, Datum* out, bool* found) {
  if (!IsSaid(e, node, said, found) || !*found) return said.ok();
  Elements elements(&e.arena);
  for (const std::string& text : *said.value())
    elements.push_back(e.From(e.Copy(text), kFromCertificate));
  return GiveList(e, elements, m.separator, out, found);
}

bool GiveHex(Evaluation& e, const Node& node, const crypto::Said<std::string>& said, Datum* out,
             bool* found) {
  if (!IsSaid(e, node, said, found) || !*found) return said.ok();
  return GivePlain(e, HexLower(*said.value()), out);
}

bool GiveText(Evaluation& e, const Node& node, const crypto::Said<std::string>& said, Datum* out,
              bool* found) {
  if (!IsSaid(e, node, said, found) || !*found) return said.ok();
  return Give(e, *said.value(), out);
}

bool RunEku(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers& m,
            Datum* out, bool* found) {
  auto said = crypto::PurposesOf(c);
  if (said.ok() && said.value() && m.form.empty()) {
    for (std::string& oid : *said.value()) {
      const std::string_view name = crypto::NameOfPurpose(oid);
      if (!name.empty()) oid = name;
    }
  }
  return GiveTexts(e, node, said, m, out, found);
}

bool RunKeyUsage(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers& m,
                 Datum* out, bool* found) {
  return GiveTexts(e, node, crypto::KeyUsagesOf(c), m, out, found);
}

bool RunPolicy(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers& m,
               Datum* out, bool* found) {
  return GiveTexts(e, node, crypto::PoliciesOf(c), m, out, found);
}

bool RunSki(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers&,
            Datum* out, bool* found) {
  return GiveHex(e, node, crypto::SubjectKeyIdOf(c), out, found);
}

bool RunAki(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers&,
            Datum* out, bool* found) {
  return GiveHex(e, node, crypto::AuthorityKeyIdOf(c), out, found);
}

bool RunSid(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers&,
            Datum* out, bool* found) {
  return GiveText(e, node, crypto::SecurityIdOf(c), out, found);
}

bool RunExtension(Evaluation& e, const Node& node, const Certificate& c, const FieldModifiers& m,
                  Datum* out, bool* found) {
  if (m.form == "text") return GiveText(e, node, crypto::TextOfExtension(c, m.kind), out, found);
  return ExtensionDump(e, c, m.kind, out, found), true;
}

bool RunBasicConstraints(Evaluation& e, const Node& node, const Certificate& c,
                         const FieldModifiers& m, Datum* out, bool* found) {
  const auto said = crypto::BasicConstraintsOf(c);
  if (!IsSaid(e, node, said, found) || !*found) return said.ok();
  const crypto::BasicConstraints& constraints = *said.value();
  const std::string ca = constraints.ca ? "true" : "false";
  const auto& length = constraints.path_length;
  if (m.kind == "ca") return GivePlain(e, ca, out);
  if (m.kind == "pathlen") {
    *found = length.has_value();
    return GivePlain(e, *found ? std::to_string(*length) : "", out);
  }
  return GivePlain(e, "ca=" + ca + (length ? " pathlen=" + std::to_string(*length) : ""), out);
}

// --- the key -------------------------------------------------------------------------

bool RunKeyAlgorithm(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&,
                     Datum* out, bool* found) {
  *found = !c.key_algorithm().empty();
  return GivePlain(e, c.key_algorithm(), out);
}

bool RunKeyBits(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers&, Datum* out,
                bool* found) {
  *found = c.key_bits() != 0;
  return *out = e.Decimal(c.key_bits()), true;
}

bool RunSpkiSha256(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                   Datum* out, bool*) {
  const std::string digest = crypto::Sha256(c.public_key_der());
  return GivePlain(e, m.form == "hex" ? HexLower(digest) : EncodeBase64(digest), out);
}

// clang-format off
constexpr std::string_view kSanModifiers = "dirname dns ip mail othername= rid smtputf8 srv upn uri xmpp";
constexpr CertFieldRow kCertFields[] = {
  // name               kinds         forms           runs                  the manual says
  {"aki",               "",           "",             &RunAki,              "the identifier of the issuer's key in lower-case hex"},
  {"basic_constraints", "ca pathlen", "",             &RunBasicConstraints, "ca=true or ca=false, and perhaps pathlen=N; or one of them"},
  {"crl_uri",           "",           "",             &RunCrlUri,           "where revocation lists are; a list"},
  {"eku",               "",           "oid",          &RunEku,              "the purposes, by name or as object identifiers; a list"},
  {"extension",         "*",          "text",         &RunExtension,        "an extension by its object identifier, as pairs of hex digits or as text"},
  {"issuer",            "*",          "ldap literal", &RunIssuer,           "the issuer's distinguished name; with modifiers, a list of its parts"},
  {"key_algorithm",     "",           "",             &RunKeyAlgorithm,     "the key's algorithm, as GnuTLS names it"},
  {"key_bits",          "",           "",             &RunKeyBits,          "the key's size in bits"},
  {"key_usage",         "",           "",             &RunKeyUsage,         "what the key may be used for; a list"},
  {"notafter",          "",           "int",          &RunNotAfter,         "the end of validity; with int, seconds since the epoch"},
  {"notbefore",         "",           "int",          &RunNotBefore,        "the beginning of validity; with int, seconds since the epoch"},
  {"ocsp_uri",          "",           "",             &RunOcspUri,          "where OCSP responders are; a list"},
  {"policy",            "",           "",             &RunPolicy,           "the policies, as object identifiers; a list"},
  {"serial_number",     "",           "",             &RunSerialNumber,     "the serial number in lower-case hex without leading zeros"},
  {"sid",               "",           "",             &RunSid,              "the security identifier of a Windows account"},
  {"sig_algorithm",     "",           "",             &RunSigAlgorithm,     "the signature's algorithm, as GnuTLS names it"},
  {"signature",         "",           "",             &RunSignature,        "the signature as pairs of hex digits"},
  {"ski",               "",           "",             &RunSki,              "the identifier of the key in lower-case hex"},
  {"spki_sha256",       "",           "hex",          &RunSpkiSha256,       "SHA-256 of the public key in base64; with hex, in lower-case hex"},
  {"subj_altname",      kSanModifiers, "",             &RunSubjAltName,      "the alternative names: of one kind, or dns, uri and mail; a list"},
  {"subject",           "*",          "ldap literal", &RunSubject,          "the subject's distinguished name; with modifiers, a list of its parts"},
  {"version",           "",           "",             &RunVersion,          "the version: 3 for X.509v3"},
};
// clang-format on
static_assert(SortedAndUnique(kCertFields), "keep kCertFields in order of name");
static_assert(Named(kCertFields), "a row needs a name and a manual line");

}  // namespace

std::span<const CertFieldRow> CertFields() { return kCertFields; }

namespace {

bool IsAmong(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const std::string_view known = words.substr(0, end);
    if (known == word || (known.ends_with('=') && word.starts_with(known))) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// Reads the modifiers that stand behind a field's name, each with its comma before it.
void ReadModifiers(std::string_view rest, FieldRequest* request) {
  const CertFieldRow& row = *request->row;
  FieldModifiers& modifiers = request->modifiers;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    modifiers.any = true;
    // ">," is a separator where a list of names follows, but for the name of a subject the
    // comma ends the modifier, and the separator stays a newline.
    if (rest.starts_with(">,") && row.name != "subject" && row.name != "issuer") {
      modifiers.separator = ',';
      rest.remove_prefix(2);
      continue;
    }
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view modifier = rest.substr(0, end);
    rest.remove_prefix(end);
    if (modifier.starts_with('>')) {
      if (modifier.size() > 1) modifiers.separator = modifier[1];
    } else if (IsAmong(row.forms, modifier)) {
      modifiers.form = modifier;
    } else if (row.kinds == "*" || IsAmong(row.kinds, modifier)) {
      if (!modifier.empty()) modifiers.kind = modifier;
    } else if (!modifier.empty()) {
      if (request->unknown.empty()) request->unknown = modifier;
      // As in Exim: here the rest is not looked at.
      if (row.run == &RunSubjAltName) request->ended = true;
      if (request->ended) return;
    }
  }
}

bool IsOid(std::string_view text) {
  return !text.empty() && IsDigit(text.front()) && IsDigit(text.back()) &&
         text.find("..") == text.npos && text.find_first_not_of("0123456789.") == text.npos;
}

// What is wrong with what modifiers ask for, or "".
std::string WrongOid(const FieldRequest& request) {
  std::string_view oid = request.modifiers.kind;
  const std::string example = request.row->run == &RunExtension ? "extension,1.2.3"
                              : oid.starts_with(kOtherName)     ? "subj_altname,othername=1.2.3"
                                                                : "";
  if (example.empty()) return "";
  if (oid.starts_with(kOtherName)) oid.remove_prefix(kOtherName.size());
  return IsOid(oid) ? "" : "object identifier expected in certextract, as in " + InQuotes(example);
}

}  // namespace

FieldRequest ReadField(std::string_view text) {
  FieldRequest request;
  text = Trim(text);
  if (!text.empty() && IsDigit(text.front())) {
    request.oid = text;
    return request;
  }
  std::size_t comma = std::min(text.find(','), text.size());
  request.name = text.substr(0, comma);
  for (const CertFieldRow& row : CertFields())
    if (request.name.starts_with(row.name)) request.row = &row;
  if (request.row == nullptr) {
    request.wrong = "bad field selector " + InQuotes(text) + " for certextract";
    return request;
  }
  // Text that is no modifier behind a name that is only a beginning takes modifiers away.
  if (request.name == request.row->name) ReadModifiers(text.substr(comma), &request);
  request.wrong = WrongOid(request);
  return request;
}

void ExtensionDump(Evaluation& e, const Certificate& certificate, std::string_view oid,
                   Datum* result, bool* found) {
  auto value = certificate.extension(oid);
  *found = value.has_value();
  if (*found) *result = e.From(e.Copy(PairsOfHex(*value)), kFromCertificate);
}

}  // namespace signet::expand
