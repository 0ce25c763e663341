#include "src/report/decision_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "src/base/file.h"

namespace signet::report {
namespace {

constexpr std::size_t kFlawsSaid = 20;  // of one file

std::string Trouble(const char* what, const std::string& path) {
  return std::string(what) + ' ' + path + ": " + std::strerror(errno);
}

// "" or why a file is not one that only we can read.
std::string FlawOf(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return "not a regular file";
  if (info.st_uid != ::geteuid()) return "it belongs to somebody else";
  if ((info.st_mode & 077) != 0) return "others may read it: its mode must be 0600";
  return "";
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string LineOf(const Decision& decision) { return ToJson(decision, JsonForm::kLine) + '\n'; }

DecisionFile::~DecisionFile() { ::close(fd_); }

Result<std::unique_ptr<DecisionFile>, std::string> DecisionFile::Open(const std::string& path,
                                                                      std::size_t max_bytes) {
  const int fd =
      ::open(path.c_str(),
             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0) return Err{Trouble("cannot open", path)};
  struct stat info {};
  const std::string flaw = ::fstat(fd, &info) != 0 ? std::strerror(errno) : FlawOf(info);
  if (!flaw.empty()) {
    ::close(fd);
    return Err{path + " is not used: " + flaw};
  }
  const std::size_t size = std::min(static_cast<std::size_t>(info.st_size), max_bytes);
  return std::unique_ptr<DecisionFile>(new DecisionFile(path, max_bytes, fd, size));
}

Result<DecisionFile::Contents, std::string> DecisionFile::Read(const std::string& path,
                                                               std::size_t max_bytes) {
  const auto text = ReadRegularFile(path, max_bytes);
  if (!text) return Err{path + ": " + text.error()};
  Contents contents;
  std::size_t number = 0;
  for (std::string_view rest = text.value(); !rest.empty();) {
    ++number;
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const bool whole = end < rest.size();
    auto decision = DecisionFromJson(rest.substr(0, end));
    if (decision && whole) {
      contents.decisions.push_back(std::move(decision).value());
    } else if (contents.flaws.size() < kFlawsSaid) {
      contents.flaws.push_back("line " + std::to_string(number) + ": " +
                               (decision ? "it has no end" : "it is no decision"));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return contents;
}

Result<bool, std::string> DecisionFile::Append(const std::string& lines) {
  // A file system that takes only a part leaves a broken line, which a reader skips.
  size_ += std::min(lines.size(), max_bytes_ - size_);
  if (!WriteAll(fd_, lines)) return Err{Trouble("cannot write", path_)};
  return true;
}

Result<bool, std::string> DecisionFile::Replace(const std::vector<DecisionPtr>& decisions) {
  std::vector<std::string> lines;  // newest first
  std::size_t size = 0;
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    std::string line = LineOf(**decision);
    if (size + line.size() > max_bytes_ / 2) break;
    size += line.size();
    lines.push_back(std::move(line));
  }
  const std::string temporary = path_ + ".new";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Err{Trouble("cannot create", temporary)};
  bool good = true;
  for (auto line = lines.rbegin(); good && line != lines.rend(); ++line) good = WriteAll(fd, *line);
  if (!good || ::fsync(fd) != 0 || ::rename(temporary.c_str(), path_.c_str()) != 0) {
    const std::string trouble = Trouble("cannot write", temporary);
    ::close(fd);
    ::unlink(temporary.c_str());
    return Err{trouble};
  }
  ::close(std::exchange(fd_, fd));
  size_ = size;
  return true;
}

}  // namespace signet::report
