// The program from outside: statuses, what it prints and where.
#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <algorithm>

#include "src/base/limits.h"
#include "test/support/line_expander.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CommandLine : public ::testing::Test {
 protected:
  Finished Signet(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), SignetProgram());
    return test::Run(arguments, {.input = input});
  }
  // A file with the example configuration and existing paths, changed as told.
  std::string Config(const std::string& from = "", const std::string& to = "") {
    const Certificates& certificates = Certificates::Get();
    std::string text = ReadFile("doc/examples/exim-manual.conf");
    text = Replace(text, "/etc/signet/server.pem", certificates.pem("server"));
    text = Replace(text, "/etc/signet/server.key", certificates.key("server"));
    text = Replace(text, "/etc/signet/client-ca.pem", certificates.pem("client-ca"));
    if (!from.empty()) {
      EXPECT_THAT(text, HasSubstr(from));
      text = Replace(text, from, to);
    }
    WriteFile(directory_ / "signet.conf", text);
    return directory_ / "signet.conf";
  }
  TempDir directory_;
};

TEST_F(CommandLine, CheckAcceptsTheExample) {
  const Finished finished = Signet({"check", "-C", Config()});
  EXPECT_EQ(finished.status, 0) << finished.output;
}

TEST_F(CommandLine, CheckShowsAMistypedOptionWithItsPlaceAndAGuess) {
  const std::string file = Config("tls_advertise_hosts", "tls_advertize_hosts");
  const Finished finished = Signet({"check", "-C", file});
  EXPECT_EQ(finished.status, 2);
  const std::string before = ReadFile(file).substr(0, ReadFile(file).find("tls_advertize_hosts"));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  EXPECT_THAT(finished.output, HasSubstr("signet.conf:" + std::to_string(line) + ":1: "));
  EXPECT_THAT(finished.output, HasSubstr("\"tls_advertize_hosts\""));
  EXPECT_THAT(finished.output, HasSubstr("did you mean \"tls_advertise_hosts\"?"));
  EXPECT_THAT(finished.output, HasSubstr("^"));
}

TEST_F(CommandLine, CheckShowsAllFilesThatAreMissingAtOnce) {
  const Finished finished = Signet({"check", "-C", "doc/examples/exim-manual.conf"});
  EXPECT_EQ(finished.status, 2);
  for (const char* name : {"server.pem", "server.key", "client-ca.pem"}) {
    EXPECT_THAT(finished.output, HasSubstr("error: cannot read \"/etc/signet/" + std::string(name) +
                                           "\": No such file"));
  }
  EXPECT_THAT(finished.output, HasSubstr("not usable: 3 errors"));
}

TEST_F(CommandLine, CheckWarnsThatAFileOfAuthoritiesIsEmpty) {
  const std::string empty = directory_ / "empty.pem";
  WriteFile(empty, "");
  const Finished finished =
      Signet({"check", "-C", Config(Certificates::Get().pem("client-ca"), empty)});
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("\"" + empty + "\" holds no certificate"));
  EXPECT_THAT(finished.output, HasSubstr("[no-authority]"));
}

TEST_F(CommandLine, CheckShowsAllMistakesAtOnce) {
  std::string file = Config("driver = manualroute", "drivr = manualroute");
  WriteFile(file, Replace(ReadFile(file), "${listcount:$auth1}", "${listcuont:$auth1}"));
  WriteFile(file, Replace(ReadFile(file), "accept  authenticated = *", "acept  authenticated = *"));
  const Finished finished = Signet({"check", "-C", file});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("drivr"));
  EXPECT_THAT(finished.output, HasSubstr("did you mean \"listcount\"?"));
  EXPECT_THAT(finished.output, HasSubstr("acept"));
}

TEST_F(CommandLine, AuthenticatedInAConnectAclIsAnErrorAtLoad) {
  const Finished finished = Signet(
      {"check", "-C", Config("acl_smtp_mail = check_mail", "acl_smtp_connect = check_rcpt")});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("authenticated"));
}

TEST_F(CommandLine, TwoTlsAuthenticatorsAreAnErrorAtLoad) {
  const Finished finished = Signet(
      {"check", "-C",
       Config("begin routers", "again:\n  driver = tls\n  server_param1 = x\n\nbegin routers")});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("at most one authenticator may have driver = tls"));
}

TEST_F(CommandLine, ServeRefusesWhatCheckRefuses) {
  const Finished finished =
      Signet({"serve", "-C", Config("tls_advertise_hosts", "tls_advertize_hosts")});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("did you mean \"tls_advertise_hosts\"?"));
}

TEST_F(CommandLine, AMissingFileIsNamed) {
  const Finished finished = Signet({"check", "-C", "/nonexistent/signet.conf"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("/nonexistent/signet.conf"));
}

TEST_F(CommandLine, ExpandSeesTheCertificate) {
  const std::string pem = Certificates::Get().pem("alice");
  const Finished finished = Signet({"expand", "-C", Config(), "--cert", pem,
                                    "${certextract{subj_altname,mail}{$tls_in_peercert}}"});
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_EQ(finished.output, "alice@example.org\n");
  const Finished two =
      Signet({"expand", "-C", Config(), "--cert", Certificates::Get().pem("two"),
              "${listcount:${certextract{subj_altname,mail,>:}{$tls_in_peercert}}}"});
  EXPECT_EQ(two.output, "2\n");
}

TEST_F(CommandLine, ExpandReadsLinesFromStandardInput) {
  const Finished finished = Signet({"expand", "-C", Config()}, "${uc:abc}\n${eval:6*7}\n");
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("ABC"));
  EXPECT_THAT(finished.output, HasSubstr("42"));
}

TEST_F(CommandLine, ExpandAsksTheDirectory) {
  Slapd slapd;
  const std::string file = Config("ldap.example.org", slapd.host_and_port());
  const Finished finished = Signet(
      {"expand", "-C", file, "--cert", Certificates::Get().pem("alice"),
       "${lookup ldap{ldap:///mailname=${quote_ldap_dn:"
       "${certextract{subj_altname,mail}{$tls_in_peercert}}},ou=users,dc=example,dc=org?mailid}}"});
  EXPECT_EQ(finished.status, 0) << finished.output;
  EXPECT_EQ(finished.output, "1001\n");
}

// What the server decided about alice is what the offline tool says of her, and of others.
TEST_F(CommandLine, RuleE9ExpandDecidesAsTheServerDoes) {
  Slapd slapd;
  const std::string file = Config("ldap.example.org", slapd.host_and_port());
  const std::string condition =
      "${if forany{${certextract{subj_altname,mail,>:}{$tls_in_peercert}}}"
      "{!={0}{${lookup ldap{ldap:///mailname=${quote_ldap_dn:${lc:$item}},"
      "ou=users,dc=example,dc=org?mailid}{$value}{0}}}}{yes}{no}}";
  for (const auto& [name, expected] :
       {std::pair{"alice", "yes\n"}, {"mallory", "no\n"}, {"zero", "no\n"}, {"two", "yes\n"}}) {
    const Finished finished =
        Signet({"expand", "-C", file, "--cert", Certificates::Get().pem(name), condition});
    EXPECT_EQ(finished.output, expected) << name;
  }
}

// Files and variables of libldap would name another server.
TEST_F(CommandLine, RuleL10VariablesOfLibldapHaveNoEffect) {
  Slapd slapd;
  WriteFile(directory_ / "ldaprc", "BASE dc=nowhere\nURI ldap://127.0.0.1:1\nTIMELIMIT 0\n");
  Process::Options options;
  options.environment = {"LDAPCONF=" + (directory_ / "ldaprc"), "LDAPURI=ldap://127.0.0.1:1",
                         "LDAPBASE=dc=nowhere", "LDAPRC=" + (directory_ / "ldaprc")};
  const Finished finished =
      test::Run({SignetProgram(), "expand", "-C", Config("ldap.example.org", slapd.host_and_port()),
                 "${lookup ldap{ldap:///mailname=bob@example.org,ou=users,dc=example,dc=org"
                 "?mailid}}"},
                options);
  EXPECT_EQ(finished.output, "1002\n");
}

TEST_F(CommandLine, ExpandSaysNoWithStatusOne) {
  const Finished finished = Signet({"expand", "-C", Config(), "${if eq{a}{b}{yes}fail}"});
  EXPECT_EQ(finished.status, 1) << finished.output;
}

// Texts are compiled and evaluated on a coroutine's stack here, and ${expand:} compiles on it
// while it evaluates.
TEST_F(CommandLine, TheDeepestNestingFitsTheStackOfACoroutine) {
  const std::pair<std::string, std::string> kShapes[] = {
      {"${lc:", "}"},          {"${if eq{a}{a}{", "}}"},    {"${if and{{eq{a", "}{}}}}"},
      {"${map{a}{", "}}"},     {"${sort{b:a", "}{lt}{x}}"}, {"${sg{a}{a}{", "}}"},
      {"${tr{", "}{a}{b}}"},   {"${addresses:", "}"},       {"${extract{1}{:}{", "}}"},
      {"${if match{", "}{a}}"}};
  std::vector<std::string> texts;
  for (const auto& [before, after] : kShapes) {
    for (const std::size_t around : {0, 10, 40, 70}) {
      for (std::size_t depth = limits::kExpandDepth - around; depth > 20; depth -= 7) {
        std::string text;
        for (std::size_t i = 0; i < depth; ++i) text += before;
        for (std::size_t i = 0; i < depth; ++i) text += after;
        if (around > 0) {
          std::string quoted;
          for (const char c : text) quoted += std::string(c == '$' || c == '}' ? "\\" : "") + c;
          text = "${expand:$primary_hostname" + quoted + "}";
        }
        for (std::size_t i = 0; i < around; ++i) text = "${uc:" + text + "}";
        texts.push_back(text);
      }
    }
  }
  const LineExpander signet({SignetProgram(), "expand", "-C", Config()}, {});
  const std::vector<std::string> answers = signet.Expand(texts);
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_NE(answers[i], LineExpander::kDied) << texts[i];
}

TEST_F(CommandLine, AnUnknownVerbIsAUsageErrorWithAGuess) {
  const Finished finished = Signet({"chekc"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.output, HasSubstr("\"chekc\""));
  EXPECT_THAT(finished.output, HasSubstr("check"));
}

TEST_F(CommandLine, HelpIsNoError) {
  const Finished finished = Signet({"help"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.output, HasSubstr("serve"));
  EXPECT_THAT(finished.output, Not(HasSubstr("error")));
}

// On a terminal, with these variables.
std::string OnATerminal(const std::string& arguments, std::vector<std::string> environment) {
  environment.insert(environment.end(), {"TERM=xterm", "LC_CTYPE=", "LANG="});
  return test::Run({"script", "-qec", SignetProgram() + " " + arguments, "/dev/null"},
                   {.environment = environment})
      .output;
}

TEST_F(CommandLine, ColoursAndSignsBeyondAsciiAreForTerminalsThatWantThem) {
  const std::string words = "explain -C " + Config("ldap.example.org", "127.0.0.1::1") +
                            " --cert " + Certificates::Get().pem("selfsigned");
  const std::string coloured = OnATerminal(words, {"NO_COLOR=", "LC_ALL=C.UTF-8"});
  EXPECT_THAT(coloured, HasSubstr("\x1b["));
  EXPECT_THAT(coloured, HasSubstr("✗"));
  const std::string plain = OnATerminal(words, {"NO_COLOR=1", "LC_ALL=C"});
  EXPECT_THAT(plain, Not(HasSubstr("\x1b[")));
  EXPECT_THAT(plain, Not(HasSubstr("✗")));
  EXPECT_THAT(plain, HasSubstr("REFUSED"));
  const Finished piped =
      test::Run({"bash", "-c", SignetProgram() + " " + words}, {.environment = {"LC_ALL=C.UTF-8"}});
  EXPECT_THAT(piped.output, Not(HasSubstr("\x1b[")));
  EXPECT_THAT(piped.output, Not(HasSubstr("✗")));
}

}  // namespace
}  // namespace signet::test
