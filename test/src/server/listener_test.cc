#include "src/server/listener.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace signet::server {
namespace {

config::Main Main(std::string interfaces, std::vector<std::string> ports,
                  std::vector<std::string> tls_ports = {}) {
  config::Main main;
  main.local_interfaces.text = std::move(interfaces);
  main.daemon_smtp_ports = std::move(ports);
  main.tls_on_connect_ports = std::move(tls_ports);
  return main;
}

// "[127.0.0.1]:25 [127.0.0.1]:465+tls", or the error.
std::string Set(const config::Main& main, ListenOverrides overrides = {}) {
  auto set = ListeningSet(main, overrides);
  if (!set) return set.error();
  std::string text;
  for (const ListenAddress& a : set.value()) {
    text += (text.empty() ? "" : " ") + a.Text() + (a.tls_on_connect ? "+tls" : "");
  }
  return text;
}

TEST(ListeningSet, IsEachAddressWithEachPort) {
  EXPECT_EQ(Set(Main("127.0.0.1 : 10.0.0.1", {"587", "465"}, {"465"})),
            "[127.0.0.1]:587 [127.0.0.1]:465+tls [10.0.0.1]:587 [10.0.0.1]:465+tls");
}

TEST(ListeningSet, AnAddressMayBringItsOwnPort) {
  EXPECT_EQ(Set(Main("<; 127.0.0.1.2525 ; [127.0.0.1]:2526 ; [::1]:2527 ; ::1.2528", {"25"})),
            "[127.0.0.1]:2525 [127.0.0.1]:2526 [::1]:2527 [::1]:2528");
}

TEST(ListeningSet, IsEverywhereUnlessTold) {
  EXPECT_EQ(Set(Main("", {"25"})), "[::]:25 [0.0.0.0]:25");
}

TEST(ListeningSet, KnowsPortsByName) {
  EXPECT_EQ(Set(Main("127.0.0.1", {"smtp", "submission", "submissions"}, {"submissions"})),
            "[127.0.0.1]:25 [127.0.0.1]:587 [127.0.0.1]:465+tls");
}

TEST(ListeningSet, TheSamePlaceTwiceIsOnePlace) {
  EXPECT_EQ(Set(Main("127.0.0.1 : 127.0.0.1", {"25", "smtp"})), "[127.0.0.1]:25");
}

TEST(ListeningSet, TheCommandLineReplacesPortsAndAddresses) {
  const config::Main main = Main("127.0.0.1", {"25"}, {"465"});
  EXPECT_EQ(Set(main, {"2525 : 465", false}), "[127.0.0.1]:2525 [127.0.0.1]:465+tls");
  EXPECT_EQ(Set(main, {"10.1.2.3", false}), "[10.1.2.3]:25");
  EXPECT_EQ(Set(main, {"<; [::1]:2525", false}), "[::1]:2525");
  EXPECT_EQ(Set(main, {"2525", true}), "[127.0.0.1]:2525+tls");
}

TEST(ListeningSet, MistakesNameTheOptionAndTheItem) {
  EXPECT_EQ(Set(Main("127.0.0.1", {"smpt"})),
            "daemon_smtp_ports: expected a port's number or name, found \"smpt\"");
  EXPECT_EQ(Set(Main("127.0.0.1", {"65536"})),
            "daemon_smtp_ports: expected a port's number or name, found \"65536\"");
  EXPECT_EQ(Set(Main("127.0.0.1", {"25"}, {"-1"})),
            "tls_on_connect_ports: expected a port's number or name, found \"-1\"");
  EXPECT_EQ(Set(Main("localhost", {"25"})),
            "local_interfaces: expected a numeric address, \"[ip]:port\" or \"ip.port\", found "
            "\"localhost\"");
  EXPECT_NE(Set(Main("<; [127.0.0.1]:99999", {"25"})).find("found \"[127.0.0.1]:99999\""),
            std::string::npos);
  EXPECT_EQ(Set(Main("127.0.0.1", {})), "daemon_smtp_ports: there is no port to listen on");
  EXPECT_EQ(Set(Main("127.0.0.1", {"25"}), {"x", false}).substr(0, 4), "-oX:");
}

TEST(DescribeListening, ReadsLikeEximsStartLine) {
  EXPECT_EQ(DescribeListening({{"::", 587, false}, {"0.0.0.0", 587, false}, {"::", 465, true}}),
            "listening for SMTP on port 587 (IPv6 and IPv4) and for SMTPS on port 465 (IPv6)");
  EXPECT_EQ(DescribeListening({{"127.0.0.1", 5630, false}, {"127.0.0.1", 5631, false}}),
            "listening for SMTP on [127.0.0.1]:5630 [127.0.0.1]:5631");
  EXPECT_EQ(DescribeListening({{"::1", 465, true}}), "listening for SMTPS on [::1]:465");
  EXPECT_EQ(DescribeListening({}), "not listening for SMTP");
}

TEST(Listener, PortZeroBecomesARealPort) {
  auto listener = Listener::Open({"127.0.0.1", 0, true});
  ASSERT_TRUE(listener.ok());
  EXPECT_GT(listener.value()->bound().port, 0);
  EXPECT_TRUE(listener.value()->bound().tls_on_connect);
}

TEST(Listener, AnAddressThatIsNotOursSaysSo) {
  auto listener = Listener::Open({"192.0.2.1", 0, false});
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error(), "[192.0.2.1]:0: Cannot assign requested address");
}

std::vector<ListenerPtr> OpenAll(const std::vector<ListenAddress>& set) {
  auto opened = OpenListeners(set, {});
  EXPECT_TRUE(opened.ok());
  return opened.ok() ? opened.value().Adopt() : std::vector<ListenerPtr>{};
}

TEST(OpenListeners, KeepsWhatIsUnchangedAndDropsTheRest) {
  auto first = OpenAll({{"127.0.0.1", 0, false}, {"127.0.0.2", 0, false}});
  ASSERT_EQ(first.size(), 2u);
  auto second = OpenListeners({{"127.0.0.2", 0, true}, {"127.0.0.3", 0, false}}, first);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second.value().entries.size(), 2u);
  EXPECT_EQ(second.value().entries[0].listener, first[1]);
  ASSERT_EQ(second.value().dropped.size(), 1u);
  EXPECT_EQ(second.value().dropped[0], first[0]);
  EXPECT_FALSE(first[1]->tls_on_connect());
  EXPECT_FALSE(first[0]->closed());
  second.value().Adopt();
  EXPECT_TRUE(first[1]->tls_on_connect());
  EXPECT_TRUE(first[0]->closed());
}

TEST(OpenListeners, RuleC1WhatCannotBeBoundChangesNothing) {
  auto first = OpenAll({{"127.0.0.1", 0, false}});
  const int taken = first[0]->bound().port;
  auto other = OpenListeners(
      {{"127.0.0.1", 0, false}, {"127.0.0.1", taken, false}, {"192.0.2.1", 25, false}}, first);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().size(), 2u);
  EXPECT_FALSE(first[0]->closed());
}

TEST(Listener, AClosedOneLetsItsPortGo) {
  auto listener = OpenAll({{"127.0.0.1", 0, false}})[0];
  const int port = listener->bound().port;
  listener->Close();
  EXPECT_TRUE(Listener::Open({"127.0.0.1", port, false}).ok());
}

}  // namespace
}  // namespace signet::server
