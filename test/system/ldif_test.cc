// `signet explain --directory FILE.ldif`: a directory in a file decides as the real one that was
// loaded with it, and as the running gateway.
#include <gmock/gmock.h>

#include "test/support/explained.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

std::string LdifFile() { return ProjectRoot() + "/test/support/directory.ldif"; }

// What was decided and how, but for times.
std::string Shown(const Explained& explained) {
  std::string text = std::to_string(explained.status) + ' ' + explained.decision.headline + '\n' +
                     explained.decision.reason + '\n';
  for (const facts::TraceStep& step : explained.decision.steps) {
    text += std::string(step.depth, ' ') + step.what + ": " + step.query + " = " + step.value;
    text += " (" + step.from + ")\n";
  }
  return text;
}

class Ldif : public ::testing::Test {
 protected:
  Explained Ask(const std::string& name, const std::string& directory) {
    Caller caller;
    caller.certificate = name.empty() ? "" : Certificates::Get().pem(name);
    caller.port = world_.gateway->starttls_port();
    caller.from = "alice@example.org";
    caller.to = "someone@example.net";
    return Explain(world_.gateway->config_file(), caller, {"--directory", directory});
  }
  World world_;
};

TEST_F(Ldif, DecidesAsTheDirectoryThatWasLoadedWithTheSameFile) {
  for (const char* name : {"alice", "bob", "mallory", "zero", "word", "two", "nul", "none",
                           "expired", "otherca", "serverauth", ""}) {
    const Explained live = Ask(name, "live"), file = Ask(name, LdifFile());
    EXPECT_EQ(Shown(file), Shown(live)) << name;
    EXPECT_EQ(file.decision.identity, live.decision.identity) << name;
    std::string reply;  // to RCPT, or to MAIL where that is refused
    for (const auto& [command, answer] : file.replies)
      if (command.starts_with("MAIL") || command.starts_with("RCPT")) reply = answer;
    EXPECT_EQ(reply, WithoutReference(world_.RcptReply(name, "alice@example.org"))) << name;
  }
}

TEST_F(Ldif, NeedsNoDirectoryThatIsUp) {
  world_.slapd.Kill();
  EXPECT_EQ(Ask("alice", LdifFile()).decision.identity, "alice@example.org");
  const Explained live = Ask("alice", "live");
  EXPECT_EQ(live.decision.verdict, report::Decision::Verdict::kDeferred) << live.output;
}

TEST_F(Ldif, ShowsWhatAChangeOfTheDirectoryWouldDo) {
  TempDir directory;
  const std::string changed = directory / "changed.ldif";
  WriteFile(changed, Replace(ReadFile(LdifFile()), "mailid: 1001", "mailid: 0"));
  EXPECT_EQ(Ask("alice", LdifFile()).status, 0);
  const Explained explained = Ask("alice", changed);
  EXPECT_EQ(explained.decision.verdict, report::Decision::Verdict::kRefused);
  EXPECT_EQ(explained.decision.identity, "");
}

TEST_F(Ldif, SaysWhereTheFileIsWrong) {
  TempDir directory;
  const std::string file = directory / "bad.ldif";
  WriteFile(file, "dn: dc=c\ndc: c\nno colon\n");
  const Explained explained = Ask("alice", file);
  EXPECT_NE(explained.status, 0);
  EXPECT_THAT(explained.output, HasSubstr("bad.ldif:3: no colon in the line"));
}

}  // namespace
}  // namespace signet::test
