#include "src/cli/audit_report.h"

#include <jansson.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>

#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/cert_sheet.h"
#include "src/cli/terminal.h"
#include "src/crypto/extensions.h"
#include "src/crypto/pins.h"

namespace signet::cli {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr unsigned kRsaMinBits = 2048, kEllipticMinBits = 256;  // as NIST has them until 2030

constexpr std::string_view kStates[] = {"mapped", "unmapped", "ambiguous", "deferred",
                                        "unreadable"};

struct FlagRow {
  Audited::Flag flag;
  std::string_view name, words;
};
constexpr FlagRow kFlags[] = {
    {Audited::kShared, "shared", "share their account with another"},
    {Audited::kExpiring, "expiring", "expire soon"},
    {Audited::kExpired, "expired", "have expired"},
    {Audited::kNotYet, "not-yet", "are not valid yet"},
    {Audited::kServerOnly, "server-only", "are made for TLS servers only"},
    {Audited::kWeakKey, "weak-key", "have a weak key"},
    {Audited::kWeakHash, "weak-hash", "are signed with a weak hash"},
    {Audited::kCopy, "copy", "are copies of another file's"},
};

std::string Iso(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[32] = "";
  if (gmtime_r(&when, &parts) == nullptr) return "";
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

bool IsServerOnly(const crypto::Certificate& one) {
  const auto purposes = crypto::PurposesOf(one);
  if (!purposes || !purposes.value()) return false;
  bool server = false, client = false;
  for (const std::string& oid : *purposes.value()) {
    const std::string_view name = crypto::NameOfPurpose(oid);
    server = server || name == "serverAuth";
    client = client || name == "clientAuth" || name == "anyExtendedKeyUsage";
  }
  return server && !client;
}

bool HasWeakKey(const crypto::Certificate& one) {
  const std::string& algorithm = one.key_algorithm();
  if (one.key_bits() == 0) return false;
  const bool factors = algorithm.starts_with("RSA") || algorithm.starts_with("DSA");
  if (factors) return one.key_bits() < kRsaMinBits;
  return algorithm.starts_with("EC") && one.key_bits() < kEllipticMinBits;
}

bool HasWeakHash(const crypto::Certificate& one) {
  const std::string& algorithm = one.signature_algorithm();
  for (std::string_view weak : {"SHA1", "MD5", "MD2", "RMD160"})
    if (algorithm.find(weak) != algorithm.npos) return true;
  return false;
}

std::string Counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

// --- for people -----------------------------------------------------------------------------

constexpr std::size_t kStateColumns = 10, kIdentityColumns = 30, kReasonLines = 3;

class Table {
 public:
  explicit Table(bool colour) : colour_(colour) {}

  std::string Take(const std::vector<Audited>& all, const AuditSummary& summary) {
    for (const Audited& one : all) Row(one);
    if (!all.empty()) text_ += '\n';
    Summary(all, summary);
    return std::move(text_);
  }

 private:
  static Style StyleOf(const Audited& one) {
    if (one.state == Audited::kMapped) return NeedsAttention(one) ? Style::kDoubt : Style::kGood;
    return one.state == Audited::kDeferred ? Style::kDoubt : Style::kBad;
  }

  void Row(const Audited& one) {
    const std::string file =
        Printable(one.file) + (one.number > 1 ? " (" + std::to_string(one.number) + ")" : "");
    const std::string who = one.identity.empty() ? "-" : Printable(one.identity);
    text_ += Styled(Padded(NameOf(one.state), kStateColumns), StyleOf(one), colour_) + ' ';
    const bool one_line = WidthOf(who) <= kIdentityColumns &&
                          WidthOf(file) + kStateColumns + kIdentityColumns + 2 <= kColumns;
    if (one_line) {
      text_ += Padded(who, kIdentityColumns) + ' ' + file + '\n';
    } else {
      text_ += Shorten(who, kColumns - kStateColumns - 1) + '\n';
      Below(file);
    }
    // All of it is in the other forms.
    const std::string reason = Printable(one.reason);
    if (!reason.empty()) Below(Shorten(reason, kReasonLines * (kColumns - kStateColumns - 1)));
    for (const std::string& note : one.notes) Below(note);
  }

  void Below(std::string_view text) {
    for (const std::string& line : Wrap(text, kColumns - kStateColumns - 1))
      text_ += std::string(kStateColumns + 1, ' ') + line + '\n';
  }

  void Line(std::size_t count, std::string_view what, Style style) {
    if (count == 0) return;
    std::string number = std::to_string(count);
    number.insert(0, number.size() < 8 ? 8 - number.size() : 0, ' ');
    text_ += Styled(number + "  " + std::string(what), style, colour_) + '\n';
  }

  void Summary(const std::vector<Audited>& all, const AuditSummary& summary) {
    std::map<Audited::State, std::size_t> states;
    for (const Audited& one : all) ++states[one.state];
    text_ += Styled(Counted(all.size(), "certificate"), Style::kBold, colour_) + " in " +
             Counted(summary.files, "file") + '\n';
    Line(states[Audited::kMapped], "mapped to an account", Style::kGood);
    Line(states[Audited::kUnmapped], "not mapped", Style::kBad);
    Line(states[Audited::kAmbiguous], "ambiguous: more than one account", Style::kBad);
    Line(states[Audited::kDeferred], "deferred: a lookup could not be made", Style::kDoubt);
    Line(states[Audited::kUnreadable], "cannot be read", Style::kBad);
    for (const FlagRow& row : kFlags) {
      const auto has = [&](const Audited& one) { return (one.flags & row.flag) != 0; };
      Line(static_cast<std::size_t>(std::count_if(all.begin(), all.end(), has)), row.words,
           row.flag == Audited::kCopy ? Style::kNone : Style::kDoubt);
    }
    if (summary.authorities > 0)
      Line(summary.authorities, "certificates of authorities, which are nobody's account",
           Style::kNone);
    if (summary.other_files > 0)
      Line(summary.other_files, "files without a certificate", Style::kNone);
    for (const std::string& left : summary.left_out) Below("left out: " + Printable(left));
  }

  const bool colour_;
  std::string text_;
};

// --- for machines ---------------------------------------------------------------------------

// RFC 4180: quotes where there must be some, doubled inside.
// What steers a terminal is escaped, and what a spreadsheet would run is text.
std::string Cell(std::string_view octets) {
  const bool steers = std::any_of(octets.begin(), octets.end(), IsControl);
  std::string text = steers ? Printable(octets) : std::string(octets);
  if (!text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos)
    text.insert(0, 1, '\'');
  if (text.find_first_of("\",\r\n") == text.npos) return text;
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
  return cell + '"';
}

std::string Joined(const std::vector<std::string_view>& words, char separator) {
  std::string all;
  for (std::string_view word : words)
    all += (all.empty() ? "" : std::string(1, separator)) + std::string(word);
  return all;
}

// What both forms tell of a certificate, in the order of columns.
std::vector<std::pair<const char*, std::string>> Facts(const Audited& one, std::int64_t now) {
  std::vector<std::pair<const char*, std::string>> facts = {
      {"file", one.file},
      {"number", std::to_string(one.number)},
      {"state", std::string(NameOf(one.state))},
      {"identity", one.identity},
      {"authenticator", one.authenticator},
      {"flags", Joined(NamesOfFlags(one.flags), ' ')},
      {"reason", one.reason},
  };
  const crypto::Certificate* certificate = one.certificate.get();
  const auto add = [&](const char* name, auto value) {
    facts.emplace_back(name, certificate == nullptr ? std::string() : value());
  };
  add("subject", [&] { return certificate->subject_text(); });
  add("issuer", [&] { return certificate->issuer_text(); });
  add("serial", [&] { return certificate->serial_hex(); });
  add("not_before", [&] { return Iso(certificate->not_before()); });
  add("not_after", [&] { return Iso(certificate->not_after()); });
  add("days_left", [&] { return std::to_string((certificate->not_after() - now) / kDay); });
  add("key",
      [&] { return certificate->key_algorithm() + ' ' + std::to_string(certificate->key_bits()); });
  add("signature", [&] { return certificate->signature_algorithm(); });
  add("sha256", [&] { return HexLower(crypto::FingerprintOf(*certificate)); });
  return facts;
}

json_t* Text(std::string_view text) {
  json_t* json = json_stringn(text.data(), text.size());
  return json != nullptr ? json : json_string(Printable(text).c_str());
}

bool IsNumber(std::string_view name) { return name == "number" || name == "days_left"; }

json_t* ToJson(const Audited& one, std::int64_t now) {
  json_t* object = json_object();
  for (const auto& [name, value] : Facts(one, now)) {
    if (std::string_view(name) == "flags" || value.empty()) continue;
    json_object_set_new(object, name,
                        IsNumber(name) ? json_integer(std::atoll(value.c_str())) : Text(value));
  }
  json_t* flags = json_array();
  for (std::string_view flag : NamesOfFlags(one.flags)) json_array_append_new(flags, Text(flag));
  json_object_set_new(object, "flags", flags);
  return object;
}

}  // namespace

std::string_view NameOf(Audited::State state) { return kStates[state]; }

std::vector<std::string_view> NamesOfFlags(std::uint16_t flags) {
  std::vector<std::string_view> names;
  for (const FlagRow& row : kFlags)
    if ((flags & row.flag) != 0) names.push_back(row.name);
  return names;
}

void Examine(std::int64_t now, std::int64_t days, Audited* one) {
  const crypto::Certificate& certificate = *one->certificate;
  const auto flag = [&](bool is, Audited::Flag what, std::string note) {
    if (!is) return;
    one->flags |= what;
    one->notes.push_back(std::move(note));
  };
  const bool over = now > certificate.not_after();
  flag(over, Audited::kExpired, DaysLeft(certificate, now));
  flag(now < certificate.not_before(), Audited::kNotYet, DaysLeft(certificate, now));
  flag(!over && certificate.not_after() - now < days * kDay, Audited::kExpiring,
       "expires: " + DaysLeft(certificate, now));
  flag(IsServerOnly(certificate), Audited::kServerOnly, "made for TLS servers only");
  flag(HasWeakKey(certificate), Audited::kWeakKey,
       "weak key: " + certificate.key_algorithm() + ", " + std::to_string(certificate.key_bits()) +
           " bits");
  flag(HasWeakHash(certificate), Audited::kWeakHash,
       "weak hash: signed with " + certificate.signature_algorithm());
}

void Compare(std::vector<Audited>* all) {
  std::map<std::string, const Audited*> first;            // by the certificate
  std::map<std::string, std::vector<Audited*>> accounts;  // by identity
  for (Audited& one : *all) {
    if (one.certificate == nullptr) continue;
    const auto [known, is_new] = first.emplace(crypto::FingerprintOf(*one.certificate), &one);
    if (!is_new) {
      one.flags |= Audited::kCopy;
      one.notes.push_back("the same certificate as " + Printable(known->second->file));
    } else if (one.state == Audited::kMapped) {
      accounts[one.identity].push_back(&one);
    }
  }
  for (const auto& [identity, users] : accounts) {
    if (users.size() < 2) continue;
    for (Audited* one : users) {
      const Audited* other = users[0] == one ? users[1] : users[0];
      one->flags |= Audited::kShared;
      one->notes.push_back("its account is that of " + Printable(other->file) + " too" +
                           (users.size() > 2 ? ", and of others" : ""));
    }
  }
}

bool NeedsAttention(const Audited& one) {
  return one.state != Audited::kMapped || (one.flags & ~Audited::kCopy) != 0;
}

std::string ShowAudit(const std::vector<Audited>& all, const AuditSummary& summary, bool colour) {
  return Table(colour).Take(all, summary);
}

std::string AuditCsv(const std::vector<Audited>& all, std::int64_t now) {
  std::string text;
  for (const auto& [name, value] : Facts(Audited(), now))
    text += (text.empty() ? "" : ",") + std::string(name);
  text += "\r\n";
  for (const Audited& one : all) {
    std::string line;
    for (const auto& [name, value] : Facts(one, now))
      line += (line.empty() ? "" : ",") + Cell(value);
    text += line + "\r\n";
  }
  return text;
}

std::string AuditJson(const std::vector<Audited>& all, const AuditSummary& summary,
                      std::int64_t now) {
  json_t* object = json_object();
  json_t* certificates = json_array();
  for (const Audited& one : all) json_array_append_new(certificates, ToJson(one, now));
  json_object_set_new(object, "certificates", certificates);
  json_object_set_new(object, "files", json_integer(static_cast<json_int_t>(summary.files)));
  json_object_set_new(object, "files_without_certificate",
                      json_integer(static_cast<json_int_t>(summary.other_files)));
  json_object_set_new(object, "authorities",
                      json_integer(static_cast<json_int_t>(summary.authorities)));
  json_t* left_out = json_array();
  for (const std::string& left : summary.left_out) json_array_append_new(left_out, Text(left));
  json_object_set_new(object, "left_out", left_out);
  const std::unique_ptr<char, decltype(&std::free)> text(json_dumps(object, JSON_INDENT(2)),
                                                         &std::free);
  json_decref(object);
  return text == nullptr ? "" : std::string(text.get()) + '\n';
}

}  // namespace signet::cli
