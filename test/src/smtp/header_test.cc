#include "src/smtp/header.h"

#include <gtest/gtest.h>

namespace signet::smtp {
namespace {

using Lines = std::vector<std::string>;
using Place = HeaderReader::Place;

// The header that lines make, and what becomes of the line that ends it.
struct Reading {
  Header header;
  Place end = Place::kHeader;
  DataProblem problem = DataProblem::kNone;
};
Reading ReadLines(const Lines& lines, HeaderReader::Limits limits = {}) {
  Reading result;
  HeaderReader reader(limits);
  for (const std::string& line : lines) {
    result.end = reader.Take(line);
    if (result.end != Place::kHeader) break;
  }
  result.problem = reader.problem();
  result.header = reader.TakeHeader();
  return result;
}

Lines Emitted(const Header& header) {
  Lines lines;
  for (const facts::HeaderField& field : header)
    EmitField(field, [&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

TEST(HeaderReader, KeepsFieldsWithTheLinesThatContinueThem) {
  const Reading read = ReadLines({"Subject: x", " folded", "\tmore", "to : y", "", "body"});
  ASSERT_EQ(read.header.size(), 2U);
  EXPECT_EQ(read.header[0].name, "Subject");
  EXPECT_EQ(read.header[0].text, "Subject: x\n folded\n\tmore");
  EXPECT_EQ(read.header[1].name, "to");
  EXPECT_EQ(read.end, Place::kBlank);
  EXPECT_EQ(Emitted(read.header), (Lines{"Subject: x", " folded", "\tmore", "to : y"}));
}

TEST(HeaderReader, EndsBeforeALineThatIsNoField) {
  EXPECT_EQ(ReadLines({"just text"}).end, Place::kBody);
  EXPECT_EQ(ReadLines({"Subject: x", "just text"}).end, Place::kBody);
  EXPECT_EQ(ReadLines({" continued", "Subject: x"}).end, Place::kBody);
  EXPECT_EQ(ReadLines({"From a@b Fri Nov 20 14:37:50", "Subject: x"}).end, Place::kBody);
  EXPECT_EQ(ReadLines({}).end, Place::kHeader);
}

TEST(HeaderReader, SizeLimitOnBothSides) {
  EXPECT_EQ(ReadLines({"A: 5678"}, {.bytes = 9}).problem, DataProblem::kNone);
  EXPECT_EQ(ReadLines({"A: 5678"}, {.bytes = 8}).problem, DataProblem::kHeaderTooLong);
  EXPECT_EQ(ReadLines({"A: 5678", " 2"}, {.bytes = 13}).problem, DataProblem::kNone);
  EXPECT_EQ(ReadLines({"A: 5678", " 2"}, {.bytes = 12}).problem, DataProblem::kHeaderTooLong);
}

TEST(HeaderReader, KeepsNothingBeyondItsLimit) {
  HeaderReader reader({.bytes = 20});
  for (int i = 0; i < 1000; ++i) (void)reader.Take("A: 5678");
  EXPECT_EQ(reader.TakeHeader().size(), 2U);
}

TEST(HeaderReader, ReceivedLimitOnBothSides) {
  EXPECT_EQ(ReadLines({"Received: a", "received: b"}, {.received = 2}).problem, DataProblem::kNone);
  EXPECT_EQ(ReadLines({"Received: a", "received : b", "Received: c"}, {.received = 2}).problem,
            DataProblem::kTooManyReceived);
}

TEST(Field, IsMadeOfLinesAndMeasuredWithTheirEnds) {
  const facts::HeaderField field = MakeField({"A: 1", " 2"});
  EXPECT_EQ(field.name, "A");
  EXPECT_EQ(field.text, "A: 1\n 2");
  EXPECT_EQ(FieldBytes(field), std::string_view("A: 1\r\n 2\r\n").size());
}

Lines WithoutForged(const Lines& lines, const std::vector<std::string>& own_names) {
  Header header = ReadLines(lines).header;
  RemoveForgedResults(own_names, &header);
  return Emitted(header);
}

TEST(ForgedResults, RuleS14AreRemovedHoweverTheyAreWritten) {
  for (const char* forged :
       {"Authentication-Results: mx.example; auth=pass", "authentication-results:MX.Example",
        "Authentication-Results : mx.example; x", "Authentication-Results: \"mx.example\"; x",
        "Authentication-Results: (a (b) comment) mx.example 1; x",
        "Authentication-Results: mx.example 1; x", "Authentication-Results: mx.example(v) 1; x",
        "Authentication-Results: mx.example.; x", "Authentication-Results: mx.(y)example; x",
        "Authentication-Results: mx. example; x", "Authentication-Results: \"mx.\"example; x",
        "Authentication-Results: \"m\\x.example\"; x", "Authentication-Results: mx.example/1; x",
        "Authentication-Results: mx.example,; x", "Authentication-Results: mx.example=1; x",
        "Authentication-Results: mx.example\u00a0; x", "Authentication-Results: ; x",
        "Authentication-Results: other.example; x", "Authentication-Results: (open mx.example"})
    EXPECT_EQ(WithoutForged({forged, " more", "Subject: x"}, {"mx.example", "other.example"}),
              Lines{"Subject: x"})
        << forged;
}

TEST(ForgedResults, RuleS14FoldedOnesAndSeveralAreRemoved) {
  EXPECT_EQ(WithoutForged({"Authentication-Results:", "\tmx.example; a=b", "S: x",
                           "Authentication-Results: (c", " d)", " mx.example", " ; a=b"},
                          {"mx.example"}),
            Lines{"S: x"});
}

TEST(ForgedResults, RuleS14NamesAreTheSameInBothFormsOfTheirLabels) {
  EXPECT_EQ(
      WithoutForged({"Authentication-Results: xn--bcher-kva.example; a"}, {"b\u00fccher.example"}),
      Lines{});
  EXPECT_EQ(
      WithoutForged({"Authentication-Results: b\u00fccher.example; a"}, {"xn--bcher-kva.example"}),
      Lines{});
}

TEST(ForgedResults, RuleS14ThoseOfOthersStay) {
  const Lines others = {"Authentication-Results: other.example; a",
                        " mx.example",
                        "Authentication-Results: mx.example.org; a",
                        "Authentication-Results: amx.example 1; a",
                        "X-Authentication-Results: mx.example; a",
                        "ARC-Authentication-Results: i=1; mx.example; a"};
  EXPECT_EQ(WithoutForged(others, {"mx.example"}), others);
}

Lines Without(const std::string& pattern) {
  Header header = ReadLines({"Subject: x", "X-Mailer: m", "X-Spam: s", " more", "To: y"}).header;
  const Result<bool, std::string> removed = RemoveFields(pattern, &header);
  if (!removed) return {removed.error()};
  return Emitted(header);
}

TEST(RemoveFields, TakesNamesBeginningsOfNamesAndPatterns) {
  EXPECT_EQ(Without("x-spam"), (Lines{"Subject: x", "X-Mailer: m", "To: y"}));
  EXPECT_EQ(Without(" subject "), (Lines{"X-Mailer: m", "X-Spam: s", " more", "To: y"}));
  EXPECT_EQ(Without("X-*"), (Lines{"Subject: x", "To: y"}));
  EXPECT_EQ(Without("^x-m|^to$"), (Lines{"Subject: x", "X-Spam: s", " more"}));
  EXPECT_EQ(Without(""), (Lines{"Subject: x", "X-Mailer: m", "X-Spam: s", " more", "To: y"}));
  EXPECT_EQ(Without("X"), Without(""));
  EXPECT_EQ(Without("^(").size(), 1U);
}

Lines With(facts::HeaderPlace place) {
  Header header =
      ReadLines({"Return-Path: r", "Received: a", "Received: b", "To: y", "Received: c"}).header;
  AddField(MakeField({"X: 1"}), place, &header);
  return Emitted(header);
}

TEST(AddField, PutsAFieldInItsPlace) {
  using facts::HeaderPlace;
  EXPECT_EQ(With(HeaderPlace::kEnd), (Lines{"Return-Path: r", "Received: a", "Received: b", "To: y",
                                            "Received: c", "X: 1"}));
  EXPECT_EQ(With(HeaderPlace::kStart), (Lines{"X: 1", "Return-Path: r", "Received: a",
                                              "Received: b", "To: y", "Received: c"}));
  EXPECT_EQ(
      With(HeaderPlace::kAfterReceived),
      (Lines{"Return-Path: r", "Received: a", "Received: b", "X: 1", "To: y", "Received: c"}));
  EXPECT_EQ(With(HeaderPlace::kStartRfc), With(HeaderPlace::kAfterReceived));
}

TEST(AddField, WithoutReceivedTheirPlaceIsTheTop) {
  Header header = ReadLines({"To: y"}).header;
  AddField(MakeField({"X: 1"}), facts::HeaderPlace::kAfterReceived, &header);
  EXPECT_EQ(Emitted(header), (Lines{"X: 1", "To: y"}));
}

TEST(MessageIdOf, IsWhatStandsInTheBrackets) {
  EXPECT_EQ(MessageIdOf(ReadLines({"Message-Id: <a@b>"}).header), "a@b");
  EXPECT_EQ(MessageIdOf(ReadLines({"Message-Id:", " <a@b> "}).header), "a@b");
  EXPECT_EQ(MessageIdOf(ReadLines({"Message-Id: <a", " @b>"}).header), "");
  EXPECT_EQ(MessageIdOf(ReadLines({"Subject: <a@b>"}).header), "");
}

TEST(FieldName, IsWhatStandsBeforeTheColon) {
  EXPECT_EQ(FieldName("Subject: x"), "Subject");
  EXPECT_EQ(FieldName("Subject :x"), "Subject");
  EXPECT_EQ(FieldName("From a@b Fri Nov 20 14:37:50"), "");
  EXPECT_EQ(FieldName(": x"), "");
  EXPECT_EQ(FieldName("S\xc3\xa9: x"), "");
  EXPECT_EQ(FieldName(""), "");
}

}  // namespace
}  // namespace signet::smtp
