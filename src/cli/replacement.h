#ifndef SIGNET_SRC_CLI_REPLACEMENT_H_
#define SIGNET_SRC_CLI_REPLACEMENT_H_

#include <sys/types.h>

#include <string>
#include <string_view>

namespace signet::cli {

// A file that replaces another one in one step, with its owner and mode, or not at all.
class Replacement {
 public:
  // `path` is no symbolic link. `program` is who else may be at work at the same time; `mode`
  // is for a file that was not there.
  Replacement(const std::string& path, const std::string& program, mode_t mode)
      : target_(path), path_(path + ".new"), program_(program), mode_(mode) {}
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  // "" or what is wrong.
  std::string Write(std::string_view text);

 private:
  std::string Trouble(const char* what) const;
  std::string KeepOwnerAndMode();
  void SyncDirectory() const;

  const std::string target_, path_, program_;
  const mode_t mode_;
  int fd_ = -1;
  bool made_ = false;
};

}  // namespace signet::cli
#endif
