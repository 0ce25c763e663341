#include "src/report/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "src/base/limits.h"

namespace signet::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Format = Metrics::Format;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The value of a series, by all that stands in front of it.
std::string ValueOf(const std::string& page, const std::string& series) {
  for (const std::string& line : Lines(page))
    if (line.starts_with(series + ' ')) return line.substr(series.size() + 1);
  return "none";
}

std::size_t SeriesOf(const std::string& page, const std::string& name) {
  std::size_t count = 0;
  for (const std::string& line : Lines(page))
    count += line.starts_with(name + '{') || line.starts_with(name + ' ');
  return count;
}

TEST(Metrics, RowsHaveNamesUnitsAndHelpAsOpenMetricsWantsThem) {
  std::set<std::string> names;
  for (const MetricRow& row : MetricRows()) {
    const std::string name(row.name);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(row.help.empty()) << name;
    EXPECT_EQ(row.help.find_first_of("\\\n"), row.help.npos) << name;
    EXPECT_TRUE(name.starts_with("signet_") || name == "process_start_time_seconds") << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), name.npos) << name;
    if (!row.unit.empty()) EXPECT_TRUE(name.ends_with("_" + std::string(row.unit))) << name;
    EXPECT_EQ(row.unit.empty(), !name.ends_with("_seconds") && !name.ends_with("_bytes")) << name;
    EXPECT_EQ(row.type == MetricType::kHistogram, !row.buckets.empty()) << name;
    EXPECT_TRUE(std::is_sorted(row.buckets.begin(), row.buckets.end())) << name;
  }
}

TEST(Metrics, CountersGaugesAndHistogramsAreShownAsOpenMetrics) {
  Metrics metrics;
  metrics.Set(Metric::kBuild, {"1.2"}, 1);
  metrics.Add(Metric::kSessions, {"587"});
  metrics.Add(Metric::kSessions, {"587"}, 2);
  metrics.Change(Metric::kSessionsActive, {"587"}, 2);
  metrics.Change(Metric::kSessionsActive, {"587"}, -1);
  metrics.Observe(Metric::kLoopLag, {"1"}, 0.0025);  // a bound belongs to its bucket
  metrics.Observe(Metric::kLoopLag, {"1"}, 0.75);
  metrics.Observe(Metric::kLoopLag, {"1"}, 100);
  metrics.Add(Metric::kMessageBytes, {}, 1234);
  const std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_THAT(page, HasSubstr("# TYPE signet_build info\n"));
  EXPECT_EQ(ValueOf(page, "signet_build_info{version=\"1.2\"}"), "1");
  EXPECT_THAT(page, HasSubstr("# HELP signet_sessions SMTP sessions"));
  EXPECT_THAT(page, HasSubstr("# TYPE signet_sessions counter\n"));
  EXPECT_EQ(ValueOf(page, "signet_sessions_total{port=\"587\"}"), "3");
  EXPECT_EQ(ValueOf(page, "signet_sessions_active{port=\"587\"}"), "1");
  EXPECT_THAT(page, HasSubstr("# UNIT signet_message_bytes bytes\n"));
  EXPECT_EQ(ValueOf(page, "signet_message_bytes_total"), "1234");
  EXPECT_THAT(page, HasSubstr("# TYPE signet_loop_lag_seconds histogram\n"));
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_bucket{worker=\"1\",le=\"0.001\"}"), "0");
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_bucket{worker=\"1\",le=\"0.0025\"}"), "1");
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_bucket{worker=\"1\",le=\"1.0\"}"), "2");
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_bucket{worker=\"1\",le=\"+Inf\"}"), "3");
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_count{worker=\"1\"}"), "3");
  EXPECT_EQ(ValueOf(page, "signet_loop_lag_seconds_sum{worker=\"1\"}"), "100.7525");
  EXPECT_TRUE(page.ends_with("\n# EOF\n"));
}

TEST(Metrics, TheOlderFormatNamesCountersWithTheirSuffixAndHasNoUnits) {
  Metrics metrics;
  const std::string page = metrics.Render(Format::kText);
  EXPECT_THAT(page, HasSubstr("# TYPE signet_messages_total counter\nsignet_messages_total 0\n"));
  EXPECT_THAT(page, HasSubstr("# TYPE signet_build_info gauge\n"));
  EXPECT_THAT(page, Not(HasSubstr("# UNIT")));
  EXPECT_THAT(page, Not(HasSubstr("# EOF")));
}

TEST(Metrics, WhatIsKnownBeforehandIsThereWithAZero) {
  Metrics metrics;
  const std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(ValueOf(page, "signet_refusals_total{place=\"rcpt\",class=\"identity\"}"), "0");
  EXPECT_EQ(ValueOf(page, "signet_peer_certificates_total{result=\"expired\"}"), "0");
  EXPECT_EQ(SeriesOf(page, "signet_sessions_total"), 0u);
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.Add(Metric::kSessions, {"a\"b\\c\nd\xff"});
  EXPECT_THAT(metrics.Render(Format::kOpenMetrics),
              HasSubstr("{port=\"a\\\"b\\\\\\\\c\\\\nd\\\\377\"} 1\n"));
}

TEST(Metrics, RuleR7LabelValuesAreBounded) {
  Metrics metrics;
  for (std::size_t i = 0; i < limits::kMetricsLabels; ++i)
    metrics.Add(Metric::kSessions, {std::to_string(i)});
  std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(SeriesOf(page, "signet_sessions_total"), limits::kMetricsLabels);
  EXPECT_EQ(ValueOf(page, "signet_sessions_total{port=\"other\"}"), "none");
  for (int i = 0; i < 1000; ++i) metrics.Add(Metric::kSessions, {"more" + std::to_string(i)});
  metrics.Add(Metric::kSessions, {"7"});
  page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(SeriesOf(page, "signet_sessions_total"), limits::kMetricsLabels + 1);
  EXPECT_EQ(ValueOf(page, "signet_sessions_total{port=\"other\"}"), "1000");
  EXPECT_EQ(ValueOf(page, "signet_sessions_total{port=\"7\"}"), "2");
}

TEST(Metrics, RuleR7IdentitiesAreBoundedAndTheirSumIsWhatWasCounted) {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) metrics.CountIdentity("user" + std::to_string(i));
  const std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(SeriesOf(page, "signet_identity_sessions_total"), limits::kMetricsIdentities + 1);
  std::uint64_t sum = 0;
  for (const std::string& line : Lines(page))
    if (line.starts_with("signet_identity_sessions_total{"))
      sum += std::stoull(line.substr(line.rfind(' ') + 1));
  EXPECT_EQ(sum, 5000u);
}

TEST(Metrics, WhoIsBusyIsNamedHoweverManyOthersCameFirst) {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) metrics.CountIdentity("user" + std::to_string(i));
  for (int i = 0; i < 100; ++i) metrics.CountIdentity("busy");
  const std::string page = metrics.Render(Format::kOpenMetrics);
  const std::string counted = ValueOf(page, "signet_identity_sessions_total{identity=\"busy\"}");
  ASSERT_NE(counted, "none") << page;
  EXPECT_GE(std::stoi(counted), 80);
}

TEST(Metrics, NoIdentitysNumberEverFalls) {
  TopIdentities top;
  std::uint64_t others = 0, all = 0;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < round % 37; ++i) {
      top.Count("u" + std::to_string((round * 7 + i * i) % 120));
      ++all;
    }
    const TopIdentities::Counts counts = top.Get();
    EXPECT_GE(counts.others, others);
    others = counts.others;
    std::uint64_t sum = others;
    for (const auto& [name, count] : counts.named) sum += count;
    EXPECT_EQ(sum, all);
    EXPECT_LE(counts.named.size(), limits::kMetricsIdentities);
  }
}

TEST(Metrics, AnIdentityThatIsCalledOtherIsNotLost) {
  Metrics metrics;
  metrics.CountIdentity("other");
  const std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(SeriesOf(page, "signet_identity_sessions_total"), 1u);  // no series twice
  EXPECT_EQ(ValueOf(page, "signet_identity_sessions_total{identity=\"other\"}"), "1");
}

TEST(Metrics, TheCertificatesThatEndFirstAreNamedByWhatWasShownLast) {
  Metrics metrics;
  constexpr std::int64_t kNow = 1'800'000'000, kDay = 86400;
  for (int i = 1; i <= 30; ++i)
    metrics.NoteCertificate("user" + std::to_string(i), kNow + i * kDay, kNow);
  std::string page = metrics.Render(Format::kOpenMetrics, kNow);
  const std::string name = "signet_peer_certificate_soonest_expiry_seconds";
  EXPECT_EQ(SeriesOf(page, name), limits::kMetricsIdentities);
  EXPECT_EQ(ValueOf(page, name + "{identity=\"user1\"}"), "86400");
  EXPECT_EQ(ValueOf(page, name + "{identity=\"user30\"}"), "none");
  metrics.NoteCertificate("user1", kNow + 365 * kDay, kNow);  // renewed
  page = metrics.Render(Format::kOpenMetrics, kNow + kDay);
  EXPECT_EQ(ValueOf(page, name + "{identity=\"user1\"}"), std::to_string(364 * kDay));
  EXPECT_EQ(ValueOf(page, name + "{identity=\"user2\"}"), "86400");
  // One that has ended is to be seen for a while, and not for ever.
  EXPECT_EQ(
      ValueOf(metrics.Render(Format::kOpenMetrics, kNow + 3 * kDay), name + "{identity=\"user2\"}"),
      "-86400");
  EXPECT_EQ(ValueOf(metrics.Render(Format::kOpenMetrics, kNow + 40 * kDay),
                    name + "{identity=\"user2\"}"),
            "none");
}

TEST(Metrics, WhatSomebodyElseCountsIsAskedForWithEachScrape) {
  Metrics metrics;
  double lost = 3;
  metrics.SetCollector([&](std::vector<Sample>* samples) {
    samples->push_back({Metric::kLogLost, {}, lost});
    samples->push_back({Metric::kPeerCertificates, {"expired"}, 7});
    for (int i = 0; i < 1000; ++i)
      samples->push_back({Metric::kOwnExpiry, {"file" + std::to_string(i), "CN=a"}, 1});
  });
  std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(ValueOf(page, "signet_log_lines_lost_total"), "3");
  EXPECT_EQ(SeriesOf(page, "signet_log_lines_lost_total"), 1u);
  EXPECT_EQ(ValueOf(page, "signet_peer_certificates_total{result=\"expired\"}"), "7");
  EXPECT_EQ(ValueOf(page, "signet_peer_certificates_total{result=\"revoked\"}"), "0");
  EXPECT_LE(SeriesOf(page, "signet_own_certificate_expiry_seconds"), limits::kMetricsLabels + 1);
  lost = 4;
  page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(ValueOf(page, "signet_log_lines_lost_total"), "4");
}

TEST(Metrics, ManyThreadsCountExactly) {
  Metrics metrics;
  constexpr int kThreads = 4, kEach = 20000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&metrics, t] {
      for (int i = 0; i < kEach; ++i) {
        metrics.Add(Metric::kLookups, {i % 2 == 0 ? "ldap" : "file", "found"});
        metrics.Observe(Metric::kLookupDuration, {std::to_string(i % 10)}, 0.25);
        if (i % 1000 == t) (void)metrics.Render(Format::kText);
      }
    });
  for (std::thread& thread : threads) thread.join();
  const std::string page = metrics.Render(Format::kOpenMetrics);
  EXPECT_EQ(ValueOf(page, "signet_lookups_total{type=\"ldap\",result=\"found\"}"),
            std::to_string(kThreads * kEach / 2));
  for (int i = 0; i < 10; ++i) {
    const std::string label = "{type=\"" + std::to_string(i) + "\"}";
    EXPECT_EQ(ValueOf(page, "signet_lookup_duration_seconds_count" + label),
              std::to_string(kThreads * kEach / 10));
    EXPECT_EQ(ValueOf(page, "signet_lookup_duration_seconds_sum" + label),
              std::to_string(kThreads * kEach / 40));
  }
}

}  // namespace
}  // namespace signet::report
