// From a refusal to its reason: real clients are refused by a real gateway, and `signet why`
// knows the reference that they were told.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "src/base/text.h"
#include "src/report/decision_file.h"
#include "test/support/references.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A world whose gateway can be asked.
class AskedWorld {
 public:
  explicit AskedWorld(const std::string& main_options = "",
                      std::vector<std::pair<std::string, std::string>> edits = {},
                      Upstream::Script script = nullptr)
      : world_(std::move(script),
               {.main_options = "control_socket = " + socket() + "\n" + main_options,
                .edits = std::move(edits)}) {
    EXPECT_TRUE(WaitUntil([this] { return std::filesystem::exists(socket()); }));
  }

  World& operator*() { return world_; }
  World* operator->() { return &world_; }
  std::string socket() const { return directory_ / "control"; }
  std::string path(const std::string& name) const { return directory_ / name; }

  Finished Ask(const std::string& verb, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {SignetProgram(), verb, "-C", world_.gateway->config_file()};
    command.insert(command.end(), more.begin(), more.end());
    return Run(command);
  }
  // `signet why REF` up to the tree.
  std::string FirstLines(const std::string& reference) const {
    const Finished why = Ask("why", {reference});
    EXPECT_EQ(why.status, 0) << why.output;
    return why.output.substr(0, why.output.find("\n\n"));
  }

 private:
  TempDir directory_;
  World world_;
};

// MAIL and RCPT of a client; what refuses first.
SmtpClient Refused(World& world, const std::string& certificate, const std::string& sender) {
  SmtpClient client = world.Client(certificate);
  if (client.code() >= 400) return client;
  if (client.Say("MAIL FROM:<" + sender + ">").starts_with("250"))
    client.Say("RCPT TO:<someone@example.net>");
  return client;
}

// In one line, as its lines are broken to fit a terminal.
std::string Unwrapped(const std::string& text) {
  std::string out;
  for (char c : text) {
    const char shown = c == '\n' ? ' ' : c;
    if (shown != ' ' || out.empty() || out.back() != ' ') out += shown;
  }
  return out;
}

// --- reasons -----------------------------------------------------------------------------

struct Case {
  const char* name;
  const char* certificate;
  const char* reply;   // begins with
  const char* reason;  // in the first lines of `why`
  const char* main_options = "";
  std::pair<std::string, std::string> edit = {};
  const char* sender = "alice@example.org";
  bool directory_is_down = false;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class Why : public ::testing::TestWithParam<Case> {};

TEST_P(Why, TellsTheTrueReasonOfTheReferenceInTheReply) {
  const Case& c = GetParam();
  AskedWorld world(
      Replace(c.main_options, "DIR",
              std::filesystem::path(Certificates::Get().pem("crl")).parent_path().string()),
      c.edit.first.empty() ? std::vector<std::pair<std::string, std::string>>{}
                           : std::vector{c.edit});
  if (c.directory_is_down) world->slapd.Kill();
  SmtpClient client = Refused(*world, c.certificate, c.sender);
  EXPECT_THAT(client.reply(), StartsWith(c.reply));
  ASSERT_NE(client.reference(), "") << client.reply();
  // Before the client has gone.
  const std::string first = Unwrapped(world.FirstLines(client.reference()));
  EXPECT_THAT(first, StartsWith(client.code() < 500 ? "DEFERRED" : "REFUSED"));
  EXPECT_THAT(first, HasSubstr(c.reason));
  EXPECT_THAT(first, HasSubstr("reference " + client.reference()));
  const std::string reply = client.reply();
  EXPECT_THAT(first, HasSubstr(Unwrapped(reply.substr(0, reply.find('\n')))));
  // The log has the same reference on the line of this refusal, and on no other session's.
  const std::string line = "REF=" + client.reference();
  EXPECT_TRUE(world->gateway->WaitForLog(line)) << world->gateway->Log();
  for (const std::string& logged : LoggedReferencesIn(world->gateway->Log()))
    EXPECT_EQ(logged, client.reference());
  // And the list of the last refusals has it.
  EXPECT_THAT(world.Ask("why").output, HasSubstr("  " + client.reference() + "  127.0.0.1  "));
}

const Case kCases[] = {
    {"NoCertificate", "", "550 5.7.1 relaying needs", "has sent no certificate"},
    {"WrongCa", "otherca", "550 5.7.1 relaying needs", "unknown CA"},
    {"SelfSigned", "selfsigned", "550 5.7.1 relaying needs", "did not verify: unknown CA"},
    {"Expired", "expired", "550 5.7.1 relaying needs", "certificate expired"},
    {"Revoked", "revoked", "550 5.7.1 relaying needs", "certificate revoked",
     "tls_crl = DIR/crl.pem"},
    {"RevocationListIsStale", "alice", "451 4.7.0 ", "revocation list",
     "tls_crl = DIR/crl-stale.pem"},
    {"Purpose", "serverauth", "550 5.7.1 relaying needs", "key purpose"},
    {"NoSan", "none", "550 5.7.1 relaying needs", "the certificate has no alternative names"},
    {"TwoSans", "two", "550 5.7.1 relaying needs",
     "server_set_id gave no identity; the certificate names mail alice@example.org, mail "
     "bob@example.org"},
    {"NotInTheDirectory", "mallory", "550 5.7.1 relaying needs",
     "found nothing; the certificate names mail mallory@example.org"},
    {"DirectoryDown",
     "alice",
     "451 4.7.0 Temporary authentication failure",
     "the authenticator tls cannot tell at the moment: server_condition: lookup of",
     "",
     {},
     "alice@example.org",
     true},
    {"Acl",
     "alice",
     "550 5.7.1 alice@example.org may not send as bob@example.org",
     "alice@example.org may not send as bob@example.org",
     "",
     {},
     "bob@example.org"},
    {"Demanded",
     "otherca",
     "554 5.7.8 Client certificate not accepted",
     "unknown CA",
     "",
     {"tls_try_verify_hosts = *", "tls_verify_hosts = *"}},
    {"DemandedAndMissing",
     "",
     "554 5.7.0 A client certificate is required",
     "no certificate",
     "",
     {"tls_try_verify_hosts = *", "tls_verify_hosts = *"}},
};
std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Reasons, Why, ::testing::ValuesIn(kCases), NameOf);

TEST(WhyTree, HasTheQueryAndTheStatementThatDecided) {
  AskedWorld world;
  SmtpClient client = Refused(*world, "mallory", "mallory@example.org");
  const Finished why = world.Ask("why", {client.reference()});
  EXPECT_THAT(why.output, HasSubstr("mailname=mallory%40example.org,ou=users,")) << why.output;
  EXPECT_THAT(why.output, HasSubstr("> RCPT TO:<someone@example.net>"));
  EXPECT_THAT(why.output, HasSubstr("deny: applies"));
  std::size_t begin = 0;
  for (std::size_t end; (end = why.output.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 80u) << why.output.substr(begin, end - begin);
}

TEST(WhyTree, AsJsonItIsTheDecision) {
  AskedWorld world;
  SmtpClient client = Refused(*world, "otherca", "alice@example.org");
  const Finished why = world.Ask("why", {client.reference(), "--json"});
  ASSERT_EQ(why.status, 0) << why.output;
  const auto decision = report::DecisionFromJson(why.output);
  ASSERT_TRUE(decision.ok()) << decision.error();
  EXPECT_EQ(decision.value().reference, client.reference());
  EXPECT_EQ(decision.value().verdict, report::Decision::Verdict::kRefused);
  EXPECT_EQ(decision.value().client.chain.size(), 2u);
  EXPECT_EQ(decision.value().client.mail_from, "<alice@example.org>");
}

TEST(WhyTree, OfALongSessionHasTheStepsOfTheMessageThatWasRefused) {
  AskedWorld world;
  SmtpClient client = world->Client("alice");
  for (int i = 0; i < 300; ++i) {
    ASSERT_THAT(client.Say("MAIL FROM:<alice@example.org>"), StartsWith("250"));
    ASSERT_THAT(client.Say("RSET"), StartsWith("250"));
    ASSERT_THAT(client.Say("EHLO c"), StartsWith("250"));
  }
  EXPECT_THAT(client.Say("MAIL FROM:<bob@example.org>"), StartsWith("550"));
  const Finished why = world.Ask("why", {client.reference()});
  EXPECT_THAT(why.output, HasSubstr("handshake: TLS1.3"));
  EXPECT_THAT(why.output, HasSubstr("earlier messages of this session are left out: 2"));
  EXPECT_THAT(why.output, HasSubstr("> MAIL FROM:<bob@example.org>\n  - ACL check_mail: deny"));
  EXPECT_THAT(why.output, HasSubstr("$authenticated_id = alice@example.org"));
  EXPECT_THAT(why.output, Not(HasSubstr("more steps were not recorded")));
}

TEST(WhyTree, OfAMessageToManyItHasTheStepsOfTheRecipientThatWasRefused) {
  AskedWorld world("", {{"  accept  authenticated = *\n",
                         "  deny    recipients = last@example.net\n"
                         "          message = $authenticated_id may not write to $local_part\n"
                         "  accept  authenticated = *\n"}});
  SmtpClient client = world->Client("alice");
  ASSERT_THAT(client.Say("MAIL FROM:<alice@example.org>"), StartsWith("250"));
  for (int i = 0; i < 300; ++i)
    ASSERT_THAT(client.Say("RCPT TO:<x" + std::to_string(i) + "@example.net>"), StartsWith("250"));
  EXPECT_THAT(client.Say("RCPT TO:<last@example.net>"), StartsWith("550"));
  const Finished why = world.Ask("why", {client.reference()});
  EXPECT_THAT(why.output, HasSubstr("> MAIL FROM:<alice@example.org>\n"));
  EXPECT_THAT(why.output, HasSubstr("earlier recipients of this message are left out: "));
  EXPECT_THAT(why.output, HasSubstr("> RCPT TO:<last@example.net>\n  - ACL check_rcpt: deny"));
  EXPECT_THAT(why.output, Not(HasSubstr("more steps were not recorded")));
}

// --- references --------------------------------------------------------------------------

TEST(References, OneSessionHasOne) {
  AskedWorld world;
  SmtpClient client = world->Client("alice");
  client.Say("MAIL FROM:<bob@example.org>");
  const std::string reference = client.reference();
  ASSERT_NE(reference, "");
  client.Say("MAIL FROM:<carol@example.org>");
  EXPECT_EQ(client.reference(), reference);
  EXPECT_THAT(Unwrapped(world.FirstLines(reference)),
              HasSubstr("may not send as carol@example.org"));
  SmtpClient other = Refused(*world, "alice", "bob@example.org");
  EXPECT_NE(other.reference(), reference);
}

TEST(References, WhatIsNotAboutIdentityHasNone) {
  AskedWorld world;
  SmtpClient client(world->gateway->starttls_port());
  for (const char* command :
       {"NONSENSE", "MAIL FROM:<a@b.example>", "RCPT TO:<a@b.example>", "EHLO"}) {
    EXPECT_GE(client.Say(command)[0], '4') << command;
    EXPECT_EQ(client.reference(), "") << command;
  }
  SmtpClient alice = world->Client("alice");
  for (const char* command : {"AUTH PLAIN", "RCPT TO:<a@b.example>", "MAIL FROM:<", "NONSENSE"}) {
    EXPECT_GE(alice.Say(command)[0], '4') << command;
    EXPECT_EQ(alice.reference(), "") << command;
  }
  EXPECT_THAT(world->gateway->Log(), Not(HasSubstr("REF=")));
  EXPECT_THAT(world.Ask("why").output, HasSubstr("no refusal or deferral"));
}

TEST(References, TheUpstreamsRefusalsHaveNone) {
  AskedWorld world("", {}, [](const std::string& line) {
    return line.starts_with("RCPT") ? std::string("550 5.1.1 not here\r\n") : std::string();
  });
  SmtpClient client = Refused(*world, "alice", "alice@example.org");
  EXPECT_THAT(client.reply(), StartsWith("550 5.1.1 not here"));
  EXPECT_EQ(client.reference(), "");
}

TEST(References, CanBeKeptOutOfReplies) {
  AskedWorld world("no_reply_references");
  SmtpClient client = Refused(*world, "otherca", "alice@example.org");
  EXPECT_THAT(client.reply(), StartsWith("550"));
  EXPECT_EQ(client.reference(), "");
  ASSERT_TRUE(world->gateway->WaitForLog(" REF="));
  const auto logged = LoggedReferencesIn(world->gateway->Log());
  ASSERT_FALSE(logged.empty());
  EXPECT_THAT(Unwrapped(world.FirstLines(logged[0])), HasSubstr("unknown CA"));
}

TEST(References, WithNothingKeptThereAreNone) {
  AskedWorld world("decisions_kept = 0");
  SmtpClient client = Refused(*world, "otherca", "alice@example.org");
  EXPECT_EQ(client.reference(), "");
  EXPECT_THAT(world->gateway->Log(), Not(HasSubstr("REF=")));
  const Finished why = world.Ask("why", {"K7Q2-9FXMT"});
  EXPECT_EQ(why.status, 1);
  EXPECT_THAT(why.output, HasSubstr("keeps no decisions"));
}

TEST(References, JsonHasThemAsAFact) {
  TempDir logs;
  AskedWorld world("log_json_path = " + logs / "json" + "\nlog_file_path = stderr");
  SmtpClient client = Refused(*world, "otherca", "alice@example.org");
  EXPECT_TRUE(WaitUntil([&] {
    return ReadFile(logs / "json").find("\"reference\":\"" + client.reference() + '"') !=
           std::string::npos;
  })) << ReadFile(logs / "json");
}

// --- what is kept ------------------------------------------------------------------------

TEST(Kept, WhatSomebodyPastesIsSearchedForItsReference) {
  AskedWorld world;
  SmtpClient client = Refused(*world, "otherca", "alice@example.org");
  const std::string reference = client.reference();
  const std::string without_dash = reference.substr(0, 4) + reference.substr(5);
  for (const std::string& typed :
       {reference + ' ', reference + '.', reference.substr(0, 4) + ' ' + reference.substr(5),
        Lower(without_dash), "REF=" + reference, "(reference " + reference + ')',
        "550 5.7.1 relaying needs a client certificate (reference " + reference + ')',
        "H=[127.0.0.1] rejected RCPT <a@b>: no REF=" + reference}) {
    const Finished why = world.Ask("why", {typed, "--brief"});
    EXPECT_EQ(why.status, 0) << typed << why.output;
    EXPECT_THAT(why.output, HasSubstr("reference " + reference));
    EXPECT_THAT(why.output, Not(HasSubstr("STARTTLS")));
  }
}

TEST(Kept, UnknownReferencesAreSaidToBe) {
  AskedWorld world;
  const Finished unknown = world.Ask("why", {"K7Q2-9FXMT"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(Unwrapped(unknown.output), AllOf(HasSubstr("there is no decision K7Q2-9FXMT"),
                                               HasSubstr("the last 500"), HasSubstr("7 days")));
  const Finished none = world.Ask("why", {"nonsense"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(Unwrapped(none.output), HasSubstr("is no reference"));
}

TEST(Kept, RuleC7NoPasswordAndNothingOfAMessageIsKept) {
  AskedWorld world("acl_smtp_data = check_data",
                   {{"check_rcpt:\n", R"(check_data:
  deny condition = ${if match{$message_body}{attack}}
       message = no: $h_subject:
  deny condition = ${if def:h_subject:}
check_rcpt:
)"},
                    {"begin authenticators\n",
                     "begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  "
                     "server_prompts = :\n  server_set_id = $auth2\n  server_condition = ${if "
                     "eq{$auth3}{pass-word-one}}\n\n"},
                    {"begin acl\n", "after_tls_auth = full\n\nbegin acl\n"}});
  std::vector<std::string> references;
  {
    SmtpClient client = world->Client("alice");
    // "\0alice\0secret-word-two"
    EXPECT_THAT(client.Say("AUTH PLAIN AGFsaWNlAHNlY3JldC13b3JkLXR3bw=="), StartsWith("535"));
    references.push_back(client.reference());
  }
  {
    SmtpClient client = world->Client("alice");
    client.Say("MAIL FROM:<alice@example.org>");
    client.Say("RCPT TO:<x@example.net>");
    client.Say("DATA");
    client.Send("Subject: confidential-subject\r\n\r\nsecret-body-text\r\n");
    EXPECT_THAT(client.Say("."), StartsWith("550"));
    references.push_back(client.reference());
  }
  for (const std::string& reference : references) {
    const Finished why = world.Ask("why", {reference, "--json"});
    ASSERT_EQ(why.status, 0) << why.output;
    for (const char* secret :
         {"secret-word-two", "AGFsaWNl", "secret-body", "confidential-subject"})
      EXPECT_THAT(why.output, Not(HasSubstr(secret)));
  }
}

// Once a password that an ACL had copied, and a subject that the ACL of an earlier message had
// kept, stood in the steps; and what an ACL said of a message, in the reason and the reply.
TEST(Kept, RuleC7CopiesOfSecretsAreNotKeptEither) {
  AskedWorld world(
      "acl_smtp_data = check_data",
      {{"begin acl\n", R"(after_tls_auth = full

begin acl
check_auth:
  accept set acl_c_pw = $acl_arg1
  accept
sub:
  deny condition = ${if eq{$acl_arg1}{zzz}}
  accept
check_data:
  warn set acl_c_subject = $h_subject:
  deny message = your subject $h_subject: is bad
       log_message = body was $message_body
)"},
       {"  deny    authenticated = *\n          !condition ",
        R"(  warn set acl_m_x = $acl_c_pw
       condition = ${if eq{$acl_m_x}{zzz}}
  warn acl = sub $acl_c_pw
  warn set acl_m_carry = $acl_c_subject
       condition = ${if eq{${lc:$acl_m_carry}}{zzz}}
  deny senders = refused@example.org
  deny    authenticated = *
          !condition )"},
       {"begin authenticators\n",
        "begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  "
        "server_prompts = :\n  server_set_id = $auth2@example.org\n  server_condition = "
        "${acl{check_auth}{$auth3}{1}}${if eq{$auth3}{copied-password}{yes}{no}}\n\n"}});
  SmtpClient client = world->Client("otherca");
  // "\0joe\0copied-password"
  EXPECT_THAT(client.Say("AUTH PLAIN AGpvZQBjb3BpZWQtcGFzc3dvcmQ="), StartsWith("235"));
  client.Say("MAIL FROM:<joe@example.org>");
  client.Say("RCPT TO:<x@example.net>");
  EXPECT_THAT(client.Say("DATA"), StartsWith("354"));
  client.Send("Subject: kept-subject\r\n\r\nkept-body\r\n");
  EXPECT_THAT(client.Say("."), StartsWith("550 5.7.1 your subject kept-subject is bad"));
  const std::string first = client.reference();
  client.Say("MAIL FROM:<refused@example.org>");
  EXPECT_THAT(client.reply(), StartsWith("550"));
  const std::string second = client.reference();
  ASSERT_NE(second, "");
  for (const std::string& reference : {first, second}) {
    if (reference.empty()) continue;
    const Finished why = world.Ask("why", {reference, "--json"});
    ASSERT_EQ(why.status, 0) << why.output;
    for (const char* secret : {"copied-password", "kept-subject", "kept-body"})
      EXPECT_THAT(why.output, Not(HasSubstr(secret)));
  }
}

// Once it was emptied, and its first line was quoted in the log.
TEST(Kept, AFileOfSomethingElseIsLeftAlone) {
  TempDir directory;
  const std::string file = directory / "key.pem";
  const std::string content = ReadFile(Certificates::Get().key("alice"));
  WriteFile(file, content);
  chmod(file.c_str(), 0600);
  AskedWorld world("decisions_file = " + file);
  const std::string reference = Refused(*world, "otherca", "alice@example.org").reference();
  EXPECT_EQ(world.Ask("why", {reference}).status, 0);
  EXPECT_TRUE(world->gateway->WaitForLog("it holds something else than decisions"));
  EXPECT_EQ(ReadFile(file), content);
  EXPECT_THAT(world->gateway->Log(), Not(HasSubstr(content.substr(40, 16))));
}

TEST(Kept, AFloodOfRefusalsStaysBounded) {
  AskedWorld world("decisions_kept = 20");
  SmtpClient first = Refused(*world, "otherca", "alice@example.org");
  const std::string oldest = first.reference();
  std::string last;
  for (int i = 0; i < 30; ++i) last = Refused(*world, "otherca", "alice@example.org").reference();
  EXPECT_EQ(world.Ask("why", {oldest}).status, 1);
  EXPECT_EQ(world.Ask("why", {last}).status, 0);
  EXPECT_THAT(Unwrapped(world.Ask("status").output),
              HasSubstr("20 refused or deferred, 0 accepted (most: 20 each)"));
  const std::string list = world.Ask("why").output;
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 20);
}

TEST(Kept, GoodSessionsPushNoRefusalOut) {
  AskedWorld world("decisions_kept = 3");
  const std::string reference = Refused(*world, "otherca", "alice@example.org").reference();
  for (int i = 0; i < 8; ++i) {
    SmtpClient client = Refused(*world, "alice", "alice@example.org");
    EXPECT_THAT(client.reply(), StartsWith("250"));
    client.Say("QUIT");
  }
  EXPECT_TRUE(WaitUntil([&] {
    return Unwrapped(world.Ask("status").output).find("1 refused or deferred, 3 accepted") !=
           std::string::npos;
  })) << world.Ask("status").output;
  EXPECT_EQ(world.Ask("why", {reference}).status, 0);
}

TEST(Kept, AFileKeepsThemOverARestart) {
  TempDir directory;
  const std::string file = directory / "decisions";
  std::string reference;
  const std::string option = "decisions_file = " + file;
  {
    AskedWorld world(option);
    reference = Refused(*world, "otherca", "alice@example.org").reference();
    world->gateway->process().Signal(SIGTERM);
    EXPECT_EQ(world->gateway->process().Wait(), 0);
  }
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  {
    AskedWorld world(option);
    EXPECT_THAT(Unwrapped(world.FirstLines(reference)), HasSubstr("unknown CA"));
    // Killed, it keeps what it has written until a moment before.
    const std::string before = reference;
    reference = Refused(*world, "expired", "alice@example.org").reference();
    EXPECT_TRUE(WaitUntil([&] { return ReadFile(file).find(reference) != std::string::npos; }));
    world->gateway->process().Signal(SIGKILL);
    world->gateway->process().Wait();
  }
  AskedWorld world(option);
  EXPECT_THAT(Unwrapped(world.FirstLines(reference)), HasSubstr("certificate expired"));
}

TEST(Kept, RuleC7AFileThatOthersMayReadIsNotUsed) {
  TempDir directory;
  const std::string file = directory / "decisions";
  WriteFile(file, "");
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  AskedWorld world("decisions_file = " + file);
  EXPECT_TRUE(world->gateway->WaitForLog("decisions are kept in memory only: " + file +
                                         " is not used: others may read it"));
  EXPECT_EQ(world.Ask("why", {Refused(*world, "otherca", "a@example.org").reference()}).status, 0);
  EXPECT_EQ(ReadFile(file), "");
}

// --- the socket --------------------------------------------------------------------------

TEST(Socket, RuleC7OnlyTheAdministratorIsAnswered) {
  AskedWorld world;
  struct stat info {};
  ASSERT_EQ(::stat(world.socket().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  if (::geteuid() != 0) GTEST_SKIP() << "not root: cannot be somebody else";
  const Finished nobody = test::Run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                     SignetProgram(), "why", "--socket", world.socket()});
  EXPECT_EQ(nobody.status, 1);
  EXPECT_THAT(Unwrapped(nobody.output), HasSubstr("permission denied"));
  // Even one that has been let through to the socket.
  ASSERT_EQ(::chmod(world.socket().c_str(), 0666), 0);
  const Finished let_through =
      test::Run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SignetProgram(),
                 "why", "--socket", world.socket()});
  EXPECT_EQ(let_through.status, 1);
  EXPECT_THAT(Unwrapped(let_through.output), HasSubstr("it answers root and its own user only"));
}

TEST(Socket, WithoutAServerItIsSaidWhatToDo) {
  TempDir directory;
  const Finished none = test::Run({SignetProgram(), "status", "--socket", directory / "control"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(Unwrapped(none.output), AllOf(HasSubstr("control socket " + directory / "control"),
                                            HasSubstr("no server listens there")));
  WriteFile(directory / "signet.conf", "primary_hostname = a.example\n");
  const Finished unset = test::Run({SignetProgram(), "status", "-C", directory / "signet.conf"});
  EXPECT_EQ(unset.status, 2);
  EXPECT_THAT(Unwrapped(unset.output), HasSubstr("control_socket is not set in"));
}

TEST(Socket, FollowsAReload) {
  AskedWorld world;
  EXPECT_EQ(world.Ask("status").status, 0);
  const std::string text = ReadFile(world->gateway->config_file());
  WriteFile(world->gateway->config_file(), Replace(text, world.socket(), world.path("other")));
  const Finished reload = test::Run({SignetProgram(), "reload", "--socket", world.socket()});
  EXPECT_EQ(reload.status, 0) << reload.output;
  EXPECT_EQ(world.Ask("status").status, 0);
  EXPECT_FALSE(std::filesystem::exists(world.socket()));
}

TEST(Socket, OneThatWasRemovedIsThereAgainAfterAReload) {
  AskedWorld world;
  ASSERT_EQ(::unlink(world.socket().c_str()), 0);
  EXPECT_EQ(world.Ask("status").status, 1);
  world->gateway->process().Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil([&] { return world.Ask("status").status == 0; }));
}

TEST(Socket, ASecondServerDoesNotTakeIt) {
  AskedWorld world;
  Process second({SignetProgram(), "serve", "-C", world->gateway->config_file(), "-oX",
                  "127.0.0.1." + std::to_string(FreePort())});
  EXPECT_EQ(second.Wait(), 1) << second.Output();
  EXPECT_THAT(second.Output(), HasSubstr("not started: control socket " + world.socket() +
                                         ": another server listens there"));
  EXPECT_EQ(world.Ask("status").status, 0);
}

// --- status and reload -------------------------------------------------------------------

TEST(Status, SaysHowTheServerIs) {
  AskedWorld world;
  SmtpClient client = world->Client("alice");
  const Finished status = world.Ask("status");
  ASSERT_EQ(status.status, 0) << status.output;
  EXPECT_THAT(status.output,
              StartsWith("Signet 0.1, process " + std::to_string(world->gateway->pid())));
  EXPECT_THAT(Unwrapped(status.output),
              HasSubstr(world->gateway->config_file() + ", generation 1"));
  EXPECT_THAT(status.output, HasSubstr("1 now, "));
  EXPECT_THAT(status.output, Not(HasSubstr("last reload")));
  const Finished json = world.Ask("status", {"--json"});
  EXPECT_THAT(json.output, HasSubstr("\"pid\": " + std::to_string(world->gateway->pid())));
}

TEST(Status, SaysHowLongCertificatesLastAndWhetherTheDirectoryAnswers) {
  AskedWorld world;
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
  std::string status = Unwrapped(world.Ask("status").output);
  EXPECT_THAT(status, ContainsRegex("certificates CN=localhost: [0-9]+ days .*left"));
  EXPECT_THAT(status, ContainsRegex("lookups ldap: answered [0-9]+ seconds? ago, 0 failures"));
  EXPECT_THAT(status, ContainsRegex("late by [0-9]+ ms at most"));
  world->slapd.Kill();
  EXPECT_TRUE(WaitUntil([&] {
    (void)world->RcptReply("bob", "bob@example.org");
    status = Unwrapped(world.Ask("status").output);
    return status.find("lookups ldap: last answered ") != std::string::npos;
  })) << status;
  EXPECT_THAT(status, HasSubstr(world->slapd.host_and_port().substr(0, 9)));
  world->slapd.Start();
  EXPECT_TRUE(WaitUntil([&] {
    (void)world->RcptReply("bob", "bob@example.org");
    status = Unwrapped(world.Ask("status").output);
    return status.find("lookups ldap: answered ") != std::string::npos;
  })) << status;
}

TEST(Reload, SaysThatItWasGood) {
  AskedWorld world;
  const Finished reload = world.Ask("reload");
  EXPECT_EQ(reload.status, 0);
  EXPECT_THAT(reload.output, EndsWith("configuration reloaded\n"));
  EXPECT_TRUE(world->gateway->WaitForLog("reload asked for: configuration reloaded"));
  EXPECT_THAT(world.Ask("status").output, AllOf(HasSubstr("generation 2"), HasSubstr(": good")));
}

TEST(Reload, PrintsEveryMistakeAndChangesNothing) {
  AskedWorld world;
  const std::string file = world->gateway->config_file();
  const std::string text = ReadFile(file);
  WriteFile(file, "nonsense = 1\nrecipients_max = ${if\n" + text);
  // The socket is found in it all the same.
  const Finished reload = world.Ask("reload");
  EXPECT_EQ(reload.status, 2);
  EXPECT_THAT(reload.output, HasSubstr(file + ":1:1: error: main option \"nonsense\" unknown"));
  EXPECT_THAT(reload.output, HasSubstr(file + ":2:"));
  EXPECT_THAT(reload.output, HasSubstr("configuration kept as it was, 2 errors in " + file));
  EXPECT_TRUE(
      world->gateway->WaitForLog("reload asked for: configuration kept as it was, 2 errors"));
  const std::string status = Unwrapped(world.Ask("status").output);
  EXPECT_THAT(status, AllOf(HasSubstr("generation 1"), HasSubstr(": failed"),
                            HasSubstr("error: main option \"nonsense\" unknown")));
  EXPECT_THAT(world->RcptReply("alice", "alice@example.org"), StartsWith("250"));
}

TEST(Reload, SeveralAskersGetTheirAnswers) {
  AskedWorld world;
  std::vector<std::thread> askers;
  std::vector<Finished> answers(4);
  for (Finished& answer : answers)
    askers.emplace_back([&world, &answer] { answer = world.Ask("reload"); });
  for (std::thread& asker : askers) asker.join();
  for (const Finished& answer : answers)
    EXPECT_THAT(answer.output, EndsWith("configuration reloaded\n"));
}

// --- check --diff ------------------------------------------------------------------------

// The gateway's configuration in another file, with `from` replaced.
std::string OtherConfig(AskedWorld& world, const std::string& from, const std::string& to) {
  const std::string text = ReadFile(world->gateway->config_file());
  EXPECT_THAT(text, HasSubstr(from));
  WriteFile(world.path("new.conf"), Replace(text, from, to));
  return world.path("new.conf");
}

void ThreeClients(AskedWorld& world) {
  for (const char* name : {"alice", "bob", "otherca"}) {
    SmtpClient client = Refused(*world, name, std::string(name) + "@example.org");
    client.Say("QUIT");
  }
  EXPECT_TRUE(WaitUntil([&] {
    return Unwrapped(world.Ask("status").output).find("1 refused or deferred, 2 accepted") !=
           std::string::npos;
  })) << world.Ask("status").output;
}

TEST(Diff, NothingChangesUnderTheSameConfiguration) {
  AskedWorld world;
  ThreeClients(world);
  const Finished diff = world.Ask("check", {"--diff", world->gateway->config_file()});
  EXPECT_EQ(diff.status, 0) << diff.output;
  EXPECT_THAT(Unwrapped(diff.output), HasSubstr("3 clients replayed, nothing changes"));
}

TEST(Diff, NamesWhoseResultWouldChangeAndHow) {
  AskedWorld world;
  ThreeClients(world);
  const std::string other = OtherConfig(world, "  accept  authenticated = *\n",
                                        "  accept  authenticated = *\n          condition = ${if "
                                        "!eq{$authenticated_id}{bob@example.org}}\n");
  const Finished diff = world.Ask("check", {"--diff", other});
  EXPECT_EQ(diff.status, 1) << diff.output;
  const std::string said = Unwrapped(diff.output);
  EXPECT_THAT(said, StartsWith("[127.0.0.1], O=Example Org,CN=Bob, "));
  EXPECT_THAT(said, HasSubstr("before accepted authenticated as bob@example.org; may send from "
                              "<bob@example.org> to <someone@example.net> after refused "));
  EXPECT_THAT(said, HasSubstr("relaying needs a client certificate"));
  EXPECT_THAT(said, HasSubstr("3 clients replayed, 1 result would change; no longer accepted: 1"));
  EXPECT_THAT(said, Not(AnyOf(HasSubstr("CN=Alice"), HasSubstr("another identity"))));
}

TEST(Diff, AsJsonForPrograms) {
  AskedWorld world;
  ThreeClients(world);
  const std::string other = OtherConfig(world, "{$auth1}{}}", "{${local_part:$auth1}}{}}");
  const Finished diff = world.Ask("check", {"--diff", other, "--json"});
  EXPECT_EQ(diff.status, 1) << diff.output;
  EXPECT_THAT(diff.output, HasSubstr("\"replayed\": 3"));
  EXPECT_THAT(diff.output, HasSubstr("\"identity\": \"alice@example.org\""));
  EXPECT_THAT(diff.output, HasSubstr("\"identity\": \"alice\""));
  EXPECT_EQ(world.Ask("check", {"--json"}).status, 2);
}

TEST(Diff, AnotherIdentityIsAChange) {
  AskedWorld world;
  ThreeClients(world);
  const std::string other = OtherConfig(world, "{$auth1}{}}", "{${local_part:$auth1}}{}}");
  const Finished diff = world.Ask("check", {"--diff", other});
  EXPECT_EQ(diff.status, 1) << diff.output;
  EXPECT_THAT(Unwrapped(diff.output), HasSubstr("another identity: 2"));
}

TEST(Diff, AsksTheFileWhereTheServerIsGone) {
  TempDir directory;
  AskedWorld world("decisions_file = " + directory / "decisions");
  ThreeClients(world);
  world->gateway->process().Signal(SIGTERM);
  world->gateway->process().Wait();
  const Finished diff = world.Ask("check", {"--diff", world->gateway->config_file()});
  EXPECT_EQ(diff.status, 0) << diff.output;
  EXPECT_THAT(Unwrapped(diff.output), HasSubstr("3 clients replayed, nothing changes"));
}

TEST(Diff, ReplaysADirectoryOfCertificates) {
  AskedWorld world;
  const std::string directory =
      std::filesystem::path(Certificates::Get().pem("alice")).parent_path().string();
  const std::string other = OtherConfig(world, "relaying needs a client", "you need another");
  const Finished diff = world.Ask("check", {"--diff", other, "--certs", directory});
  EXPECT_EQ(diff.status, 1) << diff.output;
  EXPECT_THAT(diff.output, HasSubstr("\nmallory.pem\n"));
  EXPECT_THAT(Unwrapped(diff.output), HasSubstr("you need another certificate"));
  EXPECT_THAT(diff.output, Not(HasSubstr("\nalice.pem\n")));
}

TEST(Diff, ABadConfigurationIsSaidToBe) {
  AskedWorld world;
  ThreeClients(world);
  const std::string other = OtherConfig(world, "begin acl", "nonsense = 1\nbegin acl");
  const Finished diff = world.Ask("check", {"--diff", other});
  EXPECT_EQ(diff.status, 2);
  EXPECT_THAT(diff.output, HasSubstr("main option \"nonsense\" unknown"));
  // And where there is nothing to replay, nothing is claimed.
  AskedWorld idle;
  EXPECT_EQ(idle.Ask("check", {"--diff", idle->gateway->config_file()}).status, 2);
}

TEST(Diff, WhoLogsInWithAPasswordIsNotReplayed) {
  AskedWorld world(
      "", {{"begin authenticators\n",
            "begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  "
            "server_prompts = "
            ":\n  server_set_id = $auth2\n  server_condition = ${if eq{$auth3}{secret}}\n\n"}});
  {
    SmtpClient client = world->Client("");
    EXPECT_THAT(client.Say("AUTH PLAIN AGFsaWNlAHNlY3JldA=="), StartsWith("235"));
    client.Say("QUIT");
    EXPECT_TRUE(client.closed());
  }
  SmtpClient(world->Client("alice")).Say("QUIT");
  EXPECT_TRUE(WaitUntil([&] {
    return Unwrapped(world.Ask("status").output).find("2 accepted") != std::string::npos;
  })) << world.Ask("status").output;
  const Finished diff = world.Ask("check", {"--diff", world->gateway->config_file()});
  EXPECT_EQ(diff.status, 0) << diff.output;
  EXPECT_THAT(Unwrapped(diff.output),
              HasSubstr("1 client replayed, nothing changes; not replayed, because their passwords "
                        "are not known: 1 session"));
}

}  // namespace
}  // namespace signet::test
