#include "src/tls/client_hello.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "src/base/limits.h"
#include "src/tls/tls.h"
#include "test/support/tls_client.h"

// The first message of real clients, whole and in pieces, and of made-up ones.
namespace signet::tls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::TlsClient;
using testing::TlsClientOptions;

std::string Octets(std::size_t number, int size) {
  std::string octets;
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
    octets += static_cast<char>(number >> shift & 0xff);
  return octets;
}
std::string Vector(std::string_view content, int size) {
  return Octets(content.size(), size) + std::string(content);
}
std::string Record(std::string_view content, char type = 22) {
  return type + std::string("\x03\x01") + Vector(content, 2);
}
std::string Extension(std::size_t type, std::string_view content) {
  return Octets(type, 2) + Vector(content, 2);
}
std::string ServerName(std::string_view name, std::size_t type = 0) {
  return Extension(0, Vector(Octets(type, 1) + Vector(name, 2), 2));
}
// The message with its header.
std::string Hello(std::string_view extensions, std::size_t session_octets = 32) {
  const std::string body = std::string("\x03\x03") + std::string(32, 'r') +
                           Vector(std::string(session_octets, 's'), 1) + Vector("\x13\x01", 2) +
                           Vector(std::string(1, '\0'), 1);
  return '\x01' + Vector(body + Vector(extensions, 2), 3);
}
// In records of so many octets each.
std::string InRecords(std::string_view message, std::size_t size) {
  std::string octets;
  for (; !message.empty(); message.remove_prefix(std::min(size, message.size())))
    octets += Record(message.substr(0, size));
  return octets;
}

// What a GnuTLS client says first.
std::string RealHello(const std::string& name, const std::string& priority) {
  std::array<int, 2> fds;
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  std::thread client([&] {
    TlsClientOptions options;
    options.server_name = name;
    options.priority = priority;
    TlsClient(fds[1], options).Handshake();
  });
  std::string octets;
  while (ReadClientHello(octets).state == HelloState::kMore) {
    char buffer[4096];
    const ssize_t got = read(fds[0], buffer, sizeof buffer);
    if (got <= 0) break;
    octets.append(buffer, static_cast<std::size_t>(got));
  }
  close(fds[0]);
  client.join();
  return octets;
}

std::string StateOf(std::string_view octets) {
  const HelloView view = ReadClientHello(octets);
  return view.state == HelloState::kMore  ? "more"
         : view.state == HelloState::kBad ? "bad"
                                          : "done " + view.server_name;
}

TEST(ReadClientHello, FindsTheNameThatARealClientAsksFor) {
  for (const char* version : {"1.2", "1.3"}) {
    const std::string priority = std::string("NORMAL:-VERS-ALL:+VERS-TLS") + version;
    EXPECT_EQ(StateOf(RealHello("mx.example.org", priority)), "done mx.example.org");
    EXPECT_EQ(StateOf(RealHello("", priority)), "done ");
  }
}

TEST(ReadClientHello, WantsMoreUntilAllOfItIsThere) {
  const std::string octets = RealHello("mx.example.org", "NORMAL");
  for (std::size_t size = 0; size < octets.size(); ++size)
    ASSERT_EQ(StateOf(octets.substr(0, size)), "more") << size;
  EXPECT_EQ(StateOf(octets + "anything behind it"), "done mx.example.org");
}

TEST(ReadClientHello, ReadsAMessageInRecordsOfAnySize) {
  const std::string message = Hello(Extension(51, "key") + ServerName("a.example"));
  for (std::size_t size = 1; size <= message.size(); ++size) {
    const std::string octets = InRecords(message, size);
    ASSERT_EQ(StateOf(octets), "done a.example") << size;
    ASSERT_EQ(StateOf(octets.substr(0, octets.size() - 1)), "more") << size;
  }
}

TEST(ReadClientHello, RuleT9WhatIsNoHostNameIsNone) {
  for (const std::string& name :
       {std::string("../../etc/passwd"), std::string("a/b"), std::string("a b"), std::string(""),
        std::string(".a"), std::string("a..b"), std::string("a\0b", 3), std::string("\xc3\xbc"),
        std::string(254, 'a'), std::string(64, 'a'), std::string("[::1]"), std::string("a%00")})
    EXPECT_EQ(StateOf(Record(Hello(ServerName(name)))), "done ") << name;
  EXPECT_EQ(StateOf(Record(Hello(ServerName("a.example", 1)))), "done ") << "another kind of name";
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b');
  EXPECT_EQ(StateOf(Record(Hello(ServerName(longest)))), "done " + longest);
}

TEST(ReadClientHello, WhatIsNoClientHelloIsBad) {
  EXPECT_EQ(StateOf("EHLO client.example\r\n"), "bad");
  EXPECT_EQ(StateOf("GET / HTTP/1.1\r\n"), "bad");
  EXPECT_EQ(StateOf(std::string("\x80\x2e\x01\x00\x02", 5)), "bad") << "SSL 2";
  EXPECT_EQ(StateOf(Record("\x02\x28", 21)), "bad") << "an alert";
  EXPECT_EQ(StateOf(Record("")), "bad");
  EXPECT_EQ(StateOf(Record("\x02")), "bad") << "another message";
  EXPECT_EQ(StateOf("\x16\x02"), "more");
  EXPECT_EQ(StateOf(std::string("\x16\x02\x00", 3)), "bad") << "a version that never was";
}

TEST(ReadClientHello, LengthsThatDoNotFitAreBad) {
  const std::string name = ServerName("a.example");
  std::string inner = name, outer = name;
  inner[8] = static_cast<char>(inner[8] + 1);
  outer[5] = static_cast<char>(outer[5] + 1);
  for (const std::string& extensions :
       {inner, outer, name.substr(0, name.size() - 1), name + "\x01", name + name, Extension(0, ""),
        Extension(0, Vector("\x01", 2))})
    EXPECT_EQ(StateOf(Record(Hello(extensions))), "bad");
  std::string cut = Hello(name);
  cut[3] = static_cast<char>(cut[3] - 1);
  EXPECT_EQ(StateOf(Record(cut)), "bad");
}

TEST(ReadClientHello, IsBoundedInSize) {
  const std::size_t frame = Hello(Extension(21, "")).size();
  const std::size_t most = limits::kClientHelloMaxBytes - frame;
  const auto padded = [](std::size_t size) {
    return InRecords(Hello(Extension(21, std::string(size, 'p'))), 16 * 1024);
  };
  EXPECT_EQ(StateOf(padded(most)), "done ");
  EXPECT_EQ(StateOf(padded(most + 1)), "bad");
}

// --- on a socket -------------------------------------------------------------------------

// What PeekServerName finds when `pieces` come one after the other, and what can be read then.
std::string Peek(const std::vector<std::string>& pieces, std::string* rest,
                 milliseconds limit = seconds(15), bool hang_up = true) {
  std::array<int, 2> fds;
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  std::thread client([&] {
    for (const std::string& piece : pieces) {
      if (send(fds[1], piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;
      std::this_thread::sleep_for(milliseconds(1));
    }
    if (hang_up) shutdown(fds[1], SHUT_WR);
  });
  std::string found;
  engine::RunInLoop([&] {
    engine::Socket socket(fds[0]);
    auto name = PeekServerName(&socket, Deadline::After(limit));
    found = name.ok() ? name.value() : "error " + name.error();
    char buffer[8192];
    while (rest != nullptr) {
      const auto got = socket.Read(buffer, sizeof buffer, Deadline::After(seconds(15)));
      if (!got.ok()) break;
      rest->append(buffer, got.bytes);
    }
  });
  client.join();
  close(fds[1]);
  return found;
}

TEST(PeekServerName, LeavesEveryOctetWhereItWas) {
  const std::string octets = Record(Hello(ServerName("a.example")));
  std::string rest;
  EXPECT_EQ(Peek({octets}, &rest), "a.example");
  EXPECT_EQ(rest, octets);
}

TEST(PeekServerName, WaitsForPiecesOfAMessage) {
  const std::string octets = InRecords(Hello(ServerName("a.example")), 10);
  std::vector<std::string> pieces;
  for (char c : octets) pieces.emplace_back(1, c);
  std::string rest;
  EXPECT_EQ(Peek(pieces, &rest), "a.example");
  EXPECT_EQ(rest, octets);
}

TEST(PeekServerName, LeavesOthersTalkToTheLibrary) {
  EXPECT_EQ(Peek({"EHLO a\r\n"}, nullptr), "");
  EXPECT_EQ(Peek({}, nullptr), "") << "who goes away";
  EXPECT_EQ(Peek({"\x16\x03"}, nullptr), "") << "who goes away in the middle";
}

TEST(PeekServerName, RuleT8HasADeadlineThatPiecesDoNotMove) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Peek({"\x16"}, nullptr, milliseconds(100), false), "error (ClientHello): timed out");
  // A message that grows for longer than the deadline lasts.
  const std::string octets = InRecords(Hello(ServerName("a.example")), 1);
  std::vector<std::string> drops;
  for (char c : octets) drops.emplace_back(1, c);
  EXPECT_EQ(Peek(drops, nullptr, milliseconds(100), false), "error (ClientHello): timed out");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
}

}  // namespace
}  // namespace signet::tls
