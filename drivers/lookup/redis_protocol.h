#ifndef SIGNET_DRIVERS_LOOKUP_REDIS_PROTOCOL_H_
#define SIGNET_DRIVERS_LOOKUP_REDIS_PROTOCOL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// Redis' protocol (RESP 2) and what queries and server lists look like. Nothing here waits.
namespace signet::redis {

inline constexpr std::size_t kReplyMaxBytes = 1024 * 1024;  // limits::kLookupAnswerBytes
inline constexpr std::int64_t kConnectMs = 3000;            // limits::kDirectoryConnect
inline constexpr std::int64_t kAnswerMs = 5000;             // limits::kDirectoryAnswer
inline constexpr std::uint16_t kPort = 6379;

// --- queries -----------------------------------------------------------------------------

// The words of a command; a backslash protects the octet behind it.
std::vector<std::string> SplitCommand(std::string_view query);
// What SplitCommand reads as one word, but for the empty text, which no word stands for.
std::string QuoteWord(std::string_view text);
// The command as it is sent: an array of strings, so that no octet means anything.
std::string Encode(const std::vector<std::string>& words);
// Whether the command only reads; one that is not known counts as one that writes.
bool IsReading(std::string_view command);

// --- servers -----------------------------------------------------------------------------

struct Server {
  std::string host;  // or
  std::string path;  // of a socket
  std::uint16_t port = kPort;
  std::string database;  // a number, or empty
  std::string password;
  bool operator==(const Server&) const = default;
};

// The items of a list: separated by ':', or the separator that "<x" in front declares;
// doubled separators stand for themselves.
std::vector<std::string> SplitServers(std::string_view list);
// Reads host[:port]/database/password or (/path)/database/password. Returns what is wrong
// (without the password), or "".
std::string ReadServer(std::string_view item, Server* server);

// --- replies -----------------------------------------------------------------------------

struct Reply {
  enum Kind : std::uint8_t { kText, kError, kInteger, kNil, kArray } kind = kNil;
  std::string text;  // of kText and kError; the digits of kInteger
  std::vector<Reply> elements;
};

// Where a reply's octets come from; both return "" or what is wrong.
struct Source {
  std::function<std::string(std::string* line)> line;  // without its CRLF
  std::function<std::string(std::size_t size, std::string* octets)> octets;
};

// Reads one reply. Returns what is wrong with it, or "". Arrays may be two deep; what is
// larger than kReplyMaxBytes in all is refused before it is read.
std::string ReadReply(const Source& source, Reply* reply);

// The text of a reply that is no error: "true" or "false" for an integer, the elements of
// an array (and of those within it) on lines of their own.
std::string ShowReply(const Reply& reply);

}  // namespace signet::redis
#endif
