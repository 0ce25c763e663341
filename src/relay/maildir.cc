#include "src/relay/maildir.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/engine/engine.h"

namespace signet::relay {
namespace {

constexpr std::size_t kFlushBytes = 64 * 1024;

int OpenFile(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }

std::string ErrorText(int error) {
  char buffer[128];
  return strerror_r(error, buffer, sizeof buffer);
}

std::string Parent(const std::string& path) {
  std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

}  // namespace

const FileCalls& FileCalls::System() {
  static const FileCalls calls = {&OpenFile, &::write, &::fsync, &::link, &::unlink, &::mkdir};
  return calls;
}

std::optional<mode_t> ReadMode(std::string_view text) {
  unsigned mode = 0;
  if (text.size() == 4 && text[0] == '0') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool good = text.size() == 3 && error == std::errc() && end == text.data() + text.size();
  return good && (mode & 0600) == 0600 ? std::optional<mode_t>(mode) : std::nullopt;
}

std::string UniqueMaildirName(std::string_view host_name) {
  static std::atomic<std::uint64_t> sequence{0};
  using namespace std::chrono;
  auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  char random[8] = {};
  // Without random octets the sequence number still tells our own deliveries apart.
  if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0) std::memset(random, 0, sizeof random);
  char buffer[128];
  std::snprintf(buffer, sizeof buffer, "%lld.M%06lldP%dQ%lluR%s.",
                static_cast<long long>(now / 1000000), static_cast<long long>(now % 1000000),
                static_cast<int>(getpid()), static_cast<unsigned long long>(++sequence),
                HexLower({random, sizeof random}).c_str());
  std::string name = buffer;
  for (char c : host_name) {
    if (c == '/')
      name += "\\057";
    else if (c == ':')
      name += "\\072";
    else
      name += c;
  }
  return name;
}

MaildirFile::MaildirFile(std::string directory, std::string host_name, const FileCalls& calls,
                         Modes modes)
    : directory_(std::move(directory)),
      host_name_(std::move(host_name)),
      calls_(calls),
      modes_(modes) {}

MaildirFile::MaildirFile(std::string directory, std::string host_name, const FileCalls& calls)
    : MaildirFile(std::move(directory), std::move(host_name), calls, Modes()) {}

MaildirFile::~MaildirFile() {
  if (fd_ >= 0) ::close(fd_);
  Forget(&temporary_);
}

MaildirFile::Or<bool> MaildirFile::Open(CreateDirectory create) {
  Or<bool> result = false;
  engine::Blocking([&] { result = OpenNow(create); });
  return result;
}

MaildirFile::Or<bool> MaildirFile::OpenNow(CreateDirectory create) {
  if (create == CreateDirectory::kYes) {
    auto made = MakeDirectories();
    if (!made.ok()) return made;
  }
  name_ = UniqueMaildirName(host_name_);
  std::string path = directory_ + "/tmp/" + name_;
  fd_ =
      calls_.open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, modes_.file);
  if (fd_ < 0) return Fail("create", path, errno);
  temporary_ = std::move(path);
  if (::fchmod(fd_, modes_.file) != 0) return Fail("set the mode of", temporary_, errno);
  return true;
}

bool MaildirFile::WriteLine(std::string_view line) {
  if (write_error_ != 0) return false;
  out_ += line;
  out_ += '\n';
  if (out_.size() >= kFlushBytes) engine::Blocking([&] { Flush(); });
  return write_error_ == 0;
}

void MaildirFile::Flush() {
  std::string_view rest = out_;
  while (!rest.empty() && write_error_ == 0) {
    ssize_t written = calls_.write(fd_, rest.data(), rest.size());
    if (written > 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (written == 0)
      write_error_ = ENOSPC;
    else if (errno != EINTR)
      write_error_ = errno;
  }
  out_.clear();
}

MaildirFile::Or<bool> MaildirFile::Finish() {
  Or<bool> result = false;
  engine::Blocking([&] { result = FinishNow(); });
  return result;
}

MaildirFile::Or<bool> MaildirFile::FinishNow() {
  if (fd_ < 0) return Fail("write", directory_, EBADF);
  if (write_error_ == 0) Flush();
  if (write_error_ != 0) return Fail("write", temporary_, write_error_);
  if (calls_.fsync(fd_) != 0) return Fail("sync", temporary_, errno);
  int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) return Fail("close", temporary_, errno);
  // A link never replaces a file that is there, which a rename would.
  std::string place = directory_ + "/new/" + name_;
  if (calls_.link(temporary_.c_str(), place.c_str()) != 0) return Fail("link to", place, errno);
  auto synced = SyncDirectory(directory_ + "/new");
  if (!synced.ok()) {
    // The client will hear 4xx and send it again: it must not be there twice.
    Forget(&place);
    return synced;
  }
  Forget(&temporary_);
  return true;
}

// As mkdir, but the umask takes nothing away. What somebody puts in its place meanwhile is
// not followed.
int MaildirFile::MakeDirectory(const std::string& path) {
  if (calls_.mkdir(path.c_str(), modes_.directory) != 0) return -1;
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  const int changed = ::fchmod(fd, modes_.directory);
  ::close(fd);
  return changed;
}

MaildirFile::Or<bool> MaildirFile::MakeDirectories() {
  // From the top, so that each new name is synced in its parent.
  for (std::size_t slash = directory_.find('/', 1);; slash = directory_.find('/', slash + 1)) {
    std::string path = directory_.substr(0, slash);
    if (MakeDirectory(path) == 0) {
      auto synced = SyncDirectory(Parent(path));
      if (!synced.ok()) return synced;
    } else if (errno != EEXIST) {
      return Fail("make directory", path, errno);
    }
    if (slash == directory_.npos) break;
  }
  bool made = false;
  for (const char* part : {"/tmp", "/new", "/cur"}) {
    std::string path = directory_ + part;
    if (MakeDirectory(path) == 0)
      made = true;
    else if (errno != EEXIST)
      return Fail("make directory", path, errno);
  }
  return made ? SyncDirectory(directory_) : Or<bool>(true);
}

MaildirFile::Or<bool> MaildirFile::SyncDirectory(const std::string& path) {
  int fd = calls_.open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return Fail("open", path, errno);
  int failed = calls_.fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return Fail("sync", path, failed);
  return true;
}

Err<MaildirFile::Problem> MaildirFile::Fail(std::string_view what, const std::string& path,
                                            int error) const {
  return Err{
      Problem{"cannot " + std::string(what) + " \"" + Printable(path) + "\": " + ErrorText(error),
              error == ENOSPC || error == EDQUOT}};
}

void MaildirFile::Forget(std::string* path) {
  if (!path->empty()) calls_.unlink(path->c_str());
  path->clear();
}

}  // namespace signet::relay
