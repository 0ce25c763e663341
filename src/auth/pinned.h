#ifndef SIGNET_SRC_AUTH_PINNED_H_
#define SIGNET_SRC_AUTH_PINNED_H_

#include <cstdint>
#include <string>

#include "src/base/log.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// Inside of src/auth only.
namespace signet::auth {

// What server_pins says of a session's certificate.
struct Pinned {
  bool found = false;
  bool deferred = false;  // the file cannot be used
  std::string name;       // where found: the line's
  std::string reason;     // where not, for the log
};

// Rules I1, I3, I12: the certificate's key, or the certificate itself, stands in exactly one
// line, and the line holds today. Says in the log what is known by its fingerprint only.
// Requires `instance.pins`. May wait.
Pinned FindPinned(const config::Authenticator& instance, const crypto::Certificate& certificate,
                  std::int64_t now, Log* log);

}  // namespace signet::auth
#endif
