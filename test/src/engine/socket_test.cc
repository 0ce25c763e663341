#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "src/engine/engine.h"

namespace signet::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Deadline Soon() { return Deadline::After(milliseconds(20)); }
Deadline Later() { return Deadline::After(seconds(30)); }
void Spawn(std::function<void()> body) { ASSERT_TRUE(Loop::Current()->Spawn(std::move(body))); }

struct Pair {
  Socket left, right;
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    left = Socket(ends[0]);
    right = Socket(ends[1]);
  }
};

// A listening socket on a port of the system's choice.
struct Listening {
  int fd = -1;
  sockaddr_in address{};
  Listening() {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd, Generic(), sizeof address), 0);
    EXPECT_EQ(::listen(fd, 64), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd, Generic(), &size);
  }
  ~Listening() { ::close(fd); }
  sockaddr* Generic() { return reinterpret_cast<sockaddr*>(&address); }
};

std::string ReadSome(Socket& socket) {
  char buffer[4096];
  IoResult result = socket.Read(buffer, sizeof buffer, Later());
  return result.ok() ? std::string(buffer, result.bytes) : Describe(result);
}

TEST(Socket, WhatOneWritesTheOtherReads) {
  RunInLoop([] {
    Pair pair;
    Spawn([&] { EXPECT_TRUE(pair.left.Write("hello", Later()).ok()); });
    EXPECT_EQ(ReadSome(pair.right), "hello");
  });
}

TEST(Socket, ReadWaitsForOctetsThatComeLater) {
  RunInLoop([] {
    Pair pair;
    for (int i = 0; i < 5; ++i) {
      Spawn([&] {
        SleepUntil(Deadline::After(milliseconds(1)));
        pair.left.Write("x", Later());
      });
      EXPECT_EQ(ReadSome(pair.right), "x");
    }
  });
}

TEST(Socket, ReadTimesOutAndWorksAfterwards) {
  RunInLoop([] {
    Pair pair;
    char octet;
    EXPECT_EQ(pair.right.Read(&octet, 1, Soon()).status, IoStatus::kTimeout);
    EXPECT_EQ(pair.right.Read(&octet, 1, Soon()).status, IoStatus::kTimeout);
    pair.left.Write("y", Later());
    EXPECT_EQ(ReadSome(pair.right), "y");
  });
}

TEST(Socket, RuleR1ProgressDoesNotRenewADeadlineThatHasPassed) {
  RunInLoop([] {
    Pair pair;
    char octet;
    EXPECT_EQ(pair.right.Read(&octet, 1, Soon()).status, IoStatus::kTimeout);
    const Deadline passed = Deadline::After(milliseconds(0));
    pair.left.Write("ab", Later());
    SleepUntil(Soon());  // the edge is seen
    EXPECT_EQ(pair.right.WaitReadable(passed).status, IoStatus::kTimeout);
    EXPECT_TRUE(pair.right.WaitReadable(Later()).ok());
    // A look at what is there already needs no time.
    EXPECT_TRUE(pair.right.Read(&octet, 1, passed).ok());
    EXPECT_TRUE(pair.right.Read(&octet, 1, passed).ok());
    EXPECT_EQ(pair.right.Read(&octet, 1, passed).status, IoStatus::kTimeout);
  });
}

TEST(Socket, EndOfStreamIsClosedNotError) {
  RunInLoop([] {
    Pair pair;
    Spawn([&] { pair.left.Close(); });
    EXPECT_EQ(ReadSome(pair.right), "connection closed");
  });
}

TEST(Socket, LargeWritesWaitForTheReader) {
  RunInLoop([] {
    Pair pair;
    const std::string sent(3 * 1000 * 1000, 'z');
    std::size_t received = 0;
    Spawn([&] {
      EXPECT_TRUE(pair.left.Write(sent, Later()).ok());
      pair.left.Close();
    });
    char buffer[8192];
    for (IoResult r; (r = pair.right.Read(buffer, sizeof buffer, Later())).ok();) {
      received += r.bytes;
    }
    EXPECT_EQ(received, sent.size());
  });
}

TEST(Socket, WriteTimesOutWhereNobodyReads) {
  RunInLoop([] {
    Pair pair;
    const std::string much(10 * 1000 * 1000, 'z');
    const IoResult result = pair.left.Write(much, Soon());
    EXPECT_EQ(result.status, IoStatus::kTimeout);
    EXPECT_LT(result.bytes, much.size());
  });
}

TEST(Socket, WritingToAPeerThatLeftIsAnErrorNotASignal) {
  RunInLoop([] {
    Pair pair;
    pair.right.Close();
    const IoResult result = pair.left.Write("x", Later());
    EXPECT_EQ(result.status, IoStatus::kError);
    EXPECT_EQ(result.error_number, EPIPE);
    EXPECT_EQ(Describe(result), "Broken pipe");
  });
}

TEST(Socket, OneReadsWhileAnotherWrites) {
  RunInLoop([] {
    Pair pair;
    std::string got;
    Spawn([&] { got = ReadSome(pair.left); });
    Spawn([&] { EXPECT_TRUE(pair.left.Write("to right", Later()).ok()); });
    EXPECT_EQ(ReadSome(pair.right), "to right");
    EXPECT_TRUE(pair.right.Write("to left", Later()).ok());
    while (got.empty()) Yield();
    EXPECT_EQ(got, "to left");
  });
}

TEST(Socket, CodeWithItsOwnReadsWaitsAfterEagain) {
  RunInLoop([] {
    Pair pair;
    Spawn([&] {
      for (int i = 0; i < 100; ++i) {
        pair.left.Write("ab", Later());
        Yield();
      }
    });
    int got = 0;
    char octet;
    while (got < 200) {
      const ssize_t n = ::read(pair.right.fd(), &octet, 1);
      if (n == 1)
        ++got;
      else
        ASSERT_TRUE(errno == EAGAIN && pair.right.WaitReadable(Later()).ok()) << got;
    }
    EXPECT_EQ(pair.right.WaitReadable(Soon()).status == IoStatus::kError, false);
    EXPECT_EQ(pair.right.WaitReadable(Soon()).status, IoStatus::kTimeout);
  });
}

TEST(Socket, ClosingAndReusingADescriptorLosesNothing) {
  RunInLoop([] {
    for (int i = 0; i < 50; ++i) {
      Pair pair;  // the numbers are those of the pair before
      Spawn([&] { pair.left.Write("n", Later()); });
      EXPECT_EQ(ReadSome(pair.right), "n") << "round " << i;
    }
  });
}

TEST(Socket, MovesWithItsRegistration) {
  RunInLoop([] {
    Pair pair;
    pair.left.Write("1", Later());
    EXPECT_EQ(ReadSome(pair.right), "1");
    EXPECT_EQ(pair.right.WaitReadable(Soon()).status == IoStatus::kError, false);
    Socket moved = std::move(pair.right);
    EXPECT_FALSE(pair.right.valid());
    Spawn([&] { pair.left.Write("2", Later()); });
    EXPECT_EQ(ReadSome(moved), "2");
  });
}

TEST(Socket, MayOutliveItsLoop) {
  Pair pair;
  RunInLoop([&] {
    char octet;
    EXPECT_EQ(pair.right.Read(&octet, 1, Soon()).status, IoStatus::kTimeout);
  });
  pair.right.Close();
  EXPECT_FALSE(pair.right.valid());
}

TEST(Socket, ATalkativePeerDoesNotKeepOthersFromTheirTurn) {
  RunInLoop([] {
    Pair pair;
    pair.left.Write(std::string(1000, 't'), Later());
    bool had_turn = false;
    int reads = 0;
    Spawn([&] { had_turn = true; });
    char octet;
    while (!had_turn && pair.right.Read(&octet, 1, Later()).ok()) ++reads;
    EXPECT_TRUE(had_turn);
    EXPECT_LT(reads, 100);
  });
}

TEST(Socket, ConnectsAndAccepts) {
  RunInLoop([] {
    Listening listening;
    Spawn([&] {
      Socket listener(::dup(listening.fd));
      int fd = -1;
      ASSERT_TRUE(listener.Accept(&fd, Later()).ok());
      Socket accepted(fd);
      EXPECT_TRUE(accepted.Write("220 hi", Later()).ok());
    });
    auto connected = Socket::Connect(listening.Generic(), sizeof listening.address, Later());
    ASSERT_TRUE(connected.ok());
    EXPECT_EQ(ReadSome(connected.value()), "220 hi");
  });
}

TEST(Socket, ConnectTellsThatNobodyListens) {
  RunInLoop([] {
    sockaddr_in gone;
    {
      Listening listening;
      gone = listening.address;
    }
    auto connected = Socket::Connect(reinterpret_cast<sockaddr*>(&gone), sizeof gone, Later());
    ASSERT_FALSE(connected.ok());
    EXPECT_EQ(Describe(connected.error()), "Connection refused");
  });
}

TEST(Socket, LoopsShareAListeningSocketAndLoseNoConnection) {
  Listening listening;
  constexpr int kConnections = 200;
  std::atomic<int> accepted{0};
  auto accepting = [&](Loop& loop) {
    loop.Spawn([&] {
      Socket listener(::dup(listening.fd));
      for (int fd; listener.Accept(&fd, Deadline::Never()).ok();) {
        ++accepted;
        Socket done(fd);
      }
    });
    loop.Run();
  };
  Loop one, two;
  std::thread first([&] { accepting(one); }), second([&] { accepting(two); });
  RunInLoop([&] {
    for (int i = 0; i < kConnections; ++i) {
      auto c = Socket::Connect(listening.Generic(), sizeof listening.address, Later());
      ASSERT_TRUE(c.ok()) << Describe(c.error());
      EXPECT_EQ(ReadSome(c.value()), "connection closed");
    }
  });
  one.Stop();
  two.Stop();
  first.join();
  second.join();
  EXPECT_EQ(accepted, kConnections);
}

TEST(Socket, WorksOnPipes) {
  RunInLoop([] {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    Socket in(ends[0]), out(ends[1]);
    EXPECT_TRUE(out.Write("piped", Later()).ok());
    EXPECT_EQ(ReadSome(in), "piped");
  });
}

}  // namespace
}  // namespace signet::engine
