#include "src/server/signals.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <ctime>

namespace signet::server {
namespace {

// All but those that a fault raises in the thread itself.
sigset_t Blocked() {
  sigset_t set;
  ::sigfillset(&set);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&set, fault);
  }
  return set;
}

sigset_t Awaited() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, MasterStop(), PeerSignal()})
    ::sigaddset(&set, signal);
  return set;
}

}  // namespace

// One that is queued: a second SIGTERM is none while the first has not been taken.
int MasterStop() { return SIGRTMIN; }
int PeerSignal() { return SIGRTMIN + 1; }

Signals::Signals(bool has_master) : has_master_(has_master) {
  ::signal(SIGPIPE, SIG_IGN);
  // A shell's background job begins with SIGINT ignored; blocked and ignored would be lost.
  for (int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT}) ::signal(signal, SIG_DFL);
  const sigset_t set = Blocked();
  ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

Request Signals::Wait(Deadline deadline) {
  const sigset_t set = Awaited();
  for (;;) {
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
    const auto left = std::min<std::chrono::milliseconds>(deadline.Remaining(), kLongest);
    const timespec time{static_cast<time_t>(left.count() / 1000),
                        static_cast<long>(left.count() % 1000 * 1'000'000)};
    const int signal = ::sigtimedwait(&set, nullptr, &time);
    if (signal == MasterStop()) return Request::kStop;
    if (signal == PeerSignal()) return Request::kPeer;
    switch (signal) {
      case SIGHUP:
        return Request::kReload;
      case SIGUSR1:
        return Request::kReopen;
      case SIGUSR2:
        return Request::kCounters;
      case SIGTERM:
      case SIGINT:
        if (has_master_) break;
        return Request::kStop;
      default:
        if (deadline.Passed()) return Request::kNone;
    }
  }
}

}  // namespace signet::server
