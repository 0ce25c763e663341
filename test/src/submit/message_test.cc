#include "src/submit/message.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace signet::submit {
namespace {

using Lines = std::vector<std::string>;

ComposeOptions Options() {
  ComposeOptions options;
  options.sender = "cron@example.org";
  options.domain = "example.org";
  options.now = WallTime(std::chrono::seconds(1795185470));
  return options;
}

Message Made(std::string_view input, ComposeOptions options = Options()) {
  auto made = Compose(input, options);
  EXPECT_TRUE(made.ok()) << made.error();
  return made.ok() ? std::move(made).value() : Message{};
}

// The fields of that name, unfolded.
Lines Fields(const Message& message, const std::string& name) {
  Lines found;
  bool inside = false;
  for (const std::string& line : message.header) {
    if (line[0] == ' ' || line[0] == '\t') {
      if (inside) found.back() += line;
      continue;
    }
    inside = line.starts_with(name + ":");
    if (inside) found.push_back(line.substr(name.size() + 2));
  }
  return found;
}

constexpr char kComplete[] = "From: a@b\nDate: x\nMessage-ID: <1@b>\n";

TEST(Compose, AnyLineEndEndsALine) {
  const Message message = Made(std::string(kComplete) + "\none\r\ntwo\rthree\n\nfour");
  EXPECT_EQ(message.header, (Lines{"From: a@b", "Date: x", "Message-ID: <1@b>"}));
  EXPECT_EQ(message.body, (Lines{"one", "two", "three", "", "four"}));
}

TEST(Compose, ALoneDotEndsTheMessageUnlessItIsText) {
  EXPECT_EQ(Made("a\n.\nb\n").body, (Lines{"a"}));
  ComposeOptions options = Options();
  options.dot_line = DotLine::kText;
  EXPECT_EQ(Made("a\n.\nb\n", options).body, (Lines{"a", ".", "b"}));
}

TEST(Compose, TextWithoutAHeaderIsABody) {
  const Message message = Made("Backup went well.\nSize: 5\n");
  EXPECT_EQ(message.body, (Lines{"Backup went well.", "Size: 5"}));
  EXPECT_EQ(Fields(message, "From"), (Lines{"cron@example.org"}));
}

TEST(Compose, TheSeparatorOfAMailboxIsNoField) {
  const Message message = Made("From alice Sat Nov 21 19:00:00 2026\nSubject: x\n\nbody\n");
  EXPECT_EQ(Fields(message, "Subject"), (Lines{"x"}));
  EXPECT_EQ(message.body, (Lines{"body"}));
}

TEST(Compose, WhatIsMissingIsAdded) {
  ComposeOptions options = Options();
  options.full_name = "Cron, the \"daemon\"";
  const Message message = Made("Subject: x\n\n", options);
  EXPECT_EQ(Fields(message, "From"), (Lines{"\"Cron, the \\\"daemon\\\"\" <cron@example.org>"}));
  ASSERT_EQ(Fields(message, "Date").size(), 1U);
  ASSERT_EQ(Fields(message, "Message-ID").size(), 1U);
  EXPECT_TRUE(Fields(message, "Message-ID")[0].ends_with("@example.org>"));
}

TEST(Compose, RecipientsOfTheHeaderAreTakenAndBccIsDropped) {
  ComposeOptions options = Options();
  options.header_recipients = HeaderRecipients::kTake;
  const Message message = Made(
      "To: \"Doe, J.\" <jd@example.com>, root (the boss),\n team: x@example.net, y@example.net;\n"
      "Cc: jd@example.com\nBCC: secret@example.com,\n hidden@example.com\nSubject: x\n\nhello\n",
      options);
  EXPECT_EQ(message.recipients,
            (Lines{"jd@example.com", "root@example.org", "x@example.net", "y@example.net",
                   "secret@example.com", "hidden@example.com"}));
  for (const std::string& line : message.header) EXPECT_EQ(line.find("hidden"), line.npos);
  EXPECT_EQ(Fields(message, "To").size(), 1U);
}

TEST(Compose, ResentFieldsGoBeforeTheOthers) {
  ComposeOptions options = Options();
  options.header_recipients = HeaderRecipients::kTake;
  EXPECT_EQ(Made("To: a@b.example\nResent-To: c@d.example\n\n", options).recipients,
            (Lines{"c@d.example"}));
}

TEST(Compose, ARecipientThatIsNoAddressIsAnErrorAndNotLeftOut) {
  ComposeOptions options = Options();
  options.header_recipients = HeaderRecipients::kTake;
  auto made = Compose("To: a@b.example, not an address\n\n", options);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error(), "To: \"not an address\" is not an address");
  options.domain.clear();
  made = Compose("To: root\n\n", options);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error(), "To: \"root\" has no domain, and none is configured");
}

TEST(Compose, NamesAndTextsAbove127BecomeEncodedWords) {
  const Message message = Made(
      "To: J\xc3\xb6rg M\xc3\xbcller <j@example.org>, \"\xc3\x84, B\" <k@example.org> (\xc3\xa9)\n"
      "Subject: Gr\xc3\xbc\xc3\x9f"
      "e\n\n");
  EXPECT_EQ(Fields(message, "To"),
            (Lines{"=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <j@example.org>, "
                   "=?UTF-8?Q?=C3=84=2C_B?= <k@example.org> (=?UTF-8?Q?=C3=A9?=)"}));
  EXPECT_EQ(Fields(message, "Subject"), (Lines{"=?UTF-8?Q?Gr=C3=BC=C3=9Fe?="}));
  EXPECT_FALSE(message.international);
}

TEST(Compose, AnAddressAbove127NeedsAServerThatKnowsThem) {
  const Message message = Made("To: j\xc3\xb6rg@example.org\n\n");
  EXPECT_TRUE(message.international);
}

TEST(Compose, HeaderLinesUpTo998OctetsPass) {
  const std::string most = "X: " + std::string(995, 'x');
  EXPECT_TRUE(Compose(most + "\n\n", Options()).ok());
  auto made = Compose(most + "x\n\n", Options());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error(), "a line of the header field X is longer than 998 octets");
}

TEST(Compose, ControlOctetsInAHeaderBecomeBlanks) {
  EXPECT_EQ(Fields(Made(std::string("Subject: a\0b\x1b[1m\n\n", 19)), "Subject"),
            (Lines{"a b [1m"}));
}

TEST(EncodeBody, MakesQuotedPrintableOfWhatNoServerTakes) {
  Message message = Made("Subject: x\n\n" + std::string(998, 'y') + "\n");
  EXPECT_FALSE(message.encode);
  message = Made("Subject: x\n\n" + std::string(999, 'y') + "\na=b \n\xc3\xa4");
  EXPECT_TRUE(message.encode);
  EXPECT_TRUE(message.eight_bit);
  ASSERT_TRUE(EncodeBody(&message).ok());
  EXPECT_FALSE(message.encode);
  EXPECT_FALSE(message.eight_bit);
  EXPECT_EQ(Fields(message, "Content-Type"), (Lines{"text/plain; charset=utf-8"}));
  EXPECT_EQ(Fields(message, "Content-Transfer-Encoding"), (Lines{"quoted-printable"}));
  ASSERT_GE(message.body.size(), 2U);
  EXPECT_EQ(message.body[message.body.size() - 2], "a=3Db=20");
  EXPECT_EQ(message.body.back(), "=C3=A4");
  std::string joined;
  for (std::size_t i = 0; i + 2 < message.body.size(); ++i) {
    EXPECT_LE(message.body[i].size(), 76U);
    joined += message.body[i];
    if (joined.ends_with('=')) joined.pop_back();
  }
  EXPECT_EQ(joined, std::string(999, 'y'));
}

TEST(EncodeBody, LeavesAloneWhatHasPartsOrIsEncoded) {
  for (const char* field :
       {"Content-Type: multipart/mixed; boundary=x", "Content-Transfer-Encoding: base64"}) {
    Message message = Made(std::string(field) + "\n\n\xc3\xa4\n");
    EXPECT_FALSE(EncodeBody(&message).ok()) << field;
  }
}

}  // namespace
}  // namespace signet::submit
