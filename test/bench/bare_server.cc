#include "test/bench/bare_server.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace signet::bench {
namespace {

struct Credentials {
  gnutls_certificate_credentials_t certificates = nullptr;
  gnutls_priority_t priority = nullptr;
  gnutls_datum_t ticket_key{};
  bool verify = true, tickets = false;

  explicit Credentials(const BareServer::Options& options)
      : verify(options.verify), tickets(options.tickets) {
    gnutls_certificate_allocate_credentials(&certificates);
    if (gnutls_certificate_set_x509_key_file(certificates, options.certificate.c_str(),
                                             options.key.c_str(), GNUTLS_X509_FMT_PEM) != 0 ||
        gnutls_certificate_set_x509_trust_file(certificates, options.client_ca.c_str(),
                                               GNUTLS_X509_FMT_PEM) < 1)
      std::abort();
    // What Signet prefers, so that both do the same work.
    gnutls_priority_init(&priority,
                         "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-GROUP-ALL:+GROUP-X25519:"
                         "+GROUP-SECP256R1:%SERVER_PRECEDENCE",
                         nullptr);
    gnutls_session_ticket_key_generate(&ticket_key);
  }
};

class Connection {
 public:
  Connection(int fd, Credentials* credentials) : fd_(fd), credentials_(*credentials) {
    Write("220 bare\r\n");
  }
  ~Connection() {
    if (session_ != nullptr) gnutls_deinit(session_);
    close(fd_);
  }

  // False: it is over.
  bool Go() {
    if (session_ != nullptr && !encrypted_) return Handshake();
    char data[2048];
    for (;;) {
      const ssize_t size = session_ != nullptr ? gnutls_record_recv(session_, data, sizeof data)
                                               : recv(fd_, data, sizeof data, 0);
      if (size == GNUTLS_E_AGAIN || (session_ == nullptr && size < 0)) return true;
      if (size <= 0) return false;
      lines_.append(data, static_cast<std::size_t>(size));
      for (std::size_t end; (end = lines_.find("\r\n")) != std::string::npos;) {
        const std::string line = lines_.substr(0, end);
        lines_.erase(0, end + 2);
        if (!Answer(line)) return false;
        if (session_ != nullptr && !encrypted_) return Handshake();
      }
    }
  }

 private:
  void Write(std::string_view text) {
    if (encrypted_)
      gnutls_record_send(session_, text.data(), text.size());
    else if (send(fd_, text.data(), text.size(), MSG_NOSIGNAL) < 0)
      lines_.clear();
  }

  bool Answer(const std::string& line) {
    if (line == "STARTTLS") {
      Write("220 go\r\n");
      Begin();
    } else if (line == "QUIT") {
      Write("221 bye\r\n");
      if (encrypted_) gnutls_bye(session_, GNUTLS_SHUT_WR);
      return false;
    } else {
      Write(encrypted_ ? "250 bare\r\n" : "250-bare\r\n250 STARTTLS\r\n");
    }
    return true;
  }

  void Begin() {
    gnutls_init(&session_, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
                               (credentials_.tickets ? 0 : GNUTLS_NO_TICKETS));
    gnutls_priority_set(session_, credentials_.priority);
    gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_.certificates);
    gnutls_certificate_server_set_request(session_, GNUTLS_CERT_REQUIRE);
    gnutls_certificate_send_x509_rdn_sequence(session_, 1);
    if (credentials_.tickets)
      gnutls_session_ticket_enable_server(session_, &credentials_.ticket_key);
    gnutls_transport_set_int(session_, fd_);
    gnutls_handshake_set_timeout(session_, 0);
  }

  bool Handshake() {
    const int code = gnutls_handshake(session_);
    if (code == GNUTLS_E_AGAIN) return true;
    if (code < 0) return false;
    encrypted_ = true;
    if (!credentials_.verify) return Go();
    char oid[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, reinterpret_cast<unsigned char*>(oid),
                                  0};
    unsigned status = 1;
    gnutls_certificate_verify_peers(session_, &data, 1, &status);
    return status == 0 && Go();
  }

  int fd_;
  Credentials& credentials_;
  gnutls_session_t session_ = nullptr;
  bool encrypted_ = false;
  std::string lines_;
};

[[noreturn]] void Serve(int listener, const BareServer::Options& options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Credentials credentials(options);
  const int loop = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(loop, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr != nullptr) {
        auto* connection = static_cast<Connection*>(events[i].data.ptr);
        if (!connection->Go()) delete connection;
        continue;
      }
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) continue;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      event.data.ptr = new Connection(fd, &credentials);
      epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
    }
  }
}

}  // namespace

BareServer::BareServer(const Options& options) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(listener, 4000) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen");
  port_ = ntohs(address.sin_port);
  pid_ = fork();
  if (pid_ == 0) {
    setpgid(0, 0);
    Serve(listener, options);
  }
  setpgid(pid_, pid_);
  close(listener);
}

BareServer::~BareServer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace signet::bench
