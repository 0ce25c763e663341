#ifndef SIGNET_SRC_LOOKUP_LOOKUP_H_
#define SIGNET_SRC_LOOKUP_LOOKUP_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/host/host_api.h"
#include "drivers/host/registry.h"
#include "expand/services.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/engine/engine.h"

namespace signet::lookup {

// The lookup drivers of one worker under one configuration: their state, and the
// directory connections that all sessions of the worker share. Lives on one loop.
class Worker {
 public:
  Worker(const drivers::Registry& registry, config::ConfigPtr config, Log* log);
  ~Worker();
  // Of the configuration; nullptr where it has none.
  const expand::Names* names() const;
  // Of the type with that handle, for people; "unknown" where there is none.
  std::string_view TypeName(int handle) const;
  // What drivers wait and connect by; lives as long as this.
  signet_worker* host();
  // In place of the network, for offline tools: the other end of each connection that the
  // driver of lookup type `type` makes from now on, wherever to; an invalid socket is a
  // connection that failed. TLS on it is there at once, since nothing leaves the process.
  // False: there is no such type.
  //   Requires  no lookup has been made yet.
  using Connector = std::function<engine::Socket()>;
  bool ConnectBy(std::string_view type, Connector connector);
  struct Rep;
  Rep& rep() { return *rep_; }

 private:
  std::unique_ptr<Rep> rep_;
};

// One step of a measurement in a store that is kept by a lookup driver; the ABI's signet_rate.
struct RateStep {
  bool notes_time = false;  // the time of the last event, not their rate
  enum Update : std::uint8_t { kNever, kAlways, kBelow } update = kAlways;
  std::string key;
  std::optional<std::string> unique;
  double period_seconds = 0, count = 0, limit = 0, refresh_seconds = 0, life_seconds = 0;
  // What comes out.
  double rate = 0;
  std::optional<double> age_seconds;
};

// Lookups of one connection, with the answers it has had (rule L8): by everything that
// could change them, for limits::kAnswerMaxAge or kNotFoundMaxAge. Temporary failures are
// not kept. Where a lookup changed what its driver looks things up in, no earlier answer of
// that driver is used again. Cheap to make.
class PerConnection {
 public:
  // `now_ms`: the clock of ages; a test has its own.
  explicit PerConnection(Worker& worker, std::int64_t (*now_ms)() = drivers::NowMs);
  ~PerConnection();
  expand::LookupAnswer Find(const expand::LookupRequest& request, Deadline deadline);
  expand::LookupAnswer Authenticate(int handle, std::string_view query, Deadline deadline);
  // Returns "", or why the store cannot be used now.
  std::string UpdateRate(int handle, RateStep* step, Deadline deadline);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::lookup
#endif
