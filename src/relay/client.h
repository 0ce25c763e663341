#ifndef SIGNET_SRC_RELAY_CLIENT_H_
#define SIGNET_SRC_RELAY_CLIENT_H_

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/base/secret.h"
#include "src/relay/offered.h"
#include "src/relay/reply.h"
#include "src/tls/tls.h"

namespace signet::relay {

struct ClientTimes {
  std::chrono::milliseconds command, data, final;
  bool operator==(const ClientTimes&) const = default;
};

// SmtpClient is our side of one SMTP connection to an upstream, on any stream. It is in
// step with the upstream or it is broken: after the first failure every call fails
// (rules U3, U4). Must run inside a coroutine.
//
//   Errors  what went wrong, for the log.
class SmtpClient {
 public:
  using Answer = Result<UpstreamReply, std::string>;

  SmtpClient(std::unique_ptr<tls::Stream> stream, ClientTimes times);
  ~SmtpClient();
  SmtpClient(const SmtpClient&) = delete;
  SmtpClient& operator=(const SmtpClient&) = delete;

  Answer ReadGreeting();
  // EHLO, or HELO where the upstream does not know EHLO; LHLO.
  Answer Hello(std::string_view name);
  Answer LmtpHello(std::string_view name);
  const Offered& offered() const { return offered_; }
  void ForgetOffered() { offered_ = {}; }

  // The handshake, at once. True, and facts; what the upstream had offered is void.
  Result<facts::Tls, std::string> BeginTls(const tls::ClientOptions& options);
  // STARTTLS, and then that. Octets behind its reply end the connection (rule T1).
  Result<facts::Tls, std::string> StartTls(const tls::ClientOptions& options);

  // One command and its reply. `line` has no line end; one that holds control octets or
  // is too long is refused unsent (rule U2).
  Answer Command(std::string_view line);
  // The same, and no copy of the line is left in memory.
  Answer Secret(const SecretText& line);
  // Several in one write (RFC 2920); their replies are then to be fetched one by one, in
  // the same order. False: nothing was sent, or not all of it.
  bool Send(const std::vector<std::string>& lines);
  Answer Receive();

  // DATA. Only a reply of 354 lets lines flow (U6).
  Answer StartData();
  // One line of the message. False: the upstream is gone, or has spoken out of turn.
  bool WriteLine(std::string_view line);
  // The dot, and the reply to it. Once this was called, the message may be the upstream's,
  // whatever comes back.
  Answer FinishData();
  // The same at an LMTP server, which has a reply for each recipient that it took: they are
  // to be fetched with Receive(). False: the dot was not sent.
  bool FinishData(std::size_t replies);

  // Nothing is under way, and nothing has come unasked: the next command may be said.
  bool IsReady() { return !broken() && !in_data_ && awaited_ == 0 && InStep(); }
  bool broken() const { return !problem_.empty(); }
  const std::string& problem() const { return problem_; }

  // Says QUIT and lets the upstream answer, without keeping the caller: the stream lives
  // on in a coroutine of its own for a moment. In the middle of data the connection is
  // just closed, which is how SMTP says "forget it" (rule S11).
  void Leave();

 private:
  Answer ReadReply(Deadline deadline);
  bool SendAll(std::span<const std::string_view> lines);
  Answer NoteOffered(Answer reply);
  bool FeedWaiting(ReplyParser* parser);
  bool Flush(Deadline deadline);
  bool InStep();
  Err<std::string> Fail(std::string problem);

  std::unique_ptr<tls::Stream> stream_;
  ClientTimes times_;
  Offered offered_;
  std::string out_;
  std::string in_;           // read, and belongs to replies that were not asked for yet
  std::size_t awaited_ = 0;  // replies
  Deadline awaited_by_ = Deadline::Never();
  bool in_data_ = false;
  bool secret_ = false;
  std::string problem_;
};

// One message line as SMTP wants it: a leading dot doubled, CRLF at its end (rule S3).
//
//   Requires  `line` is decoded: it holds no CR, LF or NUL; false where it does.
bool AppendEncodedLine(std::string_view line, std::string* out);

}  // namespace signet::relay
#endif
