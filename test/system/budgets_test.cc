// What no input may do, from outside: take long, or take much memory. Each text goes
// through `signet expand`, whose time and memory are measured.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "test/support/process.h"

namespace signet::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Far more than is needed, far less than would hurt. Sanitizers need several times as much.
constexpr double kMostSeconds = 2;
constexpr long kMostKib = 200 * 1024;

struct Cost {
  int status = -1;
  double seconds = 0;  // of processors
  long kib = 0;        // resident at most
  std::string output, errors;
};

class Budgets : public ::testing::Test {
 protected:
  Cost Expand(const std::string& line) {
    WriteFile(directory_ / "in", line + "\n");
    const std::string program = SignetProgram();
    const pid_t child = fork();
    if (child == 0) {
      Redirect("in", O_RDONLY, 0);
      Redirect("out", O_WRONLY | O_CREAT | O_TRUNC, 1);
      Redirect("err", O_WRONLY | O_CREAT | O_TRUNC, 2);
      execl(program.c_str(), program.c_str(), "expand", nullptr);
      _exit(127);
    }
    Cost cost;
    rusage used{};
    EXPECT_EQ(wait4(child, &cost.status, 0, &used), child);
    for (timeval t : {used.ru_utime, used.ru_stime})
      cost.seconds += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    cost.kib = used.ru_maxrss;
    cost.output = ReadFile(directory_ / "out");
    cost.errors = ReadFile(directory_ / "err");
    return cost;
  }

  // A line that fails with `message`, cheaply, and says so in few words.
  void Refuses(const std::string& line, const std::string& message) {
    const Cost cost = Expand(line);
    EXPECT_THAT(cost.output, StartsWith("Failed: "));
    EXPECT_THAT(cost.output, HasSubstr(message));
    EXPECT_LT(cost.output.size(), 10'000u);
    EXPECT_LT(cost.errors.size(), 1'000'000u);
    EXPECT_TRUE(WIFEXITED(cost.status)) << cost.status;
    IsCheap(cost);
  }

  void Gives(const std::string& line, const std::string& result) {
    const Cost cost = Expand(line);
    EXPECT_EQ(cost.output, result + "\n");
    EXPECT_EQ(cost.status, 0);
    IsCheap(cost);
  }

 private:
  void Redirect(const char* name, int flags, int to) {
    const int fd = open((directory_ / name).c_str(), flags, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(126);
  }

  static void IsCheap(const Cost& cost) {
    const char* variant = std::getenv("SIGNET_VARIANT");
    const int slack = variant == nullptr || std::string(variant) == "release" ? 1 : 10;
    EXPECT_LT(cost.seconds, kMostSeconds * slack);
    EXPECT_LT(cost.kib, kMostKib * slack);
  }

  TempDir directory_;
};

std::string Repeated(const std::string& text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (; times > 0; --times) all += text;
  return all;
}

constexpr std::size_t kNesting = 5000;

TEST_F(Budgets, NestedBraces) {
  for (const auto& [open, close] :
       std::initializer_list<std::pair<const char*, const char*>>{{"${lc:", "}"},
                                                                  {"${if eq{a}{a}{", "}}"},
                                                                  {"${map{a}{", "}}"},
                                                                  {"${sg{a}{a}{", "}}"},
                                                                  {"${lookup{x}lsearch{/", "}}"}}) {
    Refuses(Repeated(open, kNesting) + "x" + Repeated(close, kNesting), "nested deeper than");
    Refuses(Repeated(open, kNesting), "nested deeper than");
  }
  Refuses("${if " + Repeated("and{{", kNesting) + "eq{a}{a}" + Repeated("}}", kNesting) + "{y}}",
          "nested deeper than");
  Refuses(
      "${if " + Repeated("forany{a}{", kNesting) + "eq{a}{a}" + Repeated("}", kNesting) + "{y}}",
      "nested deeper than");
  Gives(std::string(kNesting, '{'), std::string(kNesting, '{'));
  Gives(std::string(kNesting, '}'), std::string(kNesting, '}'));
}

TEST_F(Budgets, NestedArithmetic) {
  Refuses("${eval:" + std::string(kNesting, '(') + "1" + std::string(kNesting, ')') + "}",
          "nested too deeply");
  Refuses("${eval:" + std::string(kNesting, '~') + "1}", "nested too deeply");
  Gives("${eval:" + Repeated("1+", 400'000) + "1}", "400001");
}

TEST_F(Budgets, TextsOfTenMebibytes) {
  const std::string text(10 * 1024 * 1024, 'x');
  Refuses(text, "too much output");
  Refuses("${lc:" + text + "}", "too much output");
  Refuses("${sha256:${lc:" + text + "}}", "too much output");
  Refuses("${" + text + "}", "unknown variable");
  Refuses("$" + text, "unknown variable");
  Refuses(std::string(10 * 1024 * 1024, '$'), "$ not followed by");
  Refuses(Repeated("${lc:", 2 * 1024 * 1024), "nested deeper than");
  Refuses(Repeated("${lc:x}", 1'500'000), "too long");
}

TEST_F(Budgets, ListsOfAMillionElements) {
  const std::string list = Repeated("a:", 1'000'000);
  Refuses("${listcount:" + list + "}", "list has too many elements");
  Refuses("${map{" + list + "}{$item}}", "list has too many elements");
  Refuses("${if inlist{b}{" + list + "}}", "list has too many elements");
  Refuses("${if forany{" + list + "}{eq{$item}{b}}}", "list has too many elements");
  Refuses("${listextract{-1}{" + list + "}}", "list has too many elements");
  Refuses("${addresses:" + Repeated("a@b,", 200'000) + "}", "too much output");
}

TEST_F(Budgets, RunawayRegularExpressions) {
  Refuses("${if match{" + std::string(40, 'a') + "b}{\\N^(a+)+$\\N}}", "match limit exceeded");
  Refuses("${if match{" + std::string(5000, 'a') + "b}{\\N^(a|aa)+$\\N}}", "gave up");
  // A pattern that is not constant is not compiled to machine code.
  Refuses("${if match{" + std::string(40, 'a') + "b}{\\N^(a+)+$\\N$acl_m_x}}", "match limit");
  // No backtracking: the square of the length.
  Refuses("${if match{" + std::string(400'000, 'a') + "}{\\Na*+[cd]\\N$acl_m_x}}", "time limit");
  Refuses("${sg{" + std::string(400'000, 'a') + "}{\\N(?=a*+c)|\\N}{x}}", "gave up");
  Refuses("${sg{" + std::string(400'000, 'a') + "}{\\N(a|b){1,200}?c|\\N}{x}}", "gave up");
  Refuses("${if match{a}{" + std::string(kNesting, '(') + std::string(kNesting, ')') + "}}",
          "nested");
}

TEST_F(Budgets, GrowthByDoubling) {
  Refuses("${reduce{" + Repeated("1:", 40) + "}{x}{$value$value}}", "too much output");
  Refuses("${reduce{" + Repeated("1:", 40) + "}{x}{$value:$value}}", "too much output");
  std::string text = "xxxxxxxxxx";
  for (int i = 0; i < 8; ++i) text = "${map{1:2:3:4:5:6:7:8:9:10}{" + text + "}}";
  const Cost cost = Expand(text);
  EXPECT_THAT(cost.output, StartsWith("Failed: "));
  std::string condition = "eq{a}{b}";
  for (int i = 0; i < 8; ++i) condition = "forany{1:2:3:4:5:6:7:8:9:10}{" + condition + "}";
  Refuses("${if " + condition + "}", "inside \"forany\" condition");
  Refuses("${sg{${sg{${sg{" + std::string(1000, 'x') + "}{x}{" + std::string(1000, 'y') +
              "}}}{y}{" + std::string(1000, 'z') + "}}}{z}{zz}}",
          "too much output");
  Refuses("${sg{" + std::string(500'000, 'a') + "}{}{b}}", "too much output");
}

// What is linear stays so.
TEST_F(Budgets, LongTextsForOperatorsAndItems) {
  const std::string half(450'000, 'a');
  Gives("${strlen:${tr{" + half + "}{" + half + "}{b}}}", "450000");
  Gives("${strlen:${extract{1}{" + half + "}{b" + half + "}}}", "1");
  Gives("${strlen:${hash_4_62:" + half + "}}", "4");
  Gives("${strlen:${rfc2047d:" + Repeated("=?a?Q?x", 60'000) + "}}", "420000");
  Gives("${strlen:${headerwrap_0_0:" + half + "}}", "450000");
  Refuses("${utf8_localpart_to_alabel:" + Repeated("é", 100'000) + "}", "size limit exceeded");
}

}  // namespace
}  // namespace signet::test
