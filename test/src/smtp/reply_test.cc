#include "src/smtp/reply.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

TEST(Reply, HasCodeEnhancedCodeAndCrlf) {
  EXPECT_EQ(Encode(MakeReply(250, "2.1.0", "OK")), "250 2.1.0 OK\r\n");
  EXPECT_EQ(Encode(MakeReply(354, "", "go")), "354 go\r\n");
}

TEST(Reply, RepeatsTheCodesOnEveryLine) {
  Reply reply = MakeReply(550, "5.7.1", "first");
  reply.lines.push_back("second");
  EXPECT_EQ(Encode(reply), "550-5.7.1 first\r\n550 5.7.1 second\r\n");
}

TEST(Reply, WithoutTextIsStillAReply) { EXPECT_EQ(Encode(Reply{}), "250 \r\n"); }

TEST(Reply, RuleG2NothingInATextBecomesASecondReply) {
  const std::string sent = Encode(MakeReply(550, "5.7.1", "a\r\n250 ok\n\x1b[2J\xc3\xa9"));
  EXPECT_EQ(sent, "550 5.7.1 a\\r\\n250 ok\\n\\033[2J\\303\\251\r\n");
}

TEST(Reply, RuleG2LineLengthIsBounded) {
  const std::string fits = Encode(MakeReply(250, "", std::string(kReplyLineMaxBytes - 4, 'x')));
  const std::string cut = Encode(MakeReply(250, "", std::string(kReplyLineMaxBytes - 3, 'x')));
  EXPECT_EQ(fits.size(), kReplyLineMaxBytes + 2);
  EXPECT_EQ(cut, fits);
}

TEST(Reply, NumberOfLinesIsBoundedAndTheLastOneIsMarked) {
  Reply reply;
  reply.lines.assign(kReplyLinesMax + 1, "x");
  const std::string sent = Encode(reply);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), '\n'), static_cast<long>(kReplyLinesMax));
  EXPECT_TRUE(sent.ends_with("\r\n250 x\r\n")) << sent;
}

TEST(Reply, RuleG2EchoIsEscapedAndBounded) {
  EXPECT_EQ(Echo("a\nb", 10), "a\\nb");
  EXPECT_EQ(Echo(std::string(10, 'x'), 10), std::string(10, 'x'));
  EXPECT_EQ(Echo(std::string(11, 'x'), 10), std::string(10, 'x') + "...");
}

TEST(SplitText, KeepsShortTextWhole) {
  const std::string text(75, 'x');
  EXPECT_EQ(SplitText(text), std::vector<std::string>{text});
}

TEST(SplitText, BreaksAtTheLastBlankThatFits) {
  const std::string first = std::string(40, 'a') + ' ' + std::string(30, 'b');
  EXPECT_EQ(SplitText(first + ' ' + std::string(20, 'c')),
            (std::vector<std::string>{first, std::string(20, 'c')}));
}

TEST(SplitText, PrefersABlankBehindAColon) {
  const std::string text = std::string(40, 'a') + ": bbbbbb cccccc " + std::string(40, 'd');
  EXPECT_EQ(SplitText(text)[0], std::string(40, 'a') + ':');
}

TEST(SplitText, BreaksAtTheNextBlankWhereNoneIsNear) {
  const std::string word(100, 'a');
  EXPECT_EQ(SplitText(word + " b"), (std::vector<std::string>{word, "b"}));
  EXPECT_EQ(SplitText(word), std::vector<std::string>{word});
}

TEST(SplitText, BreaksAtNewlines) {
  EXPECT_EQ(SplitText("one\ntwo\r\nthree\n"), (std::vector<std::string>{"one", "two", "three"}));
}

const Reply kDeny = MakeReply(550, "5.7.1", "Administrative prohibition");

TEST(ReplyWithText, KeepsTheStandardTextWhereThereIsNone) {
  EXPECT_EQ(Encode(ReplyWithText(kDeny, "").reply), "550 5.7.1 Administrative prohibition\r\n");
}

TEST(ReplyWithText, TakesCodesOfItsClass) {
  EXPECT_EQ(Encode(ReplyWithText(kDeny, "553 5.1.8 no such sender").reply),
            "553 5.1.8 no such sender\r\n");
  EXPECT_EQ(Encode(ReplyWithText(kDeny, "553 no such sender").reply),
            "553 5.7.1 no such sender\r\n");
  EXPECT_EQ(Encode(ReplyWithText(kDeny, "no such sender").reply), "550 5.7.1 no such sender\r\n");
}

TEST(ReplyWithText, DropsACodeOfAnotherClassAndSaysSo) {
  const VerdictReply result = ReplyWithText(kDeny, "250 2.0.0 welcome");
  EXPECT_EQ(Encode(result.reply), "550 5.7.1 welcome\r\n");
  EXPECT_EQ(result.problem,
            "configured error code starts with incorrect digit (expected 5) in "
            "\"250 2.0.0 welcome\"");
}

TEST(ReplyWithText, NumbersThatAreNoCodesStayText) {
  EXPECT_EQ(ReplyWithText(kDeny, "5500 lines").reply.text(), "5500 lines");
  EXPECT_EQ(ReplyWithText(kDeny, "999 lines").reply.text(), "999 lines");
  EXPECT_EQ(ReplyWithText(kDeny, "5.7.1 text").reply.text(), "5.7.1 text");
  EXPECT_EQ(ReplyWithText(kDeny, "550 5.7.1234 text").reply.text(), "5.7.1234 text");
}

TEST(AddToLastLine, StandsAtTheEndOfTheLastLine) {
  Reply reply = MakeReply(550, "5.7.1", "no");
  reply.lines.emplace_back("never");
  AddToLastLine(" (reference K7Q2-9FXMT)", &reply);
  EXPECT_EQ(Encode(reply), "550-5.7.1 no\r\n550 5.7.1 never (reference K7Q2-9FXMT)\r\n");
}

TEST(AddToLastLine, ALineThatIsFullLosesItsOwnEnd) {
  const std::string added = " (reference K7Q2-9FXMT)";
  for (const char* enhanced : {"", "5.7.1", "4.300.300"}) {
    const std::size_t codes = std::string(enhanced).empty() ? 4 : 5 + std::string(enhanced).size();
    for (int over : {-1, 0, 1, 1000}) {
      const std::size_t size = kReplyLineMaxBytes - codes - added.size() + over;
      Reply reply = MakeReply(550, enhanced, std::string(size, 'x'));
      AddToLastLine(added, &reply);
      const std::string sent = Encode(reply);
      EXPECT_EQ(sent.size(), kReplyLineMaxBytes + (over < 0 ? -1 : 0) + 2) << over;
      EXPECT_TRUE(sent.ends_with("x" + added + "\r\n")) << over;
    }
  }
  // Octets that are shown as four characters.
  Reply reply = MakeReply(550, "", std::string(400, '\xff'));
  AddToLastLine(added, &reply);
  EXPECT_TRUE(Encode(reply).ends_with(added + "\r\n"));
  EXPECT_EQ(Encode(reply).size(), kReplyLineMaxBytes + 2);
}

TEST(AddToLastLine, IsNotLostWithLinesThatAreTooMany) {
  Reply reply = MakeReply(550, "", "x");
  reply.lines.resize(kReplyLinesMax + 1, "x");
  AddToLastLine(" end", &reply);
  EXPECT_TRUE(Encode(reply).ends_with("550 x end\r\n"));
}

}  // namespace
}  // namespace signet::smtp
