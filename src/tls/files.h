#ifndef SIGNET_SRC_TLS_FILES_H_
#define SIGNET_SRC_TLS_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/base/secret.h"

// Reading what TLS is configured with. Errors name the file and say why.
namespace signet::tls {

// A regular file of at most limits::kTlsFileMaxBytes.
Result<std::string, std::string> ReadTlsFile(const std::string& path);

// A private key. One that group or others may read is refused (rule C4): the mode is
// looked at on the open file, so that nobody can swap it in between.
Result<SecretText, std::string> ReadKeyFile(const std::string& path);

// A PEM file, or all PEM certificates of a directory's files, in the order of their names.
Result<std::string, std::string> ReadTrust(const std::string& path);

// The file, or each regular file of the directory, with its text or why it cannot be read.
// Errors: the path itself cannot be looked at.
Result<std::map<std::string, Result<std::string, std::string>>, std::string> ReadEach(
    const std::string& path);

// What tells whether files, and directories' files, have changed since they were read.
// Taken before reading, so that a change meanwhile is seen the next time.
class Stamp {
 public:
  Stamp() = default;
  static Stamp Of(const std::vector<std::string>& paths);
  enum class Change : std::uint8_t {
    kNone,
    // Not seen, but what had been changed only a moment before `then` may have been changed
    // again within the same tick of the file system's clock.
    kMaybe,
    kSeen,
  };
  Change Since(const Stamp& then) const {
    if (text_ != then.text_) return Change::kSeen;
    return then.settled_ ? Change::kNone : Change::kMaybe;
  }
  // A file that this process may not even look for, now that it is not root any more; "".
  const std::string& hidden() const { return hidden_; }

 private:
  void Add(const std::string& path);
  void AddDirectory(const std::string& path);
  std::string text_, hidden_;
  bool settled_ = true;
};

}  // namespace signet::tls
#endif
