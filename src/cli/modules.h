#ifndef SIGNET_SRC_CLI_MODULES_H_
#define SIGNET_SRC_CLI_MODULES_H_

#include <memory>

#include "drivers/host/registry.h"
#include "src/cli/options.h"

namespace signet::cli {

// The drivers that are linked in, and those that driver_modules of the configuration file
// names. nullptr where one of these cannot be loaded; that has been reported then.
std::unique_ptr<drivers::Registry> MakeRegistry(const Arguments& arguments);

}  // namespace signet::cli
#endif
