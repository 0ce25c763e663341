// Any octets as texts of the language: compiling is total, a Program comes without errors
// and errors come without a Program, and every span lies in the text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "expand/expand.h"
#include "test/support/fake_world.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

void CompileOne(std::string octets) {
  const std::size_t size = octets.size();
  signet::SourceText text("fuzz", std::move(octets));
  static const signet::test::FakeNames names;
  signet::Diagnostics diagnostics;
  auto program =
      signet::expand::Compile(text.whole(), signet::facts::Phase::kData, names, &diagnostics);
  Check((program == nullptr) == signet::HasErrors(diagnostics));
  for (const signet::Diagnostic& d : diagnostics) {
    Check(d.span.text == &text && d.span.begin <= d.span.end && d.span.end <= size);
    Check(!d.message.empty());
  }
  if (!diagnostics.empty()) Check(!signet::Render(diagnostics.front()).empty());
  if (program != nullptr) Check(!signet::expand::Dump(*program).empty());
}

}  // namespace

// A text on each line, perhaps behind the "expand" of a golden file.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  while (!input.empty()) {
    std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    if (line.starts_with("expand  ")) line.remove_prefix(8);
    CompileOne(std::string(line));
  }
  return 0;
}
