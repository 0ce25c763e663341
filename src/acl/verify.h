#ifndef SIGNET_SRC_ACL_VERIFY_H_
#define SIGNET_SRC_ACL_VERIFY_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/acl/table.h"

// `verify = …` and `header_from = …`.
namespace signet::acl {

void CheckVerify(const Item& item, const CheckContext& context);
// Why it cannot stand in this ACL, or "".
std::string VerifyMisplaced(std::string_view argument, config::AclWhen when);
Answer RunVerify(const Item& item, const Value& value, Run& run);

// The items, for the test that the manual has them all.
std::vector<std::string_view> AllVerifyItems();

// True where the header names its authors in the one way that all readers take alike, and
// each of them, all of From and Sender, is in the list.
Answer RunHeaderFrom(const Item& item, const Value& value, Run& run);

}  // namespace signet::acl
#endif
