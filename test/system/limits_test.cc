// Limits of src/base/limits.h that outsiders and files meet, from outside and on both sides:
// what is as large as may be is taken, what is one more is not. Those that have a test of
// their own elsewhere are named in test/support/limits.txt.
#include <gmock/gmock.h>
#include <unistd.h>

#include "src/base/limits.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The line of a command, "NOOP xxxx", with so many octets.
std::string Noop(std::size_t octets) { return "NOOP " + std::string(octets - 5, 'x'); }

// Lines of a field, together with so many octets, the last CRLF included.
std::string Field(std::size_t octets) {
  constexpr std::size_t kLine = 100;
  std::string text = "X: x\r\n";
  while (octets - text.size() > 2 * kLine) text += " " + std::string(kLine - 3, 'x') + "\r\n";
  return text + " " + std::string(octets - text.size() - 3, 'x') + "\r\n";
}

TEST(Limits, RuleR2OfCommandLines) {
  for (const auto& [option, most] :
       {std::pair<std::string, std::size_t>{"smtputf8_advertise_hosts =\n",
                                            limits::kCommandLineMaxBytes},
        {"", limits::kUtf8CommandLineMaxBytes}}) {
    World world(nullptr, Gateway::Options{.main_options = option});
    SmtpClient client = world.Client("");
    EXPECT_THAT(client.Say(Noop(most)), StartsWith("250"));
    EXPECT_THAT(client.Say(Noop(most + 1)), StartsWith("500"));
    EXPECT_THAT(client.Say("NOOP"), StartsWith("250")) << "the session goes on";
  }
}

TEST(Limits, RuleR2OfTheHeaderSection) {
  World world;
  const auto submit = [&](std::size_t octets) {
    return world.Client("alice").Submit("alice@example.org", "x@example.net",
                                        Field(octets) + "\r\nx");
  };
  EXPECT_THAT(submit(limits::kHeaderSectionMaxBytes), StartsWith("250"));
  EXPECT_THAT(submit(limits::kHeaderSectionMaxBytes + 1),
              StartsWith("552 5.3.4 Message header section is too long"));
  EXPECT_EQ(world.upstream.messages().size(), 1u);
}

TEST(Limits, RuleR2OfReceivedFields) {
  World world;
  const auto submit = [&](std::size_t fields) {
    std::string header;
    for (std::size_t i = 0; i < fields; ++i) header += "Received: from x by y\r\n";
    return world.Client("alice").Submit("alice@example.org", "x@example.net", header + "\r\nx");
  };
  EXPECT_THAT(submit(limits::kReceivedMax), StartsWith("250"));
  EXPECT_THAT(submit(limits::kReceivedMax + 1), StartsWith("554 5.4.6"));
}

TEST(Limits, RuleR2OfXclientCommands) {
  World world(nullptr, Gateway::Options{.main_options = "hosts_xclient = 127.0.0.1\n"});
  SmtpClient client(world.gateway->starttls_port());
  const auto xclient = [&] {
    client.Say("EHLO front");
    return client.Say("XCLIENT ADDR=198.51.100.7");
  };
  for (std::size_t i = 0; i < limits::kXclientsMax; ++i)
    ASSERT_THAT(xclient(), StartsWith("220")) << i;
  EXPECT_THAT(xclient(), StartsWith("421"));
  EXPECT_TRUE(client.closed());
}

// --- configuration ---------------------------------------------------------------------------

// What "signet check" says about lines, with a certificate where that is of interest.
std::string Checked(const std::string& lines) {
  TempDir files;
  WriteFile(files / "signet.conf", "primary_hostname = mx.example.org\n" + lines);
  return test::Run({SignetProgram(), "check", "-C", files / "signet.conf"}).output;
}

TEST(Limits, RuleR2OfSettings) {
  const auto set = [](const std::string& option, std::size_t value) {
    return Checked(option + " = " + std::to_string(value) + "\n");
  };
  for (const auto& [option, most] :
       {std::pair<std::string, std::size_t>{"message_body_visible",
                                            limits::kMessageBodyVisibleMaxBytes},
        {"message_linelength_limit", limits::kMessageLineCeilingBytes},
        {"decisions_kept", std::size_t{limits::kDecisionsKeptMost}}}) {
    EXPECT_THAT(set(option, most), Not(HasSubstr("error"))) << option;
    EXPECT_THAT(set(option, most + 1), HasSubstr("error")) << option;
  }
}

TEST(Limits, RuleR2OfTheConfigurationInAll) {
  TempDir files;
  std::string text = "primary_hostname = mx.example.org\n#";
  text.resize(limits::kConfigurationMaxBytes, '#');
  for (std::size_t i = 1000; i < text.size(); i += 1000) text[i] = '\n';
  const auto check = [&] {
    WriteFile(files / "signet.conf", text);
    return test::Run({SignetProgram(), "check", "-C", files / "signet.conf"}).output;
  };
  EXPECT_THAT(check(), Not(HasSubstr("error")));
  text += "#";
  EXPECT_THAT(check(), HasSubstr("is too large (at most 16777216 octets for all files together)"));
}

TEST(Limits, RuleR2OfListeners) {
  TempDir files;
  const auto serve = [&](std::size_t ports) {
    std::string list;
    for (std::size_t i = 0; i < ports; ++i)
      list += (list.empty() ? "" : " : ") + std::to_string(FreePort());
    WriteFile(files / "signet.conf",
              "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\n"
              "daemon_smtp_ports = " +
                  list + "\n");
    return std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", files / "signet.conf"});
  };
  EXPECT_TRUE(serve(limits::kListenersMax)->WaitForOutput("listening for SMTP"));
  const auto refused = serve(limits::kListenersMax + 1);
  EXPECT_NE(refused->Wait(), 0);
  EXPECT_THAT(refused->Output(), HasSubstr("more than 64"));
}

// --- files -------------------------------------------------------------------------------------

// A file of so many octets, of which only the first are text; the rest takes no room.
std::string FileOf(const TempDir& files, const std::string& text, std::size_t octets) {
  const std::string path = files / "file";
  WriteFile(path, text);
  EXPECT_EQ(::truncate(path.c_str(), static_cast<off_t>(octets)), 0);
  return path;
}

std::string Expanded(const std::string& text) {
  return test::Run({SignetProgram(), "expand", text}).output;
}

TEST(Limits, RuleR2OfTables) {
  TempDir files;
  const auto look = [&](std::size_t octets) {
    return Expanded("${lookup{key}lsearch{" + FileOf(files, "key: value\n#", octets) + "}}");
  };
  EXPECT_EQ(look(limits::kLookupFileMaxBytes), "value\n");
  EXPECT_THAT(look(limits::kLookupFileMaxBytes + 1), HasSubstr("larger than 67108864 octets"));
}

TEST(Limits, RuleR2OfPemFiles) {
  TempDir files;
  const auto show = [&](std::size_t octets) {
    return test::Run({SignetProgram(), "pins", "show",
                      FileOf(files, ReadFile(Certificates::Get().pem("alice")), octets)});
  };
  EXPECT_EQ(show(limits::kTlsFileMaxBytes).status, 0);
  const Finished refused = show(limits::kTlsFileMaxBytes + 1);
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.output, HasSubstr("larger than 67108864 octets"));
}

TEST(Limits, RuleR2OfSettingsForSending) {
  TempDir files;
  const auto send = [&](std::size_t octets) {
    const std::string path = files / "send.conf";
    const std::string text = "host = 127.0.0.1::1\ntimeout = 1s\n#";
    WriteFile(path, text + std::string(octets - text.size() - 1, 'x') + "\n");
    return test::Run({SignetProgram(), "send", "-C", path, "x@example.net"},
                     {.input = "Subject: x\n\nx\n"})
        .output;
  };
  EXPECT_THAT(send(limits::kSubmitSettingsMaxBytes), Not(HasSubstr("cannot read")));
  EXPECT_THAT(send(limits::kSubmitSettingsMaxBytes + 1), HasSubstr("cannot read"));
}

TEST(Limits, RuleR2OfPasswordFiles) {
  TempDir files;
  const auto explain = [&](std::size_t octets) {
    WriteFile(files / "signet.conf", "primary_hostname = mx.example.org\n");
    return test::Run({SignetProgram(), "explain", "-C", files / "signet.conf", "--auth", "PLAIN",
                      "--user", "x", "--password-file", FileOf(files, "secret\n", octets)})
        .output;
  };
  EXPECT_THAT(explain(limits::kPasswordFileMaxBytes), Not(HasSubstr("cannot read")));
  EXPECT_THAT(explain(limits::kPasswordFileMaxBytes + 1), HasSubstr("cannot read"));
}

TEST(Limits, RuleR2OfTlsReports) {
  TempDir files;
  const auto report = [&](std::size_t octets) {
    const std::string path = FileOf(files, "{}", octets);
    WriteFile(files / "signet.conf",
              "primary_hostname = mx.example.org\ntlsrpt_file = " + path + "\n");
    return test::Run({SignetProgram(), "tlsrpt", "-C", files / "signet.conf"}).output;
  };
  EXPECT_THAT(report(limits::kTlsReportFileBytes), HasSubstr("is no state of TLS reports"));
  EXPECT_THAT(report(limits::kTlsReportFileBytes + 1), HasSubstr("larger than 67108864 octets"));
}

}  // namespace
}  // namespace signet::test
