#ifndef SIGNET_SRC_REPORT_LOOKUP_HEALTH_H_
#define SIGNET_SRC_REPORT_LOOKUP_HEALTH_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace signet::report {

// How directories, files and databases have answered of late, by lookup type.
//
//   Threads  any.
class LookupHealth {
 public:
  struct State {
    std::string type;
    std::int64_t answered = 0;  // seconds since the epoch; 0: never
    std::int64_t failed = 0;    // likewise
    std::string why;            // of the last failure; printable, bounded
    std::uint64_t answers = 0, failures = 0;
  };
  // `why`: "" where it has answered. Remembered answers are none.
  void Note(std::string_view type, std::string_view why, std::int64_t now);
  // In the order in which they were first asked.
  std::vector<State> States() const;

 private:
  mutable std::mutex mutex_;
  std::vector<State> states_;  // as many as there are types
};

}  // namespace signet::report
#endif
