#include "src/crypto/pins.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "src/base/codec.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/cli/options.h"
#include "src/cli/replacement.h"
#include "src/cli/report.h"

// signet pins: files of pins, for people.
namespace signet::cli {
namespace {

using crypto::CertificatePtr;
using crypto::DayEnd;
using crypto::PinEntry;
using crypto::PinTable;

int Complain(const std::string& message) {
  std::fprintf(stderr, "signet: %s\n", message.c_str());
  return kUsage;
}

std::string Quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

struct PinFile {
  std::string path;  // what a symbolic link names
  std::string text;
  PinTable table;
  bool exists = false;
};

// A file that is not there is an empty one where `missing_is_empty`.
Result<PinFile, std::string> ReadPinFile(const std::string& path, bool missing_is_empty) {
  PinFile file;
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) {
    if (errno == ENOENT && missing_is_empty) {
      file.path = path;
      return file;
    }
    return Err{"cannot read " + Quoted(path) + ": " + std::strerror(errno)};
  }
  file.path = real.get();
  file.exists = true;
  auto text = ReadRegularFile(file.path, limits::kPinFileMaxBytes);
  if (!text.ok()) return Err{"cannot read " + Quoted(path) + ": " + text.error()};
  auto table = PinTable::Parse(text.value());
  if (!table.ok()) {
    const std::size_t line = table.error().line;
    return Err{path + ":" + (line == 0 ? "" : std::to_string(line) + ":") + " " +
               table.error().message};
  }
  file.text = std::move(text).value();
  file.table = std::move(table).value();
  return file;
}

Result<CertificatePtr, std::string> ReadCertificate(const std::string& path) {
  const auto pem = ReadRegularFile(path, limits::kTlsFileMaxBytes);
  if (!pem.ok()) return Err{"cannot read " + Quoted(path) + ": " + pem.error()};
  auto certificate = crypto::Certificate::FromPem(pem.value());
  if (!certificate.ok()) return Err{Quoted(path) + ": " + certificate.error()};
  return certificate.value();
}

std::string PinText(const crypto::Certificate& certificate) {
  return EncodeBase64(crypto::PinOf(certificate));
}

// --- writing ------------------------------------------------------------------------------

// The text with the line of an entry replaced or, where it has none, added. Comments that
// stand between its lines stay.
std::string WithEntry(const std::string& text, const PinEntry& entry) {
  std::string out, kept;
  bool done = false;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    ++number;
    const bool replaced =
        entry.line != 0 && number >= entry.line && number < entry.line + entry.lines;
    if (replaced && !done) {
      out += crypto::ShowEntry(entry) + "\n";
      done = true;
    }
    if (!replaced || line.starts_with('#')) out += line;
  }
  if (done) return out;
  if (!out.empty() && out.back() != '\n') out += '\n';
  return out + crypto::ShowEntry(entry) + "\n";
}

int Save(const PinFile& file, const PinEntry& entry, const std::string& path) {
  const std::string text = WithEntry(file.text, entry);
  const auto table = PinTable::Parse(text);
  if (!table.ok()) return Complain(path + " stays as it is: " + table.error().message);
  Replacement replacement(file.path, "signet pins", 0644);
  if (std::string wrong = replacement.Write(text); !wrong.empty()) return Complain(wrong);
  return PrintText(crypto::ShowEntry(entry) + "\n") ? kGood : kNo;
}

// --- the words ----------------------------------------------------------------------------

// What --from and --until say. "" or what is wrong.
std::string ReadWindow(const Arguments& arguments, PinEntry* entry) {
  for (const auto& [text, name, end, when] :
       {std::tuple{&arguments.from, "--from", DayEnd::kFirst, &entry->from},
        std::tuple{&arguments.until, "--until", DayEnd::kLast, &entry->until}}) {
    if (text->empty()) continue;
    *when = crypto::ReadDate(*text, end);
    if (!*when)
      return std::string(name) + " wants a date as 2027-06-30 or 2027-06-30T12:00:00Z, not " +
             Quoted(*text);
  }
  return "";
}

// Where the pin goes. "" or what is wrong.
std::string Place(const std::string& pin, PinEntry* entry) {
  if (entry->pin == pin || entry->next == pin) return "";
  if (entry->pin.empty()) {
    entry->pin = pin;
  } else if (entry->next.empty()) {
    entry->next = pin;
  } else {
    return Quoted(entry->name) +
           " has a current and a next pin; \"signet pins rotate\" drops the current one";
  }
  return "";
}

int Add(const Arguments& arguments, const std::vector<std::string>& words) {
  const std::string &path = words[0], &name = words[1];
  if (std::string flaw = crypto::FlawOfPinName(name); !flaw.empty()) return Complain(flaw);
  const auto certificate = ReadCertificate(words[2]);
  if (!certificate.ok()) return Complain(certificate.error());
  const auto file = ReadPinFile(path, true);
  if (!file.ok()) return Complain(file.error());
  const PinEntry* known = file.value().table.FindName(name);
  PinEntry entry;
  if (known != nullptr) entry = *known;
  entry.name = name;
  if (std::string wrong = ReadWindow(arguments, &entry); !wrong.empty()) return Complain(wrong);
  if (std::string wrong = Place(crypto::PinOf(*certificate.value()), &entry); !wrong.empty())
    return Complain(wrong);
  return Save(file.value(), entry, path);
}

int Rotate(const Arguments&, const std::vector<std::string>& words) {
  const auto file = ReadPinFile(words[0], false);
  if (!file.ok()) return Complain(file.error());
  const PinEntry* known = file.value().table.FindName(words[1]);
  if (known == nullptr) return Complain(Quoted(words[1]) + " is not in " + Quoted(words[0]));
  PinEntry entry = *known;
  if (entry.next.empty()) return Complain(Quoted(words[1]) + " has no next pin");
  entry.pin = std::move(entry.next);
  entry.next.clear();
  entry.fingerprint.clear();  // of a certificate with the key that goes
  return Save(file.value(), entry, words[0]);
}

std::string Days(std::int64_t seconds) {
  const std::int64_t days = seconds / 86'400;
  return std::to_string(days) + (days == 1 ? " day" : " days");
}

// "", or until when a line holds, and whether it does.
std::string Standing(const PinEntry& entry, std::int64_t now) {
  if (entry.from && now < *entry.from) return "begins in " + Days(*entry.from - now + 86'399);
  if (!entry.until) return "no end";
  if (now > *entry.until) return "ended " + Days(now - *entry.until) + " ago";
  return Days(*entry.until - now) + " left";
}

int List(const Arguments&, const std::vector<std::string>& words) {
  const auto file = ReadPinFile(words[0], false);
  if (!file.ok()) return Complain(file.error());
  std::string text;
  for (const PinEntry& entry : file.value().table.entries()) {
    text += crypto::ShowEntry(entry) + "  # " + Standing(entry, std::time(nullptr));
    if (entry.pin.empty()) text += ", fingerprint only";
    text += "\n";
  }
  return PrintText(text) ? kGood : kNo;
}

// What a gateway with the file would make of a certificate.
struct Finding {
  bool good = false;
  std::string text;
};

Finding Look(const PinTable& table, const crypto::Certificate& certificate, std::int64_t now) {
  const PinTable::Match match = table.Find(certificate);
  if (match.how == PinTable::How::kNot)
    return {false, "not listed; its pin is " + PinText(certificate)};
  const std::string name = match.entry->name;
  if (match.other != nullptr)
    return {false, "listed by its pin as " + name + " and by its fingerprint as " +
                       match.other->name + ": nobody"};
  if (std::string why = crypto::WhyNotNow(*match.entry, now); !why.empty())
    return {false, name + ", but its line " + why};
  if (now > certificate.not_after())
    return {false,
            name + ", but the certificate expired " + Days(now - certificate.not_after()) + " ago"};
  if (now < certificate.not_before())
    return {false, name + ", but the certificate is not valid yet"};
  if (match.how == PinTable::How::kFingerprint)
    return {false, name + ", by its fingerprint only: renewing it, in " +
                       Days(certificate.not_after() - now) +
                       " at the latest, breaks that; add pin=" + PinText(certificate)};
  return {true, name + (match.how == PinTable::How::kNext ? ", by its next pin" : "") +
                    "; the certificate has " + Days(certificate.not_after() - now) + " left"};
}

int Check(const Arguments&, const std::vector<std::string>& words) {
  const auto file = ReadPinFile(words[0], false);
  if (!file.ok()) return Complain(file.error());
  int status = kGood;
  std::string text;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto certificate = ReadCertificate(words[i]);
    if (!certificate.ok()) return Complain(certificate.error());
    const Finding finding = Look(file.value().table, *certificate.value(), std::time(nullptr));
    text += words[i] + ": " + (finding.good ? "good: " : "bad: ") + finding.text + "\n";
    if (!finding.good) status = kNo;
  }
  return PrintText(text) ? status : kNo;
}

int Show(const Arguments&, const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    const auto certificate = ReadCertificate(word);
    if (!certificate.ok()) return Complain(certificate.error());
    text += PinText(*certificate.value()) + "  " + word + "\n";
  }
  return PrintText(text) ? kGood : kNo;
}

struct ActionRow {
  std::string_view name;
  std::size_t least, most;  // words behind it
  std::string_view usage;
  int (*run)(const Arguments&, const std::vector<std::string>&);
};

constexpr ActionRow kActions[] = {
    {"add", 3, 3, "add FILE NAME CERTIFICATE [--from DATE] [--until DATE]", &Add},
    {"check", 2, SIZE_MAX, "check FILE CERTIFICATE…", &Check},
    {"list", 1, 1, "list FILE", &List},
    {"rotate", 2, 2, "rotate FILE NAME", &Rotate},
    {"show", 1, SIZE_MAX, "show CERTIFICATE…", &Show},
};

}  // namespace

int RunPins(const Arguments& arguments) {
  if (arguments.operands.empty())
    return Complain("what is to be done with pins? add, check, list, rotate or show");
  const std::string& action = arguments.operands[0];
  std::vector<std::string_view> names;
  for (const ActionRow& row : kActions) {
    names.push_back(row.name);
    if (row.name != action) continue;
    const std::vector<std::string> words(arguments.operands.begin() + 1, arguments.operands.end());
    if (words.size() < row.least || words.size() > row.most)
      return Complain(std::string(words.size() < row.least ? "too few" : "too many") +
                      " words; usage: signet pins " + std::string(row.usage));
    if (action != "add" && (!arguments.from.empty() || !arguments.until.empty()))
      return Complain("--from and --until are for \"signet pins add\"");
    return row.run(arguments, words);
  }
  const std::string_view near = SuggestName(action, names);
  return Complain("unknown action " + Quoted(action) + " of pins; " +
                  (near.empty() ? "there are add, check, list, rotate and show"
                                : "did you mean " + Quoted(near) + "?"));
}

}  // namespace signet::cli
