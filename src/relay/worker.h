#ifndef SIGNET_SRC_RELAY_WORKER_H_
#define SIGNET_SRC_RELAY_WORKER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/relay/connection.h"
#include "src/relay/relay.h"

// What a worker remembers from one message to the next. Coroutines and their sockets stay
// on their thread, so this does too: nothing here is locked.
namespace signet::relay {

// Connections that wait for another message. Bounded by kUpstreamIdleMax.
class IdleConnections {
 public:
  // One on the same terms that nothing has come in on since (rule U9), or nullptr.
  std::unique_ptr<Connection> Take(const Terms& terms);
  // Keeps it once RSET has been answered, which is asked in a coroutine of its own, or says
  // QUIT where it is not to be used again.
  void Keep(std::unique_ptr<Connection> connection);
  std::size_t size() const { return idle_.size(); }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    Deadline until;
  };
  void Add(std::unique_ptr<Connection> connection);
  void Sweep();

  std::vector<Idle> idle_;  // the oldest first
  bool sweeping_ = false;   // a coroutine ends those whose time is over
};

// Hosts that could not be reached or would not talk: they come last for a while. At most
// kUpstreamHostsRemembered.
class FailingHosts {
 public:
  void Note(const std::string& host);
  void Forget(const std::string& host) { until_.erase(host); }
  bool Contains(const std::string& host) const;
  std::size_t size() const { return until_.size(); }

 private:
  std::map<std::string, Deadline> until_;
};

// What upstreams said about addresses, for a while. At most kCallForwardKept.
class ProbeAnswers {
 public:
  const Reply* Find(const std::string& key) const;
  void Note(const std::string& key, const Reply& reply);
  std::size_t size() const { return answers_.size(); }

 private:
  struct Answer {
    Reply reply;
    Deadline until;
  };
  std::map<std::string, Answer> answers_;
};

struct WorkerMemory {
  IdleConnections idle;
  FailingHosts failing;
  ProbeAnswers probes;
};
WorkerMemory& ThisWorker();

}  // namespace signet::relay
#endif
