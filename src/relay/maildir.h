#ifndef SIGNET_SRC_RELAY_MAILDIR_H_
#define SIGNET_SRC_RELAY_MAILDIR_H_

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "src/base/result.h"

namespace signet::relay {

// The system calls whose failure decides whether a message is safe. Tests replace them.
struct FileCalls {
  int (*open)(const char* path, int flags, mode_t mode);
  ssize_t (*write)(int fd, const void* octets, std::size_t size);
  int (*fsync)(int fd);
  int (*link)(const char* from, const char* to);
  int (*unlink)(const char* path);
  int (*mkdir)(const char* path, mode_t mode);
  static const FileCalls& System();
};

// MaildirFile is one message on its way into a Maildir: written to tmp/ under a name that
// no other delivery has, then synced, linked into new/, and the directory synced. Only
// after that may 250 be said. One that is dropped before leaves nothing behind.
//
// File work happens on the blocking pool; the destructor unlinks where it stands, because
// nothing may wait there.
//
//   Errors  text for the log, with the path.
class MaildirFile {
 public:
  enum class CreateDirectory : bool { kNo, kYes };
  // Permissions of what is made here, whatever the umask is.
  struct Modes {
    mode_t file = 0600, directory = 0700;
  };
  struct Problem {
    std::string text;
    bool no_space = false;  // disk or quota
  };
  template <typename T>
  using Or = Result<T, Problem>;

  MaildirFile(std::string directory, std::string host_name, const FileCalls& calls);
  MaildirFile(std::string directory, std::string host_name, const FileCalls& calls, Modes modes);
  ~MaildirFile();
  MaildirFile(const MaildirFile&) = delete;
  MaildirFile& operator=(const MaildirFile&) = delete;

  // Makes the directories that are missing, where that is wanted, and the file in tmp/.
  Or<bool> Open(CreateDirectory create);
  // One line without its end, which is LF in a Maildir. False: writing has failed, and
  // Finish says how.
  bool WriteLine(std::string_view line);
  Or<bool> Finish();

 private:
  Or<bool> OpenNow(CreateDirectory create);
  Or<bool> FinishNow();
  Or<bool> MakeDirectories();
  int MakeDirectory(const std::string& path);
  Or<bool> SyncDirectory(const std::string& path);
  void Flush();
  Err<Problem> Fail(std::string_view what, const std::string& path, int error) const;
  void Forget(std::string* path);

  const std::string directory_;
  const std::string host_name_;
  const FileCalls& calls_;
  const Modes modes_;
  std::string temporary_;  // in tmp/; empty where there is none
  std::string name_;
  int fd_ = -1;
  std::string out_;
  int write_error_ = 0;
};

// "0640": three octal digits, with a 0 in front or without; the owner can read and write.
// nullopt: something else.
std::optional<mode_t> ReadMode(std::string_view text);

// "1732180000.M123456P4711Q1R0123456789abcdef.host": seconds, then what makes it unique,
// then a host name without '/' and ':'.
std::string UniqueMaildirName(std::string_view host_name);

}  // namespace signet::relay
#endif
