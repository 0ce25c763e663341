#include "src/base/text.h"
#include "src/config/check.h"
#include "src/config/options.h"
#include "src/config/parse.h"
#include "src/config/print.h"

namespace signet::config {
namespace {

// Lookup types of the registry, named lists of the configuration.
class ConfigNames : public expand::Names {
 public:
  ConfigNames(const drivers::Registry& registry, const Config* config)
      : registry_(registry), config_(config) {}

  const expand::LookupType* FindLookup(std::string_view name) const override {
    const drivers::LookupDriver* driver = registry_.FindLookup(name);
    return driver ? &driver->type : nullptr;
  }

  std::vector<std::string_view> LookupNames() const override {
    std::vector<std::string_view> names;
    for (const auto& driver : registry_.lookups()) names.push_back(driver->type.name);
    return names;
  }

  std::vector<std::string_view> AclNames() const override {
    std::vector<std::string_view> names;
    if (config_ == nullptr) return names;
    for (const AclSource& acl : config_->acls) names.push_back(acl.name);
    return names;
  }

  std::optional<SourceSpan> FindNamedList(std::string_view kind,
                                          std::string_view name) const override {
    if (!config_) return std::nullopt;
    for (const NamedList& list : config_->lists) {
      if (list.name == name && (kind.empty() || list.kind == kind)) return list.list.span;
    }
    return std::nullopt;
  }

  std::optional<expand::ListRef> FindList(std::string_view kind,
                                          std::string_view name) const override {
    const NamedList* list = config_ ? config_->FindList(kind, name) : nullptr;
    if (list == nullptr) return std::nullopt;
    return expand::ListRef{list->list.patterns.get(), list->list.program.get()};
  }

  std::vector<std::string_view> ListNames(std::string_view kind) const override {
    std::vector<std::string_view> names;
    if (!config_) return names;
    for (const NamedList& list : config_->lists)
      if (list.kind == kind) names.push_back(list.name);
    return names;
  }

 private:
  const drivers::Registry& registry_;
  const Config* config_;
};

// What `.ifdef` can ask about this program.
std::vector<std::string> BuiltinMacros(const drivers::Registry& registry) {
  std::vector<std::string> names = {"_HAVE_TLS",
                                    "_HAVE_GNUTLS",
                                    "_HAVE_IPV6",
                                    "_HAVE_SIGNET",
                                    "_DRIVER_ROUTER_ACCEPT",
                                    "_DRIVER_ROUTER_MANUALROUTE",
                                    "_DRIVER_TRANSPORT_APPENDFILE",
                                    "_DRIVER_TRANSPORT_SMTP"};
  for (const Row<Main>& row : MainRows()) names.push_back("_OPT_MAIN_" + Upper(row.name));
  for (const auto& driver : registry.auths()) {
    std::string name = Upper(driver->name);
    names.push_back("_DRIVER_AUTHENTICATOR_" + name);
    for (const drivers::OptionRow& row : driver->options) {
      names.push_back("_OPT_AUTHENTICATOR_" + name + '_' + Upper(row.name));
    }
  }
  for (const auto& driver : registry.lookups()) {
    names.push_back("_HAVE_LOOKUP_" + Upper(driver->name));
    for (const drivers::OptionRow& row : driver->main_options) {
      names.push_back("_OPT_MAIN_" + Upper(row.name));
    }
  }
  return names;
}

Loaded Finish(Tree tree, const drivers::Registry& registry) {
  Loaded loaded;
  auto config = std::make_shared<Config>();
  config->names = MakeNames(registry, config.get());
  CheckTree(std::move(tree), registry, config.get(), &loaded.diagnostics);
  Silence(&config->allowances, &loaded.diagnostics);
  SortBySource(&loaded.diagnostics);
  if (HasErrors(loaded.diagnostics)) {
    loaded.texts = std::move(config->texts);
    loaded.partial = std::move(config);
  } else {
    loaded.config = std::move(config);
  }
  return loaded;
}

// "no_x" and "not_x" set x.
std::string_view NameOf(const OptionSetting& setting) {
  std::string_view name = setting.name.view();
  if (setting.has_equals) return name;
  for (std::string_view before : {"no_", "not_"})
    if (name.starts_with(before)) return name.substr(before.size());
  return name;
}

std::string LineOf(SourceSpan span) {
  const SourceLocation at = span.text->Locate(span);
  return std::string(at.name) + ':' + std::to_string(at.line);
}

}  // namespace

std::map<std::string, std::string> OptionOrigins(const std::string& path,
                                                 const std::vector<Macro>& macros,
                                                 const drivers::Registry& registry) {
  const Tree tree = ParseFile(path, {BuiltinMacros(registry), macros});
  std::map<std::string, std::string> origins;
  for (const OptionSetting& setting : tree.main)
    origins.try_emplace("main/" + std::string(CanonicalMainName(NameOf(setting))),
                        LineOf(setting.name));
  const auto add = [&](std::string_view noun, const std::vector<DriverBlock>& blocks) {
    for (const DriverBlock& block : blocks)
      for (const OptionSetting& setting : block.options)
        origins.try_emplace(std::string(noun) + ' ' + std::string(block.name.view()) + '/' +
                                std::string(NameOf(setting)),
                            LineOf(setting.name));
  };
  add("authenticator", tree.authenticators);
  add("router", tree.routers);
  add("transport", tree.transports);
  return origins;
}

const NamedList* Config::FindList(std::string_view kind, std::string_view name) const {
  for (const NamedList& list : lists) {
    if (list.kind == kind && list.name == name) return &list;
  }
  return nullptr;
}

std::unique_ptr<expand::Names> MakeNames(const drivers::Registry& registry, const Config* config) {
  return std::make_unique<ConfigNames>(registry, config);
}

Loaded Load(const std::string& path, const std::vector<Macro>& macros,
            const drivers::Registry& registry) {
  return Finish(ParseFile(path, {BuiltinMacros(registry), macros}), registry);
}

Loaded LoadText(std::string name, std::string text, const std::vector<Macro>& macros,
                const drivers::Registry& registry) {
  return Finish(ParseText(std::move(name), std::move(text), {BuiltinMacros(registry), macros}),
                registry);
}

}  // namespace signet::config
