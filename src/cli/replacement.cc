#include "src/cli/replacement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace signet::cli {
namespace {

std::string Quoted(const std::string& text) { return '"' + text + '"'; }

}  // namespace

Replacement::~Replacement() {
  if (fd_ >= 0) ::close(fd_);
  if (made_) ::unlink(path_.c_str());
}

std::string Replacement::Write(std::string_view text) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0)
    return errno == EEXIST ? Quoted(path_) + " exists: another \"" + program_ +
                                 "\" is at work, or one that was interrupted left it behind"
                           : Trouble("cannot create ");
  made_ = true;
  if (std::string wrong = KeepOwnerAndMode(); !wrong.empty()) return wrong;
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Trouble("cannot write ");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd_) != 0) return Trouble("cannot write ");
  if (::rename(path_.c_str(), target_.c_str()) != 0) return Trouble("cannot rename ");
  made_ = false;
  SyncDirectory();
  return "";
}

std::string Replacement::Trouble(const char* what) const {
  return what + Quoted(path_) + ": " + std::strerror(errno);
}

std::string Replacement::KeepOwnerAndMode() {
  struct stat old {};
  struct stat now {};
  if (::stat(target_.c_str(), &old) != 0) {
    if (errno != ENOENT) return Trouble("cannot look at ");
    return ::fchmod(fd_, mode_) == 0 ? "" : Trouble("cannot set the mode of ");
  }
  if (::fstat(fd_, &now) != 0) return Trouble("cannot look at ");
  const bool same = old.st_uid == now.st_uid && old.st_gid == now.st_gid;
  if (!same && ::fchown(fd_, old.st_uid, old.st_gid) != 0)
    return Trouble("cannot give the file its owner: ");
  return ::fchmod(fd_, old.st_mode & 07777) == 0 ? "" : Trouble("cannot set the mode of ");
}

// The name is as lasting as the contents are.
void Replacement::SyncDirectory() const {
  const std::size_t slash = target_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : target_.substr(0, slash + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

}  // namespace signet::cli
