#include "src/server/monitoring.h"

#include <ctime>
#include <utility>

namespace signet::server {
namespace {

double Now() { return static_cast<double>(std::time(nullptr)); }

}  // namespace

using report::Metric;

Monitoring::Monitoring(std::string_view version) {
  metrics_.Set(Metric::kBuild, {version}, 1);
  metrics_.Set(Metric::kStart, {}, Now());
}

Result<Monitoring::Prepared, std::string> Monitoring::Prepare(const config::Main& main) const {
  Prepared prepared;
  const auto address = config::ReadMetricsAddress(main.metrics_listen.text);
  if (!address || !address.value().set()) return prepared;
  prepared.keep = listener_ != nullptr && listener_->address() == address.value();
  if (prepared.keep) return prepared;
  auto opened = MetricsListener::Open(
      address.value(), metrics_,
      replaces_ ? MetricsListener::Place::kOfAnother : MetricsListener::Place::kFree);
  if (!opened) return Err{"cannot serve metrics on " + opened.error()};
  prepared.listener = std::move(opened).value();
  return prepared;
}

void Monitoring::Adopt(Prepared prepared, const smtp::SitePtr& site) {
  if (!prepared.keep) listener_ = std::move(prepared.listener);
  replaces_ = false;
  if (collector_) collector_->Watch(site);
  metrics_.Change(Metric::kGeneration, {}, 1);
  metrics_.Set(Metric::kReloadSuccessful, {}, 1);
  metrics_.Set(Metric::kReloadTime, {}, Now());
}

void Monitoring::SetRestarts(std::uint64_t restarts) {
  metrics_.Add(Metric::kRestarts, {}, restarts);
}

void Monitoring::ReloadFailed() { metrics_.Set(Metric::kReloadSuccessful, {}, 0); }

void Monitoring::Watch(const Workers& workers, const report::DecisionStore* decisions) {
  collector_.emplace(workers, decisions);
  metrics_.SetCollector([this](auto* samples) { collector_->Collect(samples); });
}

void Monitoring::Close() {
  listener_.reset();
  metrics_.SetCollector({});
}

}  // namespace signet::server
