#ifndef SIGNET_DRIVERS_HOST_BUILTIN_H_
#define SIGNET_DRIVERS_HOST_BUILTIN_H_

#include <vector>

struct signet_module;

namespace signet::drivers {

// The modules that are linked into the program, in the order in which `signet check` and
// the manual list them.
std::vector<const signet_module*> BuiltinModules();

}  // namespace signet::drivers
#endif
