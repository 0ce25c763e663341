#ifndef SIGNET_SRC_ACL_PLACES_H_
#define SIGNET_SRC_ACL_PLACES_H_

#include <cstdint>
#include <string_view>

#include "src/config/config.h"
#include "src/facts/phase.h"

namespace signet::acl {

// A set of ACLs, by when they run.
using Places = std::uint32_t;
constexpr Places At(config::AclWhen when) { return Places{1} << static_cast<unsigned>(when); }
inline constexpr Places kEverywhere = At(config::AclWhen::kCount) - 1;

// One row per acl_smtp_* option.
struct PlaceRow {
  config::AclWhen when;
  std::string_view option;
  std::string_view name;  // in messages: "RCPT ACL"
  facts::Phase phase;     // what its expansions may read
  bool unset_denies;      // what happens where the option is not set
  char accept_digit;      // first digit of a reply code in an accept's message
  std::string_view manual;
};
const PlaceRow& PlaceOf(config::AclWhen when);

}  // namespace signet::acl
#endif
