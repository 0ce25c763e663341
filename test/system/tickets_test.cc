// Gateways that share the secrets of their tickets (tls_ticket_keys), and the verb that renews
// them; the client is openssl's.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include "test/system/visit.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFull[] = "you are alice@example.org, resumed no";
constexpr char kResumed[] = "you are alice@example.org, resumed yes";

Finished Rotate(const std::string& file, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {SignetProgram(), "tickets", "rotate", file});
  return Run(more);
}

// Two gateways at the same port of two addresses, as on two machines: the second with a
// configuration that differs by `edits` and, where `other_file`, by secrets of its own.
class Tickets : public ::testing::TestWithParam<const char*> {
 protected:
  Tickets() {
    WriteFile(crl_, ReadFile(Certificates::Get().pem("crl")));
    EXPECT_EQ(Rotate(secrets_).status, 0);
    Gateway::Options options;
    options.main_options =
        "tls_resumption_hosts = *\ntls_crl = " + crl_ + "\ntls_ticket_keys = " + secrets_ + "\n";
    options.edits = {{"  accept\ncheck_rcpt:\n",
                      "  accept\ncheck_rcpt:\n  deny authenticated = *\n"
                      "       message = you are $authenticated_id, resumed "
                      "${if eq{${eval:$tls_in_resumption & 16}}{16}{yes}{no}}\n"}};
    world_ = std::make_unique<World>(nullptr, options);
  }
  void StartSecond(const std::vector<std::pair<std::string, std::string>>& edits = {}) {
    std::string text = Replace(ReadFile(world_->gateway->config_file()),
                               "local_interfaces = 127.0.0.1", "local_interfaces = 127.0.0.2");
    for (const auto& [from, to] : edits) {
      EXPECT_NE(text.find(from), std::string::npos) << from;
      text = Replace(text, from, to);
    }
    WriteFile(files_ / "second.conf", text);
    second_ = std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", files_ / "second.conf"});
    ASSERT_TRUE(second_->WaitForOutput("listening")) << second_->Output();
  }
  // What RCPT is answered at the first (1) or second gateway.
  std::string Come(int gateway) {
    Visit visit(world_->gateway->starttls_port(), ticket_,
                {.version = GetParam(), .address = gateway == 1 ? "127.0.0.1" : "127.0.0.2"});
    visit.Say("MAIL FROM:<alice@example.org>");
    const std::string reply = visit.Say("RCPT TO:<x@example.net>");
    visit.Say("QUIT");
    return reply;
  }

  TempDir files_;
  const std::string secrets_ = files_ / "tickets", ticket_ = files_ / "ticket",
                    crl_ = files_ / "crl.pem";
  std::unique_ptr<World> world_;
  std::unique_ptr<Process> second_;
};

TEST_P(Tickets, RuleT4OneGatewaysSessionIsResumedAtAnotherAndTheIdentityFoundAnew) {
  StartSecond();
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  EXPECT_THAT(Come(2), HasSubstr(kResumed));
  EXPECT_THAT(Come(1), HasSubstr(kResumed));
  world_->slapd.Modify(
      "dn: mailname=alice@example.org,ou=users,dc=example,dc=org\nchangetype: delete\n");
  EXPECT_THAT(Come(2), HasSubstr("550 5.7.1 relaying needs a client certificate"))
      << "the account is gone";
}

TEST_P(Tickets, RuleT4WithSecretsOfItsOwnAGatewayOpensNobodyElses) {
  EXPECT_EQ(Rotate(files_ / "others").status, 0);
  StartSecond({{secrets_, files_ / "others"}});
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  EXPECT_THAT(Come(2), HasSubstr(kFull));
}

TEST_P(Tickets, RuleT4AGatewayWithAnotherPolicyOpensNone) {
  StartSecond(
      {{"tls_resumption_hosts = *", "tls_resumption_hosts = *\ntls_crl_on_stale = reject"}});
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  EXPECT_THAT(Come(2), HasSubstr(kFull));
}

TEST_P(Tickets, RuleT4RevocationReachesWhoHoldsAnothersTicket) {
  WriteFile(files_ / "second-crl.pem", ReadFile(Certificates::Get().pem("crl-alice")));
  StartSecond({{crl_, files_ / "second-crl.pem"}});
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  EXPECT_THAT(Come(2), HasSubstr("550 5.7.1 relaying needs a client certificate"));
  EXPECT_TRUE(second_->WaitForOutput("certificate revoked"));
}

TEST_P(Tickets, AReloadThatChangesNothingKeepsThem) {
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  world_->gateway->Reload(ReadFile(world_->gateway->config_file()));
  ASSERT_TRUE(world_->gateway->WaitForLog("configuration reloaded"));
  EXPECT_THAT(Come(1), HasSubstr(kResumed));
}

TEST_P(Tickets, RotatingKeepsWhatThePreviousSecretHasSealed) {
  StartSecond();
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  const std::string old = ReadFile(ticket_);
  EXPECT_EQ(Rotate(secrets_).status, 0);
  // Each sees it by itself when a session begins.
  EXPECT_TRUE(WaitUntil([&] {
    Come(2);
    return second_->Output().find("read again: \"" + secrets_) != std::string::npos;
  })) << second_->Output();
  WriteFile(ticket_, old);
  EXPECT_THAT(Come(2), HasSubstr(kResumed)) << "an older secret opens";
  EXPECT_EQ(Rotate(secrets_).status, 0);
  EXPECT_TRUE(WaitUntil([&] {
    WriteFile(ticket_, old);
    return Come(2).find(kFull) != std::string::npos;
  })) << "its secret has been dropped";
}

TEST_P(Tickets, ABadFileIsSaidAndLeavesTheOldSecretsInUse) {
  EXPECT_THAT(Come(1), HasSubstr(kFull));
  const std::string ticket = ReadFile(ticket_);
  WriteFile(secrets_, "swordfish!\n");
  EXPECT_TRUE(WaitUntil([&] {
    WriteFile(ticket_, ticket);
    EXPECT_THAT(Come(1), HasSubstr(kResumed));
    return world_->gateway->Log().find(
               "line 1: is neither hex nor base64; what was read before "
               "stays in use") != std::string::npos;
  })) << world_->gateway->Log();
  EXPECT_THAT(world_->gateway->Log(), Not(HasSubstr("swordfish")));
  ::unlink(secrets_.c_str());
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_THAT(Come(1), HasSubstr(kResumed));
    return world_->gateway->Log().find("No such file or directory; what was read before stays") !=
           std::string::npos;
  })) << world_->gateway->Log();
}

INSTANTIATE_TEST_SUITE_P(Versions, Tickets, ::testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& info) { return std::string(info.param + 1); });

// --- the file, when it is loaded -------------------------------------------------------------

struct Checked {
  Checked(const std::string& lines, mode_t mode, const std::string& more = "") {
    TempDir files;
    const Certificates& certificates = Certificates::Get();
    WriteFile(files / "tickets", lines);
    ::chmod((files / "tickets").c_str(), mode);
    WriteFile(files / "signet.conf",
              "primary_hostname = mx.example.org\ntls_certificate = " + certificates.pem("server") +
                  "\ntls_privatekey = " + certificates.key("server") + "\n" + more +
                  "tls_ticket_keys = " + (files / "tickets") + "\n");
    const Finished checked = Run({SignetProgram(), "check", "-C", files / "signet.conf"});
    output = Replace(checked.output, files.path(), "DIR");
  }
  std::string output;
};

TEST(TicketKeys, RuleC4AFileThatOthersMayReadIsRefused) {
  const std::string lines = std::string(64, 'a') + "\n";
  EXPECT_THAT(Checked(lines, 0640, "tls_resumption_hosts = *\n").output,
              HasSubstr("\"DIR/tickets\" is open to group or others (mode 0640)"));
  EXPECT_THAT(Checked(lines, 0600, "tls_resumption_hosts = *\n").output, Not(HasSubstr("tickets")));
}

TEST(TicketKeys, MistakesAreShownAtTheOption) {
  const std::string output = Checked("short\n", 0600, "tls_resumption_hosts = *\n").output;
  EXPECT_THAT(output, HasSubstr("\"DIR/tickets\": line 1: is neither hex nor base64"));
  EXPECT_THAT(output, HasSubstr("signet.conf:5:19: error"));
}

TEST(TicketKeys, WithoutResumptionTheyAreOfNoUse) {
  EXPECT_THAT(Checked(std::string(64, 'a') + "\n", 0600).output,
              HasSubstr("tls_ticket_keys has no effect: nobody may resume a TLS session"));
}

// --- signet tickets --------------------------------------------------------------------------

std::vector<std::string> Lines(const std::string& file) {
  std::vector<std::string> lines;
  const std::string text = ReadFile(file);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (text[at] != '#') lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(TicketsRotate, PutsANewSecretInFrontAndDropsTheOldest) {
  TempDir files;
  const std::string file = files / "tickets";
  ASSERT_EQ(Rotate(file).status, 0);
  const auto first = Lines(file);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].size(), 64u);
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ASSERT_EQ(Rotate(file).status, 0);
  const auto second = Lines(file);
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[1], first[0]);
  EXPECT_NE(second[0], first[0]);
  ASSERT_EQ(Rotate(file).status, 0);
  EXPECT_EQ(Lines(file).size(), 2u);
  EXPECT_EQ(Lines(file)[1], second[0]);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Rotate(file, {"--keep", "8"}).status, 0);
  EXPECT_EQ(Lines(file).size(), 8u);
}

TEST(TicketsRotate, LeavesWhatItDoesNotUnderstand) {
  TempDir files;
  const std::string file = files / "tickets";
  WriteFile(file, "something else\n");
  ::chmod(file.c_str(), 0600);
  EXPECT_EQ(Rotate(file).status, 2);
  EXPECT_EQ(ReadFile(file), "something else\n");
  EXPECT_THAT(Rotate(file).output, HasSubstr("line 1: is neither hex nor base64"));
  EXPECT_THAT(Rotate(files / "t", {"--keep", "9"}).output,
              HasSubstr("--keep wants a number from 1 to 8, not \"9\""));
  EXPECT_THAT(Rotate(files / "t", {"--keep", "0"}).output, HasSubstr("from 1 to 8"));
  EXPECT_THAT(test::Run({SignetProgram(), "tickets", "show"}).output,
              HasSubstr("usage: signet tickets rotate FILE [--keep N]"));
  EXPECT_THAT(Rotate(files / "no/tickets").output, HasSubstr("cannot create "));
}

}  // namespace
}  // namespace signet::test
