#ifndef SIGNET_DRIVERS_HOST_LOADER_H_
#define SIGNET_DRIVERS_HOST_LOADER_H_

#include <signet/driver.h>

#include <string>
#include <string_view>

#include "src/base/result.h"

namespace signet::drivers {

struct Loaded {
  void* handle = nullptr;  // of dlopen; never closed, since code of it may be in use
  const signet_module* module = nullptr;
};

// Whether a shared object may be loaded from `path`: absolute, a regular file, neither it
// nor any directory above it writable by anybody but root and this process's user.
// Returns "" or why not.
std::string CheckModulePath(const std::string& path);

// Opens the shared object at `path` and asks its entry point for the module. Checks the
// path, not the module.
Result<Loaded, std::string> OpenModule(const std::string& path);

}  // namespace signet::drivers
#endif
