#include "src/smtp/parse.h"

#include <arpa/inet.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "expand/alabel.h"
#include "src/base/charset.h"
#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::smtp {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 5322 atext, and the dot: addresses with dots in odd places exist and are read by
// everybody in the same way.
bool IsLocalOctet(char c) {
  return IsAlnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}
bool IsDomainOctet(char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; }
bool IsEightBit(char c) { return static_cast<unsigned char>(c) >= 0x80; }

bool HasEightBit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), IsEightBit);
}

// Of UTF-8, what no address has: the controls behind ASCII, and what others take for the end
// of a line.
bool IsUnicodeControl(char32_t c) { return (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029; }

// How many octets of valid UTF-8 above ASCII stand in front; 0: none that may.
std::size_t Utf8Octets(std::string_view text) {
  if (text.empty() || !IsEightBit(text.front())) return 0;
  const std::size_t size = Utf8SequenceLength(text);
  if (size < 2) return 0;
  char32_t c = static_cast<unsigned char>(text[0]) & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  return IsUnicodeControl(c) ? 0 : size;
}

// A name in letters of the world is one that has a form in ASCII (RFC 5890). Other dots than
// ours would make other labels of it for others.
bool IsUtf8Domain(std::string_view domain) {
  for (std::string_view dot : {"\u3002", "\uff0e", "\uff61"})
    if (domain.find(dot) != std::string_view::npos) return false;
  const Result<std::string, std::string> ascii = expand::DomainToAlabel(domain);
  if (!ascii || HasEightBit(ascii.value())) return false;
  // Only as RFC 5890 wants it, which has capitals, wide letters and what cannot be seen mapped
  // before: otherwise our lists and the upstream would see different names (rule I9).
  const Result<std::string, std::string> canonical = expand::DomainFromAlabel(ascii.value());
  return canonical && HasEightBit(canonical.value()) && EqualsIgnoreCase(canonical.value(), domain);
}

bool IsDomain(std::string_view domain) {
  if (domain.empty() || domain.size() > kDomainMaxBytes) return false;
  std::size_t label = 0;
  for (char c : domain) {
    if (!IsDomainOctet(c)) return false;
    if (c == '.' && label == 0) return false;
    label = c == '.' ? 0 : label + 1;
    if (label > kDomainLabelMaxBytes) return false;
  }
  return label > 0;
}

// RFC 5321 section 4.1.3; an IPv6 address without its tag is common and clear.
bool IsAddressLiteral(std::string_view inner) {
  unsigned char octets[16];
  if (inner.find('\0') != std::string_view::npos) return false;
  if (StartsWithIgnoreCase(inner, "IPv6:"))
    return inet_pton(AF_INET6, std::string(inner.substr(5)).c_str(), octets) == 1;
  const std::string address(inner);
  return inet_pton(AF_INET, address.c_str(), octets) == 1 ||
         inet_pton(AF_INET6, address.c_str(), octets) == 1;
}

// PathParser reads one address from the front of a text. One instance per address.
class PathParser {
 public:
  PathParser(std::string_view text, Literals literals) : text_(text), literals_(literals) {}

  Result<Address, AddressError> Parse(std::string_view* rest) {
    SkipBlanks();
    bracketed_ = Take('<');
    const bool good = bracketed_ ? ParseBracketed() : ParseAddress();
    if (!good) return Err{error_};
    if (at_ < text_.size() && !IsBlank(text_[at_])) {
      Wrong("malformed address: " + std::string(text_.substr(at_)) + " may not follow " +
            std::string(TrimBlanks(text_.substr(0, at_))));
      return Err{error_};
    }
    *rest = TrimBlanks(text_.substr(at_));
    return address_;
  }

 private:
  bool ParseBracketed() {
    SkipBlanks();
    if (Take('>')) {
      address_.null_path = true;
      return true;
    }
    if (Peek() == '@' && !SkipRoute()) return false;
    if (!ParseAddress()) return false;
    SkipBlanks();
    return Take('>') || Wrong("'>' missing at end of address");
  }

  // "@relay1,@relay2:" is allowed by RFC 5321 and means nothing.
  bool SkipRoute() {
    do {
      SkipBlanks();
      if (!Take('@') || !IsDomain(TakeDomain())) return Wrong("source route malformed");
    } while (Take(','));
    return Take(':') || Wrong("':' missing at end of source route");
  }

  bool ParseAddress() {
    if (!(Peek() == '"' ? ParseQuoted() : ParseAtoms())) return false;
    if (address_.local_part.size() > kLocalPartMaxBytes) return Wrong("local part too long");
    if (Take('@')) return ParseDomain();
    if (at_ == text_.size() || IsBlank(Peek()) || (bracketed_ && Peek() == '>')) return true;
    return Unexpected();
  }

  bool ParseAtoms() {
    while (TakeUtf8(&address_.local_part) || TakeLocalOctet()) {
    }
    if (!address_.local_part.empty()) return true;
    return IsEightBit(Peek()) ? Unexpected() : Wrong("missing or malformed local part");
  }

  bool TakeLocalOctet() {
    if (at_ == text_.size() || !IsLocalOctet(text_[at_])) return false;
    address_.local_part += text_[at_++];
    return true;
  }

  bool TakeUtf8(std::string* out) {
    const std::size_t size = Utf8Octets(text_.substr(at_));
    out->append(text_.substr(at_, size));
    at_ += size;
    address_.utf8 = address_.utf8 || size > 0;
    return size > 0;
  }

  bool ParseQuoted() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (TakeUtf8(&address_.local_part)) continue;
      if (text_[at_] == '\\') ++at_;
      if (at_ == text_.size()) break;
      if (IsEightBit(text_[at_]) || IsControl(text_[at_])) return Unexpected();
      address_.local_part += text_[at_++];
    }
    if (!Take('"')) return Wrong("closing quote missing in local part");
    return !address_.local_part.empty() || Wrong("missing or malformed local part");
  }

  bool ParseDomain() {
    if (Peek() == '[') return ParseLiteral();
    std::string& domain = address_.domain;
    do {
      domain += TakeDomain();
    } while (TakeUtf8(&domain));
    if (IsEightBit(Peek())) return Unexpected();
    if (!HasEightBit(domain)) return IsDomain(domain) || Wrong("domain missing or malformed");
    return (domain.size() <= kDomainMaxBytes && IsUtf8Domain(domain)) ||
           Wrong("domain missing or malformed");
  }

  bool ParseLiteral() {
    if (literals_ == Literals::kNo) return Wrong("domain literals not allowed");
    const std::size_t end = text_.find(']', at_);
    if (end == std::string_view::npos || !IsAddressLiteral(text_.substr(at_ + 1, end - at_ - 1)))
      return Wrong("domain missing or malformed");
    address_.domain = text_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    return true;
  }

  std::string_view TakeDomain() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && IsDomainOctet(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool Unexpected() {
    if (IsEightBit(Peek())) {
      error_.not_ascii = true;
      return Wrong("address with octets that are no UTF-8, or control characters");
    }
    if (IsControl(Peek())) return Wrong("control character in address");
    return Wrong("\"@\" or \".\" expected after \"" + address_.local_part + "\"");
  }

  bool Wrong(std::string what) {
    error_.wrong = std::move(what);
    return false;
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }

  std::string_view text_;
  Literals literals_;
  std::size_t at_ = 0;
  bool bracketed_ = false;
  Address address_;
  AddressError error_;
};

const char kWantsSmtputf8[] = "address with octets above 127 without SMTPUTF8";

enum class Side : std::uint8_t { kSender, kRecipient };

// `501 5.1.7 <a b>: what is wrong`
Reply AddressReply(Side side, std::string_view argument, const AddressError& error) {
  std::string text = Echo(argument) + ": " + Echo(error.wrong);
  if (error.not_ascii) return MakeReply(553, "5.6.7", std::move(text));
  return MakeReply(501, side == Side::kSender ? "5.1.7" : "5.1.3", std::move(text));
}

Reply UnknownParameter(std::string_view argument, std::string_view path,
                       std::string_view parameter) {
  return MakeReply(
      501, "5.5.4",
      Echo(argument) + ": malformed address: " + Echo(parameter) + " may not follow " + Echo(path));
}

Reply BadParameter(std::string_view name) {
  return MakeReply(501, "5.5.4", "invalid data for " + std::string(name));
}

Reply RepeatedParameter(std::string_view name) {
  return MakeReply(501, "5.5.4", std::string(name) + " can be specified once only");
}

// Decimal digits only, RFC 1870: at most 20 of them. Beyond 64 bits: the largest number,
// which is over every limit.
std::optional<std::uint64_t> ParseSize(std::string_view digits) {
  if (digits.empty() || digits.size() > 20) return std::nullopt;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  for (char c : digits) {
    if (!IsDigit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMax - digit) / 10 ? kMax : value * 10 + digit;
  }
  return value;
}

std::string_view TakeWord(std::string_view* rest) {
  const std::size_t end = std::min(rest->find_first_of(" \t"), rest->size());
  const std::string_view word = rest->substr(0, end);
  *rest = TrimBlanks(rest->substr(end));
  return word;
}

// NAME or NAME=VALUE.
struct Parameter {
  explicit Parameter(std::string_view w) : word(w) {
    const std::size_t equals = word.find('=');
    name = Upper(word.substr(0, equals));
    has_value = equals != std::string_view::npos;
    if (has_value) value = word.substr(equals + 1);
  }
  std::string_view word;
  std::string name;  // in upper case
  std::string_view value;
  bool has_value = false;
};

// RFC 3461 section 4.4 and 4.2: what is encoded is printable.
bool IsPrintableXtext(std::string_view text) {
  const std::optional<std::string> decoded = DecodeXtext(text);
  return decoded && !decoded->empty() &&
         std::all_of(decoded->begin(), decoded->end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// "\x{…}" of RFC 6533 section 3, in its shortest form and not for a control character.
bool TakeEmbedded(std::string_view* text) {
  if (!text->starts_with("\\x{")) return false;
  const std::size_t end = text->find('}');
  const std::string_view digits = text->substr(3, std::min(end, text->size()) - 3);
  if (end == std::string_view::npos || digits.size() < 2 || digits.size() > 6) return false;
  char32_t c = 0;
  for (char d : digits) {
    const char lower = ToLower(d);
    if (!IsDigit(d) && (lower < 'a' || lower > 'f')) return false;
    c = c * 16 + static_cast<char32_t>(IsDigit(d) ? d - '0' : lower - 'a' + 10);
  }
  if ((digits.size() > 2 && digits.front() == '0') || c > 0x10ffff) return false;
  if (c < ' ' || c == 0x7f || IsUnicodeControl(c) || (c >= 0xd800 && c < 0xe000)) return false;
  text->remove_prefix(end + 1);
  return true;
}

// utf-8-addr-xtext, or utf-8-addr-unitext, which is for SMTPUTF8 only.
bool IsUtf8Address(std::string_view text, bool smtputf8) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t octets = smtputf8 ? Utf8Octets(text) : 0;
    if (octets > 0) {
      text.remove_prefix(octets);
      continue;
    }
    if (TakeEmbedded(&text)) continue;
    const char c = text.front();
    if (c <= ' ' || c >= 0x7f || c == '+' || c == '=' || c == '\\') return false;
    text.remove_prefix(1);
  }
  return true;
}

// "rfc822;xtext"
bool IsOriginalRecipient(std::string_view value, bool smtputf8) {
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || value.size() > limits::kOrcptMaxBytes) return false;
  const std::string_view type = value.substr(0, semicolon), address = value.substr(semicolon + 1);
  if (type.empty() ||
      !std::all_of(type.begin(), type.end(), [](char c) { return IsAlnum(c) || c == '-'; }))
    return false;
  if (EqualsIgnoreCase(type, "utf-8")) return IsUtf8Address(address, smtputf8);
  return IsPrintableXtext(address);
}

// "NEVER", or each of the others once at most.
bool IsNotify(std::string_view value) {
  if (value == "NEVER") return true;
  static constexpr std::string_view kOn[] = {"SUCCESS", "FAILURE", "DELAY"};
  bool seen[std::size(kOn)] = {};
  while (true) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const auto* on = std::find(std::begin(kOn), std::end(kOn), value.substr(0, comma));
    if (on == std::end(kOn) || std::exchange(seen[on - std::begin(kOn)], true)) return false;
    if (comma == value.size()) return true;
    value.remove_prefix(comma + 1);
  }
}

// One parameter of MAIL or RCPT: whether the name is known here, and then whether it came
// before and whether its value is good.
enum class Taken : std::uint8_t { kYes, kUnknown, kRepeated, kBad };

Taken TakeSize(const Parameter& p, MailArguments* mail) {
  if (mail->has_size) return Taken::kRepeated;
  const std::optional<std::uint64_t> size = ParseSize(p.value);
  if (!size) return Taken::kBad;
  mail->has_size = true;
  mail->size_bytes = *size;
  return Taken::kYes;
}

Taken TakeBody(const Parameter& p, MailArguments* mail) {
  if (std::exchange(mail->has_body, true)) return Taken::kRepeated;
  mail->body_8bitmime = EqualsIgnoreCase(p.value, "8BITMIME");
  return mail->body_8bitmime || EqualsIgnoreCase(p.value, "7BIT") ? Taken::kYes : Taken::kBad;
}

Taken TakeAuth(const Parameter& p, MailArguments* mail) {
  if (mail->has_auth) return Taken::kRepeated;
  const std::optional<std::string> decoded = DecodeXtext(p.value);
  if (!decoded || p.value.empty()) return Taken::kBad;
  mail->has_auth = true;
  mail->auth_typed = p.value;
  mail->auth = *decoded == "<>" ? std::string() : *decoded;
  return Taken::kYes;
}

// The value goes to `out`, which is empty where there was none yet.
Taken TakeText(std::string value, bool good, std::string* out) {
  if (!out->empty()) return Taken::kRepeated;
  if (!good || value.empty()) return Taken::kBad;
  *out = std::move(value);
  return Taken::kYes;
}

Taken TakeMailParameter(const Parameter& p, Parameters may, MailArguments* mail) {
  if (p.name == "SIZE") return TakeSize(p, mail);
  if (p.name == "BODY") return TakeBody(p, mail);
  if (p.name == "AUTH") return TakeAuth(p, mail);
  if (p.name == "SMTPUTF8" && may.smtputf8) {
    if (p.has_value) return Taken::kBad;
    return std::exchange(mail->smtputf8, true) ? Taken::kRepeated : Taken::kYes;
  }
  if (p.name == "RET" && may.dsn) {
    std::string value = Upper(p.value);
    const bool good = value == "FULL" || value == "HDRS";
    return TakeText(std::move(value), good, &mail->ret);
  }
  if (p.name == "ENVID" && may.dsn)
    return TakeText(std::string(p.value),
                    p.value.size() <= limits::kEnvidMaxBytes && IsPrintableXtext(p.value),
                    &mail->envid);
  return Taken::kUnknown;
}

Taken TakeRcptParameter(const Parameter& p, Parameters may, RcptArguments* rcpt) {
  if (p.name == "NOTIFY" && may.dsn) {
    std::string value = Upper(p.value);
    const bool good = IsNotify(value);
    return TakeText(std::move(value), good, &rcpt->notify);
  }
  if (p.name == "ORCPT" && may.dsn)
    return TakeText(std::string(p.value), IsOriginalRecipient(p.value, may.smtputf8), &rcpt->orcpt);
  return Taken::kUnknown;
}

// The reply to a parameter that was not taken. nullopt: it was.
std::optional<Reply> Complain(Taken taken, const Parameter& p, std::string_view argument,
                              std::string_view path) {
  switch (taken) {
    case Taken::kYes:
      return std::nullopt;
    case Taken::kRepeated:
      return RepeatedParameter(p.name);
    case Taken::kBad:
      return BadParameter(p.name);
    default:
      break;
  }
  if (p.name == "SMTPUTF8" && !p.has_value)
    return MakeReply(501, "5.5.4", "SMTPUTF8 used when not advertised");
  return UnknownParameter(argument, path, p.word);
}

// Octets that cannot be anywhere in an address or parameter, the tab included.
bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c); });
}

template <typename Arguments>
Result<Address, Reply> ParseFirst(std::string_view argument, Side side, Parameters parameters,
                                  Arguments* arguments, std::string_view* rest) {
  const std::string_view command = side == Side::kSender ? "MAIL" : "RCPT";
  if (argument.empty())
    return Err{MakeReply(501, "5.5.4", std::string(command) + " must have an address operand")};
  if (HasControl(argument))
    return Err{AddressReply(side, argument, {"control character in address", false})};
  Result<Address, AddressError> parsed =
      ParsePath(argument, rest, parameters.literals ? Literals::kYes : Literals::kNo);
  if (!parsed) return Err{AddressReply(side, argument, parsed.error())};
  const auto typed = static_cast<std::size_t>(rest->data() - argument.data());
  arguments->path = TrimBlanks(argument.substr(0, rest->empty() ? argument.size() : typed));
  return std::move(parsed).value();
}

}  // namespace

Command ParseCommand(std::string_view line) {
  Command command;
  command.line = line;
  while (!line.empty() && IsSpace(line.back())) line.remove_suffix(1);
  for (std::string_view two_words : {"MAIL FROM:", "RCPT TO:"}) {
    if (!StartsWithIgnoreCase(line, two_words)) continue;
    command.verb = two_words;
    command.argument = TrimBlanks(line.substr(two_words.size()));
    return command;
  }
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  command.verb = Upper(line.substr(0, end));
  command.argument = TrimBlanks(line.substr(end));
  return command;
}

std::string QuoteLocalPart(std::string_view local_part) {
  const auto plain = [](char c) { return IsLocalOctet(c) || IsEightBit(c); };
  if (!local_part.empty() && std::all_of(local_part.begin(), local_part.end(), plain))
    return std::string(local_part);
  std::string quoted = "\"";
  for (char c : local_part) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Address::Text() const {
  if (null_path) return "";
  std::string text = QuoteLocalPart(local_part);
  if (!domain.empty()) text += '@' + domain;
  return text;
}

Result<Address, AddressError> ParsePath(std::string_view text, std::string_view* rest,
                                        Literals literals) {
  return PathParser(text, literals).Parse(rest);
}

Result<MailArguments, Reply> ParseMail(std::string_view argument, Parameters parameters) {
  MailArguments mail;
  std::string_view rest;
  Result<Address, Reply> sender = ParseFirst(argument, Side::kSender, parameters, &mail, &rest);
  if (!sender) return Err{std::move(sender).error()};
  mail.sender = std::move(sender).value();
  while (!rest.empty()) {
    const Parameter parameter(TakeWord(&rest));
    const Taken taken =
        parameters.extended ? TakeMailParameter(parameter, parameters, &mail) : Taken::kUnknown;
    if (std::optional<Reply> wrong = Complain(taken, parameter, argument, mail.path))
      return Err{std::move(*wrong)};
  }
  if (mail.sender.utf8 && !mail.smtputf8)
    return Err{AddressReply(Side::kSender, mail.path, {kWantsSmtputf8, true})};
  if (!mail.sender.null_path && mail.sender.domain.empty() && !parameters.unqualified)
    return Err{MakeReply(501, "5.1.7", Echo(mail.path) + ": sender address must contain a domain")};
  return mail;
}

Result<RcptArguments, Reply> ParseRcpt(std::string_view argument, Parameters parameters) {
  RcptArguments rcpt;
  std::string_view rest;
  Result<Address, Reply> recipient =
      ParseFirst(argument, Side::kRecipient, parameters, &rcpt, &rest);
  if (!recipient) return Err{std::move(recipient).error()};
  rcpt.recipient = std::move(recipient).value();
  while (!rest.empty()) {
    const Parameter parameter(TakeWord(&rest));
    const Taken taken =
        parameters.extended ? TakeRcptParameter(parameter, parameters, &rcpt) : Taken::kUnknown;
    if (std::optional<Reply> wrong = Complain(taken, parameter, argument, rcpt.path))
      return Err{std::move(*wrong)};
  }
  if (rcpt.recipient.utf8 && !parameters.smtputf8)
    return Err{AddressReply(Side::kRecipient, rcpt.path, {kWantsSmtputf8, true})};
  if (rcpt.recipient.null_path)
    return Err{
        AddressReply(Side::kRecipient, argument, {"missing or malformed local part", false})};
  if (rcpt.recipient.domain.empty() && !parameters.unqualified &&
      !EqualsIgnoreCase(rcpt.recipient.local_part, "postmaster"))
    return Err{
        MakeReply(501, "5.1.3", Echo(rcpt.path) + ": recipient address must contain a domain")};
  return rcpt;
}

bool IsHeloName(std::string_view argument, std::string_view more) {
  if (argument.size() >= 2 && argument.front() == '[' && argument.back() == ']')
    return IsAddressLiteral(argument.substr(1, argument.size() - 2));
  return !argument.empty() && argument.size() <= kDomainMaxBytes &&
         std::all_of(argument.begin(), argument.end(), [more](char c) {
           return IsAlnum(c) || c == '.' || c == '-' || more.find(c) != std::string_view::npos;
         });
}

}  // namespace signet::smtp
