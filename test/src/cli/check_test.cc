#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "src/cli/option_table.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/terminal.h"
#include "test/support/certificates.h"

namespace signet::cli {
namespace {

// What a verb printed, and its status.
struct Printed {
  int status = 0;
  std::string out, err;
};

class CheckVerb : public ::testing::Test {
 protected:
  CheckVerb() {
    std::string name = (std::filesystem::temp_directory_path() / "signet-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~CheckVerb() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::string path = folder_ + '/' + name;
    EXPECT_TRUE(signet::testing::WriteFile(path, text));
    return path;
  }

  Printed Check(const std::string& config, const std::vector<std::string>& words = {}) {
    std::vector<std::string> all = {"check", "-C", Write("signet.conf", config)};
    all.insert(all.end(), words.begin(), words.end());
    Result<Arguments, UsageError> arguments = ParseArguments(all);
    Printed run;
    EXPECT_TRUE(arguments.ok()) << (arguments ? "" : arguments.error().message);
    if (!arguments) return run;
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    run.status = RunCheck(arguments.value());
    run.out = WithoutFolder(::testing::internal::GetCapturedStdout());
    run.err = WithoutFolder(::testing::internal::GetCapturedStderr());
    return run;
  }

  std::string WithoutFolder(std::string text) const {
    std::string prefix = folder_ + '/';
    for (std::size_t at = text.find(prefix); at != text.npos; at = text.find(prefix)) {
      text.erase(at, prefix.size());
    }
    return text;
  }

  std::string folder_;
};

TEST_F(CheckVerb, GoodConfigurationIsGood) {
  Printed run = Check("tls_advertise_hosts =\n");
  EXPECT_EQ(run.status, kGood);
  EXPECT_EQ(run.out, "signet.conf: good, 1 warning\n");
  EXPECT_EQ(run.err,
            "warning: tls_certificate is not set: no TLS, and so no identities [no-tls]\n");
}

TEST_F(CheckVerb, EveryMistakeOfEveryStageIsPrintedWithItsPlace) {
  Printed run = Check("spool_directory = /x\nsmtp_accept_max = lots\n");
  EXPECT_EQ(run.status, kUsage);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err,
            "signet.conf:1:1: warning: Exim's option \"spool_directory\" has no meaning in Signet "
            "and is ignored [no-meaning]\n"
            "  spool_directory = /x\n"
            "  ^^^^^^^^^^^^^^^\n"
            "signet.conf:2:19: error: integer expected for smtp_accept_max\n"
            "  smtp_accept_max = lots\n"
            "                    ^^^^\n"
            "signet.conf: not usable: 1 error, 1 warning\n");
  run = Check("begin acl\na:\n  accpt\n");
  EXPECT_EQ(run.status, kUsage);
  EXPECT_NE(run.err.find("signet.conf:3:3: error: unknown ACL verb \"accpt\""), std::string::npos)
      << run.err;
}

TEST_F(CheckVerb, WarningsHaveCodesAndCanBeSilenced) {
  Printed run = Check(
      "acl_smtp_rcpt = a\n"
      "begin acl\n"
      "a:\n"
      "  warn message = x\n"
      "  # signet: allow no-effect -- later, perhaps\n"
      "  warn message = x\n"
      "  # signet: allow no-effect\n"
      "  deny message = x\n");
  EXPECT_EQ(run.status, kGood) << run.err;
  EXPECT_EQ(run.err,
            "signet.conf:4:8: warning: \"message\" has no effect with \"warn\"; use "
            "\"log_message\" or \"add_header\" [no-effect]\n"
            "    warn message = x\n"
            "         ^^^^^^^^^^^\n"
            "signet.conf:7:19: warning: nothing to allow: no warning no-effect on the line that "
            "follows [unused-allow]\n"
            "    # signet: allow no-effect\n"
            "                    ^^^^^^^^^\n"
            "warning: tls_certificate is not set: no TLS, and so no identities [no-tls]\n");
}

// A file that others may write is said so; what its first line allows is for all of it.
TEST_F(CheckVerb, ModeOfAFileIsAWarningThatItsFirstLineSilences) {
  std::filesystem::permissions(
      Write("open.inc", "# signet: allow file-mode\nprimary_hostname = a.example\n"),
      std::filesystem::perms(0666));
  std::filesystem::permissions(Write("wide.inc", "SECRET = sesame\n"),
                               std::filesystem::perms(0666));
  Printed run = Check(".include open.inc\n.include wide.inc\n");
  EXPECT_EQ(run.err.find("open.inc:1:1: warning"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("wide.inc:1:1: warning: group or others may write this configuration "
                         "file (mode 0666) [file-mode]"),
            std::string::npos)
      << run.err;
  EXPECT_EQ(run.err.find("sesame"), std::string::npos) << run.err;
}

TEST_F(CheckVerb, FilesThatTheConfigurationNamesAreRead) {
  Printed run = Check("tls_certificate = /nowhere/server.pem\n");
  EXPECT_EQ(run.status, kUsage);
  EXPECT_NE(run.err.find("signet.conf:1:19: error: "), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("/nowhere/server.pem"), std::string::npos) << run.err;
}

TEST_F(CheckVerb, MissingFileIsSaid) {
  Arguments arguments;
  arguments.config_file = "/nowhere/signet.conf";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(RunCheck(arguments), kUsage);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "error: non-existent configuration file \"/nowhere/signet.conf\"\n"
            "/nowhere/signet.conf: not usable: 1 error\n");
}

TEST_F(CheckVerb, SettingsArePrinted) {
  std::string config =
      "MAX = 7\nsmtp_accept_max = MAX\nhide pid_file_path = /run/x\n"
      "tls_certificate = /nowhere/server.pem\n"  // -bP reads no keys
      "begin routers\nr:\n driver = accept\n transport = t\nbegin transports\nt:\n driver = smtp\n";
  Printed run =
      Check(config, {"-bP", "smtp_accept_max", "pid_file_path", "router", "r", "macro", "MAX"});
  EXPECT_EQ(run.status, kGood) << run.err;
  EXPECT_EQ(run.out.substr(0, run.out.find("driver")),
            "smtp_accept_max = 7\npid_file_path = <value not displayable>\n");
  EXPECT_NE(run.out.find("driver = accept\n"), std::string::npos);
  EXPECT_TRUE(run.out.ends_with("MAX=7\n")) << run.out;
  run = Check(config, {"-bP"});
  EXPECT_NE(run.out.find("\nsmtp_enforce_sync\n"), std::string::npos) << run.out;
}

TEST_F(CheckVerb, UnknownSettingIsSaid) {
  Printed run = Check("", {"-bP", "nonsense", "qualify_domain"});
  EXPECT_EQ(run.status, kNo);
  EXPECT_EQ(run.err, "signet: \"nonsense\" is not a known option\n");
  EXPECT_TRUE(run.out.starts_with("qualify_domain = "));
}

TEST_F(CheckVerb, MacrosOfTheCommandLineCount) {
  Printed run = Check("A = 1\nsmtp_accept_max = A\n", {"-DA=5", "-bP", "smtp_accept_max"});
  EXPECT_EQ(run.out, "smtp_accept_max = 5\n");
}

TEST_F(CheckVerb, VersionNamesTheDrivers) {
  Printed run = Check("", {"-bV"});
  EXPECT_TRUE(run.out.starts_with("Signet version ")) << run.out;
  EXPECT_NE(run.out.find("\nAuthenticators: tls"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("\nConfiguration file is signet.conf\n"), std::string::npos) << run.out;
}

// The configuration of its usual place is that of whoever runs the tests.
TEST_F(CheckVerb, TableSaysWhatIsInEffectAndWhereItIsSet) {
  const std::string config =
      "NUMBER = 7\nsmtp_accept_max = NUMBER\nno_smtp_enforce_sync\n"
      "hide pid_file_path = /run/x\nldap_default_servers = one : two\n"
      "begin routers\nr:\n  driver = accept\n  transport = t\n"
      "begin transports\nt:\n  driver = smtp\n  .include " +
      Write("more.conf", "command_timeout = 90s\n") + "\n";
  const Printed run = Check(config, {"--table"});
  EXPECT_EQ(run.status, kGood) << run.err;
  for (const char* line : {"\nmain\tsmtp_accept_max\t7\t10000\tsignet.conf:2\t",
                           "\nmain\tsmtp_enforce_sync\tno\tyes\tsignet.conf:3\t",
                           "\nmain\tsmtp_receive_timeout\t5m\t5m\tdefault\t",
                           "\nmain\tpid_file_path\t<value not displayable>\t\tsignet.conf:4\t",
                           "\nmain\tldap_default_servers\tone : two\t\tsignet.conf:5\t",
                           "\nrouter r\tdriver\taccept\t\tsignet.conf:8\t",
                           "\ntransport t\tcommand_timeout\t1m30s\t5m\tmore.conf:1\t",
                           "\ntransport t\tconnect_timeout\t5s\t5s\tdefault\t"}) {
    EXPECT_NE(("\n" + run.out).find(line), std::string::npos) << line << "in\n" << run.out;
  }
  EXPECT_EQ(Check("smtp_accept_max = many\n", {"--table"}).status, kUsage);
}

TEST(OptionTable, OfATerminalIsCutToItsColumns) {
  const std::string long_text(200, 'x');
  const std::string text = ShowOptionTable(
      {{"main", "a", "ö" + long_text, long_text, "what"}, {"router r", "b", "short", "", "what"}},
      {{"main/a", "/etc/" + long_text + ".conf:1"}, {"router r/b", "/etc/signet/signet.conf:12"}},
      TableForm::kColumns);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(WidthOf(line), kColumns) << line;
  EXPECT_NE(text.find("ö"), std::string::npos);
  EXPECT_NE(text.find("…"), std::string::npos);
  EXPECT_NE(text.find("\nrouter r\nb "), std::string::npos);
  EXPECT_NE(text.find(" signet.conf:12\n"), std::string::npos);
}

// -bP shows macros, and an option that is hidden may be made of them.
TEST_F(CheckVerb, RuleC7MacrosOfHiddenOptionsAreHidden) {
  const std::string config =
      "INNER = s3cret\nPASSWORD = user INNER\nPLAIN = 7\n"
      "hide ldap_default_servers = PASSWORD\nsmtp_accept_max = PLAIN\n"
      "WORD = other\nhide domainlist d = WORD\n"
      "TOKEN = tok\nbegin transports\nt:\n driver = smtp\n hide auth_password = TOKEN\n";
  const Printed all = Check(config, {"-bP", "macros"});
  EXPECT_EQ(all.status, kGood) << all.err;
  for (const char* secret : {"s3cret", "user", "=other", "=tok"})
    EXPECT_EQ(all.out.find(secret), std::string::npos) << secret << " in\n" << all.out;
  EXPECT_NE(all.out.find("PLAIN=7\n"), std::string::npos);
  EXPECT_EQ(Check(config, {"-bP", "macro", "PASSWORD"}).out, "PASSWORD=<value not displayable>\n");
  EXPECT_EQ(Check(config, {"-bP", "macro", "PLAIN"}).out, "PLAIN=7\n");
}

TEST(Report, CountsAreInWords) {
  Diagnostic error, warning;
  warning.severity = Severity::kWarning;
  EXPECT_EQ(CountDiagnostics({}), "no mistakes");
  EXPECT_EQ(CountDiagnostics({warning}), "1 warning");
  EXPECT_EQ(CountDiagnostics({error, error}), "2 errors");
  EXPECT_EQ(CountDiagnostics({error, warning, warning}), "1 error, 2 warnings");
}

// Two numbers: the width of the longest line, and where the carets are below `mark`, or -1.
std::pair<std::size_t, int> Look(const std::string& text, const std::string& mark) {
  std::size_t longest = 0;
  int offset = -1;
  std::string before;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line); before = line) {
    longest = std::max(longest, WidthOf(line));
    const std::size_t caret = line.find('^'), at = before.find(mark);
    if (line.find_first_not_of(" ^") != line.npos || caret == line.npos || at == before.npos)
      continue;
    offset = static_cast<int>(caret) - static_cast<int>(WidthOf(before.substr(0, at)));
  }
  return {longest, offset};
}

TEST(Report, OnATerminalLinesFitAndCaretsStandBelowTheirPlace) {
  for (std::size_t before : {0u, 30u, 60u, 90u, 150u}) {
    const std::string line = std::string(before, 'x') + " HERE " + std::string(120, 'y');
    const auto text = std::make_shared<SourceText>("a-rather-long-name-of-a-file.conf", line);
    Diagnostic diagnostic;
    diagnostic.message = "a message that is so long that it does not fit into one line of eighty";
    diagnostic.span = {text.get(), static_cast<std::uint32_t>(before + 1),
                       static_cast<std::uint32_t>(before + 5)};
    const std::string shown = ForTerminal(diagnostic, false);
    const auto [longest, offset] = Look(shown, "HERE");
    EXPECT_LE(longest, 80u) << shown;
    EXPECT_EQ(offset, 0) << shown;
    EXPECT_NE(shown.find("HERE"), std::string::npos) << shown;
  }
}

}  // namespace
}  // namespace signet::cli
