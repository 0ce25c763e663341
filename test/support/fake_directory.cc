#include "test/support/fake_directory.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <memory>
#include <stdexcept>

namespace signet::test {
namespace {

using Clock = std::chrono::steady_clock;

// --- BER, as far as LDAP wants it -----------------------------------------------------------

std::string Tlv(int tag, const std::string& value) {
  std::string out(1, static_cast<char>(tag));
  if (value.size() < 128) {
    out += static_cast<char>(value.size());
  } else {
    out += static_cast<char>(0x84);
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(value.size() >> shift & 0xff);
  }
  return out + value;
}

std::string Integer(int tag, int value) {
  std::string octets;
  for (int shift = 24; shift >= 0; shift -= 8) octets += static_cast<char>(value >> shift & 0xff);
  return Tlv(tag, octets);
}

std::string Message(int id, const std::string& operation) {
  return Tlv(0x30, Integer(0x02, id) + operation);
}

std::string Outcome(int tag, int code, const std::string& text) {
  return Tlv(tag, Integer(0x0a, code) + Tlv(0x04, "") + Tlv(0x04, text));
}

struct Element {
  int tag = 0;
  std::string value;
  std::size_t size = 0;  // with tag and length; 0 where incomplete
};

Element TakeElement(const std::string& octets, std::size_t at) {
  Element element;
  if (at + 2 > octets.size()) return element;
  element.tag = static_cast<unsigned char>(octets[at]);
  std::size_t length = static_cast<unsigned char>(octets[at + 1]), head = 2;
  if (length >= 128) {
    const std::size_t count = length - 128;
    head += count;
    if (at + head > octets.size()) return element;
    length = 0;
    for (std::size_t i = 0; i < count; ++i)
      length = length << 8 | static_cast<unsigned char>(octets[at + 2 + i]);
  }
  if (at + head + length > octets.size()) return element;
  element.value = octets.substr(at + head, length);
  element.size = head + length;
  return element;
}

int NumberOf(const std::string& octets) {
  int number = 0;
  for (const char c : octets) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

struct FakeDirectory::Connection {
  struct Later {
    Clock::time_point when;
    std::string send;
  };
  int fd = -1;
  int number = 0;
  std::string input;
  std::list<Later> later;
  int in_flight = 0;
  std::string endless;
  ~Connection() { ::close(fd); }
};

FakeDirectory::FakeDirectory(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 || ::pipe(wake_) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("fake directory: no port");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

FakeDirectory::~FakeDirectory() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listener_);
}

std::vector<FakeDirectory::Request> FakeDirectory::requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

int FakeDirectory::CountOf(int operation) const {
  const auto all = requests();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Request& request) {
    return request.operation == operation;
  }));
}

// Handles every complete message; false where the connection is to end.
bool FakeDirectory::Serve(Connection& connection) {
  while (true) {
    const Element message = TakeElement(connection.input, 0);
    if (message.size == 0) return true;
    connection.input.erase(0, message.size);
    const Element id = TakeElement(message.value, 0);
    const Element operation = TakeElement(message.value, id.size);
    Request request{connection.number, NumberOf(id.value), operation.tag, "", message.value};
    if (operation.tag == 0x63) {
      request.base = TakeElement(operation.value, 0).value;
      most_in_flight_ = std::max<int>(most_in_flight_, ++connection.in_flight);
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(request);
    }
    if (operation.tag == 0x42) return false;
    const Reaction reaction = script_(request);
    if (reaction.hold_ms > 0) {
      connection.later.push_back(
          {Clock::now() + std::chrono::milliseconds(reaction.hold_ms), reaction.send});
      continue;
    }
    if (operation.tag == 0x63 && !reaction.send.empty()) --connection.in_flight;
    if (::send(connection.fd, reaction.send.data(), reaction.send.size(), MSG_NOSIGNAL) < 0)
      return false;
    if (reaction.close) return false;
    if (!reaction.endless.empty()) connection.endless = reaction.endless;
  }
}

// More of what has no end, as far as there is room for it. A part of a message would be cut off
// only where the reader has gone.
bool FakeDirectory::GoOn(Connection& connection) {
  for (int i = 0; !connection.endless.empty() && i < 200; ++i) {
    const ssize_t sent = ::send(connection.fd, connection.endless.data(), connection.endless.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN;
    if (static_cast<std::size_t>(sent) < connection.endless.size()) {
      std::rotate(connection.endless.begin(), connection.endless.begin() + sent,
                  connection.endless.end());
      return true;
    }
  }
  return true;
}

void FakeDirectory::Run() {
  std::list<std::unique_ptr<Connection>> all;
  while (true) {
    std::vector<pollfd> wanted = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& connection : all) wanted.push_back({connection->fd, POLLIN, 0});
    ::poll(wanted.data(), wanted.size(), 10);
    if (wanted[0].revents != 0) return;
    std::size_t index = 2;
    for (auto item = all.begin(); item != all.end();) {
      Connection& connection = **item;
      bool alive = true;
      if (index < wanted.size() && wanted[index++].revents != 0) {
        char block[2048];
        const ssize_t got = ::recv(connection.fd, block, sizeof block, 0);
        alive = got > 0;
        if (alive) connection.input.append(block, static_cast<std::size_t>(got));
      }
      alive = alive && Serve(connection) && GoOn(connection);
      for (auto due = connection.later.begin(); alive && due != connection.later.end();) {
        if (due->when > Clock::now()) {
          ++due;
          continue;
        }
        --connection.in_flight;
        alive = ::send(connection.fd, due->send.data(), due->send.size(), MSG_NOSIGNAL) >= 0;
        due = connection.later.erase(due);
      }
      item = alive ? std::next(item) : all.erase(item);
    }
    if (wanted[1].revents != 0) {
      auto connection = std::make_unique<Connection>();
      connection->fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      connection->number = ++connections_;
      if (connection->fd >= 0) all.push_back(std::move(connection));
    }
  }
}

std::string FakeDirectory::BindResponse(int id, int code, const std::string& text) {
  return Message(id, Outcome(0x61, code, text));
}
std::string FakeDirectory::SearchDone(int id, int code, const std::string& text) {
  return Message(id, Outcome(0x65, code, text));
}
std::string FakeDirectory::ExtendedResponse(int id, int code) {
  return Message(id, Outcome(0x78, code, ""));
}
std::string FakeDirectory::Notice(const std::string& oid, int code) {
  return Message(
      0, Tlv(0x78, Integer(0x0a, code) + Tlv(0x04, "") + Tlv(0x04, "going down") + Tlv(0x8a, oid)));
}
std::string FakeDirectory::SearchReference(int id, const std::string& url) {
  return Message(id, Tlv(0x73, Tlv(0x04, url)));
}
std::string FakeDirectory::SearchEntry(int id, const std::string& dn, const std::string& attribute,
                                       const std::vector<std::string>& values) {
  std::string set;
  for (const std::string& value : values) set += Tlv(0x04, value);
  const std::string attributes = Tlv(0x30, Tlv(0x04, attribute) + Tlv(0x31, set));
  return Message(id, Tlv(0x64, Tlv(0x04, dn) + Tlv(0x30, attributes)));
}

}  // namespace signet::test
