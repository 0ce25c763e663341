#ifndef SIGNET_SRC_SMTP_SITE_H_
#define SIGNET_SRC_SMTP_SITE_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/host/registry.h"
#include "src/acl/acl.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/relay/relay.h"
#include "src/tls/live.h"
#include "src/tls/tls.h"

namespace signet::smtp {

using LivePolicyPtr = std::shared_ptr<tls::LivePolicy>;

// Site is one generation of everything that a configuration means: compiled ACLs,
// routes, TLS policy. Immutable but for the cache of TLS policies; a reload makes a new
// one, sessions in flight keep theirs (rule C1).
struct Site {
  config::ConfigPtr config;
  std::shared_ptr<const acl::Rules> acl;
  std::shared_ptr<const relay::Routes> routes;
  const drivers::Registry* registry = nullptr;
  std::uint64_t generation = 0;
  // The TLS policy depends on session.tls.sni, which has to be known first.
  bool by_server_name = false;
  bool without_keys = false;  // LoadTls::kWithoutKeys: its policies serve nobody

  // The TLS policy for the option values as they expand for this session. Where the
  // options are constant this is the policy that was loaded with the configuration.
  // Files that have changed are read again; `log` is told.
  Result<tls::ServerPolicyPtr, std::string> PolicyFor(const facts::Session& session,
                                                      expand::Services& services, Log* log) const;

  mutable std::mutex policies_mutex;
  mutable std::map<std::string, LivePolicyPtr> policies;  // bounded; by expanded sources

 private:
  Result<LivePolicyPtr, std::string> LivePolicyFor(const tls::ServerPolicy::Sources& sources,
                                                   Log* log) const;
};
using SitePtr = std::shared_ptr<const Site>;

struct LoadedSite {
  SitePtr site;           // nullptr where there were errors
  SitePtr draft;          // the same or an unusable one: keeps what the diagnostics point into
  config::Loaded loaded;  // diagnostics of all stages, in source order; owns the texts
};

crypto::OnStale OnStaleOf(const config::Main& main);

// kWithoutKeys: for offline tools, which serve nobody. kNo: nothing of TLS is read.
enum class LoadTls : std::uint8_t { kYes, kWithoutKeys, kNo };

// Loads a configuration and compiles all of it; every stage's diagnostics together.
LoadedSite LoadSite(const std::string& path, const std::vector<config::Macro>& macros,
                    const drivers::Registry& registry, LoadTls load_tls);

}  // namespace signet::smtp
#endif
