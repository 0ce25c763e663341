#ifndef SIGNET_EXPAND_MAILBOX_H_
#define SIGNET_EXPAND_MAILBOX_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::expand {

// An address as the operators address, local_part and domain see it; quotes of the local
// part are kept, and a bare local part is an address without a domain.
struct Mailbox {
  std::string local_part;
  std::string domain;
  std::string address() const { return domain.empty() ? local_part : local_part + "@" + domain; }
};

// Reads one RFC 5322 mailbox with Exim's liberties: comments, display names with dots,
// optional angle brackets, source routes (dropped). nullopt: not one address.
std::optional<Mailbox> ParseMailbox(std::string_view text);

// The addresses in a list of mailboxes and groups, as of a To: header. What is no address
// is left out.
std::vector<std::string> ParseMailboxList(std::string_view text);

}  // namespace signet::expand
#endif
