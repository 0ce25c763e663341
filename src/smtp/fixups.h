#ifndef SIGNET_SRC_SMTP_FIXUPS_H_
#define SIGNET_SRC_SMTP_FIXUPS_H_

#include "src/config/config.h"
#include "src/facts/session.h"
#include "src/smtp/header.h"

namespace signet::smtp {

// Takes out the client's Sender where `control = submission` says who that is.
void RemoveSender(const facts::Session& session, Header* header);

// What a submission server adds to a header (RFC 6409 section 8). Date and Message-ID are
// added where they are missing, for authenticated clients and where an ACL said `control =
// submission`; that control also adds a missing From, and a Sender that names who is
// authenticated where From does not and there is none yet.
//
//   Requires  what ACLs add is there: nothing of it is added twice.
void CompleteHeader(const facts::Session& session, const config::Main& main, Header* header);

// The address that `control = submission` knows the client by; "" where there is none that
// could stand in a header.
std::string SubmitterAddress(const facts::Session& session, const config::Main& main);

// A display name as it stands before an address: plain, quoted, or as encoded words.
std::string DisplayName(std::string_view name);

}  // namespace signet::smtp
#endif
