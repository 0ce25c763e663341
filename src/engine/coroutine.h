#ifndef SIGNET_SRC_ENGINE_COROUTINE_H_
#define SIGNET_SRC_ENGINE_COROUTINE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "src/engine/stack.h"

namespace signet::engine {

// Coroutine is one stackful coroutine: a function with a stack of its own that can
// stop in the middle and go on later. This is the only place that switches stacks.
//
// Suspending inside a catch block is allowed: each coroutine has its own state of
// exceptions being handled. An exception that leaves the function ends the program.
//
//   Threads  all calls from the thread that made it. (Compilers keep addresses of
//            thread-local variables across a call, hence across a Suspend.)
class Coroutine {
 public:
  // Takes a stack from `stacks`, which must outlive the coroutine. nullptr where there is none.
  static std::unique_ptr<Coroutine> Make(StackPool& stacks, std::function<void()> body);
  // Requires  it has ended, or never started.
  ~Coroutine();
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

  // Runs the coroutine until it suspends or ends. Called from outside of it.
  void Resume();
  // Back to whoever resumed it. Called from inside of it.
  void Suspend();
  bool ended() const { return ended_; }
  // Gives back the pages of the stack that a suspended coroutine doesn't use at the moment;
  // they are zero when it touches them again.
  void ReleaseUnused();
  // Gives back all of the stack until the next Resume: what is in use is kept elsewhere,
  // without its zeros, and wiped there when it is back in place. Where memory or a sanitizer
  // is in the way, as ReleaseUnused.
  //
  //   Requires  nobody else reads or writes what is on the stack.
  void Pack();

 private:
  Coroutine(StackPool& stacks, Stack stack, std::function<void()> body);
  void Start();
  void RunBody() noexcept;
  std::byte* UsedFrom() const;
  void Unpack();
  struct Switch;
  struct PooledStack;

  StackPool& stacks_;
  Stack stack_;
  std::function<void()> body_;
  std::byte* parked_at_ = nullptr;  // about where the stack ended at the last Suspend
  bool ended_ = false;
  // While packed: a bit for each word in use, then those that are not zero.
  std::unique_ptr<std::uint64_t[]> packed_;
  // What the switch keeps; its types are Boost's and the sanitizers'. In place, because
  // ten thousand idle coroutines are common.
  alignas(void*) std::byte switch_[10 * sizeof(void*)];
  Switch& state() { return *reinterpret_cast<Switch*>(switch_); }
};

}  // namespace signet::engine
#endif
