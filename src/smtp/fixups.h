#ifndef SIGNET_SRC_SMTP_FIXUPS_H_
#define SIGNET_SRC_SMTP_FIXUPS_H_

#include "src/config/config.h"
#include "src/facts/session.h"
#include "src/smtp/header.h"

namespace signet::smtp {

// What a submission server adds to a header and checks in it (RFC 6409 section 8). Date
// and Message-ID are added where they are missing, for authenticated clients and where an
// ACL said `control = submission`; that control also adds a missing From, and sees to it
// that Sender names who is authenticated where From does not.
void CompleteHeader(const facts::Session& session, const config::Main& main, Header* header);

// The address that `control = submission` knows the client by; "" where there is none that
// could stand in a header.
std::string SubmitterAddress(const facts::Session& session, const config::Main& main);

// A display name as it stands before an address: plain, quoted, or as encoded words.
std::string DisplayName(std::string_view name);

}  // namespace signet::smtp
#endif
