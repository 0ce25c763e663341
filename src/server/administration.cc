#include "src/server/administration.h"

#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "src/server/signals.h"

namespace signet::server {

Administration::Administration(std::string version, Log& log) : log_(log) {
  facts_.version = std::move(version);
  facts_.started = std::time(nullptr);
}

Administration::~Administration() { CloseSocket(); }

Result<Administration::Prepared, std::string> Administration::Prepare(const config::Main& main) {
  const std::string& path = main.control_socket.text;
  Prepared prepared;
  // One that somebody has removed is made again.
  prepared.keep = socket_ != nullptr && socket_->path() == path && socket_->IsThere();
  if (path.empty() || prepared.keep) return prepared;
  auto opened = ControlSocket::Open(
      path,
      [this](const ControlRequest& request, const ControlSocket::Reply& reply) {
        Answer(request, reply);
      },
      ControlSocket::Bounds(),
      replaces_ ? ControlSocket::Place::kOfAnother : ControlSocket::Place::kFree);
  if (!opened) return Err{opened.error()};
  prepared.socket = std::move(opened).value();
  return prepared;
}

// Trouble with the file is no reason not to serve.
void Administration::Adopt(Prepared prepared, const smtp::SitePtr& site) {
  const config::Main& main = site->config->main;
  if (!prepared.keep) {
    // Somebody may wait there for the outcome of this.
    if (socket_ != nullptr) socket_->Retire();
    retired_ = std::exchange(socket_, std::move(prepared.socket));
    const std::string wrong = socket_ != nullptr ? socket_->TakePlace() : "";
    if (!wrong.empty()) log_.Panic(wrong);
    replaces_ = false;
  }
  decisions_.SetNumber(static_cast<std::size_t>(main.decisions_kept));
  const std::string file = main.decisions_kept > 0 ? main.decisions_file.text : "";
  const auto kept = decisions_.KeepIn(file, &log_);
  if (!kept) log_.Panic("decisions are kept in memory only: " + kept.error());
  const std::lock_guard lock(mutex_);
  facts_.site = site;
  facts_.loaded = std::time(nullptr);
  facts_.decisions_file = kept ? file : "";
}

void Administration::Watch(const Workers* workers, report::Metrics* metrics) {
  const std::lock_guard lock(mutex_);
  facts_.workers = workers;
  metrics_ = metrics;
}

std::vector<ControlSocket::Reply> Administration::TakeReloads() {
  const std::lock_guard lock(mutex_);
  return std::exchange(reloads_, {});
}

std::vector<Administration::PeerRequest> Administration::TakePeerRequests() {
  const std::lock_guard lock(mutex_);
  return std::exchange(peers_, {});
}

void Administration::Reloaded(const LoadOutcome& outcome,
                              const std::vector<ControlSocket::Reply>& replies) {
  {
    const std::lock_guard lock(mutex_);
    facts_.last_reload = outcome;
  }
  const std::string answer = AnswerReload(outcome);
  for (const ControlSocket::Reply& reply : replies) reply(answer);
}

void Administration::Answer(const ControlRequest& request, const ControlSocket::Reply& reply) {
  using What = ControlRequest::What;
  std::unique_lock lock(mutex_);
  if (request.what == What::kReload) {
    reloads_.push_back(reply);
    lock.unlock();
    ::kill(::getpid(), SIGHUP);
    return;
  }
  if (request.what == What::kTakeOver || request.what == What::kLeave) {
    peers_.push_back({request, reply});
    lock.unlock();
    ::kill(::getpid(), PeerSignal());
    return;
  }
  StatusFacts facts = facts_;
  if (metrics_ != nullptr) facts.lookups = metrics_->lookup_health().States();
  lock.unlock();
  if (request.what == What::kStatus) return reply(AnswerStatus(facts, decisions_));
  const std::size_t kept_most =
      facts.site == nullptr ? 0 : static_cast<std::size_t>(facts.site->config->main.decisions_kept);
  reply(AnswerAboutDecisions(decisions_, kept_most, request));
}

}  // namespace signet::server
