// Any text of the language on facts made of any octets: evaluation ends within its budget,
// gives a value whose segments cover it, or a failure with a reason. The same where it is
// written down, in a trace that is bounded.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "expand/expand.h"
#include "test/support/fake_world.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

signet::expand::Budget SmallBudget() {
  signet::expand::Budget budget;
  budget.steps = 10'000;
  budget.output_bytes = 64 * 1024;
  return budget;
}

void EvaluateTraced(const signet::expand::Program& program, signet::facts::Session session,
                    const signet::Value* expected) {
  signet::facts::Trace trace;
  session.trace = &trace;
  signet::test::FakeServices services;
  signet::expand::Budget budget = SmallBudget();
  auto outcome = signet::expand::Evaluate(program, session, services, budget);
  if (outcome.ok() && expected != nullptr) Check(outcome.value().text == expected->text);
  Check(trace.steps().size() <= signet::limits::kTraceSteps && !trace.discreet());
  for (const auto& step : trace.steps())
    Check(step.what.find('\n') == std::string::npos &&
          step.value.size() <= signet::limits::kTraceTextBytes + 100);
}

void EvaluateOne(const std::string& octets, const signet::facts::Session& session) {
  signet::SourceText text("fuzz", octets);
  static const signet::test::FakeNames names;
  signet::test::FakeServices services;
  signet::Diagnostics diagnostics;
  auto program =
      signet::expand::Compile(text.whole(), signet::facts::Phase::kData, names, &diagnostics);
  if (program == nullptr) return;
  signet::expand::Budget budget = SmallBudget();
  auto outcome = signet::expand::Evaluate(*program, session, services, budget);
  if (!outcome.ok()) {
    Check(!outcome.error().text.empty());
    return;
  }
  const signet::Value& value = outcome.value();
  Check(value.segments.empty() || value.segments.back().end == value.text.size());
  Check(signet::expand::SplitList(value).size() <= signet::limits::kListMaxElements);
  // What depends on chance or time comes out otherwise each time.
  const bool repeatable = octets.find("rand") == octets.npos && octets.find("tod") == octets.npos &&
                          octets.find("time") == octets.npos;
  EvaluateTraced(*program, session, repeatable ? &value : nullptr);
}

}  // namespace

// Lines: those that begin with "expand  " (or the first) are texts, the others facts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> texts, facts;
  while (!input.empty()) {
    std::string line(input.substr(0, input.find('\n')));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    if (line.starts_with("expand  "))
      texts.push_back(line.substr(8));
    else
      facts.push_back(std::move(line));
  }
  if (texts.empty() && !facts.empty()) {
    texts.push_back(facts.front());
    facts.erase(facts.begin());
  }
  facts.resize(4);
  signet::facts::Session session;
  session.envelope.sender = facts[0];
  session.tls.sni = facts[1];
  signet::Value& list = session.auth_vars[0];
  list.is_list = true;
  list.element_origins = signet::kFromCertificate;
  list.elements = {facts[2], facts[3]};
  for (const std::string& text : texts) EvaluateOne(text, session);
  return 0;
}
