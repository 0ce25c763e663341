#include "src/cli/report.h"

#include <algorithm>
#include <cstdio>

namespace signet::cli {
namespace {

std::string Count(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

void PrintDiagnostics(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    std::string text = Render(diagnostic);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
}

std::string CountDiagnostics(const Diagnostics& diagnostics) {
  std::size_t errors = static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [](const Diagnostic& d) { return d.severity == Severity::kError; }));
  std::size_t warnings = diagnostics.size() - errors;
  if (diagnostics.empty()) return "no mistakes";
  if (errors == 0) return Count(warnings, "warning");
  if (warnings == 0) return Count(errors, "error");
  return Count(errors, "error") + ", " + Count(warnings, "warning");
}

bool PrintText(std::string_view text) {
  std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  return written == text.size() && std::fflush(stdout) == 0;
}

}  // namespace signet::cli
