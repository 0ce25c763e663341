// Any text of the language on facts made of any octets: evaluation ends within its budget,
// gives a value whose segments cover it, or a failure with a reason.
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

// The text up to the first line end; facts behind it, a line each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto next = [&] {
    std::size_t end = std::min(input.find('\n'), input.size());
    std::string line(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    return line;
  };
  signet::SourceText text("fuzz", next());
  signet::facts::Session session;
  session.envelope.sender = next();
  session.tls.sni = next();
  signet::Value& list = session.auth_vars[0];
  list.is_list = true;
  list.element_origins = signet::kFromCertificate;
  list.elements = {next(), next()};
  static const signet::test::FakeNames names;
  signet::test::FakeServices services;
  signet::Diagnostics diagnostics;
  auto program =
      signet::expand::Compile(text.whole(), signet::facts::Phase::kData, names, &diagnostics);
  if (program == nullptr) return 0;
  signet::expand::Budget budget;
  budget.steps = 10'000;
  budget.output_bytes = 64 * 1024;
  auto outcome = signet::expand::Evaluate(*program, session, services, budget);
  if (!outcome.ok()) {
    Check(!outcome.error().text.empty());
    return 0;
  }
  const signet::Value& value = outcome.value();
  Check(value.segments.empty() || value.segments.back().end == value.text.size());
  Check(signet::expand::SplitList(value).size() <= signet::limits::kListMaxElements);
  return 0;
}
