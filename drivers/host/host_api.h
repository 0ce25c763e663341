#ifndef SIGNET_DRIVERS_HOST_HOST_API_H_
#define SIGNET_DRIVERS_HOST_HOST_API_H_

#include <signet/driver.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/value.h"

// The host's side of the C ABI. The handles that a driver sees as incomplete types are
// these interfaces; what is behind them is made above this layer (authenticators in
// src/auth; waiting, connections and TLS in src/lookup), because drivers/host knows
// neither sockets nor coroutines.
//
// The functions of HostTable() call these members and nothing else. None of them throws:
// an exception on the way to a driver ends the program.

struct signet_value {
  signet::Value value;
};

struct signet_call {
  virtual ~signet_call() = default;
  virtual signet_expanded Expand(std::uint32_t option, const signet_value** value) = 0;
  virtual bool OptionText(std::uint32_t option, std::string_view* text) = 0;
  virtual bool OptionNumber(std::uint32_t option, std::int64_t* number) = 0;
  virtual void SetAuth(std::uint32_t number, const signet::Value& value) = 0;
  virtual signet_verdict CheckCondition() = 0;
  virtual void Reason(std::string_view text) = 0;
  virtual void Challenge(std::string_view text) = 0;
  virtual void Log(std::string_view line) = 0;
  virtual signet_expanded Variable(std::string_view name, const signet_value** value) = 0;
  virtual std::string_view PublicName() = 0;
  virtual bool Advertised(std::string_view mechanism) = 0;
  virtual bool ChannelBinding(std::string_view type, std::string_view* octets) = 0;
  virtual struct signet_worker* Worker() = 0;
  virtual void SetState(const signet::Value& value) = 0;
  virtual void Identity(const signet::Value& value, std::size_t from) = 0;
  // nullptr where it has too many elements.
  virtual const signet_value* List(const signet_value& value) = 0;
};

struct signet_event {
  virtual ~signet_event() = default;
  virtual signet_io Wait(std::int64_t deadline_ms) = 0;
  virtual void Signal() = 0;
};

struct signet_stream {
  virtual ~signet_stream() = default;
  virtual signet_io StartTls(const signet_tls_options& options, std::int64_t deadline_ms) = 0;
  virtual std::int64_t Read(void* data, std::size_t size, std::int64_t deadline_ms) = 0;
  virtual signet_io Write(std::string_view data, std::int64_t deadline_ms) = 0;
  virtual bool ReadPending() = 0;
  virtual std::string_view Why() = 0;
  virtual void Shutdown() = 0;
};

struct signet_worker {
  virtual ~signet_worker() = default;
  virtual bool MainOption(std::string_view name, std::string_view* text) = 0;
  virtual void Log(std::string_view line) = 0;
  virtual bool Spawn(std::function<void()> body) = 0;
  virtual void RunBlocking(const std::function<void()>& body) = 0;
  virtual void RunOnBigStack(const std::function<void()>& body) = 0;
  virtual signet_event* MakeEvent() = 0;
  // *stream is set in any case and owned by the caller.
  virtual signet_io Connect(const signet_endpoint& endpoint, std::int64_t deadline_ms,
                            signet_stream** stream) = 0;
};

namespace signet::drivers {

// A lookup as the host keeps it: the part that the driver sees, and what it answered.
struct LookupCall : signet_lookup_call {
  LookupCall() : signet_lookup_call{} { size = sizeof(signet_lookup_call); }
  std::string answered;
  std::string entry;     // the directory's name of what was found
  bool changed = false;  // what the driver looks things up in
  // Whether the key matches a pattern: what match_pattern calls. Empty where it cannot.
  std::function<signet_found(std::string_view pattern, std::uint32_t flags)> match;
};

// The table that every driver is given.
const signet_host* HostTable();

// The clock of the ABI: milliseconds of the monotonic clock.
std::int64_t NowMs();

inline std::string_view View(signet_text text) {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}
inline signet_text Borrow(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace signet::drivers
#endif
