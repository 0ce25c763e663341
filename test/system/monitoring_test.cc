// doc/monitoring: the manual of metrics, the alerts and the dashboard say what there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jansson.h>

#include <regex>
#include <set>
#include <string>

#include "src/report/metrics.h"
#include "test/support/process.h"

namespace signet::test {
namespace {

using report::MetricType;

std::string Text(const std::string& name) {
  const std::string text = ReadFile(ProjectRoot() + "/doc/monitoring/" + name);
  EXPECT_NE(text, "") << name;
  return text;
}

// What a scrape can hold, by name.
const std::set<std::string>& Known() {
  static const std::set<std::string> known = [] {
    std::set<std::string> names;
    for (const report::MetricRow& row : report::MetricRows()) {
      const std::string name = row.ShownName();
      if (row.type != MetricType::kHistogram) names.insert(name);
      if (row.type == MetricType::kHistogram)
        for (const char* end : {"_bucket", "_sum", "_count"}) names.insert(name + end);
    }
    return names;
  }();
  return known;
}

std::set<std::string> NamesIn(const std::string& text) {
  static const std::regex kName("\\b(signet_[a-z_]+|process_[a-z_]+)\\b");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kName), end; it != end; ++it)
    names.insert(it->str());
  return names;
}

// Every text under a key "expr" or "definition", wherever it stands.
void CollectExpressions(const json_t* value, std::string* all) {
  const char* key;
  json_t* member;
  std::size_t i;
  if (json_is_array(value)) {
    json_array_foreach(value, i, member) CollectExpressions(member, all);
  } else if (json_is_object(value)) {
    json_object_foreach(const_cast<json_t*>(value), key, member) {
      const std::string name = key;
      if ((name == "expr" || name == "definition") && json_is_string(member))
        *all += json_string_value(member) + std::string("\n");
      CollectExpressions(member, all);
    }
  }
}

Finished Promtool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PeersDirectory() + "/usr/bin/promtool");
  return Run(arguments);
}

TEST(Monitoring, TheManualHasAnEntryForEachMetricWithItsLabels) {
  const std::string manual = Text("README.md");
  std::set<std::string> rows;
  for (const report::MetricRow& row : report::MetricRows()) {
    const std::string name = row.ShownName();
    rows.insert(name);
    const std::string begin = "\n| `" + name + "` | ";
    const std::size_t at = manual.find(begin);
    ASSERT_NE(at, manual.npos) << "doc/monitoring/README.md has no entry for " << name;
    const std::string entry = manual.substr(at + 1, manual.find('\n', at + 1) - at - 1);
    for (std::size_t i = 0; i < row.label_count(); ++i) {
      EXPECT_THAT(entry, ::testing::HasSubstr("`" + std::string(row.labels[i].name) + "`")) << name;
      std::string_view values = row.labels[i].values;
      for (const std::string& value : [&] {
             std::vector<std::string> all;
             while (!values.empty()) {
               const std::size_t end = std::min(values.find(' '), values.size());
               all.emplace_back(values.substr(0, end));
               values.remove_prefix(std::min(end + 1, values.size()));
             }
             return all;
           }())
        if (value != "yes" && value != "no")
          EXPECT_THAT(entry, ::testing::HasSubstr("`" + value + "`")) << name;
    }
  }
  static const std::regex kEntry("\n\\| `([a-z_]+)` \\| ");
  for (std::sregex_iterator it(manual.begin(), manual.end(), kEntry), end; it != end; ++it)
    EXPECT_TRUE(rows.contains((*it)[1].str())) << (*it)[1].str() << " does not exist";
}

TEST(Monitoring, TheManualHasAnEntryForEachAlert) {
  const std::string manual = Text("README.md"), rules = Text("signet-alerts.yml"),
                    tests = Text("signet-alerts-test.yml");
  static const std::regex kAlert("- alert: (\\w+)");
  std::size_t count = 0;
  for (std::sregex_iterator it(rules.begin(), rules.end(), kAlert), end; it != end; ++it, ++count) {
    const std::string name = (*it)[1].str();
    EXPECT_THAT(manual, ::testing::HasSubstr("`" + name + "`"));
    // Each is seen to come, and seen not to.
    EXPECT_THAT(tests, ::testing::HasSubstr("alertname: " + name + "}")) << "no silence";
    EXPECT_THAT(tests, ::testing::ContainsRegex("alertname: " + name + "\n *exp_alerts:"));
  }
  EXPECT_GE(count, 9u);
}

TEST(Monitoring, ExpressionsOfTheDashboardAndTheAlertsNameWhatThereIs) {
  json_error_t error;
  json_t* dashboard = json_loads(Text("signet.json").c_str(), JSON_REJECT_DUPLICATES, &error);
  ASSERT_NE(dashboard, nullptr) << error.text;
  std::string expressions;
  CollectExpressions(dashboard, &expressions);
  std::set<long long> places, ids;
  json_t* panel;
  std::size_t i;
  json_array_foreach(json_object_get(dashboard, "panels"), i, panel) {
    const json_t* at = json_object_get(panel, "gridPos");
    EXPECT_TRUE(ids.insert(json_integer_value(json_object_get(panel, "id"))).second);
    EXPECT_TRUE(places
                    .insert(json_integer_value(json_object_get(at, "y")) * 24 +
                            json_integer_value(json_object_get(at, "x")))
                    .second);
  }
  json_decref(dashboard);
  const std::set<std::string> shown = NamesIn(expressions);
  for (const std::string& name : shown) EXPECT_TRUE(Known().contains(name)) << name;
  for (const std::string& name : NamesIn(Text("signet-alerts.yml")))
    EXPECT_TRUE(Known().contains(name)) << name;
  // Nothing is counted that nobody sees.
  for (const report::MetricRow& row : report::MetricRows()) {
    const bool histogram = row.type == MetricType::kHistogram;
    EXPECT_TRUE(shown.contains(row.ShownName() + (histogram ? "_bucket" : ""))) << row.name;
  }
}

TEST(Monitoring, PromtoolTakesTheAlertsAndTheirTests) {
  const std::string directory = ProjectRoot() + "/doc/monitoring/";
  const Finished rules = Promtool({"check", "rules", directory + "signet-alerts.yml"});
  EXPECT_EQ(rules.status, 0) << rules.output;
  const Finished config = Promtool({"check", "config", directory + "prometheus.yml"});
  EXPECT_EQ(config.status, 0) << config.output;
  const Finished tested = Promtool({"test", "rules", directory + "signet-alerts-test.yml"});
  EXPECT_EQ(tested.status, 0) << tested.output;
}

// Expressions of the dashboard, as rules, which is what promtool can parse.
TEST(Monitoring, PromtoolParsesEachExpressionOfTheDashboard) {
  json_error_t error;
  json_t* dashboard = json_loads(Text("signet.json").c_str(), 0, &error);
  ASSERT_NE(dashboard, nullptr) << error.text;
  std::string rules = "groups:\n- name: dashboard\n  rules:\n";
  json_t *panel, *target;
  std::size_t i, j, count = 0;
  json_array_foreach(json_object_get(dashboard, "panels"), i, panel) {
    json_array_foreach(json_object_get(panel, "targets"), j, target) {
      std::string expression = json_string_value(json_object_get(target, "expr"));
      expression = Replace(expression, "$__rate_interval", "2m");
      rules += "  - record: panel:number" + std::to_string(count++) + "\n    expr: '" + expression +
               "'\n";
    }
  }
  json_decref(dashboard);
  EXPECT_GT(count, 20u);
  const TempDir directory;
  WriteFile(directory / "rules.yml", rules);
  const Finished checked = Promtool({"check", "rules", directory / "rules.yml"});
  EXPECT_EQ(checked.status, 0) << checked.output;
}

}  // namespace
}  // namespace signet::test
