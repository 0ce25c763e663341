#ifndef SIGNET_SRC_SMTP_DATA_H_
#define SIGNET_SRC_SMTP_DATA_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/limits.h"
#include "src/smtp/reply.h"

// What a client sends behind DATA: octets in, lines out (rules S2 to S5). Framing ends
// here; everything that is sent on is encoded anew from the lines (rule S3).
namespace signet::smtp {

// Why a message is refused. The first thing found wrong decides the reply.
enum class DataProblem : std::uint8_t {
  kNone,
  kBareCr,
  kBareLf,
  kNul,
  kLineTooLong,
  kHeaderTooLong,
  kTooBig,
  kTooManyReceived,
};
// 5xx; never called for kNone. `line_bytes` is the limit that a line was over.
Reply ProblemReply(DataProblem problem, std::size_t line_bytes = limits::kMessageLineMaxBytes);

// A line of the message, without its CRLF and without the dot that was stuffed.
using LineSink = std::function<void(std::string_view line)>;

// What becomes of a CR or LF that is not part of a CRLF. None of them is ever part of the
// end of a message (rule S2), and none is passed on (S3).
enum class BareNewlines : std::uint8_t {
  kReject,     // the message is refused
  kNormalize,  // it ends its line, as a CRLF would
  kSpace,      // it becomes a blank
};
// "reject", "normalize", "space"; anything else is kReject.
BareNewlines BareNewlinesNamed(std::string_view name);

// How a message is told from what follows it.
enum class Framing : std::uint8_t {
  kDot,      // DATA: by a line with a dot; dots in front of other lines are stuffed
  kCounted,  // BDAT: by the numbers of the chunks
};

// DataDecoder makes lines of the octets of a message and, behind DATA, finds its end: a line
// that is a dot and nothing else, between two CRLFs; never anything else. It reads on to
// that end through whatever is wrong with the message, so that nothing in a message can be
// taken for a command.
//
//   Cost      each octet is looked at once; holds one line at most.
class DataDecoder {
 public:
  struct Limits {
    std::uint64_t message_bytes = limits::kMessageMaxBytes;  // 0: none
    std::size_t line_bytes = limits::kMessageLineMaxBytes;   // without CRLF
  };
  explicit DataDecoder(Limits limits, Framing framing = Framing::kDot,
                       BareNewlines bare = BareNewlines::kReject)
      : limits_(limits), framing_(framing), bare_(bare) {}

  // Consumes octets up to the end of the message or of `input`, and returns how many.
  // Lines are given to `sink` in order while nothing is wrong; afterwards none are.
  std::size_t Feed(std::string_view input, const LineSink& sink);
  // kCounted: there are no more octets. A last line without its CRLF is a line too.
  void End(const LineSink& sink);

  bool ended() const { return ended_; }
  DataProblem problem() const { return problem_; }
  // Size of the decoded message, CRLFs included.
  std::uint64_t message_bytes() const { return message_bytes_; }
  // Too much has come even for a message that is only read to be refused.
  bool hopeless() const;

 private:
  enum class LineEnd : std::uint8_t { kCrlf, kBare };

  void Append(std::string_view octets);
  void TakeBare(char c, const LineSink& sink);
  void FinishLine(LineEnd end, const LineSink& sink);
  void Note(DataProblem problem);

  Limits limits_;
  Framing framing_;
  BareNewlines bare_;
  std::string line_;
  std::uint64_t line_bytes_ = 0;  // of the current line, kept or not
  std::uint64_t message_bytes_ = 0;
  LineEnd before_ = LineEnd::kCrlf;  // what the current line stands behind
  bool cr_pending_ = false;
  bool ended_ = false;
  DataProblem problem_ = DataProblem::kNone;
};

}  // namespace signet::smtp
#endif
