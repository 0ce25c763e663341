#include "test/support/smtp_client.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "test/support/references.h"

namespace signet::test {
namespace {

constexpr int kReplyMs = 30'000;

}  // namespace

struct SmtpClient::Rep {
  int fd = -1;
  gnutls_session_t session = nullptr;
  gnutls_certificate_credentials_t credentials = nullptr;
  std::string buffer, reply, reference;
  std::vector<gnutls_pcert_st> certificates;  // of StartTlsWithDer, with the key
  gnutls_privkey_t key = nullptr;

  ~Rep() {
    if (session != nullptr) gnutls_deinit(session);
    if (credentials != nullptr) gnutls_certificate_free_credentials(credentials);
    for (gnutls_pcert_st& certificate : certificates) gnutls_pcert_deinit(&certificate);
    if (key != nullptr) gnutls_privkey_deinit(key);
    close(fd);
  }

  bool Write(std::string_view data) {
    while (!data.empty()) {
      ssize_t size = session != nullptr ? gnutls_record_send(session, data.data(), data.size())
                                        : send(fd, data.data(), data.size(), MSG_NOSIGNAL);
      if (size == GNUTLS_E_AGAIN || size == GNUTLS_E_INTERRUPTED) continue;
      if (size <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  // Appends to `buffer`; false at the end of the stream or when nothing comes.
  bool Fill() {
    char data[2048];
    for (;;) {
      if (session == nullptr || gnutls_record_check_pending(session) == 0) {
        pollfd waiting{fd, POLLIN, 0};
        if (poll(&waiting, 1, kReplyMs) != 1) return false;
      }
      const ssize_t size = session != nullptr ? gnutls_record_recv(session, data, sizeof data)
                                              : recv(fd, data, sizeof data, 0);
      if (session != nullptr && (size == GNUTLS_E_AGAIN || size == GNUTLS_E_INTERRUPTED)) continue;
      if (size <= 0) return false;
      buffer.append(data, static_cast<std::size_t>(size));
      return true;
    }
  }

  void ReadReply() {
    reply.clear();
    for (;;) {
      const std::size_t end = buffer.find("\r\n");
      if (end == std::string::npos) {
        if (!Fill()) {
          reply.clear();
          return;
        }
        continue;
      }
      const std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 2);
      reply += (reply.empty() ? "" : "\n") + line;
      if (line.size() < 4 || line[3] != '-') break;
    }
    const std::vector<std::string> references = ReferencesIn(reply);
    reference = references.empty() ? "" : references.back();
    reply = WithoutReferences(reply);
  }
};

SmtpClient::SmtpClient(int port, bool tls_on_connect, const std::string& from)
    : rep_(std::make_unique<Rep>()) {
  rep_->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!from.empty()) {
    inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    if (bind(rep_->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot be " + from);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(rep_->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
  const int on = 1;
  setsockopt(rep_->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!tls_on_connect) rep_->ReadReply();
}

SmtpClient::~SmtpClient() = default;
SmtpClient::SmtpClient(SmtpClient&&) noexcept = default;

const std::string& SmtpClient::reply() const { return rep_->reply; }
const std::string& SmtpClient::reference() const { return rep_->reference; }
int SmtpClient::code() const { return std::atoi(rep_->reply.c_str()); }

void SmtpClient::Send(std::string_view octets) { rep_->Write(octets); }

const std::string& SmtpClient::ReadReply() {
  rep_->ReadReply();
  return rep_->reply;
}

const std::string& SmtpClient::Say(std::string_view line) {
  Send(std::string(line) + "\r\n");
  return ReadReply();
}

bool SmtpClient::closed() {
  pollfd waiting{rep_->fd, POLLIN, 0};
  while (rep_->Fill()) {
  }
  return poll(&waiting, 1, kReplyMs) == 1;  // the end of TLS comes before the connection's
}

bool SmtpClient::StartTls(const std::string& certificate, const std::string& key,
                          const std::string& priority) {
  gnutls_certificate_allocate_credentials(&rep_->credentials);
  if (!certificate.empty() &&
      gnutls_certificate_set_x509_key_file(rep_->credentials, certificate.c_str(), key.c_str(),
                                           GNUTLS_X509_FMT_PEM) != 0) {
    throw std::runtime_error("cannot use " + certificate);
  }
  return Handshake(priority);
}

namespace {

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

// A certificate that no library has looked at.
void SetOctets(std::string_view der, gnutls_privkey_t key, gnutls_pcert_st* out) {
  gnutls_pubkey_init(&out->pubkey);
  gnutls_pubkey_import_privkey(out->pubkey, key, 0, 0);
  out->type = GNUTLS_CRT_X509;
  out->cert.data = static_cast<unsigned char*>(gnutls_malloc(der.size() + 1));
  out->cert.size = static_cast<unsigned>(der.size());
  std::copy(der.begin(), der.end(), out->cert.data);
}

}  // namespace

bool SmtpClient::StartTlsWithDer(const std::vector<std::string>& chain,
                                 const std::string& key_pem) {
  gnutls_certificate_allocate_credentials(&rep_->credentials);
  gnutls_privkey_init(&rep_->key);
  const gnutls_datum_t text = Datum(key_pem);
  if (gnutls_privkey_import_x509_raw(rep_->key, &text, GNUTLS_X509_FMT_PEM, nullptr, 0) != 0)
    throw std::runtime_error("cannot use the key");
  rep_->certificates.resize(chain.size());
  for (std::size_t i = 0; i < chain.size(); ++i)
    SetOctets(chain[i], rep_->key, &rep_->certificates[i]);
  // What is asked for in the handshake is not parsed first, as what is set before would be.
  gnutls_certificate_set_retrieve_function2(
      rep_->credentials,
      [](gnutls_session_t session, const gnutls_datum_t*, int, const gnutls_pk_algorithm_t*, int,
         gnutls_pcert_st** certificates, unsigned* count, gnutls_privkey_t* key) {
        auto* rep = static_cast<Rep*>(gnutls_session_get_ptr(session));
        *certificates = rep->certificates.data();
        *count = static_cast<unsigned>(rep->certificates.size());
        *key = rep->key;
        return 0;
      });
  return Handshake("NORMAL");
}

bool SmtpClient::Handshake(const std::string& priority) {
  gnutls_session_t session = nullptr;
  // Our certificate is sent whatever issuers the server names: what it makes of it is
  // what tests are about.
  gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT);
  gnutls_priority_set_direct(session, priority.c_str(), nullptr);
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, rep_->credentials);
  gnutls_session_set_ptr(session, rep_.get());
  gnutls_transport_set_int(session, rep_->fd);
  gnutls_handshake_set_timeout(session, kReplyMs);
  int result;
  do {
    result = gnutls_handshake(session);
  } while (result < 0 && gnutls_error_is_fatal(result) == 0);
  rep_->session = session;
  rep_->buffer.clear();
  return result == 0;
}

std::string SmtpClient::ChannelBinding() const {
  gnutls_datum_t octets{};
  if (rep_->session == nullptr ||
      gnutls_session_channel_binding(rep_->session, GNUTLS_CB_TLS_EXPORTER, &octets) != 0)
    return "";
  std::string binding(reinterpret_cast<const char*>(octets.data), octets.size);
  gnutls_free(octets.data);
  return binding;
}

const std::string& SmtpClient::Begin(const std::string& certificate, const std::string& key) {
  Say("EHLO client.example.org");
  if (Say("STARTTLS").substr(0, 3) != "220" || !StartTls(certificate, key)) {
    rep_->reply.clear();
    return rep_->reply;
  }
  return Say("EHLO client.example.org");
}

std::string SmtpClient::Submit(const std::string& from, const std::string& to,
                               std::string_view content) {
  for (const std::string& line :
       {"MAIL FROM:<" + from + ">", "RCPT TO:<" + to + ">", std::string("DATA")}) {
    if (Say(line).empty() || reply()[0] > '3') return reply();
  }
  Send(content);
  Send("\r\n.\r\n");
  return ReadReply();
}

}  // namespace signet::test
