#ifndef SIGNET_SRC_ENGINE_ENGINE_H_
#define SIGNET_SRC_ENGINE_ENGINE_H_

#include <sys/socket.h>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/result.h"

// How a worker waits. One Loop per core, each on its own thread; every connection is a
// stackful coroutine that stays on its loop for ever. Code above this folder reads as if
// it blocked: the functions below suspend the calling coroutine, never the thread.
//
// Never wait while inside a C callback, inside OnThreadStack, while holding a mutex, or
// in a destructor: see doc/decisions for why.
namespace signet::engine {

enum class IoStatus : std::uint8_t {
  kOk,
  kTimeout,    // the deadline passed
  kClosed,     // the peer ended the stream
  kCancelled,  // the coroutine was cancelled (shutdown)
  kError,      // see `error_number`
};
struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t bytes = 0;
  int error_number = 0;
  bool ok() const { return status == IoStatus::kOk; }
};
// For logs: "Connection refused", "timed out", "connection closed".
std::string Describe(const IoResult& result);

// What a coroutine is doing, for scheduling: loops serve kEstablished before
// kHandshake, and take at most one handshake step per turn, so that a flood of new
// connections does not slow sessions that are under way.
enum class Priority : std::uint8_t { kEstablished, kHandshake };

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until Stop(). Returns when every coroutine has ended: Stop() cancels those
  // still alive, so that each wait they are in, or begin, returns kCancelled.
  void Run();
  void Stop();  // any thread
  // Ends the waits of coroutines that are idle (IdleScope), now and from now on. Any thread.
  void CancelIdle();

  // Starts a coroutine. Spawn is for the loop's own thread; Post is for any thread and
  // runs `task` on the loop's own stack, outside any coroutine (it may Spawn).
  // Spawn is false, and nothing starts, where there is no memory for a stack.
  bool Spawn(std::function<void()> body);
  void Post(std::function<void()> task);

  // The loop that runs the calling thread, or nullptr.
  static Loop* Current();

  std::size_t coroutines() const;  // alive now; loop thread only

 public:
  struct Rep;

 private:
  std::unique_ptr<Rep> rep_;
};

// Runs `f` in a coroutine of a loop of its own on the calling thread, until it and what
// it spawned have ended. For tools and tests. Inside a coroutine it simply runs `f`.
void RunInLoop(const std::function<void()>& f);

// Memory mappings that one coroutine's stack takes of vm.max_map_count: 0 where the kernel
// can guard pages without splitting a mapping.
std::size_t MappingsPerCoroutine();

// --- for code that runs inside a coroutine -------------------------------------------

bool InCoroutine();
// Of the calling coroutine, from its next resume on. Going down to kHandshake yields, so
// that the work that follows already counts as a handshake step.
void SetPriority(Priority priority);

// Whether anything outside a coroutine refers to what is on its stack.
enum class StackIs : std::uint8_t { kSeen, kPrivate };

// While one lives, the calling coroutine is idle: nothing is lost where its wait ends with
// kCancelled, because the program is about to end (Loop::CancelIdle). A stack that is
// kPrivate is packed into little memory when its coroutine has waited for its socket for a
// while, and unpacked, at the same place, before it goes on.
class IdleScope {
 public:
  explicit IdleScope(StackIs stack = StackIs::kSeen);
  ~IdleScope();
  IdleScope(const IdleScope&) = delete;
  IdleScope& operator=(const IdleScope&) = delete;
};

IoResult SleepUntil(Deadline until);  // kOk when the time came, kCancelled otherwise
void Yield();                         // lets others run once
// For I/O that goes on without waiting, once per call: yields now and then, so that a
// peer who always has something to say doesn't keep others from being served. Socket's
// own functions do this.
void Pace();

// Runs `f` on the loop thread's own (large) stack and returns when it is done. For calls
// that want much stack: GnuTLS, compiling a regular expression, encoding a filter.
// `f` must not wait. Outside a coroutine it simply runs `f`.
void OnThreadStack(const std::function<void()>& f);

// Runs `f` on a thread of the blocking pool and suspends the coroutine until it is done.
// For what has no asynchronous form: getaddrinfo, fsync, files on network mounts.
// `f` runs to its end even where the coroutine is cancelled meanwhile. Outside a
// coroutine it simply runs `f`.
void Blocking(const std::function<void()>& f);

// The same for what may take long and what clients can ask for in numbers: lookups, digests
// of passwords, names of hosts. It never has all of the threads, so that handshakes, which
// look at files, and messages, which are stored, do not wait behind it (rule R5).
void BlockingForAnswer(const std::function<void()>& f);

// Event: one or more coroutines of one loop wait until somebody on the same loop
// signals. Signal wakes all current waiters; it is not remembered.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  IoStatus Wait(Deadline deadline);  // kOk, kTimeout, kCancelled
  void Signal();

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// Socket owns a non-blocking descriptor and belongs to the loop on which it is first
// waited for. Reads and writes suspend the coroutine.
//
//   Threads  one coroutine reads while at most one other writes.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd);  // takes ownership; sets O_NONBLOCK, FD_CLOEXEC
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  bool valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void Close();

  // Up to `size` octets, at least one on kOk; kClosed at end of file.
  IoResult Read(void* data, std::size_t size, Deadline deadline);
  // All of `data`, or not kOk.
  IoResult Write(std::string_view data, Deadline deadline);
  // Suspends until the descriptor may be read (written) without blocking. For code that
  // does its own non-blocking I/O on fd(), such as GnuTLS; call it after EAGAIN only
  // (readiness is edge-triggered).
  IoResult WaitReadable(Deadline deadline);
  IoResult WaitWritable(Deadline deadline);
  // Connects a fresh non-blocking socket to `address`.
  static Result<Socket, IoResult> Connect(const sockaddr* address, socklen_t size,
                                          Deadline deadline);
  // Accepts one connection on a listening descriptor. Loops that share it each have a
  // Socket on a duplicate; one of them is woken.
  IoResult Accept(int* accepted_fd, Deadline deadline);

 private:
  enum Direction : std::uint8_t { kRead, kWrite, kAccept };
  IoResult Wait(Direction direction, Deadline deadline);
  void ForgetEdge();

  int fd_ = -1;
  void* registration_ = nullptr;  // the loop's record of this descriptor
};

}  // namespace signet::engine
#endif
