#include "src/server/control.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "src/base/limits.h"
#include "test/support/process.h"

namespace signet::server {
namespace {

using std::chrono::milliseconds;
using What = ControlRequest::What;

TEST(ControlRequests, AreAWordAndWhatBelongsToIt) {
  const auto why = ParseControlRequest("why K7Q2-9FXMT");
  ASSERT_TRUE(why.ok());
  EXPECT_EQ(why.value().what, What::kWhy);
  EXPECT_EQ(why.value().reference, "K7Q2-9FXMT");
  const auto decisions = ParseControlRequest("decisions 500");
  ASSERT_TRUE(decisions.ok());
  EXPECT_EQ(decisions.value().what, What::kDecisions);
  EXPECT_EQ(decisions.value().number, 500u);
  EXPECT_EQ(ParseControlRequest("recent 20").value().what, What::kRecent);
  EXPECT_EQ(ParseControlRequest("status").value().what, What::kStatus);
  EXPECT_EQ(ParseControlRequest("reload").value().what, What::kReload);
}

TEST(ControlRequests, AnythingElseIsRefused) {
  for (const char* bad :
       {"", " ", "why", "why ", "why a b", "why ../../etc/passwd", "why \x1b[2J", "recent",
        "recent -1", "recent 1x", "recent 1234567890", "decisions 1 2", "status now", "status ",
        "STATUS", "reload\r", "stop", "why 12345678901234567890123456789012345678901"})
    EXPECT_FALSE(ParseControlRequest(bad).ok()) << bad;
  EXPECT_TRUE(ParseControlRequest("recent 999999999").ok());
  EXPECT_TRUE(ParseControlRequest("why " + std::string(40, 'x')).ok());
}

class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void Say(std::string_view text) { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Waits until the server has ended the connection, whatever it has sent before; false: not yet.
  bool IsSentAway(milliseconds wait = std::chrono::seconds(20)) const {
    pollfd ended{fd_, 0, 0};
    return ::poll(&ended, 1, static_cast<int>(wait.count())) > 0 && (ended.revents & POLLHUP) != 0;
  }
  // All that comes until the end; "(silence)" where neither comes for a while.
  std::string Rest(milliseconds wait = std::chrono::seconds(20)) {
    std::string text;
    while (true) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(wait.count())) <= 0) return text + "(silence)";
      char block[4096];
      const ssize_t got = ::read(fd_, block, sizeof block);
      if (got <= 0) return text;
      text.append(block, static_cast<std::size_t>(got));
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

class ControlSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/signet-control-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/control";
  }
  void TearDown() override {
    socket_.reset();
    std::filesystem::remove_all(directory_);
  }
  // Answers at once with the number of the request, but for "reload", which is left.
  ControlSocket::Handler Handler() {
    return [this](const ControlRequest& request, const ControlSocket::Reply& reply) {
      if (request.what == What::kReload) {
        const std::lock_guard lock(mutex_);
        left_.push_back(reply);
        return;
      }
      reply(answer_.empty() ? std::to_string(static_cast<int>(request.what)) : answer_);
    };
  }
  void Open(ControlSocket::Bounds bounds = {}) {
    auto opened = ControlSocket::Open(path_, Handler(), bounds);
    ASSERT_TRUE(opened.ok()) << opened.error();
    socket_ = std::move(opened).value();
  }
  std::string Ask(std::string_view text) {
    Client client(path_);
    client.Say(text);
    return client.Rest();
  }
  // Whether so many requests have come that are not answered yet.
  bool WaitForLeft(std::size_t number) {
    return test::WaitUntil([&] {
      const std::lock_guard lock(mutex_);
      return left_.size() >= number;
    });
  }

  std::string directory_, path_, answer_;
  std::mutex mutex_;
  std::vector<ControlSocket::Reply> left_;
  std::unique_ptr<ControlSocket> socket_;
};

TEST_F(ControlSocketTest, GivesOneAnswerToOneRequest) {
  Open();
  EXPECT_EQ(Ask("status\n"), "3\n");
  EXPECT_EQ(Ask("why K7Q2-9FXMT\nstatus\n"), "0\n");
  EXPECT_EQ(Ask("nonsense\n"), "{\"error\":\"unknown request\"}\n");
  EXPECT_EQ(Ask("why \"\x1b\"\n"), "{\"error\":\"a reference expected\"}\n");
}

TEST_F(ControlSocketTest, ARequestMayComeInPieces) {
  Open();
  Client client(path_);
  for (char c : std::string("status\n")) {
    client.Say({&c, 1});
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(client.Rest(), "3\n");
}

TEST_F(ControlSocketTest, RuleC7OnlyWeCanAsk) {
  const mode_t before = ::umask(0);
  Open();
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_uid, ::geteuid());
  if (::geteuid() != 0) GTEST_SKIP() << "not root: cannot be somebody else";
  // Somebody whom a careless administrator has let through to the socket.
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    Client client(path_);
    client.Say("status\n");
    ::_exit(client.connected() && client.Rest().empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(ControlSocketTest, ASocketThatADeadServerLeftIsReplaced) {
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  Open();
  EXPECT_EQ(Ask("status\n"), "3\n");
}

TEST_F(ControlSocketTest, OneOnWhichSomebodyListensIsLeftAlone) {
  Open();
  const auto second = ControlSocket::Open(path_, Handler());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error(), "control socket " + path_ + ": another server listens there");
  EXPECT_EQ(Ask("status\n"), "3\n");
}

TEST_F(ControlSocketTest, SomethingElseIsLeftAlone) {
  std::ofstream(path_) << "mine";
  const auto opened = ControlSocket::Open(path_, Handler());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error(), "control socket " + path_ + ": something else than a socket is there");
  EXPECT_FALSE(ControlSocket::Open(directory_ + "/not/there", Handler()).ok());
  EXPECT_FALSE(ControlSocket::Open("/" + std::string(120, 'x'), Handler()).ok());
}

TEST_F(ControlSocketTest, IsGoneWithItsServerButNotAnothers) {
  Open();
  socket_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  Open();
  std::filesystem::rename(path_, path_ + ".old");
  auto other = ControlSocket::Open(path_, Handler());
  ASSERT_TRUE(other.ok());
  socket_.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ControlSocketTest, ALineUpToTheLimitIsReadAndNoLongerOne) {
  ControlSocket::Bounds bounds;
  Open(bounds);
  const std::string longest = "x" + std::string(limits::kControlRequestBytes - 1, 'y');
  EXPECT_EQ(Ask(longest + '\n'), "{\"error\":\"unknown request\"}\n");
  EXPECT_EQ(Ask(longest + "z\n"), "{\"error\":\"the request is too long\"}\n");
  EXPECT_EQ(Ask(longest + std::string(10'000, 'z')), "{\"error\":\"the request is too long\"}\n");
}

TEST_F(ControlSocketTest, AnAnswerUpToTheLimitIsGivenAndNoLongerOne) {
  ControlSocket::Bounds bounds;
  bounds.answer_bytes = 1000;
  Open(bounds);
  answer_ = std::string(999, 'x');
  EXPECT_EQ(Ask("status\n"), answer_ + '\n');
  answer_ += 'x';
  EXPECT_EQ(Ask("status\n"), "{\"error\":\"the answer is too long\"}\n");
}

TEST_F(ControlSocketTest, LargeAnswersComeWhole) {
  Open();
  answer_ = std::string(5'000'000, 'x');
  EXPECT_EQ(Ask("decisions 1\n").size(), answer_.size() + 1);
}

TEST_F(ControlSocketTest, SilentClientsAreSentAway) {
  ControlSocket::Bounds bounds;
  bounds.wait = milliseconds(50);
  Open(bounds);
  Client client(path_);
  client.Say("stat");
  EXPECT_EQ(client.Rest(), "");
}

TEST_F(ControlSocketTest, ClientsThatDoNotReadAreSentAway) {
  ControlSocket::Bounds bounds;
  bounds.wait = milliseconds(50);
  Open(bounds);
  answer_ = std::string(5'000'000, 'x');
  Client client(path_);
  client.Say("status\n");
  EXPECT_TRUE(client.IsSentAway());
  EXPECT_LT(client.Rest().size(), answer_.size());
}

TEST_F(ControlSocketTest, SilentClientsGiveWayToOthers) {
  Open();
  std::vector<std::unique_ptr<Client>> silent;
  for (std::size_t i = 0; i < limits::kControlConnections; ++i)
    silent.push_back(std::make_unique<Client>(path_));
  EXPECT_EQ(Ask("status\n"), "3\n");
  EXPECT_EQ(silent.front()->Rest(), "");  // who had most time for it
  silent.back()->Say("status\n");
  EXPECT_EQ(silent.back()->Rest(), "3\n");
}

TEST_F(ControlSocketTest, SoManyAreAnsweredAtATimeAndNoMore) {
  Open();
  std::vector<std::unique_ptr<Client>> waiting;
  for (std::size_t i = 0; i < limits::kControlConnections; ++i) {
    waiting.push_back(std::make_unique<Client>(path_));
    waiting.back()->Say("reload\n");
  }
  ASSERT_TRUE(WaitForLeft(limits::kControlConnections));
  EXPECT_EQ(Ask("status\n"), "");
  for (const ControlSocket::Reply& reply : left_) reply("done");
  for (const auto& client : waiting) EXPECT_EQ(client->Rest(), "done\n");
  EXPECT_EQ(Ask("status\n"), "3\n");
}

TEST_F(ControlSocketTest, WhoeverWaitsHoldsNobody) {
  Open();
  Client waiting(path_);
  waiting.Say("reload\n");
  ASSERT_TRUE(WaitForLeft(1));
  EXPECT_EQ(Ask("status\n"), "3\n");
  std::thread([this] { left_[0]("done"); }).join();
  EXPECT_EQ(waiting.Rest(), "done\n");
}

TEST_F(ControlSocketTest, AnAnswerMayComeWhenItIsTooLate) {
  Open();
  {
    Client gone(path_);
    gone.Say("reload\n");
    ASSERT_TRUE(WaitForLeft(1));
  }
  EXPECT_EQ(Ask("status\n"), "3\n");
  left_[0]("done");
  EXPECT_EQ(Ask("status\n"), "3\n");
  socket_.reset();
  left_[0]("again");
}

TEST_F(ControlSocketTest, RetiredItAnswersWhoIsThereAndNobodyElse) {
  Open();
  Client waiting(path_);
  waiting.Say("reload\n");
  ASSERT_TRUE(WaitForLeft(1));
  socket_->Retire();
  EXPECT_FALSE(std::filesystem::exists(path_));
  left_[0]("done");
  EXPECT_EQ(waiting.Rest(), "done\n");
}

}  // namespace
}  // namespace signet::server
