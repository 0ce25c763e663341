// verify, header_from, control, header changes: what they ask for and what comes out.
#include "src/acl/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/acl/acl.h"
#include "src/acl/controls.h"
#include "src/base/limits.h"
#include "test/support/policy.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::VerdictKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Policy;

class World : public Effects {
 public:
  explicit World(facts::Session* session) : session_(session) {}
  void SetVariable(const std::string&, Value) override {}
  void AddHeader(facts::AddedHeader header) override {
    session_->envelope.added_headers.push_back(std::move(header));
  }
  void RemoveHeader(std::string pattern) override { removed.push_back(std::move(pattern)); }
  void LogWrite(std::string_view log, std::string_view text) override {
    lines.push_back(std::string(log) + ": " + std::string(text));
  }
  void Delay(std::chrono::milliseconds) override {}
  VerifyAnswer VerifyAddress(const VerifyRequest& request) override {
    asked.push_back(request);
    return verify_answer;
  }
  HostAnswer NameOfHost(const std::string& ip) override {
    ++resolved;
    return Answer(ip);
  }
  HostAnswer AddressesOfHost(const std::string& name) override {
    ++resolved;
    return Answer(name);
  }
  facts::Session& session() override { return *session_; }

  std::vector<std::string> removed, lines;
  std::vector<VerifyRequest> asked;
  VerifyAnswer verify_answer;
  std::map<std::string, HostAnswer> dns;
  int resolved = 0;

 private:
  HostAnswer Answer(const std::string& what) {
    const auto found = dns.find(what);
    return found == dns.end() ? HostAnswer{HostAnswer::kNone, {}, "no"} : found->second;
  }
  facts::Session* session_;
};

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() : world(&policy.session) {
    facts::Session& session = policy.session;
    session.connection.client_ip = "192.0.2.1";
    session.helo = "client.example";
    session.envelope.has_sender = true;
    session.envelope.sender = "a@b.example";
    session.envelope.sender_local_part = "a";
    session.envelope.sender_domain = "b.example";
    session.envelope.current = {"bob@example.com", "bob", "example.com"};
    session.envelope.recipients = {{"Bob@example.com", "Bob", "example.com"}};
    session.envelope.headers_read = true;
  }
  void Header(std::vector<std::string> fields) {
    policy.session.envelope.headers.clear();
    for (std::string& field : fields)
      policy.session.envelope.headers.push_back(
          {field.substr(0, field.find(':')), std::move(field)});
  }
  facts::Verdict Ask(std::string_view lines, AclWhen when = AclWhen::kData) {
    std::erase_if(policy.config.acls, [](const auto& acl) { return acl.name == "a"; });
    policy.Acl("a", lines);
    for (config::Expanded& option : policy.config.main.acl) option = {};
    policy.AclOption(when, "a");
    Diagnostics diagnostics;
    rules_ = Compile(policy.config, policy.names(), &diagnostics);
    EXPECT_FALSE(HasErrors(diagnostics)) << testing::Summary(diagnostics);
    config::MatchContext context = policy.Context();
    return Evaluate(*rules_, when, context, world);
  }
  VerdictKind Verify(std::string_view argument, AclWhen when = AclWhen::kData) {
    return Ask("accept verify = " + std::string(argument), when).kind;
  }
  void Dns(const std::string& what, std::vector<std::string> values) {
    world.dns[what] = {HostAnswer::kFound, std::move(values), ""};
  }

  Policy policy;
  World world;

 private:
  std::unique_ptr<const Rules> rules_;
};

constexpr auto kYes = VerdictKind::kAccept;
constexpr auto kNo = VerdictKind::kDeny;
constexpr auto kLater = VerdictKind::kDefer;

// --- the client ------------------------------------------------------------------------------

TEST_F(VerifyTest, AHostNameIsConfirmed) {
  EXPECT_EQ(Verify("reverse_host_lookup", AclWhen::kConnect), kNo);
  EXPECT_EQ(policy.session.host_name, "");
  policy.session.host_lookup = facts::HostLookup::kNotDone;
  Dns("192.0.2.1", {"Mail.Client.Example."});
  Dns("mail.client.example", {"198.51.100.1"});
  EXPECT_EQ(Verify("reverse_host_lookup"), kNo);  // somebody else's name
  EXPECT_EQ(policy.session.host_name, "");
  policy.session.host_lookup = facts::HostLookup::kNotDone;
  Dns("mail.client.example", {"198.51.100.1", "192.0.2.1"});
  EXPECT_EQ(Verify("reverse_host_lookup"), kYes);
  EXPECT_EQ(policy.session.host_name, "mail.client.example");
  const int before = world.resolved;
  EXPECT_EQ(Verify("reverse_host_lookup"), kYes);
  EXPECT_EQ(world.resolved, before);  // once a session
}

TEST_F(VerifyTest, RuleE6AResolverInTroubleDefers) {
  world.dns["192.0.2.1"] = {HostAnswer::kLater, {}, "timed out"};
  EXPECT_EQ(Verify("reverse_host_lookup"), kLater);
  policy.session.host_lookup = facts::HostLookup::kNotDone;
  EXPECT_EQ(Verify("reverse_host_lookup/defer_ok"), kYes);
  policy.session.host_lookup = facts::HostLookup::kNotDone;
  Dns("192.0.2.1", {"mail.client.example"});
  world.dns["mail.client.example"] = {HostAnswer::kLater, {}, "timed out"};
  EXPECT_EQ(Verify("reverse_host_lookup"), kLater);
}

TEST_F(VerifyTest, ANameThatIsNoHostNameIsNone) {
  for (const char* name : {"a b.example", "x\ny", "192.0.2.1", "a..b", "<script>", "-x"}) {
    policy.session.host_lookup = facts::HostLookup::kNotDone;
    Dns("192.0.2.1", {name});
    Dns(name, {"192.0.2.1"});
    EXPECT_EQ(Verify("reverse_host_lookup"), kNo) << name;
    EXPECT_EQ(policy.session.host_name, "");
  }
}

TEST_F(VerifyTest, AnEhloNameIsThatOfTheHost) {
  const auto helo = [&](const char* name) {
    policy.session.helo = name;
    policy.session.helo_verified = false;
    policy.session.host_lookup = facts::HostLookup::kNotDone;
    return Verify("helo");
  };
  EXPECT_EQ(helo("client.example"), kNo);
  Dns("client.example", {"192.0.2.1"});
  EXPECT_EQ(helo("Client.Example"), kYes);
  EXPECT_EQ(helo("[192.0.2.1]"), kYes);
  EXPECT_EQ(helo("[192.0.2.2]"), kNo);
  EXPECT_EQ(helo("[192.0.2.0/24]"), kNo);
  EXPECT_EQ(helo("192.0.2.1"), kNo);
  EXPECT_EQ(helo(""), kNo);
  world.dns["client.example"] = {HostAnswer::kLater, {}, "timed out"};
  EXPECT_EQ(helo("client.example"), kLater);
}

// --- addresses -------------------------------------------------------------------------------

TEST_F(VerifyTest, AddressesAreAskedAbout) {
  EXPECT_EQ(Verify("recipient", AclWhen::kRcpt), kYes);
  EXPECT_EQ(Verify("recipient/callout=use_sender", AclWhen::kRcpt), kYes);
  EXPECT_EQ(Verify("sender/callout", AclWhen::kRcpt), kYes);
  EXPECT_EQ(Verify("sender=$acl_verify_message\"x y\"@c.example", AclWhen::kMail), kYes);
  ASSERT_EQ(world.asked.size(), 4u);
  EXPECT_EQ(world.asked[0].local_part + "@" + world.asked[0].domain, "bob@example.com");
  EXPECT_FALSE(world.asked[0].call_forward);
  EXPECT_TRUE(world.asked[1].call_forward);
  EXPECT_EQ(world.asked[1].mail_from, "a@b.example");
  EXPECT_EQ(world.asked[2].local_part + "@" + world.asked[2].domain, "a@b.example");
  EXPECT_EQ(world.asked[2].mail_from, "");
  EXPECT_EQ(world.asked[3].local_part, "x y");
}

TEST_F(VerifyTest, WhatTheyAreFoundToBeDecides) {
  world.verify_answer = {VerifyAnswer::kNo, "Unrouteable address", "no router took it"};
  facts::Verdict verdict = Ask("require verify = recipient\naccept", AclWhen::kRcpt);
  EXPECT_EQ(verdict.kind, kNo);
  EXPECT_EQ(verdict.user_message, "Unrouteable address");
  EXPECT_EQ(verdict.log_message, "no router took it");
  verdict =
      Ask("require message = [$acl_verify_message]\nverify = sender/no_details", AclWhen::kMail);
  EXPECT_EQ(verdict.user_message, "[Sender verify failed]");
  world.verify_answer = {VerifyAnswer::kLater, "", "no answer"};
  EXPECT_EQ(Verify("recipient", AclWhen::kRcpt), kLater);
  EXPECT_EQ(Verify("recipient/defer_ok", AclWhen::kRcpt), kYes);
  EXPECT_EQ(Verify("recipient/callout=defer_ok", AclWhen::kRcpt), kYes);
}

TEST_F(VerifyTest, TheNullSenderIsGood) {
  policy.session.envelope.sender.clear();
  world.verify_answer = {VerifyAnswer::kNo, "", ""};
  EXPECT_EQ(Verify("sender", AclWhen::kMail), kYes);
  EXPECT_EQ(Verify("sender=", AclWhen::kMail), kYes);
  EXPECT_EQ(Verify("sender=nobody", AclWhen::kMail), kNo);
}

TEST_F(VerifyTest, RuleE2WhatAClientTypesIsNoOption) {
  policy.session.envelope.sender = "x/defer_ok@b.example";
  world.verify_answer = {VerifyAnswer::kLater, "", "no answer"};
  EXPECT_EQ(Verify("sender=$sender_address", AclWhen::kMail), kLater);
  ASSERT_EQ(world.asked.size(), 1u);
  EXPECT_EQ(world.asked[0].local_part, "x/defer_ok");
  EXPECT_EQ(Verify("$sender_address", AclWhen::kMail), kLater);  // an error
}

// --- the header ------------------------------------------------------------------------------

TEST_F(VerifyTest, HeaderSyntax) {
  Header(
      {"From: Ann <a@b.example>", "To: staff: x@y.example, (z) z@y.example;", "Cc:", "X-From: <<"});
  EXPECT_EQ(Verify("header_syntax"), kYes);
  Header({"From: a@b.example", "Reply-To: <a@b.example"});
  const facts::Verdict verdict = Ask("require verify = header_syntax\naccept");
  EXPECT_EQ(verdict.kind, kNo);
  EXPECT_EQ(verdict.user_message, "malformed Reply-To field: \">\" expected");
  Header({"From:"});
  EXPECT_EQ(Verify("header_syntax"), kNo);
}

TEST_F(VerifyTest, HeaderNamesAscii) {
  Header({"From: a@b.example", "X-Odd!: x"});
  EXPECT_EQ(Verify("header_names_ascii"), kYes);
  Header({"Fr\xc3\xb6m: a@b.example"});
  EXPECT_EQ(Verify("header_names_ascii"), kNo);
}

TEST_F(VerifyTest, HeaderSender) {
  Header({"From: a@b.example", "Sender: s@b.example"});
  EXPECT_EQ(Verify("header_sender/callout"), kYes);
  ASSERT_EQ(world.asked.size(), 1u);
  EXPECT_EQ(world.asked[0].local_part, "s");
  world.verify_answer = {VerifyAnswer::kNo, "", "no"};
  EXPECT_EQ(Verify("header_sender"), kNo);
  EXPECT_EQ(world.asked.size(), 3u);
  Header({"To: a@b.example"});
  EXPECT_EQ(Verify("header_sender"), kNo);
}

TEST_F(VerifyTest, NotBlind) {
  Header({"To: x@y.example", "Cc: Bob <bob@Example.com>"});
  EXPECT_EQ(Verify("not_blind"), kNo);
  EXPECT_EQ(Verify("not_blind/case_insensitive"), kYes);
  Header({"To: Bob@example.com"});
  EXPECT_EQ(Verify("not_blind"), kYes);
}

TEST_F(VerifyTest, RuleS14AuthorsMustAllBeAuthorized) {
  policy.session.auth.result = facts::AuthResult::kAuthenticated;
  policy.session.auth.id = "ann@one.example";
  policy.session.auth.id_origins = kFromCertificate;
  const auto allowed = [&](std::vector<std::string> fields,
                           const char* list = "$authenticated_id") {
    Header(std::move(fields));
    return Ask("deny !header_from = " + std::string(list) + "\naccept").kind == kYes;
  };
  EXPECT_TRUE(allowed({"From: Ann <Ann@One.Example>"}));
  EXPECT_FALSE(allowed({"From: bob@one.example"}));
  EXPECT_FALSE(allowed({"From: ann@one.example, bob@one.example"}));
  EXPECT_FALSE(allowed({"From: ann@one.example", "Sender: bob@one.example"}));
  EXPECT_FALSE(allowed({"From: ann@one.example", "From: ann@one.example"}));
  EXPECT_FALSE(allowed({"From: \"bob@one.example\" <ann@one.example>"}));
  EXPECT_FALSE(allowed({"To: ann@one.example"}));
  EXPECT_TRUE(allowed({"From: bob@one.example", "Sender: ann@one.example"},
                      "$authenticated_id : bob@one.example"));
  EXPECT_TRUE(allowed({"From: bob@two.example"}, "*@two.example"));
  policy.services.Find("ann@one.example@/etc/aliases", "bob@one.example, ann@one.example");
  EXPECT_TRUE(
      allowed({"From: bob@one.example"}, "<, ${lookup{$authenticated_id}lsearch{/etc/aliases}}"));
  EXPECT_FALSE(
      allowed({"From: eve@one.example"}, "<, ${lookup{$authenticated_id}lsearch{/etc/aliases}}"));
  Header({"From: eve@one.example"});
  const facts::Verdict verdict = Ask("require header_from = $authenticated_id\naccept");
  EXPECT_EQ(verdict.log_message, "eve@one.example is not authorized as author of the message");
}

TEST_F(VerifyTest, WithoutAnAnswerAuthorsAreDeferred) {
  Header({"From: ann@one.example"});
  policy.services.Defer("a@/etc/aliases", "cannot be read");
  const char* const kList = "${lookup{${local_part:$sender_address}}lsearch{/etc/aliases}}";
  EXPECT_EQ(Ask("deny !header_from = " + std::string(kList) + "\naccept").kind, kLater);
}

// --- changes to the header -------------------------------------------------------------------

TEST_F(VerifyTest, HeaderFieldsAreAddedOnceAtTheirPlace) {
  Ask("warn add_header = X-One: 1\\n:at_start:X-Two: 2\n"
      "warn add_header = X-One: 1\n"
      "warn add_header = :after_received: X-Three: 3\n"
      "warn add_header = :at_start_rfc:X-Four: 4\n"
      "warn add_header = :at_end:X-Five: 5\naccept");
  const auto& added = policy.session.envelope.added_headers;
  ASSERT_EQ(added.size(), 5u);
  using facts::HeaderPlace;
  const std::pair<const char*, HeaderPlace> expected[] = {
      {"X-One: 1", HeaderPlace::kEnd},
      {"X-Two: 2", HeaderPlace::kStart},
      {"X-Three: 3", HeaderPlace::kAfterReceived},
      {"X-Four: 4", HeaderPlace::kStartRfc},
      {"X-Five: 5", HeaderPlace::kEnd}};
  for (std::size_t i = 0; i < added.size(); ++i) {
    EXPECT_EQ(added[i].text, expected[i].first);
    EXPECT_EQ(added[i].place, expected[i].second) << expected[i].first;
  }
}

TEST_F(VerifyTest, RuleS10OutsidersChooseNoPlace) {
  policy.session.envelope.sender = ":at_start:Bcc: x@b.example";
  Ask("warn add_header = $sender_address\naccept");
  ASSERT_EQ(policy.session.envelope.added_headers.size(), 1u);
  EXPECT_EQ(policy.session.envelope.added_headers[0].text,
            "X-ACL-Warn: :at_start:Bcc: x@b.example");
}

TEST_F(VerifyTest, HeaderFieldsAreRemovedByNameOrPattern) {
  Ask("warn remove_header = X-A:X-B : <\nwarn remove_header = <; ^x-(a|b:c)\\$ ; X-*\naccept");
  EXPECT_THAT(world.removed, ElementsAre("X-A", "X-B", "<", "^x-(a|b:c)$", "X-*"));
}

TEST_F(VerifyTest, RuleE2WhatAClientTypesIsOneName) {
  policy.session.envelope.sender = "X-A:From";
  Ask("warn remove_header = $sender_address\naccept");
  EXPECT_THAT(world.removed, ElementsAre("X-A:From"));
  policy.session.envelope.sender = "^.*";
  EXPECT_EQ(Ask("warn remove_header = $sender_address\naccept").kind, kLater);
  policy.session.envelope.sender = "*";
  EXPECT_EQ(Ask("warn remove_header = $sender_address\naccept").kind, kLater);
}

// --- control ---------------------------------------------------------------------------------

TEST_F(VerifyTest, ControlsAreNoted) {
  Ask("warn control = submission/sender_retain/domain=x.example/name=Ann Lee\n"
      "     control = suppress_local_fixups\n"
      "     control = fakedefer\n"
      "     control = fakereject/kept a\\/b/c\n"
      "     control = no_pipelining\n"
      "     control = enforce_sync\n"
      "     control = no_multiline_responses\n"
      "     control = no_delay_flush\n"
      "     control = no_callout_flush\naccept",
      AclWhen::kMail);
  const facts::Controls& controls = policy.session.envelope.controls;
  EXPECT_TRUE(controls.submission && controls.submission_sender_retain);
  EXPECT_TRUE(controls.submission_has_domain);
  EXPECT_EQ(controls.submission_domain, "x.example");
  EXPECT_EQ(controls.submission_name, "Ann Lee");
  EXPECT_TRUE(controls.suppress_local_fixups);
  EXPECT_TRUE(controls.fake_reject && !controls.fake_defer);
  EXPECT_EQ(controls.fake_text, "kept a/b/c");
  const facts::ConnectionControls& connection = policy.session.controls;
  EXPECT_TRUE(connection.no_pipelining && connection.no_multiline_responses);
  EXPECT_TRUE(connection.no_delay_flush && connection.no_callout_flush);
  EXPECT_EQ(connection.enforce_sync, true);
  Ask("warn control = no_enforce_sync\naccept", AclWhen::kConnect);
  EXPECT_EQ(connection.enforce_sync, false);
}

TEST_F(VerifyTest, RuleE2WhatAClientTypesIsNoControl) {
  policy.session.envelope.sender = "fakereject";
  EXPECT_EQ(Ask("warn control = $sender_address\naccept", AclWhen::kMail).kind, kLater);
  policy.session.envelope.sender = "x/sender_retain";
  Ask("warn control = submission/name=$sender_address\naccept", AclWhen::kMail);
  EXPECT_EQ(policy.session.envelope.controls.submission_name, "x/sender_retain");
  EXPECT_FALSE(policy.session.envelope.controls.submission_sender_retain);
}

// --- logs ------------------------------------------------------------------------------------

TEST_F(VerifyTest, ARefusalGoesToTheLogsThatItsStatementNames) {
  facts::Verdict verdict = Ask("deny log_reject_target = main:panic");
  EXPECT_EQ(verdict.reject_logs, (std::vector<std::string>{"main", "panic"}));
  EXPECT_EQ(Ask("deny log_reject_target =").reject_logs, std::vector<std::string>());
  EXPECT_EQ(Ask("deny").reject_logs, std::nullopt);
  // Of another statement, it says nothing.
  EXPECT_EQ(Ask("warn log_reject_target = panic\ndeny").reject_logs, std::nullopt);
}

TEST_F(VerifyTest, SoManyWarningsAreRemembered) {
  const auto said_again = [&](std::size_t texts) {
    policy.session.envelope.warned.clear();
    for (std::size_t i = 0; i < texts; ++i) {
      policy.session.acl_c["acl_c_n"] = Value(std::to_string(i));
      Ask("warn log_message = $acl_c_n\naccept", AclWhen::kRcpt);
    }
    const std::size_t before = world.lines.size();
    Ask("warn log_message = $acl_c_n\naccept", AclWhen::kRcpt);
    return world.lines.size() - before;
  };
  EXPECT_EQ(said_again(limits::kWarningsKept), 0u);
  EXPECT_EQ(said_again(limits::kWarningsKept + 1), 1u);
}

TEST_F(VerifyTest, AWarningIsSaidOnceAMessage) {
  const char* const kAcl = "warn log_message = odd $sender_address\naccept";
  for (int i = 0; i < 3; ++i) Ask(kAcl, AclWhen::kRcpt);
  EXPECT_EQ(world.lines.size(), 1u);
  policy.session.envelope.sender = "other@b.example";
  Ask(kAcl, AclWhen::kRcpt);
  EXPECT_EQ(world.lines.size(), 2u);
  policy.session.envelope.warned.clear();  // the next message
  Ask(kAcl, AclWhen::kRcpt);
  EXPECT_EQ(world.lines.size(), 3u);
  policy.session.envelope.has_sender = false;
  for (int i = 0; i < 2; ++i) Ask("warn log_message = hello\naccept", AclWhen::kConnect);
  EXPECT_EQ(world.lines.size(), 4u);
}

}  // namespace
}  // namespace signet::acl
