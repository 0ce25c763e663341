// A file of certificates for people: whatever is in it is read without harm; a mistake has
// words and a line of the file, and holds nothing of a block.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "src/base/text.h"
#include "src/crypto/pem.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = signet::crypto::ReadCertificates(text);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (!read.ok()) {
    const auto& mistake = read.error();
    Require(!mistake.message.empty() && mistake.message.size() < 400 && mistake.line <= lines);
    Require(std::none_of(mistake.message.begin(), mistake.message.end(), signet::IsControl));
    return 0;
  }
  Require(!read.value().empty());
  std::size_t last = 0;
  for (const auto& one : read.value()) {
    Require(one.certificate != nullptr && one.line <= lines && (one.line == 0 || one.line > last));
    last = one.line;
  }
  return 0;
}
