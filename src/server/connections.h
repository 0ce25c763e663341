#ifndef SIGNET_SRC_SERVER_CONNECTIONS_H_
#define SIGNET_SRC_SERVER_CONNECTIONS_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace signet::server {

enum class Admission : std::uint8_t { kYes, kTooMany, kTooManyFromSource };

// How many connections there are, in all and per client address (rule R3). Holds an entry
// per address that is connected, and none that isn't (rule R7).
//
//   Threads  any.
class Connections {
 public:
  // Counts one more, unless that would be beyond `total_max` or, where it is not 0,
  // `source_max`.
  Admission Enter(const std::string& ip, std::size_t total_max, std::size_t source_max);
  void Leave(const std::string& ip);
  // Counts a connection from `from` as one from `to` instead. False, and nothing changes,
  // where that has as many as it may (0: any number).
  bool Move(const std::string& from, const std::string& to, std::size_t source_max);
  std::size_t total() const;

 private:
  void Forget(const std::string& ip);  // with the mutex held

  mutable std::mutex mutex_;
  std::size_t total_ = 0;
  std::unordered_map<std::string, std::size_t> by_source_;
};

// How many connections the process can serve at all, and why not more.
struct Capacity {
  std::size_t connections = 0;
  std::string reason;  // "" where `wanted` is possible
};

// Raises the soft limit of descriptors to the hard one, then compares what `wanted`
// connections need (a client's and an upstream's descriptor each, and memory mappings of
// their stacks) with what the system gives.
Capacity FindCapacity(std::size_t wanted);
// The same for given numbers (tests).
Capacity CapacityFor(std::size_t wanted, std::size_t descriptors, std::size_t mappings,
                     std::size_t mappings_each);

}  // namespace signet::server
#endif
