// The mechanisms that come with Signet, in exchanges of the real host: what expressions see, and
// whose words count.
#include <gtest/gtest.h>
#include <time.h>

#include "src/auth/sasl.h"
#include "test/support/fake_world.h"
#include "test/support/process.h"
#include "test/support/trace_dump.h"

namespace signet::auth {
namespace {

using namespace std::string_literals;
using facts::AuthResult;

struct Site {
  explicit Site(const std::string& options) : registry(drivers::Registry::MakeBuiltin()) {
    auto loaded =
        config::LoadText("test.conf", "begin authenticators\nmech:\n" + options, {}, *registry);
    for (const Diagnostic& diagnostic : loaded.diagnostics)
      if (diagnostic.severity == Severity::kError) ADD_FAILURE() << Render(diagnostic);
    config = loaded.config;
    session.primary_hostname = "mx.example.org";
  }
  Exchange Begin() { return {config->authenticators[0], {session, services, budget}}; }

  // How an exchange in which the client says this ends: the id, "rejected", "deferred", or
  // "asked CHALLENGE" where it has not ended.
  std::string Say(const std::vector<std::string>& responses) {
    Exchange exchange = Begin();
    Exchange::Step step;
    step.done = false;
    for (const std::string& response : responses)
      if (!step.done) step = exchange.Respond(response);
    return Told(step);
  }
  std::string Told(const Exchange::Step& step) {
    if (!step.done) return "asked " + step.challenge;
    reason = step.auth.reason;
    if (step.auth.result == AuthResult::kAuthenticated) return step.auth.id;
    return step.auth.result == AuthResult::kFailed ? "rejected" : "deferred";
  }

  std::unique_ptr<drivers::Registry> registry;
  config::ConfigPtr config;
  facts::Session session;
  test::FakeServices services;
  expand::Budget budget;
  std::string reason;
};

Site Sasl(const std::string& steps) {
  return Site("  driver = sasl\n  server_initial = yes\n" + steps);
}

// --- sasl ------------------------------------------------------------------------------------

TEST(SaslMechanism, IdentityBehindAcceptIsTheClients) {
  EXPECT_EQ(Sasl("  server_step1 = accept $auth1\n").Say({"alice"}), "alice");
  EXPECT_EQ(Sasl("  server_step1 = accept $auth1\n  server_set_id = id-$auth1\n").Say({"alice"}),
            "id-alice");
  EXPECT_EQ(Sasl("  server_step1 = accept\n").Say({"alice"}), "rejected");        // nobody
  EXPECT_EQ(Sasl("  server_step1 = accept $auth1\n").Say({""}), "rejected");      // nobody
  EXPECT_EQ(Sasl("  server_step1 = accept $auth1\n").Say({"a\nb"}), "rejected");  // I11
}

TEST(SaslMechanism, ConditionHasTheLastWord) {
  const std::string step = "  server_step1 = accept $auth1\n  server_condition = ";
  EXPECT_EQ(Sasl(step + "no\n").Say({"alice"}), "rejected");
  EXPECT_EQ(Sasl(step + "${if eq{$auth1}{alice}}\n").Say({"alice"}), "alice");
  EXPECT_EQ(Sasl(step + "maybe\n").Say({"alice"}), "deferred");
}

// Each would be "accept alice" if words of outsiders counted.
TEST(SaslMechanism, RuleE2ClientsCannotWriteTheWordThatDecides) {
  EXPECT_EQ(Sasl("  server_step1 = $auth1\n").Say({"accept alice"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = acc$auth1\n").Say({"ept alice"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = accept$auth1\n").Say({" alice"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = ${lc:$auth1}\n").Say({"ACCEPT alice"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = ${base64d:$auth1}\n").Say({"YWNjZXB0IGFsaWNl"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = ${extract{2}{:}{$auth1}}\n").Say({"x:accept alice"}),
            "deferred");
  EXPECT_EQ(Sasl("  server_step1 = ${if match{$auth1}{(.*)}{$1}}\n").Say({"accept alice"}),
            "deferred");
  EXPECT_EQ(Sasl("  server_step1 = ${map{<; $auth1}{$item}}\n").Say({"accept alice"}), "deferred");
  EXPECT_EQ(Sasl("  server_step1 = reply x\n  server_step2 = $auth_challenge\n").Say({"", ""}),
            "deferred");
  EXPECT_EQ(Sasl("  server_step1 = reply x\n  server_state = $auth1\n"
                 "  server_step2 = $auth_state\n")
                .Say({"accept alice", ""}),
            "deferred");
}

TEST(SaslMechanism, RuleE2LookupsCannotWriteTheWordThatDecides) {
  Site site = Sasl("  server_step1 = ${lookup{$auth1}lsearch{/etc/verdicts}{$value}fail}\n");
  site.services.answers["alice /etc/verdicts"] = {expand::LookupAnswer::Kind::kFound,
                                                  "accept alice"};
  EXPECT_EQ(site.Say({"alice"}), "deferred");
  EXPECT_NE(site.reason.find("the word that decides came from outside"), std::string::npos)
      << site.reason;
  EXPECT_EQ(site.Say({"bob"}), "rejected");
}

TEST(SaslMechanism, WordsMayBeComputedByTheAdministrator) {
  EXPECT_EQ(Sasl("  server_step1 = ${if eq{$auth2}{secret}{accept}{reject}} $auth1\n")
                .Say({"alice\0secret"s}),
            "alice");
  EXPECT_EQ(Sasl("  server_step1 = ${if eq{$auth2}{secret}{accept}{reject}} $auth1\n")
                .Say({"alice\0Secret"s}),
            "rejected");
  EXPECT_EQ(Sasl("  server_step1 = ${lc:ACCEPT} $auth1\n").Say({"alice"}), "alice");
}

TEST(SaslMechanism, StateAndChallengeAreThereInTheNextStep) {
  const std::string steps =
      "  server_step1 = reply nonce-$auth1\n  server_state = $auth1 in step $auth_step\n"
      "  server_step2 = ${if eq{$auth1}{$auth_challenge}{accept $auth_state}{reject}}\n";
  EXPECT_EQ(Sasl(steps).Say({"alice"}), "asked nonce-alice");
  EXPECT_EQ(Sasl(steps).Say({"alice", "nonce-alice"}), "alice in step 1");
  EXPECT_EQ(Sasl(steps).Say({"alice", "nonce-bob"}), "rejected");
}

TEST(SaslMechanism, VariablesAreGoneWhenTheExchangeIs) {
  Site site =
      Sasl("  server_step1 = reply x\n  server_state = y\n  server_step2 = accept $auth1\n");
  EXPECT_EQ(site.Say({"alice", "bob"}), "bob");
  for (const Value& value : site.session.auth_vars) EXPECT_EQ(value.text, "");
  EXPECT_EQ(site.session.auth_state.text, "");
  EXPECT_EQ(site.session.auth_challenge, "");
  EXPECT_EQ(site.Say({"carol"}), "asked x");
  EXPECT_EQ(Sasl("  server_step1 = reply <$auth_state>\n").Say({""}), "asked <>");
}

// --- the others ------------------------------------------------------------------------------

TEST(PlaintextMechanism, NumbersAreTheStringsToo) {
  const std::string options =
      "  driver = plaintext\n  server_condition = ${if eq{$1/$2/$3/$4}{a/b/c/d}}\n"
      "  server_set_id = $2\n";
  EXPECT_EQ(Site(options).Say({"a\0b\0c\0d"s}), "b");
  EXPECT_EQ(Site(options).Say({"a\0b\0c"s}), "rejected");
}

TEST(PlaintextMechanism, PromptsAreAListOfTheLanguage) {
  const auto first = [](const std::string& prompts) {
    Site site(
        "  driver = plaintext\n  server_condition = yes\n  server_set_id = $auth1\n"
        "  server_prompts = " +
        prompts + "\n");
    Exchange exchange = site.Begin();
    const std::string asked = site.Told(exchange.Respond(std::nullopt));
    return asked + " | " + site.Told(exchange.Respond("x"));
  };
  EXPECT_EQ(first(":"), "asked  | x");
  EXPECT_EQ(first("User:: : Password::"), "asked User: | asked Password:");
  EXPECT_EQ(first("\"<; User: ; Password:\""), "asked User: | asked Password:");
  EXPECT_EQ(first("${if eq{1}{1}{One:Two}}"), "asked One | asked Two");
}

TEST(PlaintextMechanism, NineteenPromptsAreAnsweredOneByOne) {
  std::string prompts = "1";
  for (int i = 2; i <= 19; ++i) prompts += ":" + std::to_string(i);
  Site site(
      "  driver = plaintext\n  server_condition = yes\n  server_set_id = $auth1\n"
      "  server_prompts = " +
      prompts + "\n");
  Exchange exchange = site.Begin();
  Exchange::Step step = exchange.Respond(std::nullopt);
  for (int i = 1; i <= 19; ++i) {
    ASSERT_EQ(site.Told(step), "asked " + std::to_string(i));
    step = exchange.Respond("alice");
  }
  EXPECT_EQ(site.Told(step), "alice");
}

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The options of the manual's PLAIN, which compares with a hash in any case.
TEST(PlaintextMechanism, RuleA4ManualsPlainTakesAsLongForNamesThatDoNotExist) {
  const std::string manual = test::ReadFile("doc/configuration.md");
  const auto part = [&](const std::string& from, const std::string& to) {
    const std::size_t begin = manual.find(from);
    return manual.substr(begin, manual.find(to, begin) - begin);
  };
  const std::string nobody = part("\\N$6$", "\n"), conditions = part("### plaintext", "    login:");
  const std::size_t at = conditions.find("      server_prompts = :");
  Site site("  driver = plaintext\n" + test::Replace(conditions.substr(at), "NOBODY", nobody));
  site.services.answers["alice /etc/signet/passwd"] = {expand::LookupAnswer::Kind::kFound,
                                                       nobody.substr(2, nobody.size() - 4)};
  const auto time = [&](const std::string& name) {
    const double begin = CpuSeconds();
    EXPECT_EQ(site.Say({"\0"s + name + "\0wrong"s}), "rejected");
    return CpuSeconds() - begin;
  };
  // In turns, so that a slower moment of the machine is one for both.
  double known = 1e9, unknown = 1e9;
  for (int i = 0; i < 20; ++i) {
    known = std::min(known, time("alice"));
    unknown = std::min(unknown, time("bob"));
  }
  EXPECT_GT(unknown, known * 0.7);
  EXPECT_LT(unknown, known * 1.4);
}

TEST(ExternalMechanism, ParametersSeeWhomTheClientWantsToBe) {
  const std::string options =
      "  driver = external\n  server_param2 = <$auth1>\n  server_param3 = ${if def:auth2{$auth2}}\n"
      "  server_condition = ${if eq{$3}{<alice>}}\n  server_set_id = $auth1\n";
  EXPECT_EQ(Site(options).Say({"alice"}), "alice");
  EXPECT_EQ(Site(options).Say({"bob"}), "rejected");
}

TEST(CramMd5Mechanism, RuleA4ForcedFailureIsAnAnswerLikeAnyOther) {
  Site site(
      "  driver = cram_md5\n  server_set_id = $auth1\n"
      "  server_secret = ${lookup{$auth1}lsearch{/etc/secrets}{$value}fail}\n");
  Exchange exchange = site.Begin();
  EXPECT_TRUE(site.Told(exchange.Respond(std::nullopt)).ends_with("@mx.example.org>"));
  EXPECT_EQ(site.Told(exchange.Respond("bob 0123456789abcdef0123456789abcdef")), "rejected");
  EXPECT_EQ(site.services.asked.size(), 1u);
}

TEST(ScramMechanism, RuleA4ForcedFailureHasASecondStepAndAcceptsNobody) {
  Site site(
      "  driver = scram\n  public_name = SCRAM-SHA-256\n  server_set_id = $auth1\n"
      "  server_secret = ${lookup{$auth1}lsearch{/etc/scram}{$value}fail}\n");
  EXPECT_TRUE(site.Say({"n,,n=bob,r=abc"}).starts_with("asked r=abc"));
  EXPECT_EQ(site.Say({"n,,n=bob,r=abc", "c=biws,r=abc,p=AAAA"}), "rejected");
}

// --- what is written down ----------------------------------------------------------------------

// Mechanisms that see a password, each with what the client says.
struct Secretive {
  std::string options;
  std::vector<std::string> responses;
};

TEST(RuleC7, NoPasswordOfAnExchangeIsInATrace) {
  const std::string check =
      "  server_condition = ${if eq{$auth2$auth3}{x}}\n  server_set_id = $auth1\n";
  const std::string plain = "  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n";
  const std::string directory =
      "  server_condition = ${if ldapauth{user=\"cn=${quote_ldap_dn:$auth2}\" "
      "pass=${quote:$auth3} ldap:///}}\n  server_set_id = $auth2\n";
  const Secretive kCases[] = {
      {plain + "  server_condition = ${if eq{$auth3}{${lookup{$auth2}lsearch{/etc/users}}}}\n"
               "  server_set_id = $auth2\n",
       {"\0alice\0s3cret"s}},
      {plain + directory, {"\0alice\0s3cret"s}},
      {plain + "  server_condition = ${if crypteq{$auth3}{${lookup{$auth2}lsearch{/etc/users}}}}\n"
               "  server_set_id = $auth2\n",
       {"\0alice\0s3cret"s}},
      {"  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n" +
           check,
       {"alice", "s3cret"}},
      {"  driver = sasl\n  server_initial = yes\n  server_step1 = reply s3cret-$auth1\n"
       "  server_step2 = ${if eq{$auth2}{s3cret}{accept}{reject}} alice\n",
       {"alice", "s3cret"}},
      {"  driver = cram_md5\n  public_name = CRAM-MD5\n  server_secret = s3cret$auth1\n"
       "  server_set_id = $auth1\n",
       {"", "alice 0123456789abcdef0123456789abcdef"}},
  };
  for (const Secretive& one : kCases) {
    Site site(one.options);
    site.services.answers["alice /etc/users"] = {expand::LookupAnswer::kFound, "s3cret"};
    facts::Trace trace;
    site.session.trace = &trace;
    site.Say(one.responses);
    ASSERT_FALSE(trace.steps().empty());
    const facts::TraceStep& first = trace.steps().front();
    EXPECT_EQ(first.kind, facts::TraceStep::Kind::kAuthenticator);
    EXPECT_EQ(first.what, "mech");
    EXPECT_FALSE(first.hidden);
    EXPECT_NE(first.outcome, facts::TraceStep::Outcome::kNone);
    EXPECT_FALSE(trace.discreet());
    EXPECT_EQ(test::AllTextOf(trace).find("s3cret"), std::string::npos)
        << one.options << test::Dump(trace);
  }
}

TEST(RuleC7, ATraceOfAnExchangeSaysWhoAndHowTheConditionCameOut) {
  Site site(
      "  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
      "  server_condition = ${if eq{$auth3}{s3cret}}\n  server_set_id = $auth2\n");
  facts::Trace trace;
  site.session.trace = &trace;
  EXPECT_EQ(site.Say({"\0alice\0s3cret"s}), "alice");
  EXPECT_EQ(trace.steps()[0].value, "alice");
  EXPECT_EQ(test::Dump(trace),
            "authenticator yes mech = alice (client)\n"
            "  option server_prompts = ***\n"
            "  option yes server_condition = ***\n"
            "  option server_set_id = *** (client)\n");
}

}  // namespace
}  // namespace signet::auth
