#include "src/server/connections.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "src/engine/engine.h"

namespace signet::server {
namespace {

// Kept for listeners, logs, directories and files that lookups read.
constexpr std::size_t kDescriptorsKept = 64;
constexpr std::size_t kDescriptorsEach = 2;
// Libraries, threads and the heap.
constexpr std::size_t kMappingsKept = 2000;

std::size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return limit.rlim_max;
  }
  return limit.rlim_cur;
}

std::size_t MappingLimit() {
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::size_t count = 65530;
  file >> count;
  return count;
}

}  // namespace

Admission Connections::Enter(const std::string& ip, std::size_t total_max, std::size_t source_max) {
  std::lock_guard lock(mutex_);
  if (total_ >= total_max) return Admission::kTooMany;
  auto [entry, is_new] = by_source_.try_emplace(ip, 0);
  if (source_max != 0 && entry->second >= source_max) return Admission::kTooManyFromSource;
  ++entry->second;
  ++total_;
  return Admission::kYes;
}

void Connections::Leave(const std::string& ip) {
  std::lock_guard lock(mutex_);
  --total_;
  Forget(ip);
}

void Connections::Forget(const std::string& ip) {
  auto entry = by_source_.find(ip);
  if (--entry->second == 0) by_source_.erase(entry);
}

bool Connections::Move(const std::string& from, const std::string& to, std::size_t source_max) {
  if (from == to) return true;
  std::lock_guard lock(mutex_);
  std::size_t& there = by_source_[to];
  if (source_max != 0 && there >= source_max) return false;
  ++there;
  Forget(from);
  return true;
}

std::size_t Connections::total() const {
  std::lock_guard lock(mutex_);
  return total_;
}

Capacity CapacityFor(std::size_t wanted, std::size_t descriptors, std::size_t mappings,
                     std::size_t mappings_each) {
  auto share = [](std::size_t all, std::size_t kept, std::size_t each) {
    return all > kept ? std::max<std::size_t>(1, (all - kept) / each) : 1;
  };
  Capacity capacity{wanted, ""};
  const std::size_t by_descriptors = share(descriptors, kDescriptorsKept, kDescriptorsEach);
  if (by_descriptors < capacity.connections) {
    capacity = {by_descriptors, std::to_string(descriptors) + " descriptors (RLIMIT_NOFILE)"};
  }
  if (mappings_each == 0) return capacity;
  const std::size_t by_mappings = share(mappings, kMappingsKept, mappings_each);
  if (by_mappings < capacity.connections) {
    capacity = {by_mappings, std::to_string(mappings) + " memory mappings (vm.max_map_count)"};
  }
  return capacity;
}

Capacity FindCapacity(std::size_t wanted) {
  return CapacityFor(wanted, RaiseDescriptorLimit(), MappingLimit(),
                     engine::MappingsPerCoroutine());
}

}  // namespace signet::server
