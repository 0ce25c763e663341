#ifndef SIGNET_SRC_SMTP_SERVICES_H_
#define SIGNET_SRC_SMTP_SERVICES_H_

#include <optional>

#include "expand/budget.h"
#include "expand/services.h"
#include "src/acl/acl.h"
#include "src/lookup/lookup.h"

namespace signet::report {
class Metrics;
}

namespace signet::smtp {

// What a session's expansions may ask of the world: the worker's lookups, with the
// answers that this connection has had, and the clock. One per session.
class SessionServices final : public expand::Services {
 public:
  // `worker` may be nullptr (offline tools): then every lookup is deferred.
  explicit SessionServices(lookup::Worker* worker);

  // What ${acl{}} and ${env{}} need; without it there are no ACLs and no variables.
  //
  //   Requires  all of it lives as long as this.
  struct Site {
    const config::Config* config = nullptr;
    const acl::Rules* rules = nullptr;
    acl::Effects* effects = nullptr;
    report::Metrics* metrics = nullptr;  // where lookups are counted
  };
  void Serve(Site site) { site_ = site; }

  expand::LookupAnswer Lookup(const expand::LookupRequest& request) override;
  expand::LookupAnswer AuthenticateBy(int lookup_handle, std::string_view query) override;
  const expand::Names* names() const override;
  expand::AclOutcome CallAcl(std::string_view name, std::vector<Value> arguments,
                             expand::Budget& budget) override;
  std::optional<std::string> Environment(std::string_view name) override;
  std::int64_t Now() override;
  std::int64_t NowMicroseconds() override;
  void RunBlocking(const std::function<void()>& work) override;

  // `ratelimit` and `seen` in the store behind a lookup type.
  acl::RateAnswer UpdateRate(std::string_view lookup_type, const acl::RateRequest& request);

  // What authenticators wait and connect by; nullptr in offline tools.
  signet_worker* worker();

  // A budget for one evaluation: fresh but for lookups, of which a session has
  // limits::kLookupsPerSession in all. Return() takes back what is left.
  expand::Budget TakeBudget() const;
  void ReturnBudget(const expand::Budget& budget) { lookups_left_ = budget.lookups; }

 private:
  std::optional<std::int64_t> At() const;  // the moment that an offline tool pretends it is
  lookup::PerConnection* lookups();
  expand::LookupAnswer Counted(int handle, const std::function<expand::LookupAnswer()>& find);

  lookup::Worker* worker_;
  Site site_;
  bool in_environment_ = false;                   // its options are being expanded
  std::optional<lookup::PerConnection> lookups_;  // made with the first lookup
  std::size_t lookups_left_ = limits::kLookupsPerSession;
};

// A budget that goes back by itself.
class BorrowedBudget {
 public:
  explicit BorrowedBudget(SessionServices& services)
      : services_(services), budget_(services.TakeBudget()) {}
  ~BorrowedBudget() { services_.ReturnBudget(budget_); }
  BorrowedBudget(const BorrowedBudget&) = delete;
  BorrowedBudget& operator=(const BorrowedBudget&) = delete;
  expand::Budget& get() { return budget_; }

 private:
  SessionServices& services_;
  expand::Budget budget_;
};

}  // namespace signet::smtp
#endif
