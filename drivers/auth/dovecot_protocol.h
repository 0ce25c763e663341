#ifndef SIGNET_DRIVERS_AUTH_DOVECOT_PROTOCOL_H_
#define SIGNET_DRIVERS_AUTH_DOVECOT_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The lines between Dovecot and its authentication clients, version 1 of that protocol:
// fields with TAB between them, LF at the end. Pure text handling.
//
//   Security  what Dovecot sends is not trusted to be well formed: everything here is total.
namespace signet::dovecot {

// limits.h of the program has the same numbers under kDovecot…; a test compares them.
inline constexpr std::size_t kLineMaxBytes = 8192;  // without LF
inline constexpr std::size_t kGreetingLinesMax = 100;
inline constexpr std::int64_t kConnectMs = 5'000;  // connection and greeting
inline constexpr std::int64_t kAnswerMs = 30'000;  // one answer

// What is logged, in Exim's words.
inline constexpr char kProtocolError[] = "authentication socket protocol error";
inline constexpr char kLineTooLong[] = "authentication socket protocol line too long";
inline constexpr char kReadError[] = "authentication socket read error or premature eof";
inline constexpr char kWriteError[] = "authentication socket write error";

// The server's greeting, up to DONE.
class Greeting {
 public:
  // `mechanism`: the one that is wanted, in any case.
  explicit Greeting(std::string_view mechanism) : mechanism_(mechanism) {}
  // One line, without its LF. Returns what is wrong with it, or "".
  std::string Take(std::string_view line);
  bool done() const { return done_; }
  bool has_version() const { return has_version_; }
  bool offers_mechanism() const { return offered_; }

 private:
  std::string mechanism_;
  std::size_t lines_ = 0;
  bool has_version_ = false, some_mechanism_ = false, offered_ = false, done_ = false;
};

// One answer to our request.
struct Reply {
  enum Kind { kContinue, kAccepted, kRefused } kind = kRefused;
  std::string challenge;   // kContinue: decoded
  std::string user;        // "" where it names none
  bool temporary = false;  // kRefused: it could not tell
  std::string reason;      // kRefused: why, where it says so
};

// A line, without its LF, as the answer to request number 1. Returns what is wrong, or "".
std::string ReadReply(std::string_view line, Reply* reply);

// What a request says about the session.
struct Facts {
  bool secured = false;        // TLS, or a client on this machine
  bool verified_cert = false;  // the client's certificate verified
  std::string client_ip, local_ip;
};

// VERSION and CPID. `client`: a number that no other client of that Dovecot has.
std::string Hello(std::uint32_t client);
// The request, number 1. `response`: what the client sent, nullptr where it sent nothing.
std::string Request(std::string_view mechanism, const Facts& facts,
                    const std::string_view* response);
std::string Continuation(std::string_view response);

// TAB, LF, CR, NUL and the escape itself, as Dovecot writes them in a field.
std::string Escape(std::string_view text);
std::string Unescape(std::string_view text);

}  // namespace signet::dovecot
#endif
