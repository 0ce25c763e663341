#ifndef SIGNET_SRC_SMTP_XCLIENT_H_
#define SIGNET_SRC_SMTP_XCLIENT_H_

#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/smtp/reply.h"

// XCLIENT, as Postfix describes it: what a front that speaks SMTP says about its client.
// Total: any octets, any length.
namespace signet::smtp {

// What was said; nullopt of what was not. An empty name, helo or login is "[UNAVAILABLE]" or
// "[TEMPUNAVAIL]"; port 0 likewise.
struct Xclient {
  std::optional<std::string> name, addr, helo, login, destaddr;
  std::optional<int> port, destport;
  std::optional<bool> esmtp;
};

// Whether LOGIN may be said (rule I13).
enum class XclientLogin : std::uint8_t { kNo, kYes };

// Errors: a complete reply of class 5. Unknown and repeated attributes, values that are no
// xtext, addresses, ports or names, and LOGIN where it may not be said are errors: of all
// of it nothing counts then (rules S7, S15).
Result<Xclient, Reply> ParseXclient(std::string_view argument, XclientLogin login);

}  // namespace signet::smtp
#endif
