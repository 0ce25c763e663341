#include "src/smtp/log_lines.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

facts::Session MakeSession() {
  facts::Session session;
  session.connection.client_ip = "192.0.2.1";
  session.connection.client_port = 4711;
  session.connection.local_ip = "192.0.2.2";
  session.connection.local_port = 587;
  session.helo = "c2";
  session.esmtp = true;
  session.tls.active = true;
  session.tls.cipher = "TLS1.3:X:256";
  return session;
}
const LogSelector kDefaults;

LogSelector Selected(std::string_view text) {
  std::vector<std::string> unknown;
  LogSelector selector = LogSelector::Parse(text, &unknown);
  EXPECT_TRUE(unknown.empty());
  return selector;
}

TEST(LogSelector, BeginsWithEximsDefaults) {
  EXPECT_TRUE(kDefaults.Has(Selector::kTlsCipher));
  EXPECT_TRUE(kDefaults.Has(Selector::kLostIncomingConnection));
  EXPECT_FALSE(kDefaults.Has(Selector::kTlsPeerdn));
}

TEST(LogSelector, IsReadLeftToRight) {
  EXPECT_TRUE(Selected("+tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_FALSE(Selected("+all -tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_TRUE(Selected("-all+tls_peerdn").Has(Selector::kTlsPeerdn));
  EXPECT_FALSE(Selected("-all +tls_peerdn").Has(Selector::kTlsCipher));
}

TEST(LogSelector, NamesWhatItDoesNotKnow) {
  std::vector<std::string> unknown;
  LogSelector::Parse("+tls_cypher subject -subject", &unknown);
  EXPECT_EQ(unknown, (std::vector<std::string>{"+tls_cypher", "subject"}));
}

TEST(HostField, ShowsWhatIsKnown) {
  facts::Session session = MakeSession();
  EXPECT_EQ(HostField(session, kDefaults), "H=(c2) [192.0.2.1]");
  EXPECT_EQ(HostField(session, Selected("+incoming_port +incoming_interface")),
            "H=(c2) [192.0.2.1]:4711 I=[192.0.2.2]:587");
  session.host_name = "mx.example";
  EXPECT_EQ(HostField(session, kDefaults), "H=mx.example (c2) [192.0.2.1]");
  session.helo = "mx.example";
  EXPECT_EQ(HostField(session, kDefaults), "H=mx.example [192.0.2.1]");
  session.helo = session.host_name = "";
  EXPECT_EQ(HostField(session, kDefaults), "H=[192.0.2.1]");
}

TEST(TlsFields, AreEmptyWithoutTls) {
  facts::Session session = MakeSession();
  EXPECT_EQ(TlsFields(session, kDefaults), " X=TLS1.3:X:256");
  session.tls.resumption = 29;
  session.tls.sni = "a b";
  EXPECT_EQ(TlsFields(session, Selected("+tls_resumption +tls_sni")), " X=TLS1.3:X:256* SNI=a\\ b");
  session.tls.active = false;
  EXPECT_EQ(TlsFields(session, kDefaults), "");
}

TEST(ArrivalLine, SaysWhoSentWhatAndHow) {
  facts::Session session = MakeSession();
  session.auth = {.result = facts::AuthResult::kAuthenticated,
                  .authenticator = "tls",
                  .id = "alice@example.org"};
  session.envelope.message_id = "ID";
  session.envelope.sender = "alice@example.org";
  session.envelope.recipients.push_back({"x@other.ex", "x", "other.ex"});
  EXPECT_EQ(ArrivalLine(session, kDefaults, {340, "m@id"}),
            "ID <= alice@example.org H=(c2) [192.0.2.1] P=esmtpsa X=TLS1.3:X:256 "
            "A=tls:alice@example.org S=340 id=m@id");
  session.envelope.sender = "";
  EXPECT_EQ(ArrivalLine(session, Selected("+received_recipients +received_sender"), {340, ""}),
            "ID <= <> H=(c2) [192.0.2.1] P=esmtpsa X=TLS1.3:X:256 A=tls:alice@example.org S=340 "
            "from <> for x@other.ex");
}

TEST(RejectionLine, NamesTheCommandAndTheReason) {
  facts::Session session = MakeSession();
  EXPECT_EQ(RejectionLine(session, kDefaults, Refusal::kPermanent, "MAIL <q@q>", ""),
            "H=(c2) [192.0.2.1] X=TLS1.3:X:256 rejected MAIL <q@q>");
  session.envelope.has_sender = true;
  session.envelope.sender = "q@q";
  EXPECT_EQ(RejectionLine(session, kDefaults, Refusal::kTemporary, "RCPT <r@r>", "why\nmore"),
            "H=(c2) [192.0.2.1] X=TLS1.3:X:256 F=<q@q> temporarily rejected RCPT <r@r>: why");
}

TEST(AuthenticatorLine, RuleG4FailureAndDeferralHaveALineWithTheReason) {
  facts::Session session = MakeSession();
  session.helo = "";
  facts::Auth auth;
  auth.result = facts::AuthResult::kFailed;
  auth.reason = "535 Incorrect authentication data (set_id=mallory@test.ex)";
  EXPECT_EQ(AuthenticatorLine(session, kDefaults, auth, "tls"),
            "tls authenticator failed for H=[192.0.2.1]: "
            "535 Incorrect authentication data (set_id=mallory@test.ex)");
}

TEST(DeliveryLine, NamesMessageRecipientAndPlace) {
  facts::Session session = MakeSession();
  session.envelope.message_id = "ID";
  EXPECT_EQ(DeliveryLine(session, ">>", {"a@x.ex", "a", "x.ex"}, "R=up T=upt C=\"250 ok\""),
            "ID >> a@x.ex R=up T=upt C=\"250 ok\"");
}

}  // namespace
}  // namespace signet::smtp
