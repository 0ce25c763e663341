#ifndef SIGNET_SRC_CLI_REPORT_H_
#define SIGNET_SRC_CLI_REPORT_H_

#include <string>
#include <string_view>

#include "src/base/source.h"

namespace signet::cli {

// All diagnostics as a compiler prints them, to standard error; on a terminal in its columns.
void PrintDiagnostics(const Diagnostics& diagnostics);

// One of them as it is on a terminal: lines fit, the carets are in sight.
std::string ForTerminal(const Diagnostic& diagnostic, bool colour);

// "2 errors, 1 warning"; "no mistakes" for none.
std::string CountDiagnostics(const Diagnostics& diagnostics);

// Writes to standard output; false where that failed (a full disk, a closed pipe).
bool PrintText(std::string_view text);

}  // namespace signet::cli
#endif
