#ifndef SIGNET_SRC_SMTP_INPUT_H_
#define SIGNET_SRC_SMTP_INPUT_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/tls/tls.h"

namespace signet::smtp {

// Input is what has been read from the client and not yet understood. Between commands
// it holds no memory: thousands of sessions are idle most of the time.
class Input {
 public:
  enum class Status : std::uint8_t {
    kLine,
    kTooLong,      // a line over the limit; all of it has been consumed (rule S5)
    kBareLineEnd,  // CR or LF alone somewhere in the line (rule S1)
    kNul,
    kTimeout,
    kClosed,
    kCancelled,
    kFailed,
  };
  struct Line {
    Status status = Status::kLine;
    std::string text;          // without CRLF, for every status that has a line; cut where too long
    bool out_of_step = false;  // the end of the line was not found: nothing more may be read
  };

  // The next line. It ends with CRLF and nothing else; a client that sends a lone LF and
  // then waits is told so after kPatience, because it will not send more.
  Line ReadLine(tls::Stream& stream, std::size_t max_bytes, Deadline deadline);

  // Waits until there is something to read, with little on the stack meanwhile. kLine: there
  // is; otherwise why there will be nothing. Only called while empty().
  Status Await(tls::Stream& stream, Deadline deadline);

  // Whether a whole line is there without reading.
  bool HasLine() const { return buffer_.find("\r\n", used_) != std::string::npos; }
  bool empty() const { return used_ == buffer_.size(); }

  // For message data: what is there, and how much of it was used.
  std::string_view waiting() const { return std::string_view(buffer_).substr(used_); }
  void Consume(std::size_t octets);
  // Reads some more; only called while empty().
  engine::IoResult Fill(tls::Stream& stream, std::size_t max_bytes, Deadline deadline);

  // From now on, what has been read is wiped before its memory is given back (rule A6).
  void KeepSecret() { secret_ = true; }

  void Clear();  // forgets everything, e.g. before TLS (rule T1)

  static constexpr std::chrono::milliseconds kPatience{1000};
  // Of a line that is too long, so much is skipped in search of its end.
  static constexpr std::size_t kSkipMaxBytes = 64 * 1024;

 private:
  engine::IoResult FillBuffer(tls::Stream& stream, std::size_t kept, std::size_t max_bytes,
                              Deadline deadline);

  std::string buffer_;
  std::size_t used_ = 0;
  bool secret_ = false;
};

}  // namespace signet::smtp
#endif
