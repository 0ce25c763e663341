// What the programs that people submit mail with do behind each value of after_tls_auth:
// makes the table of doc/after-tls-auth.md, and fails where that has another.
#include <gmock/gmock.h>

#include <cstdlib>

#include "src/base/text.h"
#include "test/support/clients.h"
#include "test/support/references.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

constexpr char kFile[] = "doc/after-tls-auth.md";
constexpr char kHead[] =
    "| client | set up with | `hide` | `external` | `full` |\n|---|---|---|---|---|\n";
constexpr const char* kSettings[] = {"hide", "external", "full"};

struct Row {
  Program program;
  const char* client;
  const char* set_up;  // as its user would
  const char* mechanism;
  const char* user;
  const char* password;
};

constexpr char kAlice[] = "alice@example.org", kBob[] = "bob@example.org", kWord[] = "sesame";

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {Program::kMsmtp, "msmtp", "`auth off`", "", "", ""},
      {Program::kMsmtp, "msmtp", "`auth external`, `user alice@example.org`", "EXTERNAL", kAlice,
       ""},
      {Program::kMsmtp, "msmtp", "`auth external`, `user bob@example.org`", "EXTERNAL", kBob, ""},
      {Program::kMsmtp, "msmtp", "`auth on` and alice's password", "ANY", kAlice, kWord},
      {Program::kMsmtp, "msmtp", "`auth plain` and bob's password", "PLAIN", kBob, kWord},
      {Program::kCurl, "curl", "neither user nor login options", "", "", ""},
      {Program::kCurl, "curl", "`--login-options AUTH=EXTERNAL --user alice@example.org:`",
       "EXTERNAL", kAlice, ""},
      {Program::kCurl, "curl", "`--login-options AUTH=EXTERNAL --user bob@example.org:`",
       "EXTERNAL", kBob, ""},
      {Program::kCurl, "curl", "`--user` with alice's password", "ANY", kAlice, kWord},
      {Program::kCurl, "curl", "`--user` with bob's password", "ANY", kBob, kWord},
      {Program::kSwaks, "swaks", "no `--auth`", "", "", ""},
      {Program::kSwaks, "swaks", "`--auth` and alice's password", "ANY", kAlice, kWord},
      {Program::kSwaks, "swaks", "`--auth` and bob's password", "ANY", kBob, kWord},
      {Program::kPython, "Python smtplib", "no login", "", "", ""},
      {Program::kPython, "Python smtplib", "`smtp.auth(\"EXTERNAL\", …)` as alice", "EXTERNAL",
       kAlice, ""},
      {Program::kPython, "Python smtplib", "`smtp.auth(\"EXTERNAL\", …)` as bob", "EXTERNAL", kBob,
       ""},
      {Program::kPython, "Python smtplib", "`smtp.login` with alice's password", "ANY", kAlice,
       kWord},
      {Program::kPython, "Python smtplib", "`smtp.login` with bob's password", "ANY", kBob, kWord},
      {Program::kOpenssl, "openssl s_client", "MAIL typed at once", "", "", ""},
      {Program::kOpenssl, "openssl s_client", "`AUTH EXTERNAL =` typed", "EXTERNAL", "", ""},
      {Program::kOpenssl, "openssl s_client", "AUTH PLAIN typed, alice's password", "PLAIN", kAlice,
       kWord},
      {Program::kGnutlsCli, "gnutls-cli", "MAIL typed at once", "", "", ""},
      {Program::kGnutlsCli, "gnutls-cli", "`AUTH EXTERNAL =` typed", "EXTERNAL", "", ""},
      {Program::kGnutlsCli, "gnutls-cli", "AUTH PLAIN typed, alice's password", "PLAIN", kAlice,
       kWord},
  };
  return rows;
}

// The example, with passwords besides.
std::unique_ptr<World> WorldWith(const std::string& setting) {
  Gateway::Options options;
  options.main_options = "after_tls_auth = " + setting;
  options.edits = {{"begin routers\n",
                    "plain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
                    "  server_condition = ${if eq{$auth3}{sesame}}\n  server_set_id = $auth2\n\n"
                    "begin routers\n"}};
  return std::make_unique<World>(nullptr, options);
}

// The last line of `output` that holds `mark`, from there on.
std::string LastLineWith(const std::string& output, const std::string& mark) {
  const std::size_t at = output.rfind(mark);
  if (at == std::string::npos) return "";
  return output.substr(at, output.find_first_of("\r\n", at) - at);
}

std::string LastReply(const std::string& output) {
  const std::size_t at = output.rfind("\n5");
  return at == std::string::npos
             ? ""
             : output.substr(at + 1, output.find_first_of("\r\n", at + 1) - at - 1);
}

// What the program says of why it gave up.
std::string Reason(Program program, const std::string& output) {
  switch (program) {
    case Program::kMsmtp:  // the line before the last
      return LastLineWith(Replace(output, "msmtp: could not send mail", ""), "msmtp: ");
    case Program::kCurl:
      return LastLineWith(output, "curl: (");
    case Program::kSwaks: {
      const std::string reply = LastLineWith(output, "<~* ");
      return reply.empty() ? LastLineWith(output, "*** ") : reply.substr(4);
    }
    case Program::kPython:
      return LastLineWith(Replace(output, "\nSMTP", "\n> SMTP"), "> SMTP").substr(2);
    case Program::kOpenssl:
    case Program::kGnutlsCli:
      return LastReply(output);
  }
  return "";
}

Submission Make(const World& world, const Row& row) {
  const Certificates& certificates = Certificates::Get();
  Submission submission;
  submission.port = world.gateway->starttls_port();
  submission.ca = certificates.pem("ca");
  submission.ca_chain = certificates.pem("chain");
  submission.certificate = certificates.pem("alice");
  submission.key = certificates.key("alice");
  submission.mechanism = row.mechanism;
  submission.user = row.user;
  submission.password = row.password;
  submission.content = "From: alice@example.org\r\nSubject: table\r\n\r\nHello\r\n";
  return submission;
}

// The cell of the table. Whatever the client does, it is alice or nobody.
std::string Cell(World& world, const Row& row) {
  const std::size_t before = world.gateway->Log().size();
  const std::size_t messages = world.upstream.messages().size();
  const Finished finished = SubmitWith(row.program, Make(world, row));
  if (finished.status != 0) {
    EXPECT_EQ(world.upstream.messages().size(), messages) << finished.output;
    const std::string reason = Reason(row.program, WithoutReferences(finished.output));
    EXPECT_NE(reason, "") << finished.output;
    return "“" + Replace(reason, "|", "\\|") + "”";
  }
  EXPECT_TRUE(WaitUntil([&] {
    return world.gateway->Log().find(" A=tls:alice@example.org ", before) != std::string::npos;
  })) << world.gateway->Log().substr(before);
  EXPECT_EQ(world.upstream.messages().size(), messages + 1);
  return "sends";
}

TEST(AfterTlsAuth, TheTableIsWhatClientsDo) {
  std::vector<std::string> lines;
  for (const Row& row : Rows())
    lines.push_back(std::string("| ") + row.client + " | " + row.set_up + " |");
  for (const char* setting : kSettings) {
    const auto world = WorldWith(setting);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      SCOPED_TRACE(lines[i] + " " + setting);
      lines[i] += " " + Cell(*world, Rows()[i]) + " |";
    }
  }
  std::string table = kHead;
  for (const std::string& line : lines) table += line + "\n";

  const std::string text = ReadFile(kFile);
  const std::size_t begin = text.find(kHead);
  ASSERT_NE(begin, std::string::npos) << "no table in " << kFile;
  const std::string there = text.substr(begin, text.find("\n\n", begin) + 1 - begin);
  const char* mode = std::getenv("SIGNET_GOLDEN");
  if (mode != nullptr && std::string(mode) == "rewrite") {
    WriteFile(kFile, Replace(text, there, table));
  } else {
    EXPECT_EQ(there, table) << "see the comment in " << kFile;
  }
}

}  // namespace
}  // namespace signet::test
