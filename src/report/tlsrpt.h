#ifndef SIGNET_SRC_REPORT_TLSRPT_H_
#define SIGNET_SRC_REPORT_TLSRPT_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/result.h"

// What TLS reports (RFC 8460) are made of: how sessions towards upstreams went, counted per
// UTC day, policy and MX host.
namespace signet::report {

// Result types of RFC 8460 section 4.3, as far as they can happen here.
enum class TlsResult : std::uint8_t {
  kSuccess,
  kStarttlsNotSupported,
  kCertificateHostMismatch,
  kCertificateExpired,
  kCertificateNotTrusted,
  kValidationFailure,
  kTlsaInvalid,
  kDaneRequired,
};
std::string_view NameOf(TlsResult result);  // "certificate-expired"; "" of success
// The result behind what a handshake with an upstream failed for, as the log says it.
TlsResult ResultOf(std::string_view problem);

enum class PolicyType : std::uint8_t { kNoPolicyFound, kTlsa };
std::string_view NameOf(PolicyType type);  // "no-policy-found"

struct TlsSession {
  PolicyType policy = PolicyType::kNoPolicyFound;
  std::string mx_host;  // as configured; also the domain that the policy is of
  TlsResult result = TlsResult::kSuccess;
  std::string sending_ip, receiving_ip;
  std::string reason;  // failure-reason-code: what the log says
};

// The sessions of the last days. Bounded: limits::kTlsReportDays, kTlsReportHosts of a day,
// kTlsReportFailures of a host; what finds no room is counted in a row of its own, so that
// sums stay right.
//
//   Threads  any.
class TlsReports {
 public:
  void Add(const TlsSession& session, WallTime now);

  // The state as a file, replaced in one step, mode 0600; Load adds what is in one to what
  // has been counted. A file that does not exist is empty.
  //   Errors  text for the log, with the path.
  Result<bool, std::string> Save(const std::string& path);
  Result<bool, std::string> Load(const std::string& path);
  // Whether there is something that was not saved.
  bool changed() const;

  struct Sender {
    std::string organization, contact, host;  // host: of the report's id
  };
  // The report of RFC 8460 section 4.4 of a day, "2026-03-01"; nullopt where nothing was counted.
  std::string Report(const std::string& day, const Sender& sender) const;

 private:
  struct Failure {
    TlsResult result;
    std::string sending_ip, receiving_ip, reason;
    auto operator<=>(const Failure&) const = default;
  };
  struct Host {
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    std::map<Failure, std::uint64_t> details;
  };
  using Day = std::map<std::pair<PolicyType, std::string>, Host>;

  Host& HostOf(const std::string& day, PolicyType policy, const std::string& name);
  static void AddFailures(const Failure& failure, std::uint64_t count, Host* host);
  void DropOldDays();
  std::string Serialized() const;
  bool Parse(const std::string& text);

  mutable std::mutex mutex_;  // all below
  std::map<std::string, Day> days_;
  bool changed_ = false;
};

// "2026-03-01", in UTC.
std::string DayOf(WallTime time);
bool IsDay(std::string_view text);

}  // namespace signet::report
#endif
