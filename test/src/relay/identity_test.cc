#include "src/relay/identity.h"

#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

facts::Session SessionOf(const std::string& id) {
  facts::Session session;
  session.auth.id = id;
  if (!id.empty()) session.auth.result = facts::AuthResult::kAuthenticated;
  session.connection.client_ip = "2001:db8::7";
  session.connection.client_port = 4711;
  session.connection.local_ip = "192.0.2.25";
  session.connection.local_port = 465;
  session.helo = "client+[x]";
  session.esmtp = true;
  return session;
}

std::string Shown(Xclient which, const facts::Session& session, const Offered& offered) {
  const auto line = XclientCommand(XclientAttributes(which, session), offered);
  return line.ok() ? line.value() : "error: " + line.error();
}

const Offered kPostfix = {
    .xclient = {"NAME", "ADDR", "PROTO", "HELO", "LOGIN", "PORT", "DESTADDR", "DESTPORT"}};

TEST(XclientTest, SaysTheIdentityInXtext) {
  EXPECT_EQ(Shown(Xclient::kLogin, SessionOf("alice"), kPostfix), "XCLIENT LOGIN=alice");
  EXPECT_EQ(Shown(Xclient::kLogin, SessionOf("a b+c=d\xc3\xa4"), kPostfix),
            "XCLIENT LOGIN=a+20b+2Bc+3Dd+C3+A4");
  EXPECT_EQ(Shown(Xclient::kFull, SessionOf("alice"), kPostfix),
            "XCLIENT LOGIN=alice NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7 PORT=4711 PROTO=ESMTP "
            "HELO=client+2B[x] DESTADDR=192.0.2.25 DESTPORT=465");
  EXPECT_TRUE(XclientAttributes(Xclient::kNo, SessionOf("alice")).empty());
}

TEST(XclientTest, SaysOnlyWhatIsOfferedButNeverWithoutTheIdentity) {
  EXPECT_EQ(Shown(Xclient::kFull, SessionOf("alice"), {.xclient = {"LOGIN", "ADDR"}}),
            "XCLIENT LOGIN=alice ADDR=IPV6:2001:db8::7");
  EXPECT_EQ(Shown(Xclient::kFull, SessionOf("alice"), {.xclient = {"ADDR"}}),
            "error: XCLIENT LOGIN is not offered");
  EXPECT_EQ(Shown(Xclient::kLogin, SessionOf("alice"), {}), "error: XCLIENT LOGIN is not offered");
}

TEST(XclientTest, RuleU8NobodyIsSomebodyWithoutAuthentication) {
  for (auto result :
       {facts::AuthResult::kNotTried, facts::AuthResult::kFailed, facts::AuthResult::kDeferred}) {
    facts::Session session = SessionOf("alice");
    session.auth.result = result;
    session.auth.fail_id = "alice";
    session.envelope.authenticated_sender = "alice@example.org";
    EXPECT_EQ(Shown(Xclient::kLogin, session, kPostfix), "XCLIENT LOGIN=[UNAVAILABLE]");
  }
  EXPECT_EQ(Shown(Xclient::kLogin, SessionOf("[TEMPUNAVAIL]"), kPostfix),
            "XCLIENT LOGIN=[UNAVAILABLE]");
}

std::string Auth(const Value& value, const facts::Session& session) {
  const auto said = MailAuth(value, session);
  return said.ok() ? said.value() : "error: " + said.error();
}

TEST(MailAuthTest, RuleU8TheClientsWordsAreNoIdentity) {
  facts::Session session = SessionOf("Alice");
  EXPECT_EQ(Auth(Value("alice@example.org", kFromDirectory), session), "alice@example.org");
  EXPECT_EQ(Auth(Value("e+3", kFromCertificate), session), "e+2B3");
  EXPECT_EQ(Auth(Value(""), session), "<>");
  EXPECT_EQ(Auth(Value("alice", kFromClient), session), "alice");  // typed, but proved
  EXPECT_TRUE(Auth(Value("bob", kFromClient), session).starts_with("error: "));
  Value mixed("alice@example.org");
  mixed.segments = {{5, kFromClient}, {17, kFromAdministrator}};
  EXPECT_EQ(Auth(mixed, session), "alice@example.org");
  mixed.segments = {{6, kFromAdministrator}, {17, kFromClient}};
  EXPECT_TRUE(Auth(mixed, session).starts_with("error: "));
  session.envelope.authenticated_sender = "bob";
  EXPECT_EQ(Auth(Value("bob", kFromClient), session), "bob");
}

// --- in a dialogue ---------------------------------------------------------------------------

class IdentityDialogueTest : public TransactionTest {
 protected:
  void Authenticate(const std::string& id) {
    policy.session.auth.result = facts::AuthResult::kAuthenticated;
    policy.session.auth.id = id;
  }
  Script Offers(const std::string& line) {
    Script script;
    script.ehlo = "250-up\r\n250 " + line + "\r\n";
    script.reply = [](const std::string& command) {
      return command.starts_with("XCLIENT") ? "220 up again\r\n" : "";
    };
    return script;
  }
  static void SetXclient(config::Transport& transport) { transport.xclient.text = "login"; }
  void SetSender(config::Transport& transport, bool force = false) {
    transport.authenticated_sender = policy.Expanded("$authenticated_id@example.org");
    transport.authenticated_sender_force = force;
  }
};

TEST_F(IdentityDialogueTest, XclientComesBeforeASecondEhlo) {
  Authenticate("alice");
  ScriptedUpstream up(Offers("XCLIENT NAME LOGIN"));
  RouteTo(up.host(), SetXclient);
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_EQ(up.commands(),
            (std::vector<std::string>{"EHLO mx.example.org", "XCLIENT LOGIN=alice",
                                      "EHLO mx.example.org", "MAIL FROM:<alice@example.org>",
                                      "RCPT TO:<bob@example.com>", "DATA", "QUIT"}));
}

TEST_F(IdentityDialogueTest, WithoutAuthenticationTheUpstreamIsToldSo) {
  ScriptedUpstream up(Offers("XCLIENT LOGIN"));
  RouteTo(up.host(), SetXclient);
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_TRUE(up.Heard("XCLIENT LOGIN=[UNAVAILABLE]"));
}

TEST_F(IdentityDialogueTest, AnIdentityThatCannotBePassedOnIsNotLeftOut) {
  Authenticate("alice");
  ScriptedUpstream up({});
  RouteTo(up.host(), SetXclient);
  Deliver();
  EXPECT_EQ(Said(rcpt), "451 4.4.1 Upstream is not available, please try later");
  EXPECT_NE(rcpt.log_text.find("XCLIENT LOGIN is not offered"), std::string::npos);
  EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
}

TEST_F(IdentityDialogueTest, RefusedXclientIsTemporary) {
  Authenticate("alice");
  for (const char* refusal : {"550 5.7.0 not you\r\n", "421 4.7.0 no\r\n", "354 go\r\n"}) {
    Script script = Offers("XCLIENT LOGIN");
    script.reply = When("XCLIENT", refusal);
    ScriptedUpstream up(script);
    RouteTo(up.host(), SetXclient);
    Deliver();
    EXPECT_EQ(rcpt.code, 451) << refusal;
    EXPECT_FALSE(up.Heard("MAIL FROM:<alice@example.org>"));
  }
}

TEST_F(IdentityDialogueTest, MailSaysWhoSentIt) {
  Authenticate("alice+x");
  ScriptedUpstream up(Offers("AUTH PLAIN"));
  RouteTo(up.host(), [this](auto& transport) { SetSender(transport); });
  Deliver();
  EXPECT_EQ(end.code, 250);
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org> AUTH=alice+2Bx@example.org"));
}

TEST_F(IdentityDialogueTest, RuleU8MailOfNobodySaysSo) {
  policy.session.auth.id = "mallory";
  policy.session.auth.result = facts::AuthResult::kFailed;
  ScriptedUpstream up(Offers("AUTH PLAIN"));
  RouteTo(up.host(), [this](auto& transport) { SetSender(transport); });
  Deliver();
  EXPECT_TRUE(up.Heard("MAIL FROM:<alice@example.org> AUTH=<>"));
}

TEST_F(IdentityDialogueTest, AuthIsSaidWhereItIsOfferedOrForced) {
  Authenticate("alice");
  for (bool force : {false, true}) {
    ScriptedUpstream up({});
    RouteTo(up.host(), [&](auto& transport) { SetSender(transport, force); });
    Deliver();
    EXPECT_EQ(end.code, 250);
    EXPECT_EQ(up.Heard("MAIL FROM:<alice@example.org> AUTH=alice@example.org"), force);
  }
}

TEST_F(IdentityDialogueTest, RuleU8NothingOfTheClientsGetsIntoAuth) {
  Authenticate("alice");
  ScriptedUpstream up(Offers("AUTH PLAIN"));
  RouteTo(up.host(), [this](auto& transport) {
    transport.authenticated_sender = policy.Expanded("$sender_address");
  });
  Deliver();
  EXPECT_EQ(rcpt.code, 451);
  EXPECT_NE(rcpt.log_text.find("is no identity"), std::string::npos) << rcpt.log_text;
}

}  // namespace
}  // namespace signet::relay
