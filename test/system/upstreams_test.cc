// Real mail servers behind the gateway: they get what clients hand in, octet by octet, and
// know who did; and what happens while they are stopped or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/authority.h"
#include "test/support/postfix.h"
#include "test/support/submission_gateway.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
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

}  // namespace
}  // namespace signet::test
