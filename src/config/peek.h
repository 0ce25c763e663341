#ifndef SIGNET_SRC_CONFIG_PEEK_H_
#define SIGNET_SRC_CONFIG_PEEK_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/config/config.h"

namespace signet::config {

// A boolean option of the main section, for whoever has to know it before the file is loaded:
// as the file says it, or `otherwise` where it does not, or not well. Mistakes are left to
// Load().
bool PeekBoolean(const std::string& path, const std::vector<Macro>& macros, std::string_view name,
                 bool otherwise);

// Likewise the items of `driver_modules`, in order.
std::vector<std::string> PeekModules(const std::string& path, const std::vector<Macro>& macros);

}  // namespace signet::config
#endif
