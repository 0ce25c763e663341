#ifndef SIGNET_SRC_BASE_LOG_H_
#define SIGNET_SRC_BASE_LOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "src/base/log_event.h"

namespace signet {

// Log writes the three logs that Exim administrators know: main (what happened),
// reject (what was refused) and panic (what must not happen). One event, one line
// (rule G1): every octet that is not printable ASCII or valid UTF-8 is escaped, and a
// line longer than limits::kLogLineMaxBytes is cut with a mark.
//
//   Threads  all functions may be called from any thread; one write(2) per line.
//   Errors   a line that cannot be written is counted; the next one that can says so (G5).
class Log {
 public:
  // Which files. An empty path means standard error (where main, reject and panic
  // lines appear once each).
  struct Paths {
    std::string main;
    std::string reject;
    std::string panic;
  };

  explicit Log(Paths paths);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `text` is a line without time stamp and line end, e.g. "<= a@b H=…". A message id,
  // where there is one, is its first word, as in Exim.
  void Main(std::string_view text);
  void Reject(std::string_view text);  // reject log only
  void MainAndReject(std::string_view text);
  void Panic(std::string_view text);  // main and panic
  // The same of events, whose facts the forms other than Exim's have.
  void Main(const LogEvent& event) { Main(event.text); }
  void MainAndReject(const LogEvent& event);
  void Panic(const LogEvent& event) { Panic(event.text); }

  // What stands before a line besides the time.
  struct Stamp {
    bool zone = false;      // "+0100", as log_timezone wants
    bool millisec = false;  // ".123"
    bool pid = false;       // "[4711]"
  };
  void SetStamp(Stamp stamp);

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
