#ifndef SIGNET_SRC_CLI_PROBES_H_
#define SIGNET_SRC_CLI_PROBES_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "src/base/source.h"
#include "src/cli/offline.h"

namespace signet::cli {

// What strangers got who asked for mail to be sent to somebody elsewhere: the relay probes of
// `signet check`, played to every listener by the server's own engine. Strangers have an address
// of documents (RFC 5737, RFC 3849), no certificate, or one that nobody vouches for.
struct RelayProbes {
  // What else the sessions have shown: mechanisms that say themselves why they are not offered.
  Diagnostics others;
  Diagnostics findings;        // one for each statement that let some in; warnings, open-relay
  std::size_t recipients = 0;  // that were asked for
  std::size_t accepted = 0;
  std::size_t deferred = 0;  // refused for the time being: they say nothing
  std::string deferral;      // what the first of those was told
  bool complete = true;      // false: it took too long, and some were not asked any more
};

// No lookups are made where `site` makes none; names of hosts are asked for where an ACL does.
// Ends after limits::kProbesTotal. In a coroutine.
RelayProbes ProbeRelay(OfflineSite* site);

}  // namespace signet::cli
#endif
