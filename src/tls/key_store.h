#ifndef SIGNET_SRC_TLS_KEY_STORE_H_
#define SIGNET_SRC_TLS_KEY_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// What the key process does: it holds private keys, and signs with them for the process that
// serves. What it says about a key is all that is no secret of it.
namespace signet::tls {

// Requests are packed (base/channel.h): the number of the request, a word, and
//   load PATH                     a number for the key, its algorithm and bits, its public part,
//                                 and the certificates of the file
//   sign KEY ALGORITHM DATA       the signature
//   sign-hash KEY ALGORITHM HASH  the signature
//   drop KEY                      no answer: whoever has loaded it needs it no more
// Answers: the number of the request, "good" and what is above, or "bad" and a text.
// Algorithms are numbers of the TLS library, which is the same on both sides.
class KeyStore {
 public:
  KeyStore();
  ~KeyStore();
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;

  // The process that serves is another one from now on: what only the one before held is
  // forgotten, but for the keys that files have at present: those may not be readable any more.
  // Returns the number of the new one.
  std::uint64_t NewClient();
  // The answer to a request of a client that was given this number; "": none. Any thread.
  //   Security  requests are of a process that may be in somebody's hands.
  std::string Answer(std::string_view request, std::uint64_t client);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::tls
#endif
