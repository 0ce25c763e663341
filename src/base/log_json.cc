// Events as JSON (RFC 8259), one object a line.
#include <unistd.h>

#include <cstdio>

#include "src/base/limits.h"
#include "src/base/log_sink.h"
#include "src/base/text.h"

namespace signet::logging {
namespace {

// Beyond this many octets no more facts are added.
constexpr std::size_t kObjectBytes = 8 * limits::kLogLineMaxBytes;

// "2026-03-01T12:00:00.123+01:00"
std::string TimeOf(const timespec& time) {
  std::tm local{};
  localtime_r(&time.tv_sec, &local);
  char text[48];
  std::string out(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local));
  out.append(text, static_cast<std::size_t>(std::snprintf(
                       text, sizeof text, ".%03d", static_cast<int>(time.tv_nsec / 1'000'000))));
  out.append(text, std::strftime(text, sizeof text, "%z", &local));
  out.insert(out.size() - 2, 1, ':');
  return out;
}

void AppendUnit(unsigned unit, std::string* out) {
  char text[8];
  out->append(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "\\u%04x", unit)));
}

std::string ListOf(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > kObjectBytes) break;
    out += (out.size() > 1 ? "," : "") + JsonString(value);
  }
  return out + ']';
}

struct ValueOf {
  std::string operator()(const std::string& text) const { return JsonString(text); }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(bool yes) const { return yes ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>& list) const { return ListOf(list); }
};

}  // namespace

std::string JsonString(std::string_view text) {
  const bool cut = text.size() > limits::kLogLineMaxBytes;
  if (cut) text = text.substr(0, limits::kLogLineMaxBytes);
  std::string out = "\"";
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    const std::size_t length = Utf8SequenceLength(text);
    if (length > 1) {
      const std::string_view sequence = text.substr(0, length);
      // What turns the reading direction, ends a line or is a control character for
      // whoever shows it: JSON has a spelling that does not.
      if (Printable(sequence) == sequence) {
        out += sequence;
      } else {
        const auto second = static_cast<unsigned char>(text[1]);
        const unsigned unit = length == 2 ? (c & 0x1fU) << 6 | (second & 0x3fU)
                                          : (c & 0x0fU) << 12 | (second & 0x3fU) << 6 |
                                                (static_cast<unsigned char>(text[2]) & 0x3fU);
        AppendUnit(unit, &out);
      }
      text.remove_prefix(length);
      continue;
    }
    text.remove_prefix(1);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      AppendUnit(c, &out);
    } else if (c >= 0x80) {
      out += '\\' + Printable({reinterpret_cast<const char*>(&c), 1});
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + (cut ? " [cut]\"" : "\"");
}

std::string JsonOf(const Entry& entry) {
  std::vector<std::string> logs;
  for (Which which : kAll)
    if ((entry.which & which) != 0) logs.emplace_back(NameOf(which));
  const LogEvent& event = entry.event;
  std::string out = "{\"time\":" + JsonString(TimeOf(entry.time)) + ",\"logs\":" + ListOf(logs);
  if (entry.stamp.pid) out += ",\"pid\":" + std::to_string(::getpid());
  out += ",\"event\":" + JsonString(event.kind.empty() ? "text" : event.kind);
  for (const LogFact& fact : event.facts) {
    if (out.size() > kObjectBytes) return out + ",\"cut\":true}";
    out += ',' + JsonString(fact.name) + ':' + std::visit(ValueOf(), fact.value);
  }
  if (event.kind.empty()) out += ",\"text\":" + JsonString(event.text);
  if (!event.header.empty()) out += ",\"header\":" + ListOf(event.header);
  return out + '}';
}

}  // namespace signet::logging
