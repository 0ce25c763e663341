#ifndef SIGNET_SRC_CONFIG_MATCH_H_
#define SIGNET_SRC_CONFIG_MATCH_H_

#include <string_view>

#include "expand/expand.h"
#include "src/base/result.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// Exim's match lists: hosts, domains, local parts, addresses, and plain strings.
namespace signet::config {

enum class ListKind : std::uint8_t { kHost, kDomain, kLocalPart, kAddress, kString };

struct MatchContext {
  const Config& config;  // for +named lists
  const facts::Session& session;
  expand::Services& services;
  expand::Budget& budget;
};

// What list items of one kind may be, and what marks them. An item's marks (`!`, `*`, `^`,
// `+`, `/`, `@`, `type;`) count only where the administrator wrote them; what came from a
// client, a certificate or an upstream is compared literally, whatever it contains
// (rules I7, E2). Patterns, file names and queries take no unquoted outsider text at all.
//
//   kHost       address, network/length, `*`, `@[]`, empty (no remote host), `+name`,
//               `net-TYPE;file`, `netN-TYPE;file`, `/file`. Items that need the client's
//               host name are not supported: an error at load, temporary at run time.
//   kDomain     name, `*tail`, `^regex`, `@`, `@[]`, `TYPE;file`, `+name`, `/file`
//   kLocalPart  text, `*tail`, `^regex`, `TYPE;file`, `+name`, `+caseful`, `/file`
//   kAddress    `local@domain` with patterns on both sides, `domain`, `^regex`,
//               `TYPE;file`, empty (the empty sender), `+name`, `+caseful`, `/file`
//   kString     text, `*tail`, `^regex`, `TYPE;file`; never a reference
//
// Whether `subject` (an IP address, a domain, a local part, local@domain, any string) is
// in the list. The list is expanded as a whole, then scanned left to right; the first
// item that matches decides, `!` negates, no match is "no" unless the last item was
// negated.
//
//   Returns  true or false; forced failure of the expansion is false.
//   Errors   any other failure: kTemporary with its place.
Result<bool, Failure> MatchList(const Expanded& list, ListKind kind, std::string_view subject,
                                MatchContext& context);

// Checks the constant items of a list while the configuration loads: addresses and masks
// that do not parse, +names that do not exist, patterns that do not compile.
void CheckList(const Expanded& list, ListKind kind, const Config& config, Diagnostics* diagnostics);

// Whether `ip` lies in `network` ("10.0.0.0/8", "2001:db8::/32", or a plain address).
// IPv4-mapped addresses count as IPv4. nullopt where `network` is not an address.
std::optional<bool> IpInNetwork(std::string_view ip, std::string_view network);

}  // namespace signet::config
#endif
