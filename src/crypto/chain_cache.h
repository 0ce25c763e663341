#ifndef SIGNET_SRC_CRYPTO_CHAIN_CACHE_H_
#define SIGNET_SRC_CRYPTO_CHAIN_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "src/crypto/trust.h"

namespace signet::crypto {

// ChainCache remembers what verification of a chain found: the least recently used entry
// goes first. Chains that verified and chains that did not are kept apart, so that a
// stranger with a thousand self-made certificates cannot push out the good ones (R7).
//
//   Threads  any; a mutex per shard is held for a lookup in memory only.
class ChainCache {
 public:
  ChainCache(std::size_t good_entries, std::size_t bad_entries);
  ~ChainCache();

  // nullopt: not there, or not to be believed at `now`; a clock that went back before the
  // entry was made counts as that.
  std::optional<ChainStatus> Find(const std::string& key, std::int64_t now);
  void Put(const std::string& key, const ChainStatus& status, std::int64_t now);
  TrustStore::CacheCounters counters() const;
  std::size_t size() const;

 private:
  struct Shard;
  static constexpr std::size_t kShards = 8;
  Shard& ShardOf(const std::string& key) const;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace signet::crypto
#endif
