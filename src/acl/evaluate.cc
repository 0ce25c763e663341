#include <algorithm>
#include <set>
#include <utility>

#include "src/acl/parse.h"
#include "src/acl/run.h"
#include "src/acl/steps.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/facts/written.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::VerdictKind;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// "H=name (helo) [ip]", as every line about a client begins.
std::string HostField(const facts::Session& session) {
  std::string field = "H=";
  if (!session.host_name.empty()) field += session.host_name + ' ';
  if (!session.helo.empty() && session.helo != session.host_name)
    field += '(' + session.helo + ") ";
  return field + '[' + session.connection.client_ip + ']';
}

// --- one statement -------------------------------------------------------------------------

struct StatementAnswer {
  Answer answer;                        // with the texts that conditions left behind
  bool saw_unauthenticated = false;     // a condition that was asked hangs on it
  bool failed_unauthenticated = false;  // … and that is why the statement failed
};

// The argument of an item as its row wants it; nullopt where the expansion was forced to
// fail, which leaves the item out.
Result<std::optional<Value>, Answer> ExpandArgument(const Item& item, Run& run) {
  Argument kind = item.row->argument;
  if (kind != Argument::kText && kind != Argument::kVariable) return std::optional(Value());
  expand::Outcome outcome = run.Expand(item.argument);
  if (outcome.ok()) return std::optional(std::move(outcome).value());
  if (outcome.error().kind == FailureKind::kForced) return std::optional<Value>();
  return Err{FromFailure(outcome.error())};
}

Answer Misplaced(const Item& item, AclWhen when) {
  std::string what = item.row->condition ? "cannot test " : "cannot use ";
  return {.kind = Answer::kError,
          .log_text = what + std::string(item.row->name) + " condition in " +
                      std::string(PlaceOf(when).name) + " ACL"};
}

Answer DoItem(const Item& item, Run& run) {
  // Found at load, but for ACLs whose name is only known now.
  if (!(item.row->places & At(run.when))) return Misplaced(item, run.when);
  auto value = ExpandArgument(item, run);
  if (!value.ok()) return value.error();
  if (!value.value()) return {};
  run.Show(value.value()->text, value.value()->origins());
  Answer answer = item.row->run(item, *value.value(), run);
  bool may_decide = item.row->condition || item.row->argument == Argument::kVariable;
  if (may_decide && item.reads_identity && !run.authenticated()) answer.unauthenticated = true;
  if (item.negated && answer.kind == Answer::kTrue) {
    answer.kind = Answer::kFalse;
    answer.discard = false;
  } else if (item.negated && answer.kind == Answer::kFalse) {
    answer.kind = Answer::kTrue;
    answer.drop = false;
  }
  return answer;
}

// What is said later is written down then.
Answer RunItem(const Item& item, Run& run) {
  facts::Trace* trace = run.trace();
  if (trace == nullptr || item.row->argument == Argument::kLate) return DoItem(item, run);
  const std::size_t id = BeginStep(*trace, item);
  run.Show("", kFromAdministrator);
  Answer answer = DoItem(item, run);
  // Of a call, the ACL has said more, and of its own items.
  if (item.row->argument == Argument::kCall) run.Show("", kFromAdministrator);
  EndStep(*trace, id, item, answer, run.shown, facts::WordsOf(run.shown_from), run.may_show(item));
  return answer;
}

StatementAnswer RunItems(const Statement& statement, Run& run) {
  StatementAnswer result;
  std::string user_text, log_text;
  for (const Item& item : statement.items) {
    Answer answer = RunItem(item, run);
    if (!answer.user_text.empty()) {
      user_text = std::move(answer.user_text);
      result.answer.user_origins = answer.user_origins;
    }
    if (!answer.log_text.empty()) log_text = std::move(answer.log_text);
    result.saw_unauthenticated |= answer.unauthenticated;
    result.answer.discard |= answer.discard;
    result.answer.kind = answer.kind;
    result.answer.drop = answer.drop;
    if (answer.kind == Answer::kTrue) continue;
    result.failed_unauthenticated = answer.unauthenticated;
    break;
  }
  result.answer.user_text = std::move(user_text);
  result.answer.log_text = std::move(log_text);
  return result;
}

// --- what is said --------------------------------------------------------------------------

// Whether `message` and `log_message` speak of this outcome of this verb.
bool MessagesApply(Verb verb, Answer::Kind kind) {
  switch (verb) {
    case Verb::kAccept:
    case Verb::kDiscard:
      return kind == Answer::kTrue || kind == Answer::kFalse;
    case Verb::kRequire:
      return kind == Answer::kFalse;
    default:
      return kind == Answer::kTrue;
  }
}

// $acl_verify_message while a message is expanded.
class VerifyMessage {
 public:
  VerifyMessage(Run& run, std::string text)
      : session_(run.effects.session()),
        outer_(std::exchange(session_.acl_verify_message, std::move(text))) {}
  ~VerifyMessage() { session_.acl_verify_message = std::move(outer_); }
  VerifyMessage(const VerifyMessage&) = delete;
  VerifyMessage& operator=(const VerifyMessage&) = delete;

 private:
  facts::Session& session_;
  std::string outer_;
};

void EndMessage(facts::Trace& trace, std::size_t id, const Item& item,
                const expand::Outcome& outcome, bool may_show) {
  const Answer answer = outcome.ok() ? Answer() : FromFailure(outcome.error());
  EndStep(trace, id, item, answer, outcome.ok() ? outcome.value().text : "",
          facts::WordsOf(outcome.ok() ? outcome.value().origins() : Origins{}), may_show);
}

// Empty where there is no text, or none that can be had.
Value ExpandMessage(const Item* item, const std::string& condition_text, Run& run) {
  if (item == nullptr) return {};
  VerifyMessage scope(run, condition_text);
  facts::Trace* trace = run.trace();
  const std::size_t id = trace != nullptr ? BeginStep(*trace, *item) : 0;
  expand::Outcome outcome = run.Expand(item->argument);
  if (trace != nullptr) EndMessage(*trace, id, *item, outcome, run.may_show(*item));
  if (outcome.ok()) return std::move(outcome).value();
  const Failure& failure = outcome.error();
  if (failure.kind != FailureKind::kForced)
    run.effects.LogWrite("panic", "failed to expand ACL message " +
                                      Quoted(item->argument.span.view()) + ": " + failure.text);
  return {};
}

void ApplyMessages(Run& run, Answer* answer) {
  bool endpass_hides = run.statement.endpass && answer->kind == Answer::kTrue;
  if (!MessagesApply(run.verb, answer->kind)) return;
  std::string condition_user = std::move(answer->user_text);
  std::string condition_log = answer->log_text.empty() ? condition_user : answer->log_text;
  bool own_log = !answer->log_text.empty();
  if (run.verb == Verb::kWarn) {
    condition_user.clear();
    condition_log.clear();
    own_log = false;
  }
  Value user = endpass_hides ? Value() : ExpandMessage(run.statement.message, condition_user, run);
  std::string log = ExpandMessage(run.statement.log_message, condition_log, run).text;
  if (!user.text.empty()) answer->user_origins = user.origins();
  answer->user_text = user.text.empty() ? condition_user : std::move(user.text);
  if (log.empty())
    answer->log_text = own_log ? condition_log : answer->user_text;
  else
    answer->log_text = own_log ? log + ": " + condition_log : std::move(log);
}

// Whether the text was logged before: of the message, or outside of one, of the connection.
bool SaidBefore(const std::string& text, Run& run) {
  facts::Session& session = run.effects.session();
  std::set<std::string>& said =
      session.envelope.has_sender ? session.envelope.warned : session.warned;
  if (said.contains(text)) return true;
  if (said.size() < limits::kWarningsKept) said.insert(text);
  return false;
}

void Warn(const Statement& statement, const Answer& answer, Run& run) {
  std::string line = HostField(run.session()) + " Warning: ";
  if (answer.kind == Answer::kTrue) {
    if (run.statement.log_message == nullptr || answer.log_text.empty()) return;
    if (SaidBefore(line + answer.log_text, run)) return;
    return run.effects.LogWrite("main", line + answer.log_text);
  }
  if (!run.effects.Logs(Selector::kAclWarnSkipped)) return;
  line += "ACL \"warn\" statement skipped (in ACL " + run.acl->name + " at " +
          PlaceOf(statement.span) + "): condition test deferred";
  if (!answer.log_text.empty()) line += ": " + answer.log_text;
  run.effects.LogWrite("main", line);
}

// --- what follows from it ------------------------------------------------------------------

// Whether somebody who is authenticated could have fared better because of this
// statement, which did not decide.
bool MissedForWantOfIdentity(const Statement& statement, const StatementAnswer& result) {
  switch (statement.verb) {
    case Verb::kAccept:
    case Verb::kDiscard:
      return result.failed_unauthenticated;
    case Verb::kWarn:
      // A variable that was set, or not, may be what a later statement denies for.
      for (const Item& item : statement.items)
        if (item.row->argument == Argument::kVariable && result.saw_unauthenticated) return true;
      return false;
    default:
      return false;
  }
}

enum class Next : std::uint8_t { kStop, kGoOn };

// Turns the outcome of a statement into the ACL's, or goes on.
Next Decide(const Statement& statement, bool endpass, Answer* answer) {
  if (answer->kind == Answer::kError) return Next::kStop;
  if (answer->kind == Answer::kDefer)
    return statement.verb == Verb::kWarn ? Next::kGoOn : Next::kStop;
  bool is_true = answer->kind == Answer::kTrue;
  switch (statement.verb) {
    case Verb::kAccept:
      return is_true || endpass ? Next::kStop : Next::kGoOn;
    case Verb::kDiscard:
      answer->discard = is_true;
      return is_true || endpass ? Next::kStop : Next::kGoOn;
    case Verb::kDeny:
    case Verb::kDrop:
      if (!is_true) return Next::kGoOn;
      answer->kind = Answer::kFalse;
      answer->drop = statement.verb == Verb::kDrop;
      return Next::kStop;
    case Verb::kDefer:
      if (is_true) answer->kind = Answer::kDefer;
      return is_true ? Next::kStop : Next::kGoOn;
    case Verb::kRequire:
      return is_true ? Next::kGoOn : Next::kStop;
    case Verb::kWarn:
      return Next::kGoOn;
  }
  return Next::kStop;
}

// A reply code of the wrong class would turn the decision around: it is left out.
std::string CheckedCode(std::string text, char expected, Effects& effects) {
  auto digit = ReplyCodeDigit(text);
  if (!digit || *digit == expected) return text;
  effects.LogWrite("panic", "configured error code starts with incorrect digit (expected " +
                                std::string(1, expected) + ") in " + Quoted(text));
  std::string_view rest = Trim(std::string_view(text).substr(3));
  std::size_t blank = rest.find(' ');
  bool enhanced = blank != rest.npos && rest.size() > 4 && IsDigit(rest[0]) && rest[1] == '.' &&
                  rest.substr(0, blank).find_first_not_of("0123456789.") == rest.npos;
  return std::string(enhanced ? Trim(rest.substr(blank)) : rest);
}

facts::Verdict ToVerdict(AclAnswer decided, AclWhen when, Effects& effects) {
  Answer& answer = decided.answer;
  facts::Verdict verdict;
  verdict.where = decided.where;
  verdict.reject_logs = std::move(decided.reject_logs);
  verdict.because_unauthenticated = answer.unauthenticated && answer.kind == Answer::kFalse;
  verdict.log_message = std::move(answer.log_text);
  char digit = '4';
  switch (answer.kind) {
    case Answer::kTrue:
      verdict.kind = answer.discard ? VerdictKind::kDiscard : VerdictKind::kAccept;
      digit = PlaceOf(when).accept_digit;
      break;
    case Answer::kFalse:
      verdict.kind = answer.drop ? VerdictKind::kDrop : VerdictKind::kDeny;
      digit = '5';
      break;
    default:
      verdict.kind = VerdictKind::kDefer;
  }
  verdict.user_message = when == AclWhen::kVrfy
                             ? std::move(answer.user_text)
                             : CheckedCode(std::move(answer.user_text), digit, effects);
  return verdict;
}

facts::Verdict Unset(AclWhen when) {
  return {.kind = PlaceOf(when).unset_denies ? VerdictKind::kDeny : VerdictKind::kAccept};
}

facts::Verdict Broken(SourceSpan where, std::string log_text) {
  return {.kind = VerdictKind::kDefer, .log_message = std::move(log_text), .where = where};
}

// A verdict that no ACL has given.
facts::Verdict Undecided(facts::Verdict verdict, Run& run) {
  if (facts::Trace* trace = run.trace()) {
    const bool broken = verdict.kind == VerdictKind::kDefer;
    (broken ? AddBroken : AddUnset)(*trace, run.when, verdict);
  }
  return verdict;
}

struct FoundAcl {
  const Acl* acl = nullptr;
  std::shared_ptr<const Rules> text;  // keeps it, where it is a text of its own
};
// An option that names its ACL by an expansion, or gives its text.
Result<FoundAcl, facts::Verdict> FindByExpansion(const config::Expanded& option, Run& run) {
  facts::Trace* trace = run.trace();
  const std::size_t id = trace != nullptr ? BeginStep(*trace, run.when, option) : 0;
  expand::Outcome outcome = run.Expand(option);
  if (trace != nullptr)
    EndStep(*trace, id, outcome, expand::MayShow(*option.program, run.session()));
  if (!outcome.ok()) {
    if (outcome.error().kind == FailureKind::kForced) return Err{Unset(run.when)};
    return Err{Broken(option.span, FromFailure(outcome.error()).log_text)};
  }
  const Value& value = outcome.value();
  std::string name(Trim(value.text));
  if (value.origins() != kFromAdministrator) {
    run.effects.LogWrite("panic",
                         "attempt to use ACL text " + Quoted(name) + " that came from outside");
    return Err{Broken(option.span, "internal configuration error")};
  }
  if (name.empty()) return Err{Unset(run.when)};
  auto found = run.rules.by_name.find(name);
  if (found != run.rules.by_name.end()) return FoundAcl{&run.rules.acls[found->second], nullptr};
  // One word is a name, unless it is a verb.
  if (std::none_of(name.begin(), name.end(), IsSpace) && !FindVerb(name))
    return Err{Broken(option.span, "unknown ACL " + Quoted(name))};
  std::string wrong;
  auto text = run.rules.compiled_texts->Find(run.context.config, run.rules, name, &wrong);
  if (text == nullptr) return Err{Broken(option.span, "ACL " + Quoted(name) + ": " + wrong)};
  const Acl* acl = &text->rep().acls.back();
  return FoundAcl{acl, std::move(text)};
}

}  // namespace

Answer FromFailure(const Failure& failure) {
  std::string place = PlaceOf(failure.span);
  return {.kind = failure.lookup_deferred ? Answer::kDefer : Answer::kError,
          .log_text = "failed to expand ACL string" + (place.empty() ? "" : " at " + place) + ": " +
                      failure.text};
}

namespace {

AclAnswer RunStatements(const Acl& acl, Run& run) {
  run.acl = &acl;
  bool missed = false;  // being authenticated could have led elsewhere
  Answer last = {.kind = Answer::kFalse};
  for (const Statement& statement : acl.statements) {
    run.statement = {};
    run.verb = statement.verb;
    facts::Trace* trace = run.trace();
    const std::size_t id = trace != nullptr ? BeginStep(*trace, statement) : 0;
    StatementAnswer result = RunItems(statement, run);
    Answer& answer = result.answer;
    ApplyMessages(run, &answer);
    if (statement.verb == Verb::kWarn && answer.kind != Answer::kFalse &&
        answer.kind != Answer::kError)
      Warn(statement, answer, run);
    if (trace != nullptr)
      EndStep(*trace, id, statement, run.statement.endpass, answer, run.may_show());
    run.about_identity |= statement.about_identity;
    bool failed = answer.kind == Answer::kDefer || answer.kind == Answer::kError;
    if (Decide(statement, run.statement.endpass, &answer) == Next::kStop) {
      if (failed) answer.user_text.clear();
      answer.unauthenticated = missed || result.saw_unauthenticated;
      return {std::move(answer), statement.span, std::move(run.statement.reject_logs), false};
    }
    missed |= MissedForWantOfIdentity(statement, result);
    last.user_text = statement.verb == Verb::kWarn ? "" : std::move(answer.user_text);
    last.user_origins = answer.user_origins;
    last.log_text = statement.verb == Verb::kWarn ? "" : std::move(answer.log_text);
  }
  // Nobody decided: that is a denial, in the words of the last statement.
  last.unauthenticated = missed;
  return {std::move(last), acl.span, std::nullopt, true};
}

}  // namespace

AclAnswer RunAcl(const Acl& acl, Run& run) {
  facts::Trace* trace = run.trace();
  if (trace == nullptr) return RunStatements(acl, run);
  const bool hidden =
      acl.hidden || (run.text_of != nullptr && expand::IsHidden(*run.text_of->program));
  const std::size_t id = BeginStep(*trace, acl, run);
  if (hidden) run.effects.session().trace = nullptr;
  AclAnswer answer = RunStatements(acl, run);
  run.effects.session().trace = trace;
  EndStep(*trace, id, answer, !hidden && run.may_show());
  return answer;
}

facts::Verdict Evaluate(const Rules& rules, AclWhen when, config::MatchContext& context,
                        Effects& effects) {
  effects.session().rates_of_command.clear();
  const Hook& hook = rules.rep().hooks[static_cast<std::size_t>(when)];
  Run run(rules.rep(), when, context, effects);
  const Acl* acl = nullptr;
  FoundAcl found_now;
  switch (hook.kind) {
    case Hook::kUnset:
      return Undecided(Unset(when), run);
    case Hook::kFixed:
      acl = &rules.rep().acls[hook.acl];
      break;
    case Hook::kExpanded: {
      auto found = FindByExpansion(*hook.option, run);
      if (!found.ok()) return Undecided(found.error(), run);
      found_now = std::move(found).value();
      acl = found_now.acl;
      if (found_now.text != nullptr) run.text_of = hook.option;
    }
  }
  facts::Verdict verdict = ToVerdict(RunAcl(*acl, run), when, effects);
  verdict.about_identity = run.about_identity || verdict.because_unauthenticated;
  // A text of its own may be gone before the verdict is.
  if (found_now.text != nullptr) verdict.where = hook.option->span;
  return verdict;
}

// --- calls by expansions -------------------------------------------------------------------

namespace {

// The ACL that may test what a phase offers.
AclWhen WhenIn(facts::Phase phase) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(AclWhen::kCount); ++i)
    if (PlaceOf(static_cast<AclWhen>(i)).phase == phase) return static_cast<AclWhen>(i);
  if (phase == facts::Phase::kAuth || phase == facts::Phase::kTls) return AclWhen::kAuth;
  return phase < facts::Phase::kMail ? AclWhen::kConnect : AclWhen::kQuit;
}

// $acl_arg1… and one level of the budget.
class CallScope {
 public:
  CallScope(config::MatchContext& context, Effects& effects, std::vector<Value> arguments)
      : budget_(context.budget), session_(effects.session()) {
    outer_ = std::exchange(session_.acl_args, std::move(arguments));
    --budget_.acl_depth;
  }
  ~CallScope() {
    session_.acl_args = std::move(outer_);
    ++budget_.acl_depth;
  }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  expand::Budget& budget_;
  facts::Session& session_;
  std::vector<Value> outer_;
};

expand::AclOutcome Complain(Effects& effects, std::string_view name, std::string_view why) {
  effects.LogWrite("panic",
                   "ACL " + Quoted(name) + " that an expansion calls: " + std::string(why));
  return {};
}

}  // namespace

expand::AclOutcome Call(const Rules& rules, std::string_view name, std::vector<Value> arguments,
                        config::MatchContext& context, Effects& effects) {
  using expand::AclOutcome;
  if (context.budget.acl_depth == 0)
    return Complain(effects, name, "ACL nested too deep: possible loop");
  std::shared_ptr<const Rules> text;
  const Acl* acl = nullptr;
  auto found = rules.rep().by_name.find(name);
  if (found != rules.rep().by_name.end()) {
    acl = &rules.rep().acls[found->second];
  } else {
    if (std::none_of(name.begin(), name.end(), IsSpace))
      return Complain(effects, name, "unknown ACL");
    std::string wrong;
    text = rules.rep().compiled_texts->Find(context.config, rules.rep(), name, &wrong);
    if (text == nullptr) return Complain(effects, name, wrong);
    acl = &text->rep().acls.back();
  }
  CallScope scope(context, effects, std::move(arguments));
  Run run(rules.rep(), WhenIn(context.session.phase), context, effects);
  Answer answer = RunAcl(*acl, run).answer;
  Value message(std::move(answer.user_text), answer.user_origins);
  switch (answer.kind) {
    case Answer::kTrue:
      return {AclOutcome::kAccept, std::move(message)};
    case Answer::kFalse:
      return {AclOutcome::kDeny, std::move(message)};
    case Answer::kDefer:
      return {AclOutcome::kDefer, {}};
    case Answer::kError:
      break;
  }
  return Complain(effects, name, answer.log_text);
}

}  // namespace signet::acl
