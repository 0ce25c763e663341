#ifndef SIGNET_SRC_CONFIG_ENVIRONMENT_H_
#define SIGNET_SRC_CONFIG_ENVIRONMENT_H_

#include <optional>
#include <string>
#include <string_view>

#include "src/config/match.h"

namespace signet::config {

// A start sets variables aside under this prefix, where no library looks for them (rule C6).
inline constexpr std::string_view kSetAside = "SIGNET_ASIDE_";

// A variable of the environment as expansions may see it: what add_environment sets, then
// what keep_environment lets through of the process's own. nullopt: no such variable for
// them, and where one of the options cannot be expanded.
std::optional<std::string> ReadEnvironment(std::string_view name, MatchContext& context);

}  // namespace signet::config
#endif
