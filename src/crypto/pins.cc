#include "src/crypto/pins.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "src/base/codec.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kDigestBytes = 32;

Err<PinError> Wrong(std::size_t line, std::string message) {
  return Err{PinError{line, std::move(message)}};
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, 80)) out += IsControl(c) ? '?' : c;
  return out + "\"";
}

// The text's lines with those that continue them, comments and empty ones left out.
struct LogicalLine {
  std::size_t number = 0, lines = 1;
  std::string text;
};

std::vector<LogicalLine> LinesOf(std::string_view text) {
  std::vector<LogicalLine> all;
  bool open = false;  // a line that may be continued is the last of `all`
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#') || Trim(line).empty()) continue;
    if (open && IsSpace(line[0])) {
      all.back().text.append(" ").append(Trim(line));
      all.back().lines = number - all.back().number + 1;
      continue;
    }
    all.push_back({number, 1, std::string(line)});
    open = true;
  }
  return all;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = Trim(text)).empty()) {
    const auto end = std::find_if(text.begin(), text.end(), IsSpace) - text.begin();
    words.push_back(text.substr(0, static_cast<std::size_t>(end)));
    text.remove_prefix(static_cast<std::size_t>(end));
  }
  return words;
}

// One "name=value". "" or what is wrong.
std::string ReadSetting(std::string_view word, PinEntry* entry) {
  const std::size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  if (equals == word.npos)
    return "a setting NAME=VALUE is expected, but " + Quoted(word) + " found";
  const std::string_view value = word.substr(equals + 1);
  for (const auto& [setting, digest] :
       {std::pair{"pin", &entry->pin}, std::pair{"next", &entry->next},
        std::pair{"fingerprint", &entry->fingerprint}}) {
    if (name != setting) continue;
    if (!digest->empty()) return Quoted(name) + " is set for the second time";
    auto octets = ReadDigest(value);
    if (!octets)
      return "SHA-256 in base64 or hexadecimal digits expected for " + std::string(setting) +
             ", but " + Quoted(value) + " found";
    *digest = std::move(*octets);
    return "";
  }
  const bool is_from = name == "from";
  if (!is_from && name != "until")
    return "unknown setting " + Quoted(name) + "; there are pin, next, fingerprint, from, until";
  auto& when = is_from ? entry->from : entry->until;
  if (when) return Quoted(name) + " is set for the second time";
  when = ReadDate(value, is_from ? DayEnd::kFirst : DayEnd::kLast);
  if (when) return "";
  return "date as 2027-06-30 or 2027-06-30T12:00:00Z expected for " + std::string(name) + ", but " +
         Quoted(value) + " found";
}

Result<PinEntry, PinError> ReadEntry(const LogicalLine& line) {
  const std::string_view text = line.text;
  const std::size_t colon = text.find(':');
  if (colon == text.npos) return Wrong(line.number, "\"NAME: pin=…\" expected");
  PinEntry entry;
  entry.name = std::string(Trim(text.substr(0, colon)));
  entry.line = line.number;
  entry.lines = line.lines;
  if (std::string flaw = FlawOfPinName(entry.name); !flaw.empty())
    return Wrong(line.number, std::move(flaw));
  for (std::string_view word : Words(text.substr(colon + 1)))
    if (std::string flaw = ReadSetting(word, &entry); !flaw.empty())
      return Wrong(line.number, std::move(flaw));
  if (entry.pin.empty() && entry.fingerprint.empty())
    return Wrong(line.number, Quoted(entry.name) + " has neither a pin nor a fingerprint");
  if (entry.from && entry.until && *entry.from > *entry.until)
    return Wrong(line.number, Quoted(entry.name) + " ends before it begins");
  return entry;
}

bool SameState(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

std::string FlawOfPinName(std::string_view name) {
  if (name.empty()) return "a name is expected before \":\"";
  if (name.size() > limits::kIdentityMaxBytes) return "the name is too long for an identity";
  const auto odd = [](char c) { return IsControl(c) || c == ' ' || c == ':' || c == '"'; };
  if (name[0] == '#' || std::any_of(name.begin(), name.end(), odd))
    return "name " + Quoted(name) + " holds a blank, a colon, a quote or a control character";
  if (!IsValidUtf8(name)) return "name " + Quoted(name) + " is not UTF-8";
  return "";
}

// "" or what is there twice.
std::string PinTable::Add(PinEntry entry) {
  const std::size_t index = entries_.size();
  const auto taken = [&](const auto& map, const std::string& key, std::string_view what) {
    const auto found = map.find(key);
    if (key.empty() || found == map.end()) return std::string();
    const PinEntry& other = found->second == index ? entry : entries_[found->second];
    return std::string(what) + " of " + Quoted(entry.name) + " stands in line " +
           std::to_string(other.line) + " too";
  };
  std::string twice = taken(names_, entry.name, "the name");
  if (twice.empty()) twice = taken(keys_, entry.pin, "the pin");
  names_.emplace(entry.name, index);
  if (!entry.pin.empty()) keys_.emplace(entry.pin, index);
  if (twice.empty()) twice = taken(keys_, entry.next, "the next pin");
  if (!entry.next.empty()) keys_.emplace(entry.next, index);
  if (twice.empty()) twice = taken(fingerprints_, entry.fingerprint, "the fingerprint");
  if (!entry.fingerprint.empty()) fingerprints_.emplace(entry.fingerprint, index);
  entries_.push_back(std::move(entry));
  return twice;
}

Result<PinTable, PinError> PinTable::Parse(std::string_view text) {
  PinTable table;
  if (text.size() > limits::kPinFileMaxBytes) return Wrong(0, "the file is too large");
  if (text.find('\0') != text.npos) return Wrong(0, "there is a NUL in the file");
  for (const LogicalLine& line : LinesOf(text)) {
    if (IsSpace(line.text[0]))
      return Wrong(line.number, "a line that continues another comes first");
    auto entry = ReadEntry(line);
    if (!entry.ok()) return Err{entry.error()};
    if (std::string twice = table.Add(std::move(entry).value()); !twice.empty())
      return Wrong(line.number, std::move(twice));
  }
  return table;
}

Result<PinTable, std::string> PinTable::FromList(const std::vector<std::string>& pins) {
  PinTable table;
  for (const std::string& pin : pins) {
    auto octets = ReadDigest(pin);
    if (!octets)
      return Err{"pin (SHA-256 in base64 or hexadecimal digits) expected, but " + Quoted(pin) +
                 " found"};
    PinEntry entry;
    entry.name = EncodeBase64(*octets);
    entry.pin = std::move(*octets);
    if (!table.Add(std::move(entry)).empty()) return Err{Quoted(pin) + " is listed twice"};
  }
  return table;
}

const PinEntry* PinTable::FindName(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &entries_[found->second];
}

PinTable::Match PinTable::Find(const Certificate& certificate) const {
  const auto by_key = keys_.find(PinOf(certificate));
  const auto by_print = fingerprints_.find(FingerprintOf(certificate));
  const PinEntry* print = by_print == fingerprints_.end() ? nullptr : &entries_[by_print->second];
  if (by_key == keys_.end())
    return {print == nullptr ? How::kNot : How::kFingerprint, print, nullptr};
  const PinEntry& entry = entries_[by_key->second];
  const How how = by_key->first == entry.pin ? How::kPin : How::kNext;
  return {how, &entry, print == &entry ? nullptr : print};
}

std::string WhyNotNow(const PinEntry& entry, std::int64_t now) {
  if (entry.from && now < *entry.from)
    return "holds from " + ShowDate(*entry.from, DayEnd::kFirst) + " on";
  if (entry.until && now > *entry.until)
    return "held until " + ShowDate(*entry.until, DayEnd::kLast);
  return "";
}

std::string PinOf(const Certificate& certificate) { return Sha256(certificate.public_key_der()); }
std::string FingerprintOf(const Certificate& certificate) { return Sha256(certificate.der()); }

std::optional<std::string> ReadDigest(std::string_view text) {
  for (std::string_view prefix : {"sha256//", "sha256:"})
    if (text.starts_with(prefix)) {
      text.remove_prefix(prefix.size());
      break;
    }
  std::string hex(text);
  if (text.size() == 3 * kDigestBytes - 1) {
    hex.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i % 3 == 2 && text[i] != ':') return std::nullopt;
      if (i % 3 != 2) hex += text[i];
    }
  }
  auto octets = hex.size() == 2 * kDigestBytes ? DecodeHex(hex) : DecodeBase64(text);
  if (!octets || octets->size() != kDigestBytes) return std::nullopt;
  return octets;
}

std::optional<std::int64_t> ReadDate(std::string_view text, DayEnd end) {
  constexpr std::string_view kDay = "0000-00-00", kTime = "0000-00-00T00:00:00Z";
  if (text.size() != kDay.size() && text.size() != kTime.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (kTime[i] == '0' ? !IsDigit(text[i]) : text[i] != kTime[i]) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    for (char c : text.substr(at, size)) value = value * 10 + (c - '0');
    return value;
  };
  const bool whole_day = text.size() == kDay.size();
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  if (!whole_day) {
    parts.tm_hour = number(11, 2);
    parts.tm_min = number(14, 2);
    parts.tm_sec = number(17, 2);
  }
  const std::tm wanted = parts;
  const std::int64_t seconds = timegm(&parts);
  // timegm makes February 30 a day of March.
  const bool real = parts.tm_mon == wanted.tm_mon && parts.tm_mday == wanted.tm_mday &&
                    parts.tm_hour == wanted.tm_hour && parts.tm_min == wanted.tm_min &&
                    parts.tm_sec == wanted.tm_sec;
  if (!real) return std::nullopt;
  return seconds + (whole_day && end == DayEnd::kLast ? 86'399 : 0);
}

std::string ShowDate(std::int64_t seconds, DayEnd end) {
  const std::int64_t second_of_day = ((seconds % 86'400) + 86'400) % 86'400;
  const std::time_t when = seconds;
  std::tm parts{};
  gmtime_r(&when, &parts);
  const bool whole_day = second_of_day == (end == DayEnd::kFirst ? 0 : 86'399);
  // Four digits of the year, which strftime does not promise.
  char text[80];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02d", parts.tm_year + 1900,
                                 parts.tm_mon + 1, parts.tm_mday);
  if (!whole_day)
    std::snprintf(text + size, sizeof text - static_cast<std::size_t>(size), "T%02d:%02d:%02dZ",
                  parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

std::string ShowEntry(const PinEntry& entry) {
  std::string line = entry.name + ":";
  if (!entry.pin.empty()) line += " pin=" + EncodeBase64(entry.pin);
  if (!entry.next.empty()) line += " next=" + EncodeBase64(entry.next);
  if (!entry.fingerprint.empty()) line += " fingerprint=" + HexLower(entry.fingerprint);
  if (entry.from) line += " from=" + ShowDate(*entry.from, DayEnd::kFirst);
  if (entry.until) line += " until=" + ShowDate(*entry.until, DayEnd::kLast);
  return line;
}

Result<std::shared_ptr<const PinTable>, std::string> PinSource::Load() {
  const std::lock_guard lock(mutex_);
  if (path_.empty()) return table_;
  struct stat now {};
  if (stat(path_.c_str(), &now) != 0) {
    table_ = nullptr;
    return Err{"cannot read \"" + path_ + "\": " + std::strerror(errno)};
  }
  if (table_ != nullptr && settled_ && SameState(now, known_)) return table_;
  table_ = nullptr;
  const auto text = ReadRegularFile(path_, limits::kPinFileMaxBytes);
  if (!text.ok()) return Err{"cannot read \"" + path_ + "\": " + text.error()};
  auto table = PinTable::Parse(text.value());
  if (!table.ok()) {
    const std::size_t line = table.error().line;
    return Err{path_ + ":" + (line == 0 ? "" : std::to_string(line) + ":") + " " +
               table.error().message};
  }
  known_ = now;
  // Clocks of file systems tick coarsely: what changed just now may change again unseen.
  settled_ = std::time(nullptr) - now.st_ctim.tv_sec > 2;
  table_ = std::make_shared<const PinTable>(std::move(table).value());
  return table_;
}

}  // namespace signet::crypto
