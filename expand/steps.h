#ifndef SIGNET_EXPAND_STEPS_H_
#define SIGNET_EXPAND_STEPS_H_

#include <string>
#include <string_view>

#include "expand/evaluate.h"
#include "expand/match.h"
#include "src/facts/trace.h"

// What an evaluation writes down of itself in the session's trace. Nothing of it is called
// where there is none. Functions here are never inlined into those that call each other for
// nested parts: their strings would take stack from every level.
namespace signet::expand {

// Beyond so many steps that a trace had no room for, none are offered to it.
inline constexpr std::size_t kStepsInVain = 64;

bool LeavesStep(const Program::Rep& program, const Node& node);
[[gnu::noinline]] std::size_t BeginStep(const Evaluation& evaluation, const Node& node);
[[gnu::noinline]] void EndStep(Evaluation& evaluation, facts::Trace& trace, std::size_t id,
                               const Node& node, bool good, const Datum& result);
[[gnu::noinline]] void EndTest(Evaluation& evaluation, facts::Trace& trace, std::size_t id,
                               bool good, bool holds);
// Whether the values of a condition's parts are secrets.
bool IsAboutSecrets(const ConditionRow& condition);
// Whether the n-th part of a sequence stands where a password does.
[[gnu::noinline]] bool StandsInPassword(const Text* parts, std::size_t n);

// One element of a list, while something is asked about it or made from it.
class ElementStep {
 public:
  ElementStep(facts::Trace* trace, const Text& element) : trace_(trace) {
    if (trace_ != nullptr) Begin(element);
  }
  ~ElementStep() {
    if (trace_ != nullptr) trace_->End(id_, outcome_, "");
  }
  ElementStep(const ElementStep&) = delete;
  ElementStep& operator=(const ElementStep&) = delete;
  // What a test of it said, or that it said nothing.
  void Says(bool good, bool holds, const Failure& failure) {
    using enum facts::TraceStep::Outcome;
    const auto failed = failure.kind == FailureKind::kTemporary ? kLater : kFailed;
    outcome_ = !good ? failed : holds ? kYes : kNo;
  }

 private:
  [[gnu::noinline]] void Begin(const Text& element);
  facts::Trace* trace_;
  std::size_t id_ = 0;
  facts::TraceStep::Outcome outcome_ = facts::TraceStep::Outcome::kNone;
};

// Services::Lookup, written down with the time that it took.
[[gnu::noinline]] LookupAnswer LookUp(facts::Trace* trace, Services& services,
                                      const LookupType& type, const LookupRequest& request,
                                      SourceSpan where);
// Services::AuthenticateBy; what is asked is never shown.
LookupAnswer TestCredentials(facts::Trace* trace, Services& services, const LookupType& type,
                             std::string_view query, SourceSpan where);

// An item of a list that has decided it, or a reference in one.
[[gnu::noinline]] void AddItem(facts::Trace& trace, std::string_view item, bool negated, bool holds,
                               bool later);

// The place of a part in a file that a person can open; "" where it was made at run time.
std::string ShownPlace(SourceSpan span);

}  // namespace signet::expand
#endif
