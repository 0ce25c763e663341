#ifndef SIGNET_SRC_BASE_LOG_PLACE_H_
#define SIGNET_SRC_BASE_LOG_PLACE_H_

#include <optional>
#include <string>
#include <string_view>

#include "src/base/log.h"
#include "src/base/result.h"

namespace signet {

// An item of log_file_path or log_json_path: an absolute path, "syslog" or "stderr".
//   Errors  what is wrong with it, with the item in quotes.
Result<Log::Place, std::string> ReadLogPlace(std::string_view item, Log::Form form);

// The number of a facility of syslog: "mail", "local0" …, "log_" in front or not.
std::optional<int> FindSyslogFacility(std::string_view name);

}  // namespace signet
#endif
