#include "src/auth/call.h"

#include <string.h>

#include <algorithm>

#include "expand/list.h"
#include "src/auth/identity.h"
#include "src/auth/steps.h"
#include "src/auth/unsecret.h"
#include "src/base/limits.h"

namespace signet::auth {
namespace {

using facts::AuthResult;

void Wipe(Value* value) {
  explicit_bzero(value->text.data(), value->text.size());
  for (std::string& element : value->elements) explicit_bzero(element.data(), element.size());
  *value = Value();
}

// The log line's part behind "NAME authenticator failed for H=…: ".
std::string Line(std::string_view reply, const facts::Auth& auth, std::string_view reason) {
  std::string line(reply);
  if (!auth.fail_id.empty()) line += " (set_id=" + auth.fail_id + ")";
  if (!reason.empty()) line += ": " + std::string(reason);
  return line;
}

}  // namespace

void AuthVariables::Clear() {
  for (Value& value : session_.auth_vars) Wipe(&value);
  Wipe(&session_.auth_matched);
  Wipe(&session_.auth_pinned);
  Wipe(&session_.auth_state);
  session_.auth_challenge.clear();
  session_.auth_step = 0;
  session_.auth_numbers = false;
}

// What went wrong with an expression, for the log.
std::string Explain(std::string_view option, const Failure& failure) {
  std::string text(option);
  text += failure.kind == FailureKind::kForced ? " was forced to fail" : ": " + failure.text;
  if (const std::string place = PlaceOf(failure.span); !place.empty()) text += " (" + place + ")";
  return text;
}

std::string_view Call::OptionName(std::uint32_t option) const {
  const auto& rows = instance_.driver->options;
  return option < rows.size() ? std::string_view(rows[option].name) : "unknown option";
}

// What the client typed, but for what is known to be a name.
std::vector<std::string_view> Call::Secrets() const {
  std::vector<std::string_view> secrets;
  if (!instance_.driver->advertised) return secrets;
  const auto& strings = session_.auth_vars;
  if (public_name_ == "PLAIN") return {strings[2].text};
  if (public_name_ == "LOGIN") return {strings[1].text};
  const bool free = instance_.driver->name == "plaintext" || instance_.driver->name == "sasl";
  for (const Value& string : strings)
    if ((free || &string != strings) && (string.origins() & kFromClient) != 0)
      secrets.push_back(string.text);
  if ((session_.auth_state.origins() & kFromClient) != 0)
    secrets.push_back(session_.auth_state.text);
  return secrets;
}

std::string Call::Unsecret(std::string_view text) const { return WithoutSecrets(text, Secrets()); }

std::string Call::Explained(std::string_view option, const Failure& failure) const {
  Failure shown = failure;
  shown.text = Unsecret(failure.text);
  return Explain(option, shown);
}

signet_expanded Call::Record(std::string_view option, const Failure& failure) {
  reason_ = Explained(option, failure);
  lookup_deferred_ = lookup_deferred_ || failure.lookup_deferred;
  switch (failure.kind) {
    case FailureKind::kForced:
      forced_ = true;
      return SIGNET_FORCED_FAIL;
    case FailureKind::kTemporary:
      failed_ = true;
      return SIGNET_TEMPORARY_FAIL;
    case FailureKind::kPermanent:
      failed_ = true;
      return SIGNET_PERMANENT_FAIL;
  }
  failed_ = true;
  return SIGNET_TEMPORARY_FAIL;
}

expand::Outcome Call::Evaluate(std::string_view name, const config::Expanded& option) {
  OptionStep step(session_, name, option);
  const Quietly quietly(session_);
  expand::Outcome outcome =
      expand::Evaluate(*option.program, session_, world_.services, world_.budget);
  step.Came(outcome);
  return outcome;
}

signet_expanded Call::Expand(std::uint32_t option, const signet_value** value) {
  if (option >= instance_.options.size() || !instance_.options[option].expanded)
    return SIGNET_UNSET;
  expand::Outcome outcome = Evaluate(OptionName(option), instance_.options[option].expanded);
  if (!outcome) return Record(OptionName(option), outcome.error());
  *value = &values_.emplace_back(signet_value{std::move(outcome).value()});
  return SIGNET_EXPANDED;
}

// What options gave may be passwords (rule A6).
void Call::WipeValues() {
  for (signet_value& value : values_) Wipe(&value.value);
  values_.clear();
}

void Call::SetAuth(std::uint32_t number, const Value& value) {
  Value& variable = session_.auth_vars[number - 1];
  if (&variable == &value) return;
  Wipe(&variable);
  variable = value;
  if (session_.trace != nullptr && !session_.trace->discreet())
    AddVariable(session_.trace, "$auth" + std::to_string(number), variable);
}

bool Call::OptionText(std::uint32_t option, std::string_view* text) {
  if (option >= instance_.options.size()) return false;
  const auto& set = instance_.options[option];
  if (!set.set && instance_.driver->options[option].default_text.empty()) return false;
  *text = set.set ? set.text : instance_.driver->options[option].default_text;
  return true;
}

bool Call::OptionNumber(std::uint32_t option, std::int64_t* number) {
  if (option >= instance_.options.size()) return false;
  const auto& set = instance_.options[option];
  if (!set.set && instance_.driver->options[option].default_text.empty()) return false;
  *number = set.number;
  return true;
}

// A word that is neither yes nor no tells nobody anything.
signet_verdict Call::Judge(std::string_view option, const expand::Outcome& outcome,
                           expand::Truth (*truth)(std::string_view)) {
  if (!outcome)
    return Record(option, outcome.error()) == SIGNET_FORCED_FAIL ? SIGNET_REJECT : SIGNET_DEFER;
  switch (truth(outcome.value().text)) {
    case expand::Truth::kTrue:
      return SIGNET_ACCEPT;
    case expand::Truth::kFalse:
      return SIGNET_REJECT;
    case expand::Truth::kInvalid:
      break;
  }
  failed_ = true;
  reason_ = Unsecret(std::string(option) + " gave \"" + Printable(outcome.value().text) +
                     "\" where true or false is wanted");
  return SIGNET_DEFER;
}

signet_verdict Call::Matches(const expand::ListElement& element) {
  MatchStep step(session_, element);
  const signet_verdict verdict =
      Judge("server_match",
            expand::EvaluateForItem(*instance_.server_match.program, element, session_,
                                    world_.services, world_.budget),
            expand::AclTruth);
  step.Says(verdict);
  return verdict;
}

// Exactly one (rule I12): of two, nobody could say which is meant. All are asked, so that a
// directory that does not answer is not taken for one that says no (rule I14).
signet_verdict Call::FindMatch() {
  const std::vector<expand::ListElement> elements = expand::SplitList(session_.auth_vars[0]);
  const expand::ListElement* matched = nullptr;
  std::size_t matches = 0;
  for (const expand::ListElement& element : elements) {
    const signet_verdict verdict = Matches(element);
    if (verdict == SIGNET_ACCEPT) {
      matched = &element;
      ++matches;
    } else if (verdict == SIGNET_DEFER || forced_) {
      return verdict;
    }
  }
  if (matches != 1) {
    reason_ = "server_match is true for " + (matches == 0 ? "none" : std::to_string(matches)) +
              " of the " + std::to_string(elements.size()) + " elements of $auth1";
    return SIGNET_REJECT;
  }
  session_.auth_matched = Value(matched->text, matched->origins);
  if (!matched->segments.empty()) session_.auth_matched.segments = matched->segments;
  return SIGNET_ACCEPT;
}

signet_verdict Call::Condition() {
  session_.auth_matched = {};
  if (instance_.server_match) {
    OptionStep step(session_, "server_match", instance_.server_match);
    const signet_verdict verdict = FindMatch();
    step.Says(verdict, verdict == SIGNET_ACCEPT ? session_.auth_matched.text : reason_);
    if (verdict != SIGNET_ACCEPT) return verdict;
  }
  if (!instance_.server_condition) return SIGNET_ACCEPT;
  OptionStep step(session_, "server_condition", instance_.server_condition);
  const Quietly quietly(session_);
  const expand::Outcome outcome = expand::Evaluate(*instance_.server_condition.program, session_,
                                                   world_.services, world_.budget);
  const signet_verdict verdict = Judge("server_condition", outcome, expand::AuthTruth);
  step.Came(outcome);
  step.Says(verdict);
  const bool tell = outcome && verdict == SIGNET_DEFER;
  if (tell && outcome.value().origins() == kFromAdministrator)
    told_ = Printable(outcome.value().text);
  return verdict;
}

signet_verdict Call::CheckCondition() {
  condition_checked_ = true;
  condition_ = Condition();
  return condition_;
}

signet_expanded Call::Variable(std::string_view name, const signet_value** value) {
  const Quietly quietly(session_);
  expand::Outcome outcome =
      expand::EvaluateVariable(name, session_, world_.services, world_.budget);
  if (!outcome)
    return outcome.error().kind == FailureKind::kPermanent ? SIGNET_UNSET : SIGNET_TEMPORARY_FAIL;
  *value = &values_.emplace_back(signet_value{std::move(outcome).value()});
  return SIGNET_EXPANDED;
}

bool Call::Advertised(std::string_view mechanism) {
  for (const std::string& offered : session_.auth_offered)
    if (EqualsIgnoreCase(offered, mechanism)) return true;
  return false;
}

bool Call::ChannelBinding(std::string_view type, std::string_view* octets) {
  if (type != "tls-exporter" || !session_.tls.active || session_.tls.exporter.empty()) return false;
  *octets = session_.tls.exporter;
  return true;
}

void Call::Log(std::string_view line) {
  if (world_.log != nullptr)
    world_.log->Main(instance_.name + " authenticator: " + Printable(line));
}

// A part of the value is text with all of its origins.
void Call::Identity(const Value& value, std::size_t from) {
  identity_ = Value(value.text.substr(std::min(from, value.text.size())), value.origins());
}

const signet_value* Call::List(const signet_value& value) {
  std::pmr::monotonic_buffer_resource arena;
  expand::Elements elements(&arena);
  Value list = value.value;
  list.is_list = true;
  list.element_origins = list.origins();
  if (!expand::Split({value.value.text, value.value.segments}, limits::kListMaxElements, &arena,
                     &elements, &list.separator))
    return nullptr;
  for (const expand::Text& element : elements) list.elements.emplace_back(element.text);
  return &values_.emplace_back(signet_value{std::move(list)});
}

// The worst that happened counts.
signet_verdict Call::Narrow(signet_verdict verdict) {
  if (verdict != SIGNET_ACCEPT && verdict != SIGNET_REJECT) return SIGNET_DEFER;
  if (verdict == SIGNET_ACCEPT && !forced_ && !failed_ && !condition_checked_) CheckCondition();
  if (failed_) return SIGNET_DEFER;
  if (forced_) return SIGNET_REJECT;
  return verdict == SIGNET_ACCEPT ? condition_ : verdict;
}

signet_verdict Call::Run() {
  return Narrow(instance_.driver->abi->authenticate(drivers::HostTable(), this));
}

signet_verdict Call::Step(void** state, signet_text response) {
  challenge_.clear();
  const signet_verdict verdict =
      instance_.driver->abi->step(drivers::HostTable(), this, state, response);
  WipeValues();
  // A forced failure lets an exchange go on, so that an unknown account has as many steps as
  // a known one (rule A4); it is remembered, and no later step accepts.
  if (verdict == SIGNET_CONTINUE && !failed_) return verdict;
  return Narrow(verdict);
}

bool Call::ReadUnprovedCertificate() const {
  const facts::Tls& tls = session_.tls;
  return world_.budget.peer_certificate_read && tls.peer != nullptr && !tls.verified;
}

bool Call::Offered() {
  const auto offered = instance_.driver->abi->offered;
  return offered == nullptr || offered(drivers::HostTable(), this) != 0;
}

std::optional<expand::Outcome> Call::Identity() {
  if (instance_.server_set_id) return Evaluate("server_set_id", instance_.server_set_id);
  if (identity_) return expand::Outcome(*identity_);
  return std::nullopt;
}

void Fail(facts::Auth* auth, std::string_view reason) {
  auth->result = AuthResult::kFailed;
  auth->reason = Line(kFailedReply, *auth, reason);
}

void Defer(facts::Auth* auth, std::string_view reason, bool lookup_deferred) {
  auth->result = AuthResult::kDeferred;
  auth->reason = Line(kDeferredReply, *auth, reason.empty() ? "the driver gave no reason" : reason);
  auth->deferred_class = lookup_deferred ? "directory not available" : "local problem";
}

namespace {

void Succeed(facts::Auth* auth, const config::Authenticator& instance, const Value& value) {
  auto id = IdentityOf(value);
  if (!id) {
    auth->fail_id = FailedIdentityOf(value);
    return Fail(auth, id.error());
  }
  auth->result = AuthResult::kAuthenticated;
  auth->authenticator = instance.name;
  auth->public_name = instance.driver->after_tls ? instance.name : Upper(instance.public_name);
  auth->id = std::move(id).value();
  auth->id_origins = value.origins();
}

}  // namespace

namespace {

// Whoever shows a certificate of his own making can put any name into it: a mechanism whose
// expressions read it authenticates nobody, whatever they say of it (rule I1).
void RefuseUnproved(facts::Auth* auth, const facts::Tls& tls) {
  const std::string why = "the certificate that was looked at did not verify: " + tls.verify_reason;
  if (tls.verify_deferred)
    Defer(auth, why, false);
  else
    Fail(auth, why);
}

}  // namespace

facts::Auth Conclude(const config::Authenticator& instance, Call& call, signet_verdict verdict) {
  facts::Auth auth;
  const std::optional<expand::Outcome> identity = call.Identity();
  const bool unproved = instance.driver->advertised && call.ReadUnprovedCertificate();
  if (verdict == SIGNET_ACCEPT && unproved) {
    RefuseUnproved(&auth, call.tls());
    return auth;
  }
  if (verdict == SIGNET_ACCEPT) {
    if (!identity)
      Fail(&auth, "server_set_id is not set, so that there is no identity");
    else if (!*identity)
      Defer(&auth, call.Explained("server_set_id", identity->error()),
            identity->error().lookup_deferred);
    else
      Succeed(&auth, instance, identity->value());
    return auth;
  }
  if (identity && *identity) auth.fail_id = FailedIdentityOf(identity->value());
  if (verdict == SIGNET_REJECT)
    Fail(&auth, call.reason());
  else
    Defer(&auth, call.reason(), call.lookup_deferred());
  return auth;
}

}  // namespace signet::auth
