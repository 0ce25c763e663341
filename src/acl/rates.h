#ifndef SIGNET_SRC_ACL_RATES_H_
#define SIGNET_SRC_ACL_RATES_H_

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/limits.h"

namespace signet::acl {

// One step of a measurement that outlives the session: what `ratelimit` and `seen` ask of
// their store, be it this process or a database that several gateways share.
struct RateRequest {
  // kAverage: how many events a period has lately. kSeen: when the key came by last.
  enum Kind : std::uint8_t { kAverage, kSeen } kind = kAverage;
  // kBelow: only where the rate stays below `limit`, for kSeen only where the time noted is
  // `refresh_seconds` old or there is none.
  enum Update : std::uint8_t { kNever, kAlways, kBelow } update = kAlways;
  std::string key;
  double period_seconds = 0;
  double count = 1;  // events that this is
  double limit = 0;
  // Counts only where this value has not been counted for the key within a period.
  std::optional<std::string> unique;
  double refresh_seconds = 0;
};
struct RateAnswer {
  bool available = false;
  std::string why;  // not available: for the log
  double rate = 0;
  std::optional<double> age_seconds;  // kSeen: since the time noted; none: never noted
};

// The rate after `count` events, `elapsed` seconds after it was `before`: an average in which
// older events weigh exponentially less, as Exim's.
double NextRate(double before, double elapsed_seconds, double period_seconds, double count);

// How long a measurement is worth keeping after its last event.
double RateLifeSeconds(const RateRequest& request);

// The store in this process, for all its workers.
//
//   Threads   any.
//   Security  bounded by limits::kRatesMax keys and limits::kRateUniquesAll values (R7):
//             beyond, those that are over make room, then the one that was used longest ago.
//             Keys longer than limits::kRateKeyMaxBytes are kept as their SHA-256.
class RateTable {
 public:
  struct Limits {
    std::size_t keys = limits::kRatesMax;
    std::size_t uniques_of_key = limits::kRateUniquesMax;
    std::size_t uniques = limits::kRateUniquesAll;
  };
  RateTable();
  explicit RateTable(Limits limits) : limits_(limits) {}
  RateTable(const RateTable&) = delete;
  RateTable& operator=(const RateTable&) = delete;

  RateAnswer Update(const RateRequest& request, MonotonicTime now);
  std::size_t keys() const;
  // Measurements that were still worth keeping but had to make room.
  std::uint64_t evicted() const;

 private:
  struct Entry {
    double rate = 0;
    MonotonicTime at{};                            // of the last event
    MonotonicTime until{};                         // worth nothing from then on
    std::map<std::string, MonotonicTime> uniques;  // digests of what was counted; until when
    std::list<const std::string*>::iterator used;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  Entry* Find(const std::string& key, MonotonicTime now);
  Entry& Make(const std::string& key, MonotonicTime now);
  void Touch(Entry& entry);
  void Erase(Entries::iterator entry);
  void EraseOldest(MonotonicTime now);
  void AddUnique(Entry* entry, std::string value, MonotonicTime now, MonotonicTime until);
  RateAnswer Average(const std::string& key, const RateRequest& request, MonotonicTime now);
  RateAnswer Seen(const std::string& key, const RateRequest& request, MonotonicTime now);

  const Limits limits_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::list<const std::string*> order_;  // used longest ago first
  std::size_t uniques_ = 0;              // of all entries
  std::uint64_t evicted_ = 0;
};

}  // namespace signet::acl
#endif
