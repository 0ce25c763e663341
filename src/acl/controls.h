#ifndef SIGNET_SRC_ACL_CONTROLS_H_
#define SIGNET_SRC_ACL_CONTROLS_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/acl/table.h"

// `control = NAME[/option…]`.
namespace signet::acl {

void CheckControl(const Item& item, const CheckContext& context);
// Why it cannot stand in this ACL, or "".
std::string ControlMisplaced(std::string_view argument, config::AclWhen when);
Answer RunControl(const Item& item, const Value& value, Run& run);

// The names that do something, for the test that the manual has them all.
std::vector<std::string_view> AllControls();

}  // namespace signet::acl
#endif
