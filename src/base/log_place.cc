#include "src/base/log_place.h"

#include <syslog.h>

#include "src/base/text.h"

namespace signet {

Result<Log::Place, std::string> ReadLogPlace(std::string_view item, Log::Form form) {
  using Kind = Log::Place::Kind;
  const bool json = form == Log::Form::kJson;
  if (item == "stderr") return Log::Place{Kind::kStderr, form, ""};
  if (item == "syslog") {
    // Its pieces of a long line would be no JSON.
    if (json) return Err{std::string("\"syslog\" takes no JSON")};
    return Log::Place{Kind::kSyslog, form, ""};
  }
  const std::string quoted = '"' + Printable(item) + '"';
  if (!item.starts_with('/')) return Err{quoted + " is not an absolute path"};
  if (!json && item.find("%s") == item.npos) return Err{quoted + " does not contain \"%s\""};
  for (std::size_t at = item.find('%'); at != item.npos; at = item.find('%', at + 1)) {
    const char what = at + 1 < item.size() ? item[at + 1] : '\0';
    if (what != 's' && what != 'D' && what != 'M')
      return Err{quoted + " has a \"%\" before something else than s, D or M"};
  }
  return Log::Place{Kind::kFile, form, std::string(item)};
}

std::optional<int> FindSyslogFacility(std::string_view name) {
  struct Row {
    std::string_view name;
    int facility;
  };
  static constexpr Row kRows[] = {
      {"mail", LOG_MAIL},     {"user", LOG_USER},     {"news", LOG_NEWS},
      {"uucp", LOG_UUCP},     {"daemon", LOG_DAEMON}, {"local0", LOG_LOCAL0},
      {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},
      {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
      {"local7", LOG_LOCAL7}};
  std::string lower = Lower(name);
  if (lower.starts_with("log_")) lower.erase(0, 4);
  for (const Row& row : kRows)
    if (row.name == lower) return row.facility;
  return std::nullopt;
}

}  // namespace signet
