#ifndef SIGNET_SRC_REPORT_TOP_IDENTITIES_H_
#define SIGNET_SRC_REPORT_TOP_IDENTITIES_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace signet::report {

// Counts by identity where there may be any number of them: the busiest
// limits::kMetricsIdentities by name, all others together. Every number only grows, as a
// counter must: who becomes one of the busiest is counted by name from then on, and what
// was counted of one that is named no more goes to the others.
//
//   Threads   any; a mutex is held for a look at a small table.
//   Security  bounded (rule R7): of those that are not named some are watched, and a new one
//             takes the place and the weight of the one that was seen least, so that nobody
//             busy is missed for long.
class TopIdentities {
 public:
  void Count(std::string_view identity);
  struct Counts {
    std::vector<std::pair<std::string, std::uint64_t>> named;
    std::uint64_t others = 0;
  };
  Counts Get() const;

 private:
  struct Entry {
    std::uint64_t weight = 0;  // about how often it was seen
    bool named = false;
    std::uint64_t count = 0;  // since it is named
  };
  using Entries = std::unordered_map<std::string, Entry>;
  Entries::iterator Lightest(bool named);
  Entry& EntryOf(std::string_view identity);
  void Name(Entry& entry);

  mutable std::mutex mutex_;
  Entries entries_;
  std::size_t named_ = 0;
  std::uint64_t others_ = 0;
};

// The identities whose certificates end first: limits::kMetricsIdentities of them, by what
// they have presented last. One that has ended is kept for a month.
//
//   Threads   any; a mutex is held for a look at a small table.
class SoonestExpiries {
 public:
  void Note(std::string_view identity, std::int64_t not_after, std::int64_t now);
  std::vector<std::pair<std::string, std::int64_t>> Get(std::int64_t now) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t, std::less<>> entries_;
};

}  // namespace signet::report
#endif
