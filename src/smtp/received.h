#ifndef SIGNET_SRC_SMTP_RECEIVED_H_
#define SIGNET_SRC_SMTP_RECEIVED_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/value.h"
#include "src/facts/session.h"

namespace signet::smtp {

// Our Received: field, one line per element, continuation lines beginning with a tab.
// Whatever the client has said stands in it through an encoder that cannot produce a
// line break, the end of a comment or a new field (rule S10).
enum class ClientPort : bool { kHidden, kShown };
std::vector<std::string> ReceivedHeader(const facts::Session& session, WallTime now,
                                        ClientPort port = ClientPort::kHidden);

// The field that `text` makes, received_header_text having been expanded, with the date behind
// it. Of outsiders' octets no line break, comment or new field can come.
std::vector<std::string> ReceivedHeader(const Value& text, WallTime now);

// "Fri, 20 Nov 2026 14:37:50 +0000", local time.
std::string MailDate(WallTime when);

// `text` as it may stand inside a comment of a header field.
std::string CommentText(std::string_view text);

// The lines of a header field that an ACL adds. It stays one field, whatever is in its
// value: a line break inside it becomes a continuation line, other control characters
// become '?', long lines are cut into continuation lines. Text without a field name gets
// "X-ACL-Warn:" in front.
std::vector<std::string> HeaderLines(std::string_view header);

}  // namespace signet::smtp
#endif
