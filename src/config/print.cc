#include <algorithm>

#include "src/config/config.h"
#include "src/config/options.h"
#include "src/config/scalars.h"

namespace signet::config {
namespace {

constexpr std::string_view kHidden = "<value not displayable>";

std::string Line(std::string_view name, std::string_view value) {
  return std::string(name) + " = " + std::string(value) + '\n';
}

std::string BooleanLine(std::string_view name, bool value) {
  return (value ? "" : "no_") + std::string(name) + '\n';
}

std::string Show(const std::string& value) { return value; }
std::string Show(std::int64_t value) { return ShowInteger(value); }
std::string Show(std::chrono::milliseconds value) { return ShowTime(value); }
std::string Show(const Text& value) { return value.text; }
std::string Show(const Expanded& value) { return std::string(value.span.view()); }
std::string Show(const std::vector<std::string>& list) {
  std::string all;
  for (const std::string& item : list) all += (all.empty() ? "" : " : ") + item;
  return all;
}

const Expanded& MemberOf(const Main& main, AclWhen when) {
  return main.acl[static_cast<std::size_t>(when)];
}
template <typename T>
const Expanded& MemberOf(const T&, AclWhen) {
  static const Expanded kNone;
  return kNone;
}

template <typename T>
std::string RowLine(const Row<T>& row, const T& target, bool hidden) {
  if (hidden) return Line(row.name, kHidden);
  return std::visit(
      [&](auto member) {
        if constexpr (std::is_same_v<decltype(member), bool T::*>) {
          return BooleanLine(row.name, target.*member);
        } else if constexpr (std::is_same_v<decltype(member), AclWhen>) {
          return Line(row.name, Show(MemberOf(target, member)));
        } else {
          return Line(row.name, Show(target.*member));
        }
      },
      row.member);
}

bool IsHidden(const Config& config, std::string_view noun, std::string_view driver,
              std::string_view name) {
  std::string key = std::string(noun) + '/' + std::string(driver) + '/' + std::string(name);
  return config.hidden.contains(key);
}

// --- instances ------------------------------------------------------------------------

std::string_view DriverName(const Router& router) {
  return router.driver == RouterDriver::kManualroute ? "manualroute" : "accept";
}
std::string_view DriverName(const Transport& transport) {
  return transport.driver == TransportDriver::kAppendfile ? "appendfile" : "smtp";
}
std::string_view DriverName(const Authenticator& authenticator) {
  return authenticator.driver->name;
}

std::string PrivateLines(const Config&, const Router&) { return {}; }
std::string PrivateLines(const Config&, const Transport&) { return {}; }
std::string PrivateLines(const Config& config, const Authenticator& authenticator) {
  std::string lines;
  const auto& rows = authenticator.driver->options;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Authenticator::Option& option = authenticator.options[i];
    if (!rows[i].alias_of.empty()) continue;
    if (IsHidden(config, "authenticator", authenticator.driver->name, rows[i].name)) {
      lines += Line(rows[i].name, kHidden);
      continue;
    }
    switch (rows[i].kind) {
      case drivers::OptionKind::kBoolean:
        lines += BooleanLine(rows[i].name, option.number != 0);
        break;
      case drivers::OptionKind::kNumber:
        lines += Line(rows[i].name, option.set ? ShowInteger(option.number) : "");
        break;
      case drivers::OptionKind::kTimeMs:
        lines += Line(rows[i].name,
                      option.set ? ShowTime(std::chrono::milliseconds(option.number)) : "");
        break;
      default:
        lines += Line(rows[i].name, option.text);
    }
  }
  return lines;
}

template <typename T>
struct Instances {
  std::string_view noun;
  std::span<const Row<T>> rows;
  const std::vector<T>& all;
};

template <typename T>
std::string InstanceLines(const Config& config, const Instances<T>& kind, const T& instance) {
  std::string_view driver = DriverName(instance);
  std::string lines = Line("driver", driver);
  for (const Row<T>& row : kind.rows) {
    if (!row.driver.empty() && row.driver != driver) continue;
    lines += RowLine(row, instance, IsHidden(config, kind.noun, driver, row.name));
  }
  return lines + PrivateLines(config, instance);
}

// "routers", "router_list", "router NAME".
template <typename T>
std::optional<std::string> PrintInstances(const Config& config, const Instances<T>& kind,
                                          std::string_view what) {
  if (!what.starts_with(kind.noun)) return std::nullopt;
  std::string_view rest = what.substr(kind.noun.size());
  std::string text;
  for (const T& instance : kind.all) {
    if (rest == "_list") text += instance.name + '\n';
    if (rest == "s") {
      text += (text.empty() ? "" : "\n") + instance.name + ' ' + std::string(kind.noun) + ":\n" +
              InstanceLines(config, kind, instance);
    }
    if (rest.starts_with(' ') && rest.substr(1) == instance.name) {
      return InstanceLines(config, kind, instance);
    }
  }
  if (rest == "_list" || rest == "s") return text;
  return std::nullopt;
}

// --- main options, lists, macros ------------------------------------------------------

std::map<std::string, std::string, std::less<>> MainLines(const Config& config) {
  std::map<std::string, std::string, std::less<>> lines;
  for (const Row<Main>& row : MainRows()) {
    lines[std::string(row.name)] = RowLine(row, config.main, config.hidden.contains(row.name));
  }
  for (const std::string& name : config.driver_option_names) {
    auto set = config.main.driver_options.find(name);
    std::string_view value = set == config.main.driver_options.end() ? "" : set->second;
    lines[name] = Line(name, config.hidden.contains(name) ? kHidden : value);
  }
  return lines;
}

std::optional<std::string> PrintList(const Config& config, std::string_view name) {
  for (const NamedList& list : config.lists) {
    if (list.name != name) continue;
    bool hidden = config.hidden.contains('+' + list.name);
    return Line(list.kind + ' ' + list.name, hidden ? kHidden : list.list.span.view());
  }
  return std::nullopt;
}

std::optional<std::string> PrintMacros(const Config& config, std::string_view name) {
  std::string text;
  for (const Macro& macro : config.macros) {
    if (name.empty() || name == macro.name) text += macro.name + '=' + macro.text + '\n';
  }
  if (text.empty() && !name.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string> PrintOptions(const Config& config, std::string_view what) {
  if (what.starts_with('+')) return PrintList(config, what.substr(1));
  if (what == "macros") return PrintMacros(config, {});
  if (what.starts_with("macro ")) return PrintMacros(config, what.substr(6));
  if (what == "config_file") return config.file + '\n';
  std::map<std::string, std::string, std::less<>> main = MainLines(config);
  if (what.empty()) {
    std::string text;
    for (const auto& [name, line] : main) text += line;
    return text;
  }
  if (auto line = main.find(CanonicalMainName(what)); line != main.end()) return line->second;
  std::optional<std::string> text =
      PrintInstances<Router>(config, {"router", RouterRows(), config.routers}, what);
  if (!text) {
    text =
        PrintInstances<Transport>(config, {"transport", TransportRows(), config.transports}, what);
  }
  if (!text) {
    text = PrintInstances<Authenticator>(
        config, {"authenticator", AuthenticatorRows(), config.authenticators}, what);
  }
  return text;
}

}  // namespace signet::config
