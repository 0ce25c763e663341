#include "src/submit/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "expand/network.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::submit {
namespace {

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// --- values: each sets its member and gives "" or what is wrong ------------------------------

std::optional<int> ReadPort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good && port > 0 && port < 65536 ? std::optional(port) : std::nullopt;
}

bool IsHostName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_'; });
}

// "name", "name:port", "192.0.2.1:port", "[2001:db8::1]:port", "2001:db8::1".
std::optional<Host> ReadHost(std::string_view text) {
  if (expand::ParseHostAddress(text)) return Host{std::string(text)};
  std::string_view name = text, behind;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return std::nullopt;
    name = text.substr(1, close - 1);
    behind = text.substr(close + 1);
    if (!expand::ParseHostAddress(name)) return std::nullopt;
  } else {
    name = text.substr(0, text.find(':'));
    behind = text.substr(name.size());
    if (!IsHostName(name)) return std::nullopt;
  }
  Host host{std::string(name)};
  if (behind.empty()) return host;
  const std::optional<int> port = behind[0] == ':' ? ReadPort(behind.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  host.port = *port;
  return host;
}

std::string AddHost(std::string_view value, Settings* settings) {
  const std::optional<Host> host = ReadHost(value);
  if (!host) return "host or host:port expected, found " + Quoted(value);
  settings->hosts.push_back(*host);
  return "";
}

std::string SetTls(std::string_view value, Settings* settings) {
  static constexpr std::pair<std::string_view, Tls> kWords[] = {
      {"starttls", Tls::kStarttls}, {"on-connect", Tls::kOnConnect}, {"none", Tls::kNone}};
  for (const auto& [word, tls] : kWords) {
    if (word != value) continue;
    settings->tls = tls;
    return "";
  }
  return "starttls, on-connect or none expected, found " + Quoted(value);
}

// "30s", "5m", "1h", or these in a row.
std::optional<std::chrono::milliseconds> ReadTime(std::string_view text) {
  std::chrono::seconds total{0};
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0 || end == text.data() + text.size()) return std::nullopt;
    const char unit = *end;
    if (std::string_view("smhd").find(unit) == std::string_view::npos) return std::nullopt;
    total += std::chrono::seconds(number) * (unit == 's'   ? 1
                                             : unit == 'm' ? 60
                                             : unit == 'h' ? 3600
                                                           : 86400);
    if (total > limits::kSubmitTimeMax) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  }
  return total;
}

template <std::chrono::milliseconds Settings::*kMember>
std::string SetTime(std::string_view value, Settings* settings) {
  const auto time = ReadTime(value);
  if (!time) return "time such as 30s or 5m expected, found " + Quoted(value);
  settings->*kMember = *time;
  return "";
}

template <std::string Settings::*kMember>
std::string SetText(std::string_view value, Settings* settings) {
  settings->*kMember = value;
  return "";
}

template <std::string Settings::*kMember>
std::string SetPath(std::string_view value, Settings* settings) {
  if (!value.starts_with('/')) return "absolute path expected, found " + Quoted(value);
  return SetText<kMember>(value, settings);
}

template <std::string Settings::*kMember>
std::string SetName(std::string_view value, Settings* settings) {
  if (!IsHostName(value) && !expand::ParseHostAddress(value))
    return "host name expected, found " + Quoted(value);
  return SetText<kMember>(value, settings);
}

struct Row {
  SettingRow shown;
  std::string (*set)(std::string_view, Settings*);
};

// clang-format off
constexpr std::array kRows = {
  Row{{"ca_file",     "PEM file of the authorities that may vouch for the host; unset is the system's store"}, &SetPath<&Settings::ca_file>},
  Row{{"certificate", "PEM file with our certificate and its chain"}, &SetPath<&Settings::certificate>},
  Row{{"domain",      "domain for addresses without one; unset is this machine's name"}, &SetName<&Settings::domain>},
  Row{{"from",        "sender where the command line names none; unset is the login name"}, &SetText<&Settings::from>},
  Row{{"helo",        "name to say in EHLO; unset is this machine's name"}, &SetName<&Settings::helo>},
  Row{{"host",        "where to submit to, with :PORT if it is not 587; several lines are tried in turn"}, &AddHost},
  Row{{"key",         "PEM file with our key; unset is the file of the certificate"}, &SetPath<&Settings::key>},
  Row{{"retry_for",   "how long to try again where the host is away or says \"later\"; unset is not at all"}, &SetTime<&Settings::retry_for>},
  Row{{"save_failed", "mailbox file that a message is added to where it could not be sent"}, &SetPath<&Settings::save_failed>},
  Row{{"timeout",     "wait for each answer of the host; unset is 1m"}, &SetTime<&Settings::timeout>},
  Row{{"tls",         "starttls, on-connect or none; unset is on-connect for port 465, else starttls"}, &SetTls},
  Row{{"verify_name", "name that the host's certificate must have; unset is the host's"}, &SetName<&Settings::verify_name>},
};
// clang-format on

const Row* FindRow(std::string_view name) {
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.shown.name == name; });
  return row == kRows.end() ? nullptr : row;
}

std::string UnknownHint(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) names.push_back(row.shown.name);
  const std::string_view near = SuggestName(name, names);
  return near.empty() ? "" : "did you mean " + Quoted(near) + '?';
}

void Error(SourceSpan span, std::string message, Diagnostics* diagnostics, std::string hint = "") {
  diagnostics->push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
}

// The part of a span without blanks at its ends.
SourceSpan Trimmed(SourceSpan span) {
  const std::string_view text = span.view(), core = Trim(text);
  const std::size_t from = core.empty() ? 0 : static_cast<std::size_t>(core.data() - text.data());
  return span.Part(from, from + core.size());
}

void ReadLine(SourceSpan line, Settings* settings, Diagnostics* diagnostics) {
  const std::size_t equals = line.view().find('=');
  const SourceSpan name = Trimmed(line.Part(0, std::min(equals, line.view().size())));
  if (equals == std::string_view::npos)
    return Error(name, "\"name = value\" expected", diagnostics);
  const Row* row = FindRow(name.view());
  if (row == nullptr)
    return Error(name, "unknown setting " + Quoted(name.view()), diagnostics,
                 UnknownHint(name.view()));
  const SourceSpan value = Trimmed(line.Part(equals + 1, line.view().size()));
  if (value.view().empty()) return Error(name, "value expected behind \"=\"", diagnostics);
  std::string wrong = row->set(value.view(), settings);
  if (!wrong.empty()) Error(value, std::move(wrong), diagnostics);
}

}  // namespace

std::vector<SettingRow> AllSettings() {
  std::vector<SettingRow> rows;
  for (const Row& row : kRows) rows.push_back(row.shown);
  return rows;
}

void ReadSettings(const SourceText& text, Settings* settings, Diagnostics* diagnostics) {
  const SourceSpan whole = text.whole();
  const std::string_view view = whole.view();
  for (std::size_t from = 0; from < view.size();) {
    const std::size_t end = std::min(view.find('\n', from), view.size());
    const SourceSpan line = Trimmed(whole.Part(from, end));
    if (!line.view().empty() && line.view()[0] != '#') ReadLine(line, settings, diagnostics);
    from = end + 1;
  }
}

std::string SetOne(std::string_view name, std::string_view value, Settings* settings) {
  const Row* row = FindRow(name);
  if (row == nullptr) {
    const std::string hint = UnknownHint(name);
    return "unknown setting " + Quoted(name) + (hint.empty() ? "" : "; " + hint);
  }
  return row->set(value, settings);
}

}  // namespace signet::submit
