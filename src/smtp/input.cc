#include "src/smtp/input.h"

#include <string.h>

#include <algorithm>
#include <array>

namespace signet::smtp {
namespace {

// What an idle session reads into: most commands fit, and it is on the stack only while
// the session waits.
constexpr std::size_t kIdleReadBytes = 512;
constexpr std::size_t kCommandReadBytes = 4096;

Input::Status StatusOf(engine::IoStatus status) {
  switch (status) {
    case engine::IoStatus::kTimeout:
      return Input::Status::kTimeout;
    case engine::IoStatus::kClosed:
      return Input::Status::kClosed;
    case engine::IoStatus::kCancelled:
      return Input::Status::kCancelled;
    default:
      return Input::Status::kFailed;
  }
}

// LineScan looks for CRLF octet by octet and remembers what is wrong on the way.
class LineScan {
 public:
  explicit LineScan(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Returns how many octets belong to the line; ended() tells whether that was its end.
  std::size_t Feed(std::string_view octets) {
    std::size_t at = 0;
    while (at < octets.size() && !ended_) Next(octets[at++]);
    return at;
  }
  bool ended() const { return ended_; }
  bool seen_bare_lf() const { return bare_lf_; }
  std::size_t bytes() const { return bytes_; }

  Input::Line Finish() {
    Input::Line line;
    line.text = std::move(text_);
    if (bytes_ > max_bytes_) {
      line.status = Input::Status::kTooLong;
    } else if (nul_) {
      line.status = Input::Status::kNul;
    } else if (bare_lf_ || bare_cr_) {
      line.status = Input::Status::kBareLineEnd;
    }
    return line;
  }

 private:
  void Next(char c) {
    if (cr_pending_) {
      cr_pending_ = false;
      if (c == '\n') {
        ended_ = true;
        return;
      }
      bare_cr_ = true;
      Keep('\r');
    }
    if (c == '\r') {
      cr_pending_ = true;
      return;
    }
    bare_lf_ = bare_lf_ || c == '\n';
    nul_ = nul_ || c == '\0';
    Keep(c);
  }
  void Keep(char c) {
    if (bytes_++ < max_bytes_) text_ += c;
  }

  std::size_t max_bytes_;
  std::string text_;
  std::size_t bytes_ = 0;
  bool cr_pending_ = false;
  bool ended_ = false;
  bool bare_cr_ = false;
  bool bare_lf_ = false;
  bool nul_ = false;
};

}  // namespace

Input::Line Input::ReadLine(tls::Stream& stream, std::size_t max_bytes, Deadline deadline) {
  LineScan scan(max_bytes);
  while (true) {
    Consume(scan.Feed(waiting()));
    if (scan.ended()) return scan.Finish();
    const bool hopeless = scan.bytes() > max_bytes + kSkipMaxBytes;
    const Deadline until =
        scan.seen_bare_lf() ? deadline.Sooner(Deadline::After(kPatience)) : deadline;
    const engine::IoResult result = hopeless ? engine::IoResult{engine::IoStatus::kTimeout, 0, 0}
                                             : Fill(stream, kCommandReadBytes, until);
    if (result.ok()) continue;
    const bool timeout = result.status == engine::IoStatus::kTimeout;
    if (timeout && (hopeless || scan.seen_bare_lf())) {
      Line line = scan.Finish();
      line.out_of_step = true;
      return line;
    }
    return {StatusOf(result.status), "", true};
  }
}

Input::Status Input::Await(tls::Stream& stream, Deadline deadline) {
  constexpr auto kNow = std::chrono::milliseconds(0);
  for (;;) {
    // What has come may be hardly anything, or nothing for us: only a read can tell.
    engine::IoResult result = Fill(stream, kCommandReadBytes, Deadline::After(kNow));
    if (result.status == engine::IoStatus::kTimeout && stream.socket() != nullptr)
      result = stream.socket()->WaitReadable(deadline);
    else
      return result.ok() ? Status::kLine : StatusOf(result.status);
    if (!result.ok()) return StatusOf(result.status);
  }
}

void Input::Consume(std::size_t octets) {
  used_ += octets;
  if (used_ < buffer_.size()) return;
  used_ = 0;
  if (secret_) explicit_bzero(buffer_.data(), buffer_.size());
  if (buffer_.capacity() > kIdleReadBytes) {
    buffer_ = std::string();
  } else {
    buffer_.clear();
  }
}

// Not a part of Await, which waits without these octets on the stack.
[[gnu::noinline]] engine::IoResult Input::Fill(tls::Stream& stream, std::size_t max_bytes,
                                               Deadline deadline) {
  used_ = 0;
  if (max_bytes > kCommandReadBytes) return FillBuffer(stream, 0, max_bytes, deadline);
  std::array<char, kIdleReadBytes> first;
  engine::IoResult result = stream.Read(first.data(), std::min(first.size(), max_bytes), deadline);
  if (!result.ok()) return result;
  buffer_.assign(first.data(), result.bytes);
  if (secret_) explicit_bzero(first.data(), result.bytes);
  // More is likely there when the first read was full: pipelined commands.
  const bool full = result.bytes == first.size() && max_bytes > result.bytes;
  if (full && stream.InputPending()) (void)FillBuffer(stream, result.bytes, max_bytes, deadline);
  return result;
}

// Reads into the buffer behind its first `kept` octets.
engine::IoResult Input::FillBuffer(tls::Stream& stream, std::size_t kept, std::size_t max_bytes,
                                   Deadline deadline) {
  buffer_.resize(max_bytes);
  const engine::IoResult result =
      stream.Read(buffer_.data() + kept, buffer_.size() - kept, deadline);
  buffer_.resize(kept + (result.ok() ? result.bytes : 0));
  return result;
}

void Input::Clear() {
  if (secret_) explicit_bzero(buffer_.data(), buffer_.size());
  buffer_ = std::string();
  used_ = 0;
}

}  // namespace signet::smtp
