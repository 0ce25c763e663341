#include "src/report/top_identities.h"

#include <algorithm>

#include "src/base/limits.h"

namespace signet::report {
namespace {

constexpr std::size_t kWatched = 10 * limits::kMetricsIdentities;
constexpr std::int64_t kEndedSeconds = std::int64_t{30} * 24 * 3600;

// Two that are about equally busy must not take each other's place all the time.
bool ClearlyAbove(std::uint64_t weight, std::uint64_t other) {
  return weight > other + std::max<std::uint64_t>(8, other / 4);
}

}  // namespace

TopIdentities::Entries::iterator TopIdentities::Lightest(bool named) {
  auto lightest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it)
    if (it->second.named == named &&
        (lightest == entries_.end() || it->second.weight < lightest->second.weight))
      lightest = it;
  return lightest;
}

TopIdentities::Entry& TopIdentities::EntryOf(std::string_view identity) {
  std::string name(identity);
  if (const auto found = entries_.find(name); found != entries_.end()) return found->second;
  Entry entry;
  if (entries_.size() >= limits::kMetricsIdentities + kWatched) {
    const auto leaves = Lightest(false);
    entry.weight = leaves->second.weight;
    entries_.erase(leaves);
  }
  return entries_.emplace(std::move(name), entry).first->second;
}

void TopIdentities::Name(Entry& entry) {
  if (named_ >= limits::kMetricsIdentities) {
    const auto leaves = Lightest(true);
    if (!ClearlyAbove(entry.weight, leaves->second.weight)) return;
    others_ += leaves->second.count;
    leaves->second.count = 0;
    leaves->second.named = false;
    --named_;
  }
  entry.named = true;
  ++named_;
}

void TopIdentities::Count(std::string_view identity) {
  const std::lock_guard lock(mutex_);
  Entry& entry = EntryOf(identity);
  ++entry.weight;
  if (!entry.named) Name(entry);
  ++(entry.named ? entry.count : others_);
}

TopIdentities::Counts TopIdentities::Get() const {
  const std::lock_guard lock(mutex_);
  Counts counts;
  counts.others = others_;
  for (const auto& [name, entry] : entries_)
    if (entry.named) counts.named.emplace_back(name, entry.count);
  std::sort(counts.named.begin(), counts.named.end());
  return counts;
}

void SoonestExpiries::Note(std::string_view identity, std::int64_t not_after, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& e) { return e.second < now - kEndedSeconds; });
  entries_.insert_or_assign(std::string(identity), not_after);
  if (entries_.size() <= limits::kMetricsIdentities) return;
  entries_.erase(
      std::max_element(entries_.begin(), entries_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; }));
}

std::vector<std::pair<std::string, std::int64_t>> SoonestExpiries::Get(std::int64_t now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::int64_t>> all;
  for (const auto& [name, not_after] : entries_)
    if (not_after >= now - kEndedSeconds) all.emplace_back(name, not_after);
  return all;
}

}  // namespace signet::report
