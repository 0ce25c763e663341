#include "src/smtp/hold.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/engine/engine.h"

namespace signet::smtp {
namespace {

constexpr std::size_t kReadBytes = limits::kHeldInMemoryBytes;

// A file that no name leads to; -1 and errno where there is none.
int OpenUnnamed(const std::string& directory) {
  const int file = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  // Not every file system has them.
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = directory + "/signet-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) (void)::unlink(name.c_str());
  return named;
}

}  // namespace

HeldBody::HeldBody(std::optional<std::string> directory, Write write)
    : directory_(std::move(directory)), write_(write ? std::move(write) : Write(&::write)) {}

HeldBody::~HeldBody() {
  // Giving the blocks of a large file back may take long.
  if (file_ >= 0) engine::Blocking([this] { ::close(file_); });
}

bool HeldBody::Append(std::string_view line) {
  if (problem_) return false;
  memory_ += line;
  memory_ += '\n';
  return !directory_ || memory_.size() < limits::kHeldInMemoryBytes || Spill();
}

bool HeldBody::Spill() {
  bool done = false;
  engine::Blocking([&] { done = (file_ >= 0 || Open()) && WriteOut(); });
  memory_.clear();
  return done;
}

bool HeldBody::Open() {
  file_ = OpenUnnamed(*directory_);
  return file_ >= 0 || Fail("make a file in", errno);
}

bool HeldBody::WriteOut() {
  std::string_view rest = memory_;
  while (!rest.empty()) {
    const ssize_t written = write_(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Fail("write to a file in", written < 0 ? errno : ENOSPC);
    rest.remove_prefix(static_cast<std::size_t>(written));
    file_bytes_ += static_cast<std::uint64_t>(written);
  }
  return true;
}

bool HeldBody::Fail(std::string_view what, int error) {
  problem_ = Problem{"cannot " + std::string(what) + " \"" + Printable(directory_.value_or("")) +
                         "\": " + std::generic_category().message(error),
                     error == ENOSPC || error == EDQUOT};
  return false;
}

bool HeldBody::Replay(const std::function<bool(std::string_view line)>& sink) {
  if (problem_) return false;
  std::string rest;  // of a line whose end has not been read yet
  const auto give = [&](std::string_view octets) {
    rest += octets;
    std::size_t from = 0;
    for (std::size_t end; (end = rest.find('\n', from)) != rest.npos; from = end + 1)
      if (!sink(std::string_view(rest).substr(from, end - from))) return false;
    rest.erase(0, from);
    return true;
  };
  std::string block;
  for (std::uint64_t at = 0; at < file_bytes_; at += block.size()) {
    ssize_t got = 0;
    block.resize(kReadBytes);
    engine::Blocking([&] {
      got = ::pread(file_, block.data(), block.size(), static_cast<off_t>(at));
      if (got <= 0) Fail("read from a file in", got < 0 ? errno : EIO);
    });
    if (got <= 0) return false;
    block.resize(static_cast<std::size_t>(got));
    if (!give(block)) return true;
  }
  (void)give(memory_);
  return true;
}

}  // namespace signet::smtp
