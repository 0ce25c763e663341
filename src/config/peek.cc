#include "src/config/peek.h"

#include "src/base/text.h"
#include "src/config/parse.h"
#include "src/config/scalars.h"

namespace signet::config {

bool PeekBoolean(const std::string& path, const std::vector<Macro>& macros, std::string_view name,
                 bool otherwise) {
  const Tree tree = ParseFile(path, {{}, macros});
  for (const OptionSetting& setting : tree.main) {
    std::string_view written = setting.name.view();
    if (setting.has_equals && written == name) {
      const auto value = ReadBoolean(Trim(setting.value.view()), name);
      return value ? value.value() : otherwise;
    }
    if (setting.has_equals) continue;
    if (written == name) return true;
    for (std::string_view before : {"no_", "not_"})
      if (written.starts_with(before) && written.substr(before.size()) == name) return false;
  }
  return otherwise;
}

std::vector<std::string> PeekModules(const std::string& path, const std::vector<Macro>& macros) {
  Tree tree = ParseFile(path, {{}, macros});
  std::vector<std::string> modules;
  Diagnostics malformed;
  for (const OptionSetting& setting : tree.main) {
    if (setting.name.view() != "driver_modules" || !setting.has_equals) continue;
    const auto list = ReadString(setting.value, "driver_modules", &tree.texts, &malformed);
    if (!list) continue;
    for (std::string& item : SplitAdministratorList(list->view()))
      modules.push_back(std::move(item));
  }
  return modules;
}

}  // namespace signet::config
