#ifndef SIGNET_SRC_CLI_CHECK_DIFF_H_
#define SIGNET_SRC_CLI_CHECK_DIFF_H_

#include "src/cli/options.h"

namespace signet::cli {

// signet check --diff NEW: plays the clients of the stored decisions, or a directory of
// certificates, under the configuration and under NEW, and prints whose result changes.
int RunCheckDiff(const Arguments& arguments);

}  // namespace signet::cli
#endif
