#include "src/report/tlsrpt.h"

#include <gtest/gtest.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "src/base/limits.h"

namespace signet::report {
namespace {

const WallTime kNoon = WallTime{} + std::chrono::seconds(1'772'366'400);  // 2026-03-01 12:00
const TlsReports::Sender kSender = {"Example Org", "postmaster@example.org", "mx.example.org"};

TlsSession Good(const std::string& host) {
  TlsSession session;
  session.mx_host = host;
  return session;
}
TlsSession Bad(const std::string& host, TlsResult result, const std::string& reason = "why") {
  return {PolicyType::kNoPolicyFound, host, result, "192.0.2.1", "192.0.2.25", reason};
}

struct Parsed {
  explicit Parsed(const std::string& text) : json(json_loads(text.c_str(), 0, nullptr)) {}
  ~Parsed() { json_decref(json); }
  json_t* json;
};

std::set<std::string> Keys(json_t* object) {
  std::set<std::string> keys;
  const char* key;
  json_t* value;
  json_object_foreach(object, key, value) keys.insert(key);
  return keys;
}
std::string TextAt(json_t* object, const char* name) {
  json_t* value = json_object_get(object, name);
  return json_is_string(value) ? json_string_value(value) : "no string: " + std::string(name);
}
std::int64_t NumberAt(json_t* object, const char* name) {
  json_t* value = json_object_get(object, name);
  return json_is_integer(value) ? json_integer_value(value) : -1;
}

// RFC 8460 section 4.4: which members there are, and of what type.
void ExpectReport(json_t* report) {
  ASSERT_TRUE(json_is_object(report));
  EXPECT_EQ(Keys(report), (std::set<std::string>{"organization-name", "date-range", "contact-info",
                                                 "report-id", "policies"}));
  for (const char* name : {"organization-name", "contact-info", "report-id"})
    EXPECT_TRUE(json_is_string(json_object_get(report, name))) << name;
  json_t* range = json_object_get(report, "date-range");
  EXPECT_EQ(Keys(range), (std::set<std::string>{"start-datetime", "end-datetime"}));
  json_t* policies = json_object_get(report, "policies");
  ASSERT_TRUE(json_is_array(policies));
  static const std::set<std::string> kTypes = {"tlsa", "sts", "no-policy-found"};
  static const std::set<std::string> kResults = {
      "starttls-not-supported", "certificate-host-mismatch",
      "certificate-expired",    "certificate-not-trusted",
      "validation-failure",     "tlsa-invalid",
      "dnssec-invalid",         "dane-required",
      "sts-policy-fetch-error", "sts-policy-invalid",
      "sts-webpki-invalid"};
  std::size_t index;
  json_t* row;
  json_array_foreach(policies, index, row) {
    EXPECT_EQ(Keys(row), (std::set<std::string>{"policy", "summary", "failure-details"}));
    json_t* policy = json_object_get(row, "policy");
    EXPECT_TRUE(kTypes.contains(TextAt(policy, "policy-type")));
    EXPECT_NE(TextAt(policy, "policy-domain"), "");
    EXPECT_TRUE(json_is_array(json_object_get(policy, "mx-host")));
    json_t* summary = json_object_get(row, "summary");
    EXPECT_EQ(Keys(summary), (std::set<std::string>{"total-successful-session-count",
                                                    "total-failure-session-count"}));
    EXPECT_GE(NumberAt(summary, "total-successful-session-count"), 0);
    std::int64_t failed = 0;
    std::size_t number;
    json_t* failure;
    json_array_foreach(json_object_get(row, "failure-details"), number, failure) {
      static const std::set<std::string> kFields = {
          "result-type",         "sending-mta-ip",        "receiving-mx-hostname",
          "receiving-mx-helo",   "receiving-ip",          "failed-session-count",
          "failure-reason-code", "additional-information"};
      for (const std::string& key : Keys(failure)) EXPECT_TRUE(kFields.contains(key)) << key;
      EXPECT_TRUE(kResults.contains(TextAt(failure, "result-type")));
      EXPECT_GE(NumberAt(failure, "failed-session-count"), 1);
      failed += NumberAt(failure, "failed-session-count");
    }
    EXPECT_EQ(NumberAt(summary, "total-failure-session-count"), failed);
  }
}

class TlsReportsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/signet-tlsrpt-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/state";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  std::string directory_, path_;
};

TEST_F(TlsReportsTest, ReportHasTheFieldsOfTheRfc) {
  TlsReports reports;
  for (int i = 0; i < 3; ++i) reports.Add(Good("mx1.example.net"), kNoon);
  reports.Add(Bad("mx1.example.net", TlsResult::kCertificateExpired), kNoon);
  reports.Add(Bad("mx1.example.net", TlsResult::kCertificateExpired), kNoon);
  reports.Add(Bad("mx2.example.net", TlsResult::kStarttlsNotSupported), kNoon);
  reports.Add(Good("mx1.example.net"), kNoon + std::chrono::hours(24));
  const Parsed report(reports.Report("2026-03-01", kSender));
  ExpectReport(report.json);
  EXPECT_EQ(TextAt(report.json, "organization-name"), "Example Org");
  EXPECT_EQ(TextAt(json_object_get(report.json, "date-range"), "start-datetime"),
            "2026-03-01T00:00:00Z");
  json_t* policies = json_object_get(report.json, "policies");
  ASSERT_EQ(json_array_size(policies), 2u);
  json_t* first = json_array_get(policies, 0);
  EXPECT_EQ(TextAt(json_object_get(first, "policy"), "policy-domain"), "mx1.example.net");
  json_t* summary = json_object_get(first, "summary");
  EXPECT_EQ(NumberAt(summary, "total-successful-session-count"), 3);
  EXPECT_EQ(NumberAt(summary, "total-failure-session-count"), 2);
  json_t* details = json_object_get(first, "failure-details");
  ASSERT_EQ(json_array_size(details), 1u);
  EXPECT_EQ(TextAt(json_array_get(details, 0), "result-type"), "certificate-expired");
  EXPECT_EQ(NumberAt(json_array_get(details, 0), "failed-session-count"), 2);
}

TEST_F(TlsReportsTest, ADayWithoutSessionsIsAnEmptyReport) {
  const Parsed report(TlsReports().Report("2026-03-02", kSender));
  ExpectReport(report.json);
  EXPECT_EQ(json_array_size(json_object_get(report.json, "policies")), 0u);
}

TEST_F(TlsReportsTest, AreKeptBetweenRuns) {
  TlsReports first;
  first.Add(Good("mx.example.net"), kNoon);
  first.Add(Bad("mx.example.net", TlsResult::kCertificateNotTrusted, "a \"reason\"\n"), kNoon);
  EXPECT_TRUE(first.changed());
  ASSERT_TRUE(first.Save(path_).ok());
  EXPECT_FALSE(first.changed());
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  TlsReports second;
  ASSERT_TRUE(second.Load(path_).ok());
  EXPECT_EQ(second.Report("2026-03-01", kSender), first.Report("2026-03-01", kSender));
  // What was counted before is added to.
  second.Add(Good("mx.example.net"), kNoon);
  const Parsed report(second.Report("2026-03-01", kSender));
  json_t* row = json_array_get(json_object_get(report.json, "policies"), 0);
  EXPECT_EQ(NumberAt(json_object_get(row, "summary"), "total-successful-session-count"), 2);
}

TEST_F(TlsReportsTest, AFileThatIsNoneIsSaidToBeNone) {
  TlsReports reports;
  EXPECT_TRUE(reports.Load(path_).ok());  // there is none yet
  for (const char* text : {"", "{}", "[1]", "[{\"day\":\"x\"}]", "nonsense"}) {
    std::ofstream(path_) << text;
    EXPECT_FALSE(TlsReports().Load(path_).ok()) << text;
  }
  EXPECT_FALSE(reports.Save(directory_ + "/none/state").ok());
  reports.Add(Good("x"), kNoon);
  EXPECT_FALSE(reports.Save(directory_ + "/none/state").ok());
  EXPECT_TRUE(reports.changed());
}

TEST_F(TlsReportsTest, RuleR7DaysHostsAndReasonsAreBounded) {
  TlsReports reports;
  for (std::size_t i = 0; i <= limits::kTlsReportHosts + 5; ++i)
    reports.Add(Good("mx" + std::to_string(i)), kNoon);
  for (std::size_t i = 0; i <= limits::kTlsReportFailures + 5; ++i)
    reports.Add(Bad("mx1", TlsResult::kValidationFailure, std::to_string(i)), kNoon);
  const Parsed report(reports.Report("2026-03-01", kSender));
  ExpectReport(report.json);
  json_t* policies = json_object_get(report.json, "policies");
  EXPECT_EQ(json_array_size(policies), limits::kTlsReportHosts + 1);
  std::int64_t successes = 0;
  std::size_t index;
  json_t* row;
  json_array_foreach(policies, index, row) {
    successes += NumberAt(json_object_get(row, "summary"), "total-successful-session-count");
    EXPECT_LE(json_array_size(json_object_get(row, "failure-details")),
              limits::kTlsReportFailures + 1);
  }
  EXPECT_EQ(successes, static_cast<std::int64_t>(limits::kTlsReportHosts + 6));
  for (std::size_t i = 1; i <= limits::kTlsReportDays; ++i)
    reports.Add(Good("mx"), kNoon + std::chrono::hours(24 * i));
  const Parsed old(reports.Report("2026-03-01", kSender));
  EXPECT_EQ(json_array_size(json_object_get(old.json, "policies")), 0u);
}

TEST(ResultOf, KnowsWhatHandshakesFailFor) {
  EXPECT_EQ(ResultOf("STARTTLS is not offered, and TLS is required (hosts_require_tls)"),
            TlsResult::kStarttlsNotSupported);
  EXPECT_EQ(ResultOf("it is not for \"mx.example.net\""), TlsResult::kCertificateHostMismatch);
  EXPECT_EQ(ResultOf("certificate expired"), TlsResult::kCertificateExpired);
  EXPECT_EQ(ResultOf("unknown CA"), TlsResult::kCertificateNotTrusted);
  EXPECT_EQ(ResultOf("(gnutls_handshake): Error in the pull function."),
            TlsResult::kValidationFailure);
}

TEST(IsDay, TakesFourTwoTwoDigits) {
  EXPECT_TRUE(IsDay("2026-03-01"));
  EXPECT_FALSE(IsDay("2026-3-1"));
  EXPECT_FALSE(IsDay("yesterday"));
  EXPECT_EQ(DayOf(kNoon), "2026-03-01");
}

}  // namespace
}  // namespace signet::report
