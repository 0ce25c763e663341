#ifndef SIGNET_EXPAND_FILES_H_
#define SIGNET_EXPAND_FILES_H_

#include <sys/stat.h>

#include "expand/evaluate.h"

namespace signet::expand {

struct FileStatus {
  int error = 0;  // errno; `status` is meaningful where this is 0
  struct stat status = {};
};

// Looks at a file, following links, where it holds nobody up.
//
//   Returns   false where the evaluation failed; a file that cannot be looked at is no
//             such failure.
//   Security  a path with outsiders' text is refused (rule E2), as is one with a NUL.
bool StatFile(Evaluation& evaluation, const Node& node, const Text& path, FileStatus* file);

}  // namespace signet::expand
#endif
