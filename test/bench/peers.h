#ifndef SIGNET_TEST_BENCH_PEERS_H_
#define SIGNET_TEST_BENCH_PEERS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/bench/load.h"
#include "test/support/certificates.h"
#include "test/support/gateway.h"
#include "test/support/process.h"

// The servers that are measured beside each other, all of them in front of the same sink.
namespace signet::bench {

// A P-256 leaf, a P-256 intermediate and a P-384 root, as files for the servers and as
// credentials for the clients.
class Authority {
 public:
  Authority();
  std::string path(const std::string& name) const { return directory_ / name; }
  const testing::Issued& intermediate() const { return intermediate_; }

  // `count` certificates that nobody has seen, for one account and one key. The first of them
  // is left as client.pem and client.key.
  CredentialsList Fresh(const std::string& mail, int count) const;
  // One for each account userN@example.org, N from 0.
  CredentialsList Accounts(int count) const;
  // Alice's, always the same. Its fingerprint is what Postfix knows her by.
  const CredentialsList& known() const { return known_; }
  std::string known_fingerprint() const;
  // Alice's, by an authority of the same names that nobody trusts.
  const CredentialsList& untrusted() const { return untrusted_; }

 private:
  std::string Leaf(const std::string& mail) const;

  test::TempDir directory_;
  testing::Key key_;
  testing::Issued root_, intermediate_;
  std::string known_der_;
  CredentialsList known_, untrusted_;
};

// Takes all mail and throws it away: Postfix's smtp-sink, the same one for all servers.
class Sink {
 public:
  Sink();
  int port() const { return port_; }
  long messages() const;  // so far

 private:
  int port_;
  std::unique_ptr<test::Process> process_;
};

// A running server under measurement.
struct Server {
  std::string name;
  pid_t pid = 0;     // all of the server is below it
  LoadOptions load;  // port, and what its clients have to do
  bool resumes = true, has_tls12 = true, relays = true;
  int most_idle = 1000;  // sessions that it can hold with reason
  std::shared_ptr<void> owner;
  test::Gateway* gateway = nullptr;  // of Signet
};

struct World {
  const Authority& authority;
  const Sink& sink;
  std::string ldap;  // host and port of the directory
};

struct SignetOptions {
  bool ldap = true;
  bool resumption = false;
  std::string main_options;
  std::string client_ca;                                   // instead of the authority's
  std::string acls;                                        // more of them, behind the others
  std::vector<std::pair<std::string, std::string>> edits;  // as in Gateway::Options
};
Server MakeSignet(const World& world, const SignetOptions& options);
Server MakeExim(const World& world, bool ldap, bool resumption);
Server MakePostfix(const World& world);
Server MakeNginx(const World& world);
Server MakeDovecot(const World& world);
Server MakeHaproxy(const World& world);

// Ends the program with a message unless the server does what it is measured for: a client with
// a certificate has its message relayed, and one without, or with one that an untrusted
// authority has made, has not.
void DemandAuthentication(const Server& server, const World& world);

// Ends the program with a message unless all sessions were good.
void Demand(const LoadResult& result, const std::string& what);

}  // namespace signet::bench
#endif
