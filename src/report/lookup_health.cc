#include "src/report/lookup_health.h"

#include <algorithm>

#include "src/base/log.h"

namespace signet::report {
namespace {

constexpr std::size_t kWhyBytes = 300;
constexpr std::size_t kTypes = 100;  // which drivers bring: no more than that, ever

}  // namespace

void LookupHealth::Note(std::string_view type, std::string_view why, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  auto state = std::find_if(states_.begin(), states_.end(),
                            [type](const State& known) { return known.type == type; });
  if (state == states_.end()) {
    if (states_.size() == kTypes) return;
    state = states_.insert(states_.end(), State{.type = std::string(type)});
  }
  if (why.empty()) {
    state->answered = now;
    ++state->answers;
    return;
  }
  state->failed = now;
  ++state->failures;
  state->why = Printable(why.substr(0, kWhyBytes));
}

std::vector<LookupHealth::State> LookupHealth::States() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

}  // namespace signet::report
