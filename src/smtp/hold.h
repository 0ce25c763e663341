#ifndef SIGNET_SRC_SMTP_HOLD_H_
#define SIGNET_SRC_SMTP_HOLD_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/limits.h"
#include "src/base/result.h"

namespace signet::smtp {

// HeldBody keeps the lines of a message's body until somebody has decided about it: a part
// in memory, the rest in a file without a name, which is gone with this object however the
// process ends.
//
//   Requires  a coroutine: files are worked on by the blocking pool.
//   Cost      limits::kHeldInMemoryBytes of memory, twice that while lines are given back.
class HeldBody {
 public:
  struct Problem {
    std::string text;  // for the log
    bool no_space = false;
  };
  // How octets are written; the system's write() but for tests.
  using Write = std::function<ssize_t(int file, const void* octets, std::size_t size)>;

  // Without a directory all is kept in memory: for offline tools.
  explicit HeldBody(std::optional<std::string> directory, Write write = nullptr);
  ~HeldBody();
  HeldBody(const HeldBody&) = delete;
  HeldBody& operator=(const HeldBody&) = delete;

  // Requires  `line` is decoded: no line end is in it.
  // Returns   false where it cannot be kept; problem() says why, and nothing more is kept.
  bool Append(std::string_view line);
  // Gives all lines in order; ends early where `sink` returns false, which is no problem.
  // False: they cannot be read.
  bool Replay(const std::function<bool(std::string_view line)>& sink);

  const std::optional<Problem>& problem() const { return problem_; }
  bool on_disk() const { return file_ >= 0; }

 private:
  bool Spill();
  bool Open();
  bool WriteOut();
  bool Fail(std::string_view what, int error);

  std::optional<std::string> directory_;
  Write write_;
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::string memory_;  // lines, each with "\n" behind it; follows what is in the file
  std::optional<Problem> problem_;
};

}  // namespace signet::smtp
#endif
