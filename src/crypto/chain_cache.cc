#include "src/crypto/chain_cache.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace signet::crypto {
namespace {

struct Entry {
  std::string key;
  ChainStatus status;
  std::int64_t made = 0;
};

// Keys are digests: their first octets are hash enough.
struct KeyHash {
  std::size_t operator()(std::string_view key) const {
    std::size_t hash = 0;
    for (std::size_t i = 0; i < sizeof hash && i < key.size(); ++i)
      hash = hash << 8 | static_cast<unsigned char>(key[i]);
    return hash;
  }
};

class Lru {
 public:
  void SetCapacity(std::size_t capacity) { capacity_ = std::max<std::size_t>(capacity, 1); }
  std::size_t size() const { return index_.size(); }

  std::optional<ChainStatus> Find(const std::string& key, std::int64_t now) {
    const auto it = index_.find(key);
    if (it == index_.end()) return std::nullopt;
    const auto entry = it->second;
    if (now < entry->made || now >= entry->status.valid_until) {
      index_.erase(it);
      order_.erase(entry);
      return std::nullopt;
    }
    order_.splice(order_.begin(), order_, entry);
    return entry->status;
  }

  void Put(const std::string& key, const ChainStatus& status, std::int64_t now) {
    if (const auto it = index_.find(key); it != index_.end()) {
      it->second->status = status;
      it->second->made = now;
      return;
    }
    if (index_.size() >= capacity_) {
      index_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({key, status, now});
    index_.emplace(order_.front().key, order_.begin());
  }

  void Forget(const std::string& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return;
    const auto entry = it->second;
    index_.erase(it);
    order_.erase(entry);
  }

 private:
  std::size_t capacity_ = 1;
  std::list<Entry> order_;  // most recently used first
  // By the keys of `order_`.
  std::unordered_map<std::string_view, std::list<Entry>::iterator, KeyHash> index_;
};

}  // namespace

struct ChainCache::Shard {
  mutable std::mutex mutex;
  Lru good, bad;
  TrustStore::CacheCounters counters;
};

ChainCache::ChainCache(std::size_t good_entries, std::size_t bad_entries)
    : shards_(std::make_unique<Shard[]>(kShards)) {
  for (std::size_t i = 0; i < kShards; ++i) {
    shards_[i].good.SetCapacity(good_entries / kShards);
    shards_[i].bad.SetCapacity(bad_entries / kShards);
  }
}
ChainCache::~ChainCache() = default;

ChainCache::Shard& ChainCache::ShardOf(const std::string& key) const {
  const auto octet = key.empty() ? 0 : static_cast<unsigned char>(key.back());
  return shards_[octet % kShards];
}

std::optional<ChainStatus> ChainCache::Find(const std::string& key, std::int64_t now) {
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  auto found = shard.good.Find(key, now);
  if (!found) found = shard.bad.Find(key, now);
  ++(found ? shard.counters.hits : shard.counters.misses);
  return found;
}

void ChainCache::Put(const std::string& key, const ChainStatus& status, std::int64_t now) {
  if (status.valid_until <= now) return;
  Shard& shard = ShardOf(key);
  std::lock_guard lock(shard.mutex);
  (status.verified ? shard.bad : shard.good).Forget(key);
  (status.verified ? shard.good : shard.bad).Put(key, status, now);
}

TrustStore::CacheCounters ChainCache::counters() const {
  TrustStore::CacheCounters sum;
  for (std::size_t i = 0; i < kShards; ++i) {
    std::lock_guard lock(shards_[i].mutex);
    sum.hits += shards_[i].counters.hits;
    sum.misses += shards_[i].counters.misses;
  }
  return sum;
}

std::size_t ChainCache::size() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    std::lock_guard lock(shards_[i].mutex);
    sum += shards_[i].good.size() + shards_[i].bad.size();
  }
  return sum;
}

}  // namespace signet::crypto
