#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <string>

#include "expand/evaluate.h"
#include "expand/header_value.h"
#include "expand/table.h"
#include "src/base/charset.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"

// $name: functions, then the table. Everything is read from the facts of the session.
namespace signet::expand {
namespace {

using facts::Phase;
using facts::Session;

// --- text of the session -------------------------------------------------------------

// A member of the session, with the origins of its row.
template <const std::string& (*kRead)(const Session&)>
bool GetText(Evaluation& e, const Node& node, Datum* out) {
  return *out = e.From(kRead(e.session), node.variable->origins), true;
}

const std::string& PrimaryHostname(const Session& s) { return s.primary_hostname; }
const std::string& ActiveHostname(const Session& s) { return s.active_hostname; }
const std::string& ClientIp(const Session& s) { return s.connection.client_ip; }
const std::string& ToldLocalIp(const Session& s) { return s.connection.local_ip; }
// The socket's own, whatever a proxy has told.
const std::string& LocalIp(const Session& s) {
  return s.connection.proxy_ip.empty() ? s.connection.local_ip : s.connection.socket_ip;
}
const std::string& ProxyIp(const Session& s) { return s.connection.proxy_ip; }
const std::string& HeloName(const Session& s) { return s.helo; }
const std::string& HostName(const Session& s) { return s.host_name; }
const std::string& Sender(const Session& s) { return s.envelope.sender; }
const std::string& SenderLocalPart(const Session& s) { return s.envelope.sender_local_part; }
const std::string& SenderDomain(const Session& s) { return s.envelope.sender_domain; }
const std::string& LocalPart(const Session& s) { return s.envelope.current.local_part; }
const std::string& Domain(const Session& s) { return s.envelope.current.domain; }
const std::string& MessageId(const Session& s) { return s.envelope.message_id; }
const std::string& AuthenticatedSender(const Session& s) { return s.envelope.authenticated_sender; }
const std::string& Authenticator(const Session& s) { return s.auth.authenticator; }
const std::string& FailId(const Session& s) { return s.auth.fail_id; }
const std::string& TlsCipher(const Session& s) { return s.tls.cipher; }
const std::string& TlsCipherStd(const Session& s) { return s.tls.cipher_std; }
const std::string& TlsVersion(const Session& s) { return s.tls.version; }
const std::string& TlsSni(const Session& s) { return s.tls.sni; }
const std::string& SmtpCommand(const Session& s) { return s.smtp_command; }
const std::string& SmtpCommandArgument(const Session& s) { return s.smtp_command_argument; }
const std::string& SenderRate(const Session& s) { return s.sender_rate; }
const std::string& SenderRateLimit(const Session& s) { return s.sender_rate_limit; }
const std::string& SenderRatePeriod(const Session& s) { return s.sender_rate_period; }
const std::string& NotquitReason(const Session& s) { return s.notquit_reason; }
const std::string& AclVerifyMessage(const Session& s) { return s.acl_verify_message; }

bool GetAuthenticator(Evaluation& e, const Node&, Datum* out) {
  // The name of one that succeeded, or nothing.
  *out = e.session.auth.result == facts::AuthResult::kAuthenticated
             ? Datum(Authenticator(e.session))
             : Datum();
  return true;
}

// One element of any list, whatever it holds: an identity is never structure (rule I7).
Datum Identity(Evaluation& e, const std::string& text, Origins origins) {
  Datum datum(text);
  if (text.empty()) return datum;
  auto* segment = static_cast<Segment*>(e.arena.allocate(sizeof(Segment), alignof(Segment)));
  *segment = {static_cast<std::uint32_t>(text.size()), origins};
  segment->atom = true;
  datum.segments = {segment, 1};
  return datum;
}

bool GetAuthenticatedId(Evaluation& e, const Node&, Datum* out) {
  const facts::Auth& auth = e.session.auth;
  *out = auth.result == facts::AuthResult::kAuthenticated ? Identity(e, auth.id, auth.id_origins)
                                                          : Datum();
  return true;
}

bool GetFailId(Evaluation& e, const Node&, Datum* out) {
  return *out = Identity(e, FailId(e.session), e.session.auth.id_origins | kFromClient), true;
}

// "host (helo) [address]", as far as they are known and differ.
bool GetFullHost(Evaluation& e, const Node&, Datum* out) {
  const Session& s = e.session;
  if (s.connection.client_ip.empty()) return *out = Datum(), true;
  std::string text = s.host_name;
  if (!s.helo.empty() && !EqualsIgnoreCase(s.helo, s.host_name))
    text += (text.empty() ? "(" : " (") + s.helo + ")";
  text += (text.empty() ? "[" : " [") + s.connection.client_ip + "]";
  return *out = e.From(e.Copy(text), kFromClient), true;
}

// --- numbers -------------------------------------------------------------------------

template <std::int64_t (*kRead)(const Session&)>
bool GetNumber(Evaluation& e, const Node&, Datum* out) {
  return *out = e.Decimal(kRead(e.session)), true;
}

std::int64_t ClientPort(const Session& s) { return s.connection.client_port; }
std::int64_t LocalPort(const Session& s) {
  return s.connection.proxy_ip.empty() ? s.connection.local_port : s.connection.socket_port;
}
std::int64_t RecipientsCount(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.recipients.size());
}
std::int64_t TlsBits(const Session& s) { return s.tls.bits; }
std::int64_t TlsVerified(const Session& s) { return s.tls.verified && s.tls.peer != nullptr; }
std::int64_t TlsOcsp(const Session& s) { return s.tls.ocsp; }
std::int64_t TlsResumption(const Session& s) { return s.tls.resumption; }
std::int64_t AclArguments(const Session& s) { return static_cast<std::int64_t>(s.acl_args.size()); }

// What was received so far, or what the client declared.
std::int64_t MessageSize(const Session& s) {
  const facts::Envelope& e = s.envelope;
  return static_cast<std::int64_t>(e.message_size != 0 ? e.message_size : e.declared_size);
}

// --- the message ---------------------------------------------------------------------

template <std::uint64_t facts::Envelope::*kCount>
std::int64_t Count(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.*kCount);
}
std::int64_t LongestLine(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.max_line_length);
}
std::int64_t RecipientsAsked(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.recipients_asked);
}
std::int64_t RecipientsDeferred(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.recipients_deferred);
}
std::int64_t RecipientsRefused(const Session& s) {
  return static_cast<std::int64_t>(s.envelope.recipients_refused);
}
std::int64_t ReceivedCount(const Session& s) {
  return static_cast<std::int64_t>(FieldBodies(s.envelope.headers, "Received").size());
}
const std::string& BodyStart(const Session& s) { return s.envelope.body_start; }
const std::string& BodyEnd(const Session& s) { return s.envelope.body_end; }

bool GetReceivedTime(Evaluation& e, const Node&, Datum* out) {
  const WallTime when = e.session.envelope.received;
  *out = when == WallTime() ? Datum() : e.Decimal(std::chrono::system_clock::to_time_t(when));
  return true;
}

bool GetRecipients(Evaluation& e, const Node&, Datum* out) {
  std::string all;
  for (const facts::Recipient& recipient : e.session.envelope.recipients)
    all += (all.empty() ? "" : ", ") + recipient.address;
  return *out = e.From(e.Copy(all), kFromClient), true;
}

bool GetReceivedFor(Evaluation& e, const Node&, Datum* out) {
  const auto& recipients = e.session.envelope.recipients;
  *out = recipients.size() == 1 ? e.From(recipients.front().address, kFromClient) : Datum();
  return true;
}

bool GetHeadersAdded(Evaluation& e, const Node&, Datum* out) {
  std::string all;
  for (const facts::AddedHeader& header : e.session.envelope.added_headers)
    all += (all.empty() ? "" : "\n") + header.text;
  return *out = e.From(e.Copy(all), kFromClient), true;
}

// Decodes what a header holds in encoded words, for whom `form` is that of $h_ or $bh_.
bool DecodeHeader(Evaluation& e, const Node& node, HeaderForm form, std::string* text) {
  if (form == HeaderForm::kRaw || text->find("=?") == std::string::npos) return true;
  if (form == HeaderForm::kOctets) return *text = DecodeWordOctets(*text), true;
  Result<std::string, std::string> decoded(std::string{});
  // Converters of character sets are read from disk.
  if (!e.RunBlocking(node, [&] { decoded = DecodeWords(*text); })) return false;
  *text = decoded.ok() ? std::move(decoded).value() : DecodeWordOctets(*text);
  return true;
}

bool GetHeader(Evaluation& e, const Node& node, Datum* out) {
  const HeaderRequest request = *ParseHeaderRequest(node.text);
  const std::vector<std::string_view> bodies =
      FieldBodies(e.session.envelope.headers, request.field);
  if (request.form == HeaderForm::kList) {
    Elements elements(&e.arena);
    for (std::string_view body : bodies) elements.push_back(e.From(body, kFromClient));
    return *out = e.MakeList(elements, ':', ListStyle::kFields), true;
  }
  std::string text = JoinFields(bodies, request.field, request.form);
  if (!DecodeHeader(e, node, request.form, &text)) return false;
  return *out = e.From(e.Copy(text), kFromClient), true;
}

template <HeaderForm kForm>
bool GetMessageHeaders(Evaluation& e, const Node& node, Datum* out) {
  std::string text = JoinHeader(e.session.envelope.headers);
  if (!DecodeHeader(e, node, kForm, &text)) return false;
  return *out = e.From(e.Copy(text), kFromClient), true;
}

bool GetReplyAddress(Evaluation& e, const Node&, Datum* out) {
  const auto& header = e.session.envelope.headers;
  for (std::string_view name : {"Reply-To", "From"}) {
    const std::string text = JoinFields(FieldBodies(header, name), name, HeaderForm::kText);
    if (!text.empty()) return *out = e.From(e.Copy(text), kFromClient), true;
  }
  return *out = Datum(), true;
}

// --- certificates --------------------------------------------------------------------

Datum CertificateDatum(const crypto::Certificate* certificate) {
  Datum datum(certificate != nullptr ? std::string_view("<cert>") : std::string_view());
  datum.certificate = certificate;
  datum.of_certificate_kind = true;
  return datum;
}

bool GetPeerCert(Evaluation& e, const Node&, Datum* out) {
  e.budget.peer_certificate_read = true;
  return *out = CertificateDatum(e.session.tls.peer.get()), true;
}

bool GetOurCert(Evaluation& e, const Node&, Datum* out) {
  return *out = CertificateDatum(e.session.tls.own.get()), true;
}

bool GetLdapDn(Evaluation& e, const Node&, Datum* out) {
  return *out = e.From(e.ldap_dn, kFromDirectory), true;
}

bool GetPeerDn(Evaluation& e, const Node&, Datum* out) {
  const crypto::Certificate* peer = e.session.tls.peer.get();
  e.budget.peer_certificate_read = true;
  *out = peer != nullptr ? e.From(peer->subject_text(), kFromCertificate) : Datum();
  return true;
}

// --- the upstream --------------------------------------------------------------------

const std::string& Host(const Session& s) { return s.upstream.name; }
const std::string& HostIp(const Session& s) { return s.upstream.ip; }
const std::string& TlsOutCipher(const Session& s) { return s.upstream.tls.cipher; }
const std::string& TlsOutCipherStd(const Session& s) { return s.upstream.tls.cipher_std; }
const std::string& TlsOutSni(const Session& s) { return s.upstream.tls.sni; }
const std::string& TlsOutVersion(const Session& s) { return s.upstream.tls.version; }
std::int64_t TlsOutBits(const Session& s) { return s.upstream.tls.bits; }
std::int64_t TlsOutVerified(const Session& s) {
  return s.upstream.tls.verified && s.upstream.tls.peer != nullptr;
}

bool GetHostPort(Evaluation& e, const Node&, Datum* out) {
  const int port = e.session.upstream.port;
  return *out = port == 0 ? Datum() : e.Decimal(port), true;
}

bool GetOutPeerCert(Evaluation& e, const Node&, Datum* out) {
  return *out = CertificateDatum(e.session.upstream.tls.peer.get()), true;
}
bool GetOutOurCert(Evaluation& e, const Node&, Datum* out) {
  return *out = CertificateDatum(e.session.upstream.tls.own.get()), true;
}
bool GetOutPeerDn(Evaluation& e, const Node&, Datum* out) {
  const crypto::Certificate* peer = e.session.upstream.tls.peer.get();
  *out = peer != nullptr ? e.From(peer->subject_text(), kFromUpstream) : Datum();
  return true;
}

bool GetZero(Evaluation&, const Node&, Datum* out) {
  return *out = Datum(std::string_view("0")), true;
}
bool GetNo(Evaluation&, const Node&, Datum* out) {
  return *out = Datum(std::string_view("no")), true;
}
// --- what a proxy told ---------------------------------------------------------------

bool GetProxySession(Evaluation& e, const Node&, Datum* out) {
  *out = Datum(std::string_view(e.session.connection.proxied ? "yes" : "no"));
  return true;
}

// Nothing, not 0, where nobody told.
template <int facts::Connection::*kPort>
bool GetProxyPort(Evaluation& e, const Node&, Datum* out) {
  const facts::Connection& c = e.session.connection;
  return *out = c.proxy_ip.empty() ? Datum() : e.Decimal(c.*kPort), true;
}

bool GetProxyExternalIp(Evaluation& e, const Node& node, Datum* out) {
  const bool told = !e.session.connection.proxy_ip.empty();
  *out = told ? e.From(ToldLocalIp(e.session), node.variable->origins) : Datum();
  return true;
}

const std::string* FindTlv(const Session& s, int type) {
  auto found = s.connection.proxy_tlvs.find(type);
  return found == s.connection.proxy_tlvs.end() ? nullptr : &found->second;
}

template <int kType>
bool GetTlv(Evaluation& e, const Node& node, Datum* out) {
  const std::string* value = FindTlv(e.session, kType);
  return *out = value != nullptr ? e.From(*value, node.variable->origins) : Datum(), true;
}

// $proxy_tlv_N
bool GetNumberedTlv(Evaluation& e, const Node& node, Datum* out) {
  int type = 0;
  if (node.text == "proxy_tlv") return *out = Datum(), true;
  for (char c : node.text.substr(std::string_view("proxy_tlv_").size())) type = type * 10 + c - '0';
  const std::string* value = FindTlv(e.session, type);
  return *out = value != nullptr ? e.From(*value, node.variable->origins) : Datum(), true;
}

// PROXY protocol 2.2.6: the client presented a certificate (bits 1 and 2 of the first
// octet), and verifying it gave 0.
bool GetProxyTlsVerified(Evaluation& e, const Node&, Datum* out) {
  const std::string* tls = FindTlv(e.session, 0x20);
  const bool verified = tls != nullptr && tls->size() >= 5 && ((*tls)[0] & 6) != 0 &&
                        tls->compare(1, 4, std::string_view("\0\0\0\0", 4)) == 0;
  return *out = e.Decimal(verified ? 1 : 0), true;
}

// --- what was stored, and what the evaluation itself knows ---------------------------

const Value* Find(const std::map<std::string, Value, std::less<>>& values, std::string_view name) {
  auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

// With strict_acl_vars, a variable that was never set is a failure; ${if def: may ask for it.
bool MayBeUnset(Evaluation& e, const Node& node, const Value* value) {
  if (value != nullptr || !e.session.strict_acl_vars || e.asks_for_definition) return true;
  return e.FailPermanently(
      node, "variable \"" + std::string(node.text) + "\" is not set (strict_acl_vars)");
}

bool GetAclConnection(Evaluation& e, const Node& node, Datum* out) {
  const Value* value = Find(e.session.acl_c, node.text);
  if (!MayBeUnset(e, node, value)) return false;
  return *out = value != nullptr ? e.FromValue(*value) : Datum(), true;
}

bool GetAclMessage(Evaluation& e, const Node& node, Datum* out) {
  const Value* value = Find(e.session.acl_m, node.text);
  if (!MayBeUnset(e, node, value)) return false;
  return *out = value != nullptr ? e.FromValue(*value) : Datum(), true;
}

template <const Value& (*kRead)(const Session&)>
bool GetValueOf(Evaluation& e, const Node&, Datum* out) {
  return *out = e.FromValue(kRead(e.session)), true;
}
const Value& DomainData(const Session& s) { return s.envelope.domain_data; }
const Value& HostData(const Session& s) { return s.host_data; }
const Value& LocalPartData(const Session& s) { return s.envelope.local_part_data; }
const Value& RecipientData(const Session& s) { return s.envelope.recipient_data; }
const Value& SenderData(const Session& s) { return s.envelope.sender_data; }

// The digit at the end of $auth3, $acl_arg3, counted from 0.
std::size_t LastDigit(const Node& node) { return static_cast<std::size_t>(node.text.back() - '1'); }

bool GetAuthVariable(Evaluation& e, const Node& node, Datum* out) {
  return *out = e.FromValue(e.session.auth_vars[LastDigit(node)]), true;
}

bool GetAuthState(Evaluation& e, const Node&, Datum* out) {
  return *out = e.FromValue(e.session.auth_state), true;
}

bool GetAuthMatched(Evaluation& e, const Node&, Datum* out) {
  return *out = e.FromValue(e.session.auth_matched), true;
}

bool GetAuthPinned(Evaluation& e, const Node&, Datum* out) {
  return *out = e.FromValue(e.session.auth_pinned), true;
}

// What was asked may repeat what the client or a directory had said.
bool GetAuthChallenge(Evaluation& e, const Node&, Datum* out) {
  return *out = e.From(e.session.auth_challenge, kFromClient | kFromDirectory), true;
}

bool GetAuthStep(Evaluation& e, const Node&, Datum* out) {
  return *out = e.session.auth_step == 0 ? Datum() : e.Decimal(e.session.auth_step), true;
}

bool GetAuthenticationFailed(Evaluation& e, const Node&, Datum* out) {
  return *out = e.Decimal(e.session.authentication_failed ? 1 : 0), true;
}

bool GetAclArgument(Evaluation& e, const Node& node, Datum* out) {
  std::size_t n = LastDigit(node);
  const auto& arguments = e.session.acl_args;
  return *out = n < arguments.size() ? e.FromValue(arguments[n]) : Datum(), true;
}

bool GetValue(Evaluation& e, const Node&, Datum* out) { return *out = e.value, true; }
bool GetItem(Evaluation& e, const Node&, Datum* out) { return *out = e.item, true; }

bool GetReceivedProtocol(Evaluation& e, const Node&, Datum* out) {
  return *out = Datum(e.Copy(e.session.ReceivedProtocol())), true;
}

// --- time ----------------------------------------------------------------------------

enum class Zone : bool { kLocal, kUtc };

Datum Time(Evaluation& e, const char* format, Zone zone) {
  auto when = static_cast<std::time_t>(e.services.Now());
  std::tm parts{};
  if ((zone == Zone::kUtc ? gmtime_r(&when, &parts) : localtime_r(&when, &parts)) == nullptr)
    return Datum();
  char text[64];
  return Datum(e.Copy({text, std::strftime(text, sizeof text, format, &parts)}));
}

bool GetEpoch(Evaluation& e, const Node&, Datum* out) {
  return *out = e.Decimal(e.services.Now()), true;
}
bool GetEpochMicroseconds(Evaluation& e, const Node&, Datum* out) {
  return *out = e.Decimal(e.services.NowMicroseconds()), true;
}
bool GetPid(Evaluation& e, const Node&, Datum* out) { return *out = e.Decimal(::getpid()), true; }
bool GetTodLog(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%Y-%m-%d %H:%M:%S", Zone::kLocal), true;
}
bool GetTodFull(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%a, %d %b %Y %H:%M:%S %z", Zone::kLocal), true;
}
bool GetTodZulu(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%Y%m%d%H%M%SZ", Zone::kUtc), true;
}
bool GetTodZone(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%z", Zone::kLocal), true;
}
bool GetTodLogfile(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%Y%m%d", Zone::kLocal), true;
}
bool GetTodBsdInbox(Evaluation& e, const Node&, Datum* out) {
  return *out = Time(e, "%a %b %e %H:%M:%S %Y", Zone::kLocal), true;
}

using enum VariableKind;
// clang-format off
constexpr VariableRow kVariables[] = {
  // name                         kind          since            origins            get
  {"acl_arg1",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the first argument of the ACL that was called"},
  {"acl_arg2",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the second argument of the ACL that was called"},
  {"acl_arg3",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the third argument of the ACL that was called"},
  {"acl_arg4",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the fourth argument of the ACL that was called"},
  {"acl_arg5",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the fifth argument of the ACL that was called"},
  {"acl_arg6",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the sixth argument of the ACL that was called"},
  {"acl_arg7",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the seventh argument of the ACL that was called"},
  {"acl_arg8",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the eighth argument of the ACL that was called"},
  {"acl_arg9",                    kText,        Phase::kConnect, kFromAdministrator, &GetAclArgument, "the ninth argument of the ACL that was called"},
  {"acl_c",                       kText,        Phase::kConnect, kFromAdministrator, &GetAclConnection, "$acl_c_NAME: what an ACL set, for the whole connection"},
  {"acl_m",                       kText,        Phase::kConnect, kFromAdministrator, &GetAclMessage,  "$acl_m_NAME: what an ACL set, for one message"},
  {"acl_narg",                    kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&AclArguments>, "how many arguments the ACL was called with"},
  {"acl_verify_message",          kText,        Phase::kConnect, kFromAdministrator, &GetText<&AclVerifyMessage>, "why a `verify` condition failed"},
  {"auth1",                       kText,        Phase::kAuth,    kFromAdministrator, &GetAuthVariable, "the authenticator's first parameter"},
  {"auth2",                       kText,        Phase::kAuth,    kFromAdministrator, &GetAuthVariable, "the authenticator's second parameter"},
  {"auth3",                       kText,        Phase::kAuth,    kFromAdministrator, &GetAuthVariable, "the authenticator's third parameter"},
  {"auth4",                       kText,        Phase::kAuth,    kFromAdministrator, &GetAuthVariable, "the authenticator's fourth parameter"},
  {"auth_challenge",              kText,        Phase::kAuth,    kFromClient | kFromDirectory, &GetAuthChallenge, "what the client was asked in the step before"},
  {"auth_matched",                kText,        Phase::kAuth,    kFromAdministrator, &GetAuthMatched,  "the one element of $auth1 for which server_match is true"},
  {"auth_pinned",                 kText,        Phase::kAuth,    kFromAdministrator, &GetAuthPinned,   "the name under which server_pins has the client's certificate"},
  {"auth_state",                  kText,        Phase::kAuth,    kFromAdministrator, &GetAuthState,    "what an authenticator keeps from step to step"},
  {"auth_step",                   kText,        Phase::kAuth,    kFromAdministrator, &GetAuthStep,     "the number of the step of an authentication exchange, from 1"},
  {"authenticated_fail_id",       kText,        Phase::kAuth,    kFromAdministrator, &GetFailId,      "the identity that an authenticator refused"},
  {"authenticated_id",            kText,        Phase::kAuth,    kFromAdministrator, &GetAuthenticatedId, "who the client is; one list element, whatever it holds"},
  {"authenticated_sender",        kText,        Phase::kMail,    kFromClient,        &GetText<&AuthenticatedSender>, "the accepted AUTH= of MAIL"},
  {"authentication_failed",       kText,        Phase::kConnect, kFromAdministrator, &GetAuthenticationFailed, "1 from an AUTH command on until one succeeds, else 0"},
  {"body_linecount",              kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&Count<&facts::Envelope::body_lines>>, "how many lines the message's body has"},
  {"body_zerocount",              kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&Count<&facts::Envelope::body_zeros>>, "how many NULs the message's body has; none, because they are refused"},
  {"domain",                      kText,        Phase::kRcpt,    kFromClient,        &GetText<&Domain>, "the recipient's domain"},
  {"domain_data",                  kText,        Phase::kRcpt, kFromAdministrator, &GetValueOf<&DomainData>, "what the item of the last `domains` list that held says"},
  {"headers_added",               kText,        Phase::kMail,    kFromClient,        &GetHeadersAdded, "the fields that ACLs have added to the header so far"},
  {"host",                        kText,        Phase::kRcpt,    kFromAdministrator, &GetText<&Host>, "the upstream that the message goes to, as it was configured"},
  {"host_address",                kText,        Phase::kRcpt,    kFromAdministrator, &GetText<&HostIp>, "the upstream's address"},
  {"host_data",                    kText,        Phase::kConnect, kFromAdministrator, &GetValueOf<&HostData>, "the same of `hosts`"},
  {"host_port",                   kNumber,      Phase::kRcpt,    kFromAdministrator, &GetHostPort,    "the upstream's port"},
  {"interface_address",           kText,        Phase::kConnect, kFromAdministrator, &GetText<&LocalIp>, "old name of $received_ip_address"},
  {"interface_port",              kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&LocalPort>, "old name of $received_port"},
  {"item",                        kText,        Phase::kLoad,    kFromAdministrator, &GetItem,        "the element at hand in map, filter, reduce, forany, forall"},
  {"ldap_dn",                     kText,        Phase::kLoad,    kFromDirectory,     &GetLdapDn,      "the name of the entry that the last directory lookup before it in the same text found"},
  {"local_part",                  kText,        Phase::kRcpt,    kFromClient,        &GetText<&LocalPart>, "the recipient's local part"},
  {"local_part_data",              kText,        Phase::kRcpt, kFromAdministrator, &GetValueOf<&LocalPartData>, "the same of `local_parts`"},
  {"max_received_linelength",     kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&LongestLine>, "octets of the message's longest line"},
  {"message_body",                kText,        Phase::kData,    kFromClient,        &GetText<&BodyStart>, "the body's first octets: see message_body_visible"},
  {"message_body_end",            kText,        Phase::kData,    kFromClient,        &GetText<&BodyEnd>, "the body's last octets"},
  {"message_body_size",           kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&Count<&facts::Envelope::body_size>>, "octets of the message's body, line ends included"},
  {"message_exim_id",             kText,        Phase::kMail,    kFromAdministrator, &GetText<&MessageId>, "the message's identifier in the log"},
  {"message_headers",             kText,        Phase::kData,    kFromClient,        &GetMessageHeaders<HeaderForm::kOctets>, "the message's header, encoded words decoded"},
  {"message_headers_raw",         kText,        Phase::kData,    kFromClient,        &GetMessageHeaders<HeaderForm::kRaw>, "the message's header as it came"},
  {"message_id",                  kText,        Phase::kMail,    kFromAdministrator, &GetText<&MessageId>, "old name of $message_exim_id"},
  {"message_linecount",           kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&Count<&facts::Envelope::message_lines>>, "how many lines the message had when it came"},
  {"message_size",                kNumber,      Phase::kMail,    kFromAdministrator, &GetNumber<&MessageSize>, "octets of the message; before DATA, what the client declared"},
  {"pid",                         kNumber,      Phase::kLoad,    kFromAdministrator, &GetPid, "the number of this process"},
  {"primary_hostname",            kText,        Phase::kLoad,    kFromAdministrator, &GetText<&PrimaryHostname>, "this host's name"},
  {"proxy_alpn",                  kText,        Phase::kConnect, kFromClient,        &GetTlv<0x01>, "the protocol that the client named to the proxy (ALPN)"},
  {"proxy_authority",             kText,        Phase::kConnect, kFromClient,        &GetTlv<0x02>, "the server name that the client asked the proxy for"},
  {"proxy_external_address",      kText,        Phase::kConnect, kFromAdministrator, &GetProxyExternalIp, "the proxy's address that the client connected to"},
  {"proxy_external_port",         kNumber,      Phase::kConnect, kFromAdministrator, &GetProxyPort<&facts::Connection::local_port>, "the port likewise"},
  {"proxy_local_address",         kText,        Phase::kConnect, kFromAdministrator, &GetText<&ProxyIp>, "the address that the proxy connected from"},
  {"proxy_local_port",            kNumber,      Phase::kConnect, kFromAdministrator, &GetProxyPort<&facts::Connection::proxy_port>, "the port likewise"},
  {"proxy_session",               kText,        Phase::kConnect, kFromAdministrator, &GetProxySession, "yes where a PROXY header has told about the client, else no"},
  {"proxy_tls_cn",                kText,        Phase::kConnect, kFromClient,        &GetTlv<0x22>, "the common name of the certificate that the client showed the proxy; never an identity by itself"},
  {"proxy_tls_verified",          kNumber,      Phase::kConnect, kFromAdministrator, &GetProxyTlsVerified, "1 where the client showed the proxy a certificate that it verified, else 0"},
  {"proxy_tls_version",           kText,        Phase::kConnect, kFromClient,        &GetTlv<0x21>, "the version of TLS between client and proxy, as the proxy calls it"},
  {"proxy_tlv",                   kText,        Phase::kConnect, kFromClient,        &GetNumberedTlv, "$proxy_tlv_N: the field of type N, from 0 to 255, of a PROXY header of version 2"},
  {"rcpt_count",                  kNumber,      Phase::kRcpt,    kFromAdministrator, &GetNumber<&RecipientsAsked>, "how many RCPT commands the message has had, this one included"},
  {"rcpt_defer_count",            kNumber,      Phase::kRcpt,    kFromAdministrator, &GetNumber<&RecipientsDeferred>, "how many of them were told to come later"},
  {"rcpt_fail_count",             kNumber,      Phase::kRcpt,    kFromAdministrator, &GetNumber<&RecipientsRefused>, "how many of them were refused"},
  {"received_count",              kNumber,      Phase::kData,    kFromAdministrator, &GetNumber<&ReceivedCount>, "how many Received fields the message came with"},
  {"received_for",                kText,        Phase::kPredata, kFromClient,        &GetReceivedFor, "the recipient, where there is only one"},
  {"received_ip_address",         kText,        Phase::kConnect, kFromAdministrator, &GetText<&LocalIp>, "the address that the client connected to"},
  {"received_port",               kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&LocalPort>, "the port that the client connected to"},
  {"received_protocol",           kText,        Phase::kConnect, kFromAdministrator, &GetReceivedProtocol, "smtp, esmtp, esmtps, esmtpsa"},
  {"received_time",               kText,        Phase::kData,    kFromAdministrator, &GetReceivedTime, "when the message began to come, in seconds since 1970"},
  {"recipient_data",               kText,        Phase::kRcpt, kFromAdministrator, &GetValueOf<&RecipientData>, "the same of `recipients`"},
  {"recipients",                  kText,        Phase::kPredata, kFromClient,        &GetRecipients, "the accepted recipients, with commas between them"},
  {"recipients_count",            kNumber,      Phase::kMail,    kFromAdministrator, &GetNumber<&RecipientsCount>, "how many recipients were accepted"},
  {"reply_address",               kText,        Phase::kData,    kFromClient,        &GetReplyAddress, "the message's Reply-To, or its From where there is none"},
  {"return_path",                 kText,        Phase::kMail,    kFromClient,        &GetText<&Sender>, "the sender of MAIL; empty for <>"},
  {"sender_address",              kText,        Phase::kMail,    kFromClient,        &GetText<&Sender>, "the sender of MAIL; empty for <>"},
  {"sender_address_domain",       kText,        Phase::kMail,    kFromClient,        &GetText<&SenderDomain>, "the sender's domain"},
  {"sender_address_local_part",   kText,        Phase::kMail,    kFromClient,        &GetText<&SenderLocalPart>, "the sender's local part"},
  {"sender_data",                  kText,        Phase::kMail, kFromAdministrator, &GetValueOf<&SenderData>, "the same of `senders` or `sender_domains`"},
  {"sender_fullhost",             kText,        Phase::kConnect, kFromClient,        &GetFullHost, "the client: name, (EHLO) and [address], as far as known"},
  {"sender_helo_name",            kText,        Phase::kHelo,    kFromClient,        &GetText<&HeloName>, "what the client said in EHLO"},
  {"sender_host_address",         kText,        Phase::kConnect, kFromAdministrator, &GetText<&ClientIp>, "the client's address"},
  {"sender_host_authenticated",   kText,        Phase::kAuth,    kFromAdministrator, &GetAuthenticator, "the name of the authenticator that succeeded"},
  {"sender_host_name",            kText,        Phase::kConnect, kFromClient,        &GetText<&HostName>, "the client's name, where it was looked up"},
  {"sender_host_port",            kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&ClientPort>, "the client's port"},
  {"sender_rate",                 kText,        Phase::kConnect, kFromAdministrator, &GetText<&SenderRate>, "the rate that the last ratelimit condition measured"},
  {"sender_rate_limit",           kText,        Phase::kConnect, kFromAdministrator, &GetText<&SenderRateLimit>, "the limit that it was compared with"},
  {"sender_rate_period",          kText,        Phase::kConnect, kFromAdministrator, &GetText<&SenderRatePeriod>, "the period that it was measured for"},
  {"smtp_active_hostname",        kText,        Phase::kConnect, kFromAdministrator, &GetText<&ActiveHostname>, "the name that was given to the client"},
  {"smtp_command",                kText,        Phase::kHelo,    kFromClient,        &GetText<&SmtpCommand>, "the command line at hand"},
  {"smtp_command_argument",       kText,        Phase::kHelo,    kFromClient,        &GetText<&SmtpCommandArgument>, "what stands behind the command"},
  {"smtp_notquit_reason",         kText,        Phase::kQuit,    kFromAdministrator, &GetText<&NotquitReason>, "why the session ends without QUIT, for acl_smtp_notquit"},
  {"tls_bits",                    kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsBits>, "old name of $tls_in_bits"},
  {"tls_certificate_verified",    kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsVerified>, "old name of $tls_in_certificate_verified"},
  {"tls_cipher",                  kText,        Phase::kConnect, kFromAdministrator, &GetText<&TlsCipher>, "old name of $tls_in_cipher"},
  {"tls_in_bits",                 kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsBits>, "bits of the session's key; 0 without TLS"},
  {"tls_in_certificate_verified", kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsVerified>, "1 where the client's certificate was verified, else 0"},
  {"tls_in_cipher",               kText,        Phase::kConnect, kFromAdministrator, &GetText<&TlsCipher>, "version, suite and bits; empty without TLS"},
  {"tls_in_cipher_std",           kText,        Phase::kConnect, kFromAdministrator, &GetText<&TlsCipherStd>, "the suite's standard name"},
  {"tls_in_ocsp",                 kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsOcsp>, "what the client was stapled: 0 not asked for, 1 nothing, 4 a good OCSP response"},
  {"tls_in_ourcert",              kCertificate, Phase::kConnect, kFromAdministrator, &GetOurCert,     "the certificate that we sent"},
  {"tls_in_peercert",             kCertificate, Phase::kConnect, kFromAdministrator, &GetPeerCert,    "the certificate that the client sent"},
  {"tls_in_peerdn",               kText,        Phase::kConnect, kFromCertificate,   &GetPeerDn,      "the subject of the client's certificate"},
  {"tls_in_resumption",           kNumber,      Phase::kConnect, kFromAdministrator, &GetNumber<&TlsResumption>, "whether the session was resumed, as bits"},
  {"tls_in_sni",                  kText,        Phase::kConnect, kFromClient,        &GetText<&TlsSni>, "the server name that the client asked for"},
  {"tls_in_ver",                  kText,        Phase::kConnect, kFromAdministrator, &GetText<&TlsVersion>, "TLS1.3, TLS1.2; empty without TLS"},
  {"tls_out_bits",                kNumber,      Phase::kLoad,    kFromAdministrator, &GetNumber<&TlsOutBits>, "bits of the key towards the upstream; 0: no TLS"},
  {"tls_out_certificate_verified", kNumber,      Phase::kLoad,    kFromAdministrator, &GetNumber<&TlsOutVerified>, "1 where the upstream's certificate was verified, else 0"},
  {"tls_out_cipher",              kText,        Phase::kLoad,    kFromAdministrator, &GetText<&TlsOutCipher>, "version, suite and bits towards the upstream"},
  {"tls_out_cipher_std",          kText,        Phase::kLoad,    kFromAdministrator, &GetText<&TlsOutCipherStd>, "the standard name of that suite"},
  {"tls_out_dane",                kText,        Phase::kLoad,    kFromAdministrator, &GetNo, "whether DANE verified the upstream: no"},
  {"tls_out_ocsp",                kNumber,      Phase::kLoad,    kFromAdministrator, &GetZero, "how far OCSP went with the upstream"},
  {"tls_out_ourcert",             kCertificate, Phase::kLoad,    kFromAdministrator, &GetOutOurCert, "the certificate that we sent to the upstream"},
  {"tls_out_peercert",            kCertificate, Phase::kLoad,    kFromAdministrator, &GetOutPeerCert, "the upstream's certificate"},
  {"tls_out_peerdn",              kText,        Phase::kLoad,    kFromUpstream, &GetOutPeerDn, "the subject of the upstream's certificate"},
  {"tls_out_resumption",          kNumber,      Phase::kLoad,    kFromAdministrator, &GetZero, "whether the session with the upstream was resumed"},
  {"tls_out_sni",                 kText,        Phase::kLoad,    kFromAdministrator, &GetText<&TlsOutSni>, "the server name that we asked the upstream for"},
  {"tls_out_tlsa_usage",          kNumber,      Phase::kLoad,    kFromAdministrator, &GetZero, "the kinds of TLSA records that were used, as bits"},
  {"tls_out_ver",                 kText,        Phase::kLoad,    kFromAdministrator, &GetText<&TlsOutVersion>, "the version of TLS towards the upstream"},
  {"tls_peerdn",                  kText,        Phase::kConnect, kFromCertificate,   &GetPeerDn,      "old name of $tls_in_peerdn"},
  {"tls_sni",                     kText,        Phase::kConnect, kFromClient,        &GetText<&TlsSni>, "old name of $tls_in_sni"},
  {"tod_bsdinbox",                kText,        Phase::kLoad,    kFromAdministrator, &GetTodBsdInbox, "the time as in mailbox separators"},
  {"tod_epoch",                   kNumber,      Phase::kLoad,    kFromAdministrator, &GetEpoch,       "seconds since 1970"},
  {"tod_epoch_l",                 kNumber,      Phase::kLoad,    kFromAdministrator, &GetEpochMicroseconds, "microseconds since 1970"},
  {"tod_full",                    kText,        Phase::kLoad,    kFromAdministrator, &GetTodFull,     "the time as in message headers"},
  {"tod_log",                     kText,        Phase::kLoad,    kFromAdministrator, &GetTodLog,      "the time as in the log"},
  {"tod_logfile",                 kText,        Phase::kLoad,    kFromAdministrator, &GetTodLogfile,  "the date as in names of log files"},
  {"tod_zone",                    kText,        Phase::kLoad,    kFromAdministrator, &GetTodZone,     "the time zone, +0000"},
  {"tod_zulu",                    kText,        Phase::kLoad,    kFromAdministrator, &GetTodZulu,     "the time in UTC, 20261120142703Z"},
  {"value",                       kText,        Phase::kLoad,    kFromAdministrator, &GetValue,       "what a lookup, an extraction or a list condition found"},
};
// clang-format on
static_assert(SortedAndUnique(kVariables), "keep kVariables in order of name");
static_assert(Named(kVariables), "a row needs a name and a manual line");

}  // namespace

std::span<const VariableRow> Variables() { return kVariables; }

const VariableRow& HeaderVariable() {
  static constexpr VariableRow kRow = {
      .name = "h_", .since = Phase::kData, .origins = kFromClient, .get = &GetHeader};
  return kRow;
}

}  // namespace signet::expand
