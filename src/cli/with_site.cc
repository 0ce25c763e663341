#include "src/cli/with_site.h"

#include <cstdio>
#include <utility>

#include "src/cli/modules.h"
#include "src/cli/report.h"
#include "src/engine/engine.h"

namespace signet::cli {

int WithOfflineSite(const Arguments& arguments, const std::function<int(OfflineSite& site)>& use) {
  std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return kUsage;
  smtp::LoadedSite loaded = smtp::LoadSite(arguments.config_file, arguments.macros, *registry,
                                           smtp::LoadTls::kWithoutKeys);
  if (loaded.site == nullptr) {
    PrintDiagnostics(loaded.loaded.diagnostics);
    return kUsage;
  }
  int status = kUsage;
  engine::RunInLoop([&] {
    OfflineSite site(std::move(loaded), *registry, ParseDirectory(arguments.directory));
    if (site.trouble().empty())
      status = use(site);
    else
      std::fprintf(stderr, "signet: %s\n", site.trouble().c_str());
  });
  return status;
}

}  // namespace signet::cli
