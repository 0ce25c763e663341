#include "src/smtp/services.h"

#include <chrono>
#include <ctime>

#include "src/config/environment.h"

#include "src/engine/engine.h"
#include "src/report/metrics.h"

namespace signet::smtp {
namespace {

expand::LookupAnswer NoLookups() {
  return {expand::LookupAnswer::kDeferred, "lookups are not available here"};
}

}  // namespace

SessionServices::SessionServices(lookup::Worker* worker) : worker_(worker) {}

lookup::PerConnection* SessionServices::lookups() {
  if (worker_ == nullptr) return nullptr;
  if (!lookups_) lookups_.emplace(*worker_);
  return &*lookups_;
}

expand::LookupAnswer SessionServices::Counted(int handle,
                                              const std::function<expand::LookupAnswer()>& find) {
  using report::Metric;
  if (site_.metrics == nullptr) return find();
  const auto began = std::chrono::steady_clock::now();
  expand::LookupAnswer answer = find();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const std::string_view type = worker_->TypeName(handle);
  const std::string_view result = answer.kind == expand::LookupAnswer::kDeferred   ? "deferred"
                                  : answer.remembered                              ? "remembered"
                                  : answer.kind == expand::LookupAnswer::kNotFound ? "not_found"
                                                                                   : "found";
  site_.metrics->Add(Metric::kLookups, {type, result});
  if (answer.remembered) return answer;
  site_.metrics->Observe(Metric::kLookupDuration, {type}, took.count());
  const bool failed = answer.kind == expand::LookupAnswer::kDeferred;
  const std::string why = answer.text.empty() ? "deferred" : answer.text;
  site_.metrics->lookup_health().Note(type, failed ? why : "", std::time(nullptr));
  return answer;
}

expand::LookupAnswer SessionServices::Lookup(const expand::LookupRequest& request) {
  lookup::PerConnection* connection = lookups();
  if (connection == nullptr) return NoLookups();
  return Counted(request.handle,
                 [&] { return connection->Find(request, Deadline::After(limits::kLookupTotal)); });
}

expand::LookupAnswer SessionServices::AuthenticateBy(int lookup_handle, std::string_view query) {
  lookup::PerConnection* connection = lookups();
  if (connection == nullptr) return NoLookups();
  return Counted(lookup_handle, [&] {
    return connection->Authenticate(lookup_handle, query, Deadline::After(limits::kLookupTotal));
  });
}

acl::RateAnswer SessionServices::UpdateRate(std::string_view lookup_type,
                                            const acl::RateRequest& request) {
  const expand::LookupType* type = names() == nullptr ? nullptr : names()->FindLookup(lookup_type);
  lookup::PerConnection* connection = lookups();
  if (connection == nullptr || type == nullptr)
    return {.available = false, .why = "lookups are not available here"};
  lookup::RateStep step;
  step.notes_time = request.kind == acl::RateRequest::kSeen;
  step.update = request.update == acl::RateRequest::kNever    ? lookup::RateStep::kNever
                : request.update == acl::RateRequest::kAlways ? lookup::RateStep::kAlways
                                                              : lookup::RateStep::kBelow;
  step.key = request.key;
  step.unique = request.unique;
  step.period_seconds = request.period_seconds;
  step.count = request.count;
  step.limit = request.limit;
  step.refresh_seconds = request.refresh_seconds;
  step.life_seconds = acl::RateLifeSeconds(request);
  std::string why;
  (void)Counted(type->handle, [&]() -> expand::LookupAnswer {
    why = connection->UpdateRate(type->handle, &step, Deadline::After(limits::kLookupTotal));
    return {why.empty() ? expand::LookupAnswer::kFound : expand::LookupAnswer::kDeferred, why};
  });
  acl::RateAnswer answer{.available = why.empty(), .why = why, .rate = step.rate};
  answer.age_seconds = step.age_seconds;
  return answer;
}

signet_worker* SessionServices::worker() { return worker_ == nullptr ? nullptr : worker_->host(); }

const expand::Names* SessionServices::names() const {
  return worker_ == nullptr ? nullptr : worker_->names();
}

expand::AclOutcome SessionServices::CallAcl(std::string_view name, std::vector<Value> arguments,
                                            expand::Budget& budget) {
  if (site_.config == nullptr) return {};
  config::MatchContext context{*site_.config, site_.effects->session(), *this, budget};
  return acl::Call(*site_.rules, name, std::move(arguments), context, *site_.effects);
}

std::optional<std::string> SessionServices::Environment(std::string_view name) {
  if (site_.config == nullptr || in_environment_) return std::nullopt;
  expand::Budget budget = TakeBudget();
  config::MatchContext context{*site_.config, site_.effects->session(), *this, budget};
  in_environment_ = true;
  std::optional<std::string> value = config::ReadEnvironment(name, context);
  in_environment_ = false;
  return value;
}

std::optional<std::int64_t> SessionServices::At() const {
  return site_.effects != nullptr ? site_.effects->session().at : std::nullopt;
}

std::int64_t SessionServices::Now() {
  if (const auto pretended = At()) return *pretended;
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

std::int64_t SessionServices::NowMicroseconds() {
  if (const auto pretended = At()) return *pretended * 1'000'000;
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SessionServices::RunBlocking(const std::function<void()>& work) {
  engine::BlockingForAnswer(work);
}

expand::Budget SessionServices::TakeBudget() const {
  expand::Budget budget;
  budget.lookups = lookups_left_;
  return budget;
}

}  // namespace signet::smtp
