// signet/driver_cpp.h: small conveniences over signet/driver.h for drivers in C++17 or
// newer. Header-only; it adds nothing that the C header does not allow.
#ifndef SIGNET_DRIVER_CPP_H_
#define SIGNET_DRIVER_CPP_H_

#include <signet/driver.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace signet::driver {

constexpr std::string_view View(signet_text text) {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}
// Lifetime: as long as what `text` looks at.
constexpr signet_text Text(std::string_view text) { return {text.data(), text.size()}; }

// Calls `f` on the host's large stack, or on a thread where it may block.
//
//   Requires  `f` does not throw: an exception ends the program.
template <typename F>
void OnBigStack(const signet_host* host, signet_worker* worker, F&& f) {
  using Callable = std::remove_reference_t<F>;
  host->run_on_big_stack(
      worker, [](void* context) noexcept { (*static_cast<Callable*>(context))(); }, &f);
}
template <typename F>
void Blocking(const signet_host* host, signet_worker* worker, F&& f) {
  using Callable = std::remove_reference_t<F>;
  host->run_blocking(
      worker, [](void* context) noexcept { (*static_cast<Callable*>(context))(); }, &f);
}
// Starts a task that owns its callable. False where that is not possible.
template <typename F>
[[nodiscard]] bool Spawn(const signet_host* host, signet_worker* worker, F f) {
  auto owned = std::make_unique<F>(std::move(f));
  const int started = host->spawn(
      worker,
      [](void* context) noexcept {
        std::unique_ptr<F> body(static_cast<F*>(context));
        (*body)();
      },
      owned.get());
  if (started != 0) owned.release();
  return started != 0;
}

// Owners of host handles.
class Event {
 public:
  Event(const signet_host* host, signet_worker* worker)
      : host_(host), event_(host->event_new(worker)) {}
  ~Event() { host_->event_free(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  signet_io Wait(std::int64_t deadline_ms) { return host_->event_wait(event_, deadline_ms); }
  void Signal() { host_->event_signal(event_); }

 private:
  const signet_host* host_;
  signet_event* event_;
};

struct StreamCloser {
  const signet_host* host = nullptr;
  void operator()(signet_stream* stream) const { host->close(stream); }
};
using Stream = std::unique_ptr<signet_stream, StreamCloser>;

// `.options = …` and its two companions for a table that is a C array.
#define SIGNET_OPTION_ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0])

// The table of a lookup driver that has only a `find`; set what else it has afterwards.
template <std::size_t N>
constexpr signet_lookup_driver LookupDriver(std::string_view name,
                                            const signet_lookup_type (&types)[N],
                                            decltype(signet_lookup_driver::find) find) {
  signet_lookup_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.name = Text(name);
  driver.types = types;
  driver.type_count = N;
  driver.type_size = sizeof types[0];
  driver.find = find;
  return driver;
}
template <std::size_t N>
constexpr signet_module LookupModule(std::string_view name,
                                     const signet_lookup_driver* const (&lookups)[N]) {
  signet_module module{};
  module.abi_version = SIGNET_ABI_VERSION;
  module.size = sizeof module;
  module.name = Text(name);
  module.lookups = lookups;
  module.lookup_count = N;
  return module;
}

// Overwrites what is in memory that held a secret, also where nobody reads it afterwards.
inline void Wipe(void* data, std::size_t size) {
  volatile unsigned char* octets = static_cast<unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) octets[i] = 0;
}
inline void Wipe(std::string* text) {
  Wipe(text->data(), text->size());
  text->clear();
}

// Whether two secrets are the same, in time that depends on their lengths alone.
inline bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char different = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    different = static_cast<unsigned char>(different | (a[i] ^ b[i]));
  return different == 0;
}

// RFC 4648 section 4, padded, on one line.
inline constexpr char kBase64Digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline std::string EncodeBase64(std::string_view octets) {
  std::string text;
  text.reserve((octets.size() + 2) / 3 * 4);
  const auto octet = [&](std::size_t i) {
    return i < octets.size() ? static_cast<unsigned char>(octets[i]) : 0u;
  };
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const unsigned group = octet(i) << 16 | octet(i + 1) << 8 | octet(i + 2);
    text += kBase64Digits[group >> 18];
    text += kBase64Digits[group >> 12 & 63];
    text += i + 1 < octets.size() ? kBase64Digits[group >> 6 & 63] : '=';
    text += i + 2 < octets.size() ? kBase64Digits[group & 63] : '=';
  }
  return text;
}
// Strict: nullopt where padding is missing, for other characters, and where bits that the
// padding drops are set.
inline std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  text.remove_suffix(padding);
  const std::string_view digits(kBase64Digits, 64);
  std::string octets;
  unsigned bits = 0, held = 0;  // `held` bits of `bits` are not in `octets` yet
  for (const char c : text) {
    const std::size_t value = digits.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    octets += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return octets;
}

// What an expansion that gave nothing means to an authenticator.
constexpr signet_verdict VerdictOf(signet_expanded expanded) {
  return expanded == SIGNET_FORCED_FAIL ? SIGNET_REJECT : SIGNET_DEFER;
}

// The table of a SASL mechanism; set what else it has afterwards.
template <std::size_t N>
constexpr signet_auth_driver Mechanism(std::string_view name, std::string_view manual,
                                       const signet_option (&options)[N],
                                       decltype(signet_auth_driver::step) step,
                                       decltype(signet_auth_driver::end) end) {
  signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.flags = SIGNET_AUTH_ADVERTISED;
  driver.size = sizeof driver;
  driver.name = Text(name);
  driver.manual = Text(manual);
  driver.options = options;
  driver.option_count = N;
  driver.option_size = sizeof options[0];
  driver.step = step;
  driver.end = end;
  return driver;
}
template <std::size_t N>
constexpr signet_module AuthModule(std::string_view name,
                                   const signet_auth_driver* const (&auths)[N]) {
  signet_module module{};
  module.abi_version = SIGNET_ABI_VERSION;
  module.size = sizeof module;
  module.name = Text(name);
  module.auths = auths;
  module.auth_count = N;
  return module;
}

}  // namespace signet::driver
#endif
