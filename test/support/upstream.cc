#include "test/support/upstream.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace signet::test {

struct Upstream::Rep {
  Script script;
  int port = 0;
  int listener = -1;
  std::thread acceptor;
  mutable std::mutex mutex;
  std::vector<Message> messages;
  std::vector<std::string> commands;
  int connections = 0;
  std::set<int> open;
  std::vector<std::thread> sessions;

  void Accept() {
    for (;;) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      std::lock_guard lock(mutex);
      ++connections;
      open.insert(fd);
      sessions.emplace_back([this, fd] { Serve(fd); });
    }
  }

  static bool Send(int fd, const std::string& text) {
    return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  // One line with its line end, or "" at the end of the stream.
  static std::string ReadLine(int fd, std::string* buffer) {
    for (;;) {
      const std::size_t end = buffer->find('\n');
      if (end != std::string::npos) {
        std::string line = buffer->substr(0, end + 1);
        buffer->erase(0, end + 1);
        return line;
      }
      char data[16384 / 8];
      const ssize_t size = recv(fd, data, sizeof data, 0);
      if (size <= 0) return "";
      buffer->append(data, static_cast<std::size_t>(size));
    }
  }

  void Serve(int fd) {
    Converse(fd);
    std::lock_guard lock(mutex);
    open.erase(fd);
    close(fd);
  }

  // "" where the connection is to end.
  std::string ReplyTo(const std::string& line, const std::string& usual) {
    std::string reply;
    {
      std::lock_guard lock(mutex);
      commands.push_back(line);
    }
    if (script) reply = script(line);
    if (reply == "close") return "";
    return reply.empty() ? usual : reply;
  }

  void Converse(int fd) {
    std::string buffer;
    Message message;
    if (!Send(fd, "220 upstream.example.org ESMTP\r\n")) return;
    for (;;) {
      std::string line = ReadLine(fd, &buffer);
      if (line.size() < 2) return;
      line.resize(line.size() - (line[line.size() - 2] == '\r' ? 2 : 1));
      const std::string verb = line.substr(0, 4);
      std::string usual = "250 ok\r\n";
      if (verb == "EHLO") usual = "250-upstream\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n";
      if (verb == "DATA") usual = "354 go ahead\r\n";
      if (verb == "QUIT") usual = "221 bye\r\n";
      const std::string reply = ReplyTo(line, usual);
      if (reply.empty() || !Send(fd, reply)) return;
      if (verb == "QUIT") return;
      const bool good = reply[0] == '2' || reply[0] == '3';
      if (!good) continue;
      if (verb == "EHLO" || verb == "HELO") message.helo = line.substr(line.find(' ') + 1);
      if (verb == "MAIL") message.mail = line;
      if (verb == "RCPT") message.recipients.push_back(line);
      if (verb == "RSET") message = Message{message.helo, "", {}, ""};
      if (verb == "DATA" && !Data(fd, &buffer, &message)) return;
    }
  }

  bool Data(int fd, std::string* buffer, Message* message) {
    for (;;) {
      std::string line = ReadLine(fd, buffer);
      if (line.empty()) return false;
      if (line == ".\r\n") break;
      message->content += line[0] == '.' ? line.substr(1) : line;
    }
    const std::string reply = ReplyTo(".", "250 accepted\r\n");
    if (reply[0] == '2') {
      std::lock_guard lock(mutex);
      messages.push_back(*message);
    }
    *message = Message{message->helo, "", {}, ""};
    return !reply.empty() && Send(fd, reply);
  }
};

Upstream::Upstream(Script script) : rep_(std::make_unique<Rep>()) {
  rep_->script = std::move(script);
  rep_->port = FreePort();
  Listen();
}

Upstream::~Upstream() { Close(); }

void Upstream::Listen() {
  rep_->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(rep_->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(rep_->port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(rep_->listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(rep_->listener, 512) != 0) {
    throw std::runtime_error("upstream: cannot listen");
  }
  rep_->acceptor = std::thread([this] { rep_->Accept(); });
}

void Upstream::Close() {
  if (rep_->listener < 0) return;
  shutdown(rep_->listener, SHUT_RDWR);
  rep_->acceptor.join();
  close(rep_->listener);
  rep_->listener = -1;
  std::vector<std::thread> sessions;
  {
    std::lock_guard lock(rep_->mutex);
    for (const int fd : rep_->open) shutdown(fd, SHUT_RDWR);
    sessions.swap(rep_->sessions);
  }
  for (std::thread& session : sessions) session.join();
}

int Upstream::port() const { return rep_->port; }

std::vector<Upstream::Message> Upstream::messages() const {
  std::lock_guard lock(rep_->mutex);
  return rep_->messages;
}

bool Upstream::WaitForMessages(std::size_t count) const {
  return WaitUntil([&] { return messages().size() >= count; });
}

int Upstream::connections() const {
  std::lock_guard lock(rep_->mutex);
  return rep_->connections;
}

std::vector<std::string> Upstream::commands() const {
  std::lock_guard lock(rep_->mutex);
  return rep_->commands;
}

}  // namespace signet::test
