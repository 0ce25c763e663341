// Command lines completed by the shells themselves: what `signet completion` prints is read by
// bash, zsh and fish, and keys are typed on a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/options.h"
#include "test/support/process.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

// How each shell is started, reads a script, and says what it was given by the name "signet".
struct Shell {
  std::string name, start, source, echo;
};
const Shell kShells[] = {
    {"bash", "bash --norc --noprofile -i", "source ", "signet() { printf 'got%s;' \"<$*>\"; }"},
    {"zsh", "zsh -f -i", "autoload -Uz compinit; compinit -u -D; source ",
     "signet() { printf 'got%s;' \"<$*>\"; }"},
    {"fish", "fish --no-config -i", "source ",
     "function signet; printf 'got%s;' '<'\"$argv\"'>'; end"},
};

class Completion : public ::testing::TestWithParam<Shell> {
 protected:
  std::string Script() {
    const Finished finished = test::Run({SignetProgram(), "completion", GetParam().name});
    EXPECT_EQ(finished.status, 0) << finished.output;
    WriteFile(directory_ / "script", finished.output);
    return directory_ / "script";
  }
  // What "signet" was called with when `keys` were typed; \t completes.
  std::string Typed(const std::string& keys) {
    const std::string script = Script();
    Process shell({"script", "-qec", GetParam().start, "/dev/null"},
                  {.environment = {"TERM=dumb", "HOME=" + directory_.path(), "INPUTRC=/dev/null",
                                   "XDG_DATA_HOME=" + directory_.path()},
                   .keep_input_open = true});
    shell.Send(GetParam().source + script + "\n" + GetParam().echo + "\n");
    shell.Send("printf 'rea%s' dy\n");
    EXPECT_TRUE(shell.WaitForOutput("ready")) << shell.Output();
    shell.Send(keys + "\n");
    EXPECT_TRUE(shell.WaitForOutput(">;")) << shell.Output();
    const std::string output = shell.Output();
    shell.Send("exit\n");
    const std::size_t begin = output.rfind("got<") + 4;
    return output.substr(begin, output.rfind(">;") - begin);
  }
  TempDir directory_;
};

TEST_P(Completion, CompletesAVerbAndItsOption) {
  EXPECT_EQ(Typed("signet che\t--ta\t"), "check --table");
}

TEST_P(Completion, CompletesTheFileBehindAnOption) {
  WriteFile(directory_ / "some-name.conf", "");
  EXPECT_EQ(Typed("signet check -C " + directory_.path() + "/some-\t"),
            "check -C " + directory_ / "some-name.conf");
}

TEST_P(Completion, CompletesTheWordsOfPins) {
  EXPECT_EQ(Typed("signet pins rot\t"), "pins rotate");
}

TEST_P(Completion, HasEveryVerbAndEveryOption) {
  const std::string script = ReadFile(Script());
  for (const cli::VerbFacts& verb : cli::Verbs()) {
    EXPECT_THAT(script, HasSubstr(std::string(verb.name)));
    for (const cli::OptionFacts& option : verb.options) {
      std::string spelling(option.spelling);
      if (GetParam().name == "fish") {
        const std::size_t dashes = spelling.find_first_not_of('-');
        const char* kind = dashes == 2 ? "-l " : spelling.size() == 2 ? "-s " : "-o ";
        spelling = kind + spelling.substr(dashes);
      }
      EXPECT_THAT(script, HasSubstr(spelling)) << verb.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(In, Completion, ::testing::ValuesIn(kShells),
                         [](const auto& info) { return info.param.name; });

TEST(CompletionVerb, ASortOfShellThatIsUnknownIsWrongUsage) {
  EXPECT_EQ(test::Run({SignetProgram(), "completion", "csh"}).status, 2);
  EXPECT_EQ(test::Run({SignetProgram(), "completion"}).status, 2);
}

}  // namespace
}  // namespace signet::test
