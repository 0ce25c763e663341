#include "src/acl/steps.h"

#include "src/facts/written.h"

namespace signet::acl {
namespace {

using facts::TraceStep;
using Kind = facts::TraceStep::Kind;
using Outcome = facts::TraceStep::Outcome;

// An ACL whose text was only known at run time.
bool IsMadeUp(const SourceSpan& span) { return span.text != nullptr && span.text->name() == "acl"; }

std::string ShownPlace(SourceSpan span) { return IsMadeUp(span) ? "" : signet::PlaceOf(span); }

// Named ACLs by their names; a text by the option or the file that it stands in.
std::string NameOf(const Acl& acl, const Run& run) {
  const auto found = run.rules.by_name.find(acl.name);
  const bool named = found != run.rules.by_name.end() && found->second < run.rules.acls.size() &&
                     &run.rules.acls[found->second] == &acl;
  if (named || acl.name.starts_with('/')) return acl.name;
  if (!IsMadeUp(acl.span)) return "text of " + acl.name;
  if (run.text_of == nullptr) return "text of an ACL";
  return "text of " + std::string(PlaceOf(run.when).option);
}

Outcome OutcomeOf(Answer::Kind kind) {
  switch (kind) {
    case Answer::kTrue:
      return Outcome::kYes;
    case Answer::kFalse:
      return Outcome::kNo;
    case Answer::kDefer:
      return Outcome::kLater;
    case Answer::kError:
      break;
  }
  return Outcome::kFailed;
}

std::string WordOf(const Answer& answer) {
  switch (answer.kind) {
    case Answer::kTrue:
      return answer.discard ? "discard" : "accept";
    case Answer::kFalse:
      return answer.drop ? "drop" : "deny";
    case Answer::kDefer:
      return "defer";
    case Answer::kError:
      break;
  }
  return "cannot decide";
}

// The log's words say more than the client's.
std::string WithReason(std::string word, const Answer& answer, bool may_show) {
  const std::string& reason = answer.log_text.empty() ? answer.user_text : answer.log_text;
  if (!may_show || reason.empty()) return word;
  return word + ": " + facts::WithoutCredentials(reason);
}

std::size_t Begin(facts::Trace& trace, Kind kind, std::string what, SourceSpan span) {
  TraceStep step;
  step.kind = kind;
  step.what = std::move(what);
  step.place = ShownPlace(span);
  return trace.Begin(std::move(step));
}

std::string_view WordOf(const Statement& statement, bool endpass, const Answer& answer) {
  const bool applies = answer.kind == Answer::kTrue;
  if (!applies && answer.kind != Answer::kFalse) return "cannot tell";
  if (statement.verb == Verb::kRequire) return applies ? "holds" : "does not hold";
  if (applies) return "applies";
  const bool denies =
      endpass && (statement.verb == Verb::kAccept || statement.verb == Verb::kDiscard);
  return denies ? "does not apply, which denies behind endpass" : "does not apply";
}

}  // namespace

std::size_t BeginStep(facts::Trace& trace, const Acl& acl, const Run& run) {
  const bool of_option = IsMadeUp(acl.span) && run.text_of != nullptr;
  return Begin(trace, Kind::kAcl, NameOf(acl, run), of_option ? run.text_of->span : acl.span);
}

std::size_t BeginStep(facts::Trace& trace, config::AclWhen when, const config::Expanded& option) {
  return Begin(trace, Kind::kOption, std::string(PlaceOf(when).option), option.span);
}

std::size_t BeginStep(facts::Trace& trace, const Statement& statement) {
  return Begin(trace, Kind::kStatement, std::string(NameOf(statement.verb)), statement.span);
}

std::size_t BeginStep(facts::Trace& trace, const Item& item) {
  return Begin(trace, Kind::kCondition, facts::AsWritten(item.span.view()), item.span);
}

void EndStep(facts::Trace& trace, std::size_t id, const expand::Outcome& option, bool may_show) {
  const facts::Discretion discretion(may_show ? nullptr : &trace);
  if (option.ok()) return trace.End(id, Outcome::kNone, facts::AsWritten(option.value().text));
  const bool later = option.error().kind == FailureKind::kTemporary;
  trace.End(id, later ? Outcome::kLater : Outcome::kFailed, "");
}

void EndStep(facts::Trace& trace, std::size_t id, const AclAnswer& decided, bool may_show) {
  std::string word = WordOf(decided.answer);
  if (decided.nobody) word += ", because no statement has decided";
  trace.End(id, OutcomeOf(decided.answer.kind),
            WithReason(std::move(word), decided.answer, may_show));
}

void EndStep(facts::Trace& trace, std::size_t id, const Statement& statement, bool endpass,
             const Answer& answer, bool may_show) {
  std::string word(WordOf(statement, endpass, answer));
  const bool failed = answer.kind == Answer::kDefer || answer.kind == Answer::kError;
  trace.End(id, OutcomeOf(answer.kind),
            failed ? WithReason(std::move(word), answer, may_show) : word);
}

void EndStep(facts::Trace& trace, std::size_t id, const Item& item, const Answer& answer,
             std::string_view shown, std::string_view from, bool may_show) {
  const bool failed = answer.kind == Answer::kDefer || answer.kind == Answer::kError;
  std::string value = facts::WithoutCredentials(shown);
  if (answer.kind != Answer::kTrue && !answer.log_text.empty()) {
    if (!value.empty()) value += ": ";
    value += facts::WithoutCredentials(answer.log_text);
  }
  const facts::Discretion discretion(may_show ? nullptr : &trace);
  // What a modifier does is no answer, unless it cannot be done.
  trace.End(id, item.row->condition || failed ? OutcomeOf(answer.kind) : Outcome::kNone, value,
            from);
}

void AddUnset(facts::Trace& trace, config::AclWhen when, const facts::Verdict& verdict) {
  const bool accepts = verdict.kind == facts::VerdictKind::kAccept;
  TraceStep step;
  step.kind = Kind::kAcl;
  step.outcome = accepts ? Outcome::kYes : Outcome::kNo;
  step.what = PlaceOf(when).option;
  step.value = accepts ? "not set: the default is to accept" : "not set: the default is to deny";
  trace.Add(std::move(step));
}

void AddBroken(facts::Trace& trace, config::AclWhen when, const facts::Verdict& verdict) {
  TraceStep step;
  step.kind = Kind::kAcl;
  step.outcome = Outcome::kFailed;
  step.what = PlaceOf(when).option;
  step.value = "cannot decide: " + facts::WithoutCredentials(verdict.log_message);
  step.place = signet::PlaceOf(verdict.where);
  trace.Add(std::move(step));
}

}  // namespace signet::acl
