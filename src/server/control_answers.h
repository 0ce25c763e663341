#ifndef SIGNET_SRC_SERVER_CONTROL_ANSWERS_H_
#define SIGNET_SRC_SERVER_CONTROL_ANSWERS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "src/report/decisions.h"
#include "src/report/lookup_health.h"
#include "src/server/control.h"
#include "src/server/workers.h"
#include "src/smtp/site.h"

// What the control socket answers, as JSON.
namespace signet::server {

// "why", "recent", "decisions". One that is not there any more:
// {"error":"not found","kept":12,"kept_most":500,"days":7}.
std::string AnswerAboutDecisions(const report::DecisionStore& store, std::size_t kept_most,
                                 const ControlRequest& request);

// How a configuration came to be in use, or did not.
struct LoadOutcome {
  bool good = true;
  std::int64_t time = 0;
  std::vector<std::string> lines;  // as the log has them; the last one sums up
};
std::string AnswerReload(const LoadOutcome& outcome);

// What is asked of the server as a whole.
struct StatusFacts {
  std::string version;
  pid_t main_pid = 0;          // of the process that is to be told what to do
  std::uint64_t restarts = 0;  // how often the process that serves was replaced
  std::int64_t started = 0;
  smtp::SitePtr site;
  std::int64_t loaded = 0;  // when its configuration was
  LoadOutcome last_reload;  // time 0: there was none
  std::string decisions_file;
  const Workers* workers = nullptr;  // nullptr: they have not begun yet
  std::vector<report::LookupHealth::State> lookups;
};
std::string AnswerStatus(const StatusFacts& facts, const report::DecisionStore& store);

}  // namespace signet::server
#endif
