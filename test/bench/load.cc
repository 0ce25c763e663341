#include "test/bench/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace signet::bench {

using Clock = std::chrono::steady_clock;

struct Credentials::Rep {
  X509* leaf = nullptr;
  STACK_OF(X509) * chain = sk_X509_new_null();
  EVP_PKEY* key = nullptr;
};

Credentials::~Credentials() {
  X509_free(rep_->leaf);
  sk_X509_pop_free(rep_->chain, X509_free);
  EVP_PKEY_free(rep_->key);
}

std::shared_ptr<Credentials> Credentials::FromPem(const std::string& chain,
                                                  const std::string& key) {
  auto credentials = std::make_shared<Credentials>();
  credentials->rep_ = std::make_unique<Rep>();
  Rep& rep = *credentials->rep_;
  BIO* bio = BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size()));
  rep.leaf = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  while (X509* more = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    sk_X509_push(rep.chain, more);
  }
  BIO_free(bio);
  ERR_clear_error();
  bio = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
  rep.key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (rep.leaf == nullptr || rep.key == nullptr) throw std::runtime_error("bad credentials");
  return credentials;
}

// What a session does next. Each step but the handshake waits for a reply and then sends.
enum class Step { kGreeting, kEhlo, kStarttls, kHandshake, kTlsEhlo, kQuit, kHeld, kDone };

struct Session {
  int fd = -1;
  SSL* ssl = nullptr;
  Step step = Step::kGreeting;
  Clock::time_point start;
  std::string buffer;
  std::string problem;
  bool stop_at_sent = false;    // hold without waiting for the answer
  bool stop_at_answer = false;  // hold when it has come
  std::shared_ptr<Credentials> credentials;

  ~Session() {
    SSL_free(ssl);
    if (fd >= 0) close(fd);
  }

  void Fail(const std::string& why) {
    problem = why;
    step = Step::kDone;
  }

  void Send(std::string_view text) {
    const ssize_t size = ssl != nullptr ? SSL_write(ssl, text.data(), static_cast<int>(text.size()))
                                        : send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (size != static_cast<ssize_t>(text.size())) Fail("cannot send");
  }

  // True when a whole reply is in the buffer; it is taken out. False: more has to come.
  bool TakeReply(int want) {
    for (std::size_t at = 0;;) {
      const std::size_t end = buffer.find("\r\n", at);
      if (end == std::string::npos) return false;
      if (end - at < 4 || buffer[at + 3] != '-') {
        const std::string line = buffer.substr(at, end - at);
        buffer.erase(0, end + 2);
        if (std::atoi(line.c_str()) != want) Fail("reply " + line);
        return true;
      }
      at = end + 2;
    }
  }

  // Reads what there is; false when the stream has ended.
  bool Fill() {
    char data[2048];
    for (;;) {
      const ssize_t size =
          ssl != nullptr ? SSL_read(ssl, data, sizeof data) : recv(fd, data, sizeof data, 0);
      if (size > 0) {
        buffer.append(data, static_cast<std::size_t>(size));
        continue;
      }
      if (ssl != nullptr) return SSL_get_error(ssl, static_cast<int>(size)) == SSL_ERROR_WANT_READ;
      return size < 0 && errno == EAGAIN;
    }
  }

  void Handshake() {
    const int result = SSL_do_handshake(ssl);
    if (result != 1) {
      const int error = SSL_get_error(ssl, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        Fail("handshake: " + std::string(ERR_error_string(ERR_get_error(), nullptr)));
      }
      return;
    }
    if (SSL_session_reused(ssl) != 0) return Fail("session was resumed");
    if (SSL_version(ssl) != TLS1_3_VERSION) return Fail("not TLS 1.3");
    Send("EHLO client.example.org\r\n");
    step = stop_at_sent ? Step::kHeld : Step::kTlsEhlo;
  }

  void BeginTls(SSL_CTX* context) {
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (credentials != nullptr) {
      SSL_use_certificate(ssl, credentials->rep_->leaf);
      SSL_set1_chain(ssl, credentials->rep_->chain);
      SSL_use_PrivateKey(ssl, credentials->rep_->key);
    }
    step = Step::kHandshake;
    Handshake();
  }

  // Goes as far as it can without waiting.
  void Go(SSL_CTX* context) {
    if (step == Step::kHandshake) Handshake();
    if (step == Step::kHandshake || step == Step::kDone) return;
    const bool open = Fill();
    switch (step) {
      case Step::kGreeting:
        if (!TakeReply(220)) break;
        step = Step::kEhlo;
        Send("EHLO client.example.org\r\n");
        return;
      case Step::kEhlo:
        if (!TakeReply(250)) break;
        step = Step::kStarttls;
        Send("STARTTLS\r\n");
        return;
      case Step::kStarttls:
        if (!TakeReply(220) || step == Step::kDone) break;
        BeginTls(context);
        return;
      case Step::kTlsEhlo:
        if (!TakeReply(250) || step == Step::kDone) break;
        if (stop_at_answer) {
          step = Step::kHeld;
          return;
        }
        step = Step::kQuit;
        Send("QUIT\r\n");
        return;
      case Step::kQuit:
        if (!TakeReply(221)) break;
        if (step != Step::kDone) step = Step::kDone;
        return;
      default:
        break;
    }
    if (!open && step != Step::kDone) Fail("connection closed");
  }
};

struct Load::Rep {
  LoadOptions options;
  SSL_CTX* context = nullptr;
  int epoll = -1;
  std::vector<std::unique_ptr<Session>> active, held;
  int begun = 0;

  void Begin(bool hold, bool answered) {
    auto session = std::make_unique<Session>();
    session->start = Clock::now();
    session->stop_at_sent = hold && !answered;
    session->stop_at_answer = hold && answered;
    if (!options.credentials.empty()) {
      session->credentials =
          options.credentials[static_cast<std::size_t>(begun) % options.credentials.size()];
    }
    ++begun;
    session->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(session->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      session->Fail(std::string("connect: ") + std::strerror(errno));
    }
    const int on = 1;
    setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(session->fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = session.get();
    epoll_ctl(epoll, EPOLL_CTL_ADD, session->fd, &event);
    active.push_back(std::move(session));
  }

  void End(Session* session, LoadResult* result) {
    const auto at = std::find_if(active.begin(), active.end(),
                                 [session](const auto& other) { return other.get() == session; });
    if (session->problem.empty()) {
      ++result->good;
      result->latencies.push_back(
          std::chrono::duration<double>(Clock::now() - session->start).count());
    } else {
      ++result->bad;
      if (result->first_problem.empty()) result->first_problem = session->problem;
    }
    if (session->step == Step::kHeld) {
      epoll_ctl(epoll, EPOLL_CTL_DEL, session->fd, nullptr);
      held.push_back(std::move(*at));
    }
    *at = std::move(active.back());
    active.pop_back();
  }

  LoadResult Run(bool hold, bool answered) {
    LoadResult result;
    begun = 0;
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration<double>(options.deadline_seconds);
    while (begun < options.sessions || !active.empty()) {
      while (begun < options.sessions && static_cast<int>(active.size()) < options.at_once) {
        Begin(hold, answered);
      }
      epoll_event events[64];
      const int count = epoll_wait(epoll, events, 64, 100);
      for (int i = 0; i < count; ++i) {
        auto* session = static_cast<Session*>(events[i].data.ptr);
        session->Go(context);
        if (session->step == Step::kDone || session->step == Step::kHeld) End(session, &result);
      }
      if (Clock::now() > end) {
        for (auto& session : active) session->Fail("not finished in time");
        while (!active.empty()) End(active.back().get(), &result);
        result.bad += options.sessions - begun;
        break;
      }
    }
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::sort(result.latencies.begin(), result.latencies.end());
    return result;
  }
};

Load::Load(LoadOptions options) : rep_(std::make_unique<Rep>()) {
  rep_->options = std::move(options);
  rep_->context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(rep_->context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(rep_->context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(rep_->context, SSL_VERIFY_NONE, nullptr);
  rep_->epoll = epoll_create1(EPOLL_CLOEXEC);
}

Load::~Load() {
  Release();
  close(rep_->epoll);
  SSL_CTX_free(rep_->context);
}

LoadResult Load::Run() { return rep_->Run(false, false); }
LoadResult Load::Hold(bool answered) { return rep_->Run(true, answered); }
void Load::Release() { rep_->held.clear(); }

}  // namespace signet::bench
