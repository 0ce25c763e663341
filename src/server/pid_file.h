#ifndef SIGNET_SRC_SERVER_PID_FILE_H_
#define SIGNET_SRC_SERVER_PID_FILE_H_

#include <cstdint>
#include <string>

#include "src/base/channel.h"
#include "src/base/result.h"

namespace signet::server {

// A file that holds our process id while this lives. What it held before comes back, unless
// Settle() was called, where it may: it was of an instance that is to be replaced.
class PidFile {
 public:
  PidFile() = default;
  enum class Before : std::uint8_t { kIsOver, kMayComeBack };
  // Errors: "cannot write /run/x.pid: Permission denied". Never follows a symbolic link.
  static Result<PidFile, std::string> Write(const std::string& path,
                                            Before before = Before::kIsOver);
  ~PidFile();
  // We serve: what was there before is over.
  void Settle() { before_.clear(); }
  // It is another process's now, and stays.
  void Forget() {
    path_.clear();
    file_ = OwnedFd();
  }
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;

 private:
  std::string path_, before_;
  OwnedFd file_;  // whom we have become may not be allowed to open it
};

}  // namespace signet::server
#endif
