#include "src/smtp/fixups.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

using Lines = std::vector<std::string>;

class FixupsTest : public ::testing::Test {
 protected:
  FixupsTest() {
    main_.primary_hostname = session_.primary_hostname = "mx.example.org";
    main_.qualify_domain = "example.org";
    session_.envelope.message_id = "1xUPkM-000000007Kz-0geD";
    session_.envelope.sender = "env@example.org";
    session_.envelope.received = std::chrono::system_clock::from_time_t(1795184823);
  }
  void Authenticate(std::string id) {
    session_.auth.result = facts::AuthResult::kAuthenticated;
    session_.auth.id = std::move(id);
  }
  facts::Controls& controls() { return session_.envelope.controls; }
  // The header that `lines` become.
  Lines Completed(const Lines& lines) {
    HeaderReader reader({});
    for (const std::string& line : lines) (void)reader.Take(line);
    Header header = reader.TakeHeader();
    RemoveSender(session_, &header);
    CompleteHeader(session_, main_, &header);
    Lines all;
    for (const facts::HeaderField& field : header) all.push_back(field.text);
    return all;
  }
  // … but for Date and Message-ID.
  Lines Originators(const Lines& lines) {
    Lines with = lines;
    with.insert(with.end(), {"Date: d", "Message-ID: <m@i>"});
    Lines all = Completed(with);
    all.resize(all.size() - 2);
    return all;
  }

  facts::Session session_;
  config::Main main_;
};

TEST_F(FixupsTest, MessagesOfAuthenticatedClientsGetWhatTheyLack) {
  Authenticate("ann@example.org");
  const Lines lines = Completed({"From: ann@example.org"});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "Message-ID: <E1xUPkM-000000007Kz-0geD@mx.example.org>");
  EXPECT_EQ(lines[1].substr(0, 11), "Date: Fri, ");
  EXPECT_EQ(lines[2], "From: ann@example.org");
  EXPECT_EQ(Completed({"message-id: <a@b>", "DATE: x"}), (Lines{"message-id: <a@b>", "DATE: x"}));
}

TEST_F(FixupsTest, OthersDoNotUnlessAnAclSaysSo) {
  EXPECT_EQ(Completed({"From: x@y"}), Lines{"From: x@y"});
  controls().submission = true;
  EXPECT_EQ(Completed({"From: x@y"}).size(), 3U);
  controls().suppress_local_fixups = true;
  EXPECT_EQ(Completed({"From: x@y"}), Lines{"From: x@y"});
}

TEST_F(FixupsTest, TheOptionTurnsThemOff) {
  Authenticate("ann@example.org");
  main_.complete_submissions = false;
  EXPECT_EQ(Completed({"From: x@y"}), Lines{"From: x@y"});
}

TEST_F(FixupsTest, WithoutTheControlNobodyLooksAtFrom) {
  Authenticate("ann@example.org");
  EXPECT_EQ(Originators({"From: eve@example.org", "Sender: x@y"}),
            (Lines{"From: eve@example.org", "Sender: x@y"}));
}

TEST_F(FixupsTest, SenderNamesWhoIsAuthenticatedWhereFromDoesNot) {
  Authenticate("ann@example.org");
  controls().submission = true;
  EXPECT_EQ(Originators({"From: Ann <Ann@Example.org>", "Sender: x@y"}),
            Lines{"From: Ann <Ann@Example.org>"});
  EXPECT_EQ(Originators({"From: eve@example.org", "sender: x@y"}),
            (Lines{"Sender: ann@example.org", "From: eve@example.org"}));
  EXPECT_EQ(Originators({"From: ann@example.org, eve@example.org"}),
            (Lines{"Sender: ann@example.org", "From: ann@example.org, eve@example.org"}));
  EXPECT_EQ(Originators({"From: ann@example.org", "From: eve@example.org"}).front(),
            "Sender: ann@example.org");
  controls().submission_sender_retain = true;
  EXPECT_EQ(Originators({"From: eve@example.org", "Sender: x@y"}),
            (Lines{"From: eve@example.org", "Sender: x@y"}));
}

TEST_F(FixupsTest, WhoIsNotAuthenticatedHasNoSender) {
  controls().submission = true;
  EXPECT_EQ(Originators({"From: eve@example.org", "Sender: x@y"}), Lines{"From: eve@example.org"});
}

TEST_F(FixupsTest, AMissingFromIsTheSubmitterOrTheEnvelopesSender) {
  controls().submission = true;
  EXPECT_EQ(Originators({}), Lines{"From: env@example.org"});
  Authenticate("ann@example.org");
  EXPECT_EQ(Originators({}), Lines{"From: ann@example.org"});
  controls().submission_name = "Ann B. Smith";
  EXPECT_EQ(Originators({}), Lines{"From: \"Ann B. Smith\" <ann@example.org>"});
  session_.auth = {};
  session_.envelope.sender.clear();
  EXPECT_EQ(Originators({}), Lines{});
}

TEST_F(FixupsTest, TheDomainIsThatOfTheControl) {
  Authenticate("ann");
  EXPECT_EQ(SubmitterAddress(session_, main_), "ann@example.org");
  controls().submission_has_domain = true;
  controls().submission_domain = "sub.example.org";
  EXPECT_EQ(SubmitterAddress(session_, main_), "ann@sub.example.org");
  Authenticate("ann@example.org");
  EXPECT_EQ(SubmitterAddress(session_, main_), "\"ann@example.org\"@sub.example.org");
  controls().submission_domain.clear();
  EXPECT_EQ(SubmitterAddress(session_, main_), "ann@example.org");
  Authenticate("ann");
  EXPECT_EQ(SubmitterAddress(session_, main_), "");
}

TEST_F(FixupsTest, RuleS10AnIdentityThatIsNoAddressIsInNoField) {
  controls().submission = true;
  for (const char* id : {"ann@example.org>\r\nX: y", "a b@example.org", "ann@example.org, x@y",
                         "@example.org", "ann@"}) {
    Authenticate(id);
    EXPECT_EQ(Originators({"From: ann@example.org"}), Lines{"From: ann@example.org"}) << id;
  }
}

TEST(DisplayName, IsPlainQuotedOrEncoded) {
  EXPECT_EQ(DisplayName("Ann Smith"), "Ann Smith");
  EXPECT_EQ(DisplayName("Ann \"A\" <x>"), "\"Ann \\\"A\\\" <x>\"");
  EXPECT_EQ(DisplayName("Ann\r\nBcc: x"), "\"Ann  Bcc: x\"");
  EXPECT_EQ(DisplayName("\u00c4nn").substr(0, 10), "=?UTF-8?Q?");
}

}  // namespace
}  // namespace signet::smtp
