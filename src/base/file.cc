#include "src/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace signet {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<std::string, std::string> ReadRegularFile(const std::string& path, std::size_t most_bytes) {
  if (path.find('\0') != std::string::npos) return Err{std::string(strerror(ENOENT))};
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return Err{std::string(strerror(errno))};
  if (!S_ISREG(info.st_mode)) return Err{std::string("not a regular file")};
  std::string text;
  char block[3500];
  for (;;) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Err{std::string(strerror(errno))};
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > most_bytes)
      return Err{"larger than " + std::to_string(most_bytes) + " octets"};
  }
}

}  // namespace signet
