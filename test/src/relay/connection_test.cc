#include "src/relay/connection.h"

#include <arpa/inet.h>

#include "test/src/relay/transaction_world.h"

namespace signet::relay {
namespace {

Address AddressOf(const std::string& ip, int port) {
  auto found = Resolve({ip, port});
  EXPECT_TRUE(found.ok()) << ip;
  return found.ok() ? found.value().at(0) : Address{};
}

TEST(AddressTest, LoopbackAndSocketsAreLocal) {
  for (const char* ip : {"127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(AddressOf(ip, 25).IsLocal()) << ip;
  for (const char* ip : {"192.0.2.1", "10.0.0.1", "::", "::2", "fe80::1", "::ffff:10.0.0.1"})
    EXPECT_FALSE(AddressOf(ip, 25).IsLocal()) << ip;
  EXPECT_TRUE(SocketAddress("/run/lmtp").value().IsLocal());
  EXPECT_TRUE(SocketAddress('/' + std::string(106, 'x')).ok());
  EXPECT_FALSE(SocketAddress('/' + std::string(107, 'x')).ok());
}

class ConnectionTest : public ::testing::Test {
 protected:
  // As if the upstream were not on this machine.
  Result<bool, Reply> OpenAbroad(const ScriptedUpstream& up, Terms terms) {
    Result<bool, Reply> result = true;
    testing::RunInCoroutine([&] {
      Address address = AddressOf("127.0.0.1", up.port());
      terms.host = {"mx.example", up.port()};
      terms.ip = address.ip = "192.0.2.1";
      terms.helo = "gateway.example";
      terms.times = {std::chrono::seconds(5), std::chrono::seconds(5), std::chrono::seconds(5)};
      auto opened = Connection::Open(terms, address, transport_);
      if (opened.ok())
        EXPECT_FALSE(opened.value()->may_identify());
      else
        result = Err{opened.error()};
      if (opened.ok()) opened.value()->client().Leave();
      for (int i = 0; i < 200 && engine::Loop::Current()->coroutines() > 1; ++i)
        (void)engine::SleepUntil(Deadline::After(std::chrono::milliseconds(5)));
    });
    return result;
  }
  config::Transport transport_;
};

TEST_F(ConnectionTest, RuleU8NoIdentityGoesInClearOverTheNetwork) {
  Script script;
  script.ehlo = "250-up\r\n250 XCLIENT LOGIN\r\n";
  ScriptedUpstream up(script);
  EXPECT_TRUE(OpenAbroad(up, {}).ok());
  Terms terms;
  terms.xclient = {{"LOGIN", "alice"}};
  const auto refused = OpenAbroad(up, terms);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, 451);
  EXPECT_NE(refused.error().log_text.find("only said over loopback or verified TLS"),
            std::string::npos);
  EXPECT_FALSE(up.Heard("XCLIENT LOGIN=alice"));
}

TEST_F(ConnectionTest, RuleU8NoPasswordGoesInClearOverTheNetwork) {
  Script script;
  script.ehlo = "250-up\r\n250 AUTH PLAIN\r\n";
  ScriptedUpstream up(script);
  Terms terms;
  terms.credentials = {{"PLAIN"}, "tim", SecretText("secret")};
  const auto refused = OpenAbroad(up, terms);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().log_text.find("AUTH is only said over"), std::string::npos);
  EXPECT_EQ(up.commands(), (std::vector<std::string>{"EHLO gateway.example", "QUIT"}));
}

}  // namespace
}  // namespace signet::relay
