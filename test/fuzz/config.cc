// Any octets as a configuration: reading ends, says what is wrong, and every place it
// names can be shown. Files are not included: the fuzzer shall not read the machine's.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "src/config/config.h"

namespace {

using namespace signet;

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<drivers::Registry> registry = drivers::Registry::MakeBuiltin();
  std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find(".include") != text.npos) return 0;
  config::Loaded loaded = config::LoadText("fuzz.conf", text, {}, *registry);
  Check((loaded.config == nullptr) == HasErrors(loaded.diagnostics));
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    Check(!diagnostic.message.empty());
    Check(!Render(diagnostic).empty());
  }
  if (loaded.config) Check(config::PrintOptions(*loaded.config, "").has_value());
  return 0;
}
