#include "src/acl/modifiers.h"

#include <algorithm>

#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/base/log.h"
#include "src/base/text.h"

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

Answer AddHeader(const Item&, const Value& value, Run& run) {
  for (std::string& line : HeaderLines(value)) run.effects.AddHeader({std::move(line)});
  return {};
}

void CheckHeader(const Item& item, const CheckContext& context) {
  if (item.argument.span.view().starts_with(':'))
    context.Error(item.argument.span.Part(0, 1), "header positions are not supported yet",
                  "lines are added above the message's own header");
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
  {"delay",        false, Argument::kText,     ListKind::kString,  kEverywhere & ~At(AclWhen::kNotquit), &CheckDelay,   &Delay,      "waits so long before going on"},
  {"endpass",      false, Argument::kNone,     ListKind::kString,  kEverywhere,                          nullptr,       &Endpass,    "accept, discard: a condition below that is not true denies"},
  {"log_message",  false, Argument::kLate,     ListKind::kString,  kEverywhere,                          nullptr,       &LogMessage, "what the log says of the decision"},
  {"logwrite",     false, Argument::kText,     ListKind::kString,  kEverywhere,                          nullptr,       &LogWrite,   "writes a line to the main log, or to :main,reject,panic: as a prefix says"},
  {"message",      false, Argument::kLate,     ListKind::kString,  kEverywhere,                          nullptr,       &Message,    "what the client is told, with a reply code if it begins with one"},
  {"set",          false, Argument::kVariable, ListKind::kString,  kEverywhere,                          nullptr,       &Set,        "set acl_c_x = text (for the connection) or acl_m_x (for the message)"},
};
// clang-format on

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > ' ' && c < '\x7f' && c != ':'; });
}

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

std::vector<std::string> HeaderLines(const Value& value) {
  struct Line {
    std::string text;
    bool ours = true;  // the name was written by the administrator
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
    if (outsider && line.text.find(':') == line.text.npos) line.ours = false;
    line.text += HeaderOctet(c);
  }
  std::vector<std::string> headers;
  for (Line& line : lines) {
    if (Trim(line.text).empty()) continue;
    bool named = line.ours && line.text.find(':') != line.text.npos &&
                 IsHeaderName(line.text.substr(0, line.text.find(':')));
    headers.push_back(named ? std::move(line.text) : "X-ACL-Warn: " + line.text);
  }
  return headers;
}

}  // namespace signet::acl
