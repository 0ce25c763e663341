#ifndef SIGNET_DRIVERS_AUTH_SASL_VERDICT_H_
#define SIGNET_DRIVERS_AUTH_SASL_VERDICT_H_

#include <cstddef>
#include <string_view>

// What an expression of the `sasl` authenticator says: a word, and what follows it.
namespace signet::auth_drivers {

enum class Word { kAccept, kReject, kDefer, kReply, kUnknown, kOutsiders };

struct Said {
  Word word = Word::kUnknown;
  // Where the identity, the reason or the challenge begins. The text of a challenge begins
  // behind exactly one blank and has all blanks that follow; what stands behind the other
  // words has no blanks in front.
  std::size_t rest = 0;
};

// `own`: how many octets at the beginning are the administrator's.
//
//   Security  the word that decides, up to and with the octet that ends it, is the
//             administrator's; anything else is kOutsiders: a client cannot write "accept".
Said ReadVerdict(std::string_view text, std::size_t own);

}  // namespace signet::auth_drivers
#endif
