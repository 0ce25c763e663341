#include "src/tls/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "src/base/limits.h"

namespace signet::tls {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string Why(const std::string& path, int error) {
  return "cannot read \"" + path + "\": " + std::strerror(error);
}

Result<std::string, std::string> ReadAll(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Err{Why(path, errno)};
  if (!S_ISREG(status.st_mode)) return Err{"\"" + path + "\" is not a regular file"};
  if (static_cast<std::size_t>(status.st_size) > limits::kTlsFileMaxBytes)
    return Err{"\"" + path + "\" is too large"};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = read(fd, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Err{Why(path, errno)};
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

int Open(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

Result<std::vector<std::string>, std::string> NamesIn(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return Err{Why(path, errno)};
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string, std::string> ReadDirectory(const std::string& path) {
  const auto names = NamesIn(path);
  if (!names.ok()) return Err{names.error()};
  std::string all;
  for (const std::string& name : names.value()) {
    struct stat status {};
    const std::string file = path + "/" + name;
    if (stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) continue;
    auto text = ReadTlsFile(file);
    if (!text.ok()) return text;
    if (text.value().find("-----BEGIN ") != std::string::npos) all += text.value() + "\n";
  }
  return all;
}

}  // namespace

Result<std::string, std::string> ReadTlsFile(const std::string& path) {
  const Descriptor fd(Open(path));
  if (fd.get() < 0) return Err{Why(path, errno)};
  return ReadAll(fd.get(), path);
}

Result<SecretText, std::string> ReadKeyFile(const std::string& path) {
  const Descriptor fd(Open(path));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) return Err{Why(path, errno)};
  if (status.st_mode & (S_IRWXG | S_IRWXO)) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return Err{"private key \"" + path + "\" is open to group or others (mode " + mode +
               "); it must be for its owner only, as with mode 0600"};
  }
  auto text = ReadAll(fd.get(), path);
  if (!text.ok()) return Err{text.error()};
  return SecretText(std::move(text).value());
}

Result<std::map<std::string, Result<std::string, std::string>>, std::string> ReadEach(
    const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return Err{Why(path, errno)};
  std::map<std::string, Result<std::string, std::string>> files;
  if (!S_ISDIR(status.st_mode)) {
    files.emplace(path, ReadTlsFile(path));
    return files;
  }
  const auto names = NamesIn(path);
  if (!names.ok()) return Err{names.error()};
  for (const std::string& name : names.value()) {
    const std::string file = path + "/" + name;
    if (stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) continue;
    files.emplace(file, ReadTlsFile(file));
  }
  return files;
}

Stamp Stamp::Of(const std::vector<std::string>& paths) {
  Stamp stamp;
  for (const std::string& path : paths) stamp.Add(path);
  return stamp;
}

void Stamp::Add(const std::string& path) {
  struct stat status {};
  text_ += path + '\0';
  if (stat(path.c_str(), &status) != 0) {
    if (errno == EACCES && hidden_.empty()) hidden_ = path;
    text_ += "error " + std::to_string(errno) + '\n';
    return;
  }
  for (const auto number :
       {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
        static_cast<std::int64_t>(status.st_mode), static_cast<std::int64_t>(status.st_size),
        static_cast<std::int64_t>(status.st_mtim.tv_sec),
        static_cast<std::int64_t>(status.st_mtim.tv_nsec),
        static_cast<std::int64_t>(status.st_ctim.tv_sec),
        static_cast<std::int64_t>(status.st_ctim.tv_nsec)})
    text_ += std::to_string(number) + ' ';
  text_ += '\n';
  constexpr std::time_t kTick = 2;  // seconds: as coarse as any file system counts
  if (std::time(nullptr) - status.st_ctim.tv_sec <= kTick) settled_ = false;
  if (S_ISDIR(status.st_mode)) AddDirectory(path);
}

void Stamp::AddDirectory(const std::string& path) {
  const auto names = NamesIn(path);
  if (!names.ok()) return;
  for (const std::string& name : names.value()) {
    struct stat status {};
    const std::string file = path + "/" + name;
    if (stat(file.c_str(), &status) != 0 || S_ISREG(status.st_mode)) Add(file);
  }
}

Result<std::string, std::string> ReadTrust(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return Err{Why(path, errno)};
  return S_ISDIR(status.st_mode) ? ReadDirectory(path) : ReadTlsFile(path);
}

}  // namespace signet::tls
