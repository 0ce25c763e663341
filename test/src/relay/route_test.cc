#include "src/relay/route.h"

#include <gtest/gtest.h>

#include "test/support/policy.h"
#include "test/support/trace_dump.h"

namespace signet::relay {
namespace {

using config::RouterDriver;
using config::TransportDriver;
using testing::Policy;

std::string Shown(const std::optional<Host>& host) {
  return host ? host->name + " " + std::to_string(host->port) : "none";
}

TEST(ParseHostTest, TakesNamesAddressesAndPorts) {
  EXPECT_EQ(Shown(ParseHost("mail.example.org", 25)), "mail.example.org 25");
  EXPECT_EQ(Shown(ParseHost("mail.example.org:26", 25)), "mail.example.org 26");
  EXPECT_EQ(Shown(ParseHost("192.0.2.1", 587)), "192.0.2.1 587");
  EXPECT_EQ(Shown(ParseHost("192.0.2.1:10025", 25)), "192.0.2.1 10025");
  EXPECT_EQ(Shown(ParseHost("2001:db8::1", 25)), "2001:db8::1 25");
  EXPECT_EQ(Shown(ParseHost("[2001:db8::1]", 25)), "2001:db8::1 25");
  EXPECT_EQ(Shown(ParseHost("[2001:db8::1]:26", 25)), "2001:db8::1 26");
}

TEST(ParseHostTest, RefusesTheRest) {
  for (const char* text : {"", ":25", "a:", "a:0", "a:65536", "a:x", "a b", "a:1:2", "[a]:1",
                           "[::1", "[::1]x", "a/b", "-:-1"})
    EXPECT_EQ(Shown(ParseHost(text, 25)), "none") << text;
}

Value Mixed(const std::string& ours, const std::string& theirs, Origins origins) {
  Value value(ours + theirs);
  value.segments.push_back({static_cast<std::uint32_t>(ours.size()), kFromAdministrator});
  value.segments.push_back({static_cast<std::uint32_t>(value.text.size()), origins});
  return value;
}

TEST(SafeDirectoryTest, RuleE2ClientsTextIsOneSafeComponent) {
  for (const char* name : {"bob", "Bob.B_b-b+b", "1"})
    EXPECT_TRUE(SafeDirectory(Mixed("/mail/", name, kFromClient)).ok()) << name;
  for (const char* name : {"", "/", "a/b", "..", ".", ".x", "a b", "a\nb", "~", "a\xc3\xa4", "*"})
    EXPECT_EQ(SafeDirectory(Mixed("/mail/", name, kFromClient)).ok(), *name == '\0') << name;
  EXPECT_TRUE(SafeDirectory(Mixed("/mail/box.", "x", kFromCertificate)).ok());
  EXPECT_FALSE(SafeDirectory(Mixed("/mail/box", "/x", kFromCertificate)).ok());
}

TEST(SafeDirectoryTest, DirectoryMayNameAPathButNoWayUp) {
  EXPECT_TRUE(SafeDirectory(Value("/home/bob/Maildir", kFromDirectory)).ok());
  EXPECT_FALSE(SafeDirectory(Value("/home/../etc", kFromDirectory)).ok());
  EXPECT_FALSE(SafeDirectory(Value("home/bob", kFromDirectory)).ok());
  EXPECT_FALSE(SafeDirectory(Value("/home/./bob")).ok());
  EXPECT_FALSE(SafeDirectory(Value("/home/..")).ok());
  EXPECT_FALSE(SafeDirectory(Value("")).ok());
}

class RouteTest : public ::testing::Test {
 protected:
  RouteTest() {
    policy.session.envelope.sender = "alice@example.org";
    policy.Transport("smtp_a", TransportDriver::kSmtp);
    policy.Transport("smtp_b", TransportDriver::kSmtp);
  }
  config::Router& Manual(std::string name, std::string route_list) {
    config::Router& router = policy.Router(std::move(name), RouterDriver::kManualroute, "smtp_a");
    router.route_list = policy.Expanded(std::move(route_list));
    return router;
  }
  std::string Mistakes() {
    Diagnostics diagnostics;
    routes = Compile(policy.config, policy.names(), &diagnostics);
    return testing::Summary(diagnostics);
  }
  // "router transport host port host port", or the reply's code and log text.
  std::string Find(std::string local_part, std::string domain) {
    EXPECT_EQ(Mistakes(), "");
    policy.session.envelope.current = {local_part + '@' + domain, local_part, domain};
    config::MatchContext context = policy.Context();
    auto found = routes->Find(context);
    if (!found.ok()) return std::to_string(found.error().code) + ' ' + found.error().log_text;
    std::string text = found.value().router->name + ' ' + found.value().transport->name;
    for (const Host& host : found.value().hosts)
      text += ' ' + host.name + ' ' + std::to_string(host.port);
    return text;
  }
  Policy policy;
  std::shared_ptr<const Routes> routes;
};

TEST_F(RouteTest, RouteListIsTriedInOrder) {
  Manual("r", "a.test h1 ; *.b.test \"h2::26 : h3\" smtp_b ; c.test 192.0.2.1::10025 byname");
  EXPECT_EQ(Find("x", "A.test"), "r smtp_a h1 25");
  EXPECT_EQ(Find("x", "q.b.test"), "r smtp_b h2 26 h3 25");
  EXPECT_EQ(Find("x", "c.test"), "r smtp_a 192.0.2.1 10025");
  EXPECT_EQ(Find("x", "d.test"), "550 unrouteable address");
}

TEST_F(RouteTest, HostsNeedNoQuotes) {
  Manual("r", "a.test h1 : h2::26 :h3 smtp_b ; * h4: h5");
  EXPECT_EQ(Find("x", "a.test"), "r smtp_b h1 25 h2 26 h3 25");
  EXPECT_EQ(Find("x", "b.test"), "r smtp_a h4 25 h5 25");
}

TEST_F(RouteTest, SeparatorsCanBeDeclared) {
  Manual("r", "<| a.test h1 | * \"<; [2001:db8::1]:26 ; ::1\"");
  EXPECT_EQ(Find("x", "a.test"), "r smtp_a h1 25");
  EXPECT_EQ(Find("x", "b.test"), "r smtp_a 2001:db8::1 26 ::1 25");
}

TEST_F(RouteTest, ConditionsOfARouterMustHold) {
  Manual("r1", "* h1").domains = policy.Expanded("a.test");
  Manual("r2", "* h2").local_parts = policy.Expanded("bob");
  Manual("r3", "* h3").senders = policy.Expanded("*@example.net");
  Manual("r4", "* h4").condition = policy.Expanded("${if eq{$local_part}{carol}}");
  EXPECT_EQ(Find("x", "a.test"), "r1 smtp_a h1 25");
  EXPECT_EQ(Find("bob", "b.test"), "r2 smtp_a h2 25");
  EXPECT_EQ(Find("carol", "b.test"), "r4 smtp_a h4 25");
  EXPECT_EQ(Find("dave", "b.test"), "550 unrouteable address");
}

TEST_F(RouteTest, RouterThatDeclinesMayEndTheSearch) {
  config::Router& first = Manual("r1", "a.test h1");
  first.more = false;
  Manual("r2", "* h2");
  EXPECT_EQ(Find("x", "a.test"), "r1 smtp_a h1 25");
  EXPECT_EQ(Find("x", "b.test"), "550 unrouteable address");
}

TEST_F(RouteTest, ATraceSaysWhichRoutersWereAsked) {
  Manual("r1", "* h1").domains = policy.Expanded("a.test");
  Manual("r2", "* ${lc:H2}").condition = policy.Expanded("${if eq{$local_part}{bob}}");
  facts::Trace trace;
  policy.session.trace = &trace;
  policy.session.phase = facts::Phase::kDelivery;
  EXPECT_EQ(Find("bob", "b.test"), "r2 smtp_a h2 25");
  EXPECT_EQ(test::Dump(trace),
            "note no router r1 = does not apply\n"
            "note yes router r2 = transport smtp_a\n"
            "  expression yes ${if eq{$local_part}{bob}} = true\n"
            "    expression yes eq{$local_part}{bob}\n"
            "      expression $local_part = bob (client)\n"
            "  expression ${lc:H2} = h2\n");
}

TEST_F(RouteTest, RuleE6LookupThatCannotAnswerIsTemporary) {
  policy.services.Defer("x@/f", "out of reach");
  Manual("r", "* h").condition = policy.Expanded("${lookup{x}lsearch{/f}}");
  EXPECT_TRUE(Find("x", "a.test").starts_with("451 R=r: "));
}

TEST_F(RouteTest, RouteDataMayComeFromTheDirectory) {
  config::Router& router = policy.Router("r", RouterDriver::kManualroute, "smtp_a");
  router.route_data = policy.Expanded("${lookup{$domain}lsearch{/routes}{$value}fail}");
  policy.services.Find("a.test@/routes", "h1::26 : h2");
  policy.services.Find("bad.test@/routes", "h 1");
  EXPECT_EQ(Find("x", "a.test"), "r smtp_a h1 26 h2 25");
  EXPECT_EQ(Find("x", "b.test"), "550 unrouteable address");
  EXPECT_TRUE(Find("x", "bad.test").starts_with("451 "));
}

TEST_F(RouteTest, RuleE2ClientsTextNamesNoHost) {
  Manual("r", "* $domain");
  EXPECT_TRUE(Find("x", "a.test").starts_with("451 R=r: text from outside in the hosts"));
}

TEST_F(RouteTest, TransportsHostsAndPort) {
  policy.config.transports[0].hosts = policy.Expanded("h1 : h2::26");
  policy.config.transports[0].port = policy.Expanded("${eval:500+87}");
  policy.Router("r", RouterDriver::kAccept, "smtp_a");
  EXPECT_EQ(Find("x", "a.test"), "r smtp_a h1 587 h2 26");
}

TEST_F(RouteTest, MistakesAreFoundAtLoad) {
  policy.Router("no_transport", RouterDriver::kAccept, "");
  policy.Router("unknown", RouterDriver::kAccept, "smtp_c");
  policy.Router("no_hosts", RouterDriver::kAccept, "smtp_a");
  policy.Router("no_list", RouterDriver::kManualroute, "smtp_a");
  Manual("bad_host", "* h::x");
  Manual("bad_option", "* h1 bynmae");
  Manual("no_route_hosts", "a.test");
  policy.config.transports[0].port = policy.Expanded("smtp");
  policy.Transport("box", TransportDriver::kAppendfile);
  EXPECT_EQ(Mistakes(),
            "error: port number expected, found \"smtp\"\n"
            "error: transport \"box\" needs \"directory\"\n"
            "error: transport \"box\" needs \"maildir_format\": other formats are not supported\n"
            "error: router \"no_transport\" needs \"transport\"\n"
            "error: unknown transport \"smtp_c\"; did you mean \"smtp_a\"?\n"
            "error: transport \"smtp_a\" has no \"hosts\", and nothing else names any\n"
            "error: router \"no_list\" needs \"route_list\" or \"route_data\"\n"
            "error: host expected, found \"h:x\"; write host, host::port or \"<; "
            "[2001:db8::1]:port\"\n"
            "error: unknown transport \"bynmae\"\n"
            "error: transport \"smtp_a\" has no \"hosts\", and nothing else names any\n");
}

}  // namespace
}  // namespace signet::relay
