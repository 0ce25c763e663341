#include "src/server/metrics_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "test/support/process.h"

namespace signet::server {
namespace {

using ::testing::HasSubstr;

config::MetricsAddress At(const std::string& path) { return {path, "", 0}; }

// What a server that was killed leaves behind.
void LeaveSocket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

TEST(MetricsListener, TakesTheSocketThatADeadProcessLeft) {
  const test::TempDir directory;
  const report::Metrics metrics;
  LeaveSocket(directory / "metrics");
  EXPECT_TRUE(MetricsListener::Open(At(directory / "metrics"), metrics).ok());
}

TEST(MetricsListener, TakesNeitherASocketInUseNorAFile) {
  const test::TempDir directory;
  const report::Metrics metrics;
  const auto first = MetricsListener::Open(At(directory / "metrics"), metrics);
  ASSERT_TRUE(first.ok());
  const auto second = MetricsListener::Open(At(directory / "metrics"), metrics);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error(), HasSubstr("Address already in use"));
  test::WriteFile(directory / "file", "precious");
  EXPECT_FALSE(MetricsListener::Open(At(directory / "file"), metrics).ok());
  EXPECT_EQ(test::ReadFile(directory / "file"), "precious");
}

TEST(MetricsListener, RemovesItsOwnSocketAndNoOther) {
  const test::TempDir directory;
  const std::string path = directory / "metrics";
  const report::Metrics metrics;
  auto first = MetricsListener::Open(At(path), metrics);
  ASSERT_TRUE(first.ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  first.value().reset();
  EXPECT_NE(::stat(path.c_str(), &info), 0);

  auto again = MetricsListener::Open(At(path), metrics);
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(::rename(path.c_str(), (directory / "away").c_str()), 0);
  LeaveSocket(path);
  again.value().reset();
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
}

TEST(MetricsListener, SaysWhereItCannotListen) {
  const report::Metrics metrics;
  const auto opened = MetricsListener::Open(At("/nonexistent/directory/metrics"), metrics);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error(), "/nonexistent/directory/metrics: No such file or directory");
}

}  // namespace
}  // namespace signet::server
