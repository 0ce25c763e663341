#include "test/support/lying_upstream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace signet::test {

using Step = LyingUpstream::Step;

// One connection, to its end.
class LyingUpstream::Conversation {
 public:
  Conversation(LyingUpstream& server, int fd) : server_(server), fd_(fd) {}
  ~Conversation() { close(fd_); }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void Run() {
    if (!Answer(Step::kGreeting, "220 liar.example.org ESMTP\r\n")) return;
    for (std::string line; ReadLine(&line) && Obey(line);) {
    }
  }

 private:
  bool Obey(const std::string& line) {
    const std::string verb = line.substr(0, 4);
    if (verb == "EHLO")
      return Answer(Step::kEhlo,
                    "250-liar.example.org\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
                    "250-PIPELINING\r\n250 SIZE 104857600\r\n");
    if (verb == "MAIL") return Answer(Step::kMail, "250 2.1.0 ok\r\n");
    if (verb == "RCPT") return Answer(Step::kRcpt, "250 2.1.5 ok\r\n");
    if (verb == "RSET") return Answer(Step::kRset, "250 2.0.0 ok\r\n");
    if (verb == "DATA") return Answer(Step::kData, "354 go on\r\n") && (!flows_ || ReadMessage());
    Answer(Step::kQuit, "221 2.0.0 bye\r\n");
    return false;
  }

  bool ReadMessage() {
    std::string content;
    int lines = 0;
    for (std::string line; ReadLine(&line); ++lines) {
      if (line == ".") return End(content);
      content += (line[0] == '.' ? line.substr(1) : line) + "\r\n";
      if (lines != 3) continue;
      const Lie lie = server_.At(Step::kBody);
      if (!lie.truth && !Do(lie, "")) return false;
    }
    return false;
  }

  bool End(const std::string& content) {
    const Lie lie = server_.At(Step::kDot);
    if (lie.truth || lie.keep) {
      const std::lock_guard lock(server_.mutex_);
      server_.messages_.push_back(content);
    }
    return Do(lie, "250 2.0.0 taken\r\n");
  }

  bool Answer(Step step, const std::string& truth) {
    const Lie lie = server_.At(step);
    flows_ = lie.truth || lie.send.starts_with("354");
    return Do(lie, truth);
  }

  bool Do(const Lie& lie, const std::string& truth) {
    if (lie.wait_ms != 0 && !Pause(lie.wait_ms)) return false;
    do {
      if (!Say(lie.send)) return false;
    } while (lie.endless);
    if (lie.truth && !Say(truth)) return false;
    return (lie.hold_ms == 0 || Pause(lie.hold_ms)) && !lie.close;
  }

  // False where the other side goes meanwhile, or we are to.
  bool Pause(int ms) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (std::chrono::steady_clock::now() < end) {
      pollfd gone{fd_, POLLRDHUP, 0};
      if (server_.stop_ || poll(&gone, 1, 20) < 0 || gone.revents != 0) return false;
    }
    return true;
  }

  bool Say(std::string_view text) const {
    while (!text.empty() && !server_.stop_) {
      const ssize_t size = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (size > 0) {
        text.remove_prefix(static_cast<std::size_t>(size));
      } else if (errno != EAGAIN) {
        return false;
      }
    }
    return !server_.stop_;
  }

  bool ReadLine(std::string* line) {
    std::size_t end;
    while ((end = input_.find("\r\n")) == input_.npos) {
      pollfd waiting{fd_, POLLIN, 0};
      if (poll(&waiting, 1, 50) == 0) {
        if (server_.stop_) return false;
        continue;
      }
      char octets[8192];
      const ssize_t size = recv(fd_, octets, sizeof octets, 0);
      if (size <= 0) return false;
      input_.append(octets, static_cast<std::size_t>(size));
    }
    *line = input_.substr(0, end);
    input_.erase(0, end + 2);
    return true;
  }

  LyingUpstream& server_;
  const int fd_;
  bool flows_ = false;  // a message follows DATA
  std::string input_;
};

LyingUpstream::LyingUpstream() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("lying upstream: no port");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Accept(); });
}

LyingUpstream::~LyingUpstream() {
  stop_ = true;
  thread_.join();
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return present_ == 0; });
  close(listener_);
}

void LyingUpstream::Accept() {
  const timeval patience{0, 100'000};  // of a send, so that it sees the end
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 50) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    {
      const std::lock_guard lock(mutex_);
      ++present_;
    }
    std::thread([this, fd] {
      Conversation(*this, fd).Run();
      const std::lock_guard lock(mutex_);
      if (--present_ == 0) left_.notify_all();
    }).detach();
  }
}

LyingUpstream::Lie LyingUpstream::At(Step step) {
  Script script;
  {
    const std::lock_guard lock(mutex_);
    script = script_;
  }
  Lie lie = script ? script(step) : Truth();
  if (!lie.truth || !lie.send.empty() || lie.wait_ms != 0) ++told_;
  return lie;
}

void LyingUpstream::Tell(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::vector<std::string> LyingUpstream::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

}  // namespace signet::test
