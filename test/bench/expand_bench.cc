// What expanding costs: the three texts of the manual's tls authenticator, for a
// certificate with two mailboxes and a directory that answers at once; each operator; and
// beside it Debian's Exim, which reads its texts anew whenever it expands them.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "expand/expand.h"
#include "expand/table.h"
#include "src/crypto/certificate.h"
#include "test/bench/measure.h"
#include "test/support/exim.h"
#include "test/support/fake_world.h"

namespace {

using namespace signet;
using bench::Median;
using bench::Number;

class Directory : public expand::Services {
 public:
  expand::LookupAnswer Lookup(const expand::LookupRequest&) override {
    return {expand::LookupAnswer::kFound, "17"};
  }
  expand::LookupAnswer AuthenticateBy(int, std::string_view) override { return {}; }
  std::int64_t Now() override { return 0; }
};

// --- measuring -----------------------------------------------------------------------------

// Processor time, which other programs on the machine disturb little.
double NowNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// The median of rounds that take about as long as `times` says.
template <typename F>
double MedianNs(int times, F work) {
  const int kRounds = bench::Times(9, 3);
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    double begin = NowNs();
    for (int i = 0; i < times; ++i) work();
    rounds.push_back((NowNs() - begin) / times);
  }
  return Median(rounds);
}

expand::ProgramPtr Compiled(const SourceText& text) {
  static const test::FakeNames names;
  Diagnostics diagnostics;
  auto program = expand::Compile(text.whole(), facts::Phase::kAuth, names, &diagnostics);
  if (program == nullptr) std::fputs(Render(diagnostics.front()).c_str(), stderr);
  return program;
}

// --- the manual's example --------------------------------------------------------------------

constexpr const char* kParameter = "${certextract {subj_altname,mail,>:} {$tls_in_peercert}}";
constexpr const char* kCondition =
    "${if and { {eq{$tls_in_certificate_verified}{1}} {forany {$auth1} {!= {0} {${lookup "
    "ldap{ldap:///mailname=${quote_ldap_dn:${lc:$item}},ou=users,dc=example,dc=org?mailid} "
    "{$value}{0} }} }} }}";
constexpr const char* kId = "${if = {1}{${listcount:$auth1}} {$auth1}{}}";

bool MeasureExample() {
  const SourceText texts[] = {{"bench", kParameter}, {"bench", kCondition}, {"bench", kId}};
  std::ifstream in("test/src/crypto/data/ann.pem");
  const std::string pem{std::istreambuf_iterator<char>(in), {}};
  auto certificate = crypto::Certificate::FromPem(pem);
  expand::ProgramPtr programs[] = {Compiled(texts[0]), Compiled(texts[1]), Compiled(texts[2])};
  if (!certificate.ok() || !programs[0] || !programs[1] || !programs[2]) return false;
  facts::Session session;
  session.tls.peer = certificate.value();
  session.tls.verified = true;
  Directory directory;
  const expand::Budget fresh;
  auto evaluate = [&](int n) {
    expand::Budget budget = fresh;
    return expand::Evaluate(*programs[n], session, directory, budget).value();
  };
  session.auth_vars[0] = evaluate(0);
  if (evaluate(1).text != "true" || evaluate(2).text != "") return false;
  constexpr const char* kNames[] = {"server_param1", "server_condition", "server_set_id"};
  double evaluating = 0, compiling = 0;
  bench::Table table("The manual's expressions", {"ns", "evaluate", "compile"});
  for (int n = 0; n < 3; ++n) {
    double once = MedianNs(20'000, [&] { (void)evaluate(n); });
    double compile = MedianNs(2'000, [&] { (void)Compiled(texts[n]); });
    table.Row({kNames[n], Number(once, 0), Number(compile, 0)});
    compiling = std::max(compiling, compile);
  }
  evaluating = MedianNs(20'000, [&] {
    session.auth_vars[0] = evaluate(0);
    (void)evaluate(1);
    (void)evaluate(2);
  });
  table.Row({"all three, `$auth1` stored", Number(evaluating, 0), ""});
  std::size_t steps = 0;
  const double traced = MedianNs(2'000, [&] {
    facts::Trace trace;
    session.trace = &trace;
    session.auth_vars[0] = evaluate(0);
    (void)evaluate(1);
    (void)evaluate(2);
    session.trace = nullptr;
    steps = trace.steps().size();
  });
  table.Row({"the same, written down for `signet why` in " + std::to_string(steps) + " steps",
             Number(traced, 0), ""});
  table.Note("Lookups answered from memory; a certificate with two mailboxes.");
  table.Print();
  bench::Figure("example_ns", evaluating);
  bench::Figure("compile_ns", compiling);
  return true;
}

// --- beside Exim -----------------------------------------------------------------------------

// Processor seconds of a program that reads `lines` times `text`.
double SecondsOf(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, const std::string& file) {
  const pid_t child = fork();
  if (child == 0) {
    const int in = open(file.c_str(), O_RDONLY), out = open("/dev/null", O_WRONLY);
    dup2(in, 0);
    dup2(out, 1);
    std::vector<char*> arguments, settings;
    for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
    for (const std::string& s : environment) settings.push_back(const_cast<char*>(s.c_str()));
    arguments.push_back(nullptr);
    settings.push_back(nullptr);
    execve(arguments[0], arguments.data(), settings.data());
    _exit(127);
  }
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  if (!WIFEXITED(status)) return 0;
  double seconds = 0;
  for (timeval t : {used.ru_utime, used.ru_stime})
    seconds += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  return seconds;
}

// ns for each line: the median of rounds, less the program's start.
double NsPerLine(const std::vector<std::string>& command,
                 const std::vector<std::string>& environment, const std::string& directory,
                 const std::string& line) {
  constexpr int kLines = 20'000;
  const int kRounds = bench::Times(5, 2);
  std::string all;
  for (int i = 0; i < kLines; ++i) all += line + "\n";
  test::WriteFile(directory + "/many", all);
  test::WriteFile(directory + "/one", line + "\n");
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round)
    rounds.push_back(SecondsOf(command, environment, directory + "/many") -
                     SecondsOf(command, environment, directory + "/one"));
  return 1e9 * Median(rounds) / (kLines - 1);
}

// What neither `exim4 -be` nor a program without a session can have, a certificate and
// $auth1, is written out; the directory is a file, which Exim keeps in memory.
void MeasureBesideExim() {
  test::EximProgram exim;
  const std::string& directory = exim.directory().path();
  test::WriteFile(directory + "/exim.conf", "primary_hostname = gw.example.net\n");
  test::WriteFile(directory + "/users", "ann@one.test: 17\nbob@one.test: 18\n");
  const std::string names = "ann@one.test:a.n@two.test";
  const std::pair<const char*, std::string> kTexts[] = {
      {"server_condition", "${if and { {eq{1}{1}} {forany {" + names +
                               "} {!= {0} {${lookup{${lc:$item}} lsearch{" + directory +
                               "/users} {$value}{0} }} }} }}"},
      {"server_set_id", "${if = {1}{${listcount:" + names + "}} {" + names + "}{}}"},
      {"a regular expression",
       "${if match{$primary_hostname}{\\N^(\\w+)\\.(\\w+)\\.\\N}{$2}{none}}"},
      {"a list", "${map{" + names + "}{${uc:${local_part:$item}}}}"},
      {"a digest", "${sha256:${lc:Ann@One.Test}}"}};
  std::vector<std::string> environment = exim.environment();
  bench::Table table("Expressions beside Exim",
                     {"µs", "Exim", "`signet expand`", "Signet, evaluated", "Exim's × Signet's"});
  double least = 1e9;
  for (const auto& [name, text] : kTexts) {
    const SourceText source("bench", text);
    auto program = Compiled(source);
    if (program == nullptr) continue;
    facts::Session session;
    session.primary_hostname = "gw.example.net";
    Directory services;
    double once = MedianNs(20'000, [&] {
      expand::Budget budget;
      (void)expand::Evaluate(*program, session, services, budget);
    });
    double of_exim = NsPerLine({exim.path(), "-C", directory + "/exim.conf", "-be"}, environment,
                               directory, text);
    double of_expand = NsPerLine({test::SignetProgram(), "expand"}, {}, directory, text);
    table.Row({name, Number(of_exim / 1000, 2), Number(of_expand / 1000, 2), Number(once / 1000, 2),
               Number(of_exim / once, 0)});
    if (std::string_view(name).starts_with("server_")) least = std::min(least, of_exim / once);
  }
  table.Note(
      "CPU time. Exim: of `exim4 -be` over 20,000 lines, less its start. `signet expand` reads and "
      "compiles each line, as Exim does; the server evaluates what it has compiled once.");
  table.Print();
  bench::Figure("exim_of_example", least);
}

// --- operators -------------------------------------------------------------------------------

// A fit operand, as short as addresses are; nullptr: not measured.
const char* OperandOf(std::string_view name) {
  struct Operand {
    std::string_view name;
    const char* text;
  };
  static constexpr Operand kOperands[] = {{"base32", "1234567"},
                                          {"base32d", "bfvuh"},
                                          {"base62", "1234567"},
                                          {"base62d", "00005B"},
                                          {"base64d", "c2lnbmV0IGdhdGV3YXk="},
                                          {"eval", "(2+3)*4"},
                                          {"eval10", "(2+3)*4"},
                                          {"hex2b64", "7369676e657420676174"},
                                          {"ipv6denorm", "2001:db8::1"},
                                          {"ipv6norm", "2001:db8::1"},
                                          {"listcount", "ann:bob:carol:dave"},
                                          {"listnamed", nullptr},
                                          {"mask", "192.0.2.77/24"},
                                          {"quote_ldap", "ann*@one.test"},
                                          {"randint", "1000"},
                                          {"reverse_ip", "192.0.2.77"},
                                          {"rfc2047", "café one"},
                                          {"rfc2047d", "=?utf-8?Q?caf=C3=A9?="},
                                          {"stat", nullptr},
                                          {"time_eval", "1w2d3h"},
                                          {"time_interval", "788400"},
                                          {"utf8_domain_from_alabel", "xn--bcher-kva.example"},
                                          {"utf8_domain_to_alabel", "bücher.example"},
                                          {"utf8_localpart_from_alabel", "xn--jrgen-kva"},
                                          {"utf8_localpart_to_alabel", "jürgen"},
                                          {"utf8clean", "café one"},
                                          {"from_utf8", "café one"},
                                          {"xtextd", "ann+2Bx@one.test"},
                                          {"expand", nullptr}};
  for (const Operand& o : kOperands)
    if (o.name == name) return o.text;
  return "Ann.Example@One.Test";
}

void MeasureOperators() {
  bench::Table table("Operators", {"", "ns", "", "ns", "", "ns"});
  std::vector<std::string> cells;
  Directory services;
  for (std::string_view name : expand::AllRows("operator")) {
    const char* operand = OperandOf(name);
    if (operand == nullptr) continue;
    std::string used(name);
    for (std::string_view counted : {"l", "s", "length", "substr", "h", "hash", "nh", "nhash"})
      if (name == counted) used += "_4";
    const SourceText text("bench", "${" + used + ":$acl_m_x}");
    auto program = Compiled(text);
    if (program == nullptr) continue;
    facts::Session session;
    session.acl_m["acl_m_x"] = Value(operand);
    bool good = true;
    double ns = MedianNs(5'000, [&] {
      expand::Budget budget;
      good = expand::Evaluate(*program, session, services, budget).ok() && good;
    });
    cells.push_back('`' + used + '`');
    cells.push_back(good ? Number(ns, 0) : "fails");
    if (cells.size() == 6) table.Row(std::exchange(cells, {}));
  }
  if (!cells.empty()) table.Row(cells);
  table.Note("With the variable's reading.");
  table.Print();
}

}  // namespace

int main() {
  if (!MeasureExample()) return 1;
  MeasureBesideExim();
  MeasureOperators();
  return 0;
}
