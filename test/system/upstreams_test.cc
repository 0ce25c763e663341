// Real mail servers behind the gateway: they get what clients hand in, octet by octet, and
// know who did; and what happens while they are stopped or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

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
void ExpectTemporaryFailureWithout(MailPeer* peer, const std::string& transport = "") {
  SubmissionGateway gateway(SharedAuthority(), peer->port(),
                            transport + SubmissionGateway::Options::Hurried());
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

// Starts a server with a certificate and its key, or without.
using StartServer =
    std::function<std::unique_ptr<MailPeer>(const std::string&, const std::string&)>;

std::string RequireTls() {
  return "  hosts_require_tls = *\n  tls_verify_certificates = " + SharedAuthority().root() + "\n";
}
std::string ReplyThrough(const MailPeer& peer, const std::string& transport,
                         const std::string& subject) {
  SubmissionGateway gateway(SharedAuthority(), peer.port(), transport);
  return gateway.Client("alice").Submit(kAlice, "bob@example.net", Message(subject));
}

void ExpectMailOverVerifiedTls(const StartServer& start, const char* trace_of_tls) {
  const Authority& authority = SharedAuthority();
  const auto peer = start(authority.pem("server"), authority.key("server"));
  EXPECT_THAT(ReplyThrough(*peer, RequireTls(), "verified"), StartsWith("250"));
  ExpectDelivered(*peer, "verified");
  EXPECT_THAT(peer->WaitForMessage("Subject: verified\n"), HasSubstr(trace_of_tls));
  EXPECT_THAT(ReplyThrough(*peer, RequireTls() + "  tls_verify_name = other.example.org\n", "name"),
              StartsWith("451"));
  EXPECT_EQ(peer->Messages().size(), 1u);
}

void ExpectNothingWithoutVerifiedTls(const StartServer& start) {
  static const Authority stranger("Stranger", 1);
  const auto wrong = start(stranger.pem("server"), stranger.key("server"));
  EXPECT_THAT(ReplyThrough(*wrong, RequireTls(), "stranger"), StartsWith("451"));
  const auto without = start("", "");
  EXPECT_THAT(ReplyThrough(*without, RequireTls(), "clear"), StartsWith("451"));
  // What had been taken would have been stored before this by now.
  EXPECT_THAT(ReplyThrough(*without, "", "last"), StartsWith("250"));
  ExpectDelivered(*without, "last");
  EXPECT_EQ(without->Messages().size(), 1u);
  EXPECT_TRUE(wrong->Messages().empty());
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

std::unique_ptr<MailPeer> StartPostfix(const std::string& certificate, const std::string& key) {
  return std::make_unique<PostfixPeer>(
      PostfixPeer::Options{.certificate = certificate, .key = key});
}
TEST(Postfix, GetsMailOverVerifiedTls) {
  ExpectMailOverVerifiedTls(StartPostfix, "(using TLSv1.3 with cipher ");
}
TEST(Postfix, RuleT14GetsNothingWithoutVerifiedTls) {
  ExpectNothingWithoutVerifiedTls(StartPostfix);
}

TEST(Postfix, KnowsTheIdentityOverTlsToo) {
  const Authority& authority = SharedAuthority();
  PostfixPeer postfix({.certificate = authority.pem("server"), .key = authority.key("server")});
  SubmissionGateway gateway(authority, postfix.port(),
                            "  hosts_require_tls = *\n  xclient = login\n"
                            "  tls_verify_certificates = " +
                                authority.root() + "\n");
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("known")),
              StartsWith("250"));
  const std::string stored = postfix.WaitForMessage("Subject: known\n");
  EXPECT_THAT(stored, HasSubstr("(Authenticated sender: alice@example.org)"));
  EXPECT_THAT(stored, HasSubstr("(using TLSv1.3 with cipher "));
}

// --- Exim ---------------------------------------------------------------------------------------

constexpr char kSayAuth[] = "  authenticated_sender = $authenticated_id\n";

TEST(Exim, KnowsTheAuthenticatedSender) {
  EximPeer exim(EximPeer::Believing{});
  SubmissionGateway gateway(SharedAuthority(), exim.port(), kSayAuth);
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("known")),
              StartsWith("250"));
  EXPECT_THAT(exim.WaitForMessage("Subject: known\n"),
              HasSubstr("\nX-Authenticated-Sender: [alice@example.org]\n"));
}

TEST(Exim, KnowsNoneWhereTheSessionHasNone) {
  EximPeer exim(EximPeer::Believing{});
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

std::unique_ptr<MailPeer> StartExim(const std::string& certificate, const std::string& key) {
  return std::make_unique<EximPeer>(EximPeer::Believing{certificate, key});
}
TEST(Exim, GetsMailOverVerifiedTls) {
  ExpectMailOverVerifiedTls(StartExim, "(TLS1.3) tls TLS_AES_");
}
TEST(Exim, RuleT14GetsNothingWithoutVerifiedTls) { ExpectNothingWithoutVerifiedTls(StartExim); }

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

// That of Debian 12 fails every handshake, with whatever client, between its own processes: it
// gets no mail over TLS.
TEST(OpenSmtpd, RuleT14GetsNothingWithoutVerifiedTls) {
  SKIP_WITHOUT_ROOT();
  ExpectNothingWithoutVerifiedTls([](const std::string& certificate, const std::string& key) {
    return std::make_unique<OpenSmtpdPeer>(
        OpenSmtpdPeer::Options{.certificate = certificate, .key = key});
  });
}

// --- Dovecot, LMTP
// --------------------------------------------------------------------------------

constexpr char kLmtp[] = "  protocol = lmtp\n";

TEST(DovecotLmtp, StoresWhatWasHandedInOctetByOctet) {
  DovecotLmtp dovecot;
  SubmissionGateway gateway(SharedAuthority(), dovecot.port(), kLmtp);
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("whole")),
              StartsWith("250"));
  ExpectDelivered(dovecot, "whole");
}

TEST(DovecotLmtp, TakesMailOnItsSocket) {
  DovecotLmtp dovecot;
  SubmissionGateway::Options options;
  options.routers = "all:\n  driver = accept\n  transport = lmtp\n";
  options.transports =
      "lmtp:\n  driver = smtp\n  protocol = lmtp\n  socket = " + dovecot.socket() + "\n";
  SubmissionGateway gateway(SharedAuthority(), options);
  EXPECT_THAT(gateway.Client("alice").Submit(kAlice, "bob@example.net", Message("socket")),
              StartsWith("250"))
      << gateway.Log();
  ExpectDelivered(dovecot, "socket");
}

// Each recipient has an outcome of its own: one is unknown, one over quota, two get the message.
TEST(DovecotLmtp, TheClientHearsWhoDidNotGetIt) {
  DovecotLmtp dovecot;
  SubmissionGateway gateway(SharedAuthority(), dovecot.port(), kLmtp);
  SmtpClient client = gateway.Client("alice");
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<bob@example.net>"), StartsWith("250"));
  EXPECT_THAT(client.Say("RCPT TO:<nobody@example.net>"), StartsWith("550 5.1.1"));
  EXPECT_THAT(client.Say("RCPT TO:<full@example.net>"), StartsWith("250"));
  EXPECT_THAT(client.Say("RCPT TO:<carol@example.net>"), StartsWith("250"));
  ASSERT_THAT(client.Say("DATA"), StartsWith("354"));
  client.Send(Message("mixed") + "\r\n.\r\n");
  EXPECT_THAT(client.ReadReply(), StartsWith("5"));
  EXPECT_THAT(client.reply(), HasSubstr("full@example.net"));
  EXPECT_THAT(client.reply(), Not(HasSubstr("bob@example.net")));
  EXPECT_TRUE(WaitUntil([&] { return dovecot.MessagesOf("carol@example.net").size() == 1; }));
  EXPECT_EQ(dovecot.MessagesOf("bob@example.net").size(), 1u);
  EXPECT_TRUE(dovecot.MessagesOf("full@example.net").empty());
  for (const char* line : {"bob@example.net", "carol@example.net", "full@example.net"})
    EXPECT_TRUE(gateway.WaitForLog(line)) << gateway.Log();
}

TEST(DovecotLmtp, OneByOneEachRecipientHasItsAnswer) {
  DovecotLmtp dovecot;
  SubmissionGateway gateway(SharedAuthority(), dovecot.port(),
                            kLmtp + std::string("  max_rcpt = 1\n"));
  SmtpClient client = gateway.Client("alice");
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<bob@example.net>"), StartsWith("250"));
  EXPECT_THAT(client.Say("RCPT TO:<carol@example.net>"), StartsWith("452 4.5.3"));
  client.Say("RSET");
  EXPECT_THAT(client.Submit(kAlice, "bob@example.net", Message("one")), StartsWith("250"));
  EXPECT_THAT(client.Submit(kAlice, "full@example.net", Message("two")), StartsWith("552 5.2.2"));
  EXPECT_THAT(client.Submit(kAlice, "carol@example.net", Message("three")), StartsWith("250"));
  ExpectDelivered(dovecot, "three");
}

TEST(DovecotLmtp, StoppedOrKilledIsATemporaryFailure) {
  DovecotLmtp dovecot;
  ExpectTemporaryFailureWithout(&dovecot, kLmtp);
}

}  // namespace
}  // namespace signet::test
