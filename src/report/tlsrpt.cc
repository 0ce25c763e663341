#include "src/report/tlsrpt.h"

#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::report {
namespace {

constexpr std::string_view kOtherHosts = "other.invalid";  // what there was no room for
constexpr std::string_view kOtherReasons = "other reasons";
constexpr std::size_t kReasonBytes = 200;

struct ResultRow {
  TlsResult result;
  std::string_view name;
};
constexpr ResultRow kResults[] = {
    {TlsResult::kSuccess, ""},
    {TlsResult::kStarttlsNotSupported, "starttls-not-supported"},
    {TlsResult::kCertificateHostMismatch, "certificate-host-mismatch"},
    {TlsResult::kCertificateExpired, "certificate-expired"},
    {TlsResult::kCertificateNotTrusted, "certificate-not-trusted"},
    {TlsResult::kValidationFailure, "validation-failure"},
    {TlsResult::kTlsaInvalid, "tlsa-invalid"},
    {TlsResult::kDaneRequired, "dane-required"},
};

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;
Json Own(json_t* json) { return {json, &json_decref}; }

// Text of ours, or cleaned before it came here: valid UTF-8.
json_t* Text(std::string_view text) { return json_stringn(text.data(), text.size()); }
json_t* Count(std::uint64_t count) { return json_integer(static_cast<json_int_t>(count)); }

std::string TextOf(const json_t* object, const char* name) {
  const json_t* value = json_object_get(object, name);
  return json_is_string(value) ? std::string(json_string_value(value), json_string_length(value))
                               : "";
}
std::uint64_t CountOf(const json_t* object, const char* name) {
  const json_int_t value = json_integer_value(json_object_get(object, name));
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

std::string Dumped(const Json& json, std::size_t flags) {
  char* text = json_dumps(json.get(), flags | JSON_PRESERVE_ORDER);
  SIGNET_CHECK(text != nullptr);
  std::string out = text;
  std::free(text);
  return out;
}

std::string Bounded(std::string out) {
  if (out.size() <= kReasonBytes) return out;
  std::size_t cut = kReasonBytes;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) --cut;
  return out.substr(0, cut);
}

std::string Cleaned(std::string_view text) { return Bounded(Printable(text)); }

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

std::string_view NameOf(TlsResult result) {
  for (const ResultRow& row : kResults)
    if (row.result == result) return row.name;
  return "";
}

std::string_view NameOf(PolicyType type) {
  return type == PolicyType::kTlsa ? "tlsa" : "no-policy-found";
}

TlsResult ResultOf(std::string_view problem) {
  struct Row {
    std::string_view part;
    TlsResult result;
  };
  // The first that is in it; what a certificate is not good for comes before who issued it.
  static constexpr Row kRows[] = {
      {"STARTTLS is not offered", TlsResult::kStarttlsNotSupported},
      {"it is not for \"", TlsResult::kCertificateHostMismatch},
      {"TLSA", TlsResult::kTlsaInvalid},
      {"expired", TlsResult::kCertificateExpired},
      {"not yet valid", TlsResult::kValidationFailure},
      {"revoked", TlsResult::kCertificateNotTrusted},
      {"unknown CA", TlsResult::kCertificateNotTrusted},
      {"issuer", TlsResult::kCertificateNotTrusted},
      {"not trusted", TlsResult::kCertificateNotTrusted},
      {"self-signed", TlsResult::kCertificateNotTrusted},
      {"no pin matches", TlsResult::kCertificateNotTrusted},
  };
  for (const Row& row : kRows)
    if (Contains(problem, row.part)) return row.result;
  return TlsResult::kValidationFailure;
}

std::string DayOf(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[16];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d", &utc));
}

bool IsDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i != 4 && i != 7 && !IsDigit(text[i])) return false;
  return true;
}

// --- counting ------------------------------------------------------------------------------------

void TlsReports::Add(const TlsSession& session, WallTime now) {
  std::lock_guard lock(mutex_);
  changed_ = true;
  Host& host = HostOf(DayOf(now), session.policy, Cleaned(session.mx_host));
  if (session.result == TlsResult::kSuccess) {
    ++host.successes;
  } else {
    AddFailures({session.result, session.sending_ip, session.receiving_ip, Cleaned(session.reason)},
                1, &host);
  }
  DropOldDays();
}

TlsReports::Host& TlsReports::HostOf(const std::string& day, PolicyType policy,
                                     const std::string& name) {
  Day& hosts = days_[day];
  const auto found = hosts.find({policy, name});
  if (found != hosts.end()) return found->second;
  const bool room = hosts.size() < limits::kTlsReportHosts;
  return hosts[{policy, room ? name : std::string(kOtherHosts)}];
}

void TlsReports::AddFailures(const Failure& failure, std::uint64_t count, Host* host) {
  host->failures += count;
  const bool room =
      host->details.contains(failure) || host->details.size() < limits::kTlsReportFailures;
  host->details[room ? failure : Failure{failure.result, "", "", std::string(kOtherReasons)}] +=
      count;
}

void TlsReports::DropOldDays() {
  while (days_.size() > limits::kTlsReportDays) days_.erase(days_.begin());
}

bool TlsReports::changed() const {
  std::lock_guard lock(mutex_);
  return changed_;
}

// --- between runs
// -----------------------------------------------------------------------------------

std::string TlsReports::Serialized() const {
  const Json rows = Own(json_array());
  for (const auto& [day, hosts] : days_)
    for (const auto& [key, host] : hosts) {
      json_t* row = json_object();
      json_object_set_new(row, "day", Text(day));
      json_object_set_new(row, "policy", Text(NameOf(key.first)));
      json_object_set_new(row, "host", Text(key.second));
      json_object_set_new(row, "successes", Count(host.successes));
      json_t* failures = json_array();
      for (const auto& [failure, count] : host.details) {
        json_t* one = json_object();
        json_object_set_new(one, "result", Text(NameOf(failure.result)));
        json_object_set_new(one, "from", Text(failure.sending_ip));
        json_object_set_new(one, "to", Text(failure.receiving_ip));
        json_object_set_new(one, "reason", Text(failure.reason));
        json_object_set_new(one, "count", Count(count));
        json_array_append_new(failures, one);
      }
      json_object_set_new(row, "failures", failures);
      json_array_append_new(rows.get(), row);
    }
  return Dumped(rows, JSON_INDENT(1)) + '\n';
}

Result<bool, std::string> TlsReports::Save(const std::string& path) {
  std::string text;
  {
    std::lock_guard lock(mutex_);
    text = Serialized();
    changed_ = false;
  }
  const std::string temporary = path + ".new";
  const auto wrong = [&](const char* what) {
    const int error = errno;
    std::lock_guard lock(mutex_);
    changed_ = true;
    return Err{std::string(what) + ' ' + temporary + ": " + std::strerror(error)};
  };
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return wrong("cannot create");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool whole = done == text.size() && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!whole) return wrong("cannot write");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return wrong("cannot rename");
  return true;
}

bool TlsReports::Parse(const std::string& text) {
  const Json rows = Own(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, nullptr));
  if (!json_is_array(rows.get())) return false;
  std::size_t index;
  json_t* row;
  json_array_foreach(rows.get(), index, row) {
    const std::string day = TextOf(row, "day");
    if (!IsDay(day)) return false;
    const bool tlsa = TextOf(row, "policy") == NameOf(PolicyType::kTlsa);
    Host& host = HostOf(day, tlsa ? PolicyType::kTlsa : PolicyType::kNoPolicyFound,
                        Bounded(TextOf(row, "host")));
    host.successes += CountOf(row, "successes");
    std::size_t number;
    json_t* one;
    json_array_foreach(json_object_get(row, "failures"), number, one) {
      TlsResult result = TlsResult::kValidationFailure;
      for (const ResultRow& known : kResults)
        if (known.result != TlsResult::kSuccess && known.name == TextOf(one, "result"))
          result = known.result;
      AddFailures({result, TextOf(one, "from"), TextOf(one, "to"), Bounded(TextOf(one, "reason"))},
                  CountOf(one, "count"), &host);
    }
    DropOldDays();
  }
  return true;
}

Result<bool, std::string> TlsReports::Load(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return true;
  auto text = ReadRegularFile(path, limits::kTlsReportFileBytes);
  if (!text.ok()) return Err{path + ": " + text.error()};
  std::lock_guard lock(mutex_);
  if (!Parse(text.value())) return Err{path + " is no state of TLS reports"};
  return true;
}

// --- the report
// ---------------------------------------------------------------------------------------

std::string TlsReports::Report(const std::string& day, const Sender& sender) const {
  std::lock_guard lock(mutex_);
  const Json report = Own(json_object());
  json_object_set_new(report.get(), "organization-name", Text(sender.organization));
  json_t* range = json_object();
  json_object_set_new(range, "start-datetime", Text(day + "T00:00:00Z"));
  json_object_set_new(range, "end-datetime", Text(day + "T23:59:59Z"));
  json_object_set_new(report.get(), "date-range", range);
  json_object_set_new(report.get(), "contact-info", Text(sender.contact));
  json_object_set_new(report.get(), "report-id", Text(day + 'T' + "00:00:00Z_" + sender.host));
  json_t* policies = json_array();
  const auto found = days_.find(day);
  if (found != days_.end())
    for (const auto& [key, host] : found->second) {
      json_t* policy = json_object();
      json_object_set_new(policy, "policy-type", Text(NameOf(key.first)));
      json_object_set_new(policy, "policy-domain", Text(key.second));
      json_t* hosts = json_array();
      json_array_append_new(hosts, Text(key.second));
      json_object_set_new(policy, "mx-host", hosts);
      json_t* summary = json_object();
      json_object_set_new(summary, "total-successful-session-count", Count(host.successes));
      json_object_set_new(summary, "total-failure-session-count", Count(host.failures));
      json_t* details = json_array();
      for (const auto& [failure, count] : host.details) {
        json_t* one = json_object();
        json_object_set_new(one, "result-type", Text(NameOf(failure.result)));
        if (!failure.sending_ip.empty())
          json_object_set_new(one, "sending-mta-ip", Text(failure.sending_ip));
        json_object_set_new(one, "receiving-mx-hostname", Text(key.second));
        if (!failure.receiving_ip.empty())
          json_object_set_new(one, "receiving-ip", Text(failure.receiving_ip));
        json_object_set_new(one, "failed-session-count", Count(count));
        if (!failure.reason.empty())
          json_object_set_new(one, "failure-reason-code", Text(failure.reason));
        json_array_append_new(details, one);
      }
      json_t* row = json_object();
      json_object_set_new(row, "policy", policy);
      json_object_set_new(row, "summary", summary);
      json_object_set_new(row, "failure-details", details);
      json_array_append_new(policies, row);
    }
  json_object_set_new(report.get(), "policies", policies);
  return Dumped(report, JSON_INDENT(2)) + '\n';
}

}  // namespace signet::report
