#ifndef SIGNET_TEST_SUPPORT_FAKE_DRIVERS_H_
#define SIGNET_TEST_SUPPORT_FAKE_DRIVERS_H_

#include <memory>

#include "drivers/host/registry.h"

namespace signet::test {

// A registry of drivers that do nothing, for whoever reads configurations: what matters
// are their flags and option rows.
//
//   authenticator `tls`    after TLS, single: server_param1…3, server_param
//   authenticator `login`  advertised: server_prompts (expanded), server_secret (secret),
//                          server_tries (number, default 3), server_wait (time, default
//                          1m), server_strict (boolean), server_file (text)
//   lookups `ldap`, `ldapm`, with main options ldap_default_servers, ldap_start_tls,
//                          ldap_version (default 3), ldap_wait, ldap_password (secret)
//   lookup `lsearch`       single key, absolute file
std::unique_ptr<drivers::Registry> MakeFakeDrivers();

}  // namespace signet::test
#endif
