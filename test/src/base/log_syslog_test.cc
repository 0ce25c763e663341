// What the system's logger is told: the functions of the C library are replaced here.
#include <gtest/gtest.h>
#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/log_place.h"

namespace {

struct Heard {
  std::string opened;
  std::vector<std::string> lines;  // "priority text"
} heard;

void Hear(int priority, const char* format, va_list arguments) {
  char text[2048];
  std::vsnprintf(text, sizeof text, format, arguments);
  heard.lines.push_back(std::to_string(priority) + ' ' + text);
}

}  // namespace

extern "C" {
void openlog(const char* name, int options, int facility) {
  heard.opened =
      std::string(name) + ((options & LOG_PID) != 0 ? " pid " : " ") + std::to_string(facility);
}
void closelog() {}
void syslog(int priority, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Hear(priority, format, arguments);
  va_end(arguments);
}
void __syslog_chk(int priority, int, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Hear(priority, format, arguments);
  va_end(arguments);
}
}

namespace signet {
namespace {

Log::Setup SyslogSetup() {
  Log::Setup setup;
  setup.places = {{Log::Place::Kind::kSyslog, Log::Form::kExim, ""}};
  setup.syslog.stamp = false;
  heard = {};
  return setup;
}

TEST(Syslog, HasAPriorityForEachLog) {
  Log log(SyslogSetup());
  log.Main("a");
  log.MainAndReject("b %s");
  log.Panic("c");
  EXPECT_EQ(heard.opened, "signet pid " + std::to_string(LOG_MAIL));
  EXPECT_EQ(heard.lines, (std::vector<std::string>{"6 a", "5 b %s", "6 b %s", "1 c", "6 c"}));
}

TEST(Syslog, SaysThingsOnceWhereThatIsWanted) {
  Log::Setup setup = SyslogSetup();
  setup.syslog.duplication = false;
  Log log(setup);
  log.Main("a");
  log.MainAndReject("b");
  EXPECT_EQ(heard.lines, (std::vector<std::string>{"6 a", "5 b"}));
}

TEST(Syslog, TakesItsNameAndFacilityFromTheOptions) {
  Log::Setup setup = SyslogSetup();
  setup.syslog.facility = *FindSyslogFacility("local3");
  setup.syslog.name = "gate";
  setup.syslog.pid = false;
  setup.syslog.stamp = true;
  Log log(setup);
  log.Main("a");
  EXPECT_EQ(heard.opened, "gate " + std::to_string(LOG_LOCAL3));
  ASSERT_EQ(heard.lines.size(), 1u);
  EXPECT_EQ(heard.lines[0].size(), std::string("6 2026-03-01 12:00:00 a").size());
}

TEST(Syslog, GetsLongLinesAndHeadersInPieces) {
  Log log(SyslogSetup());
  LogEvent event("rejection");
  event.Say(std::string(1000, 'x'));
  event.header = {"F From: a"};
  log.MainAndReject(event);
  ASSERT_EQ(heard.lines.size(), 5u);
  EXPECT_EQ(heard.lines[0], "5 [1/3] " + std::string(870, 'x'));
  EXPECT_EQ(heard.lines[1], "5 [2/3] " + std::string(130, 'x'));
  EXPECT_EQ(heard.lines[2], "5 [3\\3] F From: a");
  EXPECT_EQ(heard.lines[4], "6 [2/2] " + std::string(130, 'x'));
}

TEST(FindSyslogFacility, KnowsEximsNames) {
  EXPECT_EQ(FindSyslogFacility("LOG_MAIL"), LOG_MAIL);
  EXPECT_EQ(FindSyslogFacility("local7"), LOG_LOCAL7);
  EXPECT_EQ(FindSyslogFacility("kern"), std::nullopt);
  EXPECT_EQ(FindSyslogFacility(""), std::nullopt);
}

}  // namespace
}  // namespace signet
