#include "src/report/decisions.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "test/support/process.h"

namespace signet::report {
namespace {

constexpr std::int64_t kTime = 1'772'366'400;  // 2026-03-01 12:00

Decision Made(const std::string& reference, Decision::Verdict verdict, std::int64_t time = kTime) {
  Decision decision;
  decision.reference = reference;
  decision.verdict = verdict;
  decision.time = time;
  decision.headline = "not authenticated";
  return decision;
}
Decision Refused(const std::string& reference, std::int64_t time = kTime) {
  return Made(reference, Decision::Verdict::kRefused, time);
}
Decision Accepted(const std::string& reference) {
  return Made(reference, Decision::Verdict::kAccepted);
}
// "2222-2222A", …
std::string Numbered(std::size_t number) {
  constexpr std::string_view kDigits = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string reference = "2222-22222";
  for (std::size_t at = reference.size(); number > 0; number /= kDigits.size())
    reference[--at] = kDigits[number % kDigits.size()];
  return reference;
}
DecisionStore::Now Always(const std::int64_t* time) {
  return [time] { return *time; };
}
const std::int64_t kNow = kTime;

DecisionStore::Bounds Few(std::size_t number) {
  DecisionStore::Bounds bounds;
  bounds.number = number;
  return bounds;
}

TEST(Reference, IsShortAndOfLettersThatNobodyTakesForOthers) {
  for (int i = 0; i < 1000; ++i) {
    const std::string reference = NewReference();
    ASSERT_EQ(reference.size(), 10u) << reference;
    EXPECT_EQ(reference[4], '-');
    EXPECT_EQ(reference.find_first_of("01ILOU"), std::string::npos) << reference;
    EXPECT_TRUE(IsReference(reference));
  }
}

TEST(Reference, RuleC7IsRandom) {
  std::set<std::string> seen;
  std::set<char> first;
  for (int i = 0; i < 20'000; ++i) {
    const std::string reference = NewReference();
    EXPECT_TRUE(seen.insert(reference).second);
    first.insert(reference[0]);
  }
  EXPECT_EQ(first.size(), 30u);
}

TEST(Reference, IsKnownHoweverItIsWritten) {
  for (const char* good : {"K7Q2-9FXMT", "k7q2-9fxmt", "K7Q29FXMT", " k7q2 9fxmt\n"})
    EXPECT_TRUE(IsReference(good)) << good;
  for (const char* bad : {"", "K7Q2-9FXM", "K7Q2-9FXMTT", "K7Q2-9FXM0", "../../etc", "K7Q2_9FXMT"})
    EXPECT_FALSE(IsReference(bad)) << bad;
}

TEST(DecisionStore, FindsWhatWasPut) {
  DecisionStore store({}, Always(&kNow));
  store.Put(Refused("K7Q2-9FXMT"));
  for (const char* name : {"K7Q2-9FXMT", "k7q29fxmt", "k-7-q-2-9-f-x-m-t"})
    EXPECT_NE(store.Find(name), nullptr) << name;
  EXPECT_EQ(store.Find("K7Q2-9FXMK"), nullptr);
  EXPECT_EQ(store.Find("nonsense"), nullptr);
}

TEST(DecisionStore, ALaterDecisionTakesThePlaceOfAnEarlierOne) {
  DecisionStore store({}, Always(&kNow));
  store.Put(Refused("K7Q2-9FXMT"));
  Decision again = Made("K7Q2-9FXMT", Decision::Verdict::kDeferred);
  again.headline = "deferred";
  store.Put(again);
  EXPECT_EQ(store.Find("K7Q2-9FXMT")->headline, "deferred");
  EXPECT_EQ(store.counts().refused, 1u);
  store.Put(Accepted("K7Q2-9FXMT"));
  EXPECT_EQ(store.counts().refused, 0u);
  EXPECT_EQ(store.counts().accepted, 1u);
  EXPECT_EQ(store.All().size(), 1u);
}

TEST(DecisionStore, RecentOnesAreRefusalsNewestFirst) {
  DecisionStore store({}, Always(&kNow));
  for (std::size_t i = 0; i < 5; ++i) store.Put(Refused(Numbered(i)));
  store.Put(Accepted("K7Q2-9FXMT"));
  const auto recent = store.Recent(3);
  ASSERT_EQ(recent.size(), 3u);
  EXPECT_EQ(recent[0]->reference, Numbered(4));
  EXPECT_EQ(recent[2]->reference, Numbered(2));
  EXPECT_EQ(store.All().size(), 6u);
}

TEST(DecisionStore, RuleC7IsBoundedInNumber) {
  DecisionStore store(Few(3), Always(&kNow));
  for (std::size_t i = 0; i < 3; ++i) store.Put(Refused(Numbered(i)));
  EXPECT_NE(store.Find(Numbered(0)), nullptr);
  store.Put(Refused(Numbered(3)));
  EXPECT_EQ(store.Find(Numbered(0)), nullptr);
  EXPECT_NE(store.Find(Numbered(1)), nullptr);
  EXPECT_EQ(store.counts().refused, 3u);
}

TEST(DecisionStore, GoodTrafficPushesNoRefusalOut) {
  DecisionStore store(Few(3), Always(&kNow));
  store.Put(Refused("K7Q2-9FXMT"));
  for (std::size_t i = 0; i < 100; ++i) store.Put(Accepted(Numbered(i)));
  EXPECT_NE(store.Find("K7Q2-9FXMT"), nullptr);
  EXPECT_EQ(store.counts().accepted, 3u);
}

TEST(DecisionStore, RuleC7IsBoundedInMemory) {
  DecisionStore::Bounds bounds;
  bounds.bytes = 20'000;
  DecisionStore store(bounds, Always(&kNow));
  for (std::size_t i = 0; i < 1000; ++i) {
    store.Put(Refused(Numbered(i)));
    ASSERT_LE(store.counts().bytes, 10'000u);  // half of it is for what is accepted
  }
  EXPECT_GE(store.counts().refused, 5u);
  for (std::size_t i = 1000; i < 2000; ++i) {
    store.Put(Accepted(Numbered(i)));
    ASSERT_LE(store.counts().bytes, 20'000u);
  }
  EXPECT_GE(store.counts().refused, 5u);
  // One that fills all of it alone is kept, one octet more is not.
  DecisionStore alone(bounds, Always(&kNow));
  Decision large = Refused("K7Q2-9FXMT");
  alone.Put(large);
  large.headline.resize(large.headline.size() + 10'000 - alone.counts().bytes);
  alone.Put(large);
  EXPECT_NE(alone.Find("K7Q2-9FXMT"), nullptr);
  EXPECT_EQ(alone.counts().bytes, 10'000u);
  large.headline += 'x';
  alone.Put(large);
  EXPECT_EQ(alone.Find("K7Q2-9FXMT"), nullptr);
  EXPECT_EQ(alone.counts().bytes, 0u);
}

TEST(DecisionStore, RuleC7IsBoundedInAge) {
  std::int64_t now = kTime;
  DecisionStore store({}, Always(&now));
  store.Put(Refused("K7Q2-9FXMT"));
  now += std::chrono::seconds(limits::kDecisionMaxAge).count();
  EXPECT_NE(store.Find("K7Q2-9FXMT"), nullptr);
  ++now;
  EXPECT_EQ(store.Find("K7Q2-9FXMT"), nullptr);
  EXPECT_TRUE(store.Recent(10).empty());
  EXPECT_TRUE(store.All().empty());
  store.Put(Refused(Numbered(1), now));
  EXPECT_EQ(store.counts().refused, 1u);  // the old one is no longer in memory
}

TEST(DecisionStore, FewerAreKeptOnceFewerAreWanted) {
  DecisionStore store(Few(10), Always(&kNow));
  for (std::size_t i = 0; i < 10; ++i) store.Put(Refused(Numbered(i)));
  store.SetNumber(2);
  EXPECT_EQ(store.counts().refused, 2u);
  EXPECT_NE(store.Find(Numbered(9)), nullptr);
  store.SetNumber(0);
  store.Put(Refused(Numbered(11)));
  EXPECT_EQ(store.counts().refused, 0u);
  EXPECT_EQ(store.counts().bytes, 0u);
}

TEST(DecisionStore, ManyThreadsPutAndFind) {
  DecisionStore store(Few(50), Always(&kNow));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&store, t] {
      for (std::size_t i = 0; i < 2000; ++i) {
        store.Put(i % 3 == 0 ? Accepted(Numbered(t * 2000 + i)) : Refused(Numbered(t * 2000 + i)));
        (void)store.Find(Numbered(i));
        if (i % 100 == 0) (void)store.All();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store.counts().refused, 50u);
  EXPECT_EQ(store.counts().accepted, 50u);
  EXPECT_EQ(store.counts().put, 8000u);
}

// --- the file ----------------------------------------------------------------------------

class DecisionFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/signet-decisions-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/decisions";
    log_.emplace(Log::Paths{directory_ + "/main", directory_ + "/reject", directory_ + "/panic"});
  }
  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::string Text(const std::string& path) const {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string Logged() const { return Text(directory_ + "/main"); }
  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  std::string directory_, path_;
  std::optional<Log> log_;
};

TEST_F(DecisionFileTest, KeepsDecisionsOverARestart) {
  {
    DecisionStore store({}, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    store.Put(Refused("K7Q2-9FXMT"));
    Decision again = Refused("K7Q2-9FXMT");
    again.headline = "a newer one";
    store.Put(again);
    store.Put(Accepted(Numbered(1)));
  }
  DecisionStore store({}, Always(&kNow));
  ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
  ASSERT_NE(store.Find("K7Q2-9FXMT"), nullptr);
  EXPECT_EQ(store.Find("K7Q2-9FXMT")->headline, "a newer one");
  EXPECT_EQ(store.counts().refused, 1u);
  EXPECT_EQ(store.counts().accepted, 1u);
  EXPECT_EQ(Logged(), "");
}

TEST_F(DecisionFileTest, ALaterLineTakesThePlaceOfAnEarlierOne) {
  Decision newer = Refused("K7Q2-9FXMT");
  newer.headline = "a newer one";
  Write(LineOf(Refused("K7Q2-9FXMT")) + LineOf(newer));
  DecisionStore store({}, Always(&kNow));
  ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
  EXPECT_EQ(store.Find("K7Q2-9FXMT")->headline, "a newer one");
}

TEST_F(DecisionFileTest, RuleC7OnlyWeCanReadIt) {
  const mode_t before = ::umask(0);
  {
    DecisionStore store({}, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    store.Put(Refused("K7Q2-9FXMT"));
  }
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  for (mode_t mode : {0640, 0604, 0660}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    DecisionStore store({}, Always(&kNow));
    const auto kept = store.KeepIn(path_, &*log_);
    ASSERT_FALSE(kept.ok()) << mode;
    EXPECT_EQ(kept.error(), path_ + " is not used: others may read it: its mode must be 0600");
    EXPECT_EQ(store.Find("K7Q2-9FXMT"), nullptr);
  }
}

TEST_F(DecisionFileTest, SymbolicLinksAndOthersFilesAreNotUsed) {
  Write("");
  ASSERT_EQ(::symlink(path_.c_str(), (directory_ + "/link").c_str()), 0);
  DecisionStore store;
  EXPECT_FALSE(store.KeepIn(directory_ + "/link", &*log_).ok());
  EXPECT_FALSE(store.KeepIn(directory_, &*log_).ok());
  EXPECT_FALSE(store.KeepIn(directory_ + "/not/there", &*log_).ok());
  EXPECT_FALSE(store.KeepIn("/dev/null", &*log_).ok());
}

TEST_F(DecisionFileTest, ABrokenLineIsSkippedAndSaid) {
  Write(LineOf(Refused(Numbered(1))) + "{\"verdict\":\"ref\n" + LineOf(Refused(Numbered(2))) +
        "{\"verdict\":\"refused\"");
  {
    DecisionStore store({}, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    EXPECT_EQ(store.counts().refused, 2u);
    store.Put(Refused(Numbered(3)));
  }
  EXPECT_NE(Logged().find("decisions_file " + path_ + " line 2: "), std::string::npos) << Logged();
  EXPECT_NE(Logged().find("line 4: "), std::string::npos) << Logged();
  // What is added does not become part of the broken line.
  const auto contents = DecisionFile::Read(path_);
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents.value().decisions.size(), 3u);
  EXPECT_TRUE(contents.value().flaws.empty());
}

TEST_F(DecisionFileTest, RuleC7TheFileIsBounded) {
  DecisionStore::Bounds bounds;
  bounds.file_bytes = 20'000;
  std::string last;
  {
    DecisionStore store(bounds, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    for (std::size_t i = 0; i < 400; ++i) {
      last = Numbered(i);
      store.Put(Refused(last));
      // So that the file is written several times, and over its bound each time.
      if (i % 100 == 99) {
        ASSERT_TRUE(test::WaitUntil([&] { return Text(path_).find(last) != std::string::npos; }));
      }
    }
  }
  EXPECT_LE(std::filesystem::file_size(path_), 20'000u);
  const auto contents = DecisionFile::Read(path_);
  ASSERT_TRUE(contents.ok());
  ASSERT_FALSE(contents.value().decisions.empty());
  EXPECT_EQ(contents.value().decisions.back().reference, last);
}

TEST_F(DecisionFileTest, ManyThatComeAtOnceAreAllThereAtTheEnd) {
  {
    DecisionStore store({}, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    for (std::size_t round = 0; round < 4; ++round) {
      const auto before = std::filesystem::file_size(path_);
      for (std::size_t i = 0; i < 400; ++i) {
        Decision decision = Refused(Numbered(round * 400 + i));
        decision.reason.resize(5000, 'x');
        store.Put(std::move(decision));
      }
      // The next ones come while these are being written.
      ASSERT_TRUE(test::WaitUntil([&] { return std::filesystem::file_size(path_) != before; }));
    }
  }
  DecisionStore store({}, Always(&kNow));
  ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
  EXPECT_EQ(store.counts().refused, 500u);
  EXPECT_NE(store.Find(Numbered(1599)), nullptr);
}

TEST_F(DecisionFileTest, HasRoomUpToItsBoundAndNoFurther) {
  auto opened = DecisionFile::Open(path_, 1000);
  ASSERT_TRUE(opened.ok());
  DecisionFile& file = *opened.value();
  EXPECT_TRUE(file.HasRoom(1000));
  EXPECT_FALSE(file.HasRoom(1001));
  ASSERT_TRUE(file.Append(std::string(400, '\n')).ok());
  EXPECT_TRUE(file.HasRoom(600));
  EXPECT_FALSE(file.HasRoom(601));
}

TEST_F(DecisionFileTest, OneThatIsTooLargeIsBegunAnew) {
  DecisionStore::Bounds bounds;
  bounds.file_bytes = 20'000;
  Write(std::string(20'001, '\n'));
  {
    DecisionStore store(bounds, Always(&kNow));
    ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
    store.Put(Refused("K7Q2-9FXMT"));
  }
  EXPECT_NE(Logged().find("decisions_file begins anew: "), std::string::npos) << Logged();
  EXPECT_EQ(Text(path_), LineOf(Refused("K7Q2-9FXMT")));
}

TEST_F(DecisionFileTest, AnotherFileGetsWhatIsKept) {
  DecisionStore store({}, Always(&kNow));
  store.Put(Refused(Numbered(1)));
  ASSERT_TRUE(store.KeepIn(path_, &*log_).ok());
  store.Put(Refused(Numbered(2)));
  ASSERT_TRUE(store.KeepIn(directory_ + "/other", &*log_).ok());
  EXPECT_EQ(Text(path_), LineOf(Refused(Numbered(1))) + LineOf(Refused(Numbered(2))));
  ASSERT_TRUE(store.KeepIn("", &*log_).ok());
  EXPECT_EQ(Text(directory_ + "/other"), Text(path_));
  store.Put(Refused(Numbered(3)));
  EXPECT_EQ(Text(directory_ + "/other"), Text(path_));
}

}  // namespace
}  // namespace signet::report
