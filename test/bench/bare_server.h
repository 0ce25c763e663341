#ifndef SIGNET_TEST_BENCH_BARE_SERVER_H_
#define SIGNET_TEST_BENCH_BARE_SERVER_H_

#include <sys/types.h>

#include <string>

namespace signet::bench {

// The least that a server can do with GnuTLS: one thread, one loop, answers that are constants.
// No directory, no log, no limits, no mail. What it costs is the limit for everybody who uses
// this library.
class BareServer {
 public:
  struct Options {
    std::string certificate, key, client_ca;  // PEM files
    bool verify = true;                       // each chain anew; false: as if it were known already
    bool tickets = false;
  };
  explicit BareServer(const Options& options);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  int port() const { return port_; }
  pid_t pid() const { return pid_; }

 private:
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace signet::bench
#endif
