#ifndef SIGNET_SRC_SERVER_PID_FILE_H_
#define SIGNET_SRC_SERVER_PID_FILE_H_

#include <string>

#include "src/base/result.h"

namespace signet::server {

// A file that holds our process id while this lives.
class PidFile {
 public:
  PidFile() = default;
  // Errors: "cannot write /run/x.pid: Permission denied". Never follows a symbolic link.
  static Result<PidFile, std::string> Write(const std::string& path);
  ~PidFile();
  // It is another process's now, and stays.
  void Forget() { path_.clear(); }
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;

 private:
  std::string path_;
};

}  // namespace signet::server
#endif
