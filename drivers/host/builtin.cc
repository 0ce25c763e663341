#include "drivers/host/builtin.h"

#include <signet/driver.h>

extern "C" {
const signet_module* signet_driver_tls(void);
}

namespace signet::drivers {

std::vector<const signet_module*> BuiltinModules() { return {signet_driver_tls()}; }

}  // namespace signet::drivers
