#ifndef SIGNET_EXPAND_COMPILE_H_
#define SIGNET_EXPAND_COMPILE_H_

#include "expand/ast.h"
#include "expand/program.h"

namespace signet::expand {

// Turns a tree into nodes: resolves names, reads arguments of operators, runs the rows'
// checks. Reports everything that is wrong, and among it what the parser found (`of_form`),
// in the order in which Exim would come upon it; what it emits then is not to be evaluated.
//
//   Returns  the node of the tree's root.
NodeId EmitProgram(const AstNode& tree, const Diagnostics& of_form, CompileContext& context);

// As Compile, of a text that stands `depth` levels deep inside another.
ProgramPtr CompileNested(SourceSpan part, facts::Phase used_at, const Names& names,
                         std::size_t depth, Diagnostics* diagnostics, Reading reading);

}  // namespace signet::expand
#endif
