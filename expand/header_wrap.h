#ifndef SIGNET_EXPAND_HEADER_WRAP_H_
#define SIGNET_EXPAND_HEADER_WRAP_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace signet::expand {

// A header folded: lines of at most `columns`, each but the first begun by a tab, which
// takes eight. Lines end at white space where that is not right at their front, at a
// newline, and where the text says `\n`. At most `octets` in all: what is longer is cut.
// npos is no limit.
std::string WrapHeader(std::string_view text, std::size_t columns, std::size_t octets);

}  // namespace signet::expand
#endif
