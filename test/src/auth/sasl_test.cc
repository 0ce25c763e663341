#include "src/auth/sasl.h"

#include <gtest/gtest.h>
#include <signet/driver_cpp.h>

#include "src/auth/failures.h"
#include "src/base/limits.h"
#include "test/support/fake_world.h"

namespace signet::auth {
namespace {

using driver::Text;
using driver::View;
using facts::AuthResult;

// A mechanism that does what its client says, word by word: "ask X", "accept", "reject",
// "defer", "expand" (server_prompt, and accepts), "ask-after-expand".
int ended = 0;
std::string last_response;

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  static int kState = 0;
  *state = &kState;
  if (response.data == nullptr) return host->challenge(call, Text("first")), SIGNET_CONTINUE;
  const std::string word(View(response));
  last_response = word;
  host->set_auth_text(call, 1, response);
  if (word.starts_with("ask ")) {
    host->challenge(call, Text(std::string_view(word).substr(4)));
    return SIGNET_CONTINUE;
  }
  const signet_value* value = nullptr;
  if (word.find("expand") != word.npos) host->expand(call, 0, &value);
  if (word == "ask-after-expand") return SIGNET_CONTINUE;
  if (value != nullptr) host->identity(call, value, 2), host->set_state(call, value);
  if (word == "reject") return host->reason(call, Text("because")), SIGNET_REJECT;
  return word == "defer" ? SIGNET_DEFER : word == "nonsense" ? signet_verdict(77) : SIGNET_ACCEPT;
}
void End(const signet_host*, void* state) noexcept {
  if (state != nullptr) ++ended;
}
int Offered(const signet_host* host, signet_call* call) noexcept {
  signet_text binding;
  return host->channel_binding(call, Text("tls-exporter"), &binding);
}

const signet_option kOptions[] = {
    {SIGNET_TEXT("server_prompt"), SIGNET_OPTION_EXPANDED, 0, {}, {}, SIGNET_TEXT("a text")}};

signet_auth_driver MakeDriver(const char* name) {
  signet_auth_driver made{};
  made.abi_version = SIGNET_ABI_VERSION;
  made.size = sizeof made;
  made.flags = SIGNET_AUTH_ADVERTISED;
  made.name = Text(name);
  made.manual = Text("does as it is told");
  made.options = kOptions;
  made.option_count = 1;
  made.option_size = sizeof kOptions[0];
  made.step = Step;
  made.end = End;
  return made;
}

struct Session {
  explicit Session(const std::string& options, const std::string& main = "") {
    static const signet_auth_driver told = MakeDriver("told");
    static const signet_auth_driver bound = [] {
      signet_auth_driver made = MakeDriver("bound");
      made.offered = Offered;
      return made;
    }();
    registry = drivers::Registry::MakeBuiltin();
    EXPECT_TRUE(registry->Add(&told).ok() && registry->Add(&bound).ok());
    auto loaded = config::LoadText(
        "test.conf", main + "begin authenticators\nmech:\n  driver = told\n" + options, {},
        *registry);
    for (const Diagnostic& diagnostic : loaded.diagnostics)
      if (diagnostic.severity == Severity::kError) ADD_FAILURE() << Render(diagnostic);
    config = loaded.config;
  }
  SaslWorld World() { return {session, services, budget}; }
  Exchange Begin() { return Exchange(config->authenticators[0], World()); }
  Exchange::Step Say(std::string_view word) { return Begin().Respond(word); }

  std::unique_ptr<drivers::Registry> registry;
  config::ConfigPtr config;
  facts::Session session;
  test::FakeServices services;
  expand::Budget budget;
};

constexpr char kSetId[] = "  server_set_id = $auth1\n";

TEST(Exchange, AStepThatAsksGoesOnAndOneThatAcceptsEndsIt) {
  Session s("  server_set_id = id of $auth1$1\n");
  ended = 0;
  {
    Exchange exchange = s.Begin();
    Exchange::Step step = exchange.Respond(std::nullopt);
    EXPECT_FALSE(step.done);
    EXPECT_EQ(step.challenge, "first");
    EXPECT_EQ(s.session.auth_challenge, "first");
    EXPECT_EQ(s.session.auth_step, 1);
    step = exchange.Respond("ask \x01\xff");
    EXPECT_EQ(step.challenge, "\x01\xff");
    step = exchange.Respond("accept");
    ASSERT_TRUE(step.done);
    EXPECT_EQ(step.auth.result, AuthResult::kAuthenticated) << step.auth.reason;
    EXPECT_EQ(step.auth.id, "id of acceptaccept");
    EXPECT_EQ(step.auth.authenticator, "mech");
    EXPECT_EQ(step.auth.public_name, "MECH");
    EXPECT_EQ(ended, 0);
  }
  EXPECT_EQ(ended, 1);
}

TEST(RuleI15, NothingOfAnExchangeIsLeftBehind) {
  Session s("  server_prompt = kept\n  server_set_id = x\n");
  {
    Exchange exchange = s.Begin();
    (void)exchange.Respond("ask more");
    (void)exchange.Respond("expand");
    EXPECT_EQ(s.session.auth_state.text, "kept");
  }
  EXPECT_EQ(s.session.auth_vars[0].text, "");
  EXPECT_EQ(s.session.auth_state.text, "");
  EXPECT_EQ(s.session.auth_challenge, "");
  EXPECT_EQ(s.session.auth_step, 0);
  EXPECT_FALSE(s.session.auth_numbers);
}

TEST(Exchange, ADriverCannotMakeMoreOfItThanTheExpressionsDid) {
  const struct {
    const char *options, *word;
    AuthResult result;
  } rows[] = {
      {"", "accept", AuthResult::kAuthenticated},
      {"  server_condition = no\n", "accept", AuthResult::kFailed},
      {"  server_condition = perhaps\n", "accept", AuthResult::kDeferred},
      {"  server_condition = ${if eq{a}{b}{x}fail}\n", "accept", AuthResult::kFailed},
      {"", "reject", AuthResult::kFailed},
      {"", "defer", AuthResult::kDeferred},
      {"", "nonsense", AuthResult::kDeferred},
      {"  server_prompt = ${if eq{$auth1}{}{x}fail}\n", "expand", AuthResult::kFailed},
      {"  server_prompt = ${eval:$auth1}\n", "expand", AuthResult::kDeferred},
      {"  server_prompt = ${eval:$auth1}\n", "ask-after-expand", AuthResult::kDeferred},
  };
  for (const auto& row : rows) {
    Session s(std::string(row.options) + kSetId);
    const Exchange::Step step = s.Say(row.word);
    EXPECT_TRUE(step.done);
    EXPECT_EQ(step.auth.result, row.result) << row.options << row.word << ": " << step.auth.reason;
  }
}

TEST(RuleA4, AForcedFailureIsOnlyToldAtTheEnd) {
  Session s(std::string("  server_prompt = ${if eq{$auth1}{}{x}fail}\n") + kSetId);
  Exchange exchange = s.Begin();
  EXPECT_FALSE(exchange.Respond("ask-after-expand").done);
  EXPECT_EQ(exchange.Respond("accept").auth.result, AuthResult::kFailed);
}

TEST(Exchange, WhatTheConditionGaveIsToldUnlessAnOutsiderHasAPartInIt) {
  EXPECT_EQ(Session(std::string("  server_condition = on holiday\n") + kSetId).Say("accept").told,
            "on holiday");
  EXPECT_EQ(Session(std::string("  server_condition = on $auth1\n") + kSetId).Say("accept").told,
            "");
}

TEST(Exchange, TheMechanismsIdentityCountsWhereServerSetIdIsNotSet) {
  Session own("  server_prompt = ok$auth1\n");
  EXPECT_EQ(own.Say("expand").auth.id, "expand");
  Session none("");
  EXPECT_EQ(none.Say("accept").auth.reason,
            "535 Incorrect authentication data: server_set_id is not set, so that there is no "
            "identity");
  Session empty("  server_prompt = ok\n");
  EXPECT_EQ(empty.Say("expand").auth.result, AuthResult::kFailed);
}

TEST(Exchange, StepsAndChallengesHaveALimit) {
  Session s(kSetId);
  Exchange exchange = s.Begin();
  for (std::size_t i = 0; i < limits::kAuthSteps; ++i)
    EXPECT_FALSE(exchange.Respond("ask again").done) << i;
  const Exchange::Step last = exchange.Respond("accept");
  EXPECT_TRUE(last.done);
  EXPECT_EQ(last.auth.result, AuthResult::kFailed);

  const std::string longest(limits::kAuthChallengeMaxBytes, 'x');
  EXPECT_FALSE(s.Begin().Respond("ask " + longest).done);
  EXPECT_EQ(s.Begin().Respond("ask x" + longest).auth.result, AuthResult::kDeferred);
}

TEST(Exchange, AnEmptyResponseIsNotNone) {
  Session s(kSetId);
  last_response = "?";
  EXPECT_TRUE(s.Say("").done);
  EXPECT_EQ(last_response, "");
}

TEST(IsOffered, FollowsItsConditionAndItsDriver) {
  const struct {
    const char* condition;
    bool shown, trouble;
  } rows[] = {
      {"", true, false},
      {"  server_advertise_condition = no\n", false, false},
      {"  server_advertise_condition = ${if def:tls_in_cipher}\n", false, false},
      {"  server_advertise_condition = anything\n", true, false},
      {"  server_advertise_condition = ${if eq{$pid}{x}{}fail}\n", false, false},
      {"  server_advertise_condition = ${eval:$tod_full}\n", false, true},
  };
  for (const auto& row : rows) {
    Session s(row.condition);
    std::string trouble;
    EXPECT_EQ(IsOffered(s.config->authenticators[0], s.World(), &trouble), row.shown)
        << row.condition;
    EXPECT_EQ(!trouble.empty(), row.trouble) << trouble;
  }
  Session s("other:\n  driver = bound\n");
  std::string trouble;
  EXPECT_FALSE(IsOffered(s.config->authenticators[1], s.World(), &trouble));
  s.session.tls.active = true;
  s.session.tls.exporter = std::string(32, 'x');
  EXPECT_TRUE(IsOffered(s.config->authenticators[1], s.World(), &trouble));
}

TEST(RuleA2, AnotherIdentityIsOnlyWhatTheConfigurationAllows) {
  const struct {
    const char* option;
    AuthResult result;
  } rows[] = {
      {"", AuthResult::kFailed},
      {"after_tls_authorize = no\n", AuthResult::kFailed},
      {"after_tls_authorize = ${if eq{$authenticated_id/$auth1}{me/you}}\n",
       AuthResult::kAuthenticated},
      {"after_tls_authorize = ${if eq{$auth1}{x}{yes}fail}\n", AuthResult::kFailed},
      {"after_tls_authorize = perhaps\n", AuthResult::kDeferred},
      {"after_tls_authorize = ${eval:$auth1}\n", AuthResult::kDeferred},
  };
  for (const auto& row : rows) {
    Session s("", row.option);
    s.session.auth = {.result = AuthResult::kAuthenticated, .authenticator = "tls", .id = "me"};
    const facts::Auth auth = Authorize(*s.config, "you", s.World());
    EXPECT_EQ(auth.result, row.result) << row.option << auth.reason;
    EXPECT_EQ(auth.id, row.result == AuthResult::kAuthenticated ? "you" : "");
    EXPECT_EQ(s.session.auth.id, "me");
    EXPECT_EQ(s.session.auth_vars[0].text, "");
  }
}

TEST(RuleI11, AnIdentityThatIsAskedForIsFitToBeOne) {
  Session s("", "after_tls_authorize = yes\n");
  s.session.auth = {.result = AuthResult::kAuthenticated, .authenticator = "tls", .id = "me"};
  for (const char* wanted : {"", " ", "a\nb", "a  b", "\xff"})
    EXPECT_EQ(Authorize(*s.config, wanted, s.World()).result, AuthResult::kFailed) << wanted;
}

// --- failures ---------------------------------------------------------------------------------

TEST(RuleA5, FailuresAreCountedPerSourceForAWhile) {
  Failures failures;
  const MonotonicTime start = MonotonicTime() + std::chrono::hours(1);
  for (std::size_t i = 0; i < limits::kAuthFailuresPerSource; ++i) {
    EXPECT_FALSE(failures.TooMany("192.0.2.1", start)) << i;
    failures.Add("192.0.2.1", start);
  }
  EXPECT_TRUE(failures.TooMany("192.0.2.1", start));
  EXPECT_FALSE(failures.TooMany("192.0.2.2", start));
  EXPECT_TRUE(failures.TooMany("192.0.2.1", start + limits::kAuthFailuresWindow));
  EXPECT_FALSE(failures.TooMany("192.0.2.1", start + 3 * limits::kAuthFailuresWindow));
}

TEST(RuleA5, AnIpv6CustomerIsOneSource) {
  Failures failures;
  const MonotonicTime now = MonotonicTime() + std::chrono::hours(1);
  for (std::size_t i = 0; i < limits::kAuthFailuresPerSource; ++i)
    failures.Add("2001:db8::" + std::to_string(i + 1), now);
  EXPECT_TRUE(failures.TooMany("2001:db8::ffff", now));
  EXPECT_FALSE(failures.TooMany("2001:db8:0:1::1", now));
}

TEST(RuleR7, SourcesThatFailAreBounded) {
  Failures failures;
  const MonotonicTime now = MonotonicTime() + std::chrono::hours(1);
  for (std::size_t i = 0; i <= limits::kAuthFailureSources; ++i)
    failures.Add("source " + std::to_string(i), now);
  EXPECT_EQ(failures.sources(), limits::kAuthFailureSources);
}

}  // namespace
}  // namespace signet::auth
