#ifndef SIGNET_SRC_REPORT_DECISION_FILE_H_
#define SIGNET_SRC_REPORT_DECISION_FILE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "src/base/limits.h"
#include "src/base/result.h"
#include "src/report/decision.h"

namespace signet::report {

using DecisionPtr = std::shared_ptr<const Decision>;

// A file of decisions: JSON, one a line, oldest first. A later line with the same reference
// takes the place of an earlier one. Bounded: beyond its octets it is written anew.
//
//   Security  mode 0600; one that others may read, or that is not ours, is not used (rule C7).
//   Threads   one at a time.
class DecisionFile {
 public:
  ~DecisionFile();
  DecisionFile(const DecisionFile&) = delete;
  DecisionFile& operator=(const DecisionFile&) = delete;

  // Opens a file, or makes it. Errors: text for the log, with the path.
  static Result<std::unique_ptr<DecisionFile>, std::string> Open(
      const std::string& path, std::size_t max_bytes = limits::kDecisionFileBytes);

  // What is in it, for as far as it can be read.
  struct Contents {
    std::vector<Decision> decisions;
    // "line 3: not an object", each told by its line; those that are broken are skipped.
    std::vector<std::string> flaws;
  };
  static Result<Contents, std::string> Read(const std::string& path,
                                            std::size_t max_bytes = limits::kDecisionFileBytes);

  // Whether that much more fits in.
  bool HasRoom(std::size_t bytes) const { return bytes <= max_bytes_ - size_; }
  // Adds lines, each ended. Errors: text for the log, with the path.
  Result<bool, std::string> Append(const std::string& lines);
  // In place of all that is there, in one step: the newest of `decisions` (oldest first) that
  // take no more than half of what fits.
  Result<bool, std::string> Replace(const std::vector<DecisionPtr>& decisions);

  std::size_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  DecisionFile(std::string path, std::size_t max_bytes, int fd, std::size_t size)
      : path_(std::move(path)), max_bytes_(max_bytes), fd_(fd), size_(size) {}

  std::string path_;
  std::size_t max_bytes_;
  int fd_;
  std::size_t size_;
};

// A decision as a line of such a file, its end included.
std::string LineOf(const Decision& decision);

}  // namespace signet::report
#endif
