#include "src/tls/layer.h"

#include <gnutls/gnutls.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

namespace signet::tls {
namespace {

// Runs `f` on the loop thread's stack. The closure is one pointer, so that the
// std::function needs no memory.
template <typename F>
void Compute(F&& f) {
  auto* body = &f;
  engine::OnThreadStack([body] { (*body)(); });
}

constexpr int kRecordsAtOnce = 16;  // read without a pause in search of data

bool WantsToWait(int code) { return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED; }

std::string TextOf(const engine::IoResult& result) {
  return "(gnutls_handshake): " + engine::Describe(result);
}

}  // namespace

// What the library calls to read and write. Sockets never block here.
struct Layer::Transport {
  static ssize_t Pull(gnutls_transport_ptr_t ptr, void* data, std::size_t size) {
    auto* layer = static_cast<Layer*>(ptr);
    if (layer->in_handshake_ && layer->handshake_octets_left_ == 0) {
      errno = EMSGSIZE;
      return -1;
    }
    const ssize_t got = recv(layer->socket_.fd(), data, size, MSG_DONTWAIT);
    layer->socket_would_block_ = got < 0 && errno == EAGAIN;
    if (got > 0 && layer->in_handshake_)
      layer->handshake_octets_left_ -=
          std::min(layer->handshake_octets_left_, static_cast<std::size_t>(got));
    return got;
  }
  static ssize_t Push(gnutls_transport_ptr_t ptr, const giovec_t* parts, int count) {
    auto* layer = static_cast<Layer*>(ptr);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    const ssize_t sent = sendmsg(layer->socket_.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    layer->socket_would_block_ = sent < 0 && errno == EAGAIN;
    return sent;
  }
};

Layer::Layer(engine::Socket socket, unsigned flags, std::shared_ptr<const void> keep)
    : socket_(std::move(socket)), keep_(std::move(keep)) {
  SIGNET_CHECK(gnutls_init(&session_, flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) >= 0);
  gnutls_transport_set_ptr(session_, this);
  gnutls_transport_set_pull_function(session_, Transport::Pull);
  gnutls_transport_set_vec_push_function(session_, Transport::Push);
  gnutls_handshake_set_timeout(session_, 0);  // deadlines are ours
  gnutls_handshake_set_max_packet_length(session_, limits::kCertificateMessageMaxBytes);
}

Layer::~Layer() {
  const auto end = [this] {
    if (!ended_) gnutls_bye(session_, GNUTLS_SHUT_WR);  // as far as it goes without waiting
    gnutls_deinit(session_);
  };
  // Switching stacks while an exception unwinds this one is not allowed.
  if (std::uncaught_exceptions() > 0) {
    end();
  } else {
    Compute(end);
  }
}

// The library says "again" as well when it has taken a record that is only a part of a
// message. The next one may be there already, and no edge would tell of it.
engine::IoResult Layer::WaitForPeer(Deadline deadline) {
  if (deadline.Passed()) return {engine::IoStatus::kTimeout};  // an edge would hide it
  if (!socket_would_block_) {
    engine::Yield();
    return {};
  }
  return gnutls_record_get_direction(session_) == 0 ? socket_.WaitReadable(deadline)
                                                    : socket_.WaitWritable(deadline);
}

Layer::End Layer::Handshake(Deadline deadline) {
  int warnings = 0;
  for (;;) {
    int code = 0;
    Compute([&] { code = gnutls_handshake(session_); });
    if (code >= 0) break;
    if (WantsToWait(code)) {
      const engine::IoResult waited = WaitForPeer(deadline);
      if (waited.ok()) continue;
      ended_ = true;
      return {GNUTLS_E_TIMEDOUT, TextOf(waited)};
    }
    if (gnutls_error_is_fatal(code) == 0 && ++warnings <= limits::kTlsWarningsMax) continue;
    std::string text = std::string("(gnutls_handshake): ") + gnutls_strerror(code);
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED) {
      const char* alert = gnutls_alert_get_name(gnutls_alert_get(session_));
      if (alert != nullptr) text += std::string(": ") + alert;
    }
    Refuse(code);
    return {code, text};
  }
  in_handshake_ = false;
  return {};
}

void Layer::Refuse(int code) {
  if (std::exchange(ended_, true)) return;
  Compute([&] { gnutls_alert_send_appropriate(session_, code); });
  shutdown(socket_.fd(), SHUT_WR);
  char dropped[1024];
  for (int i = 0; i < 16; ++i)
    if (recv(socket_.fd(), dropped, sizeof dropped, MSG_DONTWAIT) <= 0) break;
}

engine::IoResult Layer::Fail(int code) {
  ended_ = true;
  if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_SESSION_EOF)
    return {engine::IoStatus::kClosed};
  if (code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR)
    return {engine::IoStatus::kError, 0, errno != 0 ? errno : ECONNRESET};
  return {engine::IoStatus::kError, 0, EPROTO};
}

engine::IoResult Layer::Read(void* data, std::size_t size, Deadline deadline) {
  if (ended_) return {engine::IoStatus::kClosed};
  engine::Pace();
  if (has_peeked_ && size > 0) {
    *static_cast<char*>(data) = peeked_;
    has_peeked_ = false;
    return {engine::IoStatus::kOk, 1};
  }
  int warnings = 0, looks = 0;
  for (;;) {
    ssize_t got = 0;
    Compute([&] { got = gnutls_record_recv(session_, data, size); });
    if (got > 0) return {engine::IoStatus::kOk, static_cast<std::size_t>(got)};
    if (got == 0) return Fail(GNUTLS_E_SESSION_EOF);
    const int code = static_cast<int>(got);
    if (WantsToWait(code)) {
      // A record that was nothing for us is no reason to stop before what is behind it: who
      // only looks, without waiting, is told of that by no edge later.
      if (!socket_would_block_ && ++looks <= kRecordsAtOnce) continue;
      if (engine::IoResult waited = WaitForPeer(deadline); !waited.ok()) return waited;
    } else if (code == GNUTLS_E_REHANDSHAKE) {
      Refuse(code);  // one identity per session, fixed at its first handshake (rule T6)
      return {engine::IoStatus::kError, 0, EPROTO};
    } else if (gnutls_error_is_fatal(code) != 0 || ++warnings > limits::kTlsWarningsMax) {
      return Fail(code);
    }
  }
}

// One record per 16 KiB and one system call per record: corking would only copy.
engine::IoResult Layer::Write(std::string_view data, Deadline deadline) {
  if (ended_) return {engine::IoStatus::kClosed};
  engine::Pace();
  std::size_t done = 0;
  bool again = false;  // the library holds a record that the socket did not take
  while (done < data.size()) {
    ssize_t sent = 0;
    Compute([&] {
      sent = again ? gnutls_record_send(session_, nullptr, 0)
                   : gnutls_record_send(session_, data.data() + done, data.size() - done);
    });
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
      again = false;
      continue;
    }
    const int code = static_cast<int>(sent);
    if (!WantsToWait(code)) {
      engine::IoResult failed = Fail(code);
      failed.bytes = done;
      return failed;
    }
    again = true;
    if (engine::IoResult waited = WaitForPeer(deadline); !waited.ok()) {
      // Half a record may be out: nothing can follow it.
      ended_ = true;
      waited.bytes = done;
      return waited;
    }
  }
  return {engine::IoStatus::kOk, done};
}

// What waits may be nothing for us: a ticket of TLS 1.3, behind the handshake. So the library
// is let at it, and an octet that comes out is kept for the next Read.
bool Layer::InputPending() {
  if (ended_ || has_peeked_ || gnutls_record_check_pending(session_) > 0) return true;
  pollfd waiting = {socket_.fd(), POLLIN, 0};
  if (poll(&waiting, 1, 0) <= 0) return false;
  ssize_t got = 0;
  Compute([&] { got = gnutls_record_recv(session_, &peeked_, 1); });
  has_peeked_ = got == 1;
  if (got == 1) return true;
  const int code = static_cast<int>(got);
  if (WantsToWait(code)) return false;
  if (code == 0 || gnutls_error_is_fatal(code) != 0) (void)Fail(code);
  return true;
}

}  // namespace signet::tls
