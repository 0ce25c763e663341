#ifndef SIGNET_SRC_CONFIG_ALLOWANCES_H_
#define SIGNET_SRC_CONFIG_ALLOWANCES_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "src/base/source.h"

namespace signet::config {

// A comment "# signet: allow CODE, CODE -- why": warnings with these codes are not shown
// for the logical line that the comment stands in or above. Errors are.
struct Allowance {
  SourceSpan code;  // in the comment
  // The physical lines it is for, of the file `first.text`; default-made: none follows.
  SourceSpan first, last;
  bool used = false;
};
using Allowances = std::vector<Allowance>;

// Reads one comment line (from its "#" on). Other comments give nothing.
//
//   Errors  warnings for codes that do not exist, and for other words behind "signet:".
Allowances ReadAllowances(SourceSpan comment, Diagnostics* diagnostics);

// Takes the warnings that are allowed out of `diagnostics`, and notes which allowance did it.
void Silence(Allowances* allowances, Diagnostics* diagnostics);

// Warns of allowances that silenced nothing. Makes sense once all checks have been made.
void ReportUnused(const Allowances& allowances, Diagnostics* diagnostics);

}  // namespace signet::config
#endif
