#ifndef SIGNET_SRC_SUBMIT_MESSAGE_H_
#define SIGNET_SRC_SUBMIT_MESSAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/result.h"

// From what a program writes to our standard input to a message that any mail server takes.
namespace signet::submit {

// Message is ready for SMTP's data: lines without their ends and without dot-stuffing.
struct Message {
  std::vector<std::string> header;  // lines of fields, continuation lines begin with a blank
  std::vector<std::string> body;
  std::vector<std::string> recipients;  // of the header, where they were asked for
  bool eight_bit = false;               // the body has octets above 127
  bool international = false;           // the header has (RFC 6532): needs SMTPUTF8
  bool encode = false;                  // the body has lines or octets that no server takes
};

enum class DotLine : bool { kText, kEnds };  // "." on a line by itself
enum class HeaderRecipients : bool { kNot, kTake };

struct ComposeOptions {
  DotLine dot_line = DotLine::kEnds;
  HeaderRecipients header_recipients = HeaderRecipients::kNot;
  std::string sender;     // for From: where there is none
  std::string full_name;  // its display name; may be empty
  std::string domain;     // for addresses of the header without one, and for Message-ID
  WallTime now;
};

// Reads a message: line ends may be LF, CRLF or CR; a first line "From …" of a mailbox is
// dropped. From, Date and Message-ID are added where they are missing (RFC 6409 8). With
// kTake, recipients are those of To, Cc and Bcc, or of the Resent- fields where there is any,
// and Bcc is dropped. Octets above 127 in a field that is plain text, and in display names,
// become encoded words (RFC 2047).
//
//   Errors  what is wrong with it, for whoever runs us: an address in the header that is
//           none, a line of the header that is too long.
Result<Message, std::string> Compose(std::string_view input, const ComposeOptions& options);

// Makes the body 7-bit text with short lines: quoted-printable.
//
//   Errors  why that cannot be done: it has parts, or is encoded otherwise.
Result<bool, std::string> EncodeBody(Message* message);

// An address as a program may write it, "alice", "<alice@example.org>", "Alice <alice@…>",
// with `domain` where it has none.
//
//   Errors  "X is not an address".
Result<std::string, std::string> ReadAddress(std::string_view text, std::string_view domain);

}  // namespace signet::submit
#endif
