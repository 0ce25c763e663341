#include "src/cli/ldif_schema.h"

#include <algorithm>

#include "src/base/charset.h"
#include "src/base/codec.h"
#include "src/base/text.h"

namespace signet::cli {
namespace {

using enum LdifSyntax;

struct TypeRow {
  std::string_view spelling;  // as servers answer
  LdifSyntax syntax = kText;
  std::string_view other = {};  // another name, lower case
  std::string_view oid = {};
  bool is_name = false;  // a kind of "name"
  bool operational = false;
};

// clang-format off
constexpr TypeRow kTypes[] = {
  {"cn", kText, "commonname", "2.5.4.3", true},
  {"sn", kText, "surname", "2.5.4.4", true},
  {"c", kText, "countryname", "2.5.4.6", true},
  {"l", kText, "localityname", "2.5.4.7", true},
  {"st", kText, "stateorprovincename", "2.5.4.8", true},
  {"street", kText, "streetaddress", "2.5.4.9"},
  {"o", kText, "organizationname", "2.5.4.10", true},
  {"ou", kText, "organizationalunitname", "2.5.4.11", true},
  {"title", kText, {}, "2.5.4.12", true},
  {"description", kText, {}, "2.5.4.13"},
  {"name", kText, {}, "2.5.4.41", true},
  {"givenName", kText, "gn", "2.5.4.42", true},
  {"initials", kText, {}, "2.5.4.43", true},
  {"generationQualifier", kText, {}, "2.5.4.44", true},
  {"serialNumber", kText, {}, "2.5.4.5"},
  {"dc", kText, "domaincomponent", "0.9.2342.19200300.100.1.25"},
  {"uid", kText, "userid", "0.9.2342.19200300.100.1.1"},
  {"mail", kText, "rfc822mailbox", "0.9.2342.19200300.100.1.3"},
  {"email", kText, "emailaddress", "1.2.840.113549.1.9.1"},
  {"displayName"}, {"employeeNumber"}, {"employeeType"}, {"departmentNumber"}, {"carLicense"},
  {"objectClass", kObjectClass, {}, "2.5.4.0"},
  {"userPassword", kOctets, {}, "2.5.4.35"},
  {"jpegPhoto", kOctets}, {"userCertificate", kOctets}, {"cACertificate", kOctets},
  {"userSMIMECertificate", kOctets}, {"userPKCS12", kOctets}, {"objectGUID", kOctets}, {"objectSid", kOctets},
  {"homeDirectory", kExact}, {"loginShell", kExact}, {"memberUid", kExact}, {"labeledURI", kExact},
  {"ref", kExact},
  {"uidNumber", kInteger}, {"gidNumber", kInteger}, {"userAccountControl", kInteger},
  {"telephoneNumber", kPhone}, {"mobile", kPhone, "mobiletelephonenumber"}, {"pager", kPhone},
  {"homePhone", kPhone},
  {"member", kName}, {"uniqueMember", kName}, {"owner", kName}, {"manager", kName},
  {"secretary", kName}, {"seeAlso", kName}, {"roleOccupant", kName}, {"memberOf", kName},
  {"distinguishedName", kName}, {"aliasedObjectName", kName},
  {"createTimestamp", kText, {}, {}, false, true}, {"modifyTimestamp", kText, {}, {}, false, true},
  {"creatorsName", kName, {}, {}, false, true}, {"modifiersName", kName, {}, {}, false, true},
  {"entryUUID", kText, {}, {}, false, true}, {"entryCSN", kText, {}, {}, false, true},
  {"entryDN", kName, {}, {}, false, true}, {"structuralObjectClass", kObjectClass, {}, {}, false, true},
  {"subschemaSubentry", kName, {}, {}, false, true}, {"hasSubordinates", kText, {}, {}, false, true},
  {"contextCSN", kText, {}, {}, false, true}, {"pwdChangedTime", kText, {}, {}, false, true},
};

struct ClassRow {
  std::string_view name, superior;
};
constexpr ClassRow kClasses[] = {
  {"inetorgperson", "organizationalperson"}, {"organizationalperson", "person"}, {"residentialperson", "person"},
  {"user", "organizationalperson"}, {"computer", "user"}, {"dynamicobject", "top"},
  {"pilotperson", "person"}, {"newpilotperson", "person"},
};
// clang-format on

const TypeRow* FindType(std::string_view type) {
  for (const TypeRow& row : kTypes)
    if (EqualsIgnoreCase(row.spelling, type) || row.other == type || row.oid == type) return &row;
  return nullptr;
}

void AppendUtf8(char32_t c, std::string* out) {
  if (c < 0x80) {
    *out += static_cast<char>(c);
  } else if (c < 0x800) {
    *out += static_cast<char>(0xc0 | (c >> 6));
    *out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    *out += static_cast<char>(0xe0 | (c >> 12));
    *out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    *out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// Letters of the scripts that have case and are in use: Latin, Greek, Cyrillic.
char32_t Folded(char32_t c) {
  if (c < 0x80) return static_cast<unsigned char>(ToLower(static_cast<char>(c)));
  if (c == 0xa0) return ' ';  // a blank that does not break a line is one
  if (c >= 0xc0 && c <= 0xde && c != 0xd7) return c + 32;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) return c | 1;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c + (c & 1);
  if (c == 0x178) return 0xff;
  if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 32;
  if (c >= 0x400 && c <= 0x40f) return c + 80;
  if (c >= 0x410 && c <= 0x42f) return c + 32;
  return c;
}

std::string Fold(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Step step = StepUtf8(text);
    const std::string_view octets = text.substr(0, step.octets);
    text.remove_prefix(step.octets);
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(octets[i]); };
    if (!step.valid || octets.size() > 3) {
      out += octets;
    } else if (octets.size() == 1) {
      out += ToLower(octets[0]);
    } else if (octets.size() == 2) {
      AppendUtf8(Folded(static_cast<char32_t>((at(0) & 0x1f) << 6 | (at(1) & 0x3f))), &out);
    } else {
      out += octets;
    }
  }
  return out;
}

// Runs of blanks as one.
std::string Squeezed(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  return out;
}

std::string WithoutEnds(std::string text) {
  while (text.size() > 1 && text.front() == ' ') text.erase(0, 1);
  while (text.size() > 1 && text.back() == ' ') text.pop_back();
  return text;
}

std::optional<std::string> NormalizedInteger(std::string_view value) {
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  if (value.empty() || !std::all_of(value.begin(), value.end(), IsDigit)) return std::nullopt;
  while (value.size() > 1 && value[0] == '0') value.remove_prefix(1);
  return (negative && value != "0" ? "-" : "") + std::string(value);
}

// --- names ---------------------------------------------------------------------------------

constexpr std::string_view kSpecial = " \"#+,;<=>\\";

void SkipBlanks(std::string_view* text) {
  while (text->starts_with(' ')) text->remove_prefix(1);
}

// Of a value. Semicolons between parts are of RFC 2253, and servers take them still.
bool IsEnd(char c) { return c == ',' || c == ';' || c == '+'; }

// "#04024869": the octets within an encoded value.
std::optional<std::string> ReadHexValue(std::string_view* text) {
  std::string hex;
  while (!text->empty() && !IsEnd((*text)[0]) && (*text)[0] != ' ') {
    hex += (*text)[0];
    text->remove_prefix(1);
  }
  const auto octets = DecodeHex(hex);
  if (!octets || octets->size() < 2) return std::nullopt;
  const std::size_t length = static_cast<unsigned char>((*octets)[1]);
  if (length > 127 || octets->size() != length + 2) return std::nullopt;
  return octets->substr(2);
}

std::optional<std::string> ReadEscape(std::string_view* text) {
  text->remove_prefix(1);
  if (!text->empty() && kSpecial.find((*text)[0]) != kSpecial.npos) {
    const std::string one(1, (*text)[0]);
    text->remove_prefix(1);
    return one;
  }
  const auto octet = DecodeHex(text->substr(0, 2));
  if (!octet || octet->size() != 1) return std::nullopt;
  text->remove_prefix(2);
  return octet;
}

// "Sue, Grabbit and Runn" between quotation marks, as RFC 2253 let it stand.
std::optional<std::string> ReadQuoted(std::string_view* text) {
  text->remove_prefix(1);
  std::string value;
  while (!text->empty() && (*text)[0] != '"') {
    if ((*text)[0] == '\\') {
      const auto escaped = ReadEscape(text);
      if (!escaped) return std::nullopt;
      value += *escaped;
      continue;
    }
    value += (*text)[0];
    text->remove_prefix(1);
  }
  if (text->empty()) return std::nullopt;
  text->remove_prefix(1);
  return value;
}

std::optional<std::string> ReadValue(std::string_view* text) {
  SkipBlanks(text);
  if (text->starts_with('"')) return ReadQuoted(text);
  if (text->starts_with('#')) {
    text->remove_prefix(1);
    return ReadHexValue(text);
  }
  std::string value;
  std::size_t meant = 0;  // octets up to the last that is no blank at the end
  while (!text->empty() && !IsEnd((*text)[0])) {
    const char c = (*text)[0];
    if (c == '\\') {
      const auto escaped = ReadEscape(text);
      if (!escaped) return std::nullopt;
      value += *escaped;
      meant = value.size();
      continue;
    }
    if (c == '"' || c == '<' || c == '>' || c == '\0') return std::nullopt;
    text->remove_prefix(1);
    value += c;
    if (c != ' ') meant = value.size();
  }
  value.resize(meant);
  return value;
}

std::optional<LdifName::Pair> ReadPair(std::string_view* text) {
  SkipBlanks(text);
  LdifName::Pair pair;
  while (!text->empty() && (IsAlnum((*text)[0]) || (*text)[0] == '-' || (*text)[0] == '.')) {
    pair.type += (*text)[0];
    text->remove_prefix(1);
  }
  SkipBlanks(text);
  if (pair.type.empty() || !text->starts_with('=')) return std::nullopt;
  text->remove_prefix(1);
  auto value = ReadValue(text);
  if (!value) return std::nullopt;
  pair.value = *std::move(value);
  SkipBlanks(text);
  return pair;
}

std::string Escaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool at_end = i == 0 || i + 1 == value.size();
    const bool special = c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' ||
                         c == '\\' || c == '=' || c == '\0' || (c == ' ' && at_end) ||
                         (c == '#' && i == 0);
    if (special)
      out += "\\" + HexUpper(std::string(1, c));
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string LdifType(std::string_view description) {
  std::string type = Lower(description.substr(0, description.find(';')));
  if (const TypeRow* row = FindType(type)) type = Lower(row->spelling);
  return type;
}

LdifSyntax LdifSyntaxOf(std::string_view type) {
  const TypeRow* row = FindType(type);
  return row != nullptr ? row->syntax : kText;
}

std::optional<std::string_view> LdifSpelling(std::string_view type) {
  const TypeRow* row = FindType(type);
  if (row == nullptr) return std::nullopt;
  return row->spelling;
}

bool LdifIsOperational(std::string_view type) {
  const TypeRow* row = FindType(type);
  return row != nullptr && row->operational;
}

bool LdifIsKindOf(std::string_view type, std::string_view wanted) {
  if (type == wanted) return true;
  const TypeRow* row = FindType(type);
  return wanted == "name" && row != nullptr && row->is_name;
}

std::vector<std::string_view> LdifSuperiors(std::string_view object_class) {
  std::vector<std::string_view> all;
  for (bool found = true; found;) {
    found = false;
    for (const ClassRow& row : kClasses) {
      if (!EqualsIgnoreCase(row.name, object_class)) continue;
      all.push_back(row.superior);
      object_class = row.superior;
      found = true;
      break;
    }
  }
  all.push_back("top");
  return all;
}

std::optional<std::string> LdifNormalized(LdifSyntax syntax, std::string_view value) {
  switch (syntax) {
    case kOctets:
      return std::string(value);
    case kExact:
      return WithoutEnds(Squeezed(value));
    case kInteger:
      return NormalizedInteger(value);
    case kPhone: {
      std::string text = Fold(value);
      std::erase_if(text, [](char c) { return c == ' ' || c == '-'; });
      return text;
    }
    case kName: {
      const auto name = LdifName::Parse(value);
      if (!name) return std::nullopt;
      return name->Normalized();
    }
    case kText:
    case kObjectClass:
      break;
  }
  return WithoutEnds(Squeezed(Fold(value)));
}

std::string LdifNormalizedPiece(LdifSyntax syntax, std::string_view piece) {
  if (syntax == kOctets) return std::string(piece);
  if (syntax == kExact) return Squeezed(piece);
  std::string text = Squeezed(Fold(piece));
  if (syntax == kPhone) std::erase_if(text, [](char c) { return c == ' ' || c == '-'; });
  return text;
}

std::optional<LdifName> LdifName::Parse(std::string_view text) {
  LdifName name;
  SkipBlanks(&text);
  while (text.ends_with(' ') && !text.ends_with("\\ ")) text.remove_suffix(1);
  if (text.empty()) return name;
  while (true) {
    std::vector<Pair> part;
    while (true) {
      auto pair = ReadPair(&text);
      if (!pair) return std::nullopt;
      part.push_back(*std::move(pair));
      if (!text.starts_with('+')) break;
      text.remove_prefix(1);
    }
    name.parts.push_back(std::move(part));
    if (text.empty()) return name;
    if (text[0] != ',' && text[0] != ';') return std::nullopt;
    text.remove_prefix(1);
  }
}

std::string LdifName::Normalized() const {
  std::string out;
  for (const auto& part : parts) {
    std::vector<std::string> pairs;
    for (const Pair& pair : part) {
      const std::string type = LdifType(pair.type);
      // One that has no form of its syntax is still itself.
      const auto value = LdifNormalized(LdifSyntaxOf(type), pair.value);
      pairs.push_back(type + '=' + Escaped(value ? *value : pair.value));
    }
    std::sort(pairs.begin(), pairs.end());
    if (!out.empty()) out += ',';
    for (std::size_t i = 0; i < pairs.size(); ++i) out += (i > 0 ? "+" : "") + pairs[i];
  }
  return out;
}

std::string LdifName::Pretty() const {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ',';
    for (std::size_t i = 0; i < part.size(); ++i) {
      const auto spelling = LdifSpelling(LdifType(part[i].type));
      out += (i > 0 ? "+" : "") + std::string(spelling ? *spelling : part[i].type) + '=' +
             Escaped(part[i].value);
    }
  }
  return out;
}

}  // namespace signet::cli
