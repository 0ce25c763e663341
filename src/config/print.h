#ifndef SIGNET_SRC_CONFIG_PRINT_H_
#define SIGNET_SRC_CONFIG_PRINT_H_

#include <map>
#include <string>
#include <vector>

#include "src/config/config.h"

namespace signet::config {

// All options there are: scope, name, type, default and the line of the manual, apart by
// tabs, one option a line, in order of scope and name.
std::string OptionTable(const drivers::Registry& registry);

// An option as it is in effect.
struct OptionState {
  std::string scope;  // "main", "router upstream"
  std::string name;
  std::string value;  // as it would be written; what began with "hide" is not displayed
  std::string default_text;
  std::string manual;
};
// Those of the main section, by name, then of each instance in its order.
std::vector<OptionState> OptionStates(const Config& config, const drivers::Registry& registry);

// Where options are set, "FILE:LINE", by scope and name: "main/NAME", "router upstream/NAME".
// Reads the file again.
std::map<std::string, std::string> OptionOrigins(const std::string& path,
                                                 const std::vector<Macro>& macros,
                                                 const drivers::Registry& registry);

}  // namespace signet::config
#endif
