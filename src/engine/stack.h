#ifndef SIGNET_SRC_ENGINE_STACK_H_
#define SIGNET_SRC_ENGINE_STACK_H_

#include <cstddef>
#include <vector>

namespace signet::engine {

// A stack for one coroutine: limits::kCoroutineStackBytes that may be used, above
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
