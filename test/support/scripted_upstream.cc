#include "test/support/scripted_upstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/result.h"
#include "src/engine/engine.h"

namespace signet::testing {

ScriptedUpstream::ScriptedUpstream(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  SIGNET_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  SIGNET_CHECK(listen(listener_, 16) == 0);
  SIGNET_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  SIGNET_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedUpstream::~ScriptedUpstream() {
  SIGNET_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  for (int fd : {listener_, stop_[0], stop_[1]}) close(fd);
}

std::vector<std::string> ScriptedUpstream::commands() const {
  std::lock_guard lock(mutex_);
  return commands_;
}
std::vector<std::string> ScriptedUpstream::messages() const {
  std::lock_guard lock(mutex_);
  return messages_;
}
int ScriptedUpstream::connections() const {
  std::lock_guard lock(mutex_);
  return connections_;
}
bool ScriptedUpstream::Heard(const std::string& command) const {
  std::lock_guard lock(mutex_);
  return std::find(commands_.begin(), commands_.end(), command) != commands_.end();
}

void ScriptedUpstream::Serve() {
  for (;;) {
    pollfd waits[2] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0) return;
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    {
      std::lock_guard lock(mutex_);
      ++connections_;
    }
    input_.clear();
    Talk(fd);
    close(fd);
  }
}

void ScriptedUpstream::Talk(int fd) {
  if (!Say(fd, script_.greeting)) return;
  std::string line;
  while (ReadLine(fd, &line)) {
    {
      std::lock_guard lock(mutex_);
      commands_.push_back(line);
    }
    std::string reply = script_.reply ? script_.reply(line) : "";
    bool usual = reply.empty();
    if (usual) reply = line.starts_with("EHLO") ? script_.ehlo : "250 2.0.0 ok\r\n";
    if (usual && line == "DATA") reply = "354 go on\r\n";
    if (!Say(fd, reply)) return;
    if (line == "QUIT") return;
    if (line == "DATA" && reply.starts_with("354") && !ReadMessage(fd)) return;
  }
}

bool ScriptedUpstream::ReadMessage(int fd) {
  std::string line, message;
  for (int n = 1; ReadLine(fd, &line); ++n) {
    if (line == ".") {
      {
        std::lock_guard lock(mutex_);
        messages_.push_back(message);
      }
      std::string reply = script_.reply ? script_.reply(".") : "";
      return Say(fd, reply.empty() ? "250 2.0.0 taken\r\n" : reply);
    }
    message += line + "\r\n";
    std::string unasked = script_.during_data ? script_.during_data(n) : "";
    if (!unasked.empty() && !Say(fd, unasked)) return false;
  }
  return false;
}

bool ScriptedUpstream::Say(int fd, const std::string& text) {
  if (text == kClose) return false;
  if (text == kHang) {
    WaitForEnd(fd);
    return false;
  }
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

void ScriptedUpstream::WaitForEnd(int fd) {
  char octets[512];
  for (;;) {
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0 || recv(fd, octets, sizeof octets, 0) <= 0) return;
  }
}

bool ScriptedUpstream::ReadLine(int fd, std::string* line) {
  std::size_t end;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0) return false;
    char octets[4096];
    ssize_t size = recv(fd, octets, sizeof octets, 0);
    if (size <= 0) return false;
    input_.append(octets, static_cast<std::size_t>(size));
  }
  *line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

void RunInCoroutine(const std::function<void()>& body) {
  engine::Loop loop;
  loop.Post([&] {
    loop.Spawn([&] {
      body();
      loop.Stop();
    });
  });
  loop.Run();
}

}  // namespace signet::testing
