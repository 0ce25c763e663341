#ifndef SIGNET_SRC_ACL_PARTS_H_
#define SIGNET_SRC_ACL_PARTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/value.h"

// Arguments that are parts with slashes between them: "10 / 1h / per_rcpt / key".
namespace signet::acl {

// What stands between two slashes, without blanks at its ends. `ours`: so many octets at its
// beginning are the administrator's; what a client typed is never an option (rule E2).
struct Part {
  std::string text;
  std::size_t ours = 0;
  std::size_t from = 0, to = 0;  // in the argument
  bool known = true;             // false while loading, where the part is expanded
};

// Only slashes of the administrator's divide; "//" is a slash.
std::vector<Part> SplitValue(const Value& value);

// The same of the text as it stands in the configuration: slashes within braces belong to
// an expansion, and a part with "$" or a backslash is not known yet.
std::vector<Part> SplitSource(std::string_view text);

// What stands behind `name`, such as "count=", where the part begins with it in any case of
// letters.
std::optional<std::string_view> OptionOf(const Part& part, std::string_view name);
bool IsWord(const Part& part, std::string_view word);

}  // namespace signet::acl
#endif
