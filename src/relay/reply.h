#ifndef SIGNET_SRC_RELAY_REPLY_H_
#define SIGNET_SRC_RELAY_REPLY_H_

#include <string>
#include <string_view>
#include <vector>

namespace signet::relay {

// A reply of an upstream as it is believed: code, and its text made anew (rule U5).
struct UpstreamReply {
  int code = 0;
  std::string enhanced;            // "5.1.1", of the code's class; or empty
  std::vector<std::string> lines;  // printable ASCII, without codes
  int digit() const { return code / 100; }
  // The lines as one, at most kReplyTextBytes octets.
  std::string Text() const;
  // "250 2.0.0 ok", for the log.
  std::string ForLog() const;
};
inline constexpr std::size_t kReplyTextBytes = 400;

// ReplyParser takes the octets of one reply, in pieces of any size. It is strict: three
// digits, then a space, a hyphen or the line's end; lines end with CRLF; all lines have one
// code; lines and their number are bounded (rule U3). What comes behind the last line
// belongs to no command of ours (rule U4).
class ReplyParser {
 public:
  enum class State : unsigned char { kMore, kDone, kBad };
  // Once kDone, any further octet makes it kBad. Once kBad, it stays so.
  State Feed(std::string_view octets);
  State state() const { return state_; }
  const UpstreamReply& reply() const { return reply_; }    // where kDone
  const std::string& problem() const { return problem_; }  // where kBad

 private:
  State Octet(char c);
  State EndLine();
  State Bad(std::string problem);
  State state_ = State::kMore;
  UpstreamReply reply_;
  std::string line_;
  std::string problem_;
};

}  // namespace signet::relay
#endif
