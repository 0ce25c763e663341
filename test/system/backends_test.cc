// Credentials that others check, seen from outside: `smtpauth` against a real Exim, `httpauth`
// and `http` against a real web server with TLS.
#include <gmock/gmock.h>

#include "test/support/auth_gateway.h"
#include "test/support/clients.h"
#include "test/support/example.h"
#include "test/support/exim.h"
#include "test/support/explained.h"
#include "test/support/http_server.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSubmissionServer = R"(
exim_path = @DIRECTORY@/program/exim4
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = other.example.org
spool_directory = @DIRECTORY@/spool
log_file_path = @DIRECTORY@/log-%s
pid_file_path = @DIRECTORY@/pid
keep_environment = *
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_advertise_hosts = *
tls_certificate = @CERTIFICATE@
tls_privatekey = @KEY@
auth_advertise_hosts = @ADVERTISE@
begin authenticators
@AUTHENTICATORS@
)";

constexpr const char* kPlain = R"(
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth2}{busy}{later}{${if and{{eq{$auth2}{ann}}{eq{$auth3}{sesame & "co"}}}}}}
  server_set_id = $auth2
)";
constexpr const char* kLogin = R"(
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = "Username:: : Password::"
  server_condition = ${if and{{eq{$auth1}{ann}}{eq{$auth2}{sesame & "co"}}}}
  server_set_id = $auth1
)";

// Key and certificate as files that Exim's user may read.
struct Files {
  Files() {
    const Certificates& certificates = Certificates::Get();
    WriteFile(directory / "chain.pem", ReadFile(certificates.pem("server")));
    WriteFile(directory / "key.pem", ReadFile(certificates.key("server")));
  }
  TempDir directory;
};

std::string SubmissionServer(const Files& files, const std::string& authenticators,
                             const std::string& advertise = "${if eq{$tls_in_cipher}{}{}{*}}",
                             const std::string& more = "") {
  std::string text = Replace(kSubmissionServer, "@CERTIFICATE@", files.directory / "chain.pem");
  text = Replace(text, "@KEY@", files.directory / "key.pem");
  text = Replace(text, "@ADVERTISE@", advertise);
  return more + Replace(text, "@AUTHENTICATORS@", authenticators);
}

AuthGateway::Options GatewayFor(const std::string& condition, const std::string& main = "") {
  const Certificates& certificates = Certificates::Get();
  return {
      "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
      "  server_condition = " +
          condition + "\n  server_set_id = $auth2\n",
      main, certificates.pem("server"), certificates.key("server"), certificates.pem("client-ca")};
}

std::string SmtpAuth(int port, const std::string& more) {
  return "${if smtpauth{user=${quote_smtpauth:$auth2} pass=${quote_smtpauth:$auth3} "
         "server=127.0.0.1:" +
         std::to_string(port) + " " + more + "}}";
}

// NUL user NUL password, in base64.
constexpr const char* kAnn = "AGFubgBzZXNhbWUgJiAiY28i";                  // sesame & "co"
constexpr const char* kWrong = "AGFubgBzZXNhbWU=";                        // sesame
constexpr const char* kBusy = "AGJ1c3kAeA==";                             // busy, x
constexpr const char* kInjects = "AGFubiBzZXJ2ZXI9aABzZXNhbWUgJiAiY28i";  // "ann server=h"

constexpr const char* kAnnAndCo = "AGFubgBzZXNhbWUgJiBjbw==";  // sesame & co

std::string TrustOf() { return "verify_name=localhost ca_file=" + Certificates::Get().pem("ca"); }

TEST(SmtpAuthAtExim, DecidesOverStartTls) {
  Files files;
  EximPeer exim(SubmissionServer(files, kPlain));
  AuthGateway gateway(GatewayFor(SmtpAuth(exim.port(), TrustOf())));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kWrong),
            "535 5.7.8 Incorrect authentication data");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kInjects).substr(0, 3), "535");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kBusy).substr(0, 3), "435");
  EXPECT_THAT(gateway.LogSince("435"), HasSubstr("the server answers AUTH with 435"));
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnn).substr(0, 3), "235")
      << gateway.Log() << exim.Log();
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [ann] by [plain] failed []");
  EXPECT_THAT(gateway.Log(), Not(HasSubstr("sesame")));
}

TEST(SmtpAuthAtExim, DecidesByLoginAndOnConnect) {
  Files files;
  EximPeer exim(SubmissionServer(files, kLogin, "*", "tls_on_connect_ports = @PORT@\n"));
  AuthGateway gateway(GatewayFor(SmtpAuth(exim.port(), "tls=on-connect " + TrustOf())));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kWrong).substr(0, 3), "535");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnn).substr(0, 3), "235")
      << gateway.Log() << exim.Log();
}

TEST(RuleT14, SmtpauthTellsNobodyElseThePassword) {
  Files files;
  EximPeer exim(SubmissionServer(files, kPlain, "*"));
  const std::string ca = " ca_file=" + Certificates::Get().pem("ca");
  const std::string other = " ca_file=" + Certificates::Get().pem("selfsigned");
  for (const std::string& trust :
       {std::string("verify_name=localhost"), "verify_name=localhost" + other,
        "verify_name=other.example.org" + ca,
        std::string("verify_name=localhost ca_file=/nowhere")}) {
    AuthGateway gateway(GatewayFor(SmtpAuth(exim.port(), trust)));
    SmtpClient client = gateway.Client();
    EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnn).substr(0, 3), "435") << trust;
    EXPECT_THAT(gateway.LogSince("435"), HasSubstr("TLS: ")) << trust;
  }
  EXPECT_THAT(exim.Log(), Not(HasSubstr("authenticator")));
}

// OpenSSL sends tickets for a later session unasked; they are no input that means anything.
TEST(SmtpAuthAtPython, DecidesWithTlsOfAnotherMake) {
  const Certificates& certificates = Certificates::Get();
  for (const std::string mode : {"starttls", "on-connect"}) {
    const int port = FreePort();
    Process server({"python3", "test/support/smtp_server.py", std::to_string(port),
                    certificates.pem("server"), certificates.key("server"), mode});
    ASSERT_TRUE(WaitUntil([&] { return SomebodyListens(port); })) << server.Output();
    AuthGateway gateway(GatewayFor(SmtpAuth(port, "tls=" + mode + " " + TrustOf())));
    for (int i = 0; i < 5; ++i) {
      SmtpClient client = gateway.Client();
      EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kWrong).substr(0, 3), "535");
      EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnnAndCo).substr(0, 3), "235")
          << gateway.Log() << server.Output();
    }
  }
}

// --- the example ---------------------------------------------------------------------------

Submission MessageOf(const Example& example, const Authority& authority, Program program,
                     const std::string& user, const std::string& password) {
  Submission submission;
  submission.port = example.starttls_port();
  submission.ca = authority.root();
  submission.ca_chain = authority.chain();
  submission.sender = submission.user = user;
  submission.password = password;
  submission.mechanism = program == Program::kMsmtp ? "LOGIN" : "PLAIN";
  submission.content = "Subject: x\r\n\r\nHello\r\n";
  return submission;
}

TEST(PasswordsElsewhere, GoToTheServerThatKnowsThem) {
  const Authority authority;
  const HttpServer web(authority.pem("server"), authority.key("server"));
  const std::string port = std::to_string(FreePort());
  const Process branch({"python3", "test/support/smtp_server.py", port, authority.pem("server"),
                        authority.key("server"), "starttls", "bob@branch.example.org"});
  ASSERT_TRUE(WaitUntil([&] { return SomebodyListens(std::stoi(port)); })) << branch.Output();
  Upstream upstream(nullptr);
  Example::Setup setup;
  setup.places = {{"https://accounts.example.org", web.origin()},
                  {"server=mail.branch.example.org", "server=localhost:" + port}};
  setup.files = {{"accounts-ca.pem", ReadFile(authority.root())},
                 {"branch-ca.pem", ReadFile(authority.root())}};
  setup.upstream_port = upstream.port();
  const Example example("passwords-elsewhere.conf", authority, setup);
  EXPECT_EQ(example.complaints(), "");
  const std::string alice = "alice@example.org", bob = "bob@branch.example.org";
  for (const std::string& user : {alice, bob})
    for (const char* password : {"sesame & co", "sesame"}) {
      const Caller caller{
          "", "", example.starttls_port(), false, user, "x@example.net", "PLAIN", user, password};
      EXPECT_EQ(WhereExplainDiffers(example.config_file(), caller), "") << user << password;
    }
  for (const Program program : {Program::kSwaks, Program::kMsmtp, Program::kPython})
    for (const std::string& user : {alice, bob}) {
      const auto submit = [&](const std::string& password) {
        return SubmitWith(program, MessageOf(example, authority, program, user, password));
      };
      const Finished good = submit("sesame & co");
      EXPECT_EQ(good.status, 0) << good.output << example.Log();
      EXPECT_NE(submit("sesame").status, 0) << user;
    }
  EXPECT_THAT(example.Log(), HasSubstr("A=plain:alice@example.org"));
  EXPECT_THAT(example.Log(), HasSubstr("A=login:bob@branch.example.org"));
  EXPECT_THAT(example.Log(), Not(HasSubstr("sesame")));
  EXPECT_THAT(web.Requests(), Not(HasSubstr("bob")));
}

// --- http --------------------------------------------------------------------------------

std::string HttpAuth(const HttpServer& server) {
  return "${if httpauth{post=\"user=${quote_httpauth:$auth2}&pass=${quote_httpauth:$auth3}\" " +
         server.origin() + "/login}}";
}

constexpr const char* kForm = "AGFubgB4JnBhc3M9c2VzYW1lICYgY28=";  // x&pass=sesame & co

std::string TrustOption(const char* name) {
  return std::string("http_ca_cert_file = ") + Certificates::Get().pem(name);
}

TEST(HttpAuthAtPython, DecidesOverHttps) {
  const Certificates& certificates = Certificates::Get();
  HttpServer server(certificates.pem("server"), certificates.key("server"));
  AuthGateway gateway(GatewayFor(HttpAuth(server), TrustOption("ca")));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kWrong).substr(0, 3), "535");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kForm).substr(0, 3), "535");
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnnAndCo).substr(0, 3), "235")
      << gateway.Log();
  EXPECT_EQ(client.Say("MAIL FROM:<>"), "250 2.1.0 [ann] by [plain] failed []");
  EXPECT_THAT(gateway.Log(), Not(HasSubstr("sesame")));
}

TEST(RuleT14, HttpTellsNobodyElseThePassword) {
  const Certificates& certificates = Certificates::Get();
  HttpServer server(certificates.pem("server"), certificates.key("server"));
  for (const auto& [condition, trust] :
       {std::pair(HttpAuth(server), std::string()),
        std::pair(HttpAuth(server), TrustOption("selfsigned")),
        std::pair(HttpAuth(server), std::string("http_ca_cert_file = /nowhere"))}) {
    AuthGateway gateway(GatewayFor(condition, trust));
    SmtpClient client = gateway.Client();
    EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnnAndCo).substr(0, 3), "435") << trust;
    EXPECT_THAT(gateway.LogSince("435"), HasSubstr(server.origin() + ": ")) << trust;
  }
  EXPECT_EQ(server.Requests(), "");
  // Whoever says so gets what he asked for, and a warning.
  AuthGateway weak(GatewayFor(HttpAuth(server), "http_require_cert = never"));
  EXPECT_EQ(weak.Client().Say(std::string("AUTH PLAIN ") + kAnnAndCo).substr(0, 3), "235");
  EXPECT_THAT(weak.Log(), HasSubstr("http_require_cert is \"never\": "));
}

TEST(HttpAuthAtPython, DefersWhereItCannotTell) {
  AuthGateway gateway(
      GatewayFor("${if httpauth{post=\"p=${quote_httpauth:$auth3}\" http://127.0.0.1:1/x}}"));
  SmtpClient client = gateway.Client();
  EXPECT_EQ(client.Say(std::string("AUTH PLAIN ") + kAnn).substr(0, 3), "435");
  EXPECT_THAT(gateway.LogSince("435"), HasSubstr("http://127.0.0.1:1: "));
}

}  // namespace
}  // namespace signet::test
