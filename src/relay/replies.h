#ifndef SIGNET_SRC_RELAY_REPLIES_H_
#define SIGNET_SRC_RELAY_REPLIES_H_

#include <string>

#include "src/relay/relay.h"
#include "src/relay/reply.h"

// Replies that we make, and those of an upstream that we pass on.
namespace signet::relay {

// Nobody there, or nobody who does what was configured.
Reply Unavailable(std::string log_text);
// The configuration does not work here, or what it asks cannot be reached.
Reply LocalProblem(std::string log_text);
// In step no more, or an outcome that nobody knows (rule U1).
Reply Unclear(std::string log_text);

// A recipient of a message that others go elsewhere with.
Reply Elsewhere();
// More recipients of one message than max_rcpt.
Reply TooManyRecipients();

// A refusal of the upstream in front of our client: the class is kept, codes that mean
// something between the upstream and us are not (rule U5).
Reply PassedOn(const UpstreamReply& upstream, const std::string& log_text);

}  // namespace signet::relay
#endif
