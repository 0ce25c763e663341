#ifndef SIGNET_TEST_SRC_RELAY_TRANSACTION_WORLD_H_
#define SIGNET_TEST_SRC_RELAY_TRANSACTION_WORLD_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/engine/engine.h"
#include "src/relay/client.h"
#include "src/relay/relay.h"
#include "src/relay/worker.h"
#include "test/support/policy.h"
#include "test/support/scripted_upstream.h"

// What tests of transactions share: a session of alice, routes, one message for bob.
namespace signet::relay {

using config::RouterDriver;
using config::TransportDriver;
using testing::Policy;
using testing::RunInCoroutine;
using testing::ScriptedUpstream;
using Script = ScriptedUpstream::Script;
using namespace std::chrono_literals;

// "250 2.1.5 Accepted", for comparing.
inline std::string Said(const Reply& reply) {
  return std::to_string(reply.code) + (reply.enhanced.empty() ? "" : " " + reply.enhanced) +
         (reply.text.empty() ? "" : " " + reply.text);
}

// A reply for the command that begins with `command`, the usual one for the rest.
inline std::function<std::string(const std::string&)> When(std::string command, std::string reply) {
  return [=](const std::string& line) { return line.starts_with(command) ? reply : ""; };
}

// A port on which nobody listens.
inline std::string DeadHost() {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return "127.0.0.1::" + std::to_string(ntohs(address.sin_port));
}

class TransactionTest : public ::testing::Test {
 protected:
  TransactionTest() {
    ThisWorker().failing = {};
    ThisWorker().probes = {};
    policy.session.envelope.has_sender = true;
    policy.session.envelope.sender = "alice@example.org";
    policy.session.envelope.sender_local_part = "alice";
    policy.session.envelope.sender_domain = "example.org";
  }

  // To "to_mta", a transport that is made anew each time.
  void RouteTo(const std::string& hosts,
               const std::function<void(config::Transport&)>& set = nullptr) {
    policy.config.routers.clear();
    policy.config.transports.clear();
    config::Transport& transport = policy.Transport("to_mta", TransportDriver::kSmtp);
    transport.command_timeout = command_timeout;
    transport.final_timeout = command_timeout;
    transport.connection_idle_timeout = std::chrono::seconds(0);
    if (set) set(transport);
    policy.Router("upstream", RouterDriver::kManualroute, "to_mta").route_list =
        policy.Expanded("* \"" + hosts + '"');
    CompileRoutes();
  }
  void CompileRoutes() {
    Diagnostics diagnostics;
    routes = Compile(policy.config, policy.names(), &diagnostics);
    ASSERT_NE(routes, nullptr) << testing::Summary(diagnostics);
  }

  // --- inside a coroutine ---
  void Start() { transaction = Begin(routes, policy.session, options); }
  Reply Add(std::string local_part, std::string domain = "example.com") {
    facts::Recipient recipient{local_part + '@' + domain, local_part, domain};
    policy.session.envelope.current = recipient;
    config::MatchContext context = policy.Context();
    return transaction->AddRecipient(recipient, context);
  }
  // One message for `bob`, as far as it goes.
  void Deliver(const std::vector<std::string>& lines = {"Subject: x", "", "text"}) {
    rcpt = data = end = {};
    RunInCoroutine([&] {
      Start();
      rcpt = Add("bob");
      if (rcpt.positive()) data = transaction->StartData();
      if (data.code == 354) {
        for (const std::string& line : lines)
          if (!transaction->WriteLine(line)) break;
        end = transaction->Finish();
        delivered = transaction->TakeDelivered();
      }
      transaction.reset();
      Settle();
    });
  }
  // The same inside a coroutine, once for each of two messages and more.
  Reply DeliverOne() {
    Start();
    Reply reply = Add("bob");
    if (reply.positive()) reply = transaction->StartData();
    if (reply.code == 354) {
      EXPECT_TRUE(transaction->WriteLine("text"));
      reply = transaction->Finish();
    }
    transaction.reset();
    return reply;
  }
  // Until so many connections wait for another message.
  static void WaitForIdle(std::size_t count) {
    for (int i = 0; i < 1000 && ThisWorker().idle.size() != count; ++i)
      (void)engine::SleepUntil(Deadline::After(5ms));
    EXPECT_EQ(ThisWorker().idle.size(), count);
  }
  // Lets what Leave() has started say its goodbye.
  static void Settle() {
    for (int i = 0; i < 200 && engine::Loop::Current()->coroutines() > 1; ++i)
      (void)engine::SleepUntil(Deadline::After(5ms));
  }

  Policy policy;
  std::shared_ptr<const Routes> routes;
  TransactionOptions options;
  std::unique_ptr<Transaction> transaction;
  Reply rcpt, data, end;
  std::vector<Delivered> delivered;
  std::chrono::milliseconds command_timeout = 5s;
};

}  // namespace signet::relay
#endif
