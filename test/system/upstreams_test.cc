// Real mail servers behind the gateway: they get what clients hand in, octet by octet, and
// know who did; and what happens while they are stopped or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/authority.h"
#include "test/support/dovecot_lmtp.h"
#include "test/support/exim.h"
#include "test/support/opensmtpd.h"
#include "test/support/postfix.h"
#include "test/support/submission_gateway.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kAlice[] = "alice@example.org";

Authority& SharedAuthority() {
  static Authority authority;
  static const bool made = [] {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.alternative_names = {testing::MailName(kAlice)};
    authority.Issue("alice", spec);
    return true;
  }();
  (void)made;
  return authority;
}

// A message that is to be found again by its subject.
std::string Message(const std::string& subject) {
  return "From: alice@example.org\r\nTo: bob@example.net\r\nDate: Thu, 1 Jan 2026 00:00:00 "
         "+0000\r\nMessage-ID: <" +
         subject + "@example.org>\r\nSubject: " + subject +
         "\r\n\r\n..\r\n..dots\r\nGr\xc3\xbc\xc3\x9f" + "e\r\n" + std::string(998, 'x') +
         "\r\n\r\nlast";
}

// Its body, as it has to be in a Maildir.
std::string StoredBody() {
  return ".\n.dots\nGr\xc3\xbc\xc3\x9f" + std::string("e\n") + std::string(998, 'x') + "\n\nlast\n";
}

void ExpectDelivered(const MailPeer& peer, const std::string& subject) {
  const std::string stored = peer.WaitForMessage("Subject: " + subject + "\n");
  ASSERT_NE(stored, "") << peer.Log();
  EXPECT_TRUE(stored.ends_with("\n\n" + StoredBody())) << stored;
  EXPECT_THAT(stored, HasSubstr("by mx.example.org with esmtpsa"));
}

// Stopped and killed: 4xx in time, nothing accepted; running again: mail goes through.
template <typename Peer>
void ExpectTemporaryFailureWithout(Peer* peer) {
  SubmissionGateway gateway(SharedAuthority(), peer->port(), SubmissionGateway::Options::Hurried());
  peer->Freeze();
  SmtpClient stopped = gateway.Client("alice");
  EXPECT_THAT(stopped.Submit(kAlice, "bob@example.net", Message("stopped")), StartsWith("45"));
  peer->Thaw();
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("awake")),
              StartsWith("250"));
  ExpectDelivered(*peer, "awake");

  SmtpClient client = gateway.Client("alice");
  client.Say("MAIL FROM:<alice@example.org>");
  ASSERT_THAT(client.Say("RCPT TO:<bob@example.net>"), StartsWith("250"));
  ASSERT_THAT(client.Say("DATA"), StartsWith("354"));
  client.Send("Subject: killed\r\n\r\nhalf");
  peer->Freeze();
  client.Send("\r\n.\r\n");
  EXPECT_THAT(client.ReadReply(), StartsWith("45"));
  peer->Kill();
  EXPECT_THAT(client.Submit(kAlice, "bob@example.net", Message("gone")), StartsWith("45"));
  for (const std::string& message : peer->Messages())
    EXPECT_THAT(message, HasSubstr("Subject: awake"));
}

TEST(Postfix, StoresWhatWasHandedInOctetByOctet) {
  PostfixPeer postfix;
  SubmissionGateway gateway(SharedAuthority(), postfix.port());
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("whole")),
              StartsWith("250"));
  ExpectDelivered(postfix, "whole");
}

TEST(Postfix, StoppedOrKilledIsATemporaryFailure) {
  PostfixPeer postfix;
  ExpectTemporaryFailureWithout(&postfix);
}

TEST(Postfix, KnowsTheIdentityAsItsOwnUser) {
  PostfixPeer postfix;
  SubmissionGateway gateway(SharedAuthority(), postfix.port(), "  xclient = login\n");
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("known")),
              StartsWith("250"));
  ExpectDelivered(postfix, "known");
  EXPECT_THAT(postfix.WaitForMessage("Subject: known\n"),
              HasSubstr("(Authenticated sender: alice@example.org)"));
  EXPECT_TRUE(postfix.WaitForLog("sasl_method=XCLIENT, sasl_username=alice@example.org"));
}

TEST(Postfix, KnowsNoUserWhereTheSessionHasNone) {
  PostfixPeer postfix;
  SubmissionGateway gateway(SharedAuthority(), postfix.port(), "  xclient = login\n");
  EXPECT_THAT(gateway.Client("").Submit(kAlice, "bob@example.net", Message("unknown")),
              StartsWith("250"));
  EXPECT_THAT(postfix.WaitForMessage("Subject: unknown\n"), Not(HasSubstr("Authenticated sender")));
  EXPECT_THAT(postfix.Log(), Not(HasSubstr("sasl_username")));
}

// One after the other, through the same gateway: what is said of one is not said of the next.
TEST(Postfix, RuleU8TheIdentityOfOneSessionIsNotThatOfTheNext) {
  PostfixPeer postfix;
  SubmissionGateway gateway(SharedAuthority(), postfix.port(), "  xclient = full\n");
  int number = 0;
  for (const char* name : {"alice", "", "alice", ""}) {
    const std::string subject = "number" + std::to_string(++number);
    EXPECT_THAT(gateway.Client(name).Submit(kAlice, "bob@example.net", Message(subject)),
                StartsWith("250"));
    const std::string stored = postfix.WaitForMessage("Subject: " + subject + "\n");
    EXPECT_EQ(stored.find("(Authenticated sender: alice@example.org)") != stored.npos,
              *name != '\0')
        << stored;
  }
}

// As doc/upstream.md has it: behind a gateway, Postfix' own rules for senders hold.
constexpr char kOnlyOwners[] =
    "smtpd_sasl_auth_enable = yes\nsmtpd_sender_login_maps = "
    "inline:{alice@example.org=alice@example.org, "
    "bob@example.org=bob@example.org}\n"
    "smtpd_sender_restrictions = reject_sender_login_mismatch\n"
    "smtpd_recipient_restrictions = permit_sasl_authenticated, reject\n";

TEST(Postfix, RestrictsSendersByTheIdentity) {
  PostfixPeer postfix({.main = kOnlyOwners});
  SubmissionGateway gateway(SharedAuthority(), postfix.port(), "  xclient = login\n");
  SmtpClient alice = gateway.Client("alice");
  EXPECT_THAT(alice.Submit(kAlice, "bob@example.net", Message("own")), StartsWith("250"))
      << postfix.Log() << gateway.Log();
  EXPECT_THAT(alice.Submit("bob@example.org", "bob@example.net", Message("other")),
              StartsWith("553 5.7.1"));
  SmtpClient nobody = gateway.Client("");
  EXPECT_THAT(nobody.Submit("carol@example.org", "bob@example.net", Message("none")),
              StartsWith("554 5.7.1"));
}

// --- Exim ---------------------------------------------------------------------------------------

constexpr char kSayAuth[] = "  authenticated_sender = $authenticated_id\n";

TEST(Exim, KnowsTheAuthenticatedSender) {
  EximPeer exim(EximPeer::BelievingServer());
  SubmissionGateway gateway(SharedAuthority(), exim.port(), kSayAuth);
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("known")),
              StartsWith("250"));
  EXPECT_THAT(exim.WaitForMessage("Subject: known\n"),
              HasSubstr("\nX-Authenticated-Sender: [alice@example.org]\n"));
}

TEST(Exim, KnowsNoneWhereTheSessionHasNone) {
  EximPeer exim(EximPeer::BelievingServer());
  SubmissionGateway gateway(SharedAuthority(), exim.port(), kSayAuth);
  EXPECT_THAT(gateway.Client("").Submit(kAlice, "bob@example.net", Message("unknown")),
              StartsWith("250"));
  EXPECT_THAT(exim.WaitForMessage("Subject: unknown\n"),
              HasSubstr("\nX-Authenticated-Sender: []\n"));
}

TEST(Exim, StoppedOrKilledIsATemporaryFailure) {
  EximPeer exim;
  ExpectTemporaryFailureWithout(&exim);
}

// --- OpenSMTPD
// ------------------------------------------------------------------------------------

#define SKIP_WITHOUT_ROOT()       \
  if (!OpenSmtpdPeer::Possible()) \
  GTEST_SKIP()                    \
      << "NOT TESTED: OpenSMTPD changes its root directory and needs root; run this as root"

TEST(OpenSmtpd, StoresWhatWasHandedInOctetByOctet) {
  SKIP_WITHOUT_ROOT();
  OpenSmtpdPeer opensmtpd;
  SubmissionGateway gateway(SharedAuthority(), opensmtpd.port());
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("whole")),
              StartsWith("250"));
  ExpectDelivered(opensmtpd, "whole");
}

TEST(OpenSmtpd, StoppedOrKilledIsATemporaryFailure) {
  SKIP_WITHOUT_ROOT();
  OpenSmtpdPeer opensmtpd;
  ExpectTemporaryFailureWithout(&opensmtpd);
}

}  // namespace
}  // namespace signet::test
