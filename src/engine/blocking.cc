#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "src/base/limits.h"
#include "src/engine/loop.h"

namespace signet::engine {
namespace {

// Threads for what has no asynchronous form. They start when there is work that no idle
// one can take, up to limits::kBlockingThreads, and then stay. Answers, which may take
// long, get limits::kBlockingForAnswers of them at most.
class BlockingPool {
 public:
  void Add(std::function<void()> job, bool answer) {
    std::unique_lock lock(mutex_);
    std::deque<std::function<void()>>& to = answer ? answers_ : jobs_;
    to.push_back(std::move(job));
    if (idle_ < Ready() && threads_ < limits::kBlockingThreads && !StartThread() && threads_ == 0) {
      // Whoever asked goes away with the exception, and what it has left here would outlive it.
      to.pop_back();
      throw std::bad_alloc();
    }
    work_.notify_one();
  }

 private:
  // How many of those that wait could begin now.
  std::size_t Ready() const {
    return jobs_.size() + std::min(answers_.size(), limits::kBlockingForAnswers - answering_);
  }

  // Signals are for the thread that waits for them. False where the system has none to give:
  // those that there are will come to it.
  bool StartThread() {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
      std::thread([this] { Work(); }).detach();
    } catch (const std::exception&) {
      started = false;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    threads_ += started;
    return started;
  }

  [[noreturn]] void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return Ready() != 0; });
      --idle_;
      const bool answer = jobs_.empty();
      std::deque<std::function<void()>>& from = answer ? answers_ : jobs_;
      std::function<void()> job = std::move(from.front());
      from.pop_front();
      if (answer) ++answering_;
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
      if (answer) --answering_;
      if (Ready() > 1) work_.notify_one();  // one is for this thread
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_, answers_;
  std::size_t answering_ = 0;
  std::size_t idle_ = 0;
  std::size_t threads_ = 0;
};

// Never destroyed: its threads may be inside a call that doesn't come back.
BlockingPool& Pool() {
  static auto* pool = new BlockingPool;
  return *pool;
}

void RunInPool(const std::function<void()>& f, bool answer) {
  if (!InCoroutine()) return f();
  Loop* loop = Loop::Current();
  Loop::Rep& rep = Loop::Rep::Here();
  Waiter waiter;
  waiter.task = Loop::Rep::CurrentTask();
  std::exception_ptr thrown;
  const auto job = [&, loop] {
    try {
      f();
    } catch (...) {
      thrown = std::current_exception();
    }
    loop->Post([&] { rep.Wake(waiter, IoStatus::kOk); });
  };
  Pool().Add(job, answer);
  rep.Wait(waiter, Deadline::Never(), Loop::Rep::Cancel::kNo);
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

void Blocking(const std::function<void()>& f) { RunInPool(f, false); }
void BlockingForAnswer(const std::function<void()>& f) { RunInPool(f, true); }

}  // namespace signet::engine
