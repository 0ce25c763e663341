#include "expand/steps.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "expand/program.h"
#include "expand/query.h"
#include "expand/show.h"
#include "src/base/limits.h"
#include "src/crypto/certificate.h"
#include "src/facts/written.h"

namespace signet::expand {
namespace {

using facts::TraceStep;
using Kind = facts::TraceStep::Kind;
using StepOutcome = facts::TraceStep::Outcome;

StepOutcome YesOrNo(bool yes) { return yes ? StepOutcome::kYes : StepOutcome::kNo; }

// A directory may answer a mebibyte, and every part of an expression that has it copies it.
std::string Short(std::string_view text) {
  constexpr std::size_t kRoom = 48;  // for the words
  constexpr std::size_t kMost = limits::kTraceTextBytes - kRoom;
  std::string shown = facts::WithoutCredentials(text.substr(0, kMost));
  if (text.size() > kMost) shown += "... (" + std::to_string(text.size() - kMost) + " octets more)";
  return shown;
}

// What is not recorded is not copied: nobody would wipe it (rule A6).
std::string ShortIn(const facts::Trace& trace, std::string_view text) {
  if (!trace.discreet()) return Short(text);
  return text.empty() ? "" : facts::kHiddenValue;
}

std::string Shown(const facts::Trace& trace, const Datum& value) {
  if (!value.of_certificate_kind) return ShortIn(trace, value.text);
  if (value.certificate == nullptr) return "no certificate";
  const std::string& subject = value.certificate->subject_text();
  return "certificate of " + (subject.empty() ? "nobody by name" : subject);
}

// --- where values come from --------------------------------------------------------------------

struct FieldWords {
  std::string_view field, words;
};
constexpr std::array<FieldWords, 22> kFields = {{
    {"aki", "authority key identifier"},
    {"basic_constraints", "basic constraints"},
    {"crl_uri", "places of revocation lists"},
    {"eku", "extended key usage"},
    {"extension", "extension"},
    {"issuer", "issuer"},
    {"key_algorithm", "key algorithm"},
    {"key_bits", "size of the key"},
    {"key_usage", "key usage"},
    {"notafter", "end of validity"},
    {"notbefore", "begin of validity"},
    {"ocsp_uri", "places of OCSP"},
    {"policy", "policies"},
    {"serial_number", "serial number"},
    {"sid", "security identifier"},
    {"sig_algorithm", "signature algorithm"},
    {"signature", "signature"},
    {"ski", "subject key identifier"},
    {"spki_sha256", "SHA-256 of the public key"},
    {"subj_altname", "subject alternative name"},
    {"subject", "subject"},
    {"version", "version"},
}};

std::string_view WhoseCertificate(std::string_view variable) {
  if (variable.find("our") != variable.npos) return "our certificate";
  return variable.starts_with("tls_out") ? "certificate of the upstream" : "certificate";
}

// "certificate: subject alternative name (mail)".
std::string FieldOf(const Program::Rep& program, const Node& node) {
  std::string words(WhoseCertificate(program.node(program.child(node, 1)).text));
  if (node.field == nullptr) return words;
  const auto* found = std::find_if(kFields.begin(), kFields.end(), [&](const FieldWords& row) {
    return row.field == node.field->name;
  });
  words += ": ";
  words += found != kFields.end() ? found->words : node.field->name;
  if (!node.modifiers.kind.empty()) words += " (" + std::string(node.modifiers.kind) + ")";
  return words;
}

std::string OriginOf(const Program::Rep& program, const Node& node, const Datum& value) {
  if (node.kind == NodeKind::kItem && node.item->name == "certextract" && node.child_count == 2)
    return FieldOf(program, node);
  if (value.of_certificate_kind) return std::string(WhoseCertificate(node.text));
  return facts::WordsOf(value.origins());
}

// Its parts show the rest.
constexpr std::size_t kPartBytes = 100;

std::string Written(const Node& node) {
  const std::string_view text = node.span.view();
  if (node.kind == NodeKind::kCondition && node.negated)
    return facts::AsWritten("!" + std::string(text), kPartBytes);
  // Behind "def:", and as a comparison's argument, only the name stands.
  if (node.kind == NodeKind::kVariable && !text.starts_with('$'))
    return facts::AsWritten("$" + std::string(text), kPartBytes);
  return facts::AsWritten(text, kPartBytes);
}

// --- lookups -------------------------------------------------------------------------------------

std::string QueryOf(const LookupType& type, const LookupRequest& request) {
  if (!type.single_key)
    return Short(facts::WithoutCredentials(WithoutPasswords(request.query, type)));
  std::string query(request.key);
  std::replace(query.begin(), query.end(), '\0',
               '|');  // between the elements of a key that is a list
  return Short(query + " in " + std::string(request.query));
}

std::string AnswerOf(const facts::Trace& trace, const LookupAnswer& answer) {
  std::string text =
      answer.kind == LookupAnswer::kNotFound ? "not found" : ShortIn(trace, answer.text);
  if (answer.kind == LookupAnswer::kFound && !answer.entry.empty())
    text += (text.empty() ? "" : " ") + ("(entry " + answer.entry) + ")";
  if (answer.remembered) text += " (remembered)";
  return text;
}

StepOutcome OutcomeOf(const LookupAnswer& answer) {
  if (answer.kind == LookupAnswer::kDeferred) return StepOutcome::kLater;
  return YesOrNo(answer.kind == LookupAnswer::kFound);
}

std::int64_t MicrosecondsNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Ends the step of a lookup that began at `began`.
void EndLookup(facts::Trace& trace, std::size_t id, std::int64_t began,
               const LookupAnswer& answer) {
  if (TraceStep* step = trace.At(id)) step->microseconds = MicrosecondsNow() - began;
  const bool found = answer.kind == LookupAnswer::kFound;
  trace.End(id, OutcomeOf(answer), AnswerOf(trace, answer), found ? "directory" : "");
}

}  // namespace

std::string ShownPlace(SourceSpan span) {
  if (span.text == nullptr) return "";
  const std::string& name = span.text->name();
  return name == "expanded text" || name == "variable" || name == "pattern" ? "" : PlaceOf(span);
}

// --- parts of expressions ------------------------------------------------------------------------

bool LeavesStep(const Program::Rep& program, const Node& node) {
  switch (node.kind) {
    case NodeKind::kText:
    case NodeKind::kHole:
      return false;
    case NodeKind::kVariable:
      return node.text != "item";  // its step says it
    case NodeKind::kSequence:
      for (std::size_t n = 0; n < node.child_count; ++n)
        if (program.node(program.child(node, n)).kind != NodeKind::kText) return true;
      return false;
    default:
      return true;
  }
}

std::size_t BeginStep(const Evaluation& evaluation, const Node& node) {
  TraceStep step;
  step.kind = Kind::kExpression;
  step.what = Written(node);
  step.place = ShownPlace(evaluation.program.Original(node.span));
  return evaluation.trace->Begin(std::move(step));
}

namespace {

// Said once, where it happened.
std::string NewFailure(Evaluation& evaluation) {
  if (std::exchange(evaluation.failure_told, true)) return "";
  return Short(evaluation.failure().text);
}

StepOutcome OutcomeOf(const Failure& failure) {
  return failure.kind == FailureKind::kTemporary ? StepOutcome::kLater : StepOutcome::kFailed;
}

}  // namespace

void EndStep(Evaluation& evaluation, facts::Trace& trace, std::size_t id, const Node& node,
             bool good, const Datum& result) {
  if (!good) return trace.End(id, OutcomeOf(evaluation.failure()), NewFailure(evaluation));
  const auto outcome = std::exchange(evaluation.branch, StepOutcome::kNone);
  const bool branches = node.kind == NodeKind::kItem;
  trace.End(id, branches ? outcome : StepOutcome::kNone, Shown(trace, result),
            OriginOf(evaluation.program, node, result));
}

void EndTest(Evaluation& evaluation, facts::Trace& trace, std::size_t id, bool good, bool holds) {
  if (!good) return trace.End(id, OutcomeOf(evaluation.failure()), NewFailure(evaluation));
  trace.End(id, YesOrNo(holds), "");
}

bool IsAboutSecrets(const ConditionRow& condition) {
  return condition.name == "crypteq" || condition.name == CredentialsCondition().name ||
         condition.run == CredentialsCondition().run;
}

bool StandsInPassword(const Text* parts, std::size_t n) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < n; ++i) size += parts[i].text.size();
  std::string before;
  before.reserve(size);
  for (std::size_t i = 0; i < n; ++i) before += parts[i].text;
  const bool stands = facts::EndsInPassword(before);
  explicit_bzero(before.data(), before.size());  // one may be in it (rule A6)
  return stands;
}

void ElementStep::Begin(const Text& element) {
  TraceStep step;
  step.kind = Kind::kExpression;
  step.what = "$item";
  step.value = ShortIn(*trace_, element.text);
  step.from = facts::WordsOf(element.origins());
  id_ = trace_->Begin(std::move(step));
}

LookupAnswer LookUp(facts::Trace* trace, Services& services, const LookupType& type,
                    const LookupRequest& request, SourceSpan where) {
  if (trace == nullptr) return services.Lookup(request);
  TraceStep step;
  step.kind = Kind::kLookup;
  step.what = type.name;
  step.query = trace->discreet() ? facts::kHiddenValue : QueryOf(type, request);
  step.place = ShownPlace(where);
  const std::size_t id = trace->Begin(std::move(step));
  const std::int64_t began = MicrosecondsNow();
  LookupAnswer answer = services.Lookup(request);
  EndLookup(*trace, id, began, answer);
  return answer;
}

LookupAnswer TestCredentials(facts::Trace* trace, Services& services, const LookupType& type,
                             std::string_view query, SourceSpan where) {
  if (trace == nullptr) return services.AuthenticateBy(type.handle, query);
  const facts::Discretion discretion(trace);
  TraceStep step;
  step.kind = Kind::kLookup;
  step.what = type.name;
  step.query = facts::kHiddenValue;
  step.place = ShownPlace(where);
  const std::size_t id = trace->Begin(std::move(step));
  const std::int64_t began = MicrosecondsNow();
  LookupAnswer answer = services.AuthenticateBy(type.handle, query);
  EndLookup(*trace, id, began, answer);
  return answer;
}

void AddItem(facts::Trace& trace, std::string_view item, bool negated, bool holds, bool later) {
  TraceStep step;
  step.kind = Kind::kExpression;
  step.outcome = later ? StepOutcome::kLater : YesOrNo(holds);
  step.what = "item of the list";
  step.value = (negated ? "!" : "") + Short(item);
  trace.Add(std::move(step));
}

// --- what may be shown ---------------------------------------------------------------------------

namespace {

// Whether a variable of ACLs holds what a client has said: that may be a password, or come from
// a message before this one. Which of it is, a copy cannot say.
bool MayBeSecret(std::string_view variable, const facts::Session& session) {
  if (!variable.starts_with("acl_")) return false;
  const Value* value = nullptr;
  if (variable.starts_with("acl_c") || variable.starts_with("acl_m")) {
    const auto& variables = variable[4] == 'c' ? session.acl_c : session.acl_m;
    const auto found = variables.find(variable);
    if (found != variables.end()) value = &found->second;
  } else if (variable.starts_with("acl_arg") && variable.size() == 8) {
    const auto number = static_cast<std::size_t>(variable[7] - '1');
    if (number < session.acl_args.size()) value = &session.acl_args[number];
  }
  return value != nullptr && (value->origins() & kFromClient) != 0;
}

}  // namespace

void Hide(const Program& program) { ProgramAccess::Of(program).hidden = true; }
bool IsHidden(const Program& program) { return ProgramAccess::Of(program).hidden; }

bool MayShow(const facts::Session& session) {
  const facts::Envelope& envelope = session.envelope;
  if (session.phase < facts::Phase::kData) return true;
  // Where a message goes is asked before there is one.
  return session.phase != facts::Phase::kData && !envelope.headers_read &&
         envelope.headers.empty() && envelope.body_start.empty() && envelope.body_end.empty();
}

bool MayShow(const Program& program, const facts::Session& session) {
  const Program::Rep& rep = ProgramAccess::Of(program);
  if (rep.hidden || !MayShow(session)) return false;
  return std::none_of(rep.nodes.begin(), rep.nodes.end(), [&](const Node& node) {
    return node.kind == NodeKind::kVariable && MayBeSecret(node.text, session);
  });
}

}  // namespace signet::expand
