#include "src/smtp/input.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>

namespace signet::smtp {
namespace {

// Gives what it was told to, piece by piece; then what it was told to end with.
class FakeStream final : public tls::Stream {
 public:
  explicit FakeStream(std::deque<std::string> pieces,
                      engine::IoStatus end = engine::IoStatus::kClosed)
      : pieces_(std::move(pieces)), end_(end) {}

  engine::IoResult Read(void* data, std::size_t size, Deadline) override {
    if (pieces_.empty()) return {end_, 0, 0};
    std::string& piece = pieces_.front();
    const std::size_t count = std::min(size, piece.size());
    std::memcpy(data, piece.data(), count);
    piece.erase(0, count);
    if (piece.empty()) pieces_.pop_front();
    return {engine::IoStatus::kOk, count, 0};
  }
  engine::IoResult Write(std::string_view, Deadline) override { return {}; }
  bool InputPending() override { return !pieces_.empty(); }
  engine::Socket* socket() override { return nullptr; }

 private:
  std::deque<std::string> pieces_;
  engine::IoStatus end_;
};

const Deadline kNever = Deadline::Never();

Input::Line ReadOne(std::deque<std::string> pieces, std::size_t max = 100) {
  FakeStream stream(std::move(pieces));
  return Input().ReadLine(stream, max, kNever);
}

TEST(Input, LinesEndWithCrlfWhereverTheReadsAreCut) {
  const std::string octets = "NOOP\r\nQUIT\r\n";
  for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
    FakeStream stream({octets.substr(0, cut), octets.substr(cut)});
    Input input;
    EXPECT_EQ(input.ReadLine(stream, 100, kNever).text, "NOOP") << cut;
    EXPECT_EQ(input.ReadLine(stream, 100, kNever).text, "QUIT") << cut;
    EXPECT_TRUE(input.empty());
    EXPECT_EQ(input.ReadLine(stream, 100, kNever).status, Input::Status::kClosed);
  }
}

TEST(Input, KnowsWhetherALineIsThere) {
  FakeStream stream({"NOOP\r\nQUIT\r\nRS", "ET\r\n"});
  Input input;
  (void)input.ReadLine(stream, 100, kNever);
  EXPECT_TRUE(input.HasLine());
  (void)input.ReadLine(stream, 100, kNever);
  EXPECT_FALSE(input.HasLine());
  EXPECT_FALSE(input.empty());
  EXPECT_EQ(input.ReadLine(stream, 100, kNever).text, "RSET");
}

TEST(Input, RuleS1WhatIsWrongWithALineIsWrongWithAllOfIt) {
  EXPECT_EQ(ReadOne({"a\nb\r\n"}).status, Input::Status::kBareLineEnd);
  EXPECT_EQ(ReadOne({"a\rb\r\n"}).status, Input::Status::kBareLineEnd);
  EXPECT_EQ(ReadOne({"a\r\r\n"}).status, Input::Status::kBareLineEnd);
  EXPECT_EQ(ReadOne({std::string("a\0b\r\n", 5)}).status, Input::Status::kNul);
  EXPECT_EQ(ReadOne({"a\r", "b\n", "c\r", "\n"}).status, Input::Status::kBareLineEnd);
}

TEST(Input, RuleS1AClientThatWaitsBehindALineFeedIsNotWaitedFor) {
  FakeStream stream({"NOOP\n"}, engine::IoStatus::kTimeout);
  const Input::Line line = Input().ReadLine(stream, 100, kNever);
  EXPECT_EQ(line.status, Input::Status::kBareLineEnd);
  EXPECT_TRUE(line.out_of_step);
}

TEST(Input, RuleS5LengthLimitOnBothSides) {
  EXPECT_EQ(ReadOne({std::string(100, 'x') + "\r\n"}, 100).status, Input::Status::kLine);
  EXPECT_EQ(ReadOne({std::string(101, 'x') + "\r\n"}, 100).status, Input::Status::kTooLong);
}

TEST(Input, RuleS5TheRestOfALongLineIsNoCommand) {
  FakeStream stream({std::string(5000, 'x'), std::string(5000, 'x') + "\r\nNOOP\r\n"});
  Input input;
  const Input::Line line = input.ReadLine(stream, 100, kNever);
  EXPECT_EQ(line.status, Input::Status::kTooLong);
  EXPECT_EQ(line.text.size(), 100U);
  EXPECT_FALSE(line.out_of_step);
  EXPECT_EQ(input.ReadLine(stream, 100, kNever).text, "NOOP");
}

TEST(Input, RuleS5ALineWithoutEndIsNotFollowedForEver) {
  std::deque<std::string> pieces;
  for (std::size_t i = 0; i < Input::kSkipMaxBytes / 1000 + 10; ++i) pieces.emplace_back(1000, 'x');
  FakeStream stream(pieces);
  const Input::Line line = Input().ReadLine(stream, 100, kNever);
  EXPECT_EQ(line.status, Input::Status::kTooLong);
  EXPECT_TRUE(line.out_of_step);
  EXPECT_TRUE(stream.InputPending());
}

TEST(Input, TellsHowTheInputEnded) {
  FakeStream closed({"NOO"}), cancelled({}, engine::IoStatus::kCancelled),
      silent({"NOO"}, engine::IoStatus::kTimeout), broken({}, engine::IoStatus::kError);
  EXPECT_EQ(Input().ReadLine(closed, 100, kNever).status, Input::Status::kClosed);
  EXPECT_EQ(Input().ReadLine(cancelled, 100, kNever).status, Input::Status::kCancelled);
  EXPECT_EQ(Input().ReadLine(silent, 100, kNever).status, Input::Status::kTimeout);
  EXPECT_EQ(Input().ReadLine(broken, 100, kNever).status, Input::Status::kFailed);
}

TEST(Input, ForgetsWhatCameBeforeTls) {
  FakeStream stream({"STARTTLS\r\nRSET\r\n"});
  Input input;
  (void)input.ReadLine(stream, 100, kNever);
  EXPECT_FALSE(input.empty());
  input.Clear();
  EXPECT_TRUE(input.empty());
}

}  // namespace
}  // namespace signet::smtp
