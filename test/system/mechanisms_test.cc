// The mechanisms that come with Signet, over real TLS, with the programs that people submit
// mail with: swaks, curl, msmtp, Python's smtplib and GNU SASL's gsasl. And the examples of
// mechanisms that are written as expressions.
#include <gmock/gmock.h>

#include "src/base/codec.h"
#include "src/base/text.h"
#include "test/support/clients.h"
#include "test/support/example.h"
#include "test/support/explained.h"
#include "test/support/http_server.h"
#include "test/support/references.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUser[] = "alice@example.org", kPassword[] = "pencil";
constexpr char kOther[] = "dora@example.org";
constexpr char kStored[] =
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

Authority& SharedAuthority() {
  static Authority authority;
  static const bool made = [] {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.alternative_names = {testing::MailName(kUser)};
    authority.Issue("alice", spec);
    return true;
  }();
  (void)made;
  return authority;
}

constexpr char kConfig[] = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
tls_certificate = DIRECTORY/server.pem
tls_privatekey = KEY
tls_verify_certificates = DIRECTORY/client-ca.pem
tls_try_verify_hosts = *
acl_smtp_mail = check_mail
acl_smtp_rcpt = accept

begin acl
check_mail:
  accept authenticated = *
         logwrite = sender is $authenticated_id by $sender_host_authenticated
  deny   message = authentication required

begin authenticators
scram_plus:
  driver = scram
  public_name = SCRAM-SHA-256-PLUS
  server_secret = ${lookup{$auth1}lsearch{DIRECTORY/scram}{$value}fail}
  server_set_id = $auth1
scram:
  driver = scram
  public_name = SCRAM-SHA-256
  server_secret = ${lookup{$auth1}lsearch{DIRECTORY/passwords}{$value}fail}
  server_plain
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${lookup{$auth1}lsearch{DIRECTORY/passwords}{$value}fail}
  server_set_id = $auth1
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{${lookup{$auth2}lsearch{DIRECTORY/passwords}{$value}fail}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if eq{$auth2}{${lookup{$auth1}lsearch{DIRECTORY/passwords}{$value}fail}}}
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_condition = ${if inlisti{$auth1}{$auth2}}
  server_set_id = $auth1

begin routers
upstream:
  driver = manualroute
  route_list = * 127.0.0.1::UPSTREAM
  transport = to_mta

begin transports
to_mta:
  driver = smtp
)";

// A gateway that offers all of them: one for each suite, as failures of one client are counted.
class Site {
 public:
  template <typename Suite>
  static Site& Of() {
    static Site site;
    return site;
  }
  int port() const { return port_; }
  Upstream& upstream() { return upstream_; }
  std::string Log() const { return process_->Output(); }
  bool WaitForLog(std::string_view text, std::size_t from) const {
    return WaitUntil([&] { return Log().find(text, from) != std::string::npos; });
  }

 private:
  Site() : port_(FreePort()) {
    const Authority& authority = SharedAuthority();
    WriteFile(directory_ / "server.pem", ReadFile(authority.pem("server")));
    WriteFile(directory_ / "client-ca.pem", ReadFile(authority.root()));
    WriteFile(directory_ / "passwords", std::string(kUser) + ": " + kPassword + "\n");
    const Finished stored = Run({"gsasl", "--mkpasswd", "--mechanism=SCRAM-SHA-256",
                                 "--iteration-count=10000", "--password=a pen, not a pencil"});
    WriteFile(directory_ / "scram",
              std::string(kUser) + ": " + kStored + "\n" + kOther + ": " + stored.output + "\n");
    std::string text = Replace(kConfig, "DIRECTORY", directory_.path());
    text = Replace(text, "KEY", authority.key("server"));
    text = Replace(text, "UPSTREAM", std::to_string(upstream_.port()));
    WriteFile(directory_ / "signet.conf", Replace(text, "PORT", std::to_string(port_)));
    process_ = std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", directory_ / "signet.conf"});
    WaitUntil([this] { return !process_->running() || SomebodyListens(port_); });
    if (!process_->running()) throw std::runtime_error("signet did not start: " + Log());
  }

  TempDir directory_;
  int port_;
  Upstream upstream_;
  std::unique_ptr<Process> process_;
};

// --- programs that submit mail -------------------------------------------------------------

struct Way {
  Program program;
  const char* mechanism;
};

class Mechanisms : public ::testing::TestWithParam<Way> {
 protected:
  Finished Submit(const std::string& user, const std::string& password) {
    Submission submission;
    submission.port = Site::Of<Mechanisms>().port();
    submission.ca = SharedAuthority().root();
    submission.ca_chain = SharedAuthority().chain();
    submission.sender = kUser;
    submission.content = "From: a\r\nSubject: b\r\n\r\nc\r\n";
    submission.mechanism = GetParam().mechanism;
    submission.user = user;
    submission.password = password;
    if (submission.mechanism == "EXTERNAL") {
      submission.certificate = SharedAuthority().pem("alice");
      submission.key = SharedAuthority().key("alice");
    }
    before_ = Site::Of<Mechanisms>().Log().size();
    return SubmitWith(GetParam().program, submission);
  }
  bool Logged(const std::string& text) { return Site::Of<Mechanisms>().WaitForLog(text, before_); }

  std::size_t before_ = 0;
};

std::vector<Way> Ways() {
  std::vector<Way> ways;
  for (const Program program :
       {Program::kSwaks, Program::kCurl, Program::kMsmtp, Program::kOpenssl, Program::kGnutlsCli})
    for (const char* mechanism : {"PLAIN", "LOGIN"}) ways.push_back({program, mechanism});
  for (const Program program : {Program::kSwaks, Program::kCurl, Program::kMsmtp})
    ways.push_back({program, "CRAM-MD5"});
  ways.push_back({Program::kMsmtp, "SCRAM-SHA-256"});
  // smtplib takes the first that it knows: CRAM-MD5.
  ways.push_back({Program::kPython, "CRAM-MD5"});
  for (const Program program : {Program::kCurl, Program::kMsmtp, Program::kPython})
    ways.push_back({program, "EXTERNAL"});
  return ways;
}

std::string WayName(const ::testing::TestParamInfo<Way>& info) {
  std::string name = std::string(Name(info.param.program)) + info.param.mechanism;
  std::erase(name, '-');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Clients, Mechanisms, ::testing::ValuesIn(Ways()), WayName);

TEST_P(Mechanisms, RightPasswordSubmits) {
  const bool external = std::string(GetParam().mechanism) == "EXTERNAL";
  const Finished finished = Submit(kUser, external ? "" : kPassword);
  EXPECT_EQ(finished.status, 0) << finished.output << Site::Of<Mechanisms>().Log();
  EXPECT_TRUE(Logged("sender is alice@example.org by "))
      << finished.output << Site::Of<Mechanisms>().Log();
}

TEST_P(Mechanisms, RuleA4WrongPasswordAndUnknownAccountAreOne535) {
  const bool external = std::string(GetParam().mechanism) == "EXTERNAL";
  const auto answer = [](const std::string& output) {
    const std::size_t at = output.find("535");
    if (at == output.npos) return output;
    return WithoutReferences(output.substr(at, output.find_first_of("\r\n'", at) - at));
  };
  const Finished nobody = Submit("bob@example.org", external ? "" : kPassword);
  EXPECT_NE(nobody.status, 0);
  EXPECT_THAT(answer(nobody.output), HasSubstr("5.7.8")) << nobody.output;
  EXPECT_TRUE(Logged("535 Incorrect authentication data (set_id=bob@example.org)"));
  if (external) return;  // there are no passwords
  const Finished wrong = Submit(kUser, "Pencil");
  EXPECT_EQ(wrong.status, nobody.status);
  EXPECT_EQ(answer(wrong.output), answer(nobody.output));
  EXPECT_TRUE(Logged("535 Incorrect authentication data (set_id=alice@example.org)"));
}

// --- gsasl, which knows the bound mechanism too -----------------------------------------------

class GsaslMechanisms : public ::testing::TestWithParam<const char*> {};

Finished Gsasl(const std::string& mechanism, const std::string& user, const std::string& password,
               const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {
      "gsasl",
      "--smtp",
      "--verbose",
      "--connect=127.0.0.1:" + std::to_string(Site::Of<GsaslMechanisms>().port()),
      "--x509-ca-file=" + SharedAuthority().root(),
      "--mechanism=" + mechanism,
      "--authentication-id=" + user,
      "--authorization-id=",
      "--password=" + password};
  // It can bind, and says that it was not told of it, where -PLUS is not what it is to use.
  if (!mechanism.ends_with("-PLUS")) words.push_back("--no-cb");
  words.insert(words.end(), more.begin(), more.end());
  return Run(words);
}

constexpr char kDone[] = "235 2.7.0 Authentication succeeded";

std::string GsaslName(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Gsasl, GsaslMechanisms,
                         ::testing::Values("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256",
                                           "SCRAM-SHA-256-PLUS"),
                         GsaslName);

TEST_P(GsaslMechanisms, RightPasswordIsTaken) {
  EXPECT_THAT(Gsasl(GetParam(), kUser, kPassword).output, HasSubstr(kDone));
  EXPECT_THAT(Gsasl(GetParam(), kUser, kPassword, {"--no-client-first"}).output, HasSubstr(kDone));
}

TEST_P(GsaslMechanisms, WrongPasswordAndUnknownAccountAre535) {
  for (const auto& [user, password] :
       {std::pair{kUser, "Pencil"}, {"bob@example.org", kPassword}}) {
    const Finished finished = Gsasl(GetParam(), user, password);
    EXPECT_THAT(finished.output, HasSubstr("535 5.7.8")) << Site::Of<GsaslMechanisms>().Log();
    EXPECT_THAT(finished.output, Not(HasSubstr("235 ")));
  }
}

TEST_P(GsaslMechanisms, RuleA6NoPasswordIsInTheLog) {
  EXPECT_THAT(Gsasl(GetParam(), kUser, kPassword).output, HasSubstr(kDone));
  EXPECT_THAT(Gsasl(GetParam(), kUser, "a wrong " + std::string(kPassword)).output,
              HasSubstr("535 5.7.8"));
  const std::string log = Site::Of<GsaslMechanisms>().Log();
  EXPECT_THAT(log, Not(HasSubstr(kPassword)));
  EXPECT_THAT(log, Not(HasSubstr(EncodeBase64(kPassword))));
  EXPECT_THAT(log, Not(HasSubstr("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=")));
}

TEST(GsaslStored, WhatMkpasswdPrintsIsAStoredForm) {
  constexpr char kMechanism[] = "SCRAM-SHA-256-PLUS";
  EXPECT_THAT(Gsasl(kMechanism, kOther, "a pen, not a pencil").output, HasSubstr(kDone));
  EXPECT_THAT(Gsasl(kMechanism, kOther, "a pen").output, HasSubstr("535 5.7.8"));
}

TEST_P(GsaslMechanisms, Tls12HasAllButTheBoundOne) {
  const Finished finished =
      Gsasl(GetParam(), kUser, kPassword, {"--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2"});
  const bool bound = std::string(GetParam()).ends_with("-PLUS");
  EXPECT_THAT(finished.output, HasSubstr(bound ? "504 5.5.4" : kDone));
}

// --- what clients do that ought not to ---------------------------------------------------------

class ScramDialogue : public ::testing::Test {
 protected:
  // The reply to AUTH with that first message.
  static std::string Begin(SmtpClient& client, const std::string& mechanism,
                           const std::string& message) {
    return client.Say("AUTH " + mechanism + " " + EncodeBase64(message));
  }
};

TEST_F(ScramDialogue, ClientThatDidNotSeePlusIsRefused) {
  SmtpClient client(Site::Of<ScramDialogue>().port());
  ASSERT_THAT(client.Begin(), HasSubstr("SCRAM-SHA-256-PLUS"));
  const std::string message = "n=" + std::string(kUser) + ",r=abc";
  EXPECT_THAT(Begin(client, "SCRAM-SHA-256", "y,," + message), HasSubstr("535 5.7.8"));
  EXPECT_THAT(Begin(client, "SCRAM-SHA-256", "n,," + message), HasSubstr("334 "));
}

TEST_F(ScramDialogue, PlusIsNotOfferedWhereNothingCanBind) {
  SmtpClient client(Site::Of<ScramDialogue>().port());
  client.Say("EHLO client.example.org");
  client.Say("STARTTLS");
  ASSERT_TRUE(client.StartTls("", "", "NORMAL:-VERS-ALL:+VERS-TLS1.2"));
  const std::string greeting = client.Say("EHLO client.example.org");
  EXPECT_THAT(greeting, HasSubstr("SCRAM-SHA-256"));
  EXPECT_THAT(greeting, Not(HasSubstr("SCRAM-SHA-256-PLUS")));
  // There the client has seen rightly that there is none.
  const std::string message = "y,,n=" + std::string(kUser) + ",r=abc";
  EXPECT_THAT(Begin(client, "SCRAM-SHA-256", message), HasSubstr("334 "));
}

TEST_F(ScramDialogue, RuleA4UnknownAccountHasTheSameStepsAndItsOwnSalt) {
  const auto salt = [&](const std::string& user) {
    SmtpClient client(Site::Of<ScramDialogue>().port());
    client.Begin();
    const std::string reply =
        Begin(client, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=" + user + ",r=a");
    const auto decoded = DecodeBase64(reply.substr(std::min<std::size_t>(4, reply.size())));
    return decoded ? decoded->substr(decoded->find(",s=")) : reply;
  };
  const std::string known = salt(kUser), unknown = salt("bob@example.org");
  EXPECT_EQ(known.size(), unknown.size());
  EXPECT_EQ(known.substr(known.find(",i=")), unknown.substr(unknown.find(",i=")));
  EXPECT_EQ(unknown, salt("bob@example.org"));
  EXPECT_NE(unknown, salt("carol@example.org"));
}

TEST_F(ScramDialogue, CancellingAndStartingAgainWorks) {
  SmtpClient client(Site::Of<ScramDialogue>().port());
  client.Begin();
  const std::string message = "n,,n=" + std::string(kUser) + ",r=abc";
  EXPECT_THAT(Begin(client, "SCRAM-SHA-256", message), HasSubstr("334 "));
  EXPECT_THAT(client.Say("*"), HasSubstr("501 "));
  EXPECT_THAT(Begin(client, "SCRAM-SHA-256", message), HasSubstr("334 "));
  EXPECT_THAT(client.Say(EncodeBase64("c=biws,r=abc,p=AAAA")), HasSubstr("535 5.7.8"));
}

// --- mechanisms written as expressions
// ------------------------------------------------------------

class SaslExamples : public ::testing::Test {
 protected:
  void Start(const std::string& name, const std::map<std::string, std::string>& files,
             const std::map<std::string, std::string>& places = {}) {
    Example::Setup setup;
    setup.files = files;
    setup.places = places;
    setup.upstream_port = upstream_.port();
    example_ = std::make_unique<Example>(name, SharedAuthority(), setup);
    EXPECT_EQ(example_->complaints(), "");
  }
  Submission Message(const std::string& mechanism, const std::string& password) {
    Submission submission;
    submission.port = example_->starttls_port();
    submission.ca = SharedAuthority().root();
    submission.ca_chain = SharedAuthority().chain();
    submission.sender = kUser;
    submission.content = "From: a\r\nSubject: b\r\n\r\nc\r\n";
    submission.mechanism = mechanism;
    submission.user = kUser;
    submission.password = password;
    return submission;
  }
  // smtplib, with a mechanism that it does not know: `answer` is a Python function from a
  // challenge (None at first) to text. It prints every line of the dialogue.
  Finished Python(const std::string& mechanism, const std::string& answer) {
    static constexpr char kProgram[] = R"(
import hashlib, smtplib, ssl, sys
port, ca, sender, mechanism = sys.argv[1:5]
ANSWER
try:
    with smtplib.SMTP('127.0.0.1', int(port), 'client.example.org', timeout=20) as smtp:
        smtp.set_debuglevel(1)
        smtp.starttls(context=ssl.create_default_context(cafile=ca))
        smtp.ehlo()
        smtp.auth(mechanism, answer)
        smtp.sendmail(sender, ['someone@example.net'], 'Subject: b\r\n\r\nc\r\n')
except smtplib.SMTPException as e:
    sys.exit(repr(e))
)";
    return test::Run({"/usr/bin/python3", "-c", Replace(kProgram, "ANSWER", answer),
                      std::to_string(example_->starttls_port()), SharedAuthority().root(), kUser,
                      mechanism});
  }

  // For `signet explain`: who has nothing, and who has a token.
  Caller Nobody() const {
    return {"", "", example_->starttls_port(), false, kUser, "someone@example.net"};
  }
  Caller Bearer(const std::string& token) const {
    Caller caller = Nobody();
    caller.mechanism = "OAUTHBEARER";
    caller.user = kUser;
    caller.password = token;
    return caller;
  }

  Upstream upstream_;
  std::unique_ptr<Example> example_;
};

TEST_F(SaslExamples, CramMd5) {
  Start("sasl-cram-md5.conf", {{"secrets", "alice@example.org: pencil\nempty:\n"}});
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Nobody()), "");
  for (const Program program :
       {Program::kSwaks, Program::kCurl, Program::kMsmtp, Program::kPython}) {
    SCOPED_TRACE(Name(program));
    const Finished good = SubmitWith(program, Message("CRAM-MD5", "pencil"));
    EXPECT_EQ(good.status, 0) << good.output << example_->Log();
    const Finished wrong = SubmitWith(program, Message("CRAM-MD5", "Pencil"));
    EXPECT_NE(wrong.status, 0);
    EXPECT_THAT(wrong.output, HasSubstr("535 5.7.8"));
    for (const char* nobody : {"bob@example.org", "empty"}) {
      Submission other = Message("CRAM-MD5", "pencil");
      other.user = nobody;
      EXPECT_THAT(SubmitWith(program, other).output, HasSubstr("535 5.7.8"));
    }
  }
  EXPECT_TRUE(example_->WaitForLog("A=cram:alice@example.org")) << example_->Log();
  EXPECT_EQ(upstream_.messages().size(), 4u);
}

// The SHA-256 digests of the tokens good-token.1~x and old-token.
std::string Tokens() {
  return Upper(HexDigest("sha256", "good-token.1~x")) +
         ": user=alice@example.org until=4102444800\n" + Upper(HexDigest("sha256", "old-token")) +
         ": user=alice@example.org until=1500000000\n";
}

TEST_F(SaslExamples, OauthbearerWithCurlAndMsmtp) {
  Start("sasl-oauthbearer.conf", {{"tokens", Tokens()}});
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Nobody()), "");
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Bearer("good-token.1~x")), "");
  const auto curl = [&](const std::string& token) {
    return test::Run(
        {"curl",
         "--silent",
         "--show-error",
         "--verbose",
         "--url",
         "smtp://127.0.0.1:" + std::to_string(example_->starttls_port()) + "/client.example.org",
         "--ssl-reqd",
         "--cacert",
         SharedAuthority().root(),
         "--mail-from",
         kUser,
         "--mail-rcpt",
         "someone@example.net",
         "--upload-file",
         "-",
         "--login-options",
         "AUTH=OAUTHBEARER",
         "--user",
         kUser,
         "--oauth2-bearer",
         token},
        {.input = "Subject: b\r\n\r\nc\r\n"});
  };
  const Finished good = curl("good-token.1~x");
  EXPECT_EQ(good.status, 0) << good.output << example_->Log();
  for (const char* token : {"old-token", "no-token"}) {
    const Finished bad = curl(token);
    EXPECT_NE(bad.status, 0);
    EXPECT_THAT(bad.output, HasSubstr("< 334 ")) << bad.output;  // the failure in JSON
    EXPECT_THAT(bad.output, HasSubstr("< 535 5.7.8")) << bad.output;
  }
  const Finished sent = SubmitWith(Program::kMsmtp, Message("OAUTHBEARER", "good-token.1~x"));
  EXPECT_EQ(sent.status, 0) << sent.output << example_->Log();
  EXPECT_NE(SubmitWith(Program::kMsmtp, Message("OAUTHBEARER", "old-token")).status, 0);
  EXPECT_TRUE(example_->WaitForLog("A=token:alice@example.org")) << example_->Log();
  EXPECT_THAT(example_->Log(), Not(HasSubstr("good-token")));
  EXPECT_EQ(upstream_.messages().size(), 2u);
}

TEST_F(SaslExamples, OauthbearerErrorStep) {
  Start("sasl-oauthbearer.conf", {{"tokens", Tokens()}});
  const std::string a(1, '\x01');
  const auto challenge = [](const std::string& reply) {
    return reply.starts_with("334 ") ? DecodeBase64(reply.substr(4)).value_or("?") : reply;
  };
  const auto ask = [&](const std::string& message, const std::string& acknowledgement) {
    SmtpClient client(example_->starttls_port());
    client.Begin();
    const std::string first = client.Say("AUTH OAUTHBEARER " + EncodeBase64(message));
    if (!first.starts_with("334 ")) return first;
    return challenge(first) + " | " + client.Say(EncodeBase64(acknowledgement)).substr(0, 9);
  };
  const std::string bearer = a + "host=h" + a + "port=587" + a + "auth=Bearer ";
  const std::string invalid_token =
      "{\"status\":\"invalid_token\",\"schemes\":\"bearer\"} | 535 5.7.8";
  const std::string invalid_request =
      "{\"status\":\"invalid_request\",\"schemes\":\"bearer\"} | 535 5.7.8";
  EXPECT_THAT(ask("n,a=alice@example.org," + bearer + "good-token.1~x" + a + a, a),
              HasSubstr("235 "));
  EXPECT_THAT(ask("n,," + bearer + "good-token.1~x" + a + a, a), HasSubstr("235 "));
  EXPECT_EQ(ask("n,a=bob@example.org," + bearer + "good-token.1~x" + a + a, a), invalid_token);
  EXPECT_EQ(ask("n,," + bearer + "old-token" + a + a, a), invalid_token);
  EXPECT_EQ(ask("n,," + bearer + "nobodys" + a + a, ""), invalid_token);
  EXPECT_EQ(ask("n,," + bearer + a + a, a), invalid_request);
  EXPECT_EQ(ask("n,," + bearer + "good-token.1~x", a), invalid_request);
  EXPECT_EQ(ask("y,," + bearer + "good-token.1~x" + a + a, a), invalid_request);
  EXPECT_EQ(ask("accept alice@example.org", a), invalid_request);
  // Without an initial response the client is asked for one.
  SmtpClient client(example_->starttls_port());
  client.Begin();
  EXPECT_EQ(client.Say("AUTH OAUTHBEARER"), "334 ");
  EXPECT_THAT(client.Say(EncodeBase64("n,," + bearer + "good-token.1~x" + a + a)),
              HasSubstr("235 "));
}

TEST_F(SaslExamples, OauthbearerByIntrospection) {
  HttpServer sso;
  Start("sasl-oauthbearer-introspection.conf", {{"sso.conf", "SSO_PASSWORD = pepper & salt\n"}},
        {{"https://sso.example.org", sso.origin()}});
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Nobody()), "");
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Bearer("good-token.1~x")), "");
  const Finished good = SubmitWith(Program::kMsmtp, Message("OAUTHBEARER", "good-token.1~x"));
  EXPECT_EQ(good.status, 0) << good.output << example_->Log() << sso.Requests();
  EXPECT_TRUE(example_->WaitForLog("A=token:alice@example.org")) << example_->Log();
  const std::string a(1, '\x01');
  const auto ask = [&](const std::string& who, const std::string& token) {
    SmtpClient client(example_->starttls_port());
    client.Begin();
    const std::string message = "n," + who + "," + a + "auth=Bearer " + token + a + a;
    std::string reply = client.Say("AUTH OAUTHBEARER " + EncodeBase64(message));
    if (reply.starts_with("334 ")) reply = "334, " + client.Say(EncodeBase64(a));
    return reply.substr(0, 9);
  };
  EXPECT_EQ(ask("", "good-token.1~x"), "235 2.7.0");
  EXPECT_EQ(ask("a=alice@example.org", "good-token.1~x"), "235 2.7.0");
  EXPECT_EQ(ask("a=bob@example.org", "good-token.1~x"), "334, 535 ");
  EXPECT_EQ(ask("", "old-token"), "334, 535 ");
  EXPECT_THAT(sso.Requests(), HasSubstr("REQUEST POST /introspect token=old-token"));
  EXPECT_THAT(example_->Log(), Not(HasSubstr("good-token")));
  EXPECT_THAT(example_->Log(), Not(HasSubstr("pepper")));
}

TEST_F(SaslExamples, OauthbearerWithoutItsAuthorizationServerIsTemporary) {
  Start("sasl-oauthbearer-introspection.conf", {{"sso.conf", "SSO_PASSWORD = pepper & salt\n"}},
        {{"https://sso.example.org", "http://127.0.0.1:" + std::to_string(FreePort())}});
  SmtpClient client(example_->starttls_port());
  client.Begin();
  const std::string a(1, '\x01');
  const std::string message = "n,," + a + "auth=Bearer good-token.1~x" + a + a;
  EXPECT_THAT(client.Say("AUTH OAUTHBEARER " + EncodeBase64(message)), HasSubstr("435 "));
  EXPECT_TRUE(example_->WaitForLog("token authenticator failed")) << example_->Log();
}

constexpr char kOtpAnswer[] = R"(
def chain(seed, count):
    text = seed + ' her passphrase'
    for i in range(count): text = hashlib.sha256(text.encode()).hexdigest()
    return text
def answer(challenge=None):
    if challenge is None: return 'alice@example.org'
    number, seed = challenge.decode().split()
    return chain(seed, int(number))
)";

TEST_F(SaslExamples, OneTimePasswords) {
  Start("sasl-otp.conf", {});
  EXPECT_EQ(WhereExplainDiffers(example_->config_file(), Nobody()), "");
  const std::string database = example_->file("otp.db");
  const Finished made =
      test::Run({"sqlite3", database,
                 "CREATE TABLE chains (account PRIMARY KEY, number INTEGER, seed, last)"});
  ASSERT_EQ(made.status, 0) << made.output;
  std::string last = "ke1234 her passphrase";
  for (int i = 0; i < 4; ++i) last = Lower(HexDigest("sha256", last));
  test::Run({"sqlite3", database,
             "INSERT INTO chains VALUES ('alice@example.org', 4, 'ke1234', '" + last + "')"});
  // Three one-time passwords are left; then there is none, as if there were no such account.
  for (int i = 0; i < 3; ++i) {
    const Finished good = Python("X-OTP-SHA256", kOtpAnswer);
    EXPECT_EQ(good.status, 0) << good.output << example_->Log();
  }
  EXPECT_TRUE(example_->WaitForLog("A=otp:alice@example.org")) << example_->Log();
  const Finished over = Python("X-OTP-SHA256", kOtpAnswer);
  EXPECT_THAT(over.output, HasSubstr("535, b'5.7.8")) << over.output << example_->Log();
}

TEST_F(SaslExamples, OneTimePasswordIsGoodOnce) {
  Start("sasl-otp.conf", {});
  const std::string database = example_->file("otp.db");
  std::string chain[5] = {"ke1234 her passphrase"};
  for (int i = 1; i < 5; ++i) chain[i] = Lower(HexDigest("sha256", chain[i - 1]));
  test::Run({"sqlite3", database,
             "CREATE TABLE chains (account PRIMARY KEY, number INTEGER, seed, last);"
             "INSERT INTO chains VALUES ('alice@example.org', 4, 'ke1234', '" +
                 chain[4] + "')"});
  const auto begin = [&](SmtpClient& client, const std::string& account) {
    client.Begin();
    const std::string reply = client.Say("AUTH X-OTP-SHA256 " + EncodeBase64(account));
    return reply.starts_with("334 ") ? DecodeBase64(reply.substr(4)).value_or("?") : reply;
  };
  // Two sessions are asked for the same one; the second that says it comes too late.
  SmtpClient first(example_->starttls_port()), second(example_->starttls_port());
  SmtpClient third(example_->starttls_port());
  EXPECT_EQ(begin(first, "alice@example.org"), "3 ke1234");
  EXPECT_EQ(begin(second, "alice@example.org"), "3 ke1234");
  EXPECT_THAT(first.Say(EncodeBase64(chain[3])), HasSubstr("235 "));
  EXPECT_THAT(second.Say(EncodeBase64(chain[3])), HasSubstr("535 "));
  EXPECT_EQ(begin(third, "alice@example.org"), "2 ke1234");
  EXPECT_THAT(third.Say(EncodeBase64("' OR 1=1 --")), HasSubstr("535 "));
  // Nobody is asked as somebody is, and each time the same.
  SmtpClient nobody(example_->starttls_port()), again(example_->starttls_port());
  const std::string asked = begin(nobody, "bob@example.org");
  EXPECT_THAT(asked, ::testing::MatchesRegex("[0-9]+ [0-9a-f]{6}"));
  EXPECT_EQ(begin(again, "bob@example.org"), asked);
  EXPECT_THAT(nobody.Say(EncodeBase64(chain[2])), HasSubstr("535 "));
}

}  // namespace
}  // namespace signet::test
