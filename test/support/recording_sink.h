#ifndef SIGNET_TEST_SUPPORT_RECORDING_SINK_H_
#define SIGNET_TEST_SUPPORT_RECORDING_SINK_H_

#include <functional>
#include <string>

namespace signet::test {

// Where a mail server can be when something happens to it.
enum class SinkStep : int {
  kNone,
  kConnect,
  kEhlo,
  kStarttls,   // has said 220, and does not shake hands
  kHandshake,  // is encrypted
  kMail,
  kRcpt,
  kData,
  kHeader,   // inside of the message's first lines
  kBody,     // somewhere behind them
  kDot,      // the message is whole and nothing is stored yet
  kWritten,  // stored, not synced, not in place
  kStored,   // in place; the reply is not sent
  kReplied,
  kQuit,
};

// A strict mail server that is meant to be killed. A message is a file below
// DIRECTORY/accepted, written beside, synced and renamed before "250" is sent. What a proper
// client would not do (a line that ends with anything but CRLF, commands out of order, an
// unknown command) is a line in DIRECTORY/violations.
//
// Speaks SMTP, or LMTP, where each recipient's copy is a file of its own and has a reply of
// its own. Files begin with lines "MAIL …" and "RCPT …", then an empty one, then the message.
// Where XCLIENT is offered, what was said last with it is a line before them.
struct RecordingSink {
  int port = 0;
  std::string directory;
  bool lmtp = false;
  bool xclient = false;
  std::string certificate, key;  // PEM files; with them, mail is taken over TLS only
  // Called at each step; may end the process.
  std::function<void(SinkStep)> at = [](SinkStep) {};

  // Serves for good, on threads of this process. Does not return.
  [[noreturn]] void Run() const;
};

}  // namespace signet::test
#endif
