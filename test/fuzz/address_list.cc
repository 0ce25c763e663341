// Any octets as an address field: reading is total, what is found is found again in its own
// form, and who answers for a message is never more than one reader could take it for.
#include <cstdint>
#include <cstdlib>

#include "src/acl/address_list.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::acl;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const AddressList list = ReadAddressList(text);
  if (!list.wrong.empty()) return 0;
  Check(list.mailboxes.size() <= signet::limits::kHeaderMailboxesMax + 1);
  for (const HeaderMailbox& mailbox : list.mailboxes) {
    Check((mailbox.oddities & ~list.oddities) == 0);
    Check((mailbox.oddities & kNoDomain) != 0 || !mailbox.domain.empty());
  }
  // Nobody's mailbox unless it reads back as itself, alone.
  const Authors authors = AuthorsOf({{"From", "From:" + text}}, true);
  if (!authors.wrong.empty()) return 0;
  Check(authors.addresses.size() == list.mailboxes.size());
  for (const std::string& address : authors.addresses) {
    const AddressList again = ReadAddressList(address);
    Check(again.wrong.empty() && again.mailboxes.size() == 1);
    Check(again.mailboxes[0].address() == address);
    Check((again.oddities & ~kNotAscii) == 0);
    Check(address.find_first_of(" \t\r\n,;<>()\"[]\\") == address.npos);
    Check(text.find(address.substr(0, address.rfind('@'))) != text.npos);
  }
  return 0;
}
