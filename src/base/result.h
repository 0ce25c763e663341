#ifndef SIGNET_SRC_BASE_RESULT_H_
#define SIGNET_SRC_BASE_RESULT_H_

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

namespace signet {

// SIGNET_CHECK states what only a bug of ours can break. It prints the place and
// aborts: a worker that is wrong about its own state must not go on answering.
#define SIGNET_CHECK(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (0)

// Err marks a value as the error side of a Result: `return Err{Failure{…}};`
template <typename E>
struct Err {
  E error;
};
template <typename E>
Err(E) -> Err<E>;

// Result is a value, or the reason there is none. It cannot be ignored by
// accident, and reading the side that is not there is a failed SIGNET_CHECK.
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  template <typename F>
  Result(Err<F> err) : state_(std::in_place_index<1>, std::move(err.error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    SIGNET_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    SIGNET_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T value() && {
    SIGNET_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const E& error() const& {
    SIGNET_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  E error() && {
    SIGNET_CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace signet
#endif
