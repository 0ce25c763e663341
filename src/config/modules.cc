#include "src/base/text.h"
#include "src/config/config.h"
#include "src/config/parse.h"

namespace signet::config {
namespace {

void LoadList(SourceSpan value, Texts* texts, drivers::Registry* registry,
              Diagnostics* diagnostics) {
  Diagnostics malformed;  // Load() reports them again
  const auto list = ReadString(value, "driver_modules", texts, &malformed);
  if (!list) return;
  for (const std::string& path : SplitAdministratorList(list->view())) {
    const auto loaded = registry->Load(path);
    if (!loaded) diagnostics->push_back({Severity::kError, value, loaded.error(), "", {}});
  }
}

}  // namespace

Loaded LoadModules(const std::string& path, const std::vector<Macro>& macros,
                   drivers::Registry* registry) {
  Tree tree = ParseFile(path, {{}, macros});
  Loaded loaded;
  for (const OptionSetting& setting : tree.main)
    if (setting.name.view() == "driver_modules" && setting.has_equals)
      LoadList(setting.value, &tree.texts, registry, &loaded.diagnostics);
  loaded.texts = std::move(tree.texts);
  return loaded;
}

}  // namespace signet::config
