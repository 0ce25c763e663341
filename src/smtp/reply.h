#ifndef SIGNET_SRC_SMTP_REPLY_H_
#define SIGNET_SRC_SMTP_REPLY_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/facts/verdict.h"

namespace signet::smtp {

// Reply is one answer to one command: the only way octets are sent to a client outside
// the TLS layer (rule G2). Whatever its texts hold, Encode() writes three digits,
// printable ASCII, CRLF, and nothing that could be taken for a second reply.
struct Reply {
  int code = 250;
  std::string enhanced;            // RFC 3463, "5.1.1"; empty where RFC 2034 wants none
  std::vector<std::string> lines;  // at least one when sent; an empty one is fine
  bool closes = false;             // the connection ends after this reply

  bool positive() const { return code < 400; }
  const std::string& text() const;  // first line, or ""
};

Reply MakeReply(int code, std::string_view enhanced, std::string text);
Reply MakeClosingReply(int code, std::string_view enhanced, std::string text);

// The reply as sent: "250-first", "250 last", each line ended by CRLF, each bounded by
// kReplyLineMaxBytes (a challenge, 334, by limits::kAuthLineMaxBytes), no more than kReplyLinesMax
// lines.
std::string Encode(const Reply& reply);

inline constexpr std::size_t kReplyLineMaxBytes = 510;  // RFC 5321 4.5.3.1.5, without CRLF
inline constexpr std::size_t kReplyLinesMax = 50;

// Puts text of ours at the end of what Encode() sends as the last line; what is too long for
// that loses its own end.
void AddToLastLine(std::string_view text, Reply* reply);

// `text` with everything but printable ASCII written as an escape (\n, \ooo) and no
// more than `max_bytes` of it: how a client's own words may stand in a reply.
std::string Echo(std::string_view text, std::size_t max_bytes = 200);

// Splits text of the administrator into lines of a reply: at newlines, and over 75
// octets at a blank: the last one in octets 36 to 75 (one behind a colon preferred),
// else the next one.
std::vector<std::string> SplitText(std::string_view text);

// What an ACL's verdict says to the client.
//
// The user's text may begin with a reply code and an enhanced code, "550 5.7.1 text".
// A code of another class than `standard` is dropped (and told in `problem`): a text
// cannot turn a refusal into an acceptance.
struct VerdictReply {
  Reply reply;
  std::string text;     // the user's text without its codes, for the log
  std::string problem;  // for the panic log; usually empty
};
VerdictReply ReplyWithText(const Reply& standard, std::string_view user_text);

}  // namespace signet::smtp
#endif
