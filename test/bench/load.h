#ifndef SIGNET_TEST_BENCH_LOAD_H_
#define SIGNET_TEST_BENCH_LOAD_H_

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
};

struct LoadResult {
  int good = 0;  // full TLS 1.3 handshake, EHLO answered with 250, then QUIT
  int bad = 0;   // anything else
  std::string first_problem;
  double seconds = 0;             // from the first connect to the last end
  std::vector<double> latencies;  // seconds of each good session, sorted
};

class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load();
  // All sessions from connect to QUIT: greeting, EHLO, STARTTLS, handshake, EHLO, QUIT.
  LoadResult Run();
  // The same, without QUIT: sessions stay open after the answer to their second EHLO, or,
  // where `answered` is false, after having sent it.
  LoadResult Hold(bool answered);
  void Release();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::bench
#endif
