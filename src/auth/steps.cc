#include "src/auth/steps.h"

#include <ctime>
#include <utility>

#include "expand/show.h"
#include "src/base/limits.h"
#include "src/facts/written.h"

namespace signet::auth {
namespace {

using facts::AuthResult;
using facts::TraceStep;
using Outcome = facts::TraceStep::Outcome;

Outcome OutcomeOf(AuthResult result) {
  switch (result) {
    case AuthResult::kAuthenticated:
      return Outcome::kYes;
    case AuthResult::kFailed:
      return Outcome::kNo;
    case AuthResult::kDeferred:
      return Outcome::kLater;
    case AuthResult::kNotTried:
      break;
  }
  return Outcome::kNone;
}

Outcome OutcomeOf(signet_verdict verdict) {
  if (verdict == SIGNET_ACCEPT) return Outcome::kYes;
  return verdict == SIGNET_REJECT ? Outcome::kNo : Outcome::kLater;
}

std::string Shown(std::string_view text) {
  return facts::WithoutCredentials(text.substr(0, limits::kTraceTextBytes));
}

}  // namespace

std::int64_t NowIn(const facts::Session& session) {
  return session.at ? *session.at : static_cast<std::int64_t>(std::time(nullptr));
}

AuthenticatorStep::AuthenticatorStep(const facts::Session& session,
                                     const config::Authenticator& instance, bool discreet)
    : trace_(session.trace), discreet_(discreet) {
  if (trace_ == nullptr) return;
  TraceStep step;
  step.kind = TraceStep::Kind::kAuthenticator;
  step.what = instance.name;
  step.place = PlaceOf(instance.name_span);
  id_ = trace_->Begin(std::move(step));
  if (discreet_) trace_->BeDiscreet(1);
}

AuthenticatorStep::~AuthenticatorStep() {
  if (trace_ == nullptr) return;
  if (discreet_) trace_->BeDiscreet(-1);
  trace_->End(id_, outcome_, value_, from_);
}

void AuthenticatorStep::Came(const facts::Auth& auth) {
  if (trace_ == nullptr) return;
  outcome_ = OutcomeOf(auth.result);
  const bool good = auth.result == AuthResult::kAuthenticated;
  value_ = good ? auth.id : Shown(auth.reason);
  if (good) from_ = facts::WordsOf(auth.id_origins);
  if (auth.result == AuthResult::kNotTried) value_ = "not tried";
}

OptionStep::OptionStep(const facts::Session& session, std::string_view name,
                       const config::Expanded& option)
    : trace_(session.trace) {
  if (trace_ == nullptr) return;
  if (option) may_show_ = expand::MayShow(*option.program, session);
  TraceStep step;
  step.kind = TraceStep::Kind::kOption;
  step.what = name;
  step.place = PlaceOf(option.span);
  id_ = trace_->Begin(std::move(step));
}

void OptionStep::Came(const expand::Outcome& outcome) {
  if (trace_ == nullptr) return;
  if (outcome.ok()) {
    // What is not to be recorded is not copied either: nobody would wipe it (rule A6).
    const bool hidden = trace_->discreet() || !may_show_;
    value_ = hidden ? facts::kHiddenValue : Shown(outcome.value().text);
    from_ = facts::WordsOf(outcome.value().origins());
    return;
  }
  // Why, the part says in which it happened, and the authenticator's reason.
  const bool later = outcome.error().kind == FailureKind::kTemporary;
  outcome_ = later ? Outcome::kLater : Outcome::kFailed;
}

void OptionStep::Says(signet_verdict verdict, std::string_view why) {
  if (trace_ == nullptr || outcome_ == Outcome::kFailed) return;
  outcome_ = OutcomeOf(verdict);
  if (!why.empty()) value_ = Shown(why);
}

void OptionStep::End() {
  if (trace_ == nullptr) return;
  const facts::Discretion discretion(may_show_ ? nullptr : trace_);
  trace_->End(id_, outcome_, value_, from_);
}

MatchStep::MatchStep(const facts::Session& session, const expand::ListElement& element)
    : trace_(session.trace) {
  if (trace_ == nullptr) return;
  TraceStep step;
  step.kind = TraceStep::Kind::kExpression;
  step.what = "$item";
  step.value = Shown(element.text);
  step.from = facts::WordsOf(element.origins);
  id_ = trace_->Begin(std::move(step));
}

MatchStep::~MatchStep() {
  if (trace_ != nullptr) trace_->End(id_, OutcomeOf(verdict_), "");
}

void AddCheck(facts::Trace* trace, std::string_view name, Outcome outcome, std::string_view detail,
              SourceSpan where) {
  if (trace == nullptr) return;
  TraceStep step;
  step.kind = TraceStep::Kind::kCheck;
  step.outcome = outcome;
  step.what = name;
  step.value = detail;
  step.place = PlaceOf(where);
  trace->Add(std::move(step));
}

void AddVariable(facts::Trace* trace, std::string_view name, const Value& value) {
  if (trace == nullptr) return;
  TraceStep step;
  step.kind = TraceStep::Kind::kExpression;
  step.what = name;
  step.value = Shown(value.text);
  step.from = facts::WordsOf(value.origins());
  trace->Add(std::move(step));
}

}  // namespace signet::auth
