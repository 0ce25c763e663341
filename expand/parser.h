#ifndef SIGNET_EXPAND_PARSER_H_
#define SIGNET_EXPAND_PARSER_H_

#include <span>

#include "expand/ast.h"
#include "src/base/source.h"

namespace signet::expand {

class Names;

// Parses a whole string of the language. A mistake in its form ends the parse with a
// diagnostic; what was read until then is still returned, so that wrong names in it are
// found as well.
//
//   Returns  the tree, never null.
//   Errors   appended to `diagnostics`; nesting beyond limits::kExpandDepth is one.
//
// `holes` and `depth` are for a text inside another one (`sg`): where values are put in,
// and how deep the text is nested already. `names` is asked for lookup types that are
// conditions too.
AstPtr Parse(SourceSpan part, std::span<const std::uint32_t> holes, std::size_t depth,
             const Names& names, Diagnostics* diagnostics);

}  // namespace signet::expand
#endif
