#ifndef SIGNET_DRIVERS_LOOKUP_SMTP_REPLY_H_
#define SIGNET_DRIVERS_LOOKUP_SMTP_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Replies of another SMTP server, as a client of it reads them (rules U3, U4).
namespace signet::smtpauth {

// limits.h of the program has the same numbers under kSmtpAuth…; a test compares them.
inline constexpr std::size_t kReplyLinesMax = 100;
inline constexpr std::size_t kReplyLineMaxBytes = 2048;  // without CRLF
inline constexpr std::int64_t kConnectMs = 5'000;

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // without codes
  // For messages: the code, and the enhanced one where there is one. Never more, because a
  // server may say back what it heard.
  std::string Shown() const;
};

// Takes one reply off the front of `*buffer`.
//
//   Returns  kMore where it is not complete; then `*buffer` is as it was.
enum class Taken : unsigned char { kReply, kMore, kBad };
Taken TakeReply(std::string* buffer, Reply* reply);

// Whether an answer to EHLO has the keyword; `*parameters` is what stands behind it.
bool Offers(const Reply& ehlo, std::string_view keyword, std::string* parameters);
// Whether a mechanism is among the parameters of AUTH.
bool OffersMechanism(const Reply& ehlo, std::string_view mechanism);

// What the answer to credentials says of them.
enum class Meaning : unsigned char { kGood, kRefused, kUnclear };
Meaning MeaningOf(const Reply& reply);

}  // namespace signet::smtpauth
#endif
