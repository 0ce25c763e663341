#include "src/auth/sasl.h"

#include "src/auth/call.h"
#include "src/auth/identity.h"
#include "src/auth/steps.h"
#include "src/base/limits.h"

namespace signet::auth {
namespace {

Call::World ForCall(const SaslWorld& world) {
  return {world.session, world.services, world.budget, world.log, world.worker};
}

Exchange::Step Done(facts::Auth auth) {
  Exchange::Step step;
  step.auth = std::move(auth);
  return step;
}

// Strings that are shown are on; what forced or deferred failure hides is no trouble.
bool AdvertiseCondition(const config::Authenticator& instance, Call& call, std::string* trouble) {
  if (!instance.server_advertise_condition) return true;
  const expand::Outcome outcome =
      call.Evaluate("server_advertise_condition", instance.server_advertise_condition);
  if (outcome) return expand::LaxTruth(outcome.value().text);
  const bool quiet =
      outcome.error().kind == FailureKind::kForced || outcome.error().lookup_deferred;
  if (!quiet)
    *trouble = "failed to expand server_advertise_condition for " + instance.name +
               " authenticator: " + outcome.error().text;
  return false;
}

}  // namespace

struct Exchange::Rep {
  Rep(const config::Authenticator& i, const SaslWorld& w)
      : step(w.session, i, true),
        instance(i),
        session(w.session),
        variables(w.session),
        call(i, ForCall(w)) {
    session.auth_numbers = true;
  }
  ~Rep() {
    const auto end = instance.driver->abi->end;
    if (end != nullptr) end(drivers::HostTable(), state);
  }

  AuthenticatorStep step;
  const config::Authenticator& instance;
  facts::Session& session;
  AuthVariables variables;
  Call call;
  void* state = nullptr;
};

Exchange::Exchange(const config::Authenticator& instance, SaslWorld world)
    : rep_(std::make_unique<Rep>(instance, world)) {}
Exchange::~Exchange() = default;

Exchange::Step Exchange::Respond(std::optional<std::string_view> response) {
  Step step = Next(response);
  if (step.done) rep_->step.Came(step.auth);
  return step;
}

Exchange::Step Exchange::Next(std::optional<std::string_view> response) {
  static const char kNothing[] = "";
  facts::Session& session = rep_->session;
  if (static_cast<std::size_t>(++session.auth_step) > limits::kAuthSteps) {
    facts::Auth auth;
    Fail(&auth, "the exchange has too many steps");
    return Done(std::move(auth));
  }
  signet_text text{};
  if (response) text = {response->empty() ? kNothing : response->data(), response->size()};
  const signet_verdict verdict = rep_->call.Step(&rep_->state, text);
  if (verdict == SIGNET_CONTINUE &&
      rep_->call.challenge().size() > limits::kAuthChallengeMaxBytes) {
    facts::Auth auth;
    Defer(&auth,
          "a challenge of " + std::to_string(rep_->call.challenge().size()) +
              " octets is over the limit",
          false);
    return Done(std::move(auth));
  }
  if (verdict == SIGNET_CONTINUE) {
    session.auth_challenge = rep_->call.challenge();
    Step step;
    step.done = false;
    step.challenge = rep_->call.challenge();
    return step;
  }
  Step step = Done(Conclude(rep_->instance, rep_->call, verdict));
  step.told = rep_->call.told();
  return step;
}

bool IsOffered(const config::Authenticator& instance, SaslWorld world, std::string* trouble) {
  Call call(instance, ForCall(world));
  return AdvertiseCondition(instance, call, trouble) && call.Offered();
}

const config::Authenticator* FindMechanism(const config::Config& config, std::string_view name) {
  for (const config::Authenticator& instance : config.authenticators)
    if (instance.driver != nullptr && instance.driver->advertised &&
        EqualsIgnoreCase(instance.public_name, name))
      return &instance;
  return nullptr;
}

facts::Auth Authorize(const config::Config& config, std::string_view wanted, SaslWorld world) {
  facts::Auth auth;
  const Value value(std::string(wanted), kFromClient);
  auth.fail_id = FailedIdentityOf(value);
  const auto refuse = [&](std::string_view why) {
    Fail(&auth, std::string(why) + ", known as " + world.session.auth.id);
    return auth;
  };
  if (!config.main.after_tls_authorize) return refuse("another identity than the certificate's");
  AuthVariables variables(world.session);
  world.session.auth_vars[0] = value;
  OptionStep step(world.session, "after_tls_authorize", config.main.after_tls_authorize);
  const expand::Outcome outcome = expand::Evaluate(*config.main.after_tls_authorize.program,
                                                   world.session, world.services, world.budget);
  step.Came(outcome);
  if (!outcome && outcome.error().kind != FailureKind::kForced) {
    Defer(&auth, Explain("after_tls_authorize", outcome.error()), outcome.error().lookup_deferred);
    return auth;
  }
  const expand::Truth truth =
      outcome ? expand::AuthTruth(outcome.value().text) : expand::Truth::kFalse;
  step.Says(truth == expand::Truth::kTrue    ? SIGNET_ACCEPT
            : truth == expand::Truth::kFalse ? SIGNET_REJECT
                                             : SIGNET_DEFER);
  if (truth == expand::Truth::kFalse) return refuse("after_tls_authorize says no");
  if (truth == expand::Truth::kInvalid) {
    Defer(&auth,
          "after_tls_authorize gave \"" + outcome.value().text + "\" where true or false is wanted",
          false);
    return auth;
  }
  auto id = IdentityOf(value);
  if (!id) return refuse(id.error());
  auth = world.session.auth;
  auth.id = std::move(id).value();
  auth.id_origins = kFromClient;
  auth.fail_id.clear();
  return auth;
}

}  // namespace signet::auth
