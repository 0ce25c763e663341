#ifndef SIGNET_SRC_CONFIG_PRINT_H_
#define SIGNET_SRC_CONFIG_PRINT_H_

#include <string>

#include "src/config/config.h"

namespace signet::config {

// All options there are: scope, name, type, default and the line of the manual, apart by
// tabs, one option a line, in order of scope and name.
std::string OptionTable(const drivers::Registry& registry);

}  // namespace signet::config
#endif
