#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_CODEC_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/lookup/ldap_query.h"
#include "drivers/lookup/ldap_result.h"

namespace signet::ldap {

// limits.h of the program has the same numbers under kLdap…; a test compares them.
inline constexpr std::size_t kAnswerEntriesMax = 100;
inline constexpr std::size_t kAnswerBytesMax = 1024 * 1024;

// Result codes that this driver looks at (RFC 4511 A.1, and libldap's own below 0).
inline constexpr int kSuccess = 0;
inline constexpr int kSizeLimitExceeded = 4;
inline constexpr int kReferral = 10;
inline constexpr int kNoSuchObject = 32;
inline constexpr int kInvalidDnSyntax = 34;
inline constexpr int kAliasDereferencingProblem = 36;
inline constexpr int kInvalidCredentials = 49;

// "Invalid credentials" for 49.
std::string CodeText(int code);

struct SearchRequest {
  std::string base;
  std::string filter;  // "" = (objectClass=*)
  std::vector<std::string> attributes;
  Scope scope = Scope::kBase;
  Dereference dereference = Dereference::kNever;
  int size_limit = 0;
  int time_limit_s = 1;
};

// What a server said.
struct Message {
  enum Kind : std::uint8_t { kEntry, kReference, kResult } kind = kResult;
  int id = 0;
  Entry entry;                    // kEntry
  std::size_t bytes = 0;          // of entry
  int code = 0;                   // kResult
  std::vector<std::string> urls;  // kReference, or kResult with code kReferral
  std::string text, matched;
};

// Codec turns requests into octets and octets into messages: LDAPv3 as libldap speaks it,
// with nothing of libldap's own connecting, TLS or waiting. All of its functions return
// at once. After one error it is broken for good, because libldap would otherwise make a
// connection of its own.
//
//   Threads  one at a time.
class Codec {
 public:
  Codec();
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  bool broken() const;

  // Message ids (> 0), or an LDAP code (<= 0; never 0 itself) where the request cannot be
  // encoded: a filter that does not parse, for instance.
  int Bind(const std::string& dn, std::string_view password);
  int StartTls();
  int Search(const SearchRequest& request);
  void Abandon(int id);

  // Octets for the server; empty where there are none.
  std::string TakeOutput();
  bool has_output() const;
  // Octets from the server.
  void Feed(std::string_view octets);
  // The next complete message. False where there is none yet, or when broken.
  bool Next(Message* message);
  // Whether octets were fed that belong to no message yet.
  bool has_leftover() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::ldap
#endif
