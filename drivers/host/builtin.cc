#include "drivers/host/builtin.h"

#include <signet/driver.h>

extern "C" {
const signet_module* signet_driver_tls(void);
const signet_module* signet_driver_lsearch(void);
}

namespace signet::drivers {

std::vector<const signet_module*> BuiltinModules() {
  return {signet_driver_tls(), signet_driver_lsearch()};
}

}  // namespace signet::drivers
