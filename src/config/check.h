#ifndef SIGNET_SRC_CONFIG_CHECK_H_
#define SIGNET_SRC_CONFIG_CHECK_H_

#include <map>
#include <string>
#include <string_view>

#include "src/config/config.h"
#include "src/config/parse.h"

namespace signet::config {

// Where values of main options stand, by name: for mistakes that show only when options
// are seen together.
using MainSpans = std::map<std::string, SourceSpan, std::less<>>;

// Tree + option rows → `config`. All mistakes are appended to `diagnostics`; the config
// is good only where none of them is an error.
void CheckTree(Tree tree, const drivers::Registry& registry, Config* config,
               Diagnostics* diagnostics);

// What can be known to be wrong once all options are read: ports that nobody listens on,
// certificates asked for that nothing can verify, names of transports …
void CheckConsistency(const Config& config, const MainSpans& spans, Diagnostics* diagnostics);

// The port of a number (0: the system chooses) or a service name; nullopt for neither.
std::optional<int> PortNumber(std::string_view text);

}  // namespace signet::config
#endif
