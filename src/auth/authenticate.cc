#include "src/auth/authenticate.h"

#include <signet/driver.h>

#include <deque>

#include "drivers/host/host_api.h"
#include "src/auth/identity.h"

namespace signet::auth {
namespace {

using facts::AuthResult;

// What went wrong with an expression, for the log.
std::string Explain(std::string_view option, const Failure& failure) {
  std::string text(option);
  text += failure.kind == FailureKind::kForced ? " was forced to fail" : ": " + failure.text;
  if (const std::string place = PlaceOf(failure.span); !place.empty()) text += " (" + place + ")";
  return text;
}

// $auth1 … $auth4 exist while an authenticator runs, and not before or after (I15).
class AuthVariables {
 public:
  explicit AuthVariables(facts::Session& session) : session_(session) { Clear(); }
  ~AuthVariables() { Clear(); }
  AuthVariables(const AuthVariables&) = delete;
  AuthVariables& operator=(const AuthVariables&) = delete;

 private:
  void Clear() {
    for (Value& value : session_.auth_vars) value = Value();
  }
  facts::Session& session_;
};

// One run of an authenticator, as its driver sees it. It keeps the worst that happened,
// so that a driver cannot make more of the result than its expressions did.
class Call final : public signet_call {
 public:
  Call(const config::Authenticator& instance, facts::Session& session, expand::Services& services,
       expand::Budget& budget, signet::Log* log)
      : instance_(instance), session_(session), services_(services), budget_(budget), log_(log) {}

  signet_expanded Expand(std::uint32_t option, const signet_value** value) override;
  bool OptionText(std::uint32_t option, std::string_view* text) override;
  bool OptionNumber(std::uint32_t option, std::int64_t* number) override;
  void SetAuth(std::uint32_t number, const Value& value) override {
    session_.auth_vars[number - 1] = value;
  }
  signet_verdict CheckCondition() override;
  void Reason(std::string_view text) override { reason_ = text; }
  void Challenge(std::string_view) override {}  // there is no dialogue after a handshake
  void Log(std::string_view line) override {
    if (log_ != nullptr) log_->Main(instance_.name + " authenticator: " + Printable(line));
  }

  // Asks the driver, then narrows (rules I1, I14, P5).
  signet_verdict Run();

  const std::string& reason() const { return reason_; }
  bool lookup_deferred() const { return lookup_deferred_; }
  expand::Outcome Evaluate(const config::Expanded& option) {
    return expand::Evaluate(*option.program, session_, services_, budget_);
  }

 private:
  std::string_view OptionName(std::uint32_t option) const;
  signet_expanded Record(std::string_view option, const Failure& failure);
  signet_verdict Condition();

  const config::Authenticator& instance_;
  facts::Session& session_;
  expand::Services& services_;
  expand::Budget& budget_;
  signet::Log* log_;
  std::deque<signet_value> values_;  // a deque: drivers hold pointers into it
  std::string reason_;
  bool failed_ = false;  // some expression failed, and was not forced to
  bool forced_ = false;  // some expression was forced to fail
  bool lookup_deferred_ = false;
  bool condition_checked_ = false;
  signet_verdict condition_ = SIGNET_ACCEPT;
};

std::string_view Call::OptionName(std::uint32_t option) const {
  const auto& rows = instance_.driver->options;
  return option < rows.size() ? std::string_view(rows[option].name) : "unknown option";
}

signet_expanded Call::Record(std::string_view option, const Failure& failure) {
  reason_ = Explain(option, failure);
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

signet_expanded Call::Expand(std::uint32_t option, const signet_value** value) {
  if (option >= instance_.options.size() || !instance_.options[option].expanded)
    return SIGNET_UNSET;
  expand::Outcome outcome = Evaluate(instance_.options[option].expanded);
  if (!outcome) return Record(OptionName(option), outcome.error());
  *value = &values_.emplace_back(signet_value{std::move(outcome).value()});
  return SIGNET_EXPANDED;
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

signet_verdict Call::Condition() {
  if (!instance_.server_condition) return SIGNET_ACCEPT;
  const expand::Outcome outcome = Evaluate(instance_.server_condition);
  if (!outcome)
    return Record("server_condition", outcome.error()) == SIGNET_FORCED_FAIL ? SIGNET_REJECT
                                                                             : SIGNET_DEFER;
  switch (expand::AuthTruth(outcome.value().text)) {
    case expand::Truth::kTrue:
      return SIGNET_ACCEPT;
    case expand::Truth::kFalse:
      return SIGNET_REJECT;
    case expand::Truth::kInvalid:
      break;
  }
  failed_ = true;
  reason_ = "server_condition gave \"" + Printable(outcome.value().text) +
            "\" where true or false is wanted";
  return SIGNET_DEFER;
}

signet_verdict Call::CheckCondition() {
  condition_checked_ = true;
  condition_ = Condition();
  return condition_;
}

signet_verdict Call::Run() {
  signet_verdict verdict = instance_.driver->abi->authenticate(drivers::HostTable(), this);
  if (verdict != SIGNET_ACCEPT && verdict != SIGNET_REJECT) return SIGNET_DEFER;
  if (verdict == SIGNET_ACCEPT && !forced_ && !failed_ && !condition_checked_) CheckCondition();
  if (failed_) return SIGNET_DEFER;
  if (forced_) return SIGNET_REJECT;
  return verdict == SIGNET_ACCEPT ? condition_ : verdict;
}

// The log line's part behind "NAME authenticator failed for H=…: ".
std::string Line(std::string_view reply, const facts::Auth& auth, std::string_view reason) {
  std::string line(reply);
  if (!auth.fail_id.empty()) line += " (set_id=" + auth.fail_id + ")";
  if (!reason.empty()) line += ": " + std::string(reason);
  return line;
}

void Fail(facts::Auth* auth, std::string_view reason) {
  auth->result = AuthResult::kFailed;
  auth->reason = Line("535 Incorrect authentication data", *auth, reason);
}

void Defer(facts::Auth* auth, std::string_view reason, bool lookup_deferred) {
  auth->result = AuthResult::kDeferred;
  auth->reason = Line("435 Unable to authenticate at present", *auth,
                      reason.empty() ? "the driver gave no reason" : reason);
  auth->deferred_class = lookup_deferred ? "directory not available" : "local problem";
}

void Succeed(facts::Auth* auth, const config::Authenticator& instance, const Value& value) {
  auto id = IdentityOf(value);
  if (!id) {
    auth->fail_id = FailedIdentityOf(value);
    return Fail(auth, id.error());
  }
  auth->result = AuthResult::kAuthenticated;
  auth->authenticator = instance.name;
  auth->public_name = instance.name;
  auth->id = std::move(id).value();
  auth->id_origins = value.origins();
}

// server_set_id is expanded whatever the verdict was: then it names who failed.
facts::Auth Conclude(const config::Authenticator& instance, Call& call, signet_verdict verdict) {
  facts::Auth auth;
  expand::Outcome set_id = Value();
  if (instance.server_set_id) set_id = call.Evaluate(instance.server_set_id);
  if (verdict == SIGNET_ACCEPT) {
    if (!instance.server_set_id)
      Fail(&auth, "server_set_id is not set, so that there is no identity");
    else if (!set_id)
      Defer(&auth, Explain("server_set_id", set_id.error()), set_id.error().lookup_deferred);
    else
      Succeed(&auth, instance, set_id.value());
    return auth;
  }
  if (set_id) auth.fail_id = FailedIdentityOf(set_id.value());
  if (verdict == SIGNET_REJECT)
    Fail(&auth, call.reason());
  else
    Defer(&auth, call.reason(), call.lookup_deferred());
  return auth;
}

// What a session must have before any expression is looked at (I1, I18, I19): "" or why
// its certificate is none for us.
std::string WhyUnfit(const crypto::Certificate& certificate) {
  if (!certificate.within_limits()) return "names in the certificate are over a limit";
  if (certificate.is_ca()) return "the certificate may sign certificates: it is not a client's";
  return "";
}

// Whether this certificate was revoked cannot be known now: not a no for good (rule C3).
facts::Auth DeferUnverified(const facts::Tls& tls) {
  facts::Auth auth;
  Defer(&auth, tls.verify_reason, false);
  auth.deferred_class = "revocation information not available";
  return auth;
}

}  // namespace

const config::Authenticator* FindAfterTls(const config::Config& config) {
  for (const config::Authenticator& instance : config.authenticators)
    if (instance.driver != nullptr && instance.driver->after_tls) return &instance;
  return nullptr;
}

facts::Auth AuthenticateAfterTls(const config::Config& config, facts::Session& session,
                                 expand::Services& services, expand::Budget& budget, Log* log) {
  const config::Authenticator* instance = FindAfterTls(config);
  const facts::Tls& tls = session.tls;
  if (instance == nullptr || !tls.active || tls.peer == nullptr) return {};
  if (!tls.verified) return tls.verify_deferred ? DeferUnverified(tls) : facts::Auth{};
  if (const std::string why = WhyUnfit(*tls.peer); !why.empty()) {
    facts::Auth auth;
    Fail(&auth, why);
    return auth;
  }
  AuthVariables variables(session);
  Call call(*instance, session, services, budget, log);
  const signet_verdict verdict = call.Run();
  return Conclude(*instance, call, verdict);
}

}  // namespace signet::auth
