// Texts as traces show them: short, on one line, and whatever is put where a password goes on
// is gone.
#include <cstdlib>
#include <string>

#include "src/facts/written.h"

using namespace signet::facts;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string line = AsWritten(text, 100);
  Require(line.size() <= 100 && line.find('\n') == std::string::npos);
  const std::string shown = WithoutCredentials(text);
  // Each setting gives way to three octets at most.
  Require(shown.size() <= 4 * text.size() + 3);
  constexpr char kSecret[] = "Zq9Zq9Zq9";
  if (EndsInPassword(text) && text.find(kSecret) == std::string::npos)
    Require(WithoutCredentials(text + kSecret).find(kSecret) == std::string::npos);
  return 0;
}
