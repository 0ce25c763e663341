#include "src/smtp/data.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/relay/client.h"

namespace signet::smtp {
namespace {

struct Decoded {
  std::vector<std::string> lines;
  bool ended = false;
  DataProblem problem = DataProblem::kNone;
  std::size_t consumed = 0;
  std::uint64_t bytes = 0;
  bool operator==(const Decoded&) const = default;
};

// Feeds `input` in pieces; a piece begins at each of `cuts`.
Decoded Decode(std::string_view input, std::vector<std::size_t> cuts = {},
               DataDecoder::Limits limits = {}, BareNewlines bare = BareNewlines::kReject) {
  Decoded result;
  DataDecoder decoder(limits, Framing::kDot, bare);
  cuts.push_back(input.size());
  std::size_t from = 0;
  for (std::size_t cut : cuts) {
    const std::string_view piece = input.substr(from, cut - from);
    if (decoder.ended()) break;
    result.consumed +=
        decoder.Feed(piece, [&](std::string_view line) { result.lines.emplace_back(line); });
    from = cut;
  }
  result.ended = decoder.ended();
  result.problem = decoder.problem();
  result.bytes = decoder.message_bytes();
  return result;
}

// What the rule says, written down in the plainest way: the message ends behind the first
// CRLF "." CRLF, the CRLF of the DATA command counting as the first.
std::size_t EndByRule(std::string_view input) {
  const std::string whole = "\r\n" + std::string(input);
  const std::size_t at = whole.find("\r\n.\r\n");
  return at == std::string::npos ? std::string::npos : at + 3;
}

TEST(DataDecoder, GivesLinesWithoutFramingAndDots) {
  const Decoded d = Decode("Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(d.lines, (std::vector<std::string>{"Subject: x", "", ".dot"}));
  EXPECT_TRUE(d.ended);
  EXPECT_EQ(d.problem, DataProblem::kNone);
  EXPECT_EQ(d.bytes, std::string_view("Subject: x\r\n\r\n.dot\r\n").size());
  EXPECT_EQ(d.consumed, std::string_view("Subject: x\r\n\r\n..dot\r\n.\r\n").size());
}

TEST(DataDecoder, ALoneDotAtOnceIsAnEmptyMessage) {
  const Decoded d = Decode(".\r\n");
  EXPECT_TRUE(d.ended);
  EXPECT_TRUE(d.lines.empty());
}

TEST(DataDecoder, RuleS2EveryWrongEndingIsNoEnding) {
  for (const char* ending : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r.\r",
                             "\r\n.\r\r\n", "\r\n. \r\n", "\r\n.\t\r\n", "\r\n \r\n. \r\n",
                             "\r\n..\r\n", "\n.\r\n\n", "\r\n\xe2\x80\xa8.\xe2\x80\xa8",
                             "\r\n.\xc2\x85\r\n", "\r\n\xc2\x85.\r\n", "\v.\v", "\f.\f"}) {
    const Decoded d = Decode(std::string("x") + ending + "MAIL FROM:<evil@x>");
    EXPECT_FALSE(d.ended) << testing::PrintToString(std::string(ending));
  }
  EXPECT_FALSE(Decode(std::string_view("x\r\n.\0\r\n", 8)).ended);
  EXPECT_FALSE(Decode(std::string_view("x\r\n\0.\r\n", 8)).ended);
  EXPECT_FALSE(Decode(std::string_view("x\r\0\n.\r\n", 8)).ended);
}

// All strings of up to seven octets over the alphabet that matters, at every split of
// the input into two reads: ended or not, and where, is what the rule says.
TEST(DataDecoder, RuleS2HoldsForAllCombinationsAndSplits) {
  static constexpr char kAlphabet[] = {'\r', '\n', '.', '\0', 'x'};
  long tried = 0;
  for (std::size_t length = 0; length <= 7; ++length) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < length; ++i) count *= 5;
    for (std::size_t number = 0; number < count; ++number) {
      std::string input;
      for (std::size_t i = 0, n = number; i < length; ++i, n /= 5) input += kAlphabet[n % 5];
      const std::size_t end = EndByRule(input);
      const Decoded whole = Decode(input);
      ASSERT_EQ(whole.ended, end != std::string::npos) << testing::PrintToString(input);
      if (whole.ended) {
        ASSERT_EQ(whole.consumed, end) << testing::PrintToString(input);
      }
      const std::string message = input.substr(0, whole.ended ? end : input.size());
      const bool wrong = message.find('\0') != std::string::npos ||
                         whole.problem == DataProblem::kBareCr ||
                         whole.problem == DataProblem::kBareLf;
      ASSERT_EQ(wrong, whole.problem != DataProblem::kNone) << testing::PrintToString(input);
      for (std::size_t cut = 0; cut <= length; ++cut) {
        Decoded split = Decode(input, {cut});
        split.consumed = whole.consumed;
        ASSERT_EQ(split, whole) << testing::PrintToString(input) << " cut at " << cut;
      }
      ++tried;
    }
  }
  EXPECT_EQ(tried, 97656);
}

// The same where lone CRs and LFs are taken: the end does not move, whatever is made of
// them, and no octet of framing is left in a line (rule S3).
TEST(DataDecoder, RuleS2HoldsWhateverIsMadeOfBareLineEnds) {
  static constexpr char kAlphabet[] = {'\r', '\n', '.', 'x'};
  for (BareNewlines bare : {BareNewlines::kNormalize, BareNewlines::kSpace}) {
    for (std::size_t number = 0; number < (1U << 16); ++number) {
      std::string input;
      for (std::size_t i = 0, n = number; i < 8; ++i, n /= 4) input += kAlphabet[n % 4];
      const std::size_t end = EndByRule(input);
      const Decoded whole = Decode(input, {}, {}, bare);
      ASSERT_EQ(whole.ended, end != std::string::npos) << testing::PrintToString(input);
      if (whole.ended) {
        ASSERT_EQ(whole.consumed, end) << testing::PrintToString(input);
      }
      ASSERT_EQ(whole.problem, DataProblem::kNone) << testing::PrintToString(input);
      for (const std::string& line : whole.lines)
        ASSERT_EQ(line.find_first_of("\r\n"), std::string::npos) << testing::PrintToString(input);
      Decoded split = Decode(input, {number % 9}, {}, bare);
      split.consumed = whole.consumed;
      ASSERT_EQ(split, whole) << testing::PrintToString(input);
    }
  }
}

// How many messages a reader sees in what we send upstream: a strict one, to whom only
// CRLF.CRLF is an end, and one to whom any CR or LF ends a line.
std::size_t MessagesForStrict(const std::string& sent) {
  std::size_t count = 0;
  const std::string whole = "\r\n" + sent;
  for (std::size_t at = 0; (at = whole.find("\r\n.\r\n", at)) != std::string::npos; at += 3)
    ++count;
  return count;
}
std::size_t MessagesForLenient(const std::string& sent) {
  std::size_t count = 0;
  std::string line;
  for (char c : sent) {
    if (c != '\r' && c != '\n') {
      line += c;
      continue;
    }
    if (line == ".") ++count;
    line.clear();
  }
  return count;
}

TEST(DataDecoder, RuleS3NoReaderUpstreamSeesASecondMessage) {
  const std::vector<std::string> tokens = {
      "\r\n", "\n", "\r", ".", "..", " ", "\t", "x", "MAIL FROM:<e@v.example>"};
  std::uint32_t random = 1;
  for (BareNewlines bare :
       {BareNewlines::kReject, BareNewlines::kNormalize, BareNewlines::kSpace}) {
    for (int round = 0; round < 20000; ++round) {
      std::string input;
      for (int i = 0; i < 14; ++i) {
        random = random * 1664525 + 1013904223;
        input += tokens[(random >> 16) % tokens.size()];
      }
      const Decoded decoded = Decode(input + "\r\n.\r\n", {}, {}, bare);
      if (decoded.problem != DataProblem::kNone) continue;
      std::string sent;
      for (const std::string& line : decoded.lines)
        ASSERT_TRUE(relay::AppendEncodedLine(line, &sent));
      sent += ".\r\n";
      ASSERT_EQ(MessagesForStrict(sent), 1U) << testing::PrintToString(input);
      ASSERT_EQ(MessagesForLenient(sent), 1U) << testing::PrintToString(input);
    }
  }
}

TEST(DataDecoder, ChunksHaveNoDotsToTakeOutAndNoEnd) {
  DataDecoder decoder({}, Framing::kCounted);
  std::vector<std::string> lines;
  const LineSink sink = [&](std::string_view line) { lines.emplace_back(line); };
  EXPECT_EQ(decoder.Feed("a\r\n.\r\n..b\r", sink), 10U);
  EXPECT_EQ(decoder.Feed("\nc", sink), 2U);
  EXPECT_FALSE(decoder.ended());
  decoder.End(sink);
  EXPECT_TRUE(decoder.ended());
  EXPECT_EQ(lines, (std::vector<std::string>{"a", ".", "..b", "c"}));
  EXPECT_EQ(decoder.message_bytes(), std::string_view("a\r\n.\r\n..b\r\nc\r\n").size());
}

TEST(DataDecoder, ALoneCrAtTheEndOfTheLastChunkIsBare) {
  DataDecoder decoder({}, Framing::kCounted);
  const LineSink sink = [](std::string_view) {};
  decoder.Feed("a\r", sink);
  decoder.End(sink);
  EXPECT_EQ(decoder.problem(), DataProblem::kBareCr);
}

TEST(DataDecoder, RuleS4BareCrLfAndNulAreFoundWhereverTheyAre) {
  EXPECT_EQ(Decode("a\rb\r\n.\r\n").problem, DataProblem::kBareCr);
  EXPECT_EQ(Decode("a\r\r\n.\r\n").problem, DataProblem::kBareCr);
  EXPECT_EQ(Decode("a\nb\r\n.\r\n").problem, DataProblem::kBareLf);
  EXPECT_EQ(Decode("\n\r\n.\r\n").problem, DataProblem::kBareLf);
  EXPECT_EQ(Decode(std::string_view("a\0b\r\n.\r\n", 8)).problem, DataProblem::kNul);
}

TEST(DataDecoder, NothingIsPassedOnBehindAProblem) {
  const Decoded d = Decode("one\r\ntwo\nthree\r\nfour\r\n.\r\n");
  EXPECT_EQ(d.lines, std::vector<std::string>{"one"});
  EXPECT_TRUE(d.ended);
}

TEST(DataDecoder, RuleS5LineLimitOnBothSides) {
  const std::string fits(limits::kMessageLineMaxBytes, 'x');
  EXPECT_EQ(Decode(fits + "\r\n.\r\n").problem, DataProblem::kNone);
  EXPECT_EQ(Decode(fits + "x\r\n.\r\n").problem, DataProblem::kLineTooLong);
  // The stuffed dot does not count.
  const std::string dotted = ".." + fits.substr(1);
  EXPECT_EQ(Decode(dotted + "\r\n.\r\n").problem, DataProblem::kNone);
  EXPECT_EQ(Decode(dotted + "x\r\n.\r\n").problem, DataProblem::kLineTooLong);
  const Decoded d = Decode(std::string(100000, 'x') + "\r\n.\r\nQUIT\r\n");
  EXPECT_TRUE(d.ended);
  EXPECT_EQ(d.consumed, 100005U);
}

TEST(DataDecoder, SizeLimitOnBothSides) {
  EXPECT_EQ(Decode("12345678\r\n.\r\n", {}, {.message_bytes = 10}).problem, DataProblem::kNone);
  EXPECT_EQ(Decode("12345678\r\n.\r\n", {}, {.message_bytes = 9}).problem, DataProblem::kTooBig);
  EXPECT_EQ(Decode(".12345678\r\n.\r\n", {}, {.message_bytes = 10}).problem, DataProblem::kNone);
  EXPECT_EQ(Decode(std::string(1000, 'x') + "\r\n.\r\n", {}, {.message_bytes = 0}).problem,
            DataProblem::kLineTooLong);
}

TEST(DataDecoder, IsHopelessOnlyFarBeyondTheLimit) {
  DataDecoder decoder({.message_bytes = 1000, .line_bytes = 998});
  const std::string block = std::string(998, 'x') + "\r\n";
  for (int i = 0; i < 1000; ++i) decoder.Feed(block, [](std::string_view) {});
  EXPECT_FALSE(decoder.hopeless());
  for (int i = 0; i < 60; ++i) decoder.Feed(block, [](std::string_view) {});
  EXPECT_TRUE(decoder.hopeless());
}

}  // namespace
}  // namespace signet::smtp
