#ifndef SIGNET_SRC_ACL_MODIFIERS_H_
#define SIGNET_SRC_ACL_MODIFIERS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/value.h"
#include "src/facts/session.h"

namespace signet::acl {

// "5s", "1m30s", "0s"; nullopt for anything else, a bare number included.
std::optional<std::chrono::seconds> ParseTime(std::string_view text);

// The header lines of an add_header argument, each "Name: value", continuation lines
// behind "\n" and a blank. ":at_start:" and its kin in front of a line say where it goes. A
// line that is no header gets the name X-ACL-Warn. Only the administrator's newlines start a
// line, and only what he wrote is a place or a name (rule S10).
std::vector<facts::AddedHeader> HeaderLines(const Value& value);

}  // namespace signet::acl
#endif
