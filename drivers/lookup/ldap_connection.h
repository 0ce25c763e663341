#ifndef SIGNET_DRIVERS_LOOKUP_LDAP_CONNECTION_H_
#define SIGNET_DRIVERS_LOOKUP_LDAP_CONNECTION_H_

#include <signet/driver_cpp.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drivers/lookup/ldap_codec.h"
#include "drivers/lookup/ldap_query.h"

namespace signet::ldap {

// limits.h of the program has the same numbers under kLdap… and kDirectory…; a test
// compares them.
inline constexpr std::size_t kInFlightAnonymous = 64;  // slapd closes at 100 pending
inline constexpr std::size_t kInFlightBound = 256;
inline constexpr std::int64_t kConnectMs = 3'000;  // TCP, TLS and bind
inline constexpr std::int64_t kAnswerMs = 5'000;   // one search at one server
// A connection on which nothing has come for so long while an answer is due is asked
// something that every server can answer at once.
inline constexpr std::int64_t kProbeAfterMs = 2'000;
inline constexpr std::int64_t kIdleMaxMs = 300'000;

struct TlsOptions {
  std::string ca_file, ca_directory, certificate_file, key_file, ciphers;
  bool verify = true;
  bool operator==(const TlsOptions&) const = default;
};

// One server and one bind identity: what a connection is for.
struct Target {
  Server server;  // with its port
  Security security = Security::kClear;
  std::string user, password;
  TlsOptions tls;
  bool operator==(const Target&) const = default;
  ~Target();  // wipes the password
};

// How a search ended.
struct SearchEnd {
  enum Kind : std::uint8_t {
    kAnswered,  // by the server: `code`, entries
    kBad,       // the request itself cannot be sent, to no server: `why`
    kTooLarge,  // over a limit of ours: `why`
    kTimeout,   // no answer in time, from a server that otherwise is alive
    kDead,      // the connection failed before the answer: `why`
    kStopping,  // the program is
  } kind = kDead;
  int code = 0;
  std::string text, matched;
  std::vector<Entry> entries;
  // Where the server sends us for more: each entry is one place, by its URLs.
  std::vector<std::vector<std::string>> references;
  std::string why;
};

// A connection to a directory, shared by all sessions of a worker: many searches are in
// flight at once and each caller waits for its own. Two tasks belong to it: one connects,
// binds and then reads; one writes.
//
//   Lifetime  shared by its tasks, its callers and the pool: whoever is last frees it.
//             Start() must have been called.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class State : std::uint8_t { kOpening, kReady, kDead };

  Connection(const signet_host* host, signet_worker* worker, Target target);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Start();
  State state() const { return state_; }
  const Target& target() const { return target_; }
  // Why it is dead, for the log.
  const std::string& why() const { return why_; }
  // LDAP code of a bind that was refused; 0 where it did not come to that.
  int bind_code() const { return bind_code_; }
  // Whether the server, not just this connection, is to be left alone for a while; and
  // whether that showed by silence, which costs time to find out again.
  bool server_failed() const { return server_failed_; }
  bool was_silent() const { return was_silent_; }
  bool idle() const { return waiting_.empty() && queue_.empty(); }
  std::int64_t last_used_ms() const { return last_used_ms_; }
  std::size_t in_flight() const { return waiting_.size(); }

  // Waits until the connection is ready or dead (waits).
  signet_io WaitOpen(std::int64_t deadline_ms);
  // Sends a search as soon as there is room and waits for its end (waits).
  SearchEnd Search(const SearchRequest& request, std::int64_t deadline_ms);
  // Ends it now: everybody who waits gets kDead. Does not wait.
  void Kill(std::string why);

 private:
  struct Waiter;

  void Run();  // the reading task
  std::string Open();
  std::string OpenTls(std::int64_t deadline_ms);
  std::string StartTls(std::int64_t deadline_ms);
  std::string Bind(std::int64_t deadline_ms);
  std::string Exchange(int id, std::int64_t deadline_ms, Message* answer);
  std::string Flush(std::int64_t deadline_ms);
  void ReadLoop();
  void WriteLoop();
  static void AddReference(std::vector<std::string> urls, Waiter* waiter);
  void Dispatch(Message message);
  void Pump();
  void Send(Waiter* waiter);
  void Finish(Waiter* waiter, SearchEnd::Kind kind, std::string why = "");
  void Withdraw(Waiter* waiter);
  void ProbeIfSilent(const Waiter& waiter);
  bool Silent(const Waiter& waiter) const;
  SearchEnd GiveUp(Waiter* waiter, signet_io how);
  std::string Name() const;

  const signet_host* host_;
  signet_worker* worker_;
  Target target_;
  State state_ = State::kOpening;
  std::string why_;
  int bind_code_ = 0;
  bool server_failed_ = false, was_silent_ = false;

  driver::Stream stream_;
  Codec codec_;
  driver::Event changed_;           // state_ changed
  driver::Event output_;            // there is something to write, or the end has come
  std::map<int, Waiter*> waiting_;  // by message id; in flight
  std::deque<Waiter*> queue_;       // not sent yet
  int probe_ = 0;                   // message id of a probe that is under way
  std::int64_t last_octets_ms_ = 0, last_used_ms_ = 0;
  std::vector<char> buffer_;
};

}  // namespace signet::ldap
#endif
