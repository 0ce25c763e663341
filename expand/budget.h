#ifndef SIGNET_EXPAND_BUDGET_H_
#define SIGNET_EXPAND_BUDGET_H_

#include <chrono>
#include <cstddef>

#include "src/base/clock.h"
#include "src/base/limits.h"

namespace signet::expand {

// What one evaluation (and everything nested in it) may still spend. Running out is a
// temporary failure that names the place (rule E3). Session code keeps one per session
// for lookups and makes a fresh one for the rest at each top-level evaluation.
struct Budget {
  std::size_t steps = limits::kExpandSteps;
  std::size_t output_bytes = limits::kExpandOutputBytes;
  std::size_t list_elements = limits::kListMaxElements;
  std::size_t lookups = limits::kLookupsPerSession;
  std::size_t acl_depth = limits::kAclDepth;
  std::size_t list_depth = limits::kNamedListDepth;
  std::size_t nesting = limits::kExpandDepth;  // of what an ACL evaluates that is called
  std::chrono::nanoseconds regex_time = limits::kRegexTotal;
  // Not spent but noted: what is in the client's certificate has been read.
  bool peer_certificate_read = false;
  Deadline deadline = Deadline::After(limits::kLookupTotal * 2);
};

}  // namespace signet::expand
#endif
