#include "src/base/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>

#include "src/base/limits.h"
#include "src/base/result.h"

namespace signet {
namespace {

constexpr time_t kSendSeconds = 1;  // for the other end to make room

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

std::pair<Channel, Channel> Channel::MakePair() {
  int ends[2];
  SIGNET_CHECK(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  // Who does not read holds nobody up.
  const timeval patience{kSendSeconds, 0};
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return {Channel(OwnedFd(ends[0])), Channel(OwnedFd(ends[1]))};
}

bool Channel::Send(std::string_view text, std::span<const int> fds) const {
  SIGNET_CHECK(fds.size() <= limits::kListenersMax);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char space[CMSG_SPACE(limits::kListenersMax * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = space;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(fd_.get(), &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(text.size());
}

std::optional<Channel::Message> Channel::Receive(Deadline deadline, std::size_t most) const {
  pollfd waiting{fd_.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::min<std::int64_t>(deadline.Remaining().count(), INT_MAX);
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) break;
    if (ready == 0 || errno != EINTR) return std::nullopt;
  }
  Message message;
  message.text.resize(most);
  iovec piece{message.text.data(), message.text.size()};
  alignas(cmsghdr) char space[CMSG_SPACE(limits::kListenersMax * sizeof(int))];
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  const ssize_t got = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      message.fds.emplace_back(fd);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return std::nullopt;
  message.text.resize(static_cast<std::size_t>(got));
  return message;
}

void Packer::Put(std::string_view text) {
  text_ += std::to_string(text.size()) + ':';
  text_ += text;
}

std::string Unpacker::Text() {
  std::size_t size = 0;
  const char* const end = rest_.data() + rest_.size();
  const auto [at, error] = std::from_chars(rest_.data(), end, size);
  const bool found = error == std::errc() && at != end && *at == ':' &&
                     size <= static_cast<std::size_t>(end - at - 1);
  if (!found) {
    good_ = false;
    rest_ = {};
    return "";
  }
  const std::string_view text(at + 1, size);
  rest_.remove_prefix(static_cast<std::size_t>(at - rest_.data()) + 1 + size);
  return std::string(text);
}

std::uint64_t Unpacker::Number() {
  const std::string text = Text();
  std::uint64_t number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text.empty() || at != text.data() + text.size()) good_ = false;
  return number;
}

}  // namespace signet
