#ifndef SIGNET_SRC_SMTP_RECEIVED_H_
#define SIGNET_SRC_SMTP_RECEIVED_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/facts/session.h"

namespace signet::smtp {

// Our Received: field, one line per element, continuation lines beginning with a tab.
// Whatever the client has said stands in it through an encoder that cannot produce a
// line break, the end of a comment or a new field (rule S10).
std::vector<std::string> ReceivedHeader(const facts::Session& session, WallTime now);

// "Fri, 20 Nov 2026 14:37:50 +0000", local time.
std::string MailDate(WallTime when);

// `text` as it may stand inside a comment of a header field.
std::string CommentText(std::string_view text);

}  // namespace signet::smtp
#endif
