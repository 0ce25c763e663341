#ifndef SIGNET_SRC_CONFIG_SENSE_H_
#define SIGNET_SRC_CONFIG_SENSE_H_

#include "src/config/check.h"

namespace signet::config {

// What each option may be and all together hardly can be meant: authenticators that nothing
// reaches, ports where nobody can be who an ACL asks for, peers that everybody may be. Warnings
// with their codes, but for words where numbers must stand.
void CheckSense(const Config& config, const MainSpans& spans, Diagnostics* diagnostics);

// Files that the configuration names and others may write, and directories that are not there.
//
//   Cost  asks the file system about each.
void CheckFiles(const Config& config, Diagnostics* diagnostics);

// Whether an option that is a list of hosts is known to match nobody.
bool MatchesNobody(const Expanded& list);

}  // namespace signet::config
#endif
