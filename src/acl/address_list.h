#ifndef SIGNET_SRC_ACL_ADDRESS_LIST_H_
#define SIGNET_SRC_ACL_ADDRESS_LIST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/facts/session.h"

// Address fields of a message's header (RFC 5322 3.4), read strictly, and what in them
// another reader could take for something else. Total: any octets, any length.
namespace signet::acl {

// What a mailbox or its list has that not every reader takes alike.
enum Oddity : std::uint16_t {
  kGroup = 1,            // "name: a@b;"
  kComment = 2,          // "(…)"
  kRoute = 4,            // "<@a,@b:c@d>"
  kQuotedLocalPart = 8,  // "a b"@c
  kLiteral = 16,         // a@[192.0.2.1]
  kNoDomain = 32,
  kEncodedWord = 64,  // "=?" in an address, or one in a name that cannot be decoded
  kOddName = 128,     // a name with an "@", or what looks like one, or like other structure
  kOldSyntax = 256,   // what RFC 5322 only takes from old messages: blanks around dots, …
  kNotAscii = 512,    // in the address
};

struct HeaderMailbox {
  std::string local_part;  // unquoted
  std::string domain;
  std::string name;  // the display name, unquoted and decoded; "" where there is none
  std::uint16_t oddities = 0;
  std::string address() const { return domain.empty() ? local_part : local_part + '@' + domain; }
};

struct AddressList {
  std::vector<HeaderMailbox> mailboxes;  // those of groups too
  std::uint16_t oddities = 0;            // of the list and of all of its mailboxes
  std::string wrong;                     // why it is no list of addresses; "" where it is one
};

// Reads the value of an address field: what stands behind its colon, with the line ends of
// folding as "\n".
AddressList ReadAddressList(std::string_view value);

// The name of a field without the blanks that old messages may have before the colon.
std::string_view NameOf(const facts::HeaderField& field);
// What stands behind the colon.
std::string_view ValueOf(const facts::HeaderField& field);

// Whether the header names exactly one author list, in a form that a strict and a lenient
// reader take for the same addresses, and which addresses those are: all of From and, where
// there is one, Sender. `wrong` says why not.
struct Authors {
  std::vector<std::string> addresses;
  std::string wrong;
};
Authors AuthorsOf(const std::vector<facts::HeaderField>& header, bool smtputf8);

}  // namespace signet::acl
#endif
