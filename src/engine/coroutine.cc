#include "src/engine/coroutine.h"

#include <cxxabi.h>

#include <boost/context/fiber.hpp>
#include <cstring>
#include <new>
#include <utility>

#include "src/base/limits.h"
#include "src/base/result.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define SIGNET_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define SIGNET_TSAN 1
#endif

namespace signet::engine {
namespace {

namespace context = boost::context;

// The C++ runtime keeps the exceptions that a thread is handling in two words (three on
// 32-bit Arm). Boost's fiber doesn't know them: without this, `throw;` in one coroutine
// would throw what another one had caught.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
#ifdef __ARM_EABI_UNWINDER__
  void* propagating = nullptr;
#endif

  // Puts this state in force and keeps the one that was.
  void Exchange() {
    auto* current = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
    std::swap(*current, *this);
  }
};

}  // namespace

struct Coroutine::Switch {
  context::fiber inside;   // the coroutine, while it is suspended
  context::fiber outside;  // who resumed it, while it runs
  ExceptionState exceptions;
#ifdef SIGNET_ASAN
  void* inside_fake = nullptr;
  void* outside_fake = nullptr;
  const void* outside_bottom = nullptr;
  std::size_t outside_size = 0;
#endif
#ifdef SIGNET_TSAN
  void* inside_fiber = nullptr;
#endif

  // Around each jump. TSan's state is switched on the resumer's side only: what the
  // coroutine calls between the mark and the jump then belongs to one of them for sure.
  void AboutToEnter([[maybe_unused]] Stack stack) {
#ifdef SIGNET_ASAN
    __sanitizer_start_switch_fiber(&outside_fake, stack.bottom, kStackBytes);
#endif
  }
  void HasEntered() {
#ifdef SIGNET_ASAN
    __sanitizer_finish_switch_fiber(inside_fake, &outside_bottom, &outside_size);
#endif
  }
  void AboutToLeave([[maybe_unused]] bool for_ever) {
#ifdef SIGNET_ASAN
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &inside_fake, outside_bottom, outside_size);
#endif
  }
  void HasLeft() {
#ifdef SIGNET_ASAN
    __sanitizer_finish_switch_fiber(outside_fake, nullptr, nullptr);
#endif
  }
};

// Boost's name for where a stack comes from and goes to.
struct Coroutine::PooledStack {
  Coroutine* owner;
  context::stack_context allocate() {
    context::stack_context description;
    description.sp = owner->stack_.top();
    description.size = kStackBytes;
    return description;
  }
  void deallocate(context::stack_context&) noexcept {
    owner->stacks_.GiveBack(std::exchange(owner->stack_, {}));
  }
};

std::unique_ptr<Coroutine> Coroutine::Make(StackPool& stacks, std::function<void()> body) {
  Stack stack = stacks.Take();
  if (stack.bottom == nullptr) return nullptr;
  return std::unique_ptr<Coroutine>(new Coroutine(stacks, stack, std::move(body)));
}

Coroutine::Coroutine(StackPool& stacks, Stack stack, std::function<void()> body)
    : stacks_(stacks), stack_(stack), body_(std::move(body)) {
  static_assert(sizeof(Switch) <= sizeof(switch_) && alignof(Switch) <= alignof(void*));
  new (switch_) Switch;
#ifdef SIGNET_TSAN
  state().inside_fiber = __tsan_create_fiber(0);
#endif
}

Coroutine::~Coroutine() {
  SIGNET_CHECK(!state().inside);
#ifdef SIGNET_TSAN
  __tsan_destroy_fiber(state().inside_fiber);
#endif
  if (stack_.bottom != nullptr) stacks_.GiveBack(stack_);
  state().~Switch();
}

// Making a fiber enters it for a moment already; hence inside Resume, with its marks.
void Coroutine::Start() {
  state().inside =
      context::fiber(std::allocator_arg, PooledStack{this}, [this](context::fiber&& resumer) {
        state().outside = std::move(resumer);
        state().HasEntered();
        RunBody();
        ended_ = true;
        state().AboutToLeave(true);
        return std::move(state().outside);
      });
}

// noexcept: an exception that nobody caught must not unwind into assembly.
void Coroutine::RunBody() noexcept {
  body_();
  body_ = nullptr;  // what it holds goes with the coroutine's own state in force
}

void Coroutine::Resume() {
  SIGNET_CHECK(!ended_);
  Switch& state = this->state();
#ifdef SIGNET_TSAN
  void* outside_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(state.inside_fiber, 0);
#endif
  if (!state.inside) Start();
  state.exceptions.Exchange();
  state.AboutToEnter(stack_);
  state.inside = std::move(state.inside).resume();
  state.HasLeft();
  state.exceptions.Exchange();
#ifdef SIGNET_TSAN
  __tsan_switch_to_fiber(outside_fiber, 0);
#endif
}

void Coroutine::Suspend() {
  Switch& state = this->state();
  parked_at_ = static_cast<std::byte*>(__builtin_frame_address(0));
  state.AboutToLeave(false);
  state.outside = std::move(state.outside).resume();
  state.HasEntered();
}

void Coroutine::ReleaseUnused() {
  // What Suspend itself and the switch below it keep; sanitizers make frames larger.
#if defined(SIGNET_ASAN) || defined(SIGNET_TSAN)
  constexpr std::size_t kBelowFrame = 16 * 1024;
#else
  constexpr std::size_t kBelowFrame = 512;
#endif
  if (parked_at_ == nullptr || ended_) return;
  ReleasePages(stack_.bottom, parked_at_ - kBelowFrame);
}

}  // namespace signet::engine
