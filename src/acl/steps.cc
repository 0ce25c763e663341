#include "src/acl/steps.h"

#include "src/facts/written.h"

namespace signet::acl {
namespace {

using facts::TraceStep;
using Kind = facts::TraceStep::Kind;
using Outcome = facts::TraceStep::Outcome;

// Named ACLs by their names; a text by the option or the file that it stands in.
std::string NameOf(const Acl& acl, const Rules::Rep& rules) {
  const auto found = rules.by_name.find(acl.name);
  const bool named = found != rules.by_name.end() && found->second < rules.acls.size() &&
                     &rules.acls[found->second] == &acl;
  if (named || acl.name.starts_with('/')) return acl.name;
  return acl.name.starts_with("acl_") ? "text of " + acl.name : "text of an ACL";
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
  step.place = PlaceOf(span);
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

std::size_t BeginStep(facts::Trace& trace, const Acl& acl, const Rules::Rep& rules) {
  return Begin(trace, Kind::kAcl, NameOf(acl, rules), acl.span);
}

std::size_t BeginStep(facts::Trace& trace, const Statement& statement) {
  return Begin(trace, Kind::kStatement, std::string(NameOf(statement.verb)), statement.span);
}

std::size_t BeginStep(facts::Trace& trace, const Item& item) {
  return Begin(trace, Kind::kCondition, facts::AsWritten(item.span.view()), item.span);
}

void EndStep(facts::Trace& trace, std::size_t id, const AclAnswer& decided, const Acl& acl,
             bool may_show) {
  const bool nobody = decided.where.text == acl.span.text && decided.where.begin == acl.span.begin;
  std::string word = WordOf(decided.answer);
  if (nobody) word += ", because no statement has decided";
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
