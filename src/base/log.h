#ifndef SIGNET_SRC_BASE_LOG_H_
#define SIGNET_SRC_BASE_LOG_H_

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/log_event.h"

namespace signet {

// Log writes the three logs that Exim administrators know: main (what happened),
// reject (what was refused) and panic (what must not happen). One event, one line
// (rule G1): every octet that is not printable ASCII or valid UTF-8 is escaped, and a
// line longer than limits::kLogLineMaxBytes is cut with a mark.
//
//   Threads  all functions may be called from any thread. Once StartWriting() was called,
//            none of them waits for a file, a pipe or the system's logger (rule R5): each
//            place has a queue of its own and a thread that empties it.
//   Errors   a line that cannot be written, or finds the queue full, is counted; the next
//            one that can says how many were lost (G5).
class Log {
 public:
  enum class Form : std::uint8_t { kExim, kJson };
  // One place where lines go.
  struct Place {
    enum class Kind : std::uint8_t { kStderr, kFile, kSyslog };
    Kind kind = Kind::kStderr;
    Form form = Form::kExim;
    // Of files: "%s" becomes main, reject or panic; without it all three go to one file.
    // "%D" and "%M" become the day and the month, 20260301 and 202603.
    std::string path;
  };
  // What stands before a line besides the time.
  struct Stamp {
    bool zone = false;      // "+0100", as log_timezone wants
    bool millisec = false;  // ".123"
    bool pid = false;       // "[4711]"
  };
  struct Syslog {
    int facility = -1;  // LOG_MAIL …; -1: LOG_MAIL
    std::string name = "signet";
    bool pid = true;
    bool stamp = true;        // time stamps in the text, too
    bool duplication = true;  // what goes to two logs is sent twice
  };
  struct Setup {
    std::vector<Place> places = {{}};
    Stamp stamp;
    Syslog syslog;
    bool write_reject = true;  // whether there is a reject log
  };
  // The three logs at these paths; an empty one is standard error.
  struct Paths {
    std::string main, reject, panic;
  };

  explicit Log(Paths paths);
  explicit Log(Setup setup);
  ~Log();  // lines that wait are written, for limits::kLogDrain at most
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `text` is a line without time stamp and line end, e.g. "<= a@b H=…". A message id,
  // where there is one, is its first word, as in Exim.
  void Main(std::string_view text);
  void Reject(std::string_view text);  // reject log only
  void MainAndReject(std::string_view text);
  void Panic(std::string_view text);  // main and panic
  // The same of events, whose facts the form JSON has.
  void Main(LogEvent event);
  void MainAndReject(LogEvent event);
  void Panic(LogEvent event);

  // Threads that do the writing. To be called once, when the process is what it will be:
  // until then lines are written where they are logged.
  void StartWriting();

  // Other places, forms and stamps from now on. What waits is written to the old ones.
  void Configure(Setup setup);

  // Closes and opens the files again (log rotation).
  void Reopen();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// `text` made printable as Exim's logs do: \n, \t, \r, \\ stay two characters, other
// control octets and octets that are not valid UTF-8 become \ooo.
std::string Printable(std::string_view text);

}  // namespace signet
#endif
