#include "src/acl/rates.h"

#include <algorithm>
#include <cmath>

#include "src/crypto/digest.h"

namespace signet::acl {
namespace {

constexpr double kShortest = 1e-9;  // between two events, in seconds
// After so many periods what was counted weighs less than a ten thousandth part.
constexpr double kPeriodsKept = 10;

double SecondsBetween(MonotonicTime from, MonotonicTime to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

MonotonicTime After(MonotonicTime now, double seconds) {
  constexpr double kFar = 10.0 * 366 * 86400;
  return now + std::chrono::duration_cast<MonotonicTime::duration>(
                   std::chrono::duration<double>(std::clamp(seconds, 0.0, kFar)));
}

std::string Short(std::string_view text) {
  if (text.size() <= limits::kRateKeyMaxBytes) return std::string(text);
  return "sha256:" + crypto::Sha256(text);
}

// What a value is known by: short, whatever a client puts into it.
std::string UniqueKey(std::string_view value) { return crypto::Sha256(value).substr(0, 16); }

}  // namespace

double NextRate(double before, double elapsed_seconds, double period_seconds, double count) {
  const double elapsed = std::max(elapsed_seconds, kShortest);
  const double kept = std::exp(-elapsed / period_seconds);
  // 1 - kept, exact for short times too.
  const double gone = -std::expm1(-elapsed / period_seconds);
  return std::max(gone * count * period_seconds / elapsed + kept * before, count);
}

double RateLifeSeconds(const RateRequest& request) {
  // A time that is noted stays one: for `seen = -10d` the key must still be known then.
  if (request.kind == RateRequest::kSeen)
    return 2 * std::max(request.period_seconds, request.refresh_seconds);
  return kPeriodsKept * request.period_seconds;
}

RateTable::RateTable() : RateTable(Limits{}) {}

RateTable::Entry* RateTable::Find(const std::string& key, MonotonicTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  if (now < found->second.until) return &found->second;
  Erase(found);
  return nullptr;
}

void RateTable::Erase(Entries::iterator entry) {
  uniques_ -= entry->second.uniques.size();
  order_.erase(entry->second.used);
  entries_.erase(entry);
}

void RateTable::EraseOldest(MonotonicTime now) {
  const auto oldest = entries_.find(*order_.front());
  evicted_ += now < oldest->second.until ? 1 : 0;
  Erase(oldest);
}

// A few that are over go each time, so that a full table costs no more than one that is not.
RateTable::Entry& RateTable::Make(const std::string& key, MonotonicTime now) {
  constexpr int kLook = 4;
  for (int i = 0; i < kLook && !order_.empty(); ++i)
    if (now >= entries_.find(*order_.front())->second.until) EraseOldest(now);
  while (entries_.size() >= limits_.keys) EraseOldest(now);
  const auto made = entries_.try_emplace(key).first;
  made->second.used = order_.insert(order_.end(), &made->first);
  return made->second;
}

// Of a key with too many values the one that is over soonest makes room.
void RateTable::AddUnique(Entry* entry, std::string value, MonotonicTime now, MonotonicTime until) {
  auto& uniques = entry->uniques;
  const auto soonest = [](const auto& a, const auto& b) { return a.second < b.second; };
  if (uniques.size() >= limits_.uniques_of_key)
    uniques_ -= std::erase_if(uniques, [now](const auto& known) { return now >= known.second; });
  if (uniques.size() >= limits_.uniques_of_key) {
    uniques.erase(std::min_element(uniques.begin(), uniques.end(), soonest));
    --uniques_;
  }
  uniques_ += uniques.insert_or_assign(std::move(value), until).second ? 1 : 0;
  while (uniques_ > limits_.uniques && entries_.size() > 1) EraseOldest(now);
}

void RateTable::Touch(Entry& entry) { order_.splice(order_.end(), order_, entry.used); }

RateAnswer RateTable::Average(const std::string& key, const RateRequest& request,
                              MonotonicTime now) {
  Entry* entry = Find(key, now);
  double count = request.update == RateRequest::kNever ? 0 : request.count;
  const std::string value = request.unique ? UniqueKey(*request.unique) : "";
  bool repeated = false;
  if (request.unique && entry != nullptr) {
    const auto known = entry->uniques.find(value);
    repeated = known != entry->uniques.end() && now < known->second;
  }
  if (repeated) count = 0;
  RateAnswer answer{.available = true};
  answer.rate = entry == nullptr ? count
                                 : NextRate(entry->rate, SecondsBetween(entry->at, now),
                                            request.period_seconds, count);
  const bool writes =
      !repeated && (request.update == RateRequest::kAlways ||
                    (request.update == RateRequest::kBelow && answer.rate < request.limit));
  if (!writes) return answer;
  if (entry == nullptr) entry = &Make(key, now);
  Touch(*entry);
  entry->rate = answer.rate;
  entry->at = now;
  entry->until = After(now, RateLifeSeconds(request));
  if (request.unique) AddUnique(entry, value, now, After(now, request.period_seconds));
  return answer;
}

RateAnswer RateTable::Seen(const std::string& key, const RateRequest& request, MonotonicTime now) {
  Entry* entry = Find(key, now);
  RateAnswer answer{.available = true};
  if (entry != nullptr) answer.age_seconds = SecondsBetween(entry->at, now);
  const bool due = !answer.age_seconds || *answer.age_seconds >= request.refresh_seconds;
  const bool writes =
      request.update == RateRequest::kAlways || (request.update == RateRequest::kBelow && due);
  if (!writes) return answer;
  if (entry == nullptr) entry = &Make(key, now);
  Touch(*entry);
  entry->at = now;
  entry->until = After(now, RateLifeSeconds(request));
  return answer;
}

RateAnswer RateTable::Update(const RateRequest& request, MonotonicTime now) {
  const std::string key =
      (request.kind == RateRequest::kSeen ? "seen/" : "rate/") + Short(request.key);
  const std::lock_guard lock(mutex_);
  return request.kind == RateRequest::kSeen ? Seen(key, request, now) : Average(key, request, now);
}

std::size_t RateTable::keys() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::uint64_t RateTable::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

}  // namespace signet::acl
