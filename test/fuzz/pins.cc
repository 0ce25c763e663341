// A file of pins: whatever is in it is read without harm, and what is read comes out as lines
// that mean the same.
#include <cstdlib>
#include <string>

#include "src/crypto/pins.h"

using signet::crypto::PinTable;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table = PinTable::Parse({reinterpret_cast<const char*>(data), size});
  if (!table.ok()) {
    Require(!table.error().message.empty());
    return 0;
  }
  std::string lines;
  for (const auto& entry : table.value().entries()) lines += ShowEntry(entry) + "\n";
  const auto again = PinTable::Parse(lines);
  Require(again.ok() && again.value().entries().size() == table.value().entries().size());
  for (std::size_t i = 0; i < again.value().entries().size(); ++i) {
    const auto &a = table.value().entries()[i], &b = again.value().entries()[i];
    Require(a.name == b.name && a.pin == b.pin && a.next == b.next);
    Require(a.fingerprint == b.fingerprint && a.from == b.from && a.until == b.until);
  }
  return 0;
}
