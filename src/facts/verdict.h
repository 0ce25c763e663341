#ifndef SIGNET_SRC_FACTS_VERDICT_H_
#define SIGNET_SRC_FACTS_VERDICT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/source.h"

namespace signet::facts {

enum class VerdictKind : std::uint8_t { kAccept, kDeny, kDefer, kDrop, kDiscard };

// What an ACL decided. `user_message` may begin with a reply code and an enhanced code;
// empty means the default text. `because_unauthenticated`: the deciding statement failed
// (or denied) for want of authentication, so that a deferred authenticator turns a deny
// into 451 4.7.0 (rule I14).
struct Verdict {
  VerdictKind kind = VerdictKind::kDeny;
  std::string user_message;
  std::string log_message;
  bool because_unauthenticated = false;
  // A statement that was asked, and did not accept, hangs on who the client is: whether it is
  // authenticated, as whom, or what is in its certificate.
  bool about_identity = false;
  SourceSpan where;  // the statement that decided
  // Where a refusal is logged, of "main", "reject" and "panic"; unset: where it always is.
  std::optional<std::vector<std::string>> reject_logs;
};

}  // namespace signet::facts
#endif
