#include "drivers/host/builtin.h"

#include <signet/driver.h>

extern "C" {
const signet_module* signet_driver_tls(void);
const signet_module* signet_driver_lsearch(void);
const signet_module* signet_driver_ldap(void);
}

namespace signet::drivers {

std::vector<const signet_module*> BuiltinModules() {
  return {signet_driver_tls(), signet_driver_lsearch(), signet_driver_ldap()};
}

}  // namespace signet::drivers
