#ifndef SIGNET_EXPAND_EMPTY_H_
#define SIGNET_EXPAND_EMPTY_H_

#include <optional>
#include <span>

#include "expand/expand.h"

namespace signet::expand {

// Where `text` may come out empty although `condition` came out true (see AuthTruth).
// Knows what the condition says of variables ("def:", comparisons, "forany"), and tests
// that both have in the same words. `set` names variables that are not empty then.
//
//   Returns  a place in `text`; nullopt where it certainly is not empty.
std::optional<SourceSpan> FindEmpty(const Program& text, const Program& condition,
                                    std::span<const std::string_view> set = {});

}  // namespace signet::expand
#endif
