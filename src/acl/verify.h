#ifndef SIGNET_SRC_ACL_VERIFY_H_
#define SIGNET_SRC_ACL_VERIFY_H_

#include <string>

#include "src/acl/table.h"

// `verify = …` and `header_from = …`.
namespace signet::acl {

void CheckVerify(const Item& item, const CheckContext& context);
// Why it cannot stand in this ACL, or "".
std::string VerifyMisplaced(std::string_view argument, config::AclWhen when);
Answer RunVerify(const Item& item, const Value& value, Run& run);

// True where the header names its authors in the one way that all readers take alike, and
// each of them, all of From and Sender, is in the list.
Answer RunHeaderFrom(const Item& item, const Value& value, Run& run);

}  // namespace signet::acl
#endif
