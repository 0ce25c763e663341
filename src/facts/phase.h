#ifndef SIGNET_SRC_FACTS_PHASE_H_
#define SIGNET_SRC_FACTS_PHASE_H_

#include <cstdint>

namespace signet::facts {

// In the order things happen in a session. An option or ACL names the phase it is
// evaluated in; a variable names the first phase that can set it.
enum class Phase : std::uint8_t {
  kLoad,  // no connection yet
  kConnect,
  kTls,  // the handshake is over
  kHelo,
  kAuth,  // authenticator parameters, conditions, set_id
  kMail,
  kRcpt,
  kPredata,
  kData,
  kDelivery,  // routers and transports
  kQuit,
};

}  // namespace signet::facts
#endif
