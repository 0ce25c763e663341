#include "src/engine/stack.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "src/base/limits.h"
#include "src/engine/engine.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (void)0
#endif

namespace signet::engine {
namespace {

constexpr std::size_t kWholeBytes = limits::kCoroutineGuardBytes + kStackBytes;

// MADV_GUARD_INSTALL of Linux 6.13, missing in Debian 12's headers. It guards pages
// without splitting the mapping, so that stacks don't use up vm.max_map_count.
constexpr int kMadviseGuardInstall = 102;

std::atomic<bool> has_guard_pages{true};  // until the kernel says no

bool Guard(void* start) {
  if (has_guard_pages.load(std::memory_order_relaxed)) {
    if (::madvise(start, limits::kCoroutineGuardBytes, kMadviseGuardInstall) == 0) return true;
    has_guard_pages.store(false, std::memory_order_relaxed);
  }
  return ::mprotect(start, limits::kCoroutineGuardBytes, PROT_NONE) == 0;
}

void Unmap(Stack stack) { ::munmap(stack.bottom - limits::kCoroutineGuardBytes, kWholeBytes); }

}  // namespace

std::size_t MappingsPerCoroutine() {
  StackPool pool;
  if (Stack stack = pool.Take(); stack.bottom != nullptr) pool.GiveBack(stack);
  return has_guard_pages ? 0 : 2;
}

std::byte* Stack::top() const { return bottom + kStackBytes; }

StackPool::~StackPool() {
  for (Stack stack : free_) Unmap(stack);
}

Stack StackPool::Take() {
  if (!free_.empty()) {
    Stack stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void* start = ::mmap(nullptr, kWholeBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (start == MAP_FAILED) return {};
  // Neighbouring stacks become one mapping; a huge page over several of them would make
  // untouched memory resident.
  ::madvise(start, kWholeBytes, MADV_NOHUGEPAGE);
  Stack stack{static_cast<std::byte*>(start) + limits::kCoroutineGuardBytes};
  if (Guard(start)) return stack;
  Unmap(stack);
  return {};
}

void StackPool::GiveBack(Stack stack) {
  // The last frames were never left in the way that the sanitizer watches.
  ASAN_UNPOISON_MEMORY_REGION(stack.bottom, kStackBytes);
  free_.push_back(stack);
}

void StackPool::Trim(std::size_t keep) {
  while (free_.size() > keep) {
    Unmap(free_.back());
    free_.pop_back();
  }
  free_.shrink_to_fit();
  for (Stack stack : free_) ::madvise(stack.bottom, kStackBytes, MADV_DONTNEED);
}

void ReleasePages(std::byte* from, const std::byte* to) {
  static const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (to <= from) return;
  const std::size_t bytes = static_cast<std::size_t>(to - from) / page * page;
  if (bytes > 0) ::madvise(from, bytes, MADV_DONTNEED);
}

}  // namespace signet::engine
