#ifndef SIGNET_SRC_SERVER_LISTENER_H_
#define SIGNET_SRC_SERVER_LISTENER_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/channel.h"
#include "src/base/result.h"
#include "src/config/config.h"

namespace signet::server {

// Where connections are accepted: a numeric address and a port; port 0 lets the system
// choose one.
struct ListenAddress {
  std::string ip;
  int port = 0;
  bool tls_on_connect = false;

  bool operator==(const ListenAddress&) const = default;
  // "[127.0.0.1]:587"
  std::string Text() const;
};

// What the command line says instead of the configuration.
struct ListenOverrides {
  std::string ports;  // -oX: items with "." or ":" are addresses, others ports
  bool tls_on_connect = false;
};

// How often whoever waits to accept looks whether it is over.
inline constexpr std::chrono::milliseconds kAcceptLook{500};

// The listening set: each address of local_interfaces with each port of
// daemon_smtp_ports, unless the address brings a port of its own.
//
//   Errors   one line that names the option and the item.
Result<std::vector<ListenAddress>, std::string> ListeningSet(const config::Main& main,
                                                             const ListenOverrides& overrides);

// A port by number or by its name in /etc/services; -1 where it is neither.
int PortOf(std::string_view text);

// "listening for SMTP on port 587 (IPv6 and IPv4) and for SMTPS on [127.0.0.1]:465", as the
// start line of the log says it.
std::string DescribeListening(const std::vector<ListenAddress>& addresses);

// One listening socket. Shared by the workers, which accept on duplicates of it.
class Listener {
 public:
  // Errors: "[127.0.0.1]:25: Permission denied".
  static Result<std::shared_ptr<Listener>, std::string> Open(const ListenAddress& address);
  // A socket that another process has opened so. nullptr where it does not listen any more.
  static std::shared_ptr<Listener> Inherit(OwnedFd fd, const ListenAddress& asked);
  // The same of one that others have too, such as the service manager: closing it leaves theirs
  // alone. Its address is what it is bound to; nullptr also where that is none of TCP.
  static std::shared_ptr<Listener> Inherit(OwnedFd fd);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  const ListenAddress& asked() const { return asked_; }  // as first configured
  ListenAddress bound() const;  // with its real port, and as it is served now
  bool tls_on_connect() const { return tls_on_connect_; }
  void SetTlsOnConnect(bool on) { tls_on_connect_ = on; }
  // Ends accepting on all duplicates: whoever waits in accept wakes with an error. On one that
  // others have too, it ends here and within kAcceptLook.
  void Close();
  // Others have it too, from now on.
  void Share() { shared_ = true; }
  bool shared() const { return shared_; }
  // Whether it is one of IPv6 that takes connections of IPv4 too.
  bool takes_both() const;
  bool closed() const { return closed_; }

 private:
  Listener(int fd, ListenAddress asked)
      : fd_(fd), asked_(std::move(asked)), tls_on_connect_(asked_.tls_on_connect) {}
  int fd_;
  ListenAddress asked_;
  std::atomic<bool> tls_on_connect_;
  std::atomic<bool> closed_{false}, shared_{false};
};
using ListenerPtr = std::shared_ptr<Listener>;

// The listeners for a new set: those of `current` whose address and port the set still has,
// and new ones. Nothing is closed, and nobody accepts on the new ones yet.
//
//   Errors   every address that could not be bound; then nothing is changed (C1). An address
//            of IPv6 is skipped where the kernel has none of it and it is a wildcard.
struct Opened {
  struct Entry {
    ListenerPtr listener;
    bool tls_on_connect = false;
  };
  std::vector<Entry> entries;
  std::vector<ListenerPtr> dropped;  // of `current`, not in the set

  // Makes the set the one that counts: who is accepted from now on is served its way, and
  // what was dropped is closed. Returns the listeners.
  std::vector<ListenerPtr> Adopt() const;
};
Result<Opened, std::vector<std::string>> OpenListeners(const std::vector<ListenAddress>& set,
                                                       const std::vector<ListenerPtr>& current);

}  // namespace signet::server
#endif
