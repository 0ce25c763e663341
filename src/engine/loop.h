#ifndef SIGNET_SRC_ENGINE_LOOP_H_
#define SIGNET_SRC_ENGINE_LOOP_H_

#include <sys/epoll.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "src/engine/coroutine.h"
#include "src/engine/engine.h"
#include "src/engine/timers.h"

// What is behind engine.h; included by src/engine alone.
namespace signet::engine {

struct Task;

// One wait of one coroutine. Whoever ends the wait calls Loop::Rep::Wake.
struct Waiter : Timer {
  Task* task = nullptr;
  IoStatus status = IoStatus::kOk;
  bool ended = false;
  bool listed = false;         // by an Event
  Waiter* previous = nullptr;  // of the same Event
  Waiter* next = nullptr;
};

// A coroutine as its loop sees it.
struct Task {
  std::unique_ptr<Coroutine> coroutine;
  Priority priority = Priority::kEstablished;
  Waiter* waiting = nullptr;                        // what a cancellation ends
  const std::function<void()>* for_loop = nullptr;  // to be run on the loop's stack
  Waiter io;  // its wait for a descriptor: here, because its stack may be packed meanwhile
  bool idle = false;
  StackIs stack = StackIs::kSeen;  // while idle
  bool cooled = false;             // gave its unused stack back in this wait
  unsigned idle_since = 0;         // tick of Loop::Rep at which this wait began
  unsigned unpaused = 0;           // I/O calls since it last waited
  Task* previous = nullptr;        // all tasks of the loop
  Task* next = nullptr;
};

// A descriptor known to a loop's epoll, from its first wait to its closing.
struct Registration {
  Loop::Rep* loop = nullptr;  // nullptr once the loop is gone
  int fd = -1;
  bool readable = false;  // an edge was seen since somebody last waited
  bool writable = false;
  Waiter* reader = nullptr;
  Waiter* writer = nullptr;
  Registration* previous = nullptr;
  Registration* next = nullptr;
};

enum class Sharing : std::uint8_t { kOwn, kShared };  // kShared: several loops accept on it

struct Loop::Rep {
  Rep();
  ~Rep();
  // Of the calling thread, which must be running one and be inside a coroutine.
  static Rep& Here();
  static Task* CurrentTask();  // nullptr outside coroutines

  void Run();
  bool Spawn(std::function<void()> body);
  void Post(std::function<void()> task);
  void CancelAll();
  void CancelIdle();
  bool Cancels(const Task& task) const { return cancelling_ || (cancelling_idle_ && task.idle); }

  // Suspends the running coroutine until Wake or the deadline. `waiter` is fresh.
  enum class Cancel : std::uint8_t { kYes, kNo };
  IoStatus Wait(Waiter& waiter, Deadline deadline, Cancel cancel = Cancel::kYes);
  void Wake(Waiter& waiter, IoStatus status);
  void YieldTask();
  void RunOutside(const std::function<void()>& f);

  Registration* Register(int fd, Sharing sharing);  // nullptr: errno says why
  void Unregister(Registration* registration);

  std::size_t alive = 0;

 private:
  void Enqueue(Task* task);
  void RunTask(Task* task);
  void EndTask(Task* task);
  void Harvest(int timeout_ms);
  void TakeEvent(const epoll_event& event);
  void ExpireTimers();
  void RunMailbox();
  void RunEstablished();
  void RunOneHandshake();
  void TrimAfterBurst();
  void NoteIdle(Task* task);
  void CoolIdle();
  int TimeoutMs() const;

  int epoll_ = -1;
  int mailbox_event_ = -1;
  bool cancelling_ = false;
  bool cancelling_idle_ = false;
  void CancelWaits();
  StackPool stacks_;
  Timers timers_;
  Timer trim_;
  Timer cool_;
  unsigned tick_ = 0;  // of cool_
  std::deque<Task*> established_;
  std::deque<Task*> handshakes_;
  Task* tasks_ = nullptr;
  Registration* registrations_ = nullptr;
  std::vector<epoll_event> events_;
  std::mutex mailbox_mutex_;
  std::vector<std::function<void()>> mailbox_;
};

}  // namespace signet::engine
#endif
