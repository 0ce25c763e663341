#include "src/crypto/constraints.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "src/base/codec.h"
#include "src/base/text.h"
#include "src/crypto/name.h"
#include "src/crypto/other_name.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kOidEmailAddress = "1.2.840.113549.1.9.1";

// How to read what is in doubt.
enum class Reading : std::uint8_t { kNarrow, kWide };

// The mailbox where it stands in the certificate: its type is text in UTF-8 already.
std::string_view TextOfSmtpUtf8(const OtherName& name) {
  const auto element = der::Reader(name.value).Next();
  return element ? element->content : std::string_view();
}

std::string_view WithoutFinalDot(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return host;
}

// `host` lies below `.domain`.
bool IsBelow(std::string_view host, std::string_view dot_domain) {
  return host.size() > dot_domain.size() && EndsWithIgnoreCase(host, dot_domain);
}

// Mail and URI: "host" is that host, ".domain" is what lies below it.
bool HostMatches(std::string_view host, std::string_view base) {
  host = WithoutFinalDot(host);
  base = WithoutFinalDot(base);
  return base.starts_with('.') ? IsBelow(host, base) : EqualsIgnoreCase(host, base);
}

bool DnsMatches(std::string_view host, std::string_view base) {
  host = WithoutFinalDot(host);
  base = WithoutFinalDot(base);
  if (base.empty()) return true;
  if (base.starts_with('.')) return IsBelow(host, base);
  return EqualsIgnoreCase(host, base) || IsBelow(host, "." + std::string(base));
}

// A local part is case-sensitive by its standard and nearly nowhere else.
bool MailMatches(std::string_view mail, std::string_view base, Reading reading) {
  if (base.empty()) return true;
  const std::size_t at = mail.rfind('@');
  if (at == mail.npos) return reading == Reading::kWide;
  const std::string_view local = mail.substr(0, at), host = mail.substr(at + 1);
  const std::size_t base_at = base.rfind('@');
  if (base_at == base.npos) return HostMatches(host, base);
  const std::string_view base_local = base.substr(0, base_at);
  const bool same_local =
      reading == Reading::kWide ? EqualsIgnoreCase(local, base_local) : local == base_local;
  return same_local && HostMatches(host, base.substr(base_at + 1));
}

// The host of "scheme://user@host:port/path"; "" where there is none, or an address
// literal, which no constraint can name.
std::string_view HostOfUri(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == uri.npos || uri.substr(colon + 1, 2) != "//") return "";
  std::string_view authority = uri.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  const std::size_t at = authority.rfind('@');
  if (at != authority.npos) authority.remove_prefix(at + 1);
  if (authority.starts_with('[')) return "";
  authority = authority.substr(0, authority.find(':'));
  const bool address = authority.find_first_not_of("0123456789.") == authority.npos;
  return address ? std::string_view() : authority;
}

bool UriMatches(std::string_view uri, std::string_view base, Reading reading) {
  if (base.empty()) return true;
  const std::string_view host = HostOfUri(uri);
  if (host.empty()) return reading == Reading::kWide;  // RFC 5280: such a name is refused
  return HostMatches(host, base);
}

bool IpMatches(std::string_view address, std::string_view base) {
  if (base.size() != 2 * address.size()) return false;
  for (std::size_t i = 0; i < address.size(); ++i)
    if ((address[i] ^ base[i]) & base[address.size() + i]) return false;
  return true;
}

// RFC 5280 7.1 by half: ASCII case and runs of blanks.
std::string Folded(std::string_view text) {
  std::string out;
  for (char c : Trim(text))
    if (c != ' ' || out.back() != ' ') out += ToLower(c);
  return out;
}

bool HasHighOctets(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x80; });
}

bool AttributeMatches(const NameAttribute& a, const NameAttribute& b, Reading reading) {
  if (a.oid != b.oid) return false;
  if (a.valid && b.valid && Folded(a.value) == Folded(b.value)) return true;
  if (reading == Reading::kNarrow) return false;
  // Letters beyond ASCII, and values of types that we do not read, may be equal in ways
  // that we do not compute.
  return !a.valid || !b.valid || (HasHighOctets(a.value) && HasHighOctets(b.value));
}

using Attributes = std::vector<NameAttribute>;

// The attributes of one RDN, from `*at` on.
std::pair<std::size_t, std::size_t> TakeRdn(const Attributes& name, std::size_t* at) {
  const std::size_t begin = *at;
  while (*at < name.size() && name[*at].rdn == name[begin].rdn) ++*at;
  return {begin, *at};
}

// Whether the RDNs of `base` begin `name`.
bool DirectoryMatches(const Attributes& name, const Attributes& base, Reading reading) {
  std::size_t name_at = 0, base_at = 0;
  while (base_at < base.size()) {
    if (name_at >= name.size()) return false;
    const auto [base_begin, base_end] = TakeRdn(base, &base_at);
    const auto [begin, end] = TakeRdn(name, &name_at);
    if (end - begin != base_end - base_begin) return false;
    for (std::size_t i = base_begin; i < base_end; ++i) {
      bool found = false;
      for (std::size_t k = begin; k < end && !found; ++k)
        found = AttributeMatches(name[k], base[i], reading);
      if (!found) return false;
    }
  }
  return true;
}

}  // namespace

struct NameConstraints::Candidate {
  Kind kind;
  bool valid = true;
  std::string_view text;
  Attributes name;

  bool Matches(const Subtree& subtree, Reading reading) const {
    if (!valid) return reading == Reading::kWide;
    switch (kind) {
      case Kind::kMail:
        return MailMatches(text, subtree.base, reading);
      case Kind::kDns:
        return DnsMatches(text, subtree.base);
      case Kind::kUri:
        return UriMatches(text, subtree.base, reading);
      case Kind::kIp:
        return IpMatches(text, subtree.base);
      case Kind::kDirectory:
        return DirectoryMatches(name, subtree.name, reading);
    }
    return reading == Reading::kWide;
  }
};

std::optional<NameConstraints::Subtree> NameConstraints::ParseSubtree(std::string_view content) {
  der::Reader reader(content);
  const auto base = reader.Next();
  // Minimum and maximum, which may follow, mean nothing in RFC 5280: absent or refused.
  if (!base || !reader.done()) return std::nullopt;
  const auto text = [&](Kind kind) -> std::optional<Subtree> {
    if (!base->content.empty() && !DecodeText(der::kIa5String, base->content)) return std::nullopt;
    return Subtree{kind, base->content, {}};
  };
  switch (base->tag) {
    case der::Context(1):
      return text(Kind::kMail);
    case der::Context(2):
      return text(Kind::kDns);
    case der::Context(6):
      return text(Kind::kUri);
    case der::Context(7):
      if (base->content.size() != 8 && base->content.size() != 32) return std::nullopt;
      return Subtree{Kind::kIp, base->content, {}};
    case der::ContextConstructed(4): {
      auto name = ParseName(base->content);
      if (!name || name->over_limit) return std::nullopt;
      return Subtree{Kind::kDirectory, base->content, std::move(name->attributes)};
    }
    default:
      return std::nullopt;  // other names, registered IDs: not evaluated (rule I4)
  }
}

bool NameConstraints::ParseList(std::string_view content, std::vector<Subtree>* out) {
  der::Reader reader(content);
  while (const auto element = reader.Next()) {
    if (element->tag != der::kSequence) return false;
    auto subtree = ParseSubtree(element->content);
    if (!subtree) return false;
    out->push_back(std::move(*subtree));
  }
  return reader.done() && !out->empty();
}

std::optional<NameConstraints> NameConstraints::Parse(std::string_view der) {
  const auto sequence = der::Only(der, der::kSequence);
  if (!sequence) return std::nullopt;
  NameConstraints constraints;
  der::Reader reader(sequence->content);
  if (const auto list = reader.Optional(der::ContextConstructed(0)))
    if (!ParseList(list->content, &constraints.permitted_)) return std::nullopt;
  if (const auto list = reader.Optional(der::ContextConstructed(1)))
    if (!ParseList(list->content, &constraints.excluded_)) return std::nullopt;
  if (!reader.done()) return std::nullopt;
  return constraints;
}

std::vector<NameConstraints::Candidate> NameConstraints::NamesOf(const Certificate& certificate) {
  std::vector<Candidate> names;
  if (!certificate.subject().empty())
    names.push_back({Kind::kDirectory, true, {}, certificate.subject()});
  for (const NameAttribute& attribute : certificate.subject())
    if (attribute.oid == kOidEmailAddress)
      names.push_back({Kind::kMail, attribute.valid, attribute.value, {}});
  for (const SanName& name : certificate.alternative_names()) {
    switch (name.type) {
      case SanType::kMail:
        names.push_back({Kind::kMail, name.valid, name.value, {}});
        break;
      case SanType::kDns:
        names.push_back({Kind::kDns, name.valid, name.value, {}});
        break;
      case SanType::kUri:
        names.push_back({Kind::kUri, name.valid, name.value, {}});
        break;
      case SanType::kIp:
        names.push_back({Kind::kIp, name.valid, name.value, {}});
        break;
      case SanType::kDirectoryName: {
        auto parsed = ParseName(name.value);
        const bool good = parsed && !parsed->over_limit;
        names.push_back({Kind::kDirectory, good, {}, good ? parsed->attributes : Attributes()});
        break;
      }
      case SanType::kOther:
        // RFC 9598 6: what is said of rfc822Name holds for this spelling of a mailbox too.
        if (const auto other = ParseOtherName(name.value); other && other->oid == kOidSmtpUtf8)
          names.push_back({Kind::kMail, name.valid, TextOfSmtpUtf8(*other), {}});
        break;
      case SanType::kRegisteredId:
        break;  // no constraint can be about these: Parse refuses them
    }
  }
  return names;
}

bool NameConstraints::AllowName(const Candidate& name) const {
  const auto about = [&](const Subtree& subtree) { return subtree.kind == name.kind; };
  const auto excludes = [&](const Subtree& subtree) {
    return about(subtree) && name.Matches(subtree, Reading::kWide);
  };
  const auto permits = [&](const Subtree& subtree) {
    return about(subtree) && name.Matches(subtree, Reading::kNarrow);
  };
  if (std::any_of(excluded_.begin(), excluded_.end(), excludes)) return false;
  if (std::none_of(permitted_.begin(), permitted_.end(), about)) return true;
  return std::any_of(permitted_.begin(), permitted_.end(), permits);
}

bool NameConstraints::ExcludesDirectoryNames() const {
  return std::any_of(excluded_.begin(), excluded_.end(),
                     [](const Subtree& subtree) { return subtree.kind == Kind::kDirectory; });
}

bool NameConstraints::Allow(const Certificate& certificate) const {
  const auto names = NamesOf(certificate);
  return std::all_of(names.begin(), names.end(),
                     [&](const Candidate& name) { return AllowName(name); });
}

std::size_t CountConstrainedNames(const Certificate& certificate) {
  return certificate.alternative_names().size() + certificate.subject().size() + 1;
}

// --- in words ----------------------------------------------------------------------------------

namespace {

constexpr std::string_view kKindNames[] = {"mail", "DNS", "URI", "IP", "directory name"};

std::string ShowName(const Attributes& name) {
  std::string text;
  for (const NameAttribute& attribute : name)
    text += (text.empty() ? "" : ",") + attribute.label + "=" + attribute.value;
  return text;
}

// An address, or a network: address and mask.
std::string ShowIp(std::string_view octets) {
  const bool is_v6 = octets.size() == 16 || octets.size() == 32;
  const std::size_t size = is_v6 ? 16 : 4;
  std::string text;
  for (std::size_t begin = 0; begin < octets.size(); begin += size) {
    if (octets.size() - begin < size) return HexLower(octets);
    char shown[INET6_ADDRSTRLEN];
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, octets.data() + begin, shown, sizeof shown);
    text += (text.empty() ? "" : "/") + std::string(shown);
  }
  return text;
}

}  // namespace

std::string NameConstraints::NameNotAllowed(const Certificate& certificate) const {
  for (const Candidate& name : NamesOf(certificate)) {
    if (AllowName(name)) continue;
    std::string text(kKindNames[static_cast<std::size_t>(name.kind)]);
    if (!name.valid) return text + " that is not valid";
    if (name.kind == Kind::kDirectory) return text + ' ' + ShowName(name.name);
    return text + ' ' + (name.kind == Kind::kIp ? ShowIp(name.text) : std::string(name.text));
  }
  return "";
}

std::string NameConstraints::Describe() const {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (const auto& [word, list] : {std::pair{"permitted", &permitted_}, {"excluded", &excluded_}}) {
    if (list->empty()) continue;
    text += (text.empty() ? "" : "; ") + std::string(word) + ": ";
    for (std::size_t i = 0; i < list->size() && i < kShown; ++i) {
      const Subtree& subtree = (*list)[i];
      text += (i > 0 ? ", " : "") +
              std::string(kKindNames[static_cast<std::size_t>(subtree.kind)]) + ' ';
      if (subtree.kind == Kind::kDirectory)
        text += ShowName(subtree.name);
      else
        text += subtree.kind == Kind::kIp ? ShowIp(subtree.base) : std::string(subtree.base);
    }
    if (list->size() > kShown) text += " and " + std::to_string(list->size() - kShown) + " more";
  }
  return text;
}

}  // namespace signet::crypto
