#include "src/smtp/received.h"

#include <gtest/gtest.h>

#include <regex.h>

#include "src/smtp/data.h"

namespace signet::smtp {
namespace {

facts::Session MakeSession() {
  facts::Session session;
  session.primary_hostname = "mx.example.org";
  session.connection.client_ip = "192.0.2.1";
  session.helo = "printer";
  session.esmtp = true;
  session.envelope.sender = "alice@example.org";
  session.envelope.message_id = "1xUPkM-000000007Kz-0geD";
  return session;
}

TEST(ReceivedHeader, NamesClientServerProtocolIdAndRecipient) {
  facts::Session session = MakeSession();
  session.envelope.recipients.push_back({"bob@example.org", "bob", "example.org"});
  const std::vector<std::string> lines = ReceivedHeader(session, WallTime{});
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[0], "Received: from [192.0.2.1] (helo=printer)");
  EXPECT_EQ(lines[1], "\tby mx.example.org with esmtp");
  EXPECT_EQ(lines[3], "\t(envelope-from <alice@example.org>)");
  EXPECT_EQ(lines[4], "\tid 1xUPkM-000000007Kz-0geD");
  EXPECT_EQ(lines[5], "\tfor bob@example.org;");
}

TEST(ReceivedHeader, ShowsTheClientsPortWhereLogsDo) {
  facts::Session session = MakeSession();
  session.connection.client_port = 40000;
  EXPECT_EQ(ReceivedHeader(session, WallTime{}, ClientPort::kShown)[0],
            "Received: from [192.0.2.1]:40000 (helo=printer)");
}

TEST(ReceivedHeader, NamesTheTlsLayer) {
  facts::Session session = MakeSession();
  session.tls.active = true;
  session.tls.version = "TLS1.3";
  session.tls.cipher_std = "TLS_AES_256_GCM_SHA384";
  session.auth.result = facts::AuthResult::kAuthenticated;
  EXPECT_EQ(ReceivedHeader(session, WallTime{})[1],
            "\tby mx.example.org with esmtpsa  (TLS1.3) tls TLS_AES_256_GCM_SHA384");
}

TEST(ReceivedHeader, DoesNotDiscloseRecipientsToEachOther) {
  facts::Session session = MakeSession();
  session.envelope.recipients.push_back({"bob@example.org", "bob", "example.org"});
  session.envelope.recipients.push_back({"eve@example.org", "eve", "example.org"});
  for (const std::string& line : ReceivedHeader(session, WallTime{}))
    EXPECT_EQ(line.find("bob"), std::string::npos) << line;
}

TEST(ReceivedHeader, RuleS10ClientTextCannotEndACommentOrALine) {
  facts::Session session = MakeSession();
  session.helo = "a)\r\nX-Evil: (\\\x01\xc3\xa9";
  session.envelope.sender = "\"x) by evil (\"@example.org";
  const std::vector<std::string> lines = ReceivedHeader(session, WallTime{});
  EXPECT_EQ(lines[0],
            "Received: from [192.0.2.1] (helo=a\\)?"
            "?X-Evil:?\\(\\\\?"
            "?"
            "?)");
  EXPECT_EQ(lines[3], "\t(envelope-from <\"x\\)?by?evil?\\(\"@example.org>)");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].front(), '\t');
    EXPECT_EQ(lines[i].find_first_of("\r\n"), std::string::npos);
  }
}

using Lines = std::vector<std::string>;

Value Text(std::vector<std::pair<std::string, Origins>> parts) {
  Value value;
  for (const auto& [text, origins] : parts) {
    value.text += text;
    value.segments.push_back({static_cast<std::uint32_t>(value.text.size()), origins});
  }
  return value;
}

TEST(ReceivedHeader, IsWhatItsOptionSaysWithTheDateBehindIt) {
  const std::vector<std::string> lines =
      ReceivedHeader(Value("Received: by mx\n\twith magic\n"), WallTime{});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "Received: by mx");
  EXPECT_EQ(lines[1], "\twith magic;");
  EXPECT_EQ(lines[2].substr(0, 6), "\tThu, ");
}

TEST(ReceivedHeader, RuleS10ClientTextInItsOptionCannotEndACommentOrALine) {
  const std::vector<std::string> lines = ReceivedHeader(
      Text({{"Received: from x (", kFromAdministrator}, {"a)\r\nX: (\\", kFromClient}, {")", {}}}),
      WallTime{});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "Received: from x (a\\)??X:?\\(\\\\);");
}

TEST(HeaderLines, AFieldStaysOneField) {
  EXPECT_EQ(HeaderLines("X-A: 1"), (Lines{"X-A: 1"}));
  EXPECT_EQ(HeaderLines("X-A: 1\n 2\n"), (Lines{"X-A: 1", "\t2"}));
}

TEST(HeaderLines, RuleS10ALineBreakInAValueBeginsNoField) {
  EXPECT_EQ(HeaderLines("X-A: 1\nX-B: 2\r\nX-C: 3\n\nbody"),
            (Lines{"X-A: 1", "\tX-B: 2", "\tX-C: 3", "\tbody"}));
  EXPECT_EQ(HeaderLines(std::string("X-A: \0\r\x1b", 8)), (Lines{"X-A: ???"}));
}

TEST(HeaderLines, TextWithoutANameGetsOne) {
  EXPECT_EQ(HeaderLines("just text"), (Lines{"X-ACL-Warn: just text"}));
  EXPECT_EQ(HeaderLines("X-A: "), (Lines{"X-A:"}));
}

TEST(HeaderLines, LongLinesAreCutIntoContinuations) {
  for (const std::string& line : HeaderLines("X-A: " + std::string(5000, 'x')))
    EXPECT_LE(line.size(), 998U);
}

TEST(MailDate, HasTheFormOfRfc5322) {
  regex_t form;
  ASSERT_EQ(regcomp(&form,
                    "^(Sun|Mon|Tue|Wed|Thu|Fri|Sat), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                    "[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}$",
                    REG_EXTENDED | REG_NOSUB),
            0);
  const std::string date = MailDate(WallTime(std::chrono::seconds(1795185470)));
  EXPECT_EQ(regexec(&form, date.c_str(), 0, nullptr, 0), 0) << date;
  regfree(&form);
}

}  // namespace
}  // namespace signet::smtp
