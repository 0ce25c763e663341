#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>

#include "src/base/text.h"
#include "src/tls/describe.h"
#include "src/tls/files.h"
#include "src/tls/layer.h"
#include "src/tls/policy.h"
#include "src/tls/tls.h"

namespace signet::tls {
namespace {

// What a client session needs for as long as it lives.
struct ClientContext {
  Stamp stamp;  // of the files, from before they were read
  Credentials credentials;
  Priority priority;
  crypto::TrustStorePtr trust;
  crypto::CertificatePtr own;
};
using ContextPtr = std::shared_ptr<const ClientContext>;

// Where systems keep the authorities that they trust, in one file.
constexpr const char* kSystemAuthorities[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

std::vector<std::string> TrustFiles(const ClientOptions& options) {
  std::vector<std::string> files;
  for (const std::string& path : {options.ca_file, options.ca_directory})
    if (!path.empty()) files.push_back(path);
  if (!options.system_authorities) return files;
  for (const char* path : kSystemAuthorities)
    if (access(path, R_OK) == 0) return files.emplace_back(path), files;
  return files.emplace_back(kSystemAuthorities[0]), files;
}

std::string LoadTrust(const ClientOptions& options, ClientContext* context) {
  crypto::TrustStore::Sources sources;
  for (const std::string& path : TrustFiles(options)) {
    auto text = ReadTrust(path);
    if (!text.ok()) return text.error();
    sources.anchors_pem += text.value();
  }
  if (!options.crl_file.empty()) {
    auto files = ReadEach(options.crl_file);
    if (!files.ok()) return files.error();
    for (const auto& [file, text] : files.value()) {
      if (!text.ok()) return text.error();
      sources.crls_pem += text.value() + '\n';
    }
  }
  auto store = crypto::TrustStore::Make(sources);
  if (!store.ok()) return store.error();
  if (options.verify && options.pins == nullptr && store.value()->anchors() == 0)
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
  if (auto own = crypto::Certificate::FromPem(chain.value()); own.ok()) context->own = own.value();
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

// --- contexts that are kept ------------------------------------------------------------------

std::vector<std::string> FilesOf(const ClientOptions& options) {
  std::vector<std::string> files = TrustFiles(options);
  for (const std::string* file : {&options.crl_file, &options.certificate_file, &options.key_file})
    if (!file->empty()) files.push_back(*file);
  return files;
}

// What a context is made of, pins and names apart.
std::string KeyOf(const ClientOptions& options) {
  std::string key = options.priority + '\0' + (options.verify && !options.pins ? 'v' : '-');
  key += options.system_authorities ? 's' : '-';
  for (const std::string* part : {&options.ca_file, &options.ca_directory, &options.crl_file,
                                  &options.certificate_file, &options.key_file})
    key += '\0' + *part;
  return key;
}

// Contexts by what they are made of, so that a hundred authorities are not parsed for each
// connection. One whose files have changed, or may have, is made anew.
class Contexts {
 public:
  Result<ContextPtr, std::string> Get(const ClientOptions& options) {
    const std::string key = KeyOf(options);
    auto fresh = std::make_shared<ClientContext>();
    fresh->stamp = Stamp::Of(FilesOf(options));
    {
      std::lock_guard lock(mutex_);
      const auto found = contexts_.find(key);
      if (found != contexts_.end() &&
          fresh->stamp.Since(found->second->stamp) == Stamp::Change::kNone)
        return found->second;
    }
    const std::string wrong = Load(options, fresh.get());
    std::lock_guard lock(mutex_);
    contexts_.erase(key);
    if (!wrong.empty()) return Err{wrong};
    if (contexts_.size() >= limits::kClientPolicies) contexts_.erase(contexts_.begin());
    contexts_.emplace(key, fresh);
    return ContextPtr(std::move(fresh));
  }

 private:
  std::mutex mutex_;
  std::map<std::string, ContextPtr> contexts_;
};

Contexts& AllContexts() {
  static Contexts* contexts = new Contexts;  // never destroyed: threads may still use it
  return *contexts;
}

struct Prepared {
  ContextPtr context;
  std::shared_ptr<const crypto::PinTable> pins;
};

Result<Prepared, std::string> PrepareNow(const ClientOptions& options) {
  Prepared prepared;
  if (options.pins != nullptr) {
    auto pins = options.pins->Load();
    if (!pins.ok()) return Err{pins.error()};
    prepared.pins = std::move(pins).value();
  }
  auto context = AllContexts().Get(options);
  if (!context.ok()) return Err{context.error()};
  prepared.context = std::move(context).value();
  return prepared;
}

// --- who the server is ------------------------------------------------------------------------

// "" or why the certificate is not one that is pinned. A pin stands for the issuers.
std::string WhyNotPinned(const crypto::PinTable& pins, const crypto::Certificate& certificate,
                         std::int64_t now) {
  const auto match = pins.Find(certificate);
  if (match.how == crypto::PinTable::How::kNot) return "no pin matches";
  if (match.other != nullptr) return "its key and its fingerprint are pinned for different names";
  const std::string not_now = crypto::WhyNotNow(*match.entry, now);
  return not_now.empty() ? crypto::FlawOfPinned(certificate, crypto::Purpose::kTlsServer, now)
                         : not_now;
}

// Whether the server is the one that was meant (rule T14), into `facts`.
void VerifyServer(gnutls_session_t session, const Prepared& prepared, const ClientOptions& options,
                  facts::Tls* facts) {
  const std::int64_t now = std::time(nullptr);
  auto status =
      prepared.context->trust->Verify(PeerChain(session), crypto::Purpose::kTlsServer, now);
  facts->peer = status.leaf;
  facts->revoked = status.revoked;
  facts->verify_reason = std::move(status.reason);
  facts->verified = status.verified && facts->peer != nullptr;
  if (facts->peer == nullptr) return;
  if (prepared.pins != nullptr) {
    if (facts->revoked) return;
    facts->verify_reason = WhyNotPinned(*prepared.pins, *facts->peer, now);
    facts->verified = facts->verify_reason.empty();
  } else if (facts->verified && !HasName(*facts->peer, options.verify_name)) {
    facts->verified = false;
    facts->verify_reason = "it is not for \"" + options.verify_name + '"';
  }
  if (facts->verified) facts->path = std::move(status.path);
}

void AskFor(gnutls_session_t session, const ClientOptions& options, facts::Tls* facts) {
  const std::string& name = options.server_name.empty() ? options.verify_name : options.server_name;
  if (name.empty() || !AddressOctets(name).empty()) return;
  gnutls_server_name_set(session, GNUTLS_NAME_DNS, name.data(), name.size());
  facts->sni = name;
}

}  // namespace

std::string ComplaintAbout(const ClientOptions& options) {
  auto prepared = PrepareNow(options);
  return prepared.ok() ? "" : prepared.error();
}

Result<Dialled, std::string> DialTls(engine::Socket socket, const ClientOptions& options,
                                     Deadline deadline) {
  if (options.verify && options.verify_name.empty() && options.pins == nullptr)
    return Err{std::string("no name to verify the server by")};
  Result<Prepared, std::string> prepared = Prepared();
  // Files, and a hundred and more anchors to parse where it is a system's list.
  engine::Blocking([&] { prepared = PrepareNow(options); });
  if (!prepared.ok()) return Err{prepared.error()};
  const ClientContext& context = *prepared.value().context;

  auto layer = std::make_unique<Layer>(std::move(socket), GNUTLS_CLIENT | GNUTLS_NO_TICKETS,
                                       prepared.value().context);
  gnutls_session_t session = layer->session();
  gnutls_priority_set(session, context.priority.get());
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, context.credentials.get());
  facts::Tls facts;
  AskFor(session, options, &facts);
  const Layer::End end = layer->Handshake(deadline);
  if (!end.ok()) return Err{end.text};
  engine::OnThreadStack([&] {
    facts.active = true;
    DescribeCipher(session, &facts);
    if (gnutls_certificate_get_ours(session) != nullptr) facts.own = context.own;
    VerifyServer(session, prepared.value(), options, &facts);
  });
  if (options.verify && !facts.verified) {
    layer->Refuse(GNUTLS_E_CERTIFICATE_ERROR);
    return Err{"server certificate: " + facts.verify_reason};
  }
  return Dialled{std::move(layer), std::move(facts)};
}

Result<std::unique_ptr<Stream>, std::string> ConnectTls(engine::Socket socket,
                                                        const ClientOptions& options,
                                                        Deadline deadline) {
  auto dialled = DialTls(std::move(socket), options, deadline);
  if (!dialled.ok()) return Err{dialled.error()};
  return std::move(dialled.value().stream);
}

}  // namespace signet::tls
