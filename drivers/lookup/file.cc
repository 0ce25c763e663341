#include "drivers/lookup/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

namespace signet::driver {

void Descriptor::Reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::string CannotOpen(std::string_view what, int error) {
  std::string text = "failed to open " + std::string(what) + ": " + strerror(error);
  if (error == EACCES)
    text += " (euid=" + std::to_string(::geteuid()) + " egid=" + std::to_string(::getegid()) + ")";
  return text;
}

std::string OpenRegularFile(const std::string& path, std::string_view purpose,
                            std::string_view type, Descriptor* fd, struct stat* info) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  fd->Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (fd->get() < 0 || ::fstat(fd->get(), info) != 0)
    return CannotOpen(path + " for " + std::string(purpose), errno);
  if (!S_ISREG(info->st_mode))
    return path + " is not a regular file (" + std::string(type) + " lookup)";
  return "";
}

std::string ReadWhole(int fd, std::size_t most, std::string* text) {
  char block[4000];
  while (text->size() <= most) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got == 0) return "";
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return strerror(errno);
    text->append(block, static_cast<std::size_t>(got));
  }
  return "is larger than " + std::to_string(most) + " octets";
}

std::string_view OptionValue(std::string_view options, std::string_view name) {
  std::string_view value;
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    if (options.substr(0, comma).starts_with(name))
      value = options.substr(name.size(), comma - name.size());
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return value;
}

}  // namespace signet::driver
