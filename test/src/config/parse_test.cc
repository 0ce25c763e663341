#include "src/config/parse.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace signet::config {
namespace {

Tree Parse(const std::string& text, std::vector<Macro> command_line = {}) {
  return ParseText("t.conf", text, {{"_HAVE_TLS", "_HAVE_TLS_MORE"}, std::move(command_line)});
}

// Every diagnostic as "place: message", one a line.
std::string Said(const Tree& tree) {
  std::string said;
  for (const Diagnostic& d : tree.diagnostics) {
    if (!said.empty()) said += '\n';
    said += PlaceOf(d.span) + ": " + d.message;
  }
  return said;
}

// The main options as "name=value|…".
std::string Options(const std::vector<OptionSetting>& settings) {
  std::string out;
  for (const OptionSetting& s : settings) {
    if (!out.empty()) out += '|';
    if (s.hide) out += "hide ";
    out += std::string(s.name.view()) + (s.has_equals ? "=" : "") + std::string(s.value.view());
  }
  return out;
}

std::string MainOf(const std::string& text, std::vector<Macro> command_line = {}) {
  Tree tree = Parse(text, std::move(command_line));
  EXPECT_EQ(Said(tree), "") << text;
  return Options(tree.main);
}

// A directory that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "signet-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// --- lines ------------------------------------------------------------------------------

TEST(ConfigLines, OptionsAreNameAndValue) {
  EXPECT_EQ(MainOf("a = 1\n  b=two words  \nno_c\nhide d = x\n"), "a=1|b=two words|no_c|hide d=x");
}

TEST(ConfigLines, LastLineNeedsNoLineEnd) { EXPECT_EQ(MainOf("a = 1"), "a=1"); }

TEST(ConfigLines, CarriageReturnsAreWhiteSpace) {
  EXPECT_EQ(MainOf("a = 1\r\nb = 2\\\r\n 3\r\n"), "a=1|b=23");
}

TEST(ConfigLines, HashIsACommentOnlyAtTheStartOfALine) {
  EXPECT_EQ(MainOf("# a\n  # b\na = 1 # c\n"), "a=1 # c");
}

TEST(ConfigLines, ContinuationDropsWhatIsBehindTheBackslashAndBeforeTheNextLine) {
  EXPECT_EQ(MainOf("a = x \\  \n     y\\\nz\n"), "a=x yz");
}

TEST(ConfigLines, CommentInsideAContinuationIsDroppedAndTheLineGoesOn) {
  EXPECT_EQ(MainOf("a = x\\\n# not this \\\n  y\n"), "a=xy");
}

TEST(ConfigLines, BlankLineEndsAContinuation) {
  EXPECT_EQ(MainOf("a = x\\\n\nb = y\n"), "a=x|b=y");
}

TEST(ConfigLines, EndOfFileEndsAContinuation) { EXPECT_EQ(MainOf("a = x\\\n"), "a=x"); }

TEST(ConfigLines, LinesMayBeLong) {
  std::string value(200'000, 'v');
  EXPECT_EQ(MainOf("a = " + value + "\n"), "a=" + value);
}

TEST(ConfigLines, LogicalLineIsBounded) {
  std::string fits(limits::kConfigurationLineMaxBytes - 4, 'v');
  EXPECT_EQ(MainOf("a = " + fits + "\n").size(), fits.size() + 2);
  EXPECT_EQ(Said(Parse("a = " + fits + "v\n")),
            "t.conf:1:1: line is too long with its macros and continuation lines (at most 1048576 "
            "octets)");
}

TEST(ConfigLines, MacrosThatMultiplyAreStopped) {
  std::string text = "MA = xxxxxxxxxxxxxxxx\n";
  for (char c = 'B'; c < 'J'; ++c) {
    std::string before = std::string("M") + static_cast<char>(c - 1);
    text += std::string("M") + c + " = ";
    for (int i = 0; i < 16; ++i) text += before;
    text += '\n';
  }
  EXPECT_NE(Said(Parse(text + "a = MI\n")).find("line is too long"), std::string::npos);
}

TEST(ConfigLines, ByteOrderMarkIsAnErrorAndReadingGoesOn) {
  Tree tree = Parse(
      "\xef\xbb\xbf"
      "a = 1\n");
  EXPECT_EQ(Said(tree), "t.conf:1:1: found unexpected BOM (byte order mark)");
  EXPECT_EQ(Options(tree.main), "a=1");
}

TEST(ConfigLines, NulOctetIsAnError) {
  EXPECT_EQ(Said(Parse(std::string("a = 1\nb = \0x\n", 13))),
            "t.conf:2:5: found unexpected NUL octet");
}

// --- places -----------------------------------------------------------------------------

TEST(ConfigPlaces, SpanInAContinuedLinePointsAtThePhysicalLine) {
  Tree tree = Parse("# one\noption = first \\\n     second \\\n     third\n");
  SourceSpan value = tree.main.at(0).value;
  EXPECT_EQ(value.view(), "first second third");
  EXPECT_EQ(PlaceOf(value), "t.conf:2:10");
  EXPECT_EQ(PlaceOf(value.Part(6, 12)), "t.conf:3:6");
  EXPECT_EQ(PlaceOf(value.Part(13, 18)), "t.conf:4:6");
  SourceLocation where = value.text->Locate(value.Part(13, 18));
  EXPECT_EQ(where.line_text, "     third");
  EXPECT_EQ(where.length, 5u);
}

TEST(ConfigPlaces, MacroTextPointsAtItsUse) {
  Tree tree = Parse("WORD = replacement\noption = a WORD b\n");
  SourceSpan value = tree.main.at(0).value;
  EXPECT_EQ(value.view(), "a replacement b");
  SourceSpan inside = value.Part(5, 8);
  EXPECT_EQ(PlaceOf(inside), "t.conf:2:12");
  EXPECT_EQ(value.text->Locate(inside).length, 4u);  // WORD
  EXPECT_EQ(PlaceOf(value.Part(14, 15)), "t.conf:2:17");
}

TEST(ConfigPlaces, MacroInAMacroPointsAtTheOuterUse) {
  Tree tree = Parse("OUTER = <INNER>\nINNER = x\noption = OUTER;\n");
  SourceSpan value = tree.main.at(0).value;
  EXPECT_EQ(value.view(), "<x>;");
  EXPECT_EQ(PlaceOf(value.Part(1, 2)), "t.conf:3:10");
  EXPECT_EQ(PlaceOf(value.Part(3, 4)), "t.conf:3:15");
}

TEST(ConfigPlaces, QuotedStringMapsThroughItsEscapes) {
  Tree tree = Parse("option = \"a\\tb \\\n   c\\x41d\"\n");
  Diagnostics diagnostics;
  std::optional<SourceSpan> value =
      ReadString(tree.main.at(0).value, "option", &tree.texts, &diagnostics);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->view(), "a\tb cAd");
  EXPECT_EQ(PlaceOf(value->Part(0, 1)), "t.conf:1:11");
  EXPECT_EQ(PlaceOf(value->Part(1, 2)), "t.conf:1:12");
  EXPECT_EQ(PlaceOf(value->Part(2, 3)), "t.conf:1:14");
  EXPECT_EQ(PlaceOf(value->Part(4, 5)), "t.conf:2:4");
  EXPECT_EQ(PlaceOf(value->Part(5, 6)), "t.conf:2:5");
  EXPECT_EQ(PlaceOf(value->Part(6, 7)), "t.conf:2:9");
}

TEST(ConfigPlaces, IncludedFileIsNamed) {
  Folder folder;
  folder.Write("part.conf", "b = 2\nnot an option: \\\n?\n= 5\n");
  Tree tree = ParseFile(folder.Write("main.conf", "a = 1\n.include part.conf\n? = 3\n"), {});
  EXPECT_EQ(Options(tree.main), "a=1|b=2|notan option: ?");
  EXPECT_EQ(Said(tree), folder.path() + "/part.conf:4:1: option setting expected: = 5\n" +
                            folder.path() + "/main.conf:3:1: option setting expected: ? = 3");
}

// --- strings ----------------------------------------------------------------------------

std::string String(const std::string& value) {
  Tree tree = Parse("x = " + value + "\n");
  Diagnostics diagnostics;
  std::optional<SourceSpan> text =
      ReadString(tree.main.at(0).value, "x", &tree.texts, &diagnostics);
  if (text) return std::string(text->view());
  return PlaceOf(diagnostics.at(0).span) + ": " + diagnostics.at(0).message;
}

TEST(ConfigStrings, UnquotedTextIsVerbatim) { EXPECT_EQ(String("a\\nb \"c\""), "a\\nb \"c\""); }

TEST(ConfigStrings, QuotedTextHasEscapes) {
  EXPECT_EQ(String(R"("\\ \n\r\t\" \101\x41 \z")"), "\\ \n\r\t\" AA z");
  EXPECT_EQ(String(R"("\0601")"), "01");
  EXPECT_EQ(String(R"("\x4")"), "\x04");
  EXPECT_EQ(String(R"("")"), "");
}

TEST(ConfigStrings, QuotesMustEnd) {
  EXPECT_EQ(String("\"abc"), "t.conf:1:5: missing quote at end of string value for x");
  EXPECT_EQ(String("\"abc\\\""), "t.conf:1:5: missing quote at end of string value for x");
}

TEST(ConfigStrings, NothingFollowsTheClosingQuote) {
  EXPECT_EQ(String("\"a\"b"), "t.conf:1:8: extra characters follow string value for x");
  EXPECT_EQ(String("\"a\" # b"),
            "t.conf:1:9: extra characters follow string value for x (# is comment only at line "
            "start)");
}

// --- macros -----------------------------------------------------------------------------

TEST(ConfigMacros, NameIsReplacedAnywhereInALine) {
  EXPECT_EQ(MainOf("AB = x\nopt = 1AB2 AB\nnAB = 3\n"), "opt=1x2 x|nx=3");
}

TEST(ConfigMacros, TextIsTheRestOfTheLineWithQuotes) {
  EXPECT_EQ(MainOf("AB=\"x y\"  \nopt = AB\nCD =\nopt = [CD]\n"), "opt=\"x y\"|opt=[]");
}

TEST(ConfigMacros, TextMayBeContinued) {
  EXPECT_EQ(MainOf("AB = x \\\n   y\nopt = AB\n"), "opt=x y");
}

TEST(ConfigMacros, ReplacementMayHoldNamesDefinedLaterButNotItself) {
  EXPECT_EQ(MainOf("AA = <BB AA>\nBB = y\nopt = AA\n"), "opt=<y AA>");
}

TEST(ConfigMacros, EarlierMacrosAreReplacedInADefinition) {
  EXPECT_EQ(MainOf("AA = x\nBB = [AA]\nAA == y\nopt = BB\n"), "opt=[x]");
}

TEST(ConfigMacros, NamesAreAppliedInOrderOfDefinition) {
  // AB was defined first, so it is replaced before A can break it up.
  EXPECT_EQ(MainOf("AB = 1\nA = 2\nopt = ABA\n"), "opt=12");
}

TEST(ConfigMacros, RedefinitionNeedsTwoEqualsSigns) {
  EXPECT_EQ(MainOf("A = 1\nA == 2\nopt = A\n"), "opt=2");
  Tree tree = Parse("A = 1\n\nA = 2\n");
  EXPECT_EQ(Said(tree),
            "t.conf:3:1: macro \"A\" is already defined (use \"==\" if you want to redefine it)");
  ASSERT_EQ(tree.diagnostics.at(0).notes.size(), 1u);
  EXPECT_EQ(PlaceOf(tree.diagnostics.at(0).notes[0].span), "t.conf:1:1");
  EXPECT_EQ(Said(Parse("AB == 1\n")), "t.conf:1:1: can't redefine an undefined macro \"AB\"");
}

TEST(ConfigMacros, NameMayNotHoldAnEarlierName) {
  EXPECT_EQ(Said(Parse("A = 1\nBAC = 2\n")),
            "t.conf:2:1: \"BAC\" cannot be defined as a macro because previously defined macro "
            "\"A\" is a substring");
  EXPECT_EQ(MainOf("BAC = 2\nA = 1\nopt = BAC\n"), "opt=2");
}

TEST(ConfigMacros, UpperCaseLineInTheMainSectionIsADefinition) {
  EXPECT_EQ(Said(Parse("Option one\n")), "t.conf:1:1: malformed macro definition \"Option one\"");
}

TEST(ConfigMacros, NameLengthIsLimited) {
  EXPECT_EQ(MainOf(std::string(63, 'N') + " = 1\nopt = " + std::string(63, 'N') + "\n"), "opt=1");
  EXPECT_EQ(Said(Parse(std::string(64, 'N') + " = 1\n")),
            "t.conf:1:1: macro name too long (maximum is 63 characters)");
}

TEST(ConfigMacros, CommandLineWinsOverTheFile) {
  EXPECT_EQ(MainOf("AB = 1\nAB == 2\nopt = AB\n", {{"AB", "cmd"}}), "opt=cmd");
  EXPECT_EQ(MainOf("opt = [AB]\n", {{"AB", ""}}), "opt=[]");
}

TEST(ConfigMacros, CommandLineNamesAreChecked) {
  EXPECT_EQ(
      Said(Parse("", {{"ab", "1"}})),
      ": macro name expected behind -D, starting with an upper-case letter, but \"ab\" found");
  EXPECT_EQ(Said(Parse("", {{"A", "1"}, {"A", "2"}})),
            ": macro \"A\" is defined twice on the command line");
}

TEST(ConfigMacros, BuiltinNamesAreWholeWords) {
  EXPECT_EQ(MainOf(".ifdef _HAVE_TLS\na\n.endif\n.ifdef _HAVE_TLS_NOT\nb\n.endif\n"), "a");
}

TEST(ConfigMacros, DefinitionsMayStandInAnySection) {
  Tree tree =
      Parse("begin acl\nVERB = accept\nx:\n VERB\nbegin routers\nN = name\nN:\n driver = N\n");
  EXPECT_EQ(Said(tree), "");
  EXPECT_EQ(tree.acls.at(0).lines.at(0).view(), "accept");
  EXPECT_EQ(tree.routers.at(0).name.view(), "name");
}

// --- conditionals -------------------------------------------------------------------------

TEST(ConfigConditionals, BranchIsTakenWhereAnyMacroWasReplaced) {
  EXPECT_EQ(MainOf("A = 1\n.ifdef A\na\n.endif\n.ifdef B C\nb\n.endif\n.ifdef B A\nc\n.endif\n"),
            "a|c");
  EXPECT_EQ(MainOf("A =\n.ifdef A\na\n.endif\n.ifndef A\nb\n.endif\n.ifndef B\nc\n.endif\n"),
            "a|c");
}

TEST(ConfigConditionals, FirstTrueBranchWins) {
  std::string text = ".ifdef A\na\n.elifdef B\nb\n.elifndef C\nc\n.else now\nd\n.endif really\n";
  EXPECT_EQ(MainOf("A = 1\nB = 1\n" + text), "a");
  EXPECT_EQ(MainOf("B = 1\n" + text), "b");
  EXPECT_EQ(MainOf(text), "c");
  EXPECT_EQ(MainOf("C = 1\n" + text), "d");
}

TEST(ConfigConditionals, NestedBranchesFollowTheOuterOne) {
  EXPECT_EQ(MainOf("A = 1\n.ifndef A\n.ifdef A\na\n.else\nb\n.endif\n.else\nc\n.endif\nd\n"),
            "c|d");
}

TEST(ConfigConditionals, SkippedLinesAreNotLookedAt) {
  EXPECT_EQ(MainOf(".ifdef A\n= ?\nbegin nothing\n.include /nowhere\n.endif\nb\n"), "b");
}

TEST(ConfigConditionals, MayStandInsideAContinuedLine) {
  EXPECT_EQ(MainOf("A = 1\nopt = x\\\n.ifdef A\n  y\\\n.else\n  z\\\n.endif\n  w\n"), "opt=xyw");
}

TEST(ConfigConditionals, OddDirectivesAreErrors) {
  EXPECT_EQ(Said(Parse(".endif\n")), "t.conf:1:1: .endif without matching .ifdef");
  EXPECT_EQ(Said(Parse(".else\n")), "t.conf:1:1: .else without matching .ifdef");
  EXPECT_EQ(Said(Parse(".elifdef A\n")), "t.conf:1:1: .elifdef without matching .ifdef");
  EXPECT_EQ(Said(Parse(".ifdef A\n.else\n.else\n.endif\n")), "t.conf:3:1: .else after .else");
  EXPECT_EQ(Said(Parse("a\n .ifdef A\nb\n")),
            "t.conf:2:2: unexpected end of configuration file: .endif missing");
}

TEST(ConfigConditionals, NestingIsLimited) {
  std::string open, close;
  for (std::size_t i = 0; i < limits::kIfdefDepth; ++i) open += ".ifndef A\n", close += ".endif\n";
  EXPECT_EQ(MainOf(open + "a\n" + close), "a");
  EXPECT_EQ(Said(Parse(open + ".ifndef A\na\n.endif\n" + close)),
            "t.conf:11:1: .ifdef nested too deeply (at most 10 levels)");
}

// --- files --------------------------------------------------------------------------------

TEST(ConfigFiles, IncludeIsRelativeToTheIncludingFile) {
  Folder folder;
  folder.Write("sub/one.conf", "b\n.include two.conf\n");
  folder.Write("sub/two.conf", "c\n");
  Tree tree = ParseFile(folder.Write("main.conf", "a\n.include \"sub/one.conf\"\n.include " +
                                                      folder.path() + "/sub/two.conf\nd\n"),
                        {});
  EXPECT_EQ(Said(tree), "");
  EXPECT_EQ(Options(tree.main), "a|b|c|c|d");
}

TEST(ConfigFiles, IncludeWorksInsideAContinuedLineAndMayBeginASection) {
  Folder folder;
  folder.Write("value", "y \\\n");
  folder.Write("acls", "begin acl\nx:\n");
  Tree tree = ParseFile(
      folder.Write("main.conf", "a = x \\\n.include value\n z\n.include acls\n accept\n"), {});
  EXPECT_EQ(Said(tree), "");
  EXPECT_EQ(Options(tree.main), "a=x y z");
  EXPECT_EQ(tree.acls.at(0).lines.at(0).view(), "accept");
}

TEST(ConfigFiles, MissingIncludeIsAnErrorUnlessSaidOtherwise) {
  Folder folder;
  Tree tree = ParseFile(
      folder.Write("main.conf", ".include none\n.include_if_exists none\na\n.include\n"), {});
  EXPECT_EQ(Options(tree.main), "a");
  EXPECT_EQ(Said(tree), folder.path() +
                            "/main.conf:1:10: failed to open included configuration file \"" +
                            folder.path() + "/none\": No such file or directory\n" + folder.path() +
                            "/main.conf:4:9: file name expected after .include");
}

TEST(ConfigFiles, IncludeDepthIsLimited) {
  Folder folder;
  std::string last = folder.Write("f1", "a\n");
  for (std::size_t i = 2; i <= limits::kIncludeDepth; ++i) {
    last = folder.Write("f" + std::to_string(i), ".include f" + std::to_string(i - 1) + "\n");
  }
  Tree tree = ParseFile(last, {});
  EXPECT_EQ(Said(tree), "");
  EXPECT_EQ(Options(tree.main), "a");
  tree = ParseFile(folder.Write("top", ".include f20\n.include f20\n"), {});
  EXPECT_EQ(Said(tree), folder.path() + "/f2:1:10: configuration files are included too deeply " +
                            "(at most 20 levels)");
}

TEST(ConfigFiles, FirstExistingFileOfAListIsRead) {
  Folder folder;
  std::string real = folder.Write("main.conf", "a\n");
  Tree tree = ParseFile(folder.path() + "/none:" + real, {});
  EXPECT_EQ(Options(tree.main), "a");
  EXPECT_EQ(tree.file, real);
  EXPECT_EQ(Said(ParseFile("/nowhere/a:/nowhere/b", {})),
            ": non-existent configuration file \"/nowhere/a:/nowhere/b\"");
}

TEST(ConfigFiles, DirectoryIsNotAFile) {
  Folder folder;
  EXPECT_EQ(Said(ParseFile(folder.path(), {})),
            ": failed to open configuration file \"" + folder.path() + "\": Is a directory");
}

TEST(ConfigFiles, RuleC4FileThatOthersMayWriteIsWarnedAbout) {
  Folder folder;
  Tree tree = ParseFile(folder.Write("open.conf", "a\n", 0662), {});
  EXPECT_EQ(Said(tree), folder.path() +
                            "/open.conf:1:1: group or others may write this configuration file "
                            "(mode 0662)");
  EXPECT_EQ(tree.diagnostics.at(0).severity, Severity::kWarning);
  EXPECT_EQ(Said(ParseFile(folder.Write("closed.conf", "a\n", 0644), {})), "");
}

TEST(ConfigFiles, RuleC4DirectoryThatOthersMayWriteIsWarnedAbout) {
  Folder folder;
  std::string path = folder.Write("wide/x.conf", "a\n");
  chmod((folder.path() + "/wide").c_str(), 0777);
  EXPECT_EQ(Said(ParseFile(path, {})),
            path +
                ":1:1: group or others may replace this configuration file: its directory has "
                "mode 0777");
}

// --- sections -------------------------------------------------------------------------------

TEST(ConfigSections, SingularAndPluralInAnyOrder) {
  Tree tree = Parse(
      "a\nbegin routers\nr:\n driver = x\nBEGIN acl\nc:\n accept\nbegin authenticator\nt:\n"
      "begin transports\ns:\n p = 1\n q\n");
  EXPECT_EQ(Said(tree), "");
  EXPECT_EQ(Options(tree.routers.at(0).options), "driver=x");
  EXPECT_EQ(tree.acls.at(0).name, "c");
  EXPECT_EQ(tree.authenticators.at(0).name.view(), "t");
  EXPECT_EQ(Options(tree.transports.at(0).options), "p=1|q");
}

TEST(ConfigSections, UnknownAndRepeatedOnesAreErrors) {
  Tree tree = Parse("begin acls\nbegin foo\n= ?\nbegin ACL\nbegin acl\nbegin\nbegin routrs\n");
  EXPECT_EQ(Said(tree),
            "t.conf:2:7: \"foo\" is not a known configuration section name\n"
            "t.conf:4:7: \"ACL\" is not a known configuration section name\n"
            "t.conf:5:7: \"acl\" section is repeated in the configuration file\n"
            "t.conf:6:1: section name expected after \"begin\"\n"
            "t.conf:7:7: \"routrs\" is not a known configuration section name");
  EXPECT_EQ(tree.diagnostics.back().hint, "did you mean \"routers\"?");
}

TEST(ConfigSections, SectionsWithoutMeaningAreSkippedWithAWarning) {
  Tree tree = Parse("begin retry\n* * F,2h,15m\nbegin rewrite\n*@x y\nbegin local_scan\nz\n");
  EXPECT_EQ(Said(tree),
            "t.conf:1:7: section \"retry\" has no meaning in Signet and is skipped\n"
            "t.conf:3:7: section \"rewrite\" has no meaning in Signet and is skipped\n"
            "t.conf:5:7: section \"local_scan\" has no meaning in Signet and is skipped");
  EXPECT_FALSE(HasErrors(tree.diagnostics));
}

TEST(ConfigSections, AclsKeepTheirLogicalLines) {
  Tree tree = Parse(
      "begin acl\ncheck:\n  deny  message = a \\\n          b\n        !hosts = +x : *\n"
      "  accept\nother :\n");
  EXPECT_EQ(Said(tree), "");
  ASSERT_EQ(tree.acls.size(), 2u);
  ASSERT_EQ(tree.acls[0].lines.size(), 3u);
  EXPECT_EQ(tree.acls[0].lines[0].view(), "deny  message = a b");
  EXPECT_EQ(tree.acls[0].lines[1].view(), "!hosts = +x : *");
  EXPECT_EQ(PlaceOf(tree.acls[0].lines[1]), "t.conf:5:9");
  EXPECT_EQ(tree.acls[1].name, "other");
  EXPECT_EQ(PlaceOf(tree.acls[1].name_span), "t.conf:7:1");
}

TEST(ConfigSections, BlockNamesAreChecked) {
  EXPECT_EQ(Said(Parse("begin acl\n accept\n accept\nx:\n")),
            "t.conf:2:2: missing or malformed ACL name");
  EXPECT_EQ(Said(Parse("begin acl\na:\na:\n")), "t.conf:3:1: there are two ACLs called \"a\"");
  EXPECT_EQ(Said(Parse("begin routers\n driver = x\n")), "t.conf:2:2: router name missing");
  EXPECT_EQ(Said(Parse("begin authenticators\na:\na:\n")),
            "t.conf:3:1: there are two authenticators called \"a\"");
  EXPECT_EQ(Said(Parse("begin transports\nfoo-bar:\n x = 1\n")),
            "t.conf:2:1: missing or malformed driver name \"foo-bar\"");
  EXPECT_EQ(Said(Parse("begin routers\na: b\n")),
            "t.conf:2:4: extra characters follow driver name a");
  EXPECT_EQ(Said(Parse("begin routers\na: # b\n")),
            "t.conf:2:4: extra characters follow driver name a (# is comment only at line start)");
  EXPECT_EQ(Said(Parse("begin routers\n" + std::string(64, 'a') + ":\n")),
            "t.conf:2:1: driver name is too long (at most 63 characters)");
  EXPECT_EQ(Said(Parse("begin routers\n" + std::string(63, 'a') + ":\n")), "");
}

TEST(ConfigSections, MacroDefinitionEndsADriverBlock) {
  EXPECT_EQ(Said(Parse("begin authenticators\na:\n x = 1\nM = 1\n y = 2\n")),
            "t.conf:5:2: authenticator name missing");
}

// --- named lists ------------------------------------------------------------------------------

TEST(ConfigLists, NamedListsHaveAKindANameAndAValue) {
  Tree tree = Parse(
      "domainlist a = x : y\nhide hostlist_cache b = <; 1\naddresslist a=\nlocalpartlist c = d\n");
  EXPECT_EQ(Said(tree), "");
  ASSERT_EQ(tree.lists.size(), 4u);
  EXPECT_EQ(tree.lists[0].kind, "domainlist");
  EXPECT_EQ(tree.lists[0].name.view(), "a");
  EXPECT_EQ(tree.lists[0].value.view(), "x : y");
  EXPECT_EQ(tree.lists[1].kind, "hostlist");
  EXPECT_TRUE(tree.lists[1].hide);
  EXPECT_EQ(tree.lists[2].value.view(), "");
}

TEST(ConfigLists, MistakesAreReported) {
  EXPECT_EQ(Said(Parse("hostlist a = 1\nhostlist a = 2\n")),
            "t.conf:2:10: duplicate name \"a\" for a named host list");
  EXPECT_EQ(Said(Parse("localpartlist a = 1\nlocalpartlist a = 2\n")),
            "t.conf:2:15: duplicate name \"a\" for a named local part list");
  EXPECT_EQ(Said(Parse("hostlist a 1\n")), "t.conf:1:10: missing '=' after \"a\"");
  EXPECT_EQ(Said(Parse("hostlist = 1\n")), "t.conf:1:1: list name expected after \"hostlist\"");
}

}  // namespace
}  // namespace signet::config
