#ifndef SIGNET_SRC_SERVER_SERVICE_MANAGER_H_
#define SIGNET_SRC_SERVER_SERVICE_MANAGER_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/server/listener.h"

// What a service manager (systemd) and the processes that it starts tell each other: a datagram
// socket that hears how it goes, and listening sockets that are there already.
namespace signet::server {

class ServiceManager {
 public:
  // As the environment names it: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. Without them nobody
  // is told anything.
  static ServiceManager FromEnvironment();

  bool there() const { return !socket_.empty(); }
  void Ready(std::string_view status) const;  // serves, or serves again after Reloading()
  void Reloading() const;
  void Stopping() const;
  void Status(std::string_view status) const;
  void Alive() const;                 // to be said within watchdog()
  void MainPid(pid_t process) const;  // another one is to be looked after
  // How long it waits for Alive(); nullopt: it does not.
  std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
  void Send(const std::string& text) const;
  std::string socket_;
  std::optional<std::chrono::milliseconds> watchdog_;
};

// Sockets that were passed on: LISTEN_PID, LISTEN_FDS. Those that listen for TCP connections;
// `unfit` gets a text for each other one. They come before CloseInherited().
std::vector<ListenerPtr> PassedListeners(std::vector<std::string>* unfit);

}  // namespace signet::server
#endif
