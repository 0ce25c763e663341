// What sessions cost that do nothing, how long those that do something wait while others shake
// hands, and what starting and reloading cost. See doc/performance.md.
#include <sched.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "test/bench/measure.h"
#include "test/bench/peers.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"

namespace signet::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// --- memory ----------------------------------------------------------------------------------

// Holds sessions until there are as many as each of `counts`; KiB for each of them, then.
std::vector<double> IdleKib(const Server& server, const CredentialsList& credentials,
                            const std::vector<int>& counts) {
  LoadOptions options = server.load;
  options.credentials = credentials;
  options.deadline_seconds = 200;
  options.sessions = 20;
  options.at_once = 10;
  Load warm(options);
  Demand(warm.Run(), server.name);
  const double before = TreePssKib(server.pid);
  std::vector<std::unique_ptr<Load>> loads;
  std::vector<double> kib;
  int held = 0;
  options.at_once = 50;
  for (const int count : counts) {
    options.sessions = count - held;
    loads.push_back(std::make_unique<Load>(options));
    Demand(loads.back()->Hold(true), server.name + ", idle sessions");
    held = count;
    std::this_thread::sleep_for(std::chrono::seconds(4));  // what "idle" means
    kib.push_back((TreePssKib(server.pid) - before) / held);
  }
  for (const auto& load : loads) {
    if (load->CountAlive() != 0) continue;
    std::fprintf(stderr, "%s: idle sessions have gone\n", server.name.c_str());
    std::exit(1);
  }
  return kib;
}

void MeasureMemory(const World& world) {
  struct Held {
    std::string name;
    std::function<Server()> make;
    std::vector<int> counts;
    bool distinct = false;
  };
  const auto signet = [&] { return MakeSignet(world, {}); };
  const std::vector<int> many =
      Quick() ? std::vector<int>{1'000} : std::vector<int>{1'000, 5'000, Holdable(10'000)};
  const std::vector<int> one_step = {1'000}, two_steps = {1'000, 5'000};
  const std::vector<Held> all = {
      {"Signet", signet, many},
      {"Signet, each with a certificate of its own", signet, {1'000}, true},
      {"Signet, `decisions_kept = 0`",
       [&] { return MakeSignet(world, {.main_options = "decisions_kept = 0"}); },
       {1'000}},
      {"nginx", [&] { return MakeNginx(world); }, Quick() ? one_step : two_steps},
      {"HAProxy", [&] { return MakeHaproxy(world); }, {1'000}},
      {"Dovecot", [&] { return MakeDovecot(world); }, {1'000}},
      {"Postfix", [&] { return MakePostfix(world); }, {200}},
      {"Exim + LDAP", [&] { return MakeExim(world, true, false); }, {200}}};
  Table table("Memory of an idle TLS session", {"KiB (proportional set size, all processes)", "200",
                                                "1,000", "5,000", Number(Holdable(10'000), 0)});
  for (const Held& one : all) {
    const Server server = one.make();
    const std::vector<double> kib = IdleKib(
        server,
        one.distinct ? world.authority.Fresh("alice@example.org", 1'000) : world.authority.known(),
        one.counts);
    std::vector<std::string> cells = {one.name};
    for (const int column : {200, 1'000, 5'000, Holdable(10'000)}) {
      std::string cell = "–";
      for (std::size_t i = 0; i < kib.size(); ++i)
        if (one.counts[i] == column) cell = Number(kib[i], 1);
      cells.push_back(cell);
    }
    table.Row(cells);
    if (one.name == "Signet") Figure("idle_kib", kib.back());
    if (one.name == "Exim + LDAP") Figure("exim_idle_kib", kib.back());
    if (one.name == "nginx") Figure("nginx_idle_kib", kib.back());
  }
  table.Note(
      "Growth since 20 sessions have gone, 4 s after the last command. Dovecot's and "
      "HAProxy's sessions hold a connection to the sink as well; Postfix's and Exim's processes "
      "have libraries loaded that give them the users they expect.");
  table.Print();
}

// --- waiting ---------------------------------------------------------------------------------

// This process and those that it starts; `cpu` -1: all.
void RunOn(int cpu) {
  static cpu_set_t all = [] {
    cpu_set_t ours;
    sched_getaffinity(0, sizeof ours, &ours);
    return ours;
  }();
  cpu_set_t one;
  CPU_ZERO(&one);
  if (cpu >= 0) CPU_SET(static_cast<unsigned>(cpu), &one);
  sched_setaffinity(0, sizeof one, cpu < 0 ? &all : &one);
}

void MeasurePromptness(const World& world) {
  struct Asked {
    std::string name;
    std::function<Server()> make;
    bool one_processor = true;  // the server has one, and its clients the other one
  };
  const std::vector<Asked> all = {
      {"Signet, one worker", [&] { return MakeSignet(world, {}); }},
      {"Signet, two workers", [&] { return MakeSignet(world, {}); }, false},
      {"nginx, one worker", [&] { return MakeNginx(world); }},
      {"HAProxy, one thread", [&] { return MakeHaproxy(world); }}};
  Table table("An established session's NOOP while others shake hands",
              {"ms: p50, p90, p99", "nobody else", "100 clients", "200 clients"});
  for (const Asked& one : all) {
    if (one.one_processor) RunOn(0);
    const Server server = one.make();
    RunOn(-1);
    LoadOptions established = server.load;
    established.credentials = world.authority.known();
    established.sessions = established.at_once = 4;
    Load load(established);
    Demand(load.Hold(true), one.name);
    std::vector<std::string> cells = {one.name};
    for (const int clients : {0, 100, 200}) {
      LoadOptions others = server.load;
      others.at_once = clients;
      others.credentials = world.authority.known();
      std::unique_ptr<LoadProcess> process;
      if (one.one_processor) RunOn(1);
      if (clients > 0) process = std::make_unique<LoadProcess>(others);
      RunOn(-1);
      if (process != nullptr) test::WaitUntil([&] { return process->progress().good >= clients; });
      const std::vector<double> times = load.Ping(Times(1500, 500), 0.002);
      if (times.empty() || (process != nullptr && process->progress().bad > 0)) {
        std::fprintf(stderr, "%s: an established session, or one beside it, failed\n",
                     one.name.c_str());
        std::exit(1);
      }
      std::string cell;
      for (const double share : {0.5, 0.9, 0.99})
        cell += (cell.empty() ? "" : ", ") + Number(1000 * Percentile(times, share), 1);
      cells.push_back(cell);
      if (clients > 0) {
        const std::string figure = one.name.substr(0, one.name.find(' ')) == "Signet,"
                                       ? (one.one_processor ? "prompt_one_" : "prompt_two_")
                                       : "";
        if (!figure.empty())
          Figure(figure + std::to_string(clients), 1000 * Percentile(times, 0.99));
      }
    }
    table.Row(cells);
  }
  table.Note(
      "A NOOP every 2 ms, by turns on four sessions. A server of one worker has a processor "
      "of its own, and its clients have the other one; where it has two, all share both.");
  table.Print();
}

// Bob needs no directory and everybody else does.
void MeasureIsolation(const World& world) {
  test::Slapd slapd;
  const Server server =
      MakeSignet({world.authority, world.sink, slapd.host_and_port()},
                 {.edits = {{"${if and { {eq{$tls_in_certificate_verified}{1}}",
                             "${if or{ {eq{$auth1}{bob@example.org}} { and {"
                             " {eq{$tls_in_certificate_verified}{1}}"},
                            {"{$value}{0} }} }} }}", "{$value}{0} }} }} }} }}"}}});
  const auto clients = [&](const std::string& mail) {
    LoadOptions options = server.load;
    options.credentials = world.authority.Fresh(mail, 1);
    options.sessions = options.at_once = 100;
    return options;
  };
  const LoadOptions bob = clients("bob@example.org"), alice = clients("alice@example.org");
  const auto half = [&] {
    const LoadResult result = Load(bob).Run();
    Demand(result, "Signet, half of the clients");
    return result.seconds * 1000;
  };
  half();
  std::vector<double> alone, beside, ratios;
  for (int i = 0; i < Times(9, 3); ++i) {
    alone.push_back(half());
    slapd.Stop();
    Load waiting(alice);
    Demand(waiting.Hold(false), "Signet, clients that wait");
    beside.push_back(half());
    slapd.Continue();
    waiting.Release();
    ratios.push_back(beside.back() / alone.back());
  }
  Table table("100 sessions beside 100 that wait for a directory that does not answer",
              {"ms for all of them", "least", "median"});
  table.Row({"alone", Number(Least(alone), 0), Number(Median(alone), 0)});
  table.Row({"beside those that wait", Number(Least(beside), 0), Number(Median(beside), 0)});
  table.Row({"ratio", "", Number(Median(ratios), 2)});
  table.Print();
}

// --- starting and reloading --------------------------------------------------------------------

// The manual's example with ACLs that nobody calls, until it has `lines` lines.
std::string LongAcls(int lines) {
  std::string text;
  for (int i = 0; i * 6 < lines; ++i) {
    const std::string name = "long_" + std::to_string(i);
    text += name + ":\n  deny    condition = ${if and{ {eq{${lc:$sender_address_domain}}{" + name +
            ".example}} {!match{$sender_address}{\\N^[a-z]+@\\N}} }}\n"
            "          message   = $sender_address is not for " +
            name +
            "\n  warn    set acl_m_x = ${sg{$sender_helo_name}{\\\\.}{-}}\n"
            "  accept  hosts     = 192.0.2." +
            std::to_string(i % 200) + " : 198.51.100.0/24\n  deny    message   = no\n";
  }
  return text;
}

void MeasureStart(const World& world) {
  Table table("Starting", {"from exec to the greeting, ms", "least", "median"});
  for (const bool large : {false, true}) {
    std::vector<double> ms;
    int lines = 0;
    for (int i = 0; i < Times(15, 5); ++i) {
      SignetOptions options;
      if (large) options.acls = LongAcls(930);
      const Server prepared = MakeSignet(world, options);  // its file is used once more
      const std::string file = prepared.gateway->config_file();
      lines = 0;
      for (const char octet : test::ReadFile(file)) lines += octet == '\n';
      const int port = prepared.load.port;
      prepared.gateway->process().Signal(SIGKILL);
      prepared.gateway->process().Wait();
      test::WaitUntil([&] { return !test::SomebodyListens(port); });
      const auto begin = Clock::now();
      test::Process process({test::SignetProgram(), "serve", "-C", file});
      while (Since(begin) < 10 && !test::SomebodyListens(port))
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      test::SmtpClient greeted(port);
      ms.push_back(1000 * Since(begin));
    }
    table.Row({large ? "a configuration of " + Number(lines, 0) + " lines"
                     : "the manual's example (" + std::to_string(lines) + " lines)",
               Number(Least(ms), 1), Number(Median(ms), 1)});
    if (large) Figure("start_ms", Median(ms));
  }
  table.Print();
}

// The greeting's text, which each configuration has of its own.
bool Greets(int port, const std::string& text) {
  test::SmtpClient client(port);
  return client.reply().find(text) != std::string::npos;
}

void MeasureReload(const World& world) {
  const Server server = MakeSignet(world, {.main_options = "smtp_banner = generation 0"});
  LoadOptions options = server.load;
  options.credentials = world.authority.known();
  options.sessions = 100;
  Load held(options);
  Demand(held.Hold(true), "Signet");
  options.at_once = 50;
  LoadProcess load(options);
  test::WaitUntil([&] { return load.progress().good > 100; });
  const std::string text = test::ReadFile(server.gateway->config_file());
  std::vector<double> ms;
  const int reloads = Times(20, 5);
  for (int i = 1; i <= reloads; ++i) {
    const std::string banner = "generation " + std::to_string(i);
    const int before = load.progress().good;  // some sessions live through each of them
    test::WaitUntil([&] { return load.progress().good >= before + 100; });
    const auto begin = Clock::now();
    server.gateway->Reload(test::Replace(text, "generation 0", banner));
    while (Since(begin) < 20 && !Greets(server.load.port, banner)) {
    }
    ms.push_back(1000 * Since(begin));
  }
  const LoadOptions::Progress progress = load.progress();
  load.Stop();
  const int alive = held.CountAlive();
  Table table("Reloading " + std::to_string(reloads) + " times under load", {"", ""});
  table.Row({"from SIGHUP to the new greeting, ms: least, median",
             Number(Least(ms), 0) + ", " + Number(Median(ms), 0)});
  table.Row({"sessions that went on beside it", Number(progress.good, 0)});
  table.Row({"of these refused, dropped or wrong", Number(progress.bad, 0)});
  table.Row({"idle sessions held, still there", "100, " + std::to_string(alive)});
  table.Note("50 clients at once; the machine is busy with them.");
  table.Print();
  Figure("reload_dropped", progress.bad + 100 - alive);
}

int Main() {
  RaiseLimits();
  AdoptOrphans();
  const Authority authority;
  const Sink sink;
  test::Slapd slapd;
  const World world{authority, sink, slapd.host_and_port()};
  MeasureMemory(world);
  MeasurePromptness(world);
  MeasureIsolation(world);
  MeasureStart(world);
  MeasureReload(world);
  return 0;
}

}  // namespace
}  // namespace signet::bench

int main() { return signet::bench::Main(); }
