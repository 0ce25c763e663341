#ifndef SIGNET_SRC_SMTP_PARSE_H_
#define SIGNET_SRC_SMTP_PARSE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/smtp/reply.h"

// From a command line to its parts. All of it is total: any octets, any length; nothing
// here knows a session.
namespace signet::smtp {

inline constexpr std::size_t kLocalPartMaxBytes =
    256;                                             // 64 are promised by RFC 5321; VERP wants more
inline constexpr std::size_t kDomainMaxBytes = 255;  // RFC 5321 4.5.3.1.2
inline constexpr std::size_t kDomainLabelMaxBytes = 63;

// A command line without its CRLF: the verb in upper case, and what stands behind it
// without blanks at its ends. "MAIL FROM:" and "RCPT TO:" are verbs of two words that
// must be written just so; the argument begins behind the colon.
struct Command {
  std::string verb;
  std::string argument;
  std::string line;  // as it came, for the log
};
Command ParseCommand(std::string_view line);

// An address, in parts. Everything downstream uses the parts, never what the client
// typed (rule S9).
struct Address {
  std::string local_part;  // unquoted
  std::string domain;      // as typed; empty for an unqualified address
  bool null_path = false;  // <>
  bool utf8 = false;       // octets above 127 are in it: valid UTF-8, no control characters
  // local@domain, the local part quoted where it has to be; "" for <>.
  std::string Text() const;
};

// `wrong` is for the client and the log: "domain missing or malformed".
struct AddressError {
  std::string wrong;
  bool not_ascii = false;  // an address with SMTPUTF8 only
};

// What may follow MAIL FROM: or RCPT TO: an address in angle brackets (a source route in
// front of it is dropped), or a bare address; then parameters. `rest` gets what follows
// the address, without blanks at its ends.
enum class Literals : std::uint8_t { kNo, kYes };  // "a@[192.0.2.1]"
Result<Address, AddressError> ParsePath(std::string_view text, std::string_view* rest,
                                        Literals literals = Literals::kNo);

// What parameters there may be.
struct Parameters {
  bool extended = true;      // any at all: the client has said EHLO
  bool dsn = false;          // those of RFC 3461
  bool smtputf8 = false;     // MAIL: may be asked for (RFC 6531); RCPT: was asked for
  bool unqualified = false;  // an address may do without a domain
  bool literals = false;     // a domain may be an address in brackets (RFC 5321 4.1.3)
  static const Parameters kNone, kExtended;
};
inline constexpr Parameters Parameters::kNone{.extended = false};
inline constexpr Parameters Parameters::kExtended{};

struct MailArguments {
  Address sender;
  std::string path;  // as typed, without parameters
  bool has_size = false;
  std::uint64_t size_bytes = 0;  // what does not fit in 64 bits is the largest number
  bool has_body = false;
  bool body_8bitmime = false;
  bool has_auth = false;
  std::string auth_typed;  // xtext, as typed
  std::string auth;        // decoded; "" for <>
  bool smtputf8 = false;
  std::string ret;    // "FULL", "HDRS" or ""
  std::string envid;  // xtext, as typed
};
struct RcptArguments {
  Address recipient;
  std::string path;
  std::string notify;  // "NEVER", or some of SUCCESS, FAILURE, DELAY as typed, in upper case
  std::string orcpt;   // as typed
};
// Errors are complete replies of class 5. Unknown, repeated and malformed parameters are
// errors (rule S7), and so are octets above 127 where SMTPUTF8 was not asked for (rule S9).
Result<MailArguments, Reply> ParseMail(std::string_view argument, Parameters parameters);
Result<RcptArguments, Reply> ParseRcpt(std::string_view argument, Parameters parameters);

// Whether the argument of EHLO or HELO is a domain name or an address literal; `more` are
// further octets that a name may have.
bool IsHeloName(std::string_view argument, std::string_view more = {});

// A local part as it is written in an address: quoted if it has to be.
std::string QuoteLocalPart(std::string_view local_part);

}  // namespace signet::smtp
#endif
