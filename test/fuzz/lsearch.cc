// Any octets as a file of the lsearch lookup; the first line of the input is a key too.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/lookup/lsearch_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const signet::lsearch::Table table(text);
  const std::string key = text.substr(0, text.find('\n'));
  for (const std::string& wanted : {key, key.substr(0, key.find(':'))}) {
    const auto item = table.Find(wanted);
    if (item && (wanted.empty() || item->data.size() > 2 * size)) std::abort();
    if (item && item->full.find(item->key) != 0) std::abort();
  }
  return 0;
}
