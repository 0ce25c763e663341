#include "src/server/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace signet::server {

namespace {

constexpr std::size_t kIdBytes = 32;  // of a process id and a line end

std::string OwnId() { return std::to_string(::getpid()) + "\n"; }

std::string Content(int fd) {
  char text[kIdBytes];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

bool Replace(int fd, const std::string& text) {
  return ::ftruncate(fd, 0) == 0 &&
         ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<PidFile, std::string> PidFile::Write(const std::string& path, Before before) {
  PidFile file;
  file.file_ = OwnedFd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  const int fd = file.file_.get();
  if (fd >= 0 && before == Before::kMayComeBack) file.before_ = Content(fd);
  if (fd < 0 || !Replace(fd, OwnId()))
    return Err{"cannot write " + path + ": " + std::strerror(errno)};
  file.path_ = path;
  return file;
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::exchange(other.path_, "")),
      before_(std::exchange(other.before_, "")),
      file_(std::move(other.file_)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(before_, other.before_);
  std::swap(file_, other.file_);
  return *this;
}

// The user that we have become may not be allowed to remove it; then it stays, and is not
// made writable for that. Where it is another process's by now, it is that one's.
PidFile::~PidFile() {
  struct stat there {
  }, ours{};
  if (path_.empty() || ::fstat(file_.get(), &ours) != 0 || ::lstat(path_.c_str(), &there) != 0 ||
      there.st_ino != ours.st_ino || there.st_dev != ours.st_dev || Content(file_.get()) != OwnId())
    return;
  if (before_.empty())
    ::unlink(path_.c_str());
  else
    (void)Replace(file_.get(), before_);
}

}  // namespace signet::server
