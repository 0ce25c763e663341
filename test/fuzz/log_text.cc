// Any octets in a line of the log and in a member of its JSON: one line, printable, bounded,
// and nothing that a terminal takes for a command (rule G1).
#include <jansson.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/log.h"
#include "src/base/log_sink.h"
#include "src/base/text.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckLine(std::string_view line) {
  Check(signet::IsValidUtf8(line));
  for (std::size_t i = 0; i < line.size(); ++i) {
    Check(!signet::IsControl(line[i]));
    // U+0080 to U+009F are controls too.
    if (line[i] == '\xc2' && i + 1 < line.size())
      Check(static_cast<unsigned char>(line[i + 1]) >= 0xa0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckLine(signet::Printable(text));
  const std::string json = signet::logging::JsonString(text);
  CheckLine(json);
  json_t* value = json_loads(json.c_str(), JSON_DECODE_ANY | JSON_ALLOW_NUL, nullptr);
  Check(json_is_string(value));
  json_decref(value);
  return 0;
}
