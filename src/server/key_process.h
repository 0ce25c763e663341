#ifndef SIGNET_SRC_SERVER_KEY_PROCESS_H_
#define SIGNET_SRC_SERVER_KEY_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "src/base/channel.h"
#include "src/server/privileges.h"

namespace signet::server {

// The process that holds private keys, as its master has it. It reads key files while it is
// root, if it is; signs for whoever has a line to it; and ends with its master.
class KeyProcess {
 public:
  KeyProcess() = default;
  ~KeyProcess();
  KeyProcess(const KeyProcess&) = delete;
  KeyProcess& operator=(const KeyProcess&) = delete;

  // `in_child`: what the new process has to let go of. False: there can be none.
  //   Requires  no other thread runs.
  bool Start(const std::function<void()>& in_child);
  pid_t pid() const { return pid_; }  // 0: there is none
  // It has been waited for, or is another process's child.
  void Forget();

  // The process that serves is another one from now on.
  void NewClient() const;
  // The other end of a new line for the process that serves; invalid where there is none.
  Channel NewLine() const;
  // It gives up root, if there is somebody to become, limits itself with `sandbox`, and is from
  // then on what it stays. "" or what is wrong.
  std::string Settle(const std::optional<Identity>& identity, bool sandbox) const;

 private:
  Channel control_;
  pid_t pid_ = 0;
};

}  // namespace signet::server
#endif
