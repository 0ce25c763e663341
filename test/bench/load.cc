#include "test/bench/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string_view>
#include <thread>

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

// A command and the reply that it must have.
struct Said {
  std::string line;
  int want;
};

// What all sessions of a load do after the handshake.
struct Plan {
  SSL_CTX* context = nullptr;
  std::vector<Said> lines;
  bool tls_on_connect = false, tls12 = false, resume = false;
  SSL_SESSION* ticket = nullptr;  // the newest that the server gave

  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  explicit Plan(const LoadOptions& options)
      : tls_on_connect(options.tls_on_connect), tls12(options.tls12), resume(options.resume) {
    context = SSL_CTX_new(TLS_client_method());
    const int version = tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(
        context, resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
      auto* plan = static_cast<Plan*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      SSL_SESSION_free(plan->ticket);
      plan->ticket = session;
      return 1;
    });
    lines.push_back({"EHLO client.example.org\r\n", 250});
    if (!options.auth.empty()) lines.push_back({options.auth + "\r\n", 235});
    for (int i = 0; i < options.messages; ++i) {
      lines.push_back({"MAIL FROM:<" + options.sender + ">\r\n", 250});
      lines.push_back({"RCPT TO:<someone@example.net>\r\n", 250});
      lines.push_back({"DATA\r\n", 354});
      lines.push_back({Message(options.sender), 250});
    }
  }
  ~Plan() {
    SSL_SESSION_free(ticket);
    SSL_CTX_free(context);
  }

  // 1 KiB with the end of the message.
  static std::string Message(const std::string& sender) {
    constexpr std::size_t kOctets = 1024;
    std::string text = "From: <" + sender +
                       ">\r\nTo: <someone@example.net>\r\nSubject: speed\r\n"
                       "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
                       "Message-ID: <1@client.example.org>\r\n\r\n";
    const std::string line = std::string(70, 'x') + "\r\n", end = ".\r\n";
    while (text.size() + line.size() + end.size() <= kOctets) text += line;
    const std::size_t missing = kOctets - text.size() - end.size();
    if (missing > 2) text += std::string(missing - 2, 'y') + "\r\n";
    return text + end;
  }
};

enum class Step { kConnect, kGreeting, kEhlo, kStarttls, kHandshake, kLines, kQuit, kHeld, kDone };

struct Session {
  int fd = -1;
  SSL* ssl = nullptr;
  Step step = Step::kGreeting;
  std::size_t line = 0;  // of the plan's: the one whose reply is awaited
  Clock::time_point start;
  std::string buffer;
  std::string problem;
  bool stop_at_sent = false;    // hold without waiting for the answer
  bool stop_at_answer = false;  // hold when it has come
  bool must_resume = false;
  std::shared_ptr<Credentials> credentials;

  // An end without a goodbye would make OpenSSL forget what it could resume.
  ~Session() {
    if (ssl != nullptr) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
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
        const std::string text = buffer.substr(at, end - at);
        buffer.erase(0, end + 2);
        if (std::atoi(text.c_str()) != want) Fail("reply " + text);
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

  void Handshake(const Plan& plan) {
    const int result = SSL_do_handshake(ssl);
    if (result != 1) {
      const int error = SSL_get_error(ssl, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        Fail("handshake: " + std::string(ERR_error_string(ERR_get_error(), nullptr)));
      }
      return;
    }
    if ((SSL_session_reused(ssl) != 0) != must_resume)
      return Fail(must_resume ? "session was not resumed" : "session was resumed");
    if (SSL_version(ssl) != (plan.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION))
      return Fail("another version of TLS");
    if (plan.tls_on_connect) {
      step = Step::kGreeting;
      return Go(plan);
    }
    Begin(plan);
  }

  // The first line after the handshake.
  void Begin(const Plan& plan) {
    line = 0;
    step = stop_at_sent ? Step::kHeld : Step::kLines;
    Send(plan.lines[0].line);
  }

  void BeginTls(const Plan& plan) {
    ssl = SSL_new(plan.context);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (credentials != nullptr) {
      SSL_use_certificate(ssl, credentials->rep_->leaf);
      SSL_set1_chain(ssl, credentials->rep_->chain);
      SSL_use_PrivateKey(ssl, credentials->rep_->key);
    }
    must_resume = plan.resume && plan.ticket != nullptr;
    if (must_resume) {
      // One of its own, as OpenSSL writes this session's secrets into it.
      SSL_SESSION* ticket = SSL_SESSION_dup(plan.ticket);
      SSL_set_session(ssl, ticket);
      SSL_SESSION_free(ticket);
    }
    step = Step::kHandshake;
    Handshake(plan);
  }

  // Goes as far as it can without waiting.
  void Go(const Plan& plan) {
    if (step == Step::kConnect) return BeginTls(plan);
    if (step == Step::kHandshake) return Handshake(plan);
    if (step == Step::kDone || step == Step::kHeld) return;
    const bool open = Fill();
    if (!Advance(plan) && !open && step != Step::kDone) Fail("connection closed");
  }

  // With the reply that is there; false: there is none yet.
  bool Advance(const Plan& plan) {
    switch (step) {
      case Step::kGreeting:
        if (!TakeReply(220)) return false;
        if (step == Step::kDone) return true;
        if (ssl != nullptr) {
          Begin(plan);
        } else {
          step = Step::kEhlo;
          Send("EHLO client.example.org\r\n");
        }
        return true;
      case Step::kEhlo:
        if (!TakeReply(250)) return false;
        if (step == Step::kDone) return true;
        step = Step::kStarttls;
        Send("STARTTLS\r\n");
        return true;
      case Step::kStarttls:
        if (!TakeReply(220)) return false;
        if (step != Step::kDone) BeginTls(plan);
        return true;
      case Step::kLines:
        if (!TakeReply(plan.lines[line].want)) return false;
        if (step == Step::kDone) return true;
        if (++line < plan.lines.size()) {
          Send(plan.lines[line].line);
        } else if (stop_at_answer) {
          step = Step::kHeld;
        } else {
          step = Step::kQuit;
          Send("QUIT\r\n");
        }
        return true;
      case Step::kQuit:
        if (!TakeReply(221)) return false;
        step = Step::kDone;
        return true;
      default:
        return false;
    }
  }

  // Says NOOP and waits for the answer.
  bool Noop() {
    step = Step::kLines;
    Send("NOOP\r\n");
    for (;;) {
      pollfd waiting{fd, POLLIN, 0};
      const bool open = Fill();
      if (TakeReply(250)) return step != Step::kDone;
      if (!open || poll(&waiting, 1, 30'000) != 1) return false;
    }
  }
};

struct Load::Rep {
  LoadOptions options;
  std::unique_ptr<Plan> plan;
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
    if (options.tls_on_connect) session->step = Step::kConnect;
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
    if (session->step == Step::kConnect) session->Go(*plan);
    active.push_back(std::move(session));
  }

  void End(Session* session, LoadResult* result) {
    const auto at = std::find_if(active.begin(), active.end(),
                                 [session](const auto& other) { return other.get() == session; });
    if (session->problem.empty()) {
      ++result->good;
      if (options.progress != nullptr) ++options.progress->good;
      result->latencies.push_back(
          std::chrono::duration<double>(Clock::now() - session->start).count());
    } else {
      ++result->bad;
      if (options.progress != nullptr) ++options.progress->bad;
      if (result->first_problem.empty()) result->first_problem = session->problem;
    }
    if (session->step == Step::kHeld) {
      epoll_ctl(epoll, EPOLL_CTL_DEL, session->fd, nullptr);
      held.push_back(std::move(*at));
    }
    *at = std::move(active.back());
    active.pop_back();
  }

  // A session alone, for what the others resume.
  void FetchTicket(LoadResult* result) {
    Begin(false, false);
    Session* session = active.back().get();
    const auto end = Clock::now() + std::chrono::seconds(20);
    while (session->step != Step::kDone && Clock::now() < end) {
      pollfd waiting{session->fd, POLLIN, 0};
      poll(&waiting, 1, 1000);
      session->Go(*plan);
    }
    if (session->step != Step::kDone) session->Fail("not finished in time");
    if (plan->ticket == nullptr && session->problem.empty()) session->Fail("no ticket came");
    if (!session->problem.empty()) {
      ++result->bad;
      result->first_problem = session->problem;
    }
    active.clear();
    begun = result->bad == 0 ? 0 : options.sessions;
  }

  LoadResult Run(bool hold, bool answered) {
    LoadResult result;
    begun = 0;
    auto start = Clock::now();
    if (options.resume && plan->ticket == nullptr) {
      FetchTicket(&result);
      start = Clock::now();
    }
    const auto end = start + std::chrono::duration<double>(options.deadline_seconds);
    while (begun < options.sessions || !active.empty()) {
      while (begun < options.sessions && static_cast<int>(active.size()) < options.at_once) {
        Begin(hold, answered);
      }
      epoll_event events[64];
      const int count = epoll_wait(epoll, events, 64, 100);
      for (int i = 0; i < count; ++i) {
        auto* session = static_cast<Session*>(events[i].data.ptr);
        session->Go(*plan);
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
  rep_->plan = std::make_unique<Plan>(rep_->options);
  rep_->epoll = epoll_create1(EPOLL_CLOEXEC);
}

Load::~Load() {
  Release();
  close(rep_->epoll);
}

LoadResult Load::Run() { return rep_->Run(false, false); }
LoadResult Load::Hold(bool answered) { return rep_->Run(true, answered); }
void Load::Release() { rep_->held.clear(); }

int Load::CountAlive() {
  int alive = 0;
  for (const auto& session : rep_->held) alive += session->Noop();
  return alive;
}

constexpr std::chrono::seconds kPingAtMost{10};

std::vector<double> Load::Ping(int count, double pause_seconds) {
  std::vector<double> times;
  const auto end = Clock::now() + kPingAtMost;
  for (int i = 0; i < count && Clock::now() < end; ++i) {
    const auto start = Clock::now();
    if (rep_->held.empty() || !rep_->held[static_cast<std::size_t>(i) % rep_->held.size()]->Noop())
      return {};
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    std::this_thread::sleep_for(std::chrono::duration<double>(pause_seconds));
  }
  std::sort(times.begin(), times.end());
  return times;
}

LoadProcess::LoadProcess(LoadOptions options) {
  void* memory =
      mmap(nullptr, sizeof *progress_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap");
  progress_ = new (memory) LoadOptions::Progress;
  pid_ = fork();
  if (pid_ != 0) return;
  constexpr int kSeconds = 60;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kSeconds);
  options.progress = progress_;
  options.sessions = std::numeric_limits<int>::max();
  options.deadline_seconds = kSeconds;
  Load(options).Run();
  _exit(0);
}

LoadOptions::Progress LoadProcess::progress() const {
  const volatile LoadOptions::Progress* shared = progress_;
  return {shared->good, shared->bad};
}

void LoadProcess::Stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

LoadProcess::~LoadProcess() {
  Stop();
  munmap(progress_, sizeof *progress_);
}

}  // namespace signet::bench
