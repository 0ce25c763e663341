// Rates that gateways share through a real Redis, or do not share.
#include <gmock/gmock.h>

#include "test/support/redis.h"
#include "test/support/smtp_client.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
@STORE@
acl_smtp_mail = check_mail
begin acl
check_mail:
  defer  senders    = odd@example.org
         !seen      = 5m / key=$sender_address
         message    = first time
  deny   senders    = *@limited.example
         ratelimit  = 2 / 1h / strict / $sender_address_domain
         message    = $sender_rate in $sender_rate_period, the limit is $sender_rate_limit
  accept
)";

class LimitingGateway {
 public:
  explicit LimitingGateway(const std::string& store) : port_(FreePort()) {
    const std::string file = directory_ / "signet.conf";
    WriteFile(file,
              Replace(Replace(kConfiguration, "@PORT@", std::to_string(port_)), "@STORE@", store));
    process_ =
        std::make_unique<Process>(std::vector<std::string>{SignetProgram(), "serve", "-C", file});
    if (!WaitUntil([this] { return !process_->running() || SomebodyListens(port_); }) ||
        !process_->running())
      throw std::runtime_error("signet did not start: " + process_->Output());
  }
  // What a new connection's MAIL is answered.
  std::string Mail(const std::string& sender = "a@limited.example") {
    SmtpClient client(port_);
    client.Say("EHLO client.example");
    return client.Say("MAIL FROM:<" + sender + ">");
  }
  bool WaitForLog(std::string_view text) const { return process_->WaitForOutput(text); }

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> process_;
};

std::string StoreIn(const RedisServer& redis) {
  return "redis_servers = " + redis.item() + "\nratelimit_store = redis";
}

TEST(Ratelimit, GatewaysWithOneStoreShareARate) {
  RedisServer redis;
  LimitingGateway one(StoreIn(redis)), two(StoreIn(redis));
  EXPECT_THAT(one.Mail(), StartsWith("250 "));
  EXPECT_THAT(two.Mail(), StartsWith("250 "));
  const std::string refused = one.Mail();
  EXPECT_THAT(refused, StartsWith("550 "));
  EXPECT_THAT(refused, HasSubstr(" in 1h, the limit is 2"));
  EXPECT_THAT(two.Mail(), StartsWith("550 "));
  EXPECT_THAT(one.Mail("b@other.example"), StartsWith("250 "));
  // So are times.
  EXPECT_THAT(one.Mail("odd@example.org"), StartsWith("451 "));
  EXPECT_THAT(two.Mail("odd@example.org"), StartsWith("250 "));
}

TEST(Ratelimit, WithoutAStoreEachGatewayHasItsOwn) {
  LimitingGateway one(""), two("");
  // Connections of one gateway share, whichever of its workers serves them.
  for (LimitingGateway* gateway : {&one, &two}) {
    EXPECT_THAT(gateway->Mail(), StartsWith("250 "));
    EXPECT_THAT(gateway->Mail(), StartsWith("250 "));
    EXPECT_THAT(gateway->Mail(), StartsWith("550 "));
  }
}

TEST(Ratelimit, WhileTheStoreIsAwayMailIsDeferred) {
  RedisServer redis;
  LimitingGateway gateway(StoreIn(redis));
  EXPECT_THAT(gateway.Mail(), StartsWith("250 "));
  redis.Kill();
  EXPECT_THAT(gateway.Mail(), StartsWith("451 "));
  EXPECT_TRUE(gateway.WaitForLog("ratelimit database not available: REDIS"));
  EXPECT_THAT(gateway.Mail("b@other.example"), StartsWith("250 "));
  redis.Start();
  EXPECT_THAT(gateway.Mail(), StartsWith("250 "));
}

}  // namespace
}  // namespace signet::test
