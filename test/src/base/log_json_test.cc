#include <gtest/gtest.h>
#include <stdlib.h>

#include "src/base/limits.h"
#include "src/base/log_sink.h"

namespace signet::logging {
namespace {

TEST(JsonString, EscapesWhatJsonAndTerminalsMind) {
  EXPECT_EQ(JsonString("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(JsonString(std::string_view("\n\0\x1b\x7f", 4)), R"("\u000a\u0000\u001b\u007f")");
  EXPECT_EQ(JsonString("\xc3\xbc \xf0\x9f\x93\xa7"), "\"\xc3\xbc \xf0\x9f\x93\xa7\"");
  // A control character, a line separator and one that turns the reading direction.
  EXPECT_EQ(JsonString("\xc2\x85\xe2\x80\xa8\xe2\x80\xae"), R"("\u0085\u2028\u202e")");
}

TEST(JsonString, HasNoOctetsThatAreNoUtf8) {
  EXPECT_EQ(JsonString("\xff\xc3"), R"("\\377\\303")");
  EXPECT_EQ(JsonString("\xed\xa0\x80"), R"("\\355\\240\\200")");  // a surrogate
}

TEST(JsonString, IsBounded) {
  EXPECT_EQ(JsonString(std::string(limits::kLogLineMaxBytes, 'x')).size(),
            limits::kLogLineMaxBytes + 2);
  const std::string cut = JsonString(std::string(limits::kLogLineMaxBytes + 1, 'x'));
  EXPECT_TRUE(cut.ends_with("x [cut]\"")) << cut.substr(cut.size() - 20);
}

Entry MakeEntry() {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  Entry entry;
  entry.time = {1'772'366'400, 5'000'000};
  entry.which = kMain | kReject;
  return entry;
}

TEST(JsonOf, IsOneObject) {
  Entry entry = MakeEntry();
  entry.event = LogEvent("arrival");
  entry.event.Note("sender", "a@b").Note("size", 12).Note("chunking", false);
  entry.event.Note("recipients", std::vector<std::string>{"x", "y"});
  entry.event.header = {"F From: a"};
  EXPECT_EQ(JsonOf(entry), R"({"time":"2026-03-01T12:00:00.005+00:00","logs":["main","reject"],)"
                           R"("event":"arrival","sender":"a@b","size":12,"chunking":false,)"
                           R"("recipients":["x","y"],"header":["F From: a"]})");
}

TEST(JsonOf, OfALineIsItsText) {
  Entry entry = MakeEntry();
  entry.which = kMain;
  entry.event.text = "daemon started";
  EXPECT_EQ(JsonOf(entry),
            R"({"time":"2026-03-01T12:00:00.005+00:00","logs":["main"],"event":"text",)"
            R"("text":"daemon started"})");
}

TEST(JsonOf, RuleG1IsBounded) {
  Entry entry = MakeEntry();
  entry.event = LogEvent("arrival");
  for (int i = 0; i < 100; ++i) entry.event.Note("x", std::string(limits::kLogLineMaxBytes, 'x'));
  const std::string json = JsonOf(entry);
  EXPECT_LT(json.size(), 10 * limits::kLogLineMaxBytes);
  EXPECT_TRUE(json.ends_with(",\"cut\":true}"));
}

}  // namespace
}  // namespace signet::logging
