#include "src/relay/maildir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace signet::relay {
namespace {

// System calls that fail once, at the `fail_at`th counted call (from 1).
int fail_at, calls_made, fail_errno;
bool Fails() {
  if (++calls_made != fail_at) return false;
  errno = fail_errno;
  return true;
}
int FaultyOpen(const char* path, int flags, mode_t mode) {
  return Fails() ? -1 : ::open(path, flags, mode);
}
ssize_t FaultyWrite(int fd, const void* octets, std::size_t size) {
  return Fails() ? -1 : ::write(fd, octets, std::min<std::size_t>(size, 20000));
}
int FaultySync(int fd) { return Fails() ? -1 : ::fsync(fd); }
int FaultyLink(const char* from, const char* to) { return Fails() ? -1 : ::link(from, to); }
int FaultyMkdir(const char* path, mode_t mode) { return Fails() ? -1 : ::mkdir(path, mode); }
constexpr FileCalls kFaulty = {&FaultyOpen, &FaultyWrite, &FaultySync,
                               &FaultyLink, &::unlink,    &FaultyMkdir};

class MaildirTest : public ::testing::Test {
 protected:
  MaildirTest() {
    char path[] = "/tmp/signet_maildir_XXXXXX";
    root_ = mkdtemp(path);
    box_ = root_ + "/a/box";
  }
  ~MaildirTest() override { std::filesystem::remove_all(root_); }

  // "ok", or the text of the problem.
  std::string Deliver(const FileCalls& calls) {
    MaildirFile file(box_, "mx.example.org", calls);
    auto opened = file.Open(MaildirFile::CreateDirectory::kYes);
    if (!opened.ok()) return Told(opened.error());
    for (int i = 0; i < 3000; ++i)
      file.WriteLine("a line of fifty octets, more or less, to fill it");
    auto finished = file.Finish();
    return finished.ok() ? "ok" : Told(finished.error());
  }
  std::string Told(const MaildirFile::Problem& problem) {
    no_space_ = problem.no_space;
    return problem.text;
  }
  std::size_t Count(const std::string& part) {
    std::size_t count = 0;
    std::error_code ignored;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(box_ + part, ignored))
      ++count;
    return count;
  }
  std::string root_, box_;
  bool no_space_ = false;
};

TEST_F(MaildirTest, PutsTheMessageIntoNew) {
  EXPECT_EQ(Deliver(FileCalls::System()), "ok");
  EXPECT_EQ(Count("/new"), 1u);
  EXPECT_EQ(Count("/tmp"), 0u);
  EXPECT_TRUE(std::filesystem::is_directory(box_ + "/cur"));
  auto file = *std::filesystem::directory_iterator(box_ + "/new");
  struct stat facts;
  ASSERT_EQ(stat(file.path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  EXPECT_EQ(facts.st_size, 3000 * 49);
}

TEST_F(MaildirTest, RuleU1FaultAtAnyStepLeavesNothingBehind) {
  fail_errno = EIO;
  int steps = 0;
  for (fail_at = 1;; ++fail_at) {
    std::filesystem::remove_all(root_ + "/a");
    calls_made = 0;
    std::string told = Deliver(kFaulty);
    if (calls_made < fail_at) {
      EXPECT_EQ(told, "ok");
      break;
    }
    ++steps;
    EXPECT_NE(told.find("Input/output error"), std::string::npos) << fail_at << ": " << told;
    EXPECT_FALSE(no_space_);
    EXPECT_EQ(Count("/new"), 0u) << "at call " << fail_at;
    EXPECT_EQ(Count("/tmp"), 0u) << "at call " << fail_at;
  }
  EXPECT_GT(steps, 25) << "writes, syncs, links and directories were all to fail once";
  EXPECT_EQ(Count("/new"), 1u);
}

TEST_F(MaildirTest, FullDiskIsSaidToBeFull) {
  EXPECT_EQ(Deliver(FileCalls::System()), "ok");
  for (int error : {ENOSPC, EDQUOT}) {
    fail_errno = error;
    calls_made = 0;
    fail_at = 0;
    Deliver(kFaulty);
    int all = calls_made;
    calls_made = 0;
    fail_at = all - 4;  // the last write: sync, link, open, sync of the directory follow
    std::string told = Deliver(kFaulty);
    EXPECT_TRUE(no_space_) << told;
  }
}

TEST_F(MaildirTest, OpensNoFileThatIsThereAlready) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(UniqueMaildirName("h"));
  EXPECT_EQ(names.size(), 1000u);
}

TEST(UniqueMaildirNameTest, HasNoSlashAndNoColon) {
  std::string name = UniqueMaildirName("a/b:c");
  EXPECT_TRUE(name.ends_with(".a\\057b\\072c")) << name;
  EXPECT_EQ(name.find('/'), std::string::npos);
}

TEST_F(MaildirTest, PermissionsAreAsTheyAreSet) {
  const mode_t old = umask(0077);
  {
    MaildirFile file(box_, "mx.example.org", FileCalls::System(), {0640, 0750});
    EXPECT_TRUE(file.Open(MaildirFile::CreateDirectory::kYes).ok());
    EXPECT_TRUE(file.WriteLine("text"));
    EXPECT_TRUE(file.Finish().ok());
  }
  umask(old);
  struct stat found {};
  ASSERT_EQ(stat((box_ + "/new").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0750u);
  const auto files = std::filesystem::directory_iterator(box_ + "/new");
  ASSERT_EQ(stat(files->path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640u);
}

TEST(ReadModeTest, ThreeOctalDigits) {
  EXPECT_EQ(ReadMode("0640"), 0640u);
  EXPECT_EQ(ReadMode("600"), 0600u);
  for (const char* bad : {"", "0", "64", "0440", "0680", "1777", "06400", "-600", "u=rw", "0x180"})
    EXPECT_EQ(ReadMode(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace signet::relay
