#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "src/engine/loop.h"

namespace signet::engine {
namespace {

Registration* Of(void* registration) { return static_cast<Registration*>(registration); }

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

IoResult Failed(int error) { return {IoStatus::kError, 0, error}; }

// A pipe is no socket but may stand for one.
ssize_t Send(int fd, const char* data, std::size_t size) {
  const ssize_t sent = ::send(fd, data, size, MSG_NOSIGNAL);
  return sent < 0 && errno == ENOTSOCK ? ::write(fd, data, size) : sent;
}

// `flag` and `slot` are those of one direction of `registration`.
IoResult WaitFor(bool& flag, Waiter*& slot, Loop::Rep& loop, Deadline deadline) {
  if (std::exchange(flag, false) && !loop.Cancels(*Loop::Rep::CurrentTask())) return {};
  SIGNET_CHECK(slot == nullptr);
  Waiter& waiter = Loop::Rep::CurrentTask()->io = Waiter{};
  slot = &waiter;
  const IoStatus status = loop.Wait(waiter, deadline);
  slot = nullptr;
  flag = false;
  return {status};
}

}  // namespace

std::string Describe(const IoResult& result) {
  switch (result.status) {
    case IoStatus::kOk:
      return "ok";
    case IoStatus::kTimeout:
      return "timed out";
    case IoStatus::kClosed:
      return "connection closed";
    case IoStatus::kCancelled:
      return "shutting down";
    case IoStatus::kError:
      break;
  }
  char buffer[128];
  return ::strerror_r(result.error_number, buffer, sizeof buffer);
}

Socket::Socket(int fd) : fd_(fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && !(flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      registration_(std::exchange(other.registration_, nullptr)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = std::exchange(other.fd_, -1);
  registration_ = std::exchange(other.registration_, nullptr);
  return *this;
}

Socket::~Socket() { Close(); }

// A coroutine that waits for this socket wakes, tries again and finds it closed.
void Socket::Close() {
  if (fd_ < 0) return;
  if (Registration* registration = Of(std::exchange(registration_, nullptr))) {
    SIGNET_CHECK(registration->reader == nullptr && registration->writer == nullptr);
    if (registration->loop != nullptr) registration->loop->Unregister(registration);
    delete registration;
  }
  ::close(std::exchange(fd_, -1));
}

// The first wait of a socket makes it known to the loop; an error here is one of memory
// or of fs.epoll.max_user_watches.
IoResult Socket::Wait(Direction direction, Deadline deadline) {
  Loop::Rep& loop = Loop::Rep::Here();
  if (deadline.Passed()) return {IoStatus::kTimeout};  // an edge seen before must not hide it (R1)
  if (registration_ == nullptr) {
    const Sharing sharing = direction == kAccept ? Sharing::kShared : Sharing::kOwn;
    registration_ = loop.Register(fd_, sharing);
    if (registration_ == nullptr) return Failed(errno);
  }
  Registration& registration = *Of(registration_);
  SIGNET_CHECK(registration.loop == &loop);
  return direction == kWrite ? WaitFor(registration.writable, registration.writer, loop, deadline)
                             : WaitFor(registration.readable, registration.reader, loop, deadline);
}

IoResult Socket::WaitReadable(Deadline deadline) { return Wait(kRead, deadline); }
IoResult Socket::WaitWritable(Deadline deadline) { return Wait(kWrite, deadline); }

// Edges seen so far tell of octets that this read will find.
void Socket::ForgetEdge() {
  if (registration_ != nullptr) Of(registration_)->readable = false;
}

IoResult Socket::Read(void* data, std::size_t size, Deadline deadline) {
  Pace();
  for (;;) {
    ForgetEdge();
    const ssize_t got = ::read(fd_, data, size);
    if (got > 0) return {IoStatus::kOk, static_cast<std::size_t>(got)};
    if (got == 0) return {IoStatus::kClosed};
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) return Failed(errno);
    if (IoResult waited = WaitReadable(deadline); !waited.ok()) return waited;
  }
}

IoResult Socket::Write(std::string_view data, Deadline deadline) {
  Pace();
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t sent = Send(fd_, data.data() + done, data.size() - done);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) return {IoStatus::kError, done, errno};
    if (IoResult waited = WaitWritable(deadline); !waited.ok()) {
      waited.bytes = done;
      return waited;
    }
  }
  return {IoStatus::kOk, done};
}

Result<Socket, IoResult> Socket::Connect(const sockaddr* address, socklen_t size,
                                         Deadline deadline) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Err{Failed(errno)};
  Socket socket(fd);
  if (::connect(fd, address, size) == 0) return socket;
  if (errno != EINPROGRESS) return Err{Failed(errno)};
  for (;;) {
    if (IoResult waited = socket.WaitWritable(deadline); !waited.ok()) return Err{waited};
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return Err{Failed(error)};
    // A socket that isn't connected yet may report an early edge.
    sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) return socket;
  }
}

IoResult Socket::Accept(int* accepted_fd, Deadline deadline) {
  for (;;) {
    ForgetEdge();
    *accepted_fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*accepted_fd >= 0) return {};
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (!WouldBlock(errno)) return Failed(errno);
    if (IoResult waited = Wait(kAccept, deadline); !waited.ok()) return waited;
  }
}

}  // namespace signet::engine
