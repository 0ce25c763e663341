#ifndef SIGNET_SRC_BASE_LOG_LOST_H_
#define SIGNET_SRC_BASE_LOG_LOST_H_

#include <cstdint>

namespace signet {

// Log lines of this process that could not be written, or found their queue full, since it
// began (rule G5): whoever watches the gateway cannot read that in the log. Any thread.
std::uint64_t LogLinesLost();

}  // namespace signet
#endif
