#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "expand/alabel.h"
#include "expand/evaluate.h"
#include "expand/files.h"
#include "expand/hash.h"
#include "expand/header_wrap.h"
#include "expand/ip_address.h"
#include "expand/mailbox.h"
#include "expand/number.h"
#include "expand/query.h"
#include "expand/table.h"
#include "src/base/charset.h"
#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"
#include "src/crypto/digest.h"

// ${name:…}: functions, then the table. A function here adapts; the work is done by
// ordinary functions elsewhere.
namespace signet::expand {
namespace {

// --- arguments behind an underscore --------------------------------------------------

// One or two numbers; the first may be negative where `first` allows it.
std::string ReadNumbers(std::string_view name, std::string_view argument, Sign first,
                        std::size_t most, Node* node) {
  if (argument.data() == nullptr) return "missing values after " + std::string(name);
  std::string junk = "non-digit after underscore in " + InQuotes(name);
  for (std::string_view rest = argument;; rest.remove_prefix(1)) {
    bool negative = node->number_count == 0 && first == Sign::kAllowed && rest.starts_with('-');
    if (negative) rest.remove_prefix(1);
    std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 && argument.size() > 0) return junk;
    auto value = ReadFieldNumber(rest.substr(0, digits));
    if (value.has_value() && *value > INT32_MAX) return "value too large in " + InQuotes(name);
    node->numbers[node->number_count++] = negative ? -value.value_or(0) : value.value_or(0);
    rest.remove_prefix(digits);
    if (rest.empty()) return "";
    if (rest.front() != '_' || node->number_count == most) return junk;
  }
}

std::string ReadLength(CompileContext&, std::string_view name, std::string_view argument,
                       Node* node) {
  return ReadNumbers(name, argument, Sign::kNone, 1, node);
}

std::string ReadSubstring(CompileContext&, std::string_view name, std::string_view argument,
                          Node* node) {
  return ReadNumbers(name, argument, Sign::kAllowed, 2, node);
}

std::string ReadSha2(CompileContext&, std::string_view, std::string_view argument, Node* node) {
  node->numbers[0] = 256;
  if (argument.data() == nullptr || argument == "256") return "";
  if (argument != "384" && argument != "512") return "unrecognised sha2 variant";
  node->numbers[0] = argument == "384" ? 384 : 512;
  return "";
}

std::string ReadSha3(CompileContext&, std::string_view, std::string_view argument, Node* node) {
  node->numbers[0] = 256;
  if (argument.data() == nullptr) return "";
  for (std::int64_t bits : {224, 256, 384, 512})
    if (argument == std::to_string(bits)) return node->numbers[0] = bits, "";
  return "unrecognised sha3 variant";
}

std::string ReadHash(CompileContext&, std::string_view name, std::string_view argument,
                     Node* node) {
  std::string wrong = ReadNumbers(name, argument, Sign::kNone, 2, node);
  if (wrong.empty() && node->number_count == 1) node->numbers[1] = kHashCodesDefault;
  return wrong.empty() ? CheckHashNumbers(node->numbers[0], node->numbers[1]) : wrong;
}

std::string ReadNumericHash(CompileContext&, std::string_view name, std::string_view argument,
                            Node* node) {
  std::string wrong = ReadNumbers(name, argument, Sign::kNone, 2, node);
  if (wrong.empty() && (node->numbers[0] == 0 || (node->number_count > 1 && node->numbers[1] == 0)))
    wrong = "\"0\" is not a positive number (in \"nhash\" expansion)";
  return wrong;
}

// Columns and octets; 0 is no limit.
std::string ReadHeaderWrap(CompileContext&, std::string_view name, std::string_view argument,
                           Node* node) {
  if (argument.data() != nullptr) {
    std::string wrong = ReadNumbers(name, argument, Sign::kNone, 2, node);
    if (!wrong.empty()) return wrong;
  }
  if (node->number_count < 1) node->numbers[0] = 80;
  if (node->number_count < 2) node->numbers[1] = 998;
  return "";
}

std::string ReadMask(CompileContext&, std::string_view name, std::string_view argument,
                     Node* node) {
  if (argument.data() != nullptr && argument != "n")
    return "\"n\" expected after the underscore in " + InQuotes(name);
  node->numbers[0] = argument.data() != nullptr;
  return "";
}

// quote_TYPE and quote_TYPE_OPTION for any lookup type. Those that take LDAP's quoting know
// `dn`; those with a quoting of their own say themselves what they know; others leave text as
// it is.
std::string ReadQuote(CompileContext& context, std::string_view, std::string_view argument,
                      Node* node) {
  node->numbers[0] = argument.data() != nullptr;
  if (argument.data() == nullptr) return "";
  std::size_t cut = argument.find('_');
  std::string_view name = argument.substr(0, cut);
  std::string_view option = cut == std::string_view::npos ? "" : argument.substr(cut + 1);
  const LookupType* type = context.names.FindLookup(name);
  if (type == nullptr) return "unknown lookup type " + InQuotes(name);
  const bool ldap = Accepts(*type, Quote::kLdapFilter);
  std::string ignored;
  bool known = cut == std::string_view::npos || (ldap && option == "dn");
  if (!ldap && type->quote) known = type->quote(option, "", &ignored);
  if (!known) return InQuotes(option) + " unrecognized after \"${quote_" + std::string(name) + "\"";
  if (ldap) node->quote = option == "dn" ? QuoteHow::kLdapDn : QuoteHow::kLdapFilter;
  if (ldap || !type->quote) return "";
  node->quote = QuoteHow::kByType;
  node->text = context.Keep(std::string(option));
  node->lookup = context.KeepLookup(*type);
  return "";
}

// --- named lists: read at load, because only then are their names known --------------

struct ListKind {
  char letter;
  std::string_view keyword;
  std::string_view shown;
};
// In the order in which a list without a kind is looked for.
constexpr ListKind kListKinds[] = {{'a', "addresslist", "address"},
                                   {'d', "domainlist", "domain"},
                                   {'h', "hostlist", "host"},
                                   {'l', "localpartlist", "localpart"}};
constexpr int kNamedListNesting = 20;

const ListKind* FindKindOf(const Names& names, std::string_view name) {
  for (const ListKind& kind : kListKinds)
    if (names.FindNamedList(kind.keyword, name).has_value()) return &kind;
  return nullptr;
}

// Appends the items of a list, those of lists within it in their place.
void AppendItems(const Names& names, const ListKind& kind, std::string_view name, int nesting,
                 std::string* text) {
  auto span = names.FindNamedList(kind.keyword, name);
  if (!span.has_value() || nesting > kNamedListNesting) return;
  for (const std::string& item : SplitAdministratorList(span->view())) {
    if (item.starts_with('+') && names.FindNamedList(kind.keyword, item.substr(1)).has_value()) {
      AppendItems(names, kind, item.substr(1), nesting + 1, text);
      continue;
    }
    if (!text->empty()) *text += " : ";
    for (char c : item) *text += c == ':' ? std::string("::") : std::string(1, c);
  }
}

std::string ReadNamedList(CompileContext& context, std::string_view, std::string_view argument,
                          Node* node) {
  const std::string_view* operand = context.ConstantText(context.Child(*node, 0));
  if (operand == nullptr) return "the name of a list must be a constant text";
  std::string_view name = *operand;
  if (name.starts_with('+')) name.remove_prefix(1);
  const ListKind* kind = nullptr;
  if (argument.data() != nullptr) {
    for (const ListKind& k : kListKinds)
      if (!argument.empty() && k.letter == argument.front()) kind = &k;
    if (kind == nullptr) return "bad suffix on \"list\" operator";
    if (!context.names.FindNamedList(kind->keyword, name).has_value())
      return InQuotes(name) + " is not a " + std::string(kind->shown) + " named list";
  } else {
    kind = FindKindOf(context.names, name);
    if (kind == nullptr) return InQuotes(name) + " is not a named list";
  }
  std::string text;
  AppendItems(context.names, *kind, name, 0, &text);
  node->text = context.Keep(std::move(text));
  return "";
}

// --- text ----------------------------------------------------------------------------

// Rewrites octet by octet.
template <typename F>
Datum Mapped(Evaluation& e, const Datum& subject, F change) {
  char* octets = e.Octets(subject.text.size());
  std::transform(subject.text.begin(), subject.text.end(), octets, change);
  return Datum(Text{{octets, subject.text.size()}, subject.segments});
}

bool RunLower(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return *out = Mapped(e, s, ToLower), true;
}

bool RunUpper(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return *out = Mapped(e, s, ToUpper), true;
}

bool RunStrlen(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return *out = e.Decimal(static_cast<std::int64_t>(s.text.size())), true;
}

bool RunLength(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto length = static_cast<std::size_t>(node.numbers[0]);
  return *out = Datum(PartOf(s, 0, std::min(length, s.text.size()), &e.arena)), true;
}

bool RunSubstring(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::optional<std::int64_t> length;
  if (node.number_count > 1) length = node.numbers[1];
  return *out = Datum(Substring(e, s, node.numbers[0], length)), true;
}

// A result that copies: `text` has the origins of `s` all over.
bool Give(Evaluation& e, const Datum& s, std::string_view text, Datum* out,
          Quote quote = Quote::kNone) {
  return *out = e.From(e.Copy(text), s.origins(), quote), true;
}

// A result of digits or letters only, which can do no harm anywhere: nobody's text.
bool GivePlain(Evaluation& e, std::string_view text, Datum* out) {
  return *out = Datum(e.Copy(text)), true;
}

bool RunHash(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto length = static_cast<std::size_t>(node.numbers[0]);
  if (length >= s.text.size()) return *out = Datum(Text{s.text, s.segments}), true;
  return GivePlain(e, Hash(s.text, length, static_cast<std::size_t>(node.numbers[1])), out);
}

bool RunNumericHash(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::int64_t second = node.number_count > 1 ? node.numbers[1] : 0;
  return GivePlain(e, NumericHash(s.text, node.numbers[0], second), out);
}

std::string QuoteWord(std::string_view text) {
  bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlnum(c) || c == '_' || c == '.' || c == '-';
  });
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

bool RunQuote(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  switch (node.quote) {
    case QuoteHow::kLdapFilter:
      return Give(e, s, QuoteLdapFilter(s.text), out, Quote::kLdapFilter);
    case QuoteHow::kLdapDn:
      return Give(e, s, QuoteLdapDn(s.text), out, Quote::kLdapDn);
    case QuoteHow::kByType: {
      std::string quoted;
      if (!node.lookup->quote(node.text, s.text, &quoted))
        return e.FailPermanently(node,
                                 "no such quoting for lookup type " + InQuotes(node.lookup->name));
      return Give(e, s, quoted, out, QuoteOfItsOwn(*node.lookup));
    }
    case QuoteHow::kUnchanged:
      break;
  }
  // quote_TYPE of a type whose keys are data: unchanged.
  if (node.numbers[0] != 0) return *out = Datum(Text{s.text, s.segments}), true;
  return Give(e, s, QuoteWord(s.text), out, Quote::kWord);
}

bool RunQuoteLdap(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, QuoteLdapFilter(s.text), out, Quote::kLdapFilter);
}

bool RunQuoteLdapDn(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, QuoteLdapDn(s.text), out, Quote::kLdapDn);
}

bool IsLocalPartChar(char c) {
  return IsAlnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool RunQuoteLocalPart(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  std::string_view t = s.text;
  bool plain =
      !t.empty() && t.front() != '.' && t.back() != '.' &&
      std::all_of(t.begin(), t.end(), [](char c) { return c == '.' || IsLocalPartChar(c); });
  if (plain) return *out = Datum(Text{t, s.segments}), true;
  std::string quoted = QuoteWord(t);
  if (quoted.empty() || quoted.front() != '"') quoted = '"' + quoted + '"';
  return Give(e, s, quoted, out);
}

bool RunRxQuote(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  std::string quoted;
  for (char c : s.text) {
    if (!IsAlnum(c)) quoted += '\\';
    quoted += c;
  }
  return Give(e, s, quoted, out, Quote::kRegex);
}

void AppendOctal(char c, std::string* out) {
  auto u = static_cast<unsigned char>(c);
  *out += '\\';
  for (int shift : {6, 3, 0}) *out += static_cast<char>('0' + ((u >> shift) & 7));
}

// What does not print as \n, \r, … or octal; a tab does.
std::string EscapeOctets(std::string_view text) {
  constexpr std::string_view kOctets = "\n\r\b\v\f", kNames = "nrbvf";
  std::string escaped;
  for (char c : text) {
    if (std::size_t n = kOctets.find(c); n != std::string_view::npos) {
      escaped += '\\';
      escaped += kNames[n];
    } else if (c == '\t' || (c >= ' ' && c < '\x7f')) {
      escaped += c;
    } else {
      AppendOctal(c, &escaped);
    }
  }
  return escaped;
}

// As much of a text as a message shows.
std::string_view Shortened(std::string_view text) { return text.substr(0, 200); }

bool RunEscape(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, EscapeOctets(s.text), out);
}

bool RunEscape8Bit(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  std::string escaped;
  for (char c : s.text) {
    if (c == '\\' || static_cast<unsigned char>(c) >= 127)
      AppendOctal(c, &escaped);
    else
      escaped += c;
  }
  return Give(e, s, escaped, out);
}

bool RunHexQuote(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  std::string quoted;
  for (char c : s.text) {
    if (c > ' ' && c < '\x7f')
      quoted += c;
    else
      quoted += "\\x" + HexLower({&c, 1});
  }
  return Give(e, s, quoted, out);
}

// --- digests and encodings -----------------------------------------------------------

// The octets an operator works on: a certificate's DER, or the text. Fails where a
// certificate variable holds none: the digest of nothing would be an identity for all.
bool OctetsOf(Evaluation& e, const Node& node, const Datum& s, std::string_view* octets) {
  *octets = s.certificate != nullptr ? s.certificate->der() : s.text;
  if (!s.of_certificate_kind || s.certificate != nullptr) return true;
  return e.FailPermanently(node, "no certificate for \"" + std::string(node.op->name) + "\"");
}

bool RunMd5(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string_view octets;
  if (!OctetsOf(e, node, s, &octets)) return false;
  std::string digest = crypto::Md5(octets);
  return GivePlain(e, s.certificate != nullptr ? HexUpper(digest) : HexLower(digest), out);
}

bool RunSha1(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string_view octets;
  return OctetsOf(e, node, s, &octets) && GivePlain(e, HexUpper(crypto::Sha1(octets)), out);
}

std::string Sha2(std::int64_t bits, std::string_view octets) {
  if (bits == 384) return crypto::Sha384(octets);
  return bits == 512 ? crypto::Sha512(octets) : crypto::Sha256(octets);
}

bool RunSha256(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string_view octets;
  if (!OctetsOf(e, node, s, &octets)) return false;
  // A certificate's fingerprint is SHA-256 whatever the argument says, as in Exim.
  return GivePlain(e, HexUpper(Sha2(s.certificate != nullptr ? 256 : node.numbers[0], octets)),
                   out);
}

bool RunSha2(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  return GivePlain(e, HexUpper(Sha2(node.numbers[0], s.text)), out);
}

bool RunSha3(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  return GivePlain(e, HexUpper(crypto::Sha3(static_cast<int>(node.numbers[0]), s.text)), out);
}

bool RunBase64(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string_view octets;
  if (!OctetsOf(e, node, s, &octets)) return false;
  Origins origins = s.certificate != nullptr ? Origins{kFromCertificate} : s.origins();
  return *out = e.From(e.Copy(EncodeBase64(octets)), origins), true;
}

bool RunStr2B64(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, EncodeBase64(s.text), out);
}

bool RunBase64D(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string packed;
  std::copy_if(s.text.begin(), s.text.end(), std::back_inserter(packed),
               [](char c) { return !IsSpace(c); });
  auto octets = DecodeBase64(packed, DroppedBits::kAny);
  if (!octets.has_value())
    return e.FailPermanently(
        node, "string " + InQuotes(s.text) + " is not well-formed for \"base64d\" operator");
  return Give(e, s, *octets, out);
}

bool RunHex2B64(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto octets = DecodeHex(s.text);
  if (octets.has_value()) return Give(e, s, EncodeBase64(*octets), out);
  bool hex = s.text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  return e.FailPermanently(node, InQuotes(s.text) + (hex ? " contains an odd number of characters"
                                                         : " is not a hex string"));
}

bool BadNumber(Evaluation& e, const Node& node, const Datum& s, std::string_view what) {
  return e.FailPermanently(node, "argument for " + std::string(node.op->name) + " operator is " +
                                     InQuotes(s.text) + ", which is not a " + std::string(what) +
                                     " number");
}

bool RunBase32(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto number = ReadUnsigned(s.text);
  if (!number.has_value()) return BadNumber(e, node, s, "decimal");
  return GivePlain(e, WriteInBase(*number, kBase32Digits), out);
}

// Always six digits; larger numbers lose their front.
bool RunBase62(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  constexpr std::size_t kDigits = 6;
  auto number = ReadUnsigned(s.text);
  if (!number.has_value()) return BadNumber(e, node, s, "decimal");
  std::string digits = std::string(kDigits, '0') + WriteInBase(*number, kBase62Digits);
  return GivePlain(e, digits.substr(digits.size() - kDigits), out);
}

bool RunBase32D(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto number = ReadInBase(s.text, kBase32Digits);
  if (!number.has_value()) return BadNumber(e, node, s, "base 32");
  return *out = e.Decimal(static_cast<std::int64_t>(*number)), true;
}

bool RunBase62D(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto number = ReadInBase(s.text, kBase62Digits);
  if (!number.has_value()) return BadNumber(e, node, s, "base 62");
  return *out = e.Decimal(static_cast<std::int64_t>(*number)), true;
}

bool RunXtextD(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto octets = DecodeXtext(s.text);
  // A NUL is in no address; where text ends at one, what follows it would be hidden.
  if (octets.has_value() && octets->find('\0') == std::string::npos)
    return Give(e, s, *octets, out);
  return e.FailPermanently(node, InQuotes(s.text) + " is not xtext");
}

// --- numbers -------------------------------------------------------------------------

bool Arithmetic(Evaluation& e, const Node& node, const Datum& s, Radix radix, Datum* out) {
  auto value = EvaluateArithmetic(s.text, radix);
  if (!value.ok()) return e.FailPermanently(node, value.error());
  return *out = e.Decimal(value.value()), true;
}

bool RunEval(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  return Arithmetic(e, node, s, Radix::kAny, out);
}

bool RunEval10(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  return Arithmetic(e, node, s, Radix::kDecimal, out);
}

struct TimeUnit {
  char letter;
  std::int64_t seconds;
};
constexpr TimeUnit kTimeUnits[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool RunTimeEval(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::int64_t total = 0;
  std::string_view rest = s.text;
  bool good = !rest.empty();
  while (good && !rest.empty()) {
    std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    auto count = ReadFieldNumber(rest.substr(0, digits));
    auto unit = digits < rest.size()
                    ? std::find_if(std::begin(kTimeUnits), std::end(kTimeUnits),
                                   [&](const TimeUnit& u) { return u.letter == rest[digits]; })
                    : std::end(kTimeUnits);
    std::int64_t part = 0;
    good = count.has_value() && unit != std::end(kTimeUnits) &&
           !__builtin_mul_overflow(*count, unit->seconds, &part) &&
           !__builtin_add_overflow(total, part, &total);
    if (good) rest.remove_prefix(digits + 1);
  }
  if (!good)
    return e.FailPermanently(node, "string " + InQuotes(s.text) +
                                       " is not an Exim time interval in \"time_eval\" operator");
  return *out = e.Decimal(total), true;
}

bool RunTimeInterval(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  bool digits = std::all_of(s.text.begin(), s.text.end(), IsDigit);
  if (!digits)
    return e.FailPermanently(node, "string " + InQuotes(s.text) +
                                       " is not a positive number in \"time_interval\" operator");
  std::int64_t left = ReadFieldNumber(s.text).value_or(0);
  std::string text;
  for (const TimeUnit& unit : kTimeUnits) {
    if (left / unit.seconds > 0) text += std::to_string(left / unit.seconds) + unit.letter;
    left %= unit.seconds;
  }
  return GivePlain(e, text.empty() ? "0s" : text, out);
}

bool RunRandInt(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  if (Trim(s.text).empty())
    return e.FailPermanently(node, "integer expected but " + InQuotes(s.text) + " found");
  auto limit = ReadComparisonNumber(s.text);
  if (!limit.ok()) return e.FailPermanently(node, limit.error());
  if (limit.value() < 0)
    return e.FailPermanently(node,
                             "non-negative integer expected but " + InQuotes(s.text) + " found");
  return *out = e.Decimal(crypto::RandomBelow(limit.value())), true;
}

// --- addresses -----------------------------------------------------------------------

bool RunAddresses(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  std::string_view text = s.text;
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  char separator = ':';
  if (text.starts_with('>')) {
    if (text.size() == 1)
      return e.FailPermanently(node, "output separator missing in expanding ${addresses:>}");
    separator = text[1];
    text.remove_prefix(2);
  }
  Elements addresses(&e.arena);
  for (const std::string& address : ParseMailboxList(text))
    addresses.push_back(e.From(e.Copy(address), s.origins()));
  return *out = e.MakeList(addresses, separator, ListStyle::kFields), true;
}

bool RunAddress(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  auto mailbox = ParseMailbox(s.text);
  return Give(e, s, mailbox.has_value() ? mailbox->address() : "", out);
}

bool RunDomain(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  auto mailbox = ParseMailbox(s.text);
  return Give(e, s, mailbox.has_value() ? mailbox->domain : "", out);
}

bool RunLocalPart(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  auto mailbox = ParseMailbox(s.text);
  return Give(e, s, mailbox.has_value() ? mailbox->local_part : "", out);
}

// The zone of an address is a matter of the host that it is on: it is not kept.
std::optional<IpAddress> ReadZonedAddress(std::string_view text) {
  std::string_view address = text.substr(0, text.find('%'));
  if (address.size() < text.size() && !IsIpv6WithZone(text)) return std::nullopt;
  return IpAddress::Parse(address);
}

// An address, and the N of "/N" behind it.
struct MaskedAddress {
  IpAddress address;
  std::optional<std::int64_t> bits;
};
std::optional<MaskedAddress> ReadMaskedAddress(std::string_view text) {
  std::size_t slash = text.find('/');
  auto address =
      slash == text.npos ? ReadZonedAddress(text) : IpAddress::Parse(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  if (slash == text.npos) return MaskedAddress{*address, std::nullopt};
  std::string_view digits = text.substr(slash + 1);
  if (!std::all_of(digits.begin(), digits.end(), IsDigit)) return std::nullopt;
  return MaskedAddress{*address, ReadFieldNumber(digits)};
}

bool NoAddress(Evaluation& e, const Node& node, const Datum& s) {
  return e.FailPermanently(node, InQuotes(s.text) + " is not an IP address");
}

bool RunMask(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto masked = ReadMaskedAddress(s.text);
  if (!masked.has_value()) return NoAddress(e, node, s);
  if (!masked->bits.has_value())
    return e.FailPermanently(node, "missing mask value in " + InQuotes(s.text));
  IpAddress& address = masked->address;
  if (*masked->bits > static_cast<std::int64_t>(address.bits()))
    return e.FailPermanently(node, "mask value too big in " + InQuotes(s.text));
  address.Mask(static_cast<std::size_t>(*masked->bits));
  std::string shown = address.is_v4()        ? address.Shown()
                      : node.numbers[0] != 0 ? address.Compressed()
                                             : address.Full('.');
  return Give(e, s, shown + "/" + std::to_string(*masked->bits), out);
}

bool RunReverseIp(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto masked = ReadMaskedAddress(s.text);
  if (masked.has_value()) return Give(e, s, masked->address.Reversed(), out);
  return e.FailPermanently(
      node, "reverse_ip() not given an IP address [" + Printable(Shortened(s.text)) + "]");
}

bool RunIpv6Denorm(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto address = ReadZonedAddress(s.text);
  return address.has_value() ? Give(e, s, address->ToV6().Full(':'), out) : NoAddress(e, node, s);
}

bool RunIpv6Norm(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto address = ReadZonedAddress(s.text);
  return address.has_value() ? Give(e, s, address->ToV6().Compressed(), out)
                             : NoAddress(e, node, s);
}

// --- lists ---------------------------------------------------------------------------

bool RunListCount(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  Elements elements(&e.arena);
  char separator;
  if (!e.ElementsOf(node, s, &elements, &separator)) return false;
  return *out = e.Decimal(static_cast<std::int64_t>(elements.size())), true;
}

bool RunListNamed(Evaluation&, const Node& node, const Datum&, Datum* out) {
  return *out = Datum(node.text), true;
}

// --- character sets ------------------------------------------------------------------

bool RunUtf8Clean(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, CleanUtf8(s.text), out);
}

bool RunFromUtf8(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, Utf8ToLatin1(s.text), out);
}

bool RunRfc2047(Evaluation& e, const Node&, const Datum& s, Datum* out) {
  return Give(e, s, EncodeWords(s.text), out);
}

bool RunRfc2047D(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  Result<std::string, std::string> decoded(std::string{});
  // Converters of character sets are read from disk.
  if (s.text.find("=?") == std::string_view::npos)
    return *out = Datum(Text{s.text, s.segments}), true;
  if (!e.RunBlocking(node, [&] { decoded = DecodeWords(s.text); })) return false;
  if (decoded.ok()) return Give(e, s, decoded.value(), out);
  return e.FailPermanently(node, "iconv_open(\"UTF-8\", " + InQuotes(decoded.error()) +
                                     ") failed: Invalid argument (maybe unsupported conversion)");
}

template <Result<std::string, std::string> (*kConvert)(std::string_view)>
bool RunToAlabel(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto made = kConvert(s.text);
  if (made.ok()) return Give(e, s, made.value(), out);
  return e.FailPermanently(node, "error converting utf8 (" + EscapeOctets(Shortened(s.text)) +
                                     ") to alabel: " + made.error());
}

template <Result<std::string, std::string> (*kConvert)(std::string_view)>
bool RunFromAlabel(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto made = kConvert(s.text);
  if (made.ok()) return Give(e, s, made.value(), out);
  return e.FailPermanently(node, "error converting alabel (" + EscapeOctets(Shortened(s.text)) +
                                     ") to utf8: " + made.error());
}

// ${headerwrap_80_998:…}: lines of so many columns, so many octets in all.
bool RunHeaderWrap(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  auto limit = [](std::int64_t n) {
    return n == 0 ? std::string_view::npos : static_cast<std::size_t>(n);
  };
  return Give(e, s, WrapHeader(s.text, limit(node.numbers[0]), limit(node.numbers[1])), out);
}

// --- files ---------------------------------------------------------------------------

// "-rw-r--r--", without the kind of file.
std::string ModeText(mode_t mode) {
  std::string text = "rwxrwxrwx";
  for (std::size_t bit = 0; bit < 9; ++bit)
    if ((mode & (0400u >> bit)) == 0) text[bit] = '-';
  auto special = [&](mode_t bit, std::size_t at, char small) {
    if ((mode & bit) != 0) text[at] = text[at] == 'x' ? small : ToUpper(small);
  };
  special(S_ISUID, 2, 's');
  special(S_ISGID, 5, 's');
  special(S_ISVTX, 8, 't');
  return text;
}

char KindOfFile(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return 'd';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFIFO:
      return 'p';
    case S_IFLNK:
      return 'l';
    case S_IFSOCK:
      return 's';
    default:
      return '-';
  }
}

std::string OctalText(mode_t mode) {
  std::string text;
  for (unsigned shift = 12; shift > 0; shift -= 3)
    text += static_cast<char>('0' + (mode >> (shift - 3) & 7));
  return text;
}

bool RunStat(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  FileStatus file;
  if (!StatFile(e, node, s, &file)) return false;
  if (file.error != 0)
    return e.FailPermanently(node, "stat(" + std::string(s.text) +
                                       ") failed: " + std::generic_category().message(file.error));
  const struct stat& st = file.status;
  std::string text =
      "mode=" + OctalText(st.st_mode) + " smode=" + KindOfFile(st.st_mode) + ModeText(st.st_mode);
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"inode", st.st_ino},   {"device", st.st_dev},  {"links", st.st_nlink},
      {"uid", st.st_uid},     {"gid", st.st_gid},     {"size", st.st_size},
      {"atime", st.st_atime}, {"mtime", st.st_mtime}, {"ctime", st.st_ctime}};
  for (const auto& [name, number] : numbers)
    text += std::string(" ") + name + "=" + std::to_string(number);
  return GivePlain(e, text, out);
}

bool RunExpand(Evaluation& e, const Node& node, const Datum& s, Datum* out) {
  return e.Expand(node, s, out);
}

// clang-format off
constexpr OperatorRow kOperators[] = {
  {"address",                    nullptr,           Takes::kText,              &RunAddress,           "the address in an RFC 5322 mailbox, or nothing"},
  {"addresses",                  nullptr,           Takes::kText,              &RunAddresses,         "the addresses in a list of mailboxes; a list"},
  {"base32",                     nullptr,           Takes::kText,              &RunBase32,            "a number in base 32; nothing for 0"},
  {"base32d",                    nullptr,           Takes::kText,              &RunBase32D,           "what a number in base 32 is in decimal"},
  {"base62",                     nullptr,           Takes::kText,              &RunBase62,            "a number in base 62, six digits"},
  {"base62d",                    nullptr,           Takes::kText,              &RunBase62D,           "what a number in base 62 is in decimal"},
  {"base64",                     nullptr,           Takes::kTextOrCertificate, &RunBase64,            "base64 of the octets, on one line; of a certificate, of its DER"},
  {"base64d",                    nullptr,           Takes::kText,              &RunBase64D,           "decodes base64; blanks are ignored, padding is needed"},
  {"domain",                     nullptr,           Takes::kText,              &RunDomain,            "the domain of an address, or nothing"},
  {"escape",                     nullptr,           Takes::kText,              &RunEscape,            "octets that do not print as \\n, \\r, ... or octal"},
  {"escape8bit",                 nullptr,           Takes::kText,              &RunEscape8Bit,        "octets from 127 on, and backslashes, as octal"},
  {"eval",                       nullptr,           Takes::kText,              &RunEval,              "integer arithmetic; 0 begins octal, 0x hexadecimal"},
  {"eval10",                     nullptr,           Takes::kText,              &RunEval10,            "integer arithmetic with decimal numbers only"},
  {"expand",                     nullptr,           Takes::kProgram,           &RunExpand,            "expanded again; only text that the administrator wrote"},
  {"from_utf8",                  nullptr,           Takes::kText,              &RunFromUtf8,          "UTF-8 as Latin-1; what that does not have as _"},
  {"h",                          &ReadHash,         Takes::kText,              &RunHash,              "short for hash"},
  {"hash",                       &ReadHash,         Takes::kText,              &RunHash,              "hash_LENGTH_CODES: a short hash, not for security"},
  {"headerwrap",                 &ReadHeaderWrap,   Takes::kText,              &RunHeaderWrap,        "a header broken into lines: headerwrap_COLUMNS_OCTETS"},
  {"hex2b64",                    nullptr,           Takes::kText,              &RunHex2B64,           "hexadecimal digits to base64"},
  {"hexquote",                   nullptr,           Takes::kText,              &RunHexQuote,          "octets that are not visible ASCII as \\xHH"},
  {"ipv6denorm",                 nullptr,           Takes::kText,              &RunIpv6Denorm,        "an IP address as eight full groups"},
  {"ipv6norm",                   nullptr,           Takes::kText,              &RunIpv6Norm,          "an IP address in the short IPv6 form"},
  {"l",                          &ReadLength,       Takes::kText,              &RunLength,            "short for length"},
  {"lc",                         nullptr,           Takes::kEachElement,       &RunLower,             "ASCII letters in lower case, other octets as they are"},
  {"length",                     &ReadLength,       Takes::kText,              &RunLength,            "at most so many octets from the front"},
  {"listcount",                  nullptr,           Takes::kList,              &RunListCount,         "how many elements a list has"},
  {"listnamed",                  &ReadNamedList,    Takes::kText,              &RunListNamed,         "the text of a named list"},
  {"local_part",                 nullptr,           Takes::kText,              &RunLocalPart,         "the local part of an address, or nothing"},
  {"mask",                       &ReadMask,         Takes::kText,              &RunMask,              "an IP address with the bits behind its mask cleared"},
  {"md5",                        nullptr,           Takes::kTextOrCertificate, &RunMd5,               "MD5 in lower-case hex; of a certificate, its fingerprint in upper case"},
  {"nh",                         &ReadNumericHash,  Takes::kText,              &RunNumericHash,       "short for nhash"},
  {"nhash",                      &ReadNumericHash,  Takes::kText,              &RunNumericHash,       "nhash_N or nhash_N_M: a number from a text, not for security"},
  {"quote",                      &ReadQuote,        Takes::kText,              &RunQuote,             "in double quotes where needed; quote_TYPE as lookup type TYPE needs it"},
  {"quote_ldap",                 nullptr,           Takes::kText,              &RunQuoteLdap,         "fit for a value in an LDAP filter"},
  {"quote_ldap_dn",              nullptr,           Takes::kText,              &RunQuoteLdapDn,       "fit for a value in an LDAP distinguished name"},
  {"quote_local_part",           nullptr,           Takes::kText,              &RunQuoteLocalPart,    "in double quotes where a local part needs them"},
  {"randint",                    nullptr,           Takes::kText,              &RunRandInt,           "a random number less than the given one"},
  {"reverse_ip",                 nullptr,           Takes::kText,              &RunReverseIp,         "an IP address in the order of DNS names"},
  {"rfc2047",                    nullptr,           Takes::kText,              &RunRfc2047,           "as encoded words of a header where needed"},
  {"rfc2047d",                   nullptr,           Takes::kText,              &RunRfc2047D,          "encoded words of a header as UTF-8"},
  {"rxquote",                    nullptr,           Takes::kText,              &RunRxQuote,           "a backslash before everything but letters and digits"},
  {"s",                          &ReadSubstring,    Takes::kText,              &RunSubstring,         "short for substr"},
  {"sha1",                       nullptr,           Takes::kTextOrCertificate, &RunSha1,              "SHA-1 in upper-case hex; of a certificate, its fingerprint"},
  {"sha2",                       &ReadSha2,         Takes::kText,              &RunSha2,              "SHA-2 in upper-case hex, of 256, 384 or 512 bits"},
  {"sha256",                     &ReadSha2,         Takes::kTextOrCertificate, &RunSha256,            "SHA-256 in upper-case hex; of a certificate, its fingerprint"},
  {"sha3",                       &ReadSha3,         Takes::kText,              &RunSha3,              "SHA-3 in upper-case hex, of 224, 256, 384 or 512 bits"},
  {"stat",                       nullptr,           Takes::kText,              &RunStat,              "what is known of a file: mode=0644 ... size=N"},
  {"str2b64",                    nullptr,           Takes::kText,              &RunStr2B64,           "base64 of a text, on one line"},
  {"strlen",                     nullptr,           Takes::kText,              &RunStrlen,            "how many octets a text has"},
  {"substr",                     &ReadSubstring,    Takes::kText,              &RunSubstring,         "from an offset, for a length; negative counts from the end"},
  {"time_eval",                  nullptr,           Takes::kText,              &RunTimeEval,          "a time like 2w1d6h as seconds"},
  {"time_interval",              nullptr,           Takes::kText,              &RunTimeInterval,      "seconds as a time like 2w1d6h"},
  {"uc",                         nullptr,           Takes::kEachElement,       &RunUpper,             "ASCII letters in upper case, other octets as they are"},
  {"utf8_domain_from_alabel",    nullptr,           Takes::kText,              &RunFromAlabel<&DomainFromAlabel>, "a domain's labels of ASCII (xn--...) as UTF-8"},
  {"utf8_domain_to_alabel",      nullptr,           Takes::kText,              &RunToAlabel<&DomainToAlabel>, "a domain in UTF-8 as labels of ASCII (xn--...)"},
  {"utf8_localpart_from_alabel", nullptr,           Takes::kText,              &RunFromAlabel<&LocalPartFromAlabel>, "a local part in the form xn--... as UTF-8"},
  {"utf8_localpart_to_alabel",   nullptr,           Takes::kText,              &RunToAlabel<&LocalPartToAlabel>, "a local part in UTF-8 as xn--..."},
  {"utf8clean",                  nullptr,           Takes::kText,              &RunUtf8Clean,         "what is not valid UTF-8 replaced by ?"},
  {"xtextd",                     nullptr,           Takes::kText,              &RunXtextD,            "decodes xtext: +HH becomes an octet"},
};
// clang-format on
static_assert(SortedAndUnique(kOperators), "keep kOperators in order of name");
static_assert(Named(kOperators), "a row needs a name and a manual line");

}  // namespace

std::span<const OperatorRow> Operators() { return kOperators; }

}  // namespace signet::expand
