#ifndef SIGNET_SRC_FACTS_WRITTEN_H_
#define SIGNET_SRC_FACTS_WRITTEN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "src/base/value.h"

// How parts of the configuration and their values stand in a Trace.
namespace signet::facts {

inline constexpr std::size_t kWrittenBytes = 240;  // of a part of the configuration

// In the place of a value that a discreet trace would not record, so that nobody copies it.
inline constexpr const char* kHiddenValue = "?";

// A part of the configuration on one line, without credentials: white space becomes one
// blank, and what is longer than `most` loses its middle.
std::string AsWritten(std::string_view text, std::size_t most = kWrittenBytes);

// A value without the credentials that stand in it in the forms that queries and URLs have
// for them: the values of pass= (and of user= beside it) and servers=, what stands before "@"
// in a URL's authority; "***" stands in their places. Of what is written, AsWritten leaves out
// the key of ${hmac…}, too.
//
//   Security  for texts in which a password may stand in another form this is not enough:
//             see Discretion.
std::string WithoutCredentials(std::string_view text);

// Whether the octet behind `text` would belong to a password, as of WithoutCredentials.
bool EndsInPassword(std::string_view text);

// "client, certificate"; "" where all octets are the administrator's.
std::string WordsOf(Origins origins);

}  // namespace signet::facts
#endif
