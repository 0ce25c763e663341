#include "src/auth/failures.h"

#include "expand/ip_address.h"
#include "src/base/limits.h"

namespace signet::auth {
namespace {

constexpr std::size_t kCustomerBits = 64;  // of an IPv6 address

std::string SourceOf(std::string_view ip) {
  auto address = expand::IpAddress::Parse(ip);
  if (!address) return std::string(ip);
  if (!address->is_v4()) address->Mask(kCustomerBits);
  return address->Shown();
}

std::size_t CountOf(const std::unordered_map<std::string, std::size_t>& counts,
                    const std::string& source) {
  const auto found = counts.find(source);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

void Failures::Turn(MonotonicTime now) {
  if (now - window_began_ < limits::kAuthFailuresWindow) return;
  const bool long_ago = now - window_began_ >= 2 * limits::kAuthFailuresWindow;
  previous_ = long_ago ? decltype(previous_){} : std::move(current_);
  current_ = {};
  window_began_ = now;
}

void Failures::Add(std::string_view ip, MonotonicTime now) {
  const std::string source = SourceOf(ip);
  std::lock_guard lock(mutex_);
  Turn(now);
  const bool full = current_.size() >= limits::kAuthFailureSources;
  if (full && !current_.contains(source)) return;
  ++current_[source];
}

bool Failures::TooMany(std::string_view ip, MonotonicTime now) {
  const std::string source = SourceOf(ip);
  std::lock_guard lock(mutex_);
  Turn(now);
  return CountOf(current_, source) + CountOf(previous_, source) >= limits::kAuthFailuresPerSource;
}

std::size_t Failures::sources() const {
  std::lock_guard lock(mutex_);
  return current_.size();
}

}  // namespace signet::auth
