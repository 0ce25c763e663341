#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/tls/client_hello.h"
#include "src/tls/describe.h"
#include "src/tls/layer.h"
#include "src/tls/policy.h"
#include "src/tls/pretend.h"
#include "src/tls/tls.h"

namespace signet::tls {
namespace {

// Bits of $tls_in_resumption.
enum Resumption : int {
  kSupported = 1,
  kClientAskedForTicket = 2,
  kClientOfferedSession = 4,
  kTicketIssued = 8,
  kResumed = 16,
};

// Rule T9: what is no host name is no SNI.
std::string ServerNameOf(gnutls_session_t session) {
  std::array<char, 256> name{};
  std::size_t size = name.size();
  unsigned type = 0;
  if (gnutls_server_name_get(session, name.data(), &size, &type, 0) < 0) return "";
  std::string_view text(name.data(), size);
  if (text.ends_with('\0')) text.remove_suffix(1);
  return type == GNUTLS_NAME_DNS && IsHostName(text) ? std::string(text) : std::string();
}

// What the client asked for and what a ticket is bound to, from its first message.
struct Hello {
  const PolicyParts* policy = nullptr;
  ClientCertificate mode = ClientCertificate::kIgnore;
  int fd = -1;
  const std::string* listener = nullptr;
  std::string server_name;           // octets of the extension, not checked
  std::vector<std::string> offered;  // names of the keys of its tickets, where any
  int resumption = kSupported;
};

std::string LocalAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  const auto* octets = reinterpret_cast<const char*>(&address);
  return std::string(octets, std::min<std::size_t>(size, sizeof address));
}

int OnExtension(void* context, unsigned type, const unsigned char* data, unsigned size) {
  constexpr unsigned kServerName = 0, kSessionTicket = 35, kPreSharedKey = 41, kPskModes = 45;
  auto* hello = static_cast<Hello*>(context);
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (type == kServerName) hello->server_name = octets;
  if (type == kSessionTicket || type == kPreSharedKey)
    for (std::string& name :
         type == kPreSharedKey ? NamesInPreSharedKeys(octets) : NamesInTicket(octets))
      hello->offered.push_back(std::move(name));
  if (type == kSessionTicket || type == kPskModes) hello->resumption |= kClientAskedForTicket;
  if (type == kPreSharedKey || (type == kSessionTicket && size > 0))
    hello->resumption |= kClientOfferedSession;
  return 0;
}

// Rule T4: a ticket opens only with the key that listener, SNI, client-certificate policy
// and the policy itself give: this very object, or where servers share secrets, one that is
// made of the same things. Any other is as good as none: a full handshake.
std::string PurposeOf(const Hello& hello) {
  const bool shared = !hello.policy->digest.empty();
  const std::string listener = shared ? *hello.listener : LocalAddress(hello.fd);
  std::string purpose = shared ? "shared ticket" : "ticket";
  purpose += static_cast<char>(hello.mode);
  purpose += std::to_string(listener.size()) + ":" + listener + hello.policy->digest;
  return purpose + hello.server_name;
}

// Sealed is with the newest secret; what an older one has sealed is opened with that one, and
// what the session is given then is sealed so too, for what is left of its time.
SecretText KeyFor(const Hello& hello) {
  const std::string purpose = PurposeOf(hello);
  const TicketSecrets& secrets = *hello.policy->ticket_secrets;
  if (!hello.offered.empty() && secrets.size() > 1) {
    const std::int64_t now = std::time(nullptr);
    for (const SecretText& secret : secrets) {
      SecretText key = TicketKey(secret, purpose);
      if (IsNamed(hello.offered, key, now)) return key;
    }
  }
  return TicketKey(secrets.front(), purpose);
}

int OnClientHello(gnutls_session_t session, unsigned, unsigned, unsigned,
                  const gnutls_datum_t* message) {
  auto* hello = static_cast<Hello*>(gnutls_session_get_ptr(session));
  if (hello == nullptr) return GNUTLS_E_REHANDSHAKE;  // there is one first message (T6)
  hello->server_name.clear();
  hello->offered.clear();
  hello->resumption = kSupported;
  const int rc =
      gnutls_ext_raw_parse(hello, OnExtension, message, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
  if (rc < 0) return rc;
  const SecretText key = KeyFor(*hello);
  const std::string_view octets = key.Reveal();
  const gnutls_datum_t datum = {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
                                static_cast<unsigned>(octets.size())};
  return gnutls_session_ticket_enable_server(session, &datum);
}

unsigned FlagsOf(const PolicyParts& policy) {
  return GNUTLS_SERVER | (policy.resumption ? GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_NO_TICKETS);
}

void SetUp(gnutls_session_t session, const PolicyParts& policy, ClientCertificate mode,
           Hello* hello) {
  gnutls_priority_set(session, policy.priority.get());
  gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, policy.credentials.get());
  // No CA names unless asked for: a list would be long, tell strangers whom we trust, and
  // keep some clients from sending what they have. (1 switches it off.)
  gnutls_certificate_send_x509_rdn_sequence(session, policy.sends_names ? 0 : 1);
  // Not GNUTLS_CERT_REQUIRE: a client without a certificate would get an alert that no
  // mail program shows to anybody. Who is to be refused is known when the handshake is over.
  gnutls_certificate_server_set_request(
      session, mode == ClientCertificate::kIgnore ? GNUTLS_CERT_IGNORE : GNUTLS_CERT_REQUEST);
  // Rule T13: who names protocols and ours is not among them is in the wrong place.
  std::vector<gnutls_datum_t> protocols;
  for (const std::string& name : policy.alpn)
    protocols.push_back({reinterpret_cast<unsigned char*>(const_cast<char*>(name.data())),
                         static_cast<unsigned>(name.size())});
  gnutls_alpn_set_protocols(session, protocols.data(), static_cast<unsigned>(protocols.size()),
                            GNUTLS_ALPN_MANDATORY);
  if (!policy.resumption) return;
  // From the full handshake on: what a resumed session is given ends with the first ticket.
  gnutls_db_set_cache_expiration(session, std::chrono::seconds(limits::kTicketLifetime).count());
  gnutls_session_set_ptr(session, hello);
  gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE,
                                     OnClientHello);
}

crypto::CertificatePtr OwnCertificate(gnutls_session_t session, const PolicyParts& policy) {
  const gnutls_datum_t* ours = gnutls_certificate_get_ours(session);
  if (ours == nullptr) return nullptr;
  const std::string_view der(reinterpret_cast<const char*>(ours->data), ours->size);
  for (const crypto::CertificatePtr& certificate : policy.own)
    if (certificate->der() == der) return certificate;
  return nullptr;
}

// Runs after every handshake, resumed or not: `verified` is computed, never restored (T4).
void VerifyPeer(const std::vector<std::string_view>& chain, const PolicyParts& policy,
                std::int64_t now, facts::Tls* facts) {
  crypto::ChainStatus status = policy.trust->Verify(chain, policy.purpose, now);
  facts->peer = std::move(status.leaf);
  facts->verified = status.verified && facts->peer != nullptr;
  if (facts->verified)
    facts->path = std::move(status.path);
  else
    facts->presented.assign(chain.begin(), chain.end());
  facts->purpose_excused = status.purpose_excused;
  facts->verify_deferred = status.temporary;
  facts->revoked = status.revoked;
  facts->verify_reason = std::move(status.reason);
}

// Binds a SASL exchange to this TLS session (RFC 9266). TLS 1.2 without the extended master
// secret gives an attacker in the middle the same value on both sides, so it gives none.
std::string Exporter(gnutls_session_t session) {
  const bool unique = gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3 ||
                      gnutls_session_ext_master_secret_status(session) != 0;
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  std::array<char, 32> octets{};
  // The context is there and empty, which in TLS 1.2 is another value than without one.
  if (!unique || gnutls_prf_rfc5705(session, kLabel.size(), kLabel.data(), 0, "", octets.size(),
                                    octets.data()) < 0)
    return "";
  return std::string(octets.data(), octets.size());
}

// As $tls_in_ocsp. What is stapled was verified when it was read.
int OcspOf(gnutls_session_t session, const PolicyParts& policy, const facts::Tls& facts) {
  enum { kNotAsked = 0, kNoResponse = 1, kSent = 4 };
  if ((gnutls_session_get_flags(session) & GNUTLS_SFLAGS_CLI_REQUESTED_OCSP) == 0) return kNotAsked;
  for (std::size_t i = 0; i < policy.own.size(); ++i)
    if (policy.own[i] == facts.own)
      return std::time(nullptr) < policy.stapled_until[i] ? kSent : kNoResponse;
  return kNoResponse;
}

void Fill(gnutls_session_t session, const PolicyParts& policy, ClientCertificate mode,
          const Hello& hello, facts::Tls* facts) {
  facts->active = true;
  DescribeCipher(session, facts);
  facts->sni = ServerNameOf(session);
  facts->own = OwnCertificate(session, policy);
  facts->exporter = Exporter(session);
  facts->ocsp = OcspOf(session, policy, *facts);
  facts->resumption = hello.resumption;
  if (gnutls_session_is_resumed(session) != 0)
    facts->resumption |= kClientOfferedSession | kResumed;
  if (mode != ClientCertificate::kIgnore)
    VerifyPeer(PeerChain(session), policy, std::time(nullptr), facts);
}

// TLS 1.2 sends its ticket within the handshake; TLS 1.3 waits for us.
void SendTicket(gnutls_session_t session, facts::Tls* facts) {
  if (gnutls_protocol_get_version(session) < GNUTLS_TLS1_3) {
    if (facts->resumption & kClientAskedForTicket) facts->resumption |= kTicketIssued;
    return;
  }
  if (gnutls_session_ticket_send(session, 1, 0) >= 0) facts->resumption |= kTicketIssued;
}

// In the library's words where it would have refused the client itself.
std::string WhyRefused(const facts::Tls& facts) {
  if (facts.verify_reason != crypto::kNoCertificate)
    return "(certificate verification failed): " + facts.verify_reason;
  const bool tls13 = facts.version == "TLS1.3";
  return std::string("(gnutls_handshake): ") +
         gnutls_strerror(tls13 ? GNUTLS_E_CERTIFICATE_REQUIRED : GNUTLS_E_NO_CERTIFICATE_FOUND);
}

// What a handshake that succeeded lacks: "" or what it is, with the library's code for it.
struct Lack {
  int code = 0;
  std::string text;
};
Lack WhatIsLacking(gnutls_session_t session, const AcceptOptions& options,
                   const facts::Tls& facts) {
  if (gnutls_protocol_get_version(session) < GNUTLS_TLS1_2)
    return {GNUTLS_E_UNSUPPORTED_VERSION_PACKET, "protocol version too old"};
  gnutls_datum_t protocol{};
  if (options.require_alpn && gnutls_alpn_get_selected_protocol(session, &protocol) < 0)
    return {GNUTLS_E_NO_APPLICATION_PROTOCOL, "no application protocol (ALPN) was named"};
  // A second ClientHello may say something else than the first, for which the policy was.
  if (options.server_name && *options.server_name != facts.sni)
    return {GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER, "the server name changed"};
  return {};
}

// Whether the policy's priorities have a version.
bool Speaks(const PolicyParts& policy, gnutls_protocol_t version) {
  const unsigned* versions = nullptr;
  const int count = gnutls_priority_protocol_list(policy.priority.get(), &versions);
  return std::find(versions, versions + std::max(count, 0), static_cast<unsigned>(version)) !=
         versions + std::max(count, 0);
}

}  // namespace

Result<Accepted, HandshakeFailure> Accept(engine::Socket socket, ServerPolicyPtr policy,
                                          const AcceptOptions& options, Deadline deadline) {
  engine::SetPriority(engine::Priority::kHandshake);
  const ClientCertificate mode = options.mode;
  const PolicyParts& rep = TlsInternals::Of(*policy);
  auto layer = std::make_unique<Layer>(std::move(socket), FlagsOf(rep), policy);
  gnutls_session_t session = layer->session();
  Hello hello{&rep, mode, layer->socket()->fd(), &options.listener, {}, {}, kSupported};
  SetUp(session, rep, mode, &hello);

  const Layer::End end = layer->Handshake(deadline);
  gnutls_session_set_ptr(session, nullptr);
  if (!end.ok()) return Err{HandshakeFailure{end.text}};
  Accepted accepted;
  facts::Tls& facts = accepted.facts;
  engine::OnThreadStack([&] { Fill(session, rep, mode, hello, &facts); });
  if (const Lack lack = WhatIsLacking(session, options, facts); !lack.text.empty()) {
    layer->Refuse(lack.code);
    return Err{HandshakeFailure{"(gnutls_handshake): " + lack.text}};
  }
  // A resumed session may come from a listener that asked nobody: GnuTLS lets it pass.
  if (mode == ClientCertificate::kRequire && !facts.verified) accepted.refused = WhyRefused(facts);
  if (rep.resumption && accepted.refused.empty())
    engine::OnThreadStack([&] { SendTicket(session, &facts); });
  accepted.stream = std::move(layer);
  return accepted;
}

Result<Accepted, HandshakeFailure> Pretend(const ServerPolicy& policy, const AcceptOptions& options,
                                           const PretendedClient& client) {
  const PolicyParts& rep = TlsInternals::Of(policy);
  if (options.require_alpn)
    return Err{HandshakeFailure{"(gnutls_handshake): no application protocol (ALPN) was named"}};
  const bool tls13 = !client.tls12 && Speaks(rep, GNUTLS_TLS1_3);
  if (!tls13 && !Speaks(rep, GNUTLS_TLS1_2))
    return Err{HandshakeFailure{std::string("(gnutls_handshake): ") +
                                gnutls_strerror(GNUTLS_E_UNSUPPORTED_VERSION_PACKET)}};
  Accepted accepted;
  facts::Tls& facts = accepted.facts;
  facts.active = true;
  facts.version = tls13 ? "TLS1.3" : "TLS1.2";
  facts.cipher = !tls13 ? "TLS1.2:ECDHE_SECP256R1__ECDSA_SHA256__AES_256_GCM:256"
                        : "TLS1.3:ECDHE_SECP256R1__ECDSA_SECP256R1_SHA256__AES_256_GCM:256";
  facts.cipher_std = !tls13 ? "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" : "TLS_AES_256_GCM_SHA384";
  facts.bits = 256;
  facts.sni = IsHostName(client.server_name) ? client.server_name : std::string();
  if (!rep.own.empty()) facts.own = rep.own.front();
  facts.resumption = kSupported;
  const std::vector<std::string_view> chain(client.chain.begin(), client.chain.end());
  if (options.mode != ClientCertificate::kIgnore)
    engine::OnThreadStack([&] { VerifyPeer(chain, rep, client.at, &facts); });
  if (options.mode == ClientCertificate::kRequire && !facts.verified)
    accepted.refused = WhyRefused(facts);
  return accepted;
}

void RefuseBeforeTls(engine::Socket socket) {
  constexpr std::string_view kInternalError("\x15\x03\x03\x00\x02\x02\x50", 7);
  (void)send(socket.fd(), kInternalError.data(), kInternalError.size(),
             MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown(socket.fd(), SHUT_WR);
  char dropped[1024];
  for (int i = 0; i < 64; ++i)
    if (recv(socket.fd(), dropped, sizeof dropped, MSG_DONTWAIT) <= 0) break;
}

}  // namespace signet::tls
