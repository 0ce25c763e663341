#include <arpa/inet.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <ctime>

#include "src/base/text.h"
#include "src/tls/files.h"
#include "src/tls/layer.h"
#include "src/tls/policy.h"
#include "src/tls/tls.h"

namespace signet::tls {
namespace {

// What a client session needs for as long as it lives.
struct ClientContext {
  Credentials credentials;
  Priority priority;
  crypto::TrustStorePtr trust;
};

std::string LoadTrust(const ClientOptions& options, ClientContext* context) {
  std::string anchors;
  for (const std::string& path : {options.ca_file, options.ca_directory}) {
    if (path.empty()) continue;
    auto text = ReadTrust(path);
    if (!text.ok()) return text.error();
    anchors += text.value();
  }
  auto store = crypto::TrustStore::Make({.anchors_pem = anchors});
  if (!store.ok()) return store.error();
  if (options.verify && store.value()->anchors() == 0)
    return "no CA certificates to verify the server with";
  context->trust = std::move(store).value();
  return "";
}

std::string LoadIdentity(const ClientOptions& options, ClientContext* context) {
  if (options.certificate_file.empty()) return "";
  auto chain = ReadTlsFile(options.certificate_file);
  if (!chain.ok()) return chain.error();
  auto key = ReadKeyFile(options.key_file.empty() ? options.certificate_file : options.key_file);
  if (!key.ok()) return key.error();
  const std::string wrong = context->credentials.Add(chain.value(), key.value());
  return wrong.empty() ? "" : "\"" + options.certificate_file + "\": " + wrong;
}

std::string Load(const ClientOptions& options, ClientContext* context) {
  std::string wrong = context->priority.Set(options.priority, kClientPriority);
  if (wrong.empty()) wrong = LoadTrust(options, context);
  if (wrong.empty()) wrong = LoadIdentity(options, context);
  return wrong;
}

// The octets of an IP address in text; "" for anything else.
std::string AddressOctets(const std::string& text) {
  unsigned char octets[16];
  if (inet_pton(AF_INET, text.c_str(), octets) == 1)
    return std::string(reinterpret_cast<char*>(octets), 4);
  if (inet_pton(AF_INET6, text.c_str(), octets) == 1)
    return std::string(reinterpret_cast<char*>(octets), 16);
  return "";
}

// RFC 9525: exact, or "*" as the whole first label of three or more.
bool HostMatches(std::string_view pattern, std::string_view host) {
  if (EqualsIgnoreCase(pattern, host)) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::string_view suffix = pattern.substr(1);
  const std::size_t dot = host.find('.');
  return suffix.find('.', 1) != suffix.npos && dot != host.npos && dot > 0 &&
         EqualsIgnoreCase(suffix, host.substr(dot));
}

// The names of a server are in its alternative names; a common name is no host name.
bool HasName(const crypto::Certificate& certificate, const std::string& name) {
  const std::string address = AddressOctets(name);
  std::string_view host = name;
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto& names = certificate.alternative_names();
  return std::any_of(names.begin(), names.end(), [&](const crypto::SanName& san) {
    if (!san.valid) return false;
    if (!address.empty()) return san.type == crypto::SanType::kIp && san.value == address;
    return san.type == crypto::SanType::kDns && HostMatches(san.value, host);
  });
}

// "" or why the server is not the one that was meant (rule T14).
std::string VerifyServer(gnutls_session_t session, const ClientContext& context,
                         const ClientOptions& options) {
  unsigned count = 0;
  const gnutls_datum_t* list = gnutls_certificate_get_peers(session, &count);
  std::vector<std::string_view> chain;
  for (unsigned i = 0; list != nullptr && i < count; ++i)
    chain.emplace_back(reinterpret_cast<const char*>(list[i].data), list[i].size);
  const auto status = context.trust->Verify(chain, crypto::Purpose::kTlsServer, std::time(nullptr));
  if (!status.verified) return "server certificate: " + status.reason;
  if (!HasName(*status.leaf, options.verify_name))
    return "server certificate is not for \"" + options.verify_name + "\"";
  return "";
}

}  // namespace

Result<std::unique_ptr<Stream>, std::string> ConnectTls(engine::Socket socket,
                                                        const ClientOptions& options,
                                                        Deadline deadline) {
  if (options.verify && options.verify_name.empty())
    return Err{std::string("no name to verify the server by")};
  auto context = std::make_shared<ClientContext>();
  std::string wrong;
  // Files, and a hundred and more anchors to parse where it is a system's list.
  engine::Blocking([&] { wrong = Load(options, context.get()); });
  if (!wrong.empty()) return Err{wrong};

  auto layer =
      std::make_unique<Layer>(std::move(socket), GNUTLS_CLIENT | GNUTLS_NO_TICKETS, context);
  gnutls_session_t session = layer->session();
  gnutls_priority_set(session, context->priority.get());
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, context->credentials.get());
  if (!options.verify_name.empty() && AddressOctets(options.verify_name).empty())
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, options.verify_name.data(),
                           options.verify_name.size());
  const Layer::End end = layer->Handshake(deadline);
  if (!end.ok()) return Err{end.text};
  if (options.verify) {
    engine::OnThreadStack([&] { wrong = VerifyServer(session, *context, options); });
    if (!wrong.empty()) {
      layer->Refuse(GNUTLS_E_CERTIFICATE_ERROR);
      return Err{wrong};
    }
  }
  return std::unique_ptr<Stream>(std::move(layer));
}

}  // namespace signet::tls
