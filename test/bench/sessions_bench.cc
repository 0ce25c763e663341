// What an authenticated session costs Signet, and what it costs other servers, in one run, by
// turns, with the same clients. See doc/performance.md.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

#include "test/bench/bare_server.h"
#include "test/bench/measure.h"
#include "test/bench/peers.h"
#include "test/support/footprint.h"
#include "test/support/slapd.h"
#include "test/support/smtp_client.h"

namespace signet::bench {
namespace {

constexpr int kAtOnce = 50;

// --- what a session can be -----------------------------------------------------------------

enum Kind : int { kSession, kOneMessage, kTenMessages, kResumed, kTls12, kKinds };
constexpr const char* kKindNames[] = {"session", "with 1 message", "with 10 messages", "resumed",
                                      "TLS 1.2"};

// A row of the table: a server and what is done with it. Where `resuming` is set, it is a server
// of the same kind that gives tickets, for the one column.
struct Subject {
  std::string name;
  Server server;
  std::shared_ptr<Server> resuming;
  bool fresh = false;  // each session brings a certificate that nobody has seen
  int sessions = 0;    // a round of it
  bool only_session = false;
  std::map<Kind, std::vector<double>> ms;  // of server CPU per session

  bool Does(Kind kind) const {
    if (only_session) return kind == kSession;
    if (kind == kOneMessage || kind == kTenMessages) return server.relays;
    if (kind == kResumed) return (resuming != nullptr || server.resumes) && !fresh;
    return kind != kTls12 || server.has_tls12;
  }
};

double Cost(Subject* subject, Kind kind, const World& world) {
  const Server& server =
      kind == kResumed && subject->resuming != nullptr ? *subject->resuming : subject->server;
  LoadOptions options = server.load;
  options.at_once = kAtOnce;
  options.messages = kind == kOneMessage ? 1 : kind == kTenMessages ? 10 : 0;
  options.sessions = options.messages == 10  ? std::max(10, subject->sessions / 8)
                     : options.messages == 1 ? std::max(20, subject->sessions / 2)
                                             : subject->sessions;
  options.resume = kind == kResumed;
  options.tls12 = kind == kTls12;
  options.credentials = subject->fresh
                            ? world.authority.Fresh("alice@example.org", options.sessions)
                            : world.authority.known();
  const long wanted = world.sink.messages() + options.sessions * options.messages;
  Load load(options);
  const double before = SettledCpuSeconds(server.pid);
  Demand(load.Run(), subject->name + ", " + kKindNames[kind]);
  // Servers that have a queue empty it after the session.
  if (!test::WaitUntil([&] { return world.sink.messages() >= wanted; },
                       std::chrono::milliseconds(60'000))) {
    std::fprintf(stderr, "%s has not relayed all messages\n", subject->name.c_str());
    std::exit(1);
  }
  return (SettledCpuSeconds(server.pid) - before) * 1000 / options.sessions;
}

// --- who is measured -----------------------------------------------------------------------

struct Field {
  std::vector<Subject> subjects;

  Subject& operator[](const std::string& name) {
    static Subject none;  // where not all are measured
    const auto at = std::find_if(subjects.begin(), subjects.end(),
                                 [&](const Subject& subject) { return subject.name == name; });
    return at == subjects.end() ? none : *at;
  }
  double Median(const std::string& name, Kind kind) {
    return bench::Median((*this)[name].ms[kind]);
  }
  // Of each round's two costs.
  double Ratio(const std::string& one, const std::string& other, Kind kind = kSession) {
    std::vector<double> ratios;
    const std::vector<double>& upper = (*this)[one].ms[kind];
    const std::vector<double>& lower = (*this)[other].ms[kind];
    for (std::size_t i = 0; i < std::min(upper.size(), lower.size()); ++i)
      ratios.push_back(upper[i] / lower[i]);
    return bench::Median(ratios);
  }
};

Server MakeBare(const World& world, bool verify, bool tickets) {
  auto bare = std::make_shared<BareServer>(
      BareServer::Options{world.authority.path("server.pem"), world.authority.path("server.key"),
                          world.authority.path("client-ca.pem"), verify, tickets});
  Server server;
  server.pid = bare->pid();
  server.load.port = bare->port();
  server.relays = false;
  server.owner = bare;
  return server;
}

constexpr const char* kBareFirst = "bare GnuTLS loop, chain verified";
constexpr const char* kBareKnown = "bare GnuTLS loop, chain not verified";
constexpr const char* kFirst = "Signet, chain not seen before";
constexpr const char* kKnown = "Signet, chain seen before";
constexpr const char* kFirstLdap = "Signet + LDAP, chain not seen before";
constexpr const char* kKnownLdap = "Signet + LDAP, chain seen before";
constexpr const char* kOneProcess = "Signet + LDAP, seen, `key_process = no`";
constexpr const char* kNoDecisions = "Signet + LDAP, seen, `decisions_kept = 0`";

// That the server knows the client is shown by its refusal of another sender.
void DemandIdentity(const Server& server, const Authority& authority) {
  test::SmtpClient client(server.load.port);
  client.Begin(authority.path("client.pem"), authority.path("client.key"));
  const std::string reply = client.Say("MAIL FROM:<somebody@example.org>");
  client.Say("QUIT");
  if (reply.find("alice@example.org may not send as somebody@example.org") != std::string::npos)
    return;
  std::fprintf(stderr, "%s does not know its client: %s\n", server.name.c_str(), reply.c_str());
  std::exit(1);
}

// Servers that keep processes for sessions have as many as they will need.
void Warm(const Server& server, const World& world) {
  LoadOptions options = server.load;
  options.sessions = options.at_once = kAtOnce;
  options.credentials = world.authority.known();
  Demand(Load(options).Run(), server.name + ", at first");
}

Field MakeField(const World& world) {
  const auto shared = [](Server server) { return std::make_shared<Server>(std::move(server)); };
  const int many = Times(400, 150), few = Times(120, 60);
  Field field;
  const Server ldap = MakeSignet(world, {}), plain = MakeSignet(world, {.ldap = false});
  field.subjects.push_back({kBareFirst,
                            MakeBare(world, true, false),
                            shared(MakeBare(world, true, true)),
                            false,
                            many,
                            {}});
  field.subjects.push_back({kBareKnown,
                            MakeBare(world, false, false),
                            shared(MakeBare(world, false, true)),
                            false,
                            many,
                            {}});
  field.subjects.push_back({kFirst, plain, nullptr, true, many});
  field.subjects.push_back({kKnown,
                            plain,
                            shared(MakeSignet(world, {.ldap = false, .resumption = true})),
                            false,
                            many,
                            {}});
  field.subjects.push_back({kFirstLdap, ldap, nullptr, true, many});
  field.subjects.push_back(
      {kKnownLdap, ldap, shared(MakeSignet(world, {.resumption = true})), false, many});
  for (const auto& [name, option] :
       {std::pair{kOneProcess, "key_process = no"}, {kNoDecisions, "decisions_kept = 0"}})
    field.subjects.push_back({name, MakeSignet(world, {.main_options = option}), nullptr, false,
                              many, /*only_session=*/true});
  field.subjects.push_back({"nginx", MakeNginx(world), nullptr, false, many / 2});
  field.subjects.push_back({"HAProxy", MakeHaproxy(world), nullptr, false, many / 2});
  field.subjects.push_back({"Postfix", MakePostfix(world), nullptr, false, few});
  field.subjects.push_back({"Dovecot", MakeDovecot(world), nullptr, false, few});
  field.subjects.push_back({"Exim",
                            MakeExim(world, false, false),
                            shared(MakeExim(world, false, true)),
                            false,
                            few,
                            {}});
  field.subjects.push_back({"Exim + LDAP",
                            MakeExim(world, true, false),
                            shared(MakeExim(world, true, true)),
                            false,
                            few,
                            {}});
  world.authority.Fresh("alice@example.org", 1);
  for (const Subject& subject : field.subjects) {
    Warm(subject.server, world);
    if (subject.resuming != nullptr) Warm(*subject.resuming, world);
    if (subject.server.relays) DemandAuthentication(subject.server, world);
    if (subject.name.find("LDAP") != std::string::npos)
      DemandIdentity(subject.server, world.authority);
  }
  return field;
}

// --- tables --------------------------------------------------------------------------------

void MeasureCpu(Field* field, const World& world) {
  const int rounds = Times(5, 1);
  for (int round = 0; round < rounds; ++round) {
    for (int kind = 0; kind < kKinds; ++kind) {
      for (Subject& subject : field->subjects) {
        if (!subject.Does(static_cast<Kind>(kind))) continue;
        // Delivering by a process for each message takes its time; twice tells enough.
        if (kind == kTenMessages && subject.sessions < 150 && round >= 2) continue;
        subject.ms[static_cast<Kind>(kind)].push_back(
            Cost(&subject, static_cast<Kind>(kind), world));
      }
    }
    std::fprintf(stderr, "round %d of %d\n", round + 1, rounds);
  }

  std::vector<std::string> columns = {"server CPU per session, ms: median (least)"};
  columns.insert(columns.end(), std::begin(kKindNames), std::end(kKindNames));
  columns.push_back("session, × Signet + LDAP seen before");
  Table table("What an authenticated session costs", columns);
  for (Subject& subject : field->subjects) {
    std::vector<std::string> cells = {subject.name};
    for (int kind = 0; kind < kKinds; ++kind) {
      const std::vector<double>& ms = subject.ms[static_cast<Kind>(kind)];
      cells.push_back(ms.empty() ? "–" : Number(Median(ms), 2) + " (" + Number(Least(ms), 2) + ")");
    }
    cells.push_back(Number(field->Ratio(subject.name, kKnownLdap), 2));
    table.Row(cells);
  }
  table.Note(std::to_string(kAtOnce) + " sessions at once, " + std::to_string(rounds) +
             " rounds by turns; the ratio is the median of the rounds'. A message has 1 KiB and is "
             "relayed to the same sink.");
  table.Print();

  Figure("first_of_bare", field->Ratio(kFirst, kBareFirst));
  Figure("first_ldap_of_bare", field->Ratio(kFirstLdap, kBareFirst));
  Figure("exim_of_first", field->Ratio("Exim + LDAP", kFirstLdap));
  Figure("exim_of_known", field->Ratio("Exim + LDAP", kKnownLdap));
  Figure("nginx_of_known", field->Ratio("nginx", kKnownLdap));
  Figure("haproxy_of_known", field->Ratio("HAProxy", kKnownLdap));
  Figure("key_process_of_known", field->Ratio(kKnownLdap, kOneProcess));
  Figure("ldap_us_of_session",
         1000 * (field->Median(kKnownLdap, kSession) - field->Median(kKnown, kSession)));
}

// All clients' certificates are known by now, and each server works as it is meant to.
void MeasureRates(Field* field, const World& world) {
  const std::vector<int> at_once = {50, 100, 200};
  std::vector<std::string> columns = {"sessions/s (p50, p99 in ms)"};
  for (const int clients : at_once) columns.push_back(std::to_string(clients) + " at once");
  columns.push_back("one at a time, p50 ms");
  Table table("Sessions in a second, and how long one takes", columns);
  for (Subject& subject : field->subjects) {
    if (subject.fresh || subject.only_session) continue;
    std::vector<std::string> cells = {subject.name};
    LoadOptions options = subject.server.load;
    options.credentials = world.authority.known();
    for (const int clients : at_once) {
      options.at_once = clients;
      options.sessions = std::max(clients * 2, Times(3, 1) * subject.sessions);
      const LoadResult result = Load(options).Run();
      Demand(result, subject.name + ", " + std::to_string(clients) + " at once");
      cells.push_back(Number(result.good / result.seconds, 0) + " (" +
                      Number(1000 * Percentile(result.latencies, 0.5), 0) + ", " +
                      Number(1000 * Percentile(result.latencies, 0.99), 0) + ")");
    }
    options.at_once = 1;
    options.sessions = Times(40, 15);
    const LoadResult alone = Load(options).Run();
    Demand(alone, subject.name + ", one at a time");
    cells.push_back(Number(1000 * Percentile(alone.latencies, 0.5), 1));
    table.Row(cells);
  }
  table.Note(
      "Clients and server share the machine, and the clients need about as much of it. A "
      "session that takes some 40 ms alone waits for acknowledgements that are delayed.");
  table.Print();
}

// --- what the time is spent on ---------------------------------------------------------------

// Parts of a program by the file that holds the code, as perf names it.
const char* PartOf(const std::string& file) {
  for (const auto& [name, part] : {std::pair{"libgnutls", "GnuTLS"},
                                   {"libhogweed", "nettle (signatures, keys)"},
                                   {"libnettle", "nettle (ciphers, digests)"},
                                   {"libgmp", "gmp (long numbers)"},
                                   {"libtasn1", "libtasn1 (DER)"},
                                   {"libp11", "p11-kit"},
                                   {"libldap", "LDAP codec"},
                                   {"liblber", "LDAP codec"},
                                   {"signet", "Signet"},
                                   {"[", "kernel"},
                                   {"libc.", "C library"},
                                   {"libstdc++", "C++ library"}})
    if (file.rfind(name, 0) == 0) return part;
  return "other";
}

// Lines "12.34%  file  [.] symbol" of perf's report; those of one part, or of all.
void PrintFunctions(const std::string& title, const std::string& report, int most,
                    const std::string& part) {
  Table functions(title, {"", "in", "%"});
  std::istringstream symbols(report);
  int count = 0;
  for (std::string line; std::getline(symbols, line) && count < most;) {
    std::istringstream words(line);
    double share = 0;
    char percent = 0;
    std::string file, kind, name;
    if (!(words >> share >> percent >> file >> kind) || percent != '%') continue;
    if (!part.empty() && PartOf(file) != part) continue;
    std::getline(words >> std::ws, name);
    name.erase(std::min(name.find("  "), name.size()));
    if (name.size() > 70) name = name.substr(0, 67) + "...";
    functions.Row({'`' + name + '`', PartOf(file), Number(share, 1)});
    ++count;
  }
  functions.Print();
}

std::string Report(const std::string& data, const char* sort) {
  return test::Run({"perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none",
                    "--percent-limit", "0.1", "--sort", sort})
      .output;
}

// Percent of each part.
std::map<std::string, double> Shares(const std::string& data) {
  std::map<std::string, double> shares;
  std::istringstream lines(Report(data, "dso"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    double share = 0;
    char percent = 0;
    std::string file;
    if (words >> share >> percent >> file && percent == '%') shares[PartOf(file)] += share;
  }
  return shares;
}

// Where Signet's time goes, by perf, for each kind of session; with functions or without.
void Profile(const World& world, bool functions) {
  struct Profiled {
    const char* title;
    bool fresh;
    int messages;
    bool resumption;
  };
  const std::vector<Profiled> all = {{"chain not seen before", true, 0, false},
                                     {"chain seen before", false, 0, false},
                                     {"resumed", false, 0, true},
                                     {"with 10 messages", false, 10, false}};
  std::map<std::string, std::map<std::string, double>> parts;
  for (const Profiled& one : all) {
    const Server server = MakeSignet(world, {.resumption = one.resumption});
    LoadOptions options = server.load;
    options.sessions = one.messages > 0 ? 500 : 3'000;
    options.at_once = kAtOnce;
    options.messages = one.messages;
    options.resume = one.resumption;
    options.credentials = one.fresh ? world.authority.Fresh("alice@example.org", options.sessions)
                                    : world.authority.known();
    test::TempDir directory;
    std::string pids;
    for (const auto& [pid, status] : test::ProcessTree(server.pid))
      pids += (pids.empty() ? "" : ",") + std::to_string(pid);
    test::Process perf({"perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o",
                        directory / "data", "-p", pids});
    test::WaitUntil([&] { return !test::ReadFile(directory / "data").empty(); });
    Demand(Load(options).Run(), one.title);
    perf.Signal(SIGINT);
    if (perf.Wait() == 127) {
      std::fprintf(stderr, "%s", perf.Output().c_str());
      std::exit(1);
    }
    for (const auto& [part, share] : Shares(directory / "data")) parts[part][one.title] = share;
    if (!functions) continue;
    const std::string report = Report(directory / "data", "dso,symbol");
    PrintFunctions(std::string("Functions: ") + one.title, report, 15, "");
    PrintFunctions(std::string("Functions of ours: ") + one.title, report, 15, "Signet");
  }
  std::vector<std::string> columns = {"% of Signet's CPU time"};
  for (const Profiled& one : all) columns.push_back(one.title);
  Table table("What Signet + LDAP spends its time on", columns);
  for (auto& [part, shares] : parts) {
    std::vector<std::string> cells = {part};
    for (const Profiled& one : all) cells.push_back(Number(shares[one.title], 1));
    table.Row(cells);
  }
  table.Print();
}

// sessions_bench [TEXT]           only what has TEXT in its name
// sessions_bench profile|parts    what Signet spends its time on, with functions or without
int Main(int argc, char** argv) {
  RaiseLimits();
  AdoptOrphans();
  const Authority authority;
  const Sink sink;
  test::Slapd slapd;
  const World world{authority, sink, slapd.host_and_port()};
  const std::string wanted = argc > 1 ? argv[1] : "";
  if (wanted == "profile" || wanted == "parts") {
    Profile(world, wanted == "profile");
    return 0;
  }
  Field field = MakeField(world);
  if (!wanted.empty()) {
    std::erase_if(field.subjects, [&](const Subject& subject) {
      return subject.name.find(wanted) == std::string::npos;
    });
    MeasureCpu(&field, world);
    return 0;
  }
  MeasureCpu(&field, world);
  MeasureRates(&field, world);
  return 0;
}

}  // namespace
}  // namespace signet::bench

int main(int argc, char** argv) { return signet::bench::Main(argc, argv); }
