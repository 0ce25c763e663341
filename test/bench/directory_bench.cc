// CPU time that one directory search costs us, everything included but the session: the
// query's text in, the value's text out, over one connection to a real server.
#include <time.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/bench/measure.h"
#include "test/support/slapd.h"

namespace {

using namespace signet;

double CpuMicroseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Measured {
  double us_per_search = 0;
  int failed = 0;
};

Measured Measure(lookup::Worker& worker, int handle, int at_once, int searches) {
  constexpr const char kQuery[] =
      "ldap:///mailname=alice%40example.org,ou=users,dc=example,dc=org?mailid";
  Measured measured;
  int left = searches, running = at_once;
  engine::Event all;
  const double before = CpuMicroseconds();
  for (int i = 0; i < at_once; ++i)
    engine::Loop::Current()->Spawn([&] {
      while (left-- > 0) {
        lookup::PerConnection connection(worker);
        const auto answer =
            connection.Find({handle, "", kQuery, ""}, Deadline::After(std::chrono::seconds(10)));
        measured.failed += answer.text != "1001";
      }
      if (--running == 0) all.Signal();
    });
  while (running > 0) all.Wait(Deadline::After(std::chrono::seconds(60)));
  measured.us_per_search = (CpuMicroseconds() - before) / searches;
  return measured;
}

}  // namespace

int main() {
  test::Slapd slapd;
  const auto registry = drivers::Registry::MakeBuiltin();
  auto config = std::make_shared<config::Config>();
  config->main.driver_options["ldap_default_servers"] = slapd.host_and_port();
  int failed = 0;
  engine::RunInLoop([&] {
    lookup::Worker worker(*registry, config, nullptr);
    const int handle = registry->FindLookup("ldap")->type.handle;
    Measure(worker, handle, 64, 2'000);  // warm up
    bench::Table table("A search in the directory", {"at once", "our CPU, µs each"});
    for (const int at_once : {1, 8, 64}) {
      const Measured measured = Measure(worker, handle, at_once, 20'000);
      table.Row({std::to_string(at_once), bench::Number(measured.us_per_search, 1)});
      failed += measured.failed;
      if (at_once == 64) bench::Figure("ldap_us", measured.us_per_search);
    }
    table.Note("The query's text in, the value's text out, over one connection to a real server.");
    table.Print();
  });
  if (failed != 0) std::fprintf(stderr, "%d searches gave no answer\n", failed);
  return failed == 0 ? 0 : 1;
}
