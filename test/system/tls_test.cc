// The TLS policy as openssl's client sees it from outside.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "test/support/responder.h"
#include "test/system/visit.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What `openssl s_client` prints, with `arguments` in addition, when it says `lines`.
std::string OpensslSays(const World& world, const std::vector<std::string>& arguments,
                        const std::string& lines, bool on_connect = false) {
  const int port = on_connect ? world.gateway->tls_port() : world.gateway->starttls_port();
  std::vector<std::string> command = {"openssl", "s_client", "-quiet",
                                      "-crlf",   "-connect", "127.0.0.1:" + std::to_string(port)};
  if (!on_connect) command.insert(command.end(), {"-starttls", "smtp", "-name", "c"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  Process::Options options;
  options.input = lines;
  Process process(command, options);
  process.Wait(seconds(30));
  return process.Output();
}

std::vector<std::string> With(const std::string& name) {
  const Certificates& certificates = Certificates::Get();
  return {"-cert",       certificates.pem(name), "-key", certificates.key(name),
          "-cert_chain", certificates.pem(name)};
}

std::unique_ptr<World> WorldWith(const std::string& main_options,
                                 std::vector<std::pair<std::string, std::string>> edits = {}) {
  return std::make_unique<World>(
      nullptr, Gateway::Options{.main_options = main_options, .edits = std::move(edits)});
}

const std::pair<std::string, std::string> kDemand = {"tls_try_verify_hosts = *",
                                                     "tls_verify_hosts = *"};
// An option of the authenticator.
std::pair<std::string, std::string> AuthOption(const std::string& line) {
  return {"  driver = tls\n", "  driver = tls\n  " + line + "\n"};
}

// --- tls_verify_hosts --------------------------------------------------------------------------

TEST(Demanded, RuleT12NoCertificateIsToldSoInWords) {
  const auto world = WorldWith("", {kDemand});
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_THAT(OpensslSays(*world, {version}, "EHLO c\n"),
                HasSubstr("554 5.7.0 A client certificate is required"));
    const std::string banner = OpensslSays(*world, {version}, "EHLO c\n", true);
    EXPECT_THAT(banner, HasSubstr("554 5.7.0 A client certificate is required"));
    EXPECT_THAT(banner, Not(HasSubstr("220 ")));
  }
  EXPECT_THAT(world->gateway->Log(), HasSubstr("(gnutls_handshake): Certificate is required."));
  EXPECT_THAT(world->gateway->Log(), HasSubstr("(gnutls_handshake): No certificate was found."));
}

TEST(Demanded, RuleT12GnutlsIsToldTheSame) {
  const auto world = WorldWith("", {kDemand});
  for (const char* version : {"1.2", "1.3"}) {
    Process::Options options;
    options.keep_input_open = true;
    Process client({"gnutls-cli", "--insecure", "--crlf", "--starttls-proto=smtp", "-p",
                    std::to_string(world->gateway->starttls_port()), "--priority",
                    std::string("NORMAL:-VERS-ALL:+VERS-TLS") + version, "127.0.0.1"},
                   options);
    ASSERT_TRUE(client.WaitForOutput("Handshake was completed")) << client.Output();
    client.Send("NOOP\n");
    EXPECT_TRUE(client.WaitForOutput("554 5.7.0 A client certificate is required"))
        << client.Output();
  }
}

TEST(Demanded, RuleT12ABadCertificateIsToldWhyAndNothingElseIsDone) {
  const auto world = WorldWith("", {kDemand});
  for (const char* name : {"expired", "otherca", "serverauth"}) {
    SmtpClient client(world->gateway->starttls_port());
    client.Say("EHLO c");
    ASSERT_THAT(client.Say("STARTTLS"), StartsWith("220"));
    ASSERT_TRUE(client.StartTls(Certificates::Get().pem(name), Certificates::Get().key(name)));
    EXPECT_THAT(client.Say("MAIL FROM:<alice@example.org>"),
                StartsWith("554 5.7.8 Client certificate not accepted"));
    EXPECT_TRUE(client.closed());
  }
}

TEST(Demanded, RuleC3WhatCannotBeKnownIsNoRefusalForGood) {
  const auto world =
      WorldWith("tls_crl = " + Certificates::Get().pem("crl-stale") + "\n", {kDemand});
  EXPECT_THAT(OpensslSays(*world, With("alice"), "EHLO c\n"),
              HasSubstr("421 4.7.0 mx.example.org: client certificate: revocation information not "
                        "available"));
}

TEST(Demanded, RuleT12AGoodCertificateIsServed) {
  const auto world = WorldWith("", {kDemand});
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

// --- options of the authenticator --------------------------------------------------------------

TEST(ServerEku, RuleI3CertificatesOfServersNeedItAndAreCounted) {
  const auto world = WorldWith("", {AuthOption("server_eku = allow-server")});
  EXPECT_THAT(world->RcptReply("serverauth", "alice@example.org"), StartsWith("250"));
  EXPECT_THAT(world->gateway->Log(),
              HasSubstr(" client certificate verified only because of server_eku = allow-server: "
                        "subject \"O=Example Org,CN=Alice\" serial "));
  const std::size_t before = world->gateway->Log().size();
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
  EXPECT_THAT(world->gateway->Log().substr(before), Not(HasSubstr("only because of")));
}

std::string NamesThatClientsGet(const std::string& option, const std::string& version) {
  const auto world = WorldWith("", {AuthOption(option)});
  const std::string text = Run({"openssl", "s_client", version, "-starttls", "smtp", "-connect",
                                "127.0.0.1:" + std::to_string(world->gateway->starttls_port())})
                               .output;
  EXPECT_THAT(text, HasSubstr("Verification")) << "no handshake";
  return text;
}

TEST(ServerCaNames, AreSentOnlyWhereAskedFor) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_THAT(NamesThatClientsGet("server_ca_names = none", version),
                HasSubstr("No client certificate CA names sent"));
    EXPECT_THAT(NamesThatClientsGet("server_ca_names = all", version),
                HasSubstr("Acceptable client certificate CA names\nCN = Demonstration Root\n"));
    EXPECT_THAT(
        NamesThatClientsGet("server_ca_names = " + Certificates::Get().pem("selfsigned"), version),
        HasSubstr("Acceptable client certificate CA names\nO = Example Org, CN = Alice\n"));
  }
}

TEST(ServerTlsVersionMin, AnOlderSessionGoesOnWithoutIdentity) {
  const auto world = WorldWith("", {AuthOption("server_tls_version_min = TLS1.3")});
  SmtpClient client(world->gateway->starttls_port());
  client.Say("EHLO c");
  client.Say("STARTTLS");
  ASSERT_TRUE(client.StartTls(Certificates::Get().pem("alice"), Certificates::Get().key("alice"),
                              "NORMAL:-VERS-ALL:+VERS-TLS1.2"));
  client.Say("EHLO c");
  client.Say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client.Say("RCPT TO:<x@example.net>"),
              StartsWith("550 5.7.1 relaying needs a client certificate"));
  EXPECT_TRUE(world->gateway->WaitForLog("TLS1.2 is older than server_tls_version_min"));
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

// --- tls_crl ------------------------------------------------------------------------------------

TEST(RevocationLists, ANewListIsInUseWithoutASignal) {
  TempDir lists;
  const std::string file = lists / "crl.pem";
  WriteFile(file, ReadFile(Certificates::Get().pem("crl-stale")));
  const auto world = WorldWith("tls_crl = " + file + "\n");
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("451 4.7.0"));
  WriteFile(file, ReadFile(Certificates::Get().pem("crl")));
  EXPECT_TRUE(WaitUntil([&] {
    return world->RcptReply("alice", "alice@example.org").substr(0, 3) == "250";
  })) << world->gateway->Log();
  EXPECT_THAT(world->RcptReply("revoked", "alice@example.org"), StartsWith("550 5.7.1"));
  EXPECT_TRUE(world->gateway->WaitForLog("TLS: read again: "));
}

TEST(RevocationLists, RuleC2ABrokenOneLeavesTheOldOneInUse) {
  TempDir lists;
  const std::string file = lists / "crl.pem";
  WriteFile(file, ReadFile(Certificates::Get().pem("crl")));
  const auto world = WorldWith("tls_crl = " + file + "\n");
  WriteFile(file, "nothing of that kind\n");
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_THAT(world->RcptReply("revoked", "alice@example.org"), StartsWith("550 5.7.1"));
    return world->gateway->Log().find("stays in use") != std::string::npos;
  })) << world->gateway->Log();
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

TEST(RevocationLists, RuleC3WhatBecomesOfStaleOnesIsAChoice) {
  const std::string stale = "tls_crl = " + Certificates::Get().pem("crl-stale") + "\n";
  const auto rejecting = WorldWith(stale + "tls_crl_on_stale = reject\n");
  EXPECT_THAT(rejecting->RcptReply("alice", "alice@example.org"), StartsWith("550 5.7.1"));
  const auto accepting = WorldWith(stale + "tls_crl_on_stale = accept\n");
  EXPECT_THAT(accepting->RcptReply("alice", "alice@example.org"), StartsWith("250"));
  EXPECT_THAT(accepting->RcptReply("revoked", "alice@example.org"), StartsWith("550 5.7.1"));
  EXPECT_THAT(accepting->gateway->Log(), HasSubstr("tls_crl_on_stale is \"accept\""));
}

TEST(OurCertificate, ANewPairIsInUseWithoutASignal) {
  TempDir files;
  const std::string pem = files / "server.pem", key = files / "server.key";
  const auto put = [&](const std::string& name) {
    WriteFile(pem, ReadFile(Certificates::Get().pem(name)));
    WriteFile(key, ReadFile(Certificates::Get().key(name)));
    chmod(key.c_str(), 0600);
  };
  put("server");
  const Certificates& certificates = Certificates::Get();
  const auto world =
      WorldWith("", {{certificates.pem("server"), pem}, {certificates.key("server"), key}});
  const auto shown = [&] {
    return test::Run({"openssl", "s_client", "-starttls", "smtp", "-connect",
                      "127.0.0.1:" + std::to_string(world->gateway->starttls_port())})
        .output;
  };
  EXPECT_THAT(shown(), HasSubstr("id-ecPublicKey, 256"));
  put("server-rsa");
  EXPECT_TRUE(WaitUntil([&] { return shown().find("rsaEncryption, 2048") != std::string::npos; }))
      << world->gateway->Log();
}

// --- tls_ocsp_file ------------------------------------------------------------------------------

std::unique_ptr<World> WorldOf(const Responder& responder) {
  const Certificates& certificates = Certificates::Get();
  return WorldWith("tls_ocsp_file = " + responder.response() + "\n",
                   {{certificates.pem("server"), responder.certificate()},
                    {certificates.key("server"), responder.key()}});
}

std::string StatusShown(const World& world, const std::string& version = "-tls1_3") {
  return Run({"openssl", "s_client", "-status", version, "-starttls", "smtp", "-connect",
              "127.0.0.1:" + std::to_string(world.gateway->starttls_port())})
      .output;
}

TEST(Stapling, AGoodResponseIsSentToWhoAsks) {
  const Responder responder;
  responder.Respond("good", {"-ndays", "1"});
  const auto world = WorldOf(responder);
  for (const char* version : {"-tls1_2", "-tls1_3"})
    EXPECT_THAT(StatusShown(*world, version), HasSubstr("Cert Status: good"));
}

TEST(Stapling, WhatIsNotGoodIsNotSentAndSaidAndANewOneIs) {
  const Responder responder;
  responder.Respond("revoked", {"-ndays", "1"});
  const auto world = WorldOf(responder);
  EXPECT_THAT(StatusShown(*world), HasSubstr("OCSP response: no response sent"));
  EXPECT_TRUE(world->gateway->WaitForLog("does not say that the certificate is good"));
  EXPECT_THAT(world->gateway->Log(), HasSubstr("[no-staple]"));
  responder.Respond("good", {"-ndays", "1"});
  EXPECT_TRUE(WaitUntil([&] {
    return StatusShown(*world).find("Cert Status: good") != std::string::npos;
  })) << world->gateway->Log();
  const Responder another;
  another.Respond("good", {"-ndays", "1"});
  WriteFile(responder.response(), ReadFile(another.response()));
  EXPECT_TRUE(WaitUntil([&] {
    return StatusShown(*world).find("no response sent") != std::string::npos;
  })) << world->gateway->Log();
  EXPECT_TRUE(WaitUntil([&] {
    StatusShown(*world);
    return world->gateway->Log().find("is for another certificate") != std::string::npos;
  })) << world->gateway->Log();
}

// --- server names -------------------------------------------------------------------------------

// The key that the gateway shows to who asks for `name`; "" for no handshake.
std::string KeyShown(const World& world, const std::string& name, bool on_connect = false,
                     const std::vector<std::string>& more = {}) {
  const int port = on_connect ? world.gateway->tls_port() : world.gateway->starttls_port();
  std::vector<std::string> command = {"openssl", "s_client", "-connect",
                                      "127.0.0.1:" + std::to_string(port)};
  if (!on_connect) command.insert(command.end(), {"-starttls", "smtp"});
  if (name.empty()) command.emplace_back("-noservername");
  if (!name.empty()) command.insert(command.end(), {"-servername", name});
  command.insert(command.end(), more.begin(), more.end());
  const std::string output = test::Run(command).output;
  if (output.find("rsaEncryption, 2048") != std::string::npos) return "rsa";
  return output.find("id-ecPublicKey, 256") != std::string::npos ? "ec" : "";
}

class ServerNames : public ::testing::Test {
 protected:
  // The two files come out of a table, by name.
  std::unique_ptr<World> ByTable(const std::string& otherwise) {
    const Certificates& certificates = Certificates::Get();
    WriteFile(files_ / "certificates", "rsa.example.org: " + certificates.pem("server-rsa") +
                                           "\nmissing.example.org: " + (files_ / "gone") + "\n");
    WriteFile(files_ / "keys", "rsa.example.org: " + certificates.key("server-rsa") + "\n");
    const auto lookup = [&](const std::string& table, const std::string& standard) {
      return "${lookup{$tls_in_sni}lsearch{" + (files_ / table) + "}{$value}" +
             (otherwise.empty() ? "{" + standard + "}" : otherwise) + "}";
    };
    const std::string pem = certificates.pem("server"), key = certificates.key("server");
    return WorldWith("", {{pem, lookup("certificates", pem)}, {key, lookup("keys", key)}});
  }
  TempDir files_;
};

TEST_F(ServerNames, ChooseTheCertificate) {
  const auto world = ByTable("");
  for (const bool on_connect : {false, true}) {
    EXPECT_EQ(KeyShown(*world, "rsa.example.org", on_connect), "rsa");
    EXPECT_EQ(KeyShown(*world, "RSA.example.org", on_connect), "rsa");
    EXPECT_EQ(KeyShown(*world, "other.example.org", on_connect), "ec");
    EXPECT_EQ(KeyShown(*world, "", on_connect), "ec");
  }
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

TEST_F(ServerNames, AreFoundInAMessageOfSeveralRecords) {
  const std::string label(60, 'a'), name = label + "." + label + "." + label + ".example.org";
  const Certificates& certificates = Certificates::Get();
  const std::string pem = certificates.pem("server"), key = certificates.key("server");
  const auto choice = [&](const std::string& one, const std::string& other) {
    return "${if eq{$tls_in_sni}{" + name + "}{" + one + "}{" + other + "}}";
  };
  const auto world = WorldWith("", {{pem, choice(certificates.pem("server-rsa"), pem)},
                                    {key, choice(certificates.key("server-rsa"), key)}});
  // 512 octets are the least; with these names, the first message of this client has more.
  const std::vector<std::string> pieces = {"-max_send_frag", "512", "-alpn", "smtp," + label};
  EXPECT_EQ(KeyShown(*world, name, false, pieces), "rsa");
  EXPECT_EQ(KeyShown(*world, name, true, pieces), "rsa");
  EXPECT_EQ(KeyShown(*world, label + ".example.org", true, pieces), "ec");
}

TEST_F(ServerNames, RuleT10WithoutACertificateForOneThereIsNoServiceInItsPlace) {
  const auto world = ByTable("fail");
  EXPECT_EQ(KeyShown(*world, "rsa.example.org"), "rsa");
  EXPECT_EQ(KeyShown(*world, "other.example.org"), "");
  EXPECT_EQ(KeyShown(*world, "missing.example.org"), "");
  EXPECT_TRUE(world->gateway->WaitForLog("for server name \"missing.example.org\""));
  EXPECT_THAT(world->gateway->Log(), HasSubstr("for server name \"other.example.org\""));
}

TEST_F(ServerNames, RuleT9AreNeverPartOfAFileName) {
  const Certificates& certificates = Certificates::Get();
  const std::string pem = certificates.pem("server");
  const std::string directory = pem.substr(0, pem.rfind('/') + 1);
  const auto world = WorldWith("", {{pem, directory + "$tls_in_sni.pem"}});
  EXPECT_EQ(KeyShown(*world, "server"), "");
  EXPECT_TRUE(world->gateway->WaitForLog("is made of text from outside; look it up instead"))
      << world->gateway->Log();
}

// --- ALPN ---------------------------------------------------------------------------------------

std::string ProtocolAgreed(const World& world, const std::string& offered) {
  std::vector<std::string> command = {
      "openssl", "s_client", "-starttls",
      "smtp",    "-connect", "127.0.0.1:" + std::to_string(world.gateway->starttls_port())};
  if (!offered.empty()) command.insert(command.end(), {"-alpn", offered});
  const std::string output = test::Run(command).output;
  if (output.find("no application protocol") != std::string::npos) return "refused";
  const std::size_t at = output.find("ALPN protocol: ");
  if (at != std::string::npos) return output.substr(at + 15, output.find('\n', at) - at - 15);
  return output.find("No ALPN negotiated") != std::string::npos ? "none" : output;
}

TEST(Alpn, RuleT13ForeignProtocolsAreRefused) {
  const auto world = WorldWith("");
  EXPECT_EQ(ProtocolAgreed(*world, ""), "none");
  EXPECT_EQ(ProtocolAgreed(*world, "smtp"), "smtp");
  EXPECT_EQ(ProtocolAgreed(*world, "http/1.1"), "refused");
  EXPECT_EQ(ProtocolAgreed(*world, "h2,esmtp"), "esmtp");
}

TEST(Alpn, NamesAreAnOptionAndMayBeDemanded) {
  const auto world = WorldWith("tls_alpn = submission\nhosts_require_alpn = *\n");
  EXPECT_EQ(ProtocolAgreed(*world, "submission"), "submission");
  EXPECT_EQ(ProtocolAgreed(*world, "smtp"), "refused");
  ProtocolAgreed(*world, "");
  EXPECT_TRUE(
      world->gateway->WaitForLog("(gnutls_handshake): no application protocol (ALPN) was named"));
}

// --- resumption ---------------------------------------------------------------------------------

class Resumption : public ::testing::TestWithParam<const char*> {
 protected:
  Resumption() {
    WriteFile(crl_, ReadFile(Certificates::Get().pem("crl")));
    world_ = WorldWith(
        "tls_resumption_hosts = *\nlog_selector = +tls_resumption\ntls_crl = " + crl_ + "\n",
        {{"  accept\ncheck_rcpt:\n",
          "  accept\ncheck_rcpt:\n  deny authenticated = *\n"
          "       message = you are $authenticated_id, resumed "
          "${if eq{${eval:$tls_in_resumption & 16}}{16}{yes}{no}}\n"}});
  }
  std::string Come(Visit::Options options = {}) {
    options.version = GetParam();
    Visit visit(*world_, ticket_, options);
    visit.Say("MAIL FROM:<alice@example.org>");
    const std::string reply = visit.Say("RCPT TO:<x@example.net>");
    visit.Say("QUIT");
    return reply;
  }
  TempDir files_;
  const std::string crl_ = files_ / "crl.pem", ticket_ = files_ / "ticket";
  std::unique_ptr<World> world_;
};

constexpr char kFull[] = "you are alice@example.org, resumed no";
constexpr char kResumed[] = "you are alice@example.org, resumed yes";

TEST_P(Resumption, RuleT4TheAuthenticatorRunsAgain) {
  EXPECT_THAT(Come(), HasSubstr(kFull));
  EXPECT_THAT(Come(), HasSubstr(kResumed));
  world_->slapd.Modify(
      "dn: mailname=alice@example.org,ou=users,dc=example,dc=org\nchangetype: delete\n");
  EXPECT_THAT(Come(), HasSubstr("550 5.7.1 relaying needs a client certificate"))
      << "the account is gone";
}

TEST_P(Resumption, RuleT4ATicketIsForOneListenerAndOneServerName) {
  EXPECT_THAT(Come(), HasSubstr(kFull));
  const std::string ticket = ReadFile(ticket_);
  EXPECT_THAT(Come({.on_connect = true}), HasSubstr(kFull));
  WriteFile(ticket_, ticket);
  EXPECT_THAT(Come({.server_name = "other.example.org"}), HasSubstr(kFull));
  WriteFile(ticket_, ticket);
  EXPECT_THAT(Come(), HasSubstr(kResumed));
}

TEST_P(Resumption, RuleT4ATicketEndsWithTheConfiguration) {
  EXPECT_THAT(Come(), HasSubstr(kFull));
  world_->gateway->Reload(ReadFile(world_->gateway->config_file()));
  ASSERT_TRUE(world_->gateway->WaitForLog("configuration reloaded"));
  EXPECT_THAT(Come(), HasSubstr(kFull));
}

TEST_P(Resumption, RuleT4RevocationReachesWhoHoldsATicket) {
  EXPECT_THAT(Come(), HasSubstr(kFull));
  const std::string ticket = ReadFile(ticket_);
  WriteFile(crl_, ReadFile(Certificates::Get().pem("crl-alice")));
  EXPECT_TRUE(WaitUntil([&] {
    WriteFile(ticket_, ticket);
    return Come().find("550 5.7.1 relaying needs") != std::string::npos;
  })) << world_->gateway->Log();
  EXPECT_TRUE(world_->gateway->WaitForLog("certificate revoked"));
}
INSTANTIATE_TEST_SUITE_P(Versions, Resumption, ::testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& info) { return std::string(info.param + 1); });

}  // namespace
}  // namespace signet::test
