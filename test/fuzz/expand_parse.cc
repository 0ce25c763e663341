// Any octets as a text of the language: compiling is total, a Program comes without errors
// and errors come without a Program, and every span lies in the text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "expand/expand.h"
#include "test/support/fake_world.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  signet::SourceText text("fuzz", std::string(reinterpret_cast<const char*>(data), size));
  static const signet::test::FakeNames names;
  signet::Diagnostics diagnostics;
  auto program =
      signet::expand::Compile(text.whole(), signet::facts::Phase::kData, names, &diagnostics);
  Check((program == nullptr) == signet::HasErrors(diagnostics));
  for (const signet::Diagnostic& d : diagnostics) {
    Check(d.span.text == &text && d.span.begin <= d.span.end && d.span.end <= size);
    Check(!d.message.empty() && !signet::Render(d).empty());
  }
  if (program != nullptr) Check(!signet::expand::Dump(*program).empty());
  return 0;
}
