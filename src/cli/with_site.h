#ifndef SIGNET_SRC_CLI_WITH_SITE_H_
#define SIGNET_SRC_CLI_WITH_SITE_H_

#include <functional>

#include "src/cli/offline.h"
#include "src/cli/options.h"

namespace signet::cli {

// Loads the configuration that the command line names, without keys, and lets `use` play with
// it, in a coroutine.
//
//   Returns  what `use` returns; kUsage, when it was said what is wrong, where there is nothing
//            to play with.
int WithOfflineSite(const Arguments& arguments, const std::function<int(OfflineSite& site)>& use);

}  // namespace signet::cli
#endif
