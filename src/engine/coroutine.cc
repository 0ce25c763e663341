#include "src/engine/coroutine.h"

#include <cxxabi.h>

#include <string.h>

#include <algorithm>
#include <bit>
#include <boost/context/fiber.hpp>
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

#if defined(SIGNET_ASAN) || defined(SIGNET_TSAN)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

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
  if (packed_ != nullptr) Unpack();
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

// Where the part of the stack begins that a suspended coroutine uses.
std::byte* Coroutine::UsedFrom() const {
  // What Suspend itself and the switch below it keep; sanitizers make frames larger.
  const std::size_t below_frame = kSanitized ? 16 * 1024 : 512;
  const auto address = reinterpret_cast<std::uintptr_t>(parked_at_ - below_frame);
  return parked_at_ - below_frame - address % sizeof(std::uint64_t);
}

void Coroutine::ReleaseUnused() {
  if (parked_at_ == nullptr || ended_ || packed_ != nullptr) return;
  ReleasePages(stack_.bottom, UsedFrom());
}

void Coroutine::Pack() {
  if (parked_at_ == nullptr || ended_ || packed_ != nullptr) return;
  const auto* from = reinterpret_cast<const std::uint64_t*>(UsedFrom());
  const auto* to = reinterpret_cast<const std::uint64_t*>(stack_.top());
  const auto words = static_cast<std::size_t>(to - from);
  const std::size_t bitmap = (words + 63) / 64;
  const auto filled = words - static_cast<std::size_t>(std::count(from, to, 0));
  // Sanitizers keep an account of each octet of a stack, which moves with none.
  if (!kSanitized) packed_.reset(new (std::nothrow) std::uint64_t[bitmap + filled]);
  if (packed_ == nullptr) return ReleaseUnused();
  std::fill_n(packed_.get(), bitmap, 0);
  std::uint64_t* out = packed_.get() + bitmap;
  for (std::size_t i = 0; i < words; ++i) {
    if (from[i] == 0) continue;
    packed_[i / 64] |= std::uint64_t{1} << i % 64;
    *out++ = from[i];
  }
  ReleasePages(stack_.bottom, stack_.top());
}

void Coroutine::Unpack() {
  auto* to = reinterpret_cast<std::uint64_t*>(UsedFrom());
  const auto words = static_cast<std::size_t>(reinterpret_cast<std::uint64_t*>(stack_.top()) - to);
  const std::size_t bitmap = (words + 63) / 64;
  const std::uint64_t* in = packed_.get() + bitmap;
  for (std::size_t i = 0; i < bitmap; ++i)
    for (std::uint64_t bits = packed_[i]; bits != 0; bits &= bits - 1)
      to[i * 64 + static_cast<std::size_t>(std::countr_zero(bits))] = *in++;
  const auto bytes = static_cast<std::size_t>(in - packed_.get()) * sizeof *in;
  ::explicit_bzero(packed_.get(), bytes);  // rule A6
  packed_.reset();
}

}  // namespace signet::engine
