#ifndef SIGNET_TEST_BENCH_LOAD_H_
#define SIGNET_TEST_BENCH_LOAD_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

// Many SMTP sessions at once from one thread. Uses OpenSSL, so that client and server do
// not share a TLS library.
namespace signet::bench {

// Client certificates, parsed: leaf, then the rest of the chain, and the leaf's key.
class Credentials {
 public:
  static std::shared_ptr<Credentials> FromPem(const std::string& chain, const std::string& key);
  ~Credentials();

 private:
  friend class Load;
  friend struct Session;
  struct Rep;
  std::unique_ptr<Rep> rep_;
};
using CredentialsList = std::vector<std::shared_ptr<Credentials>>;

struct LoadOptions {
  int port = 0;
  int sessions = 1;
  int at_once = 50;
  // Each session takes the next one, beginning anew after the last; empty: none.
  CredentialsList credentials;
  double deadline_seconds = 60;
  bool tls_on_connect = false;  // no STARTTLS
  bool tls12 = false;           // TLS 1.2 and nothing else; otherwise 1.3
  // All but the first session, which is not counted, must be resumed; else none may be.
  bool resume = false;
  std::string auth;  // a command after the handshake that must be answered with 235
  int messages = 0;  // of 1 KiB, in each session
  std::string sender = "alice@example.org";
  // Counts sessions while they run.
  struct Progress {
    int good = 0, bad = 0;
  };
  Progress* progress = nullptr;
};

struct LoadResult {
  int good = 0;  // handshake as wanted, every reply as wanted, then QUIT
  int bad = 0;   // anything else
  std::string first_problem;
  double seconds = 0;             // from the first connect to the last end
  std::vector<double> latencies;  // seconds of each good session, sorted
};

class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load();
  // All sessions from connect to QUIT: greeting, EHLO, STARTTLS, handshake, EHLO, what the
  // options say, QUIT.
  LoadResult Run();
  // The same, without QUIT: sessions stay open after the last answer before it, or, where
  // `answered` is false, after having sent their second EHLO.
  LoadResult Hold(bool answered);
  // Asks each of the sessions that are held for a reply; how many gave it.
  int CountAlive();
  // NOOP on the sessions that are held, by turns: seconds to each reply, sorted; fewer than
  // `count` where a server takes its time. Empty: one has failed.
  std::vector<double> Ping(int count, double pause_seconds);
  void Release();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// A load in a process of its own, which goes on until Stop or the end of the object, for at most
// a minute. `sessions` is of no account.
class LoadProcess {
 public:
  explicit LoadProcess(LoadOptions options);
  ~LoadProcess();
  LoadProcess(const LoadProcess&) = delete;
  LoadProcess& operator=(const LoadProcess&) = delete;
  LoadOptions::Progress progress() const;
  void Stop();

 private:
  pid_t pid_ = -1;
  LoadOptions::Progress* progress_ = nullptr;
};

}  // namespace signet::bench
#endif
