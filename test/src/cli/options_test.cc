#include "src/cli/options.h"

#include <gtest/gtest.h>

namespace signet::cli {
namespace {

using Words = std::vector<std::string>;

Arguments Good(const Words& words) {
  auto parsed = ParseArguments(words);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? parsed.value() : Arguments{};
}

std::string Wrong(const Words& words) {
  auto parsed = ParseArguments(words);
  return parsed.ok() ? "accepted as " + parsed.value().verb : parsed.error().message;
}

TEST(Arguments, AVerbComesFirst) {
  EXPECT_EQ(Good({"serve"}).verb, "serve");
  EXPECT_EQ(Good({"serve"}).config_file, "/etc/signet/signet.conf");
  EXPECT_EQ(Good({"check", "-C", "a.conf"}).config_file, "a.conf");
}

TEST(Arguments, EximsLettersStandForVerbs) {
  EXPECT_EQ(Good({"-bdf"}).verb, "serve");
  EXPECT_FALSE(Good({"-bdf"}).background);
  EXPECT_TRUE(Good({"-bd"}).background);
  EXPECT_EQ(Good({"-C", "x", "-bV"}).verb, "check");
  EXPECT_TRUE(Good({"-bV"}).print_version);
  EXPECT_EQ(Good({"-be", "$tod_log"}).verb, "expand");
  EXPECT_EQ(Good({"-be", "a", "b"}).operands, (Words{"a", "b"}));
}

TEST(Arguments, PrintingSettingsTakesTheirNames) {
  const Arguments a = Good({"-bP", "tls_certificate"});
  EXPECT_EQ(a.verb, "check");
  EXPECT_TRUE(a.print_options);
  EXPECT_EQ(a.operands, Words{"tls_certificate"});
}

TEST(Arguments, ValuesMayBeAttachedAsInExim) {
  EXPECT_EQ(Good({"serve", "-Cx.conf"}).config_file, "x.conf");
  EXPECT_EQ(Good({"serve", "-oX2525"}).ports, "2525");
  EXPECT_EQ(Good({"serve", "--config=y.conf"}).config_file, "y.conf");
  EXPECT_TRUE(Good({"serve", "-d+tls"}).debug);
  EXPECT_TRUE(Good({"serve", "-tls-on-connect"}).tls_on_connect);
  EXPECT_EQ(Good({"serve", "-oP", "/run/x.pid"}).pid_file, "/run/x.pid");
}

TEST(Arguments, MacrosKeepTheirOrder) {
  const Arguments a = Good({"check", "-DA=1", "-D", "B = x=y", "-DC"});
  ASSERT_EQ(a.macros.size(), 3u);
  EXPECT_EQ(a.macros[0].name + "|" + a.macros[0].text, "A|1");
  EXPECT_EQ(a.macros[1].name + "|" + a.macros[1].text, "B| x=y");
  EXPECT_EQ(a.macros[2].name + "|" + a.macros[2].text, "C|");
}

TEST(Arguments, SettingsOfExpand) {
  const Arguments a = Good({"expand", "--set", "sender_address=a@b", "--cert", "c.pem", "$x"});
  ASSERT_EQ(a.settings.size(), 1u);
  EXPECT_EQ(a.settings[0].first + "|" + a.settings[0].second, "sender_address|a@b");
  EXPECT_EQ(a.certificate_file, "c.pem");
}

TEST(Arguments, BehindTwoDashesEverythingIsAnOperand) {
  EXPECT_EQ(Good({"expand", "--", "-C", "--"}).operands, (Words{"-C", "--"}));
}

TEST(Arguments, HelpIsAskedForInEveryUsualWay) {
  for (const Words& words : {Words{"help"}, Words{"--help"}, Words{"-h"}}) {
    EXPECT_EQ(Good(words).verb, "help");
    EXPECT_TRUE(Good(words).operands.empty());
  }
  EXPECT_EQ(Good({"serve", "--help"}).operands, Words{"serve"});
  EXPECT_EQ(Good({"help", "check"}).operands, Words{"check"});
}

TEST(Arguments, MistakesComeWithASuggestion) {
  EXPECT_EQ(Wrong({"serv"}), "unknown verb \"serv\"; did you mean \"serve\"?");
  EXPECT_EQ(Wrong({"expand", "--crt", "x"}), "unknown option \"--crt\"; did you mean \"--cert\"?");
  EXPECT_EQ(Wrong({"zzzzzz"}), "unknown verb \"zzzzzz\"");
  EXPECT_EQ(Wrong({"serve", "-C"}), "option -C wants a value: FILE");
  EXPECT_EQ(Wrong({"serve", "now"}), "unexpected word \"now\" after \"serve\"");
  EXPECT_EQ(Wrong({"check", "/dev/null"}),
            "unexpected word \"/dev/null\" after \"check\"; a configuration file stands behind -C");
  EXPECT_NE(Wrong({}).find("signet help"), std::string::npos);
  EXPECT_NE(Wrong({"-C", "x"}).find("say a verb"), std::string::npos);
}

TEST(Arguments, AnOptionOfAnotherVerbIsUnknownHere) {
  EXPECT_EQ(Wrong({"check", "--cert", "x"}).substr(0, 23), "unknown option \"--cert\"");
  EXPECT_NE(Wrong({"serve", "-be"}).find("signet expand"), std::string::npos);
}

TEST(Help, ExplainsEveryVerbThatItLists) {
  const std::string all = HelpText("");
  for (const char* verb : {"check", "expand", "help", "serve", "version"}) {
    EXPECT_NE(all.find(std::string("\n  ") + verb), std::string::npos) << verb;
    EXPECT_NE(HelpText(verb).find(std::string("usage: signet ") + verb), std::string::npos) << verb;
  }
  EXPECT_EQ(HelpText("nonsense"), "");
  EXPECT_NE(HelpText("serve").find("-oX LIST"), std::string::npos);
}

TEST(Help, FitsATerminalOf80Columns) {
  std::string all = HelpText("");
  for (const VerbFacts& verb : Verbs()) all += HelpText(verb.name);
  std::size_t columns = 0;
  std::string line;
  for (char c : all) {
    columns = c == '\n' ? 0 : columns + ((c & 0xc0) != 0x80 ? 1 : 0);
    line = columns == 0 ? "" : line + c;
    ASSERT_LE(columns, 80u) << line;
  }
}

}  // namespace
}  // namespace signet::cli
