#ifndef SIGNET_SRC_SERVER_ADMINISTRATION_H_
#define SIGNET_SRC_SERVER_ADMINISTRATION_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/report/decisions.h"
#include "src/report/metrics.h"
#include "src/server/control.h"
#include "src/server/control_answers.h"
#include "src/smtp/site.h"

namespace signet::server {

// What a server tells its administrator while it runs: the decisions that it keeps, and the
// control socket on which it is asked.
//
//   Threads   one owner; the socket's thread answers beside it.
//   Lifetime  outlives the sessions; the log outlives it. CloseSocket() comes before the
//             workers end.
class Administration {
 public:
  Administration(std::string version, Log& log);
  ~Administration();

  // To be called once, before anybody can ask.
  void SetProcesses(pid_t main_pid, std::uint64_t restarts) {
    facts_.main_pid = main_pid;
    facts_.restarts = restarts;
  }

  report::DecisionStore* decisions() { return &decisions_; }

  // Another instance has the path of the control socket until ours is in use.
  void ReplaceAnother() { replaces_ = true; }

  // What a configuration wants, but not in use yet; nothing of it can fail any more.
  //   Errors  text for the log.
  struct Prepared {
    std::unique_ptr<ControlSocket> socket;  // nullptr: none, or the one that is there
    bool keep = false;
  };
  Result<Prepared, std::string> Prepare(const config::Main& main);
  // A configuration is in use from now on.
  void Adopt(Prepared prepared, const smtp::SitePtr& site);
  // They are there, and stay as long as this is asked.
  void Watch(const Workers* workers, report::Metrics* metrics);

  // Clients that have asked to load the configuration again, and wait for the outcome. Whoever
  // asks has SIGHUP sent to this process.
  std::vector<ControlSocket::Reply> TakeReloads();
  // The outcome of a reload, for those and for "status".
  void Reloaded(const LoadOutcome& outcome, const std::vector<ControlSocket::Reply>& replies);
  // What another instance that takes over has asked. Whoever asks has PeerSignal() sent to this
  // process.
  struct PeerRequest {
    ControlRequest request;
    ControlSocket::Reply reply;
  };
  std::vector<PeerRequest> TakePeerRequests();
  // The file of decisions is another instance's from now on.
  void LeaveFile() { (void)decisions_.KeepIn("", &log_); }
  // Nobody is answered any more.
  void CloseSocket() {
    socket_.reset();
    retired_.reset();
  }

 private:
  void Answer(const ControlRequest& request, const ControlSocket::Reply& reply);

  Log& log_;
  report::DecisionStore decisions_;
  std::mutex mutex_;  // all below but the socket
  StatusFacts facts_;
  report::Metrics* metrics_ = nullptr;
  std::vector<ControlSocket::Reply> reloads_;
  std::vector<PeerRequest> peers_;
  bool replaces_ = false;  // the owner's
  std::unique_ptr<ControlSocket> socket_;
  std::unique_ptr<ControlSocket> retired_;  // the last one with another path
};

}  // namespace signet::server
#endif
