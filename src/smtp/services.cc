#include "src/smtp/services.h"

#include <chrono>

#include "src/engine/engine.h"

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

expand::LookupAnswer SessionServices::Lookup(const expand::LookupRequest& request) {
  lookup::PerConnection* connection = lookups();
  if (connection == nullptr) return NoLookups();
  return connection->Find(request, Deadline::After(limits::kLookupTotal));
}

expand::LookupAnswer SessionServices::AuthenticateBy(int lookup_handle, std::string_view query) {
  lookup::PerConnection* connection = lookups();
  if (connection == nullptr) return NoLookups();
  return connection->Authenticate(lookup_handle, query, Deadline::After(limits::kLookupTotal));
}

const expand::Names* SessionServices::names() const {
  return worker_ == nullptr ? nullptr : worker_->names();
}

std::int64_t SessionServices::Now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

std::int64_t SessionServices::NowMicroseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SessionServices::RunBlocking(const std::function<void()>& work) { engine::Blocking(work); }

expand::Budget SessionServices::TakeBudget() const {
  expand::Budget budget;
  budget.lookups = lookups_left_;
  return budget;
}

}  // namespace signet::smtp
