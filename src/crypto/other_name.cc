#include "src/crypto/other_name.h"

#include <algorithm>

#include "src/base/text.h"
#include "src/crypto/der.h"
#include "src/crypto/name.h"

namespace signet::crypto {
namespace {

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

bool IsStringType(std::uint8_t tag) {
  switch (tag) {
    case der::kUtf8String:
    case der::kNumericString:
    case der::kPrintableString:
    case der::kTeletexString:
    case der::kIa5String:
    case der::kVisibleString:
    case der::kUniversalString:
    case der::kBmpString:
      return true;
    default:
      return false;
  }
}

// Labels of letters, digits and hyphens with dots between them; A-labels are such labels.
bool IsHostName(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '.'; });
}

bool IsAddressLiteral(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || c == '.' || c == ':' || c == '-'; });
}

// An address that an rfc822Name can hold has to stand in one, where name constraints and
// comparisons are about it.
bool IsSmtpUtf8Mailbox(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == text.npos || at == 0) return false;
  const std::string_view local = text.substr(0, at), domain = text.substr(at + 1);
  if (local.starts_with("\xef\xbb\xbf")) return false;  // a byte order mark
  return !std::all_of(local.begin(), local.end(), IsAscii) &&
         (IsHostName(domain) || IsAddressLiteral(domain));
}

// "_service.name"
bool IsServiceName(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (!text.starts_with('_') || dot == text.npos || dot < 2) return false;
  const std::string_view service = text.substr(1, dot - 1);
  return std::all_of(service.begin(), service.end(),
                     [](char c) { return IsAlnum(c) || c == '-'; }) &&
         IsHostName(text.substr(dot + 1));
}

bool HasKnownKind(std::string_view oid) {
  return oid == kOidUpn || oid == kOidSmtpUtf8 || oid == kOidServiceName || oid == kOidXmpp;
}

}  // namespace

std::optional<OtherName> ParseOtherName(std::string_view general_name) {
  const auto name = der::Only(general_name, der::ContextConstructed(0));
  if (!name) return std::nullopt;
  der::Reader reader(name->content);
  const auto type = reader.Expect(der::kOid);
  const auto value = reader.Expect(der::ContextConstructed(0));
  if (!type || !value || !reader.done()) return std::nullopt;
  auto oid = der::OidText(type->content);
  der::Reader inside(value->content);
  if (!oid || !inside.Next() || !inside.done()) return std::nullopt;
  return OtherName{std::move(*oid), value->content};
}

std::optional<std::string> TextOf(const OtherName& name) {
  const auto element = der::Reader(name.value).Next();
  if (!element || element->content.empty()) return std::nullopt;
  const std::uint8_t wanted = name.oid == kOidServiceName ? der::kIa5String : der::kUtf8String;
  if (HasKnownKind(name.oid) && element->tag != wanted) return std::nullopt;
  auto text = DecodeText(element->tag, element->content);
  if (text && name.oid == kOidSmtpUtf8 && !IsSmtpUtf8Mailbox(*text)) return std::nullopt;
  if (text && name.oid == kOidServiceName && !IsServiceName(*text)) return std::nullopt;
  return text;
}

bool IsValid(const OtherName& name) {
  const auto element = der::Reader(name.value).Next();
  const bool text = HasKnownKind(name.oid) || (element && IsStringType(element->tag));
  return !text || TextOf(name).has_value();
}

}  // namespace signet::crypto
