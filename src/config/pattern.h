#ifndef SIGNET_SRC_CONFIG_PATTERN_H_
#define SIGNET_SRC_CONFIG_PATTERN_H_

#include <string>
#include <string_view>

#include "src/base/result.h"

namespace signet::config {

// A `^regex` item of a match list: caseless, unanchored at its end.
//
//   Requires  `pattern` is the administrator's text, all of it.
//   Errors    a pattern that does not compile; a limit of rule E5 that was hit. Text for
//             the log.
Result<bool, std::string> MatchPattern(std::string_view pattern, std::string_view subject);

// Why the pattern does not compile, or "".
std::string CheckPattern(std::string_view pattern);

}  // namespace signet::config
#endif
