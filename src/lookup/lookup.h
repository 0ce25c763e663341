#ifndef SIGNET_SRC_LOOKUP_LOOKUP_H_
#define SIGNET_SRC_LOOKUP_LOOKUP_H_

#include <memory>
#include <string>

#include "drivers/host/registry.h"
#include "expand/services.h"
#include "src/base/log.h"
#include "src/config/config.h"

namespace signet::lookup {

// The lookup drivers of one worker under one configuration: their state, and the
// directory connections that all sessions of the worker share. Lives on one loop.
class Worker {
 public:
  Worker(const drivers::Registry& registry, config::ConfigPtr config, Log* log);
  ~Worker();
  struct Rep;
  Rep& rep() { return *rep_; }

 private:
  std::unique_ptr<Rep> rep_;
};

// Lookups of one connection, with the answers it has had (rule L8: temporary failures
// are not kept). Cheap to make.
class PerConnection {
 public:
  explicit PerConnection(Worker& worker);
  ~PerConnection();
  expand::LookupAnswer Find(const expand::LookupRequest& request, Deadline deadline);
  expand::LookupAnswer Authenticate(int handle, std::string_view query, Deadline deadline);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::lookup
#endif
