// What a connection keeps of its answers (rule L8), with a driver and a clock of our own.
#include <gtest/gtest.h>
#include <signet/driver.h>

#include "src/base/limits.h"
#include "src/lookup/lookup.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;

int asked = 0;
std::string seen_options;
std::int64_t clock_ms = 0;
std::int64_t Clock() { return clock_ms; }

// Answers with how often it was asked; what the query says decides about the rest.
signet_found Find(const signet_host* host, void*, signet_lookup_call* call) noexcept {
  const std::string_view query = drivers::View(call->query);
  const std::string text = std::to_string(++asked);
  seen_options = drivers::View(call->options);
  host->answer(call, drivers::Borrow(text));
  if (query == "write") host->changed(call);
  if (query == "none") return SIGNET_NOT_FOUND;
  if (query == "trouble") return SIGNET_LATER;
  if (query == "closed") return SIGNET_UNREADABLE;
  return SIGNET_FOUND;
}

const signet_lookup_type kCountTypes[] = {
    {SIGNET_TEXT("count"), 0, 0, {}, {}},
    {SIGNET_TEXT("keyed"), SIGNET_LOOKUP_SINGLE_KEY, 0, {}, {}},
    {SIGNET_TEXT("slow"), SIGNET_LOOKUP_BLOCKING, 0, {}, {}},
};
const signet_lookup_type kOtherTypes[] = {
    {SIGNET_TEXT("other"), SIGNET_LOOKUP_BLOCKING, 0, {}, {}}};

signet_lookup_driver MakeDriver(signet_text name, const signet_lookup_type* types,
                                std::size_t count) {
  signet_lookup_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.size = sizeof driver;
  driver.name = name;
  driver.types = types;
  driver.type_count = count;
  driver.type_size = sizeof *types;
  driver.find = Find;
  return driver;
}

class Cache : public testing::Test {
 protected:
  Cache()
      : counting_(MakeDriver(SIGNET_TEXT("count"), kCountTypes, 3)),
        other_(MakeDriver(SIGNET_TEXT("other"), kOtherTypes, 1)) {
    asked = 0;
    clock_ms = 1'000'000;
    EXPECT_TRUE(registry_->Add(&counting_).ok());
    EXPECT_TRUE(registry_->Add(&other_).ok());
    worker_ = std::make_unique<Worker>(*registry_, std::make_shared<config::Config>(), nullptr);
    connection_ = std::make_unique<PerConnection>(*worker_, Clock);
  }

  std::string Ask(std::string_view query, std::string_view options = "",
                  std::string_view type = "slow", std::string_view key = "") {
    const LookupAnswer answer =
        connection_->Find({registry_->FindLookup(type)->type.handle, key, query, options},
                          Deadline::After(std::chrono::seconds(10)));
    opening_ = answer.opening;
    switch (answer.kind) {
      case LookupAnswer::kFound:
        return answer.text;
      case LookupAnswer::kNotFound:
        return "none";
      case LookupAnswer::kDeferred:
        return "deferred " + answer.text;
    }
    return "";
  }

  static void Pass(std::chrono::milliseconds time) { clock_ms += time.count(); }

  signet_lookup_driver counting_, other_;
  std::unique_ptr<drivers::Registry> registry_ = drivers::Registry::MakeEmpty();
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<PerConnection> connection_;
  bool opening_ = false;
};

using std::chrono::milliseconds;
using RuleL8Cache = Cache;

TEST_F(RuleL8Cache, AnAnswerIsUsedUntilItsAgeAndNotAfter) {
  EXPECT_EQ(Ask("q"), "1");
  Pass(limits::kAnswerMaxAge - milliseconds(1));
  EXPECT_EQ(Ask("q"), "1");
  Pass(milliseconds(1));
  EXPECT_EQ(Ask("q"), "2");
  Pass(limits::kAnswerMaxAge - milliseconds(1));
  EXPECT_EQ(Ask("q"), "2");
}

TEST_F(RuleL8Cache, NotFoundLivesShorter) {
  ASSERT_LT(limits::kNotFoundMaxAge, limits::kAnswerMaxAge);
  EXPECT_EQ(Ask("none"), "none");
  Pass(limits::kNotFoundMaxAge - milliseconds(1));
  EXPECT_EQ(Ask("none"), "none");
  EXPECT_EQ(asked, 1);
  Pass(milliseconds(1));
  EXPECT_EQ(Ask("none"), "none");
  EXPECT_EQ(asked, 2);
}

TEST_F(RuleL8Cache, TroubleIsNotKept) {
  EXPECT_EQ(Ask("trouble"), "deferred 1");
  EXPECT_FALSE(opening_);
  EXPECT_EQ(Ask("trouble"), "deferred 2");
  EXPECT_EQ(Ask("closed"), "deferred 3");
  EXPECT_TRUE(opening_);
  EXPECT_EQ(Ask("closed"), "deferred 4");
}

TEST_F(RuleL8Cache, OptionsSayWhatIsReadAndWritten) {
  EXPECT_EQ(Ask("q"), "1");
  EXPECT_EQ(Ask("q", "cache=no_rd"), "2");
  EXPECT_EQ(Ask("q"), "2");
  EXPECT_EQ(Ask("q", "cache=no"), "3");
  EXPECT_EQ(Ask("q"), "2");
  EXPECT_EQ(Ask("q", "cache=no_wr"), "2");
  EXPECT_EQ(Ask("p", "cache=no_wr"), "4");
  EXPECT_EQ(Ask("p"), "5");
}

TEST_F(RuleL8Cache, TheDriversOwnOptionsArePartOfTheQuestion) {
  EXPECT_EQ(Ask("q", "a=1,cache=no_rd,b=2"), "1");
  EXPECT_EQ(seen_options, "a=1,b=2");
  EXPECT_EQ(Ask("q", "a=1,b=2"), "1");
  EXPECT_EQ(Ask("q", "a=1,b=3"), "2");
  EXPECT_EQ(Ask("q"), "3");
}

TEST_F(RuleL8Cache, RetKeyGivesTheKeyAndKeepsTheAnswer) {
  EXPECT_EQ(Ask("/f", "ret=key", "keyed", "k"), "k");
  EXPECT_EQ(Ask("/f", "", "keyed", "k"), "1");
  EXPECT_EQ(Ask("/f", "ret=key", "keyed", "j"), "j");
  EXPECT_EQ(asked, 2);
}

TEST_F(RuleL8Cache, WhatChangesTheDataEmptiesTheCacheOfItsDriver) {
  EXPECT_EQ(Ask("q"), "1");
  EXPECT_EQ(Ask("/f", "", "keyed", "k"), "2");
  EXPECT_EQ(Ask("q", "", "other"), "3");
  EXPECT_EQ(Ask("write"), "4");
  EXPECT_EQ(Ask("write"), "5");
  EXPECT_EQ(Ask("q"), "6");
  EXPECT_EQ(Ask("/f", "", "keyed", "k"), "7");
  EXPECT_EQ(Ask("q", "", "other"), "3");
}

TEST_F(RuleL8Cache, NoMoreThanTheLimitIsKept) {
  for (std::size_t i = 0; i <= limits::kAnswersKept; ++i) Ask("q" + std::to_string(i));
  const int before = asked;
  Ask("q0");
  Ask("q" + std::to_string(limits::kAnswersKept - 1));
  EXPECT_EQ(asked, before);
  Ask("q" + std::to_string(limits::kAnswersKept));
  EXPECT_EQ(asked, before + 1);
}

TEST_F(Cache, OutsideOfALoopOnlyWhatBlocksIsAsked) {
  EXPECT_EQ(Ask("q", "", "count"), "deferred this lookup cannot be made here: it has to wait");
  EXPECT_EQ(Ask("q", "", "slow"), "1");
}

}  // namespace
}  // namespace signet::lookup
