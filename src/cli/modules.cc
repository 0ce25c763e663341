#include "src/cli/modules.h"

#include "src/cli/report.h"
#include "src/config/config.h"

namespace signet::cli {

std::unique_ptr<drivers::Registry> MakeRegistry(const Arguments& arguments) {
  auto registry = drivers::Registry::MakeBuiltin();
  const config::Loaded modules =
      config::LoadModules(arguments.config_file, arguments.macros, registry.get());
  PrintDiagnostics(modules.diagnostics);
  return modules.diagnostics.empty() ? std::move(registry) : nullptr;
}

}  // namespace signet::cli
