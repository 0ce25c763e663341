#ifndef SIGNET_SRC_RELAY_IDENTITY_H_
#define SIGNET_SRC_RELAY_IDENTITY_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/value.h"
#include "src/facts/session.h"
#include "src/relay/offered.h"

// What an upstream that is marked for it is told about who sends (rule U8).
namespace signet::relay {

enum class Xclient : std::uint8_t { kNo, kLogin, kFull };

// An attribute of XCLIENT with its value as it is said: xtext, or "[UNAVAILABLE]".
struct Attribute {
  std::string name, value;
  bool operator==(const Attribute&) const = default;
};

// LOGIN is the identity that this session has proved (rule I1) and nothing else:
// "[UNAVAILABLE]" where it has none. kFull adds what is known of the client's connection.
std::vector<Attribute> XclientAttributes(Xclient which, const facts::Session& session);

// "XCLIENT LOGIN=alice ADDR=192.0.2.1": LOGIN, and of the rest what is offered.
//   Errors  for the log: LOGIN is not offered.
Result<std::string, std::string> XclientCommand(const std::vector<Attribute>& attributes,
                                                const Offered& offered);

// What MAIL's AUTH= says (RFC 4954 5) where `value` is what the configuration made for an
// authenticated session: xtext, or "<>" where it is empty.
//   Errors  for the log: a run of the value is the client's own words, and neither the
//           identity of the session nor an AUTH= that was believed (rule U8).
Result<std::string, std::string> MailAuth(const Value& value, const facts::Session& session);

}  // namespace signet::relay
#endif
