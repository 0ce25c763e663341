#include "expand/cert_fields.h"

#include <cstdint>
#include <ctime>
#include <string>

#include "expand/evaluate.h"
#include "expand/message.h"
#include "src/base/codec.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"
#include "src/crypto/name.h"

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
// them as they are. Attributes that are not valid in their type are left out (I6).
bool GiveName(Evaluation& e, const std::vector<crypto::NameAttribute>& name,
              const std::string& text, const FieldModifiers& modifiers, Datum* out, bool* found) {
  if (!modifiers.any) {
    *found = !text.empty();
    return Give(e, text, out);
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

struct SanKind {
  crypto::SanType type;
  std::string_view modifier;
  std::string_view tag;
};
constexpr SanKind kSanKinds[] = {{crypto::SanType::kDns, "dns", "DNS="},
                                 {crypto::SanType::kUri, "uri", "URI="},
                                 {crypto::SanType::kMail, "mail", "MAIL="}};

bool RunSubjAltName(Evaluation& e, const Node&, const Certificate& c, const FieldModifiers& m,
                    Datum* out, bool* found) {
  const SanKind* wanted = nullptr;
  for (const SanKind& kind : kSanKinds)
    if (kind.modifier == m.kind) wanted = &kind;
  Elements elements(&e.arena);
  for (const crypto::SanName& name : c.alternative_names()) {
    if (!name.valid) continue;
    for (const SanKind& kind : kSanKinds) {
      if (kind.type != name.type || (wanted != nullptr && wanted != &kind)) continue;
      std::string_view text =
          wanted != nullptr ? name.value : e.Copy(std::string(kind.tag) + name.value);
      elements.push_back(e.From(text, kFromCertificate));
    }
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

// clang-format off
constexpr CertFieldRow kCertFields[] = {
  // name           kinds           forms      runs              the manual says
  {"crl_uri",       "",             "",        &RunCrlUri,       "where revocation lists are; a list"},
  {"issuer",        "*",            "literal", &RunIssuer,       "the issuer's distinguished name; with modifiers, a list of its parts"},
  {"notafter",      "",             "int",     &RunNotAfter,     "the end of validity; with int, seconds since the epoch"},
  {"notbefore",     "",             "int",     &RunNotBefore,    "the beginning of validity; with int, seconds since the epoch"},
  {"ocsp_uri",      "",             "",        &RunOcspUri,      "where OCSP responders are; a list"},
  {"serial_number", "",             "",        &RunSerialNumber, "the serial number in lower-case hex without leading zeros"},
  {"sig_algorithm", "",             "",        &RunSigAlgorithm, "the signature's algorithm, as GnuTLS names it"},
  {"signature",     "",             "",        &RunSignature,    "the signature as pairs of hex digits"},
  {"subj_altname",  "dns mail uri", "",        &RunSubjAltName,  "the alternative names: dns, uri, mail or all; a list"},
  {"subject",       "*",            "literal", &RunSubject,      "the subject's distinguished name; with modifiers, a list of its parts"},
  {"version",       "",             "",        &RunVersion,      "the version: 3 for X.509v3"},
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
  if (request.row == nullptr)
    request.wrong = "bad field selector " + InQuotes(text) + " for certextract";
  // Text that is no modifier behind a name that is only a beginning takes modifiers away.
  else if (request.name == request.row->name)
    ReadModifiers(text.substr(comma), &request);
  return request;
}

void ExtensionDump(Evaluation& e, const Certificate& certificate, std::string_view oid,
                   Datum* result, bool* found) {
  auto value = certificate.extension(oid);
  *found = value.has_value();
  if (*found) *result = e.From(e.Copy(PairsOfHex(*value)), kFromCertificate);
}

}  // namespace signet::expand
