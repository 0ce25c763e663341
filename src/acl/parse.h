#ifndef SIGNET_SRC_ACL_PARSE_H_
#define SIGNET_SRC_ACL_PARSE_H_

#include <optional>
#include <vector>

#include "src/acl/rules.h"

// The text of an ACL → statements with spans; nothing is expanded or looked up yet.
namespace signet::acl {

// Appends the statements of `lines` to acl->statements.
//
//   Errors  unknown verbs and items, a missing "=", negation where there is none, endpass
//           in the wrong verb, bad variable names, unknown logs. What is wrong is left out.
void ParseAcl(const std::vector<SourceSpan>& lines, Acl* acl, Diagnostics* diagnostics);

// The first digit of the reply code that `text` begins with, or nullopt where it begins
// with none: "550 no", "451 4.7.1 later".
std::optional<char> ReplyCodeDigit(std::string_view text);

}  // namespace signet::acl
#endif
