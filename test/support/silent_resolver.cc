#include "test/support/silent_resolver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

namespace signet::test {

bool SilentResolver::Possible() {
  return getuid() == 0 && test::Run({"unshare", "-m", "true"}).status == 0;
}

SilentResolver::SilentResolver() {
  std::random_device random;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int attempt = 0; attempt < 100; ++attempt) {
    address_ = "127." + std::to_string(1 + random() % 250) + "." + std::to_string(random() % 250) +
               "." + std::to_string(1 + random() % 250);
    inet_pton(AF_INET, address_.c_str(), &address.sin_addr);
    if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      WriteFile(directory_ / "resolv.conf", "nameserver " + address_ + "\n");
      thread_ = std::thread([this] { Run(); });
      return;
    }
  }
  throw std::runtime_error("no address for a resolver");
}

SilentResolver::~SilentResolver() {
  stop_ = true;
  thread_.join();
  close(socket_);
}

std::vector<std::string> SilentResolver::wrapper() const {
  return {"unshare",
          "-m",
          "sh",
          "-c",
          "mount --bind " + (directory_ / "resolv.conf") + " /etc/resolv.conf && exec \"$@\"",
          "sh"};
}

void SilentResolver::Run() {
  while (!stop_) {
    pollfd waiting{socket_, POLLIN, 0};
    if (poll(&waiting, 1, 50) <= 0) continue;
    char octets[512];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        recvfrom(socket_, octets, sizeof octets - 32, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 17) continue;
    ++asked_;
    if (silent_) continue;
    // One question, which ends with the type and the class.
    std::string answer(octets, static_cast<std::size_t>(got));
    std::size_t end = 12;
    while (end < answer.size() && answer[end] != '\0')
      end += static_cast<unsigned char>(answer[end]) + 1u;
    answer.resize(end + 5);
    const bool v4 = answer[end + 2] == 1;
    answer[2] = static_cast<char>(0x81);
    answer[3] = static_cast<char>(0x80);
    answer[6] = answer[8] = answer[9] = answer[10] = answer[11] = 0;
    answer[7] = v4 ? 1 : 0;
    if (v4) answer += std::string("\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1", 16);
    sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
           size);
  }
}

}  // namespace signet::test
