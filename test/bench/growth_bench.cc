// Whether a session costs the same when there is more of everything: sessions held beside it,
// accounts and certificates, revocations. See doc/performance.md.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "test/bench/measure.h"
#include "test/bench/peers.h"
#include "test/support/slapd.h"

namespace signet::bench {
namespace {

constexpr int kAtOnce = 50;

// Milliseconds of server CPU per session.
double Cost(const Server& server, const CredentialsList& credentials, int sessions) {
  LoadOptions options = server.load;
  options.credentials = credentials;
  options.sessions = sessions;
  options.at_once = kAtOnce;
  Load load(options);
  const double before = SettledCpuSeconds(server.pid);
  Demand(load.Run(), "Signet");
  return (SettledCpuSeconds(server.pid) - before) * 1000 / sessions;
}

// What is there at the first size is measured anew beside each of the others, so that a machine
// whose speed drifts is no part of the ratio.
class Growth {
 public:
  Growth(std::string title, std::string what)
      : table_(std::move(title),
               {std::move(what), "ms of server CPU per session", "× that of the smallest"}) {}
  // `small` and `large` are measured by turns; returns the median ratio.
  double Compare(double size, const std::function<double()>& small,
                 const std::function<double()>& large) {
    std::vector<double> ms, ratios;
    for (int round = 0; round < Times(5, 3); ++round) {
      const double first = small();
      ms.push_back(large());
      ratios.push_back(ms.back() / first);
    }
    table_.Row({Number(size, 0), Number(Median(ms), 3), Number(Median(ratios), 2)});
    return Median(ratios);
  }
  void Note(const std::string& text) { table_.Note(text); }
  void Print() const { table_.Print(); }

 private:
  Table table_;
};

void MeasureIdle(const World& world) {
  const int sessions = Times(400, 200);
  Growth growth("Cost of a session beside idle ones", "idle TLS sessions held");
  const Server few = MakeSignet(world, {}), many = MakeSignet(world, {});
  const CredentialsList& known = world.authority.known();
  const auto hold = [&](const Server& server, int count) {
    LoadOptions options = server.load;
    options.credentials = known;
    options.sessions = count;
    options.deadline_seconds = 200;
    auto load = std::make_unique<Load>(options);
    Demand(load->Hold(true), "Signet, idle sessions");
    return load;
  };
  std::vector<std::unique_ptr<Load>> held;
  held.push_back(hold(few, 10));
  int there = 0;
  double last = 0;
  for (const int count : {10, 1'000, Times(Holdable(10'000), 2'000)}) {
    held.push_back(hold(many, count - there));
    there = count;
    last = growth.Compare(
        count, [&] { return Cost(few, known, sessions); },
        [&] { return Cost(many, known, sessions); });
  }
  growth.Print();
  Figure("grown_idle", last);
}

// A directory with accounts user0@example.org and on.
std::string AccountsLdif(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string mail = "user" + std::to_string(i) + "@example.org";
    text += "dn: mailname=" + mail +
            ",ou=users,dc=example,dc=org\nobjectClass: mailAccount\nmailname: " + mail +
            "\nmailid: " + std::to_string(10'000 + i) + "\n\n";
  }
  return text;
}

void MeasureAccounts(const World& world) {
  const int sessions = 1'000;  // each account's once
  Growth growth("Cost of a session with more accounts", "accounts, each with a certificate");
  const test::Slapd one(AccountsLdif(1)), all(AccountsLdif(1'000));
  const CredentialsList certificates = world.authority.Accounts(1'000);
  const World small{world.authority, world.sink, one.host_and_port()};
  const World large{world.authority, world.sink, all.host_and_port()};
  const Server few = MakeSignet(small, {}), many = MakeSignet(large, {});
  double last = 0;
  for (const std::size_t count : {1, 100, 1'000}) {
    const CredentialsList some(certificates.begin(),
                               certificates.begin() + static_cast<std::ptrdiff_t>(count));
    const CredentialsList first(certificates.begin(), certificates.begin() + 1);
    Cost(few, first, 20);
    Cost(many, some, static_cast<int>(count));  // each chain has been seen once
    last = growth.Compare(
        static_cast<double>(count), [&] { return Cost(few, first, sessions); },
        [&] { return Cost(many, some, sessions); });
  }
  growth.Note("Each chain has been seen before.");
  growth.Print();
  Figure("grown_accounts", last);
}

void MeasureRevocations(const World& world) {
  const int sessions = Times(400, 200);
  Growth growth("Cost of a session with more revocations", "entries of the revocation list");
  test::TempDir directory;
  const auto with = [&](int entries) {
    testing::CrlSpec spec;
    for (int i = 0; i < entries; ++i) {
      std::string serial = "\x10\x20\x30";
      for (int shift = 24; shift >= 0; shift -= 8)
        serial.push_back(static_cast<char>(i >> shift & 0xff));
      spec.serials.push_back(serial);
    }
    const std::string file = directory / (std::to_string(entries) + ".pem");
    test::WriteFile(file, testing::PemBlock(
                              "X509 CRL", testing::MakeCrl(spec, world.authority.intermediate())));
    return MakeSignet(world, {.main_options = "tls_crl = " + file});
  };
  const Server few = with(10);
  const auto fresh = [&] { return world.authority.Fresh("alice@example.org", sessions); };
  double last = 0;
  for (const int entries : {10, 1'000, 50'000}) {
    const Server many = with(entries);
    last = growth.Compare(
        entries, [&] { return Cost(few, fresh(), sessions); },
        [&] { return Cost(many, fresh(), sessions); });
  }
  growth.Note("No chain has been seen before: each is looked up in the list.");
  growth.Print();
  Figure("grown_crl", last);
}

int Main() {
  RaiseLimits();
  AdoptOrphans();
  const Authority authority;
  const Sink sink;
  test::Slapd slapd;
  const World world{authority, sink, slapd.host_and_port()};
  MeasureIdle(world);
  MeasureAccounts(world);
  MeasureRevocations(world);
  return 0;
}

}  // namespace
}  // namespace signet::bench

int main() { return signet::bench::Main(); }
