#include "src/engine/loop.h"

#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "src/base/limits.h"

namespace signet::engine {
namespace {

using std::chrono::seconds;

constexpr std::size_t kEventsPerHarvest = 256;
constexpr seconds kTrimDelay{10};
constexpr seconds kCoolDelay{1};
constexpr std::chrono::milliseconds kCoolPause{10};
constexpr std::size_t kCoolAtOnce = 64;  // about a quarter of a millisecond
constexpr std::size_t kBurst = 64;       // unused stacks that make trimming worth while

thread_local Loop* this_loop = nullptr;
thread_local Loop::Rep* this_rep = nullptr;
thread_local Task* this_task = nullptr;

template <typename T>
void Link(T*& head, T* item) {
  item->previous = nullptr;
  item->next = head;
  if (head != nullptr) head->previous = item;
  head = item;
}

template <typename T>
void Unlink(T*& head, T* item) {
  (item->previous == nullptr ? head : item->previous->next) = item->next;
  if (item->next != nullptr) item->next->previous = item->previous;
}

}  // namespace

Loop::Rep::Rep() : events_(kEventsPerHarvest) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  mailbox_event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  SIGNET_CHECK(epoll_ >= 0 && mailbox_event_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  SIGNET_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, mailbox_event_, &event) == 0);
}

Loop::Rep::~Rep() {
  SIGNET_CHECK(tasks_ == nullptr);
  for (Registration* r = registrations_; r != nullptr; r = r->next) r->loop = nullptr;
  ::close(mailbox_event_);
  ::close(epoll_);
}

Loop::Rep& Loop::Rep::Here() {
  // A wait outside a coroutine, inside OnThreadStack for instance, would block the loop.
  SIGNET_CHECK(this_rep != nullptr && this_task != nullptr);
  return *this_rep;
}

Task* Loop::Rep::CurrentTask() { return this_task; }

// --- one turn ------------------------------------------------------------------------

void Loop::Rep::Run() {
  while (!cancelling_ || alive > 0) {
    const bool busy = !established_.empty() || !handshakes_.empty();
    Harvest(busy ? 0 : TimeoutMs());
    ExpireTimers();
    RunEstablished();
    RunOneHandshake();
  }
}

int Loop::Rep::TimeoutMs() const {
  const Timer* timer = timers_.Soonest();
  if (timer == nullptr) return -1;
  const auto left = Deadline::At(timer->when).Remaining();
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  return static_cast<int>(std::min<std::chrono::milliseconds>(left, kLongest).count());
}

// All events are taken before any coroutine runs, so none can refer to a registration
// that a coroutine has ended meanwhile.
void Loop::Rep::Harvest(int timeout_ms) {
  const int count =
      ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  SIGNET_CHECK(count >= 0 || errno == EINTR);
  bool has_mail = false;
  for (int i = 0; i < count; ++i) {
    if (events_[i].data.ptr == nullptr)
      has_mail = true;
    else
      TakeEvent(events_[i]);
  }
  if (has_mail) RunMailbox();
}

void Loop::Rep::TakeEvent(const epoll_event& event) {
  auto* registration = static_cast<Registration*>(event.data.ptr);
  constexpr std::uint32_t kEither = EPOLLERR | EPOLLHUP;
  if (event.events & (EPOLLIN | EPOLLRDHUP | kEither)) {
    registration->readable = true;
    if (registration->reader != nullptr) Wake(*registration->reader, IoStatus::kOk);
  }
  if (event.events & (EPOLLOUT | kEither)) {
    registration->writable = true;
    if (registration->writer != nullptr) Wake(*registration->writer, IoStatus::kOk);
  }
}

void Loop::Rep::ExpireTimers() {
  if (timers_.Soonest() == nullptr) return;
  const MonotonicTime now = std::chrono::steady_clock::now();
  for (Timer* timer; (timer = timers_.Soonest()) != nullptr && timer->when <= now;) {
    timers_.Remove(timer);
    if (timer == &trim_)
      TrimAfterBurst();
    else if (timer == &cool_)
      CoolIdle();
    else
      Wake(*static_cast<Waiter*>(timer), IoStatus::kTimeout);
  }
}

void Loop::Rep::RunMailbox() {
  std::uint64_t ignored = 0;
  (void)!::read(mailbox_event_, &ignored, sizeof ignored);
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task();
}

// Those that are ready now; who becomes ready meanwhile has its turn after the next
// harvest, so that a coroutine that only yields doesn't keep the loop from looking.
void Loop::Rep::RunEstablished() {
  for (std::size_t left = established_.size(); left > 0; --left) {
    Task* task = established_.front();
    established_.pop_front();
    RunTask(task);
  }
}

void Loop::Rep::RunOneHandshake() {
  if (handshakes_.empty()) return;
  Task* task = handshakes_.front();
  handshakes_.pop_front();
  RunTask(task);
}

// --- coroutines ----------------------------------------------------------------------

bool Loop::Rep::Spawn(std::function<void()> body) {
  auto coroutine = Coroutine::Make(stacks_, std::move(body));
  if (coroutine == nullptr) return false;
  auto* task = new Task;
  task->coroutine = std::move(coroutine);
  Link(tasks_, task);
  ++alive;
  Enqueue(task);
  return true;
}

void Loop::Rep::Enqueue(Task* task) {
  (task->priority == Priority::kEstablished ? established_ : handshakes_).push_back(task);
}

void Loop::Rep::RunTask(Task* task) {
  task->unpaused = 0;
  for (;;) {
    this_task = task;
    task->coroutine->Resume();
    this_task = nullptr;
    if (task->for_loop == nullptr) break;
    (*std::exchange(task->for_loop, nullptr))();
  }
  if (task->coroutine->ended()) EndTask(task);
}

void Loop::Rep::EndTask(Task* task) {
  Unlink(tasks_, task);
  delete task;
  --alive;
  if (stacks_.unused() < alive + kBurst || trim_.armed()) return;
  trim_.when = std::chrono::steady_clock::now() + kTrimDelay;
  timers_.Add(&trim_);
}

// glibc and the pool keep what a burst of connections needed until told otherwise.
void Loop::Rep::TrimAfterBurst() {
  stacks_.Trim(kBurst / 4);
  ::malloc_trim(0);
}

// An idle session keeps what it touched of its stack: work that ended long ago. Whoever has
// been idle for one to two ticks gives it back, once per wait.
void Loop::Rep::NoteIdle(Task* task) {
  task->cooled = false;
  task->idle_since = tick_;
  if (cool_.armed()) return;
  cool_.when = std::chrono::steady_clock::now() + kCoolDelay;
  timers_.Add(&cool_);
}

void Loop::Rep::CoolIdle() {
  std::size_t left = kCoolAtOnce;
  bool more = false;
  for (Task* task = tasks_; task != nullptr && left > 0; task = task->next) {
    if (!task->idle || task->cooled || task->waiting == nullptr) continue;
    more = true;
    if (task->idle_since == tick_) continue;
    const bool packs = task->stack == StackIs::kPrivate && task->waiting == &task->io;
    if (packs)
      task->coroutine->Pack();
    else
      task->coroutine->ReleaseUnused();
    task->cooled = true;
    --left;
  }
  if (!more) return;
  if (left > 0) ++tick_;
  cool_.when = std::chrono::steady_clock::now();
  cool_.when += left > 0 ? std::chrono::milliseconds(kCoolDelay) : kCoolPause;
  timers_.Add(&cool_);
}

void Loop::Rep::CancelAll() {
  cancelling_ = true;
  CancelWaits();
}

void Loop::Rep::CancelIdle() {
  cancelling_idle_ = true;
  CancelWaits();
}

void Loop::Rep::CancelWaits() {
  for (Task* task = tasks_; task != nullptr; task = task->next) {
    if (task->waiting != nullptr && Cancels(*task)) Wake(*task->waiting, IoStatus::kCancelled);
  }
}

void Loop::Rep::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
    if (mailbox_.size() > 1) return;  // whoever posted the first has rung
    // Ringing under the lock: the loop may be destroyed as soon as the task has run.
    const std::uint64_t one = 1;
    (void)!::write(mailbox_event_, &one, sizeof one);
  }
}

// --- waiting -------------------------------------------------------------------------

IoStatus Loop::Rep::Wait(Waiter& waiter, Deadline deadline, Cancel cancel) {
  Task* task = this_task;
  const bool may_cancel = cancel == Cancel::kYes;
  if (may_cancel && Cancels(*task)) return IoStatus::kCancelled;
  waiter.task = task;
  if (!deadline.never()) {
    waiter.when = deadline.when();
    timers_.Add(&waiter);
  }
  if (may_cancel) task->waiting = &waiter;
  if (task->idle) NoteIdle(task);
  task->coroutine->Suspend();
  task->waiting = nullptr;
  return waiter.status;
}

void Loop::Rep::Wake(Waiter& waiter, IoStatus status) {
  if (waiter.ended) return;
  waiter.ended = true;
  waiter.status = status;
  timers_.Remove(&waiter);
  Enqueue(waiter.task);
}

void Loop::Rep::YieldTask() {
  Task* task = this_task;
  Enqueue(task);
  task->coroutine->Suspend();
}

void Loop::Rep::RunOutside(const std::function<void()>& f) {
  std::exception_ptr thrown;
  const std::function<void()> guarded = [&] {
    try {
      f();
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  this_task->for_loop = &guarded;
  this_task->coroutine->Suspend();
  if (thrown) std::rethrow_exception(thrown);
}

Registration* Loop::Rep::Register(int fd, Sharing sharing) {
  auto registration = std::make_unique<Registration>();
  epoll_event event{};
  event.events = sharing == Sharing::kShared
                     ? EPOLLIN | EPOLLET | static_cast<std::uint32_t>(EPOLLEXCLUSIVE)
                     : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = registration.get();
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return nullptr;
  registration->loop = this;
  registration->fd = fd;
  Link(registrations_, registration.get());
  return registration.release();
}

// Explicitly, because closing a duplicated descriptor would leave epoll watching.
void Loop::Rep::Unregister(Registration* registration) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, registration->fd, nullptr);
  Unlink(registrations_, registration);
}

// --- the public face -----------------------------------------------------------------

Loop::Loop() : rep_(std::make_unique<Rep>()) {}
Loop::~Loop() = default;

void Loop::Run() {
  SIGNET_CHECK(this_rep == nullptr);
  this_loop = this;
  this_rep = rep_.get();
  rep_->Run();
  this_rep = nullptr;
  this_loop = nullptr;
}

void Loop::Stop() {
  rep_->Post([rep = rep_.get()] { rep->CancelAll(); });
}

void Loop::CancelIdle() {
  rep_->Post([rep = rep_.get()] { rep->CancelIdle(); });
}

bool Loop::Spawn(std::function<void()> body) { return rep_->Spawn(std::move(body)); }
void Loop::Post(std::function<void()> task) { rep_->Post(std::move(task)); }
Loop* Loop::Current() { return this_loop; }
std::size_t Loop::coroutines() const { return rep_->alive; }

bool InCoroutine() { return this_task != nullptr; }

void SetPriority(Priority priority) {
  if (this_task == nullptr) return;
  const bool lower = priority == Priority::kHandshake && this_task->priority != priority;
  this_task->priority = priority;
  if (lower) Yield();
}

IdleScope::IdleScope(StackIs stack) {
  if (this_task == nullptr) return;
  this_task->idle = true;
  this_task->stack = stack;
}
IdleScope::~IdleScope() {
  if (this_task != nullptr) this_task->idle = false;
}

IoResult SleepUntil(Deadline until) {
  Waiter waiter;
  const IoStatus status = Loop::Rep::Here().Wait(waiter, until);
  return {status == IoStatus::kTimeout ? IoStatus::kOk : status};
}

void Yield() {
  if (this_task != nullptr) this_rep->YieldTask();
}

void Pace() {
  constexpr unsigned kCallsAtOnce = 16;
  if (this_task != nullptr && ++this_task->unpaused >= kCallsAtOnce) this_rep->YieldTask();
}

void OnThreadStack(const std::function<void()>& f) {
  if (this_task == nullptr) return f();
  this_rep->RunOutside(f);
}

void RunInLoop(const std::function<void()>& f) {
  if (this_task != nullptr) return f();
  Loop loop;
  SIGNET_CHECK(loop.Spawn([&] {
    f();
    loop.Stop();
  }));
  loop.Run();
}

}  // namespace signet::engine
