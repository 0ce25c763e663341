#include "src/crypto/library.h"

#include <gnutls/gnutls.h>

#include "src/base/result.h"

namespace signet::crypto {

void StartLibrary() { SIGNET_CHECK(gnutls_global_init() == 0); }

std::string LibraryName() { return std::string("GnuTLS ") + gnutls_check_version(nullptr); }

}  // namespace signet::crypto
