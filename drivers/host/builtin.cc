#include "drivers/host/builtin.h"

#include <signet/driver.h>

extern "C" {
const signet_module* signet_driver_tls(void);
const signet_module* signet_driver_external(void);
const signet_module* signet_driver_plaintext(void);
const signet_module* signet_driver_cram_md5(void);
const signet_module* signet_driver_sasl(void);
const signet_module* signet_driver_dovecot(void);
const signet_module* signet_driver_scram(void);
const signet_module* signet_driver_lsearch(void);
const signet_module* signet_driver_dsearch(void);
const signet_module* signet_driver_cdb(void);
const signet_module* signet_driver_dbm(void);
const signet_module* signet_driver_json(void);
const signet_module* signet_driver_passwd(void);
const signet_module* signet_driver_sqlite(void);
const signet_module* signet_driver_redis(void);
const signet_module* signet_driver_ldap(void);
const signet_module* signet_driver_http(void);
const signet_module* signet_driver_smtpauth(void);
}

namespace signet::drivers {

// One a line.
// clang-format off
std::vector<const signet_module*> BuiltinModules() {
  return {
      signet_driver_tls(),
      signet_driver_external(),
      signet_driver_plaintext(),
      signet_driver_cram_md5(),
      signet_driver_sasl(),
      signet_driver_dovecot(),
      signet_driver_scram(),
      signet_driver_lsearch(),
      signet_driver_dsearch(),
      signet_driver_cdb(),
      signet_driver_dbm(),
      signet_driver_json(),
      signet_driver_passwd(),
      signet_driver_sqlite(),
      signet_driver_redis(),
      signet_driver_ldap(),
      signet_driver_http(),
      signet_driver_smtpauth(),
  };
}
// clang-format on

}  // namespace signet::drivers
