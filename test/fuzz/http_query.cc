// Any octets as a query of an `http` lookup: parsing is total; what is accepted names a host
// that was written, and lines that are lines; text from outside, quoted, changes only the
// value that it stands in.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/lookup/http_query.h"
#include "drivers/lookup/settings.h"

namespace {

using namespace signet::http;

void Check(bool condition) {
  if (!condition) std::abort();
}

void ParseOne(std::string_view text) {
  Query query;
  if (!ParseQuery(text, "", &query).empty()) return;
  Check(query.origin.starts_with("http://") || query.origin.starts_with("https://"));
  Check(query.url.size() >= query.origin.size() && query.url.size() <= kUrlMaxBytes);
  Check(query.origin.find_first_of("@\\ \"%") == std::string::npos);
  for (const std::string& header : query.headers)
    Check(header.find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos);
}

void QuoteOne(std::string_view octets) {
  const std::string quoted = signet::driver::EncodePercent(octets);
  const std::string text = "user=" + quoted + " pass=\"" + quoted + "\" post=\"a=" + quoted +
                           "&b=1\" https://h.example/p/" + quoted + "?q=" + quoted;
  Query query;
  const std::string why = ParseQuery(text, "", &query);
  if (quoted.size() * 2 + 30 > kUrlMaxBytes) return;
  Check(why.empty() && query.origin == "https://h.example");
  Check(query.user == octets && query.password == octets);
  Check(query.body == "a=" + quoted + "&b=1");
  std::string json;
  if (FormToJson(query.body, &json))
    Check(json.starts_with("{\"a\":\"") && json.ends_with(",\"b\":\"1\"}"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ParseOne(input);
  QuoteOne(input);
  std::string json;
  (void)FormToJson(input, &json);
  return 0;
}
