#include "src/server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "src/base/channel.h"
#include "src/base/limits.h"
#include "src/base/log.h"

namespace signet::server {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::uint64_t> NumberIn(const char* name) {
  const std::string text = Variable(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return {};
  return number;
}

// Whether what `name` says is meant for this process.
bool IsForUs(const char* name) {
  const auto process = NumberIn(name);
  return process && *process == static_cast<std::uint64_t>(::getpid());
}

std::uint64_t MonotonicMicroseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager manager;
  manager.socket_ = Variable("NOTIFY_SOCKET");
  const auto watchdog = NumberIn("WATCHDOG_USEC");
  const bool ours = Variable("WATCHDOG_PID").empty() || IsForUs("WATCHDOG_PID");
  if (watchdog && *watchdog >= 1000 && ours && !manager.socket_.empty())
    manager.watchdog_ = std::chrono::milliseconds(std::min<std::uint64_t>(
        *watchdog / 1000, std::chrono::milliseconds(std::chrono::hours(24)).count()));
  return manager;
}

// It may not be there, and that is no trouble of ours.
void ServiceManager::Send(const std::string& text) const {
  sockaddr_un address{};
  if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path) return;
  if (socket_[0] != '/' && socket_[0] != '@') return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';  // a name that is no file's
  const OwnedFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

void ServiceManager::Ready(std::string_view status) const {
  Send("READY=1\nSTATUS=" + Printable(status));
}
void ServiceManager::Reloading() const {
  Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(MonotonicMicroseconds()));
}
void ServiceManager::Stopping() const { Send("STOPPING=1"); }
void ServiceManager::Status(std::string_view status) const { Send("STATUS=" + Printable(status)); }
void ServiceManager::Alive() const { Send("WATCHDOG=1"); }
void ServiceManager::MainPid(pid_t process) const { Send("MAINPID=" + std::to_string(process)); }

std::vector<ListenerPtr> PassedListeners(std::vector<std::string>* unfit) {
  std::vector<ListenerPtr> listeners;
  const auto count = NumberIn("LISTEN_FDS");
  if (!count || !IsForUs("LISTEN_PID")) return listeners;
  for (std::size_t i = 0; i < std::min<std::uint64_t>(*count, limits::kListenersMax); ++i) {
    const int fd = kFirstPassed + static_cast<int>(i);
    auto listener = Listener::Inherit(OwnedFd(fd));
    if (listener != nullptr)
      listeners.push_back(std::move(listener));
    else
      unfit->push_back("descriptor " + std::to_string(fd) +
                       ", which was passed on, does not listen for TCP connections: not used");
  }
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return listeners;
}

}  // namespace signet::server
