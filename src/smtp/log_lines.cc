#include "src/smtp/log_lines.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::smtp {
namespace {

struct SelectorRow {
  std::string_view name;
  Selector selector;
  bool by_default;
};
// clang-format off
constexpr SelectorRow kSelectors[] = {
  {"8bitmime",                    Selector::kNone,                      false},
  {"acl_warn_skipped",            Selector::kNone,                      true},
  {"address_rewrite",             Selector::kNone,                      false},
  {"all_parents",                 Selector::kNone,                      false},
  {"arguments",                   Selector::kNone,                      false},
  {"connection_id",               Selector::kNone,                      false},
  {"connection_reject",           Selector::kConnectionReject,          true},
  {"delay_delivery",              Selector::kNone,                      true},
  {"deliver_time",                Selector::kNone,                      false},
  {"delivery_size",               Selector::kNone,                      false},
  {"dkim",                        Selector::kNone,                      true},
  {"dkim_verbose",                Selector::kNone,                      false},
  {"dmarc",                       Selector::kNone,                      false},
  {"dmarc_verbose",               Selector::kNone,                      false},
  {"dnslist_defer",               Selector::kNone,                      true},
  {"dnssec",                      Selector::kNone,                      false},
  {"etrn",                        Selector::kNone,                      true},
  {"host_lookup_failed",          Selector::kNone,                      true},
  {"ident_timeout",               Selector::kNone,                      false},
  {"incoming_interface",          Selector::kIncomingInterface,         false},
  {"incoming_port",               Selector::kIncomingPort,              false},
  {"lost_incoming_connection",    Selector::kLostIncomingConnection,    true},
  {"millisec",                    Selector::kNone,                      false},
  {"msg_id",                      Selector::kNone,                      true},
  {"msg_id_created",              Selector::kNone,                      false},
  {"outgoing_interface",          Selector::kNone,                      true},
  {"outgoing_port",               Selector::kNone,                      false},
  {"pid",                         Selector::kNone,                      false},
  {"pipelining",                  Selector::kNone,                      false},
  {"protocol_detail",             Selector::kNone,                      false},
  {"proxy",                       Selector::kNone,                      false},
  {"queue_run",                   Selector::kNone,                      true},
  {"queue_time",                  Selector::kNone,                      false},
  {"queue_time_exclusive",        Selector::kNone,                      true},
  {"queue_time_overall",          Selector::kNone,                      false},
  {"receive_time",                Selector::kNone,                      false},
  {"received_recipients",         Selector::kReceivedRecipients,        false},
  {"received_sender",             Selector::kReceivedSender,            false},
  {"rejected_header",             Selector::kNone,                      true},
  {"rejected_headers",            Selector::kNone,                      true},
  {"retry_defer",                 Selector::kNone,                      true},
  {"return_path_on_delivery",     Selector::kNone,                      false},
  {"sender_on_delivery",          Selector::kNone,                      false},
  {"sender_verify_fail",          Selector::kNone,                      true},
  {"size_reject",                 Selector::kSizeReject,                true},
  {"skip_delivery",               Selector::kNone,                      true},
  {"smtp_confirmation",           Selector::kNone,                      true},
  {"smtp_connection",             Selector::kSmtpConnection,            false},
  {"smtp_incomplete_transaction", Selector::kSmtpIncompleteTransaction, false},
  {"smtp_mailauth",               Selector::kNone,                      false},
  {"smtp_no_mail",                Selector::kNone,                      false},
  {"smtp_protocol_error",         Selector::kSmtpProtocolError,         false},
  {"smtp_syntax_error",           Selector::kSmtpSyntaxError,           false},
  {"spf",                         Selector::kNone,                      false},
  {"spf_verbose",                 Selector::kNone,                      false},
  {"subject",                     Selector::kNone,                      false},
  {"tls_certificate_verified",    Selector::kTlsCertificateVerified,    true},
  {"tls_cipher",                  Selector::kTlsCipher,                 true},
  {"tls_on_connect",              Selector::kNone,                      false},
  {"tls_peerdn",                  Selector::kTlsPeerdn,                 false},
  {"tls_resumption",              Selector::kTlsResumption,             false},
  {"tls_sni",                     Selector::kTlsSni,                    false},
  {"unknown_in_list",             Selector::kNone,                      false},
};
// clang-format on

constexpr std::uint32_t Bit(Selector selector) {
  return selector == Selector::kNone ? 0 : 1U << static_cast<unsigned>(selector);
}

std::string Bracketed(std::string_view ip) { return '[' + std::string(ip) + ']'; }

// What a reader splits at must not come from outside unescaped: blanks in an SNI, an
// id or a DN would look like the next field.
std::string WithoutBlanks(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == ' ') {
      out += "\\ ";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string Sender(const facts::Session& session) { return '<' + session.envelope.sender + '>'; }

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

LogSelector::LogSelector() {
  for (const SelectorRow& row : kSelectors)
    if (row.by_default) bits_ |= Bit(row.selector);
}

LogSelector LogSelector::Parse(std::string_view text, std::vector<std::string>* unknown) {
  LogSelector result;
  std::size_t at = 0;
  while (at < text.size()) {
    if (IsSpace(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    while (end < text.size() && !IsSpace(text[end]) && text[end] != '+' && text[end] != '-') ++end;
    const std::string_view word = text.substr(at, end - at);
    at = end;
    const bool on = word.front() == '+';
    const std::string name = Lower(word.substr(1));
    const auto* row = std::find_if(std::begin(kSelectors), std::end(kSelectors),
                                   [&](const SelectorRow& r) { return r.name == name; });
    if ((word.front() != '+' && word.front() != '-') ||
        (row == std::end(kSelectors) && name != "all")) {
      unknown->emplace_back(word);
      continue;
    }
    const std::uint32_t bits = name == "all" ? ~std::uint32_t{0} : Bit(row->selector);
    result.bits_ = on ? result.bits_ | bits : result.bits_ & ~bits;
  }
  return result;
}

std::string HostName(const facts::Session& session, const LogSelector& selector) {
  std::string out;
  if (!session.host_name.empty()) out += session.host_name + ' ';
  if (!session.helo.empty() && session.helo != session.host_name) out += '(' + session.helo + ") ";
  out += Bracketed(session.connection.client_ip);
  if (selector.Has(Selector::kIncomingPort))
    out += ':' + std::to_string(session.connection.client_port);
  return out;
}

std::string HostField(const facts::Session& session, const LogSelector& selector) {
  std::string out = "H=" + HostName(session, selector);
  if (selector.Has(Selector::kIncomingInterface))
    out += " I=" + Bracketed(session.connection.local_ip) + ':' +
           std::to_string(session.connection.local_port);
  return out;
}

std::string TlsFields(const facts::Session& session, const LogSelector& selector) {
  const facts::Tls& tls = session.tls;
  std::string out;
  if (!tls.active) return out;
  if (selector.Has(Selector::kTlsCipher)) {
    out += " X=" + tls.cipher;
    // Bit 16 of $tls_in_resumption: the session was resumed.
    if (selector.Has(Selector::kTlsResumption) && (tls.resumption & 16) != 0) out += '*';
  }
  if (tls.peer && selector.Has(Selector::kTlsCertificateVerified))
    out += tls.verified ? " CV=yes" : " CV=no";
  if (tls.peer && selector.Has(Selector::kTlsPeerdn))
    out += " DN=" + Quoted(tls.peer->subject_text());
  if (!tls.sni.empty() && selector.Has(Selector::kTlsSni)) out += " SNI=" + WithoutBlanks(tls.sni);
  return out;
}

std::string AuthField(const facts::Session& session) {
  const facts::Auth& auth = session.auth;
  if (auth.result != facts::AuthResult::kAuthenticated) return "";
  return " A=" + auth.authenticator + ':' + WithoutBlanks(auth.id);
}

std::string RejectionLine(const facts::Session& session, const LogSelector& selector,
                          Refusal refusal, std::string_view what, std::string_view why) {
  std::string out;
  if (!session.envelope.message_id.empty()) out += session.envelope.message_id + ' ';
  out += HostField(session, selector) + TlsFields(session, selector);
  if (session.envelope.has_sender) out += " F=" + Sender(session) + AuthField(session);
  out += refusal == Refusal::kTemporary ? " temporarily rejected " : " rejected ";
  out += what;
  if (!why.empty()) out += ": " + FirstLine(why);
  return out;
}

std::string ArrivalLine(const facts::Session& session, const LogSelector& selector,
                        const Arrival& arrival) {
  const facts::Envelope& envelope = session.envelope;
  std::string out = envelope.message_id + " <= ";
  out += envelope.sender.empty() ? "<>" : envelope.sender;
  out += ' ' + HostField(session, selector) + " P=" + session.ReceivedProtocol();
  out += TlsFields(session, selector) + AuthField(session);
  out += " S=" + std::to_string(arrival.size_bytes);
  if (!arrival.message_id.empty()) out += " id=" + WithoutBlanks(arrival.message_id);
  if (selector.Has(Selector::kReceivedSender)) out += " from " + Sender(session);
  if (selector.Has(Selector::kReceivedRecipients)) {
    out += " for";
    for (const facts::Recipient& recipient : envelope.recipients) out += ' ' + recipient.address;
  }
  return out;
}

std::string DeliveryLine(const facts::Session& session, std::string_view mark,
                         const facts::Recipient& recipient, std::string_view fields) {
  std::string out = session.envelope.message_id + ' ' + std::string(mark) + ' ' + recipient.address;
  if (!fields.empty()) out += ' ' + std::string(fields);
  return out;
}

std::string AuthenticatorLine(const facts::Session& session, const LogSelector& selector,
                              const facts::Auth& auth, std::string_view instance) {
  return std::string(instance) + " authenticator failed for " + HostField(session, selector) +
         ": " + auth.reason;
}

std::string TlsErrorLine(const facts::Session& session, const LogSelector& selector,
                         std::string_view detail) {
  return "TLS error on connection from " + HostName(session, selector) + ' ' + std::string(detail);
}

std::string DroppedLine(const facts::Session& session, const LogSelector& selector,
                        std::string_view why) {
  return "SMTP call from " + HostName(session, selector) + " dropped: " + std::string(why);
}

std::string DurationField(const facts::Session& session, WallTime now) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now - session.connection.started).count();
  return " D=" + std::to_string(std::max<std::int64_t>(seconds, 0)) + 's';
}

}  // namespace signet::smtp
