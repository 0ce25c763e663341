#include "src/smtp/parse.h"

#include <arpa/inet.h>

#include <algorithm>
#include <limits>

#include "src/base/codec.h"
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

// PathParser reads one address from the front of a text. One instance per address.
class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

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
    while (at_ < text_.size() && IsLocalOctet(text_[at_])) address_.local_part += text_[at_++];
    if (!address_.local_part.empty()) return true;
    return IsEightBit(Peek()) ? Unexpected() : Wrong("missing or malformed local part");
  }

  bool ParseQuoted() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') ++at_;
      if (at_ == text_.size()) break;
      if (IsEightBit(text_[at_]) || IsControl(text_[at_])) return Unexpected();
      address_.local_part += text_[at_++];
    }
    if (!Take('"')) return Wrong("closing quote missing in local part");
    return !address_.local_part.empty() || Wrong("missing or malformed local part");
  }

  bool ParseDomain() {
    if (Peek() == '[') return Wrong("domain literals not allowed");
    address_.domain = TakeDomain();
    if (IsEightBit(Peek())) return Unexpected();
    return IsDomain(address_.domain) || Wrong("domain missing or malformed");
  }

  std::string_view TakeDomain() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && IsDomainOctet(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool Unexpected() {
    if (IsEightBit(Peek())) {
      error_.not_ascii = true;
      return Wrong("address with octets above 127");
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
  std::size_t at_ = 0;
  bool bracketed_ = false;
  Address address_;
  AddressError error_;
};

enum class Side : std::uint8_t { kSender, kRecipient };

// `501 5.1.7 <a b>: what is wrong`
Reply AddressReply(Side side, std::string_view argument, const AddressError& error) {
  std::string text = Echo(argument) + ": " + Echo(error.wrong);
  if (error.not_ascii) return MakeReply(501, "5.6.7", text + " (SMTPUTF8 is not offered)");
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

// One NAME=VALUE of MAIL. nullopt: understood.
std::optional<Reply> ReadMailParameter(std::string_view word, std::string_view argument,
                                       MailArguments* mail, bool* has_body) {
  const std::size_t equals = word.find('=');
  const std::string name = Upper(word.substr(0, equals));
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
  if (name == "SIZE") {
    if (mail->has_size) return RepeatedParameter(name);
    const std::optional<std::uint64_t> size = ParseSize(value);
    if (!size) return BadParameter(name);
    mail->has_size = true;
    mail->size_bytes = *size;
    return std::nullopt;
  }
  if (name == "BODY") {
    if (*has_body) return RepeatedParameter(name);
    mail->body_8bitmime = EqualsIgnoreCase(value, "8BITMIME");
    *has_body = true;
    if (!mail->body_8bitmime && !EqualsIgnoreCase(value, "7BIT")) return BadParameter(name);
    return std::nullopt;
  }
  if (name == "AUTH") {
    if (mail->has_auth) return RepeatedParameter(name);
    const std::optional<std::string> decoded = DecodeXtext(value);
    if (!decoded || value.empty()) return BadParameter(name);
    mail->has_auth = true;
    mail->auth_typed = value;
    mail->auth = *decoded == "<>" ? std::string() : *decoded;
    return std::nullopt;
  }
  return UnknownParameter(argument, mail->path, word);
}

bool IsAddressLiteral(std::string_view inner) {
  unsigned char octets[16];
  if (inner.find('\0') != std::string_view::npos) return false;
  if (StartsWithIgnoreCase(inner, "IPv6:"))
    return inet_pton(AF_INET6, std::string(inner.substr(5)).c_str(), octets) == 1;
  const std::string address(inner);
  return inet_pton(AF_INET, address.c_str(), octets) == 1 ||
         inet_pton(AF_INET6, address.c_str(), octets) == 1;
}

// Octets that cannot be anywhere in an address or parameter, the tab included.
bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c); });
}

template <typename Arguments>
Result<Address, Reply> ParseFirst(std::string_view argument, Side side, Arguments* arguments,
                                  std::string_view* rest) {
  const std::string_view command = side == Side::kSender ? "MAIL" : "RCPT";
  if (argument.empty())
    return Err{MakeReply(501, "5.5.4", std::string(command) + " must have an address operand")};
  if (HasControl(argument))
    return Err{AddressReply(side, argument, {"control character in address", false})};
  Result<Address, AddressError> parsed = ParsePath(argument, rest);
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
  if (!local_part.empty() && std::all_of(local_part.begin(), local_part.end(), IsLocalOctet))
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

Result<Address, AddressError> ParsePath(std::string_view text, std::string_view* rest) {
  return PathParser(text).Parse(rest);
}

Result<MailArguments, Reply> ParseMail(std::string_view argument, Parameters parameters) {
  MailArguments mail;
  std::string_view rest;
  Result<Address, Reply> sender = ParseFirst(argument, Side::kSender, &mail, &rest);
  if (!sender) return Err{std::move(sender).error()};
  mail.sender = std::move(sender).value();
  bool has_body = false;
  while (!rest.empty()) {
    const std::string_view word = TakeWord(&rest);
    std::optional<Reply> wrong = parameters == Parameters::kNone
                                     ? UnknownParameter(argument, mail.path, word)
                                     : ReadMailParameter(word, argument, &mail, &has_body);
    if (wrong) return Err{std::move(*wrong)};
  }
  if (!mail.sender.null_path && mail.sender.domain.empty())
    return Err{MakeReply(501, "5.1.7", Echo(mail.path) + ": sender address must contain a domain")};
  return mail;
}

Result<RcptArguments, Reply> ParseRcpt(std::string_view argument) {
  RcptArguments rcpt;
  std::string_view rest;
  Result<Address, Reply> recipient = ParseFirst(argument, Side::kRecipient, &rcpt, &rest);
  if (!recipient) return Err{std::move(recipient).error()};
  rcpt.recipient = std::move(recipient).value();
  if (!rest.empty()) return Err{UnknownParameter(argument, rcpt.path, TakeWord(&rest))};
  if (rcpt.recipient.null_path)
    return Err{
        AddressReply(Side::kRecipient, argument, {"missing or malformed local part", false})};
  if (rcpt.recipient.domain.empty() && !EqualsIgnoreCase(rcpt.recipient.local_part, "postmaster"))
    return Err{
        MakeReply(501, "5.1.3", Echo(rcpt.path) + ": recipient address must contain a domain")};
  return rcpt;
}

bool IsHeloName(std::string_view argument) {
  if (argument.size() >= 2 && argument.front() == '[' && argument.back() == ']')
    return IsAddressLiteral(argument.substr(1, argument.size() - 2));
  return !argument.empty() && argument.size() <= kDomainMaxBytes &&
         std::all_of(argument.begin(), argument.end(),
                     [](char c) { return IsAlnum(c) || c == '.' || c == '-'; });
}

}  // namespace signet::smtp
