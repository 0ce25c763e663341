#ifndef SIGNET_SRC_BASE_LOG_SINK_H_
#define SIGNET_SRC_BASE_LOG_SINK_H_

#include <atomic>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/log.h"

// How a line gets to its place. For log.cc and tests; everybody else uses a Log.
namespace signet::logging {

enum Which : unsigned { kMain = 1, kReject = 2, kPanic = 4 };
constexpr Which kAll[] = {kMain, kReject, kPanic};
std::string_view NameOf(Which which);  // "main", "reject", "panic"

// An event and when it was.
struct Entry {
  timespec time{};
  unsigned which = kMain;  // bits of Which
  Log::Stamp stamp;
  LogEvent event;
  std::size_t bytes() const;  // about what it holds
};

// "2026-03-01 12:00:00 "
std::string StampOf(const Entry& entry);
// The event's text as a log shows it: one line, printable, bounded (rule G1).
std::string OneLine(std::string_view text);
// The event as one JSON object, without line end.
std::string JsonOf(const Entry& entry);
// `text` as a JSON string, quotes included. Octets that are no UTF-8 become \ooo, as in the
// other form.
std::string JsonString(std::string_view text);

// `line` in pieces as syslog takes them, each with "[1/3] " in front where there are several;
// a backslash in place of the slash where a piece began a line of its own.
std::vector<std::string> SyslogPieces(const std::vector<std::string>& lines);

class Sink {
 public:
  virtual ~Sink() = default;
  // May wait. False: it could not be written; problem() says why.
  virtual bool Write(const Entry& entry) = 0;
  // From any thread: files are opened again with the next line; a Write that waits for a
  // reader gives up.
  void Reopen() { reopen_ = true; }
  void GiveUp() { give_up_ = true; }
  // A Write waits as long as it takes for a pipe that is full, instead of a second.
  void BePatient() { patient_ = true; }
  const std::string& problem() const { return problem_; }

 protected:
  std::atomic<bool> reopen_{false};
  std::atomic<bool> give_up_{false};
  std::atomic<bool> patient_{false};
  std::string problem_;
};

std::unique_ptr<Sink> MakeSink(const Log::Place& place, const Log::Setup& setup);
std::unique_ptr<Sink> MakeFilesSink(const Log::Paths& paths);

}  // namespace signet::logging
#endif
