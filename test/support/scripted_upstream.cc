#include "test/support/scripted_upstream.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/result.h"
#include "src/crypto/certificate.h"
#include "src/engine/engine.h"

namespace signet::testing {

struct ScriptedUpstream::Tls {
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_session_t session = nullptr;
  gnutls_datum_t ticket_key{};
  ~Tls() {
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    gnutls_free(ticket_key.data);
  }
};

ScriptedUpstream::ScriptedUpstream(Script script) : script_(std::move(script)) {
  script_.socket_path.empty() ? ListenOnPort() : ListenOnSocket();
  SIGNET_CHECK(listen(listener_, 16) == 0);
  SIGNET_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

void ScriptedUpstream::ListenOnPort() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  SIGNET_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  SIGNET_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
}

void ScriptedUpstream::ListenOnSocket() {
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  SIGNET_CHECK(script_.socket_path.size() < sizeof address.sun_path);
  std::copy(script_.socket_path.begin(), script_.socket_path.end(), address.sun_path);
  SIGNET_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

ScriptedUpstream::~ScriptedUpstream() {
  SIGNET_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  for (int fd : {listener_, stop_[0], stop_[1]}) close(fd);
}

std::vector<std::string> ScriptedUpstream::commands() const {
  std::lock_guard lock(mutex_);
  return commands_;
}
std::vector<std::string> ScriptedUpstream::messages() const {
  std::lock_guard lock(mutex_);
  return messages_;
}
int ScriptedUpstream::connections() const {
  std::lock_guard lock(mutex_);
  return connections_;
}
std::vector<std::string> ScriptedUpstream::clients() const {
  std::lock_guard lock(mutex_);
  return clients_;
}
bool ScriptedUpstream::Heard(const std::string& command) const {
  std::lock_guard lock(mutex_);
  return std::find(commands_.begin(), commands_.end(), command) != commands_.end();
}

void ScriptedUpstream::Serve() {
  for (;;) {
    pollfd waits[2] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0) return;
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    {
      std::lock_guard lock(mutex_);
      ++connections_;
    }
    input_.clear();
    if (!script_.tls_on_connect || Handshake(fd)) Talk(fd);
    EndTls();
    close(fd);
  }
}

void ScriptedUpstream::Talk(int fd) {
  if (!Say(fd, script_.greeting)) return;
  std::string line;
  while (ReadLine(fd, &line)) {
    {
      std::lock_guard lock(mutex_);
      commands_.push_back(line);
    }
    std::string reply = script_.reply ? script_.reply(line) : "";
    bool usual = reply.empty();
    if (usual && line == "STARTTLS" && !script_.certificate_pem.empty()) reply = "220 go on\r\n";
    usual = reply.empty();
    if (usual)
      reply = line.starts_with(script_.lmtp ? "LHLO" : "EHLO") ? script_.ehlo : "250 2.0.0 ok\r\n";
    if (usual && line == "DATA") reply = "354 go on\r\n";
    if (line.starts_with("MAIL")) taken_.clear();
    if (line.starts_with("RCPT") && reply.starts_with('2')) taken_.push_back(line);
    if (!Say(fd, reply)) return;
    if (line == "QUIT") return;
    if (line == "RSET" && !script_.after_reset.empty()) {
      pollfd stop = {stop_[0], POLLIN, 0};
      poll(&stop, 1, 20);
      if (!Say(fd, script_.after_reset)) return;
    }
    const bool starts_tls = line == "STARTTLS" && reply.starts_with("220");
    if (starts_tls && !Handshake(fd)) return;
    if (line == "DATA" && reply.starts_with("354") && !ReadMessage(fd)) return;
  }
}

bool ScriptedUpstream::ReadMessage(int fd) {
  std::string line, message;
  for (int n = 1; ReadLine(fd, &line); ++n) {
    if (line == ".") {
      {
        std::lock_guard lock(mutex_);
        messages_.push_back(message);
      }
      if (script_.lmtp) return EndReplies(fd);
      std::string reply = script_.reply ? script_.reply(".") : "";
      return Say(fd, reply.empty() ? "250 2.0.0 taken\r\n" : reply);
    }
    message += line + "\r\n";
    std::string unasked = script_.during_data ? script_.during_data(n) : "";
    if (!unasked.empty() && !Say(fd, unasked)) return false;
  }
  return false;
}

bool ScriptedUpstream::EndReplies(int fd) {
  for (const std::string& recipient : taken_) {
    std::string reply = script_.reply ? script_.reply("." + recipient) : "";
    if (!Say(fd, reply.empty() ? "250 2.0.0 taken\r\n" : reply)) return false;
  }
  return true;
}

bool ScriptedUpstream::Say(int fd, const std::string& text) {
  if (text == kClose) return false;
  if (text == kNothing) return true;
  if (text == kHang) {
    WaitForEnd(fd);
    return false;
  }
  const auto size = static_cast<ssize_t>(text.size());
  if (tls_ != nullptr) return gnutls_record_send(tls_->session, text.data(), text.size()) == size;
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == size;
}

ssize_t ScriptedUpstream::Receive(int fd, char* octets, std::size_t size) {
  if (tls_ == nullptr) return recv(fd, octets, size, 0);
  for (;;) {
    const ssize_t got = gnutls_record_recv(tls_->session, octets, size);
    if (got >= 0 || gnutls_error_is_fatal(static_cast<int>(got)) != 0) return got;
  }
}

bool ScriptedUpstream::Handshake(int fd) {
  if (script_.certificate_pem.empty()) return true;  // goes on in clear
  tls_ = std::make_unique<Tls>();
  const auto datum = [](const std::string& text) {
    return gnutls_datum_t{
        reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),  // not written to
        static_cast<unsigned>(text.size())};
  };
  gnutls_certificate_allocate_credentials(&tls_->credentials);
  const gnutls_datum_t chain = datum(script_.certificate_pem), key = datum(script_.key_pem);
  SIGNET_CHECK(gnutls_certificate_set_x509_key_mem(tls_->credentials, &chain, &key,
                                                   GNUTLS_X509_FMT_PEM) >= 0);
  gnutls_init(&tls_->session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
  gnutls_session_ticket_key_generate(&tls_->ticket_key);
  gnutls_session_ticket_enable_server(tls_->session, &tls_->ticket_key);
  gnutls_set_default_priority(tls_->session);
  gnutls_credentials_set(tls_->session, GNUTLS_CRD_CERTIFICATE, tls_->credentials);
  gnutls_certificate_server_set_request(tls_->session, GNUTLS_CERT_REQUEST);
  gnutls_transport_set_int(tls_->session, fd);
  gnutls_handshake_set_timeout(tls_->session, 10'000);
  int code = GNUTLS_E_AGAIN;
  while (code < 0 && gnutls_error_is_fatal(code) == 0) code = gnutls_handshake(tls_->session);
  if (code < 0) return false;
  unsigned count = 0;
  const gnutls_datum_t* client = gnutls_certificate_get_peers(tls_->session, &count);
  std::string subject;
  if (client != nullptr && count > 0) {
    const auto certificate =
        crypto::Certificate::FromDer({reinterpret_cast<const char*>(client->data), client->size});
    if (certificate.ok()) subject = certificate.value()->subject_text();
  }
  std::lock_guard lock(mutex_);
  clients_.push_back(subject);
  return true;
}

void ScriptedUpstream::EndTls() {
  if (tls_ != nullptr) gnutls_bye(tls_->session, GNUTLS_SHUT_WR);
  tls_.reset();
}

void ScriptedUpstream::WaitForEnd(int fd) {
  char octets[512];
  for (;;) {
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    poll(waits, 2, -1);
    if (waits[1].revents != 0 || Receive(fd, octets, sizeof octets) <= 0) return;
  }
}

bool ScriptedUpstream::ReadLine(int fd, std::string* line) {
  std::size_t end;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    const bool ready = tls_ != nullptr && gnutls_record_check_pending(tls_->session) > 0;
    if (!ready) poll(waits, 2, -1);
    if (waits[1].revents != 0) return false;
    char octets[4096];
    ssize_t size = Receive(fd, octets, sizeof octets);
    if (size <= 0) return false;
    input_.append(octets, static_cast<std::size_t>(size));
  }
  *line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

void RunInCoroutine(const std::function<void()>& body) {
  engine::Loop loop;
  loop.Post([&] {
    loop.Spawn([&] {
      body();
      loop.Stop();
    });
  });
  loop.Run();
}

}  // namespace signet::testing
