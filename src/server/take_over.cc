#include "src/server/take_over.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "src/base/limits.h"

namespace signet::server {
namespace {

constexpr std::size_t kAnswerBytes = 4096;
// It may be loading its configuration.
constexpr std::chrono::seconds kAnswerWait{30};

// 0, or what the system says.
int Connect(const std::string& path, Channel* line) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (!fd.valid() || ::connect(fd.get(), where, sizeof address) != 0) return errno;
  *line = Channel(std::move(fd));
  return 0;
}

// One answer is one small write of the other end.
std::optional<Channel::Message> Ask(const Channel& line, const std::string& request) {
  if (!line.Send(request + '\n')) return std::nullopt;
  return line.Receive(Deadline::After(kAnswerWait), kAnswerBytes);
}

}  // namespace

Result<Predecessor, std::string> Predecessor::Ask(const std::string& control_socket) {
  const auto wrong = [&](const std::string& why) {
    return Err{"nothing to take over: control socket " + control_socket + ": " + why};
  };
  Predecessor instance;
  const int error = Connect(control_socket, &instance.line_);
  if (error == ENOENT || error == ECONNREFUSED) return wrong("no server listens there");
  if (error != 0) return wrong(std::strerror(error));
  auto answer = server::Ask(instance.line_, "take-over");
  if (!answer) return wrong("the server does not answer: it answers root and its own user only");
  if (answer->fds.empty()) return wrong("the server says " + answer->text);
  for (OwnedFd& fd : answer->fds) {
    auto listener = Listener::Inherit(std::move(fd));
    if (listener != nullptr) instance.listeners_.push_back(std::move(listener));
  }
  return instance;
}

std::string Predecessor::Leave(pid_t process) {
  const auto answer = server::Ask(line_, "leave " + std::to_string(process));
  Drop();
  if (!answer) return "the instance whose place was taken has ended by itself, or does not answer";
  return "";
}

}  // namespace signet::server
