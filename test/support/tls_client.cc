#include "test/support/tls_client.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <unistd.h>

#include "src/base/result.h"

namespace signet::testing {
namespace {

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

// The chain as it is: what takes PEM directly would sort it and leave out strangers.
void SetIdentity(const std::string& chain_pem, const std::string& key_pem,
                 gnutls_certificate_credentials_t credentials) {
  const gnutls_datum_t chain = Datum(chain_pem), key_text = Datum(key_pem);
  static thread_local gnutls_pcert_st certificates[32];
  unsigned count = 32;
  SIGNET_CHECK(
      gnutls_pcert_list_import_x509_raw(certificates, &count, &chain, GNUTLS_X509_FMT_PEM, 0) >= 0);
  gnutls_privkey_t key = nullptr;
  SIGNET_CHECK(gnutls_privkey_init(&key) >= 0);
  SIGNET_CHECK(gnutls_privkey_import_x509_raw(key, &key_text, GNUTLS_X509_FMT_PEM, nullptr, 0) >=
               0);
  SIGNET_CHECK(gnutls_certificate_set_key(credentials, nullptr, 0, certificates,
                                          static_cast<int>(count), key) >= 0);
}

constexpr unsigned kTimeoutMs = 20'000;  // against hanging tests only

}  // namespace

struct TlsClient::Rep {
  int fd = -1;
  int code = 0;
  gnutls_session_t session = nullptr;
  gnutls_certificate_credentials_t credentials = nullptr;
};

TlsClient::TlsClient(int fd, const TlsClientOptions& options) : rep_(std::make_unique<Rep>()) {
  rep_->fd = fd;
  const unsigned early = options.early_data.empty() ? 0 : GNUTLS_ENABLE_EARLY_DATA;
  SIGNET_CHECK(gnutls_init(&rep_->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | early) >= 0);
  SIGNET_CHECK(gnutls_certificate_allocate_credentials(&rep_->credentials) >= 0);
  if (options.key_need_not_fit)
    gnutls_certificate_set_flags(rep_->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  if (!options.chain_pem.empty())
    SetIdentity(options.chain_pem, options.key_pem, rep_->credentials);
  SIGNET_CHECK(gnutls_priority_set_direct(rep_->session, options.priority.c_str(), nullptr) >= 0);
  gnutls_credentials_set(rep_->session, GNUTLS_CRD_CERTIFICATE, rep_->credentials);
  if (!options.server_name.empty())
    gnutls_server_name_set(rep_->session, GNUTLS_NAME_DNS, options.server_name.data(),
                           options.server_name.size());
  std::vector<gnutls_datum_t> protocols;
  for (const std::string& protocol : options.protocols) protocols.push_back(Datum(protocol));
  if (!protocols.empty())
    gnutls_alpn_set_protocols(rep_->session, protocols.data(),
                              static_cast<unsigned>(protocols.size()), 0);
  if (!options.session.empty())
    gnutls_session_set_data(rep_->session, options.session.data(), options.session.size());
  if (!options.early_data.empty())
    gnutls_record_send_early_data(rep_->session, options.early_data.data(),
                                  options.early_data.size());
  gnutls_transport_set_int(rep_->session, fd);
  gnutls_handshake_set_timeout(rep_->session, kTimeoutMs);
  gnutls_record_set_timeout(rep_->session, kTimeoutMs);
}

TlsClient::~TlsClient() {
  gnutls_deinit(rep_->session);
  gnutls_certificate_free_credentials(rep_->credentials);
  if (rep_->fd >= 0) close(rep_->fd);
}

int TlsClient::Handshake() {
  int code;
  do {
    code = gnutls_handshake(rep_->session);
  } while (code < 0 && gnutls_error_is_fatal(code) == 0);
  return rep_->code = code;
}

bool TlsClient::Send(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = gnutls_record_send(rep_->session, octets.data(), octets.size());
    if (sent < 0 && gnutls_error_is_fatal(static_cast<int>(sent)) == 0) continue;
    if (sent <= 0) {
      rep_->code = static_cast<int>(sent);
      return false;
    }
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string TlsClient::Receive() {
  std::string buffer(64 * 1024, '\0');
  for (;;) {
    const ssize_t got = gnutls_record_recv(rep_->session, buffer.data(), buffer.size());
    if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) continue;
    rep_->code = static_cast<int>(got);
    if (got <= 0) return "";
    buffer.resize(static_cast<std::size_t>(got));
    return buffer;
  }
}

void TlsClient::SayGoodbye() { gnutls_bye(rep_->session, GNUTLS_SHUT_WR); }
void TlsClient::Cut() {
  close(rep_->fd);
  rep_->fd = -1;
}
int TlsClient::Renegotiate() { return gnutls_handshake(rep_->session); }
int TlsClient::fd() const { return rep_->fd; }
int TlsClient::code() const { return rep_->code; }

std::string TlsClient::AlertName() const {
  const char* name = gnutls_alert_get_name(gnutls_alert_get(rep_->session));
  return name != nullptr ? name : "";
}

bool TlsClient::early_data_taken() const {
  return (gnutls_session_get_flags(rep_->session) & GNUTLS_SFLAGS_EARLY_DATA) != 0;
}
bool TlsClient::resumed() const { return gnutls_session_is_resumed(rep_->session) != 0; }

std::string TlsClient::ChannelBinding() const {
  gnutls_datum_t data{};
  if (gnutls_session_channel_binding(rep_->session, GNUTLS_CB_TLS_EXPORTER, &data) < 0) return "";
  std::string out(reinterpret_cast<char*>(data.data), data.size);
  gnutls_free(data.data);
  return out;
}

std::string TlsClient::SessionData() const {
  gnutls_datum_t data{};
  if (gnutls_session_get_data2(rep_->session, &data) < 0) return "";
  std::string out(reinterpret_cast<char*>(data.data), data.size);
  gnutls_free(data.data);
  return out;
}

}  // namespace signet::testing
