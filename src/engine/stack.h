#ifndef SIGNET_SRC_ENGINE_STACK_H_
#define SIGNET_SRC_ENGINE_STACK_H_

#include <cstddef>
#include <vector>

#include "src/base/limits.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

namespace signet::engine {

// What may be used of a stack. With red zones around what lies in them, and fewer values
// that share a place, the frames of a deep expression are many times as large.
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr std::size_t kStackBytes = 12 * limits::kCoroutineStackBytes;
#else
inline constexpr std::size_t kStackBytes = limits::kCoroutineStackBytes;
#endif

// A stack for one coroutine: kStackBytes that may be used, above
// limits::kCoroutineGuardBytes that end the program when touched. Only pages that were
// touched are resident.
struct Stack {
  std::byte* bottom = nullptr;  // lowest usable octet; the guard lies below it
  std::byte* top() const;
};

// StackPool keeps stacks for the next coroutine.
//
//   Threads  one; a pool belongs to a loop.
class StackPool {
 public:
  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // A stack without a bottom where the system has no memory or no mappings left.
  Stack Take();
  void GiveBack(Stack stack);

  std::size_t unused() const { return free_.size(); }
  // Unmaps all but `keep` unused stacks, and gives back the pages of those.
  void Trim(std::size_t keep);

 private:
  std::vector<Stack> free_;
};

// Gives back the whole pages between `from`, the start of one, and `to`.
void ReleasePages(std::byte* from, const std::byte* to);

}  // namespace signet::engine
#endif
