#ifndef SIGNET_SRC_CLI_PLAYED_CLIENT_H_
#define SIGNET_SRC_CLI_PLAYED_CLIENT_H_

#include <string>

#include "src/base/result.h"
#include "src/cli/offline.h"
#include "src/cli/options.h"

namespace signet::cli {

// The client that the command line describes, without what it sends: its address, its
// certificates, what it says to AUTH.
// Errors: which option, or file, is wrong.
Result<OfflineClient, std::string> ClientOf(const Arguments& arguments);

}  // namespace signet::cli
#endif
