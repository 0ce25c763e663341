#ifndef SIGNET_SRC_BASE_CHANNEL_H_
#define SIGNET_SRC_BASE_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/clock.h"

namespace signet {

// A file descriptor that is closed when dropped.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// One end of a line between two processes of ours: whole messages, with descriptors.
class Channel {
 public:
  struct Message {
    std::string text;
    std::vector<OwnedFd> fds;
  };

  Channel() = default;
  explicit Channel(OwnedFd fd) : fd_(std::move(fd)) {}
  // Both ends of a new one.
  static std::pair<Channel, Channel> MakePair();

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  void Close() { fd_ = OwnedFd(); }

  // False: the other end is gone, or has read nothing for too long. Descriptors stay the
  // caller's.
  bool Send(std::string_view text, std::span<const int> fds = {}) const;
  // The next message; nothing where none came until the deadline, or the other end is gone, or
  // it was longer than `most` octets.
  std::optional<Message> Receive(Deadline deadline, std::size_t most) const;

 private:
  OwnedFd fd_;
};

// Texts and numbers in one message, and out of it.
class Packer {
 public:
  void Put(std::string_view text);
  void Put(std::uint64_t number) { Put(std::to_string(number)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
class Unpacker {
 public:
  explicit Unpacker(std::string_view text) : rest_(text) {}
  // Empty and 0 where there is no more, or something else; good() tells.
  std::string Text();
  std::uint64_t Number();
  // Whether all that was taken was there.
  bool good() const { return good_; }
  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace signet
#endif
