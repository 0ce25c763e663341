#ifndef SIGNET_SRC_SERVER_SIGNALS_H_
#define SIGNET_SRC_SERVER_SIGNALS_H_

#include <cstdint>

#include "src/base/clock.h"

namespace signet::server {

enum class Request : std::uint8_t {
  kNone,      // the deadline passed
  kReload,    // SIGHUP
  kReopen,    // SIGUSR1: open the log files again
  kCounters,  // SIGUSR2: say what has been counted
  kStop,      // SIGTERM, SIGINT
  kPeer,      // another instance has asked something on the control socket
};

// What a master process sends to the process that serves for SIGTERM and SIGINT.
int MasterStop();
// What this process sends itself for kPeer.
int PeerSignal();

// Signals as values. Made once, in main's thread, before any other thread: it blocks every
// signal that can be blocked, which threads made later inherit, so that no handler ever
// runs on a coroutine's stack.
class Signals {
 public:
  // `has_master`: SIGTERM and SIGINT are not heard, but what the master sends instead. A terminal
  // and a service manager tell everybody, and the second time would count as impatience.
  explicit Signals(bool has_master = false);
  // The next request; waits until the deadline. Called by one thread.
  Request Wait(Deadline deadline);

 private:
  bool has_master_;
};

}  // namespace signet::server
#endif
