#include "src/config/print.h"

#include <algorithm>
#include <map>
#include <type_traits>

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

// The value of an option; booleans as "yes" and "no".
template <typename T>
std::string ValueOf(const Row<T>& row, const T& target) {
  return std::visit(
      [&](auto member) -> std::string {
        if constexpr (std::is_same_v<decltype(member), bool T::*>) {
          return target.*member ? "yes" : "no";
        } else if constexpr (std::is_same_v<decltype(member), AclWhen>) {
          return Show(MemberOf(target, member));
        } else {
          return Show(target.*member);
        }
      },
      row.member);
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

bool RunsAfterTls(const Router&) { return false; }
bool RunsAfterTls(const Transport&) { return false; }
bool RunsAfterTls(const Authenticator& authenticator) { return authenticator.driver->after_tls; }

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
    if (row.after_tls && !RunsAfterTls(instance)) continue;
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
    std::string_view value;
    if (set != config.main.driver_options.end()) value = set->second;
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
    const bool hidden = config.hidden.contains("macro/" + macro.name);
    const std::string_view shown = hidden ? kHidden : std::string_view(macro.text);
    if (name.empty() || name == macro.name) text += macro.name + '=' + std::string(shown) + '\n';
  }
  if (text.empty() && !name.empty()) return std::nullopt;
  return text;
}

// --- the table --------------------------------------------------------------------------

std::string_view TypeOfList(ListKind kind) {
  switch (kind) {
    case ListKind::kHost:
      return "host list, expanded";
    case ListKind::kDomain:
      return "domain list, expanded";
    case ListKind::kLocalPart:
      return "local part list, expanded";
    case ListKind::kAddress:
      return "address list, expanded";
    case ListKind::kString:
      break;
  }
  return "string list, expanded";
}

template <typename T>
std::string_view TypeOf(const Row<T>& row) {
  if (row.list) return TypeOfList(*row.list);
  return std::visit(
      [](auto member) -> std::string_view {
        using Type = decltype(member);
        if constexpr (std::is_same_v<Type, bool T::*>) return "boolean";
        if constexpr (std::is_same_v<Type, std::int64_t T::*>) return "integer";
        if constexpr (std::is_same_v<Type, std::chrono::milliseconds T::*>) return "time";
        if constexpr (std::is_same_v<Type, std::vector<std::string> T::*>) return "list";
        if constexpr (std::is_same_v<Type, Expanded T::*>) return "string, expanded";
        if constexpr (std::is_same_v<Type, AclWhen>) return "ACL, expanded";
        return "string";
      },
      row.member);
}

std::string_view TypeOf(drivers::OptionKind kind) {
  switch (kind) {
    case drivers::OptionKind::kText:
      return "string";
    case drivers::OptionKind::kExpanded:
      return "string, expanded";
    case drivers::OptionKind::kNumber:
      return "integer";
    case drivers::OptionKind::kBoolean:
      return "boolean";
    case drivers::OptionKind::kTimeMs:
      return "time";
    case drivers::OptionKind::kSecret:
      return "secret";
  }
  return "";
}

std::string TableLine(std::string_view scope, std::string_view name, std::string_view type,
                      std::string_view default_text, std::string_view manual) {
  std::string line;
  for (std::string_view part : {scope, name, type, default_text}) {
    line += std::string(part) + '\t';
  }
  return line + std::string(manual) + '\n';
}

template <typename T>
std::string TableLines(std::string_view noun, std::span<const Row<T>> rows) {
  std::string lines;
  for (const Row<T>& row : rows) {
    std::string scope =
        std::string(noun) + (row.driver.empty() ? "" : " ") + std::string(row.driver);
    lines += TableLine(scope, row.name, TypeOf(row), row.default_text, row.manual);
  }
  return lines;
}

std::string TableLines(const std::string& scope, const std::vector<drivers::OptionRow>& rows) {
  std::string lines;
  for (const drivers::OptionRow& row : rows) {
    lines += TableLine(scope, row.name, TypeOf(row.kind), row.default_text, row.manual);
  }
  return lines;
}

// --- what is in effect --------------------------------------------------------------------

void AddState(std::string scope, std::string_view name, std::string value,
              std::string_view default_text, std::string_view manual, bool hidden,
              std::vector<OptionState>* out) {
  if (hidden) value = kHidden;
  out->push_back({std::move(scope), std::string(name), std::move(value), std::string(default_text),
                  std::string(manual)});
}

std::string ValueOf(const drivers::OptionRow& row, const Authenticator::Option& option) {
  if (row.kind == drivers::OptionKind::kBoolean) return option.number != 0 ? "yes" : "no";
  if (row.kind == drivers::OptionKind::kNumber) return option.set ? ShowInteger(option.number) : "";
  if (row.kind == drivers::OptionKind::kTimeMs)
    return option.set ? ShowTime(std::chrono::milliseconds(option.number)) : "";
  return option.text;
}

void AddPrivate(const Config&, const std::string&, const Router&, std::vector<OptionState>*) {}
void AddPrivate(const Config&, const std::string&, const Transport&, std::vector<OptionState>*) {}
void AddPrivate(const Config& config, const std::string& scope, const Authenticator& instance,
                std::vector<OptionState>* out) {
  const auto& rows = instance.driver->options;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].alias_of.empty()) continue;
    AddState(scope, rows[i].name, ValueOf(rows[i], instance.options[i]), rows[i].default_text,
             rows[i].manual, IsHidden(config, "authenticator", instance.driver->name, rows[i].name),
             out);
  }
}

template <typename T>
void AddInstances(const Config& config, const Instances<T>& kind, std::vector<OptionState>* out) {
  for (const T& instance : kind.all) {
    const std::string scope = std::string(kind.noun) + ' ' + instance.name;
    const std::string_view driver = DriverName(instance);
    AddState(scope, "driver", std::string(driver), "", "what kind of one it is", false, out);
    for (const Row<T>& row : kind.rows) {
      if (!row.driver.empty() && row.driver != driver) continue;
      if (row.after_tls && !RunsAfterTls(instance)) continue;
      AddState(scope, row.name, ValueOf(row, instance), row.default_text, row.manual,
               IsHidden(config, kind.noun, driver, row.name), out);
    }
    AddPrivate(config, scope, instance, out);
  }
}

}  // namespace

std::vector<OptionState> OptionStates(const Config& config, const drivers::Registry& registry) {
  std::vector<OptionState> states;
  for (const Row<Main>& row : MainRows())
    AddState("main", row.name, ValueOf(row, config.main), row.default_text, row.manual,
             config.hidden.contains(row.name), &states);
  for (const auto& driver : registry.lookups())
    for (const drivers::OptionRow& row : driver->main_options) {
      if (!row.alias_of.empty()) continue;
      const bool known = std::any_of(states.begin(), states.end(), [&](const OptionState& other) {
        return other.name == row.name;
      });
      if (known) continue;  // drivers may share one
      const auto set = config.main.driver_options.find(row.name);
      AddState("main", row.name,
               set != config.main.driver_options.end() ? set->second : row.default_text,
               row.default_text, row.manual, config.hidden.contains(row.name), &states);
    }
  std::sort(states.begin(), states.end(),
            [](const OptionState& a, const OptionState& b) { return a.name < b.name; });
  AddInstances<Authenticator>(config, {"authenticator", AuthenticatorRows(), config.authenticators},
                              &states);
  AddInstances<Router>(config, {"router", RouterRows(), config.routers}, &states);
  AddInstances<Transport>(config, {"transport", TransportRows(), config.transports}, &states);
  return states;
}

std::string OptionTable(const drivers::Registry& registry) {
  std::string text = TableLines("main", MainRows());
  for (const auto& driver : registry.lookups()) text += TableLines("main", driver->main_options);
  text += TableLines("authenticator", AuthenticatorRows());
  for (const auto& driver : registry.auths()) {
    text += TableLines("authenticator " + driver->name, driver->options);
  }
  return text + TableLines("router", RouterRows()) + TableLines("transport", TransportRows());
}

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
