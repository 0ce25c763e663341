#ifndef SIGNET_SRC_SMTP_MESSAGE_ID_H_
#define SIGNET_SRC_SMTP_MESSAGE_ID_H_

#include <cstdint>
#include <string>

#include "src/base/clock.h"

namespace signet::smtp {

// Our id of a message, "1xUPkM-0007Kz-0g": three base-62 numbers of 6, 6 and 2 digits: seconds
// since the epoch, process and message, and the part of the second. The form that Exim had up
// to 4.96, because the log readers of every version know it.
//
//   Returns  an id that no other message of this machine has, as long as the clock and
//            process ids do not both repeat.
//   Threads  any.
std::string MakeMessageId(WallTime now);

// `value` in `digits` base-62 digits (0-9 A-Z a-z), the lowest ones where it does not fit.
std::string Base62(std::uint64_t value, std::size_t digits);

}  // namespace signet::smtp
#endif
