#ifndef SIGNET_SRC_SMTP_MESSAGE_ID_H_
#define SIGNET_SRC_SMTP_MESSAGE_ID_H_

#include <cstdint>
#include <string>

#include "src/base/clock.h"

namespace signet::smtp {

// Our id of a message, "1xUPkM-000000007Kz-0geD": three base-62 numbers of 6, 11 and 4
// digits, as Exim's tools expect them: seconds since the epoch, process and message,
// microseconds.
//
//   Returns  an id that no other message of this machine has, as long as the clock and
//            process ids do not both repeat.
//   Threads  any.
std::string MakeMessageId(WallTime now);

// `value` in `digits` base-62 digits (0-9 A-Z a-z), the lowest ones where it does not fit.
std::string Base62(std::uint64_t value, std::size_t digits);

}  // namespace signet::smtp
#endif
