// A stored decision: whatever stands in a file of them is read without harm, and what is read
// comes out as a line that means the same.
#include <cstdlib>
#include <string>

#include "src/report/decision.h"

using namespace signet::report;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto decision = DecisionFromJson({reinterpret_cast<const char*>(data), size});
  if (!decision.ok()) {
    Require(!decision.error().empty());
    return 0;
  }
  const std::string line = ToJson(decision.value(), JsonForm::kLine);
  Require(line.find('\n') == std::string::npos);
  const auto again = DecisionFromJson(line);
  Require(again.ok());
  Require(ToJson(again.value(), JsonForm::kLine) == line);
  const auto indented = DecisionFromJson(ToJson(decision.value(), JsonForm::kIndented));
  Require(indented.ok() && ToJson(indented.value(), JsonForm::kLine) == line);
  return 0;
}
