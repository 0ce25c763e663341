#ifndef SIGNET_EXPAND_CHECK_H_
#define SIGNET_EXPAND_CHECK_H_

#include "expand/program.h"

namespace signet::expand {

// Looks at a whole program for what its parts cannot know of each other: branches that
// constant conditions decide, constants that fail wherever they are evaluated,
// certificates and lists where one text is wanted.
//
//   Requires  a program without errors: every node is whole.
//   Errors    appended to `found`. `late` are mistakes that only evaluating would show:
//             errors where the part can be reached, otherwise warnings.
void CheckProgram(const Program::Rep& rep, facts::Phase used_at, Diagnostics late,
                  Diagnostics* found);

}  // namespace signet::expand
#endif
