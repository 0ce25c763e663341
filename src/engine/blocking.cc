#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "src/base/limits.h"
#include "src/engine/loop.h"

namespace signet::engine {
namespace {

// Threads for what has no asynchronous form. They start when there is work that no idle
// one can take, up to limits::kBlockingThreads, and then stay.
class BlockingPool {
 public:
  void Add(std::function<void()> job) {
    std::unique_lock lock(mutex_);
    jobs_.push_back(std::move(job));
    if (idle_ < jobs_.size() && threads_ < limits::kBlockingThreads) StartThread();
    work_.notify_one();
  }

 private:
  // Signals are for the thread that waits for them.
  void StartThread() {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { Work(); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ++threads_;
  }

  [[noreturn]] void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return !jobs_.empty(); });
      --idle_;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_;
  std::size_t idle_ = 0;
  std::size_t threads_ = 0;
};

// Never destroyed: its threads may be inside a call that doesn't come back.
BlockingPool& Pool() {
  static auto* pool = new BlockingPool;
  return *pool;
}

}  // namespace

void Blocking(const std::function<void()>& f) {
  if (!InCoroutine()) return f();
  Loop* loop = Loop::Current();
  Loop::Rep& rep = Loop::Rep::Here();
  Waiter waiter;
  waiter.task = Loop::Rep::CurrentTask();
  std::exception_ptr thrown;
  Pool().Add([&, loop] {
    try {
      f();
    } catch (...) {
      thrown = std::current_exception();
    }
    loop->Post([&] { rep.Wake(waiter, IoStatus::kOk); });
  });
  rep.Wait(waiter, Deadline::Never(), Loop::Rep::Cancel::kNo);
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace signet::engine
