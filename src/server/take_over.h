#ifndef SIGNET_SRC_SERVER_TAKE_OVER_H_
#define SIGNET_SRC_SERVER_TAKE_OVER_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "src/base/channel.h"
#include "src/base/result.h"
#include "src/server/listener.h"

namespace signet::server {

// A running instance whose place this one takes. It serves on until it is told to leave, and for
// good where that never happens: at the end of this, or of the process that holds it.
class Predecessor {
 public:
  Predecessor() = default;  // none
  // Asks it on its control socket for its listening sockets.
  //   Errors  what is wrong, with the path.
  static Result<Predecessor, std::string> Ask(const std::string& control_socket);

  bool there() const { return line_.valid(); }
  std::vector<ListenerPtr> TakeListeners() { return std::exchange(listeners_, {}); }
  // `process` serves: it accepts nobody from now on, and ends when its sessions have. "" or
  // what is wrong.
  std::string Leave(pid_t process);
  // It is another process of ours that talks to it.
  void Drop() {
    line_.Close();
    listeners_.clear();
  }

 private:
  Channel line_;
  std::vector<ListenerPtr> listeners_;
};

}  // namespace signet::server
#endif
