#include "src/acl/modifiers.h"

#include <algorithm>
#include <memory_resource>

#include "expand/list.h"
#include "expand/regex.h"
#include "src/acl/controls.h"
#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/values.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using config::ListKind;

// --- what is said ------------------------------------------------------------------------

Answer Message(const Item& item, const Value&, Run& run) {
  run.statement.message = &item;
  return {};
}

Answer LogMessage(const Item& item, const Value&, Run& run) {
  run.statement.log_message = &item;
  return {};
}

Answer LogWrite(const Item& item, const Value& value, Run& run) {
  for (const std::string& log : item.logs) run.effects.LogWrite(log, value.text);
  return {};
}

// --- what is done ------------------------------------------------------------------------

Answer Set(const Item& item, const Value& value, Run& run) {
  run.effects.SetVariable(item.variable, value);
  return {};
}

// A field that is the same as one before is added once.
Answer AddHeader(const Item&, const Value& value, Run& run) {
  const auto& before = run.session().envelope.added_headers;
  for (facts::AddedHeader& header : HeaderLines(value)) {
    const bool known =
        std::any_of(before.begin(), before.end(), [&](const facts::AddedHeader& one) {
          return one.text == header.text && one.place == header.place;
        });
    if (!known) run.effects.AddHeader(std::move(header));
  }
  return {};
}

constexpr std::pair<std::string_view, facts::HeaderPlace> kHeaderPlaces[] = {
    {":after_received:", facts::HeaderPlace::kAfterReceived},
    {":at_end:", facts::HeaderPlace::kEnd},
    {":at_start:", facts::HeaderPlace::kStart},
    {":at_start_rfc:", facts::HeaderPlace::kStartRfc},
};

void CheckHeader(const Item& item, const CheckContext& context) {
  const std::string_view text = item.argument.span.view();
  if (!text.starts_with(':')) return;
  for (const auto& place : kHeaderPlaces)
    if (text.starts_with(place.first)) return;
  const std::size_t end = text.find(':', 1);
  std::vector<std::string_view> names;
  for (const auto& place : kHeaderPlaces) names.push_back(place.first);
  const std::string_view word = text.substr(0, end == text.npos ? 1 : end + 1);
  const std::string_view near = SuggestName(word, names);
  context.Error(item.argument.span.Part(0, word.size()),
                "\":at_start:\", \":after_received:\", \":at_start_rfc:\" or \":at_end:\" "
                "expected, found \"" +
                    Printable(word) + '"',
                near.empty() ? "" : "did you mean \"" + std::string(near) + "\"?");
}

// --- remove_header ---------------------------------------------------------------------------

bool IsPatternMark(std::string_view name) { return name.starts_with('^') || name.ends_with('*'); }

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > ' ' && c < '\x7f' && c != ':'; });
}

std::string BadPattern(const std::string& name) {
  if (name.empty()) return "name of a header field expected";
  if (name.starts_with('^')) {
    const auto compiled =
        expand::Regex::Compile(name, expand::Regex::Jit::kNo, expand::Regex::Letters::kAnyCase);
    return compiled.ok() ? "" : "bad regular expression: " + compiled.error();
  }
  return IsHeaderName(name) ? ""
                            : "name of a header field expected, found \"" + Printable(name) + '"';
}

void CheckRemoved(const Item& item, const CheckContext& context) {
  const std::string* constant = item.argument.program->constant();
  if (constant == nullptr) return;
  for (const std::string& name : SplitAdministratorList(*constant))
    if (std::string wrong = BadPattern(name); !wrong.empty())
      context.Error(config::FindItem(item.argument.span, name), std::move(wrong));
}

// Text from outside is only the name of a field, never a pattern or another name.
Answer RemoveHeader(const Item&, const Value& value, Run& run) {
  std::pmr::monotonic_buffer_resource arena;
  expand::Elements names(&arena);
  char separator = ':';
  if (!expand::Split({value.text, value.segments}, limits::kListMaxElements, &arena, &names,
                     &separator))
    return {.kind = Answer::kError, .log_text = "too many names in \"remove_header\""};
  for (const expand::Text& name : names) {
    if (name.text.empty()) continue;
    if (name.origins() != kFromAdministrator && IsPatternMark(name.text))
      return {.kind = Answer::kError,
              .log_text =
                  "\"remove_header\" with a pattern from outside: \"" + Printable(name.text) + '"'};
    run.effects.RemoveHeader(std::string(name.text));
  }
  return {};
}

// --- where refusals are logged ---------------------------------------------------------------

std::string UnknownLog(std::string_view name) {
  return "\"main\", \"reject\" or \"panic\" expected, found \"" + Printable(name) + '"';
}
bool IsLog(std::string_view name) { return name == "main" || name == "reject" || name == "panic"; }

void CheckRejectTarget(const Item& item, const CheckContext& context) {
  const std::string* constant = item.argument.program->constant();
  if (constant == nullptr) return;
  for (const std::string& name : SplitAdministratorList(*constant))
    if (!IsLog(name)) context.Error(config::FindItem(item.argument.span, name), UnknownLog(name));
}

Answer LogRejectTarget(const Item&, const Value& value, Run& run) {
  std::vector<std::string> logs = SplitAdministratorList(value.text);
  for (const std::string& name : logs)
    if (!IsLog(name)) return {.kind = Answer::kError, .log_text = UnknownLog(name)};
  run.statement.reject_logs = std::move(logs);
  return {};
}

std::string BadTime(std::string_view text) {
  return "\"delay\" wants a time such as 5s or 1m30s, found \"" + Printable(text) + '"';
}

void CheckDelay(const Item& item, const CheckContext& context) {
  const std::string* constant = item.argument.program->constant();
  if (constant != nullptr && !ParseTime(*constant))
    context.Error(item.argument.span, BadTime(*constant));
}

Answer Delay(const Item&, const Value& value, Run& run) {
  auto time = ParseTime(value.text);
  if (!time) return {.kind = Answer::kError, .log_text = BadTime(value.text)};
  if (*time > std::chrono::seconds(0)) run.effects.Delay(*time);
  return {};
}

Answer Endpass(const Item&, const Value&, Run& run) {
  run.statement.endpass = true;
  return {};
}

Answer Continue(const Item&, const Value&, Run&) { return {}; }

constexpr Places kBeforeEndOfMessage =
    At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kPredata) | At(AclWhen::kData);

// clang-format off
constexpr ItemRow kModifiers[] = {
  // name          cond   argument             list                places                                check          run          the manual says
  {"add_header",   false, Argument::kText,     ListKind::kString,  kBeforeEndOfMessage,                  &CheckHeader,  &AddHeader,  "header lines for the message, added when it is passed on"},
  {"continue",     false, Argument::kText,     ListKind::kString,  kEverywhere,                          nullptr,       &Continue,   "expands its text and forgets it"},
  {"control",      false, Argument::kText,     ListKind::kString,  kEverywhere,                          &CheckControl, &RunControl, "asks for something other than usual", &ControlMisplaced},
  {"delay",        false, Argument::kText,     ListKind::kString,  kEverywhere & ~At(AclWhen::kNotquit), &CheckDelay,   &Delay,      "waits so long before going on"},
  {"endpass",      false, Argument::kNone,     ListKind::kString,  kEverywhere,                          nullptr,       &Endpass,    "accept, discard: a condition below that is not true denies"},
  {"log_message",  false, Argument::kLate,     ListKind::kString,  kEverywhere,                          nullptr,       &LogMessage, "what the log says of the decision"},
  {"log_reject_target", false, Argument::kText, ListKind::kString, kEverywhere,                          &CheckRejectTarget, &LogRejectTarget, "the logs that a refusal goes to: main, reject, panic, or none"},
  {"logwrite",     false, Argument::kText,     ListKind::kString,  kEverywhere,                          nullptr,       &LogWrite,   "writes a line to the main log, or to :main,reject,panic: as a prefix says"},
  {"message",      false, Argument::kLate,     ListKind::kString,  kEverywhere,                          nullptr,       &Message,    "what the client is told, with a reply code if it begins with one"},
  {"remove_header", false, Argument::kText,    ListKind::kString,  kBeforeEndOfMessage,                  &CheckRemoved, &RemoveHeader, "names of header fields that are not passed on, or patterns of names"},
  {"set",          false, Argument::kVariable, ListKind::kString,  kEverywhere,                          nullptr,       &Set,        "set acl_c_x = text (for the connection) or acl_m_x (for the message)"},
};
// clang-format on

// One octet of a header line: what could end it or be no text becomes a blank.
char HeaderOctet(char c) { return IsControl(c) && c != '\t' ? ' ' : c; }

Origins OriginsAt(const Value& value, std::size_t offset) {
  for (const Segment& segment : value.segments)
    if (offset < segment.end) return segment.origins;
  return value.is_list ? value.element_origins : Origins{kFromAdministrator};
}

}  // namespace

std::span<const ItemRow> Modifiers() { return kModifiers; }

std::optional<std::chrono::seconds> ParseTime(std::string_view text) {
  constexpr std::int64_t kMost = 366 * 86400;
  std::int64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && IsDigit(text[digits]); ++digits) {
      number = number * 10 + (text[digits] - '0');
      if (number > kMost) return std::nullopt;
    }
    if (digits == 0 || digits == text.size()) return std::nullopt;
    switch (text[digits]) {
      case 'w':
        number *= 7 * 86400;
        break;
      case 'd':
        number *= 86400;
        break;
      case 'h':
        number *= 3600;
        break;
      case 'm':
        number *= 60;
        break;
      case 's':
        break;
      default:
        return std::nullopt;
    }
    total += number;
    if (total > kMost) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return std::chrono::seconds(total);
}

std::vector<facts::AddedHeader> HeaderLines(const Value& value) {
  struct Line {
    std::string text;
    std::size_t ours = 0;  // octets at its beginning that the administrator wrote
  };
  std::vector<Line> lines;
  bool fresh = true;
  for (std::size_t i = 0; i < value.text.size(); ++i) {
    char c = value.text[i];
    bool outsider = OriginsAt(value, i) != kFromAdministrator;
    if (c == '\n' && !outsider) {
      fresh = true;
      continue;
    }
    if (fresh) {
      bool continues = (c == ' ' || c == '\t') && !outsider && !lines.empty();
      if (continues)
        lines.back().text += '\n';
      else
        lines.emplace_back();
      fresh = false;
    }
    Line& line = lines.back();
    if (!outsider && line.ours == line.text.size()) ++line.ours;
    line.text += HeaderOctet(c);
  }
  std::vector<facts::AddedHeader> headers;
  for (Line& line : lines) {
    facts::AddedHeader header;
    for (const auto& [prefix, place] : kHeaderPlaces) {
      if (line.ours < prefix.size() || !line.text.starts_with(prefix)) continue;
      header.place = place;
      const std::size_t begin =
          std::min(line.text.find_first_not_of(" \t", prefix.size()), line.text.size());
      line.text.erase(0, begin);
      line.ours -= std::min(line.ours, begin);
      break;
    }
    if (Trim(line.text).empty()) continue;
    const std::size_t colon = line.text.find(':');
    bool named = colon < line.ours && IsHeaderName(line.text.substr(0, colon));
    header.text = named ? std::move(line.text) : "X-ACL-Warn: " + line.text;
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace signet::acl
