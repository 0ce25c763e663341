#ifndef SIGNET_SRC_SERVER_LOG_SETUP_H_
#define SIGNET_SRC_SERVER_LOG_SETUP_H_

#include "src/base/log.h"
#include "src/base/log_selector.h"
#include "src/config/config.h"

namespace signet::server {

LogSelector LogSelectorOf(const config::Main& main);
// Where the logs of a configuration go, and in what form.
Log::Setup LogSetupOf(const config::Main& main);
bool LogsToStderr(const Log::Setup& setup);

}  // namespace signet::server
#endif
