#ifndef SIGNET_SRC_CONFIG_MATCH_H_
#define SIGNET_SRC_CONFIG_MATCH_H_

#include <string_view>

#include "expand/expand.h"
#include "expand/match.h"
#include "src/base/result.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// Match lists of options and ACL conditions: hosts, domains, local parts, addresses, and
// plain strings. expand/match.h says what their items can be.
namespace signet::config {

using expand::ListKind;

struct MatchContext {
  const Config& config;  // for +named lists
  const facts::Session& session;
  expand::Services& services;
  expand::Budget& budget;
};

// Whether `subject` (an IP address, a domain, a local part, local@domain, any string) is
// in the list, which is expanded as a whole first. Items of host lists that need the
// client's host name are not supported: an error at load, temporary at run time.
//
//   Returns  true or false; forced failure of the expansion is false. Where it is true,
//            *data is what the item that decided says: what a lookup found, or the item.
//   Errors   any other failure: kTemporary with its place.
Result<bool, Failure> MatchList(const Expanded& list, ListKind kind, std::string_view subject,
                                MatchContext& context, Value* data = nullptr);

// Compiles a list that needs no expansion, while the configuration loads. Reports what is
// wrong with it: addresses and masks that do not parse, +names and lookup types that do
// not exist, regular expressions that do not compile.
void CompileList(Expanded* list, ListKind kind, const Config& config, Diagnostics* diagnostics);
// Only reports.
void CheckList(const Expanded& list, ListKind kind, const Config& config, Diagnostics* diagnostics);

// Whether `ip` lies in `network` ("10.0.0.0/8", "2001:db8::/32", or a plain address).
// IPv4-mapped addresses count as IPv4. nullopt where `network` is not an address.
std::optional<bool> IpInNetwork(std::string_view ip, std::string_view network);

}  // namespace signet::config
#endif
