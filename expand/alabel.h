#ifndef SIGNET_EXPAND_ALABEL_H_
#define SIGNET_EXPAND_ALABEL_H_

#include <string>
#include <string_view>

#include "src/base/result.h"

// Internationalised names in UTF-8 and in ASCII (IDNA 2008). Text that is ASCII already
// is returned as it is.
//
//   Errors  why a name cannot be converted, in a few words.
namespace signet::expand {

// A domain; every label must be valid, composed characters and small letters are made
// where needed (UTS 46, nontransitional).
Result<std::string, std::string> DomainToAlabel(std::string_view domain);
// Labels that begin with "xn--" decoded. A label that nobody could have encoded so is an
// error: it would stand for a name that is not its own.
Result<std::string, std::string> DomainFromAlabel(std::string_view domain);
// A local part: "xn--" and Punycode of the whole.
Result<std::string, std::string> LocalPartToAlabel(std::string_view local_part);
Result<std::string, std::string> LocalPartFromAlabel(std::string_view alabel);

}  // namespace signet::expand
#endif
