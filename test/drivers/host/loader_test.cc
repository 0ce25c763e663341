#include "drivers/host/loader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/host/registry.h"
#include "test/support/process.h"

namespace signet::drivers {
namespace {

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    ::chmod(directory_.path().c_str(), 0755);
    test::WriteFile(file_, "not a shared object");
    ::chmod(file_.c_str(), 0644);
  }
  test::TempDir directory_;
  std::string file_ = directory_ / "driver.so";
};

TEST_F(LoaderTest, AFileThatOnlyItsOwnerMayWriteIsAccepted) {
  EXPECT_EQ(CheckModulePath(file_), "");
  ::chmod(file_.c_str(), 0755);
  EXPECT_EQ(CheckModulePath(file_), "");
}

TEST_F(LoaderTest, RuleC4WhatOthersMayWriteIsRefused) {
  for (const mode_t mode : {0664, 0646, 0666}) {
    ::chmod(file_.c_str(), mode);
    EXPECT_NE(CheckModulePath(file_).find("may be written by"), std::string::npos) << mode;
  }
  ::chmod(file_.c_str(), 0644);
  for (const mode_t mode : {0775, 0757, 01777}) {
    ::chmod(directory_.path().c_str(), mode);
    EXPECT_NE(CheckModulePath(file_).find(directory_.path() + ": may be written by"),
              std::string::npos)
        << mode;
  }
}

TEST_F(LoaderTest, OtherKindsOfPathsAreRefused) {
  EXPECT_EQ(CheckModulePath(""), "an absolute path is needed");
  EXPECT_EQ(CheckModulePath("driver.so"), "an absolute path is needed");
  EXPECT_EQ(CheckModulePath(directory_ / "none.so"), "No such file or directory");
  EXPECT_EQ(CheckModulePath(directory_.path()), "is not a regular file");
  EXPECT_EQ(CheckModulePath(directory_ / "sub/../driver.so"), "the path contains \"..\"");
  const std::string link = directory_ / "link.so";
  ASSERT_EQ(::symlink(file_.c_str(), link.c_str()), 0);
  EXPECT_EQ(CheckModulePath(link), "is not a regular file");
  const std::string linked = directory_ / "linked";
  ASSERT_EQ(::symlink(directory_.path().c_str(), linked.c_str()), 0);
  EXPECT_EQ(CheckModulePath(linked + "/driver.so"), linked + ": is a symbolic link");
}

TEST_F(LoaderTest, AFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  ASSERT_EQ(::chown(file_.c_str(), 12345, 0), 0);
  EXPECT_EQ(CheckModulePath(file_), "belongs to user 12345");
}

TEST_F(LoaderTest, WhatIsNoSharedObjectSaysSo) {
  const auto registry = Registry::MakeEmpty();
  const auto loaded = registry->Load(file_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().find(file_ + ": cannot be loaded: "), 0u) << loaded.error();
}

}  // namespace
}  // namespace signet::drivers
