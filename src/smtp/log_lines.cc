#include "src/smtp/log_lines.h"

#include <algorithm>
#include <cstdio>

#include "src/base/text.h"

namespace signet::smtp {
namespace {

constexpr std::size_t kRejectedRecipientsShown = 5;  // as in Exim
constexpr std::size_t kRejectedHeaderLines = 200;    // of a header in the reject log
constexpr std::size_t kSubjectShownBytes = 200;

std::string Bracketed(std::string_view ip) { return '[' + std::string(ip) + ']'; }
std::string Bracketed(std::string_view ip, int port) {
  return Bracketed(ip) + ':' + std::to_string(port);
}

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

std::int64_t Milliseconds(WallTime from, WallTime to) {
  return std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count(), 0);
}

// --- parts of events --------------------------------------------------------------------------

// Adds parts of lines to an event, fields with their facts.
class Writer {
 public:
  Writer(std::string_view kind, const facts::Session& session, const LogSelector& selector)
      : event_(kind), session_(session), selector_(selector) {}

  LogEvent Take() { return std::move(event_); }
  LogEvent& event() { return event_; }
  bool Has(Selector selector) const { return selector_.Has(selector); }

  Writer& Say(std::string_view words) {
    event_.Say(words);
    return *this;
  }
  Writer& MessageId() {
    const std::string& id = session_.envelope.message_id;
    if (!id.empty()) event_.Field("", "id", id).Say(" ");
    return *this;
  }
  Writer& Client() {
    const facts::Connection& connection = session_.connection;
    Say(HostName(session_, selector_));
    if (!session_.host_name.empty()) event_.Note("client_name", session_.host_name);
    if (!session_.helo.empty()) event_.Note("helo", session_.helo);
    event_.Note("client_ip", connection.client_ip);
    if (Has(Selector::kIncomingPort)) event_.Note("client_port", connection.client_port);
    return *this;
  }
  Writer& Interface() {
    const facts::Connection& connection = session_.connection;
    if (!Has(Selector::kIncomingInterface)) return *this;
    Say(" I=").Say(Bracketed(connection.local_ip, connection.local_port));
    event_.Note("local_ip", connection.local_ip).Note("local_port", connection.local_port);
    return *this;
  }
  Writer& ConnectionId() {
    if (Has(Selector::kConnectionId) && !session_.connection.id.empty())
      event_.Field(" Ci=", "connection", session_.connection.id);
    return *this;
  }
  Writer& Host() { return Say("H=").Client().Interface().ConnectionId(); }

  Writer& Tls() { return Tls(session_.tls, "tls_"); }
  // `names`: what the facts' names begin with.
  Writer& Tls(const facts::Tls& tls, std::string_view names) {
    const bool out = names != "tls_";
    if (!tls.active) return *this;
    if (Has(Selector::kTlsCipher)) {
      event_.Field(" X=", out ? "upstream_tls_cipher" : "tls_cipher", tls.cipher);
      // Bit 16 of $tls_in_resumption: the session was resumed.
      const bool resumed = (tls.resumption & 16) != 0;
      if (Has(Selector::kTlsResumption)) {
        if (resumed) Say("*");
        event_.Note(out ? "upstream_tls_resumed" : "tls_resumed", resumed);
      }
    }
    if (tls.peer && Has(Selector::kTlsCertificateVerified)) {
      Say(tls.verified ? " CV=yes" : " CV=no");
      event_.Note(out ? "upstream_tls_verified" : "tls_verified", tls.verified);
    }
    if (tls.peer && Has(Selector::kTlsPeerdn)) {
      Say(" DN=").Say(Quoted(tls.peer->subject_text()));
      event_.Note(out ? "upstream_tls_peer" : "tls_peer", tls.peer->subject_text());
    }
    if (!tls.sni.empty() && Has(Selector::kTlsSni)) {
      Say(" SNI=").Say(WithoutBlanks(tls.sni));
      event_.Note(out ? "upstream_tls_sni" : "tls_sni", tls.sni);
    }
    return *this;
  }
  Writer& Auth(bool with_mail_auth = false) {
    const facts::Auth& auth = session_.auth;
    if (auth.result != facts::AuthResult::kAuthenticated) return *this;
    event_.Field(" A=", "authenticator", auth.authenticator);
    Say(":").Say(WithoutBlanks(auth.id));
    event_.Note("account", auth.id);
    const std::string& mail_auth = session_.envelope.authenticated_sender;
    if (with_mail_auth && Has(Selector::kSmtpMailauth) && !mail_auth.empty()) {
      Say(":").Say(WithoutBlanks(mail_auth));
      event_.Note("mail_auth", mail_auth);
    }
    return *this;
  }
  Writer& From() {
    Say(" F=").Say(Sender(session_));
    event_.Note("sender", session_.envelope.sender);
    return *this;
  }
  Writer& Recipients(std::string_view before) {
    std::vector<std::string> all;
    Say(before);
    for (const facts::Recipient& recipient : session_.envelope.recipients) {
      Say(" ").Say(recipient.address);
      all.push_back(recipient.address);
    }
    event_.Note("recipients", std::move(all));
    return *this;
  }
  Writer& Took(std::string_view before, std::string_view name, WallTime from, WallTime to) {
    Say(before).Say(Duration(from, to, selector_));
    event_.Note(name, Milliseconds(from, to));
    return *this;
  }
  Writer& Took(std::string_view before, std::string_view name, std::chrono::milliseconds time) {
    return Took(before, name, WallTime{}, WallTime{} + time);
  }

 private:
  LogEvent event_;
  const facts::Session& session_;
  const LogSelector& selector_;
};

// The protocol's name; that of TLS from the start is a matter of the log only.
std::string Protocol(const facts::Session& session, const LogSelector& selector) {
  const std::string name = session.ReceivedProtocol();
  const bool special = selector.Has(Selector::kTlsOnConnect) && session.connection.tls_on_connect;
  if (!special) return name;
  std::string out = session.envelope.smtputf8 ? "utf8" : "";
  out += session.esmtp ? "essmtp" : "ssmtp";
  if (session.auth.result == facts::AuthResult::kAuthenticated) out += 'a';
  return out;
}

std::string FieldValue(const facts::Envelope& envelope, std::string_view name) {
  for (const facts::HeaderField& field : envelope.headers) {
    if (!EqualsIgnoreCase(field.name, name)) continue;
    std::string value;  // unfolded
    for (char c :
         std::string_view(field.text).substr(std::min(field.name.size() + 1, field.text.size())))
      if (c != '\n' && c != '\r') value += c;
    return std::string(Trim(value));
  }
  return "";
}

// The letter that Exim's reject log has in front of a header field.
char KindOf(std::string_view name) {
  struct Row {
    std::string_view name;
    char letter;
  };
  static constexpr Row kLetters[] = {{"Received", 'P'}, {"From", 'F'},      {"To", 'T'},
                                     {"Cc", 'C'},       {"Bcc", 'B'},       {"Reply-To", 'R'},
                                     {"Sender", 'S'},   {"Message-ID", 'I'}};
  for (const Row& row : kLetters)
    if (EqualsIgnoreCase(name, row.name)) return row.letter;
  return ' ';
}

}  // namespace

// --- parts
// -----------------------------------------------------------------------------------------

std::string Duration(WallTime from, WallTime to, const LogSelector& selector) {
  const std::int64_t ms = Milliseconds(from, to);
  if (!selector.Has(Selector::kMillisec)) return std::to_string(ms / 1000) + 's';
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%03lds", static_cast<long long>(ms / 1000),
                static_cast<long>(ms % 1000));
  return text;
}

std::string DurationField(const facts::Session& session, const LogSelector& selector,
                          WallTime now) {
  return " D=" + Duration(session.connection.started, now, selector);
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
  return Writer("", session, selector).Host().Take().text;
}

std::string TlsFields(const facts::Session& session, const LogSelector& selector) {
  return Writer("", session, selector).Tls().Take().text;
}

std::vector<std::string> RejectedHeader(const facts::Envelope& envelope) {
  std::vector<std::string> lines = {"Envelope-from: <" + envelope.sender + '>'};
  std::size_t count = 0;
  for (const facts::Recipient& recipient : envelope.recipients) {
    if (count == kRejectedRecipientsShown) {
      lines.emplace_back("    ...");
      break;
    }
    lines.push_back((count == 0 ? "Envelope-to: <" : "    <") + recipient.address + '>');
    ++count;
  }
  for (const facts::HeaderField& field : envelope.headers) {
    std::string_view rest = field.text;
    std::string before = {KindOf(field.name), ' '};
    while (!rest.empty()) {
      if (lines.size() >= kRejectedHeaderLines) {
        lines.emplace_back("*** truncated ***");
        return lines;
      }
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      lines.push_back(before + std::string(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      before.clear();  // a continuation line begins with its own blank
    }
  }
  return lines;
}

// --- any line of a session ----------------------------------------------------------------

LogEvent HostEvent(std::string_view kind, std::string_view before, const facts::Session& session,
                   const LogSelector& selector, std::string_view after) {
  Writer writer(kind, session, selector);
  writer.Say(before).Host().Say(after);
  writer.event().Note("text", std::string(Trim(std::string(before) + std::string(after))));
  return writer.Take();
}

LogEvent HostTlsEvent(std::string_view kind, const facts::Session& session,
                      const LogSelector& selector, std::string_view after) {
  Writer writer(kind, session, selector);
  writer.Host().Tls().Say(after);
  writer.event().Note("text", Trim(after));
  return writer.Take();
}

LogEvent ClientEvent(std::string_view kind, std::string_view before, const facts::Session& session,
                     const LogSelector& selector, std::string_view after) {
  Writer writer(kind, session, selector);
  writer.Say(before).Client().Say(after);
  writer.event().Note("text", std::string(Trim(std::string(before) + std::string(after))));
  return writer.Take();
}

// --- connections ------------------------------------------------------------------------------

LogEvent ConnectionLine(const facts::Session& session, const LogSelector& selector,
                        std::size_t connections) {
  Writer writer("connection", session, selector);
  writer.Say("SMTP connection").ConnectionId().Say(" from ").Client().Interface();
  if (connections == 0) return writer.Take();
  writer.Say(" (TCP/IP connection count = ")
      .event()
      .Field("", "connections", static_cast<std::int64_t>(connections));
  return writer.Say(")").Take();
}

LogEvent EndLine(const facts::Session& session, const LogSelector& selector, WallTime now,
                 std::string_view how) {
  Writer writer("connection_end", session, selector);
  writer.Say("SMTP connection").ConnectionId().Say(" from ").Client().Interface();
  // "lost" has its duration behind it, everything else in front.
  if (how == "lost") writer.Say(" lost");
  writer.Took(" D=", "duration_ms", session.connection.started, now);
  if (how != "lost") writer.Say(" ").Say(how);
  writer.event().Note("how", how);
  return writer.Take();
}

LogEvent NoMailLine(const facts::Session& session, const LogSelector& selector, WallTime now,
                    std::span<const std::string_view> commands) {
  Writer writer("no_mail", session, selector);
  writer.Say("no MAIL in SMTP connection from ").Client().Interface().ConnectionId();
  writer.Took(" D=", "duration_ms", session.connection.started, now).Auth().Tls();
  if (commands.empty()) return writer.Take();
  std::string all;
  for (std::string_view command : commands) all += (all.empty() ? "" : ",") + std::string(command);
  writer.event().Field(" C=", "commands", all);
  return writer.Take();
}

LogEvent IncompleteLine(const facts::Session& session, const LogSelector& selector,
                        std::string_view why) {
  Writer writer("incomplete", session, selector);
  writer.Host().Say(" incomplete transaction (");
  writer.event().Field("", "why", why);
  writer.Say(") from ").Say(Sender(session));
  writer.event().Note("sender", session.envelope.sender);
  if (!session.envelope.recipients.empty()) writer.Recipients(" for");
  return writer.Take();
}

LogEvent MistakeLine(const facts::Session& session, const LogSelector& selector,
                     std::string_view what, std::string_view command, std::string_view text) {
  Writer writer(what == "syntax" ? "syntax_error" : "protocol_error", session, selector);
  writer.Say("SMTP ").Say(what).Say(" error in \"");
  writer.event().Field("", "command", command);
  writer.Say("\" ").Host();
  writer.event().Field(" ", "why", text);
  return writer.Take();
}

LogEvent DroppedLine(const facts::Session& session, const LogSelector& selector,
                     std::string_view why) {
  Writer writer("dropped", session, selector);
  writer.Say("SMTP call from ").Client().Say(" dropped: ");
  writer.event().Field("", "why", why);
  return writer.Take();
}

LogEvent TlsErrorLine(const facts::Session& session, const LogSelector& selector,
                      std::string_view detail) {
  Writer writer("tls_error", session, selector);
  writer.Say("TLS error on connection from ").Client().Interface();
  writer.event().Field(" ", "why", detail);
  return writer.Take();
}

LogEvent AuthenticatorLine(const facts::Session& session, const LogSelector& selector,
                           const facts::Auth& auth, std::string_view instance) {
  Writer writer("authenticator_failed", session, selector);
  writer.event().Field("", "authenticator", instance);
  writer.Say(" authenticator failed for ").Host();
  writer.event().Field(": ", "why", auth.reason);
  return writer.Take();
}

// --- messages -----------------------------------------------------------------------------------

LogEvent RejectionLine(const facts::Session& session, const LogSelector& selector, Refusal refusal,
                       std::string_view what, std::string_view why) {
  const bool temporary = refusal == Refusal::kTemporary;
  const bool of_message = what.starts_with("after ") || what.starts_with("during ");
  Writer writer("rejection", session, selector);
  writer.MessageId().Host().Tls();
  if (session.envelope.has_sender && (of_message || what.starts_with("RCPT"))) writer.From().Auth();
  writer.Say(temporary ? " temporarily rejected" : " rejected");
  writer.event().Note("temporary", temporary).Field(" ", "what", what);
  if (!why.empty()) writer.event().Field(": ", "why", FirstLine(why));
  const bool with_header = of_message && selector.Has(Selector::kRejectedHeader) &&
                           session.envelope.headers_read && !session.envelope.headers.empty();
  if (with_header) writer.event().header = RejectedHeader(session.envelope);
  return writer.Take();
}

LogEvent ArrivalLine(const facts::Session& session, const LogSelector& selector,
                     const Arrival& arrival) {
  const facts::Envelope& envelope = session.envelope;
  Writer writer("arrival", session, selector);
  const facts::Controls& controls = envelope.controls;
  const bool refused = controls.fake_reject || controls.fake_defer;  // as the client hears
  writer.MessageId()
      .Say(refused ? "(= " : "<= ")
      .Say(envelope.sender.empty() ? "<>" : envelope.sender);
  writer.event().Note("sender", envelope.sender);
  writer.Say(" ").Host();
  writer.event().Field(" P=", "protocol", Protocol(session, selector));
  if (selector.Has(Selector::kPipelining) &&
      arrival.pipelining != Arrival::Pipelining::kNotOffered) {
    const bool used = arrival.pipelining == Arrival::Pipelining::kUsed;
    writer.Say(used ? " L" : " L-").event().Note("pipelining", used);
  }
  writer.Tls().Auth(true);
  if (selector.Has(Selector::kProxy) && !session.connection.proxy_ip.empty()) {
    writer.Say(" PRX=").Say(Bracketed(session.connection.proxy_ip));
    writer.event().Note("proxy_ip", session.connection.proxy_ip);
  }
  if (envelope.bdat) writer.Say(" K");
  writer.event().Note("chunking", envelope.bdat);
  writer.event().Field(" S=", "size", static_cast<std::int64_t>(arrival.size_bytes));
  if (selector.Has(Selector::k8bitmime))
    writer.event().Field(" M8S=", "body_8bitmime", envelope.body_8bitmime ? 8 : 0);
  if (selector.Has(Selector::kReceiveTime))
    writer.Took(" RT=", "receive_ms", arrival.began, arrival.ended);
  const bool created = arrival.message_id_created;
  const bool with_id = selector.Has(created ? Selector::kMsgIdCreated : Selector::kMsgId);
  if (with_id && !arrival.message_id.empty()) {
    writer.Say(created ? " id*=" : " id=").Say(WithoutBlanks(arrival.message_id));
    writer.event().Note("message_id", arrival.message_id);
    if (created) writer.event().Note("message_id_created", true);
  }
  if (selector.Has(Selector::kSubject) && envelope.headers_read) {
    const std::string subject = FieldValue(envelope, "Subject").substr(0, kSubjectShownBytes);
    if (!subject.empty()) {
      writer.Say(" T=").Say(Quoted(subject));
      writer.event().Note("subject", subject);
    }
  }
  if (selector.Has(Selector::kReceivedSender)) writer.Say(" from ").Say(Sender(session));
  if (selector.Has(Selector::kReceivedRecipients)) writer.Recipients(" for");
  return writer.Take();
}

LogEvent DeliveryLine(const facts::Session& session, const LogSelector& selector,
                      std::string_view mark, const relay::Delivered& delivered,
                      const Arrival& arrival, WallTime now) {
  const facts::Upstream& upstream = delivered.upstream;
  Writer writer("delivery", session, selector);
  writer.MessageId().Say(mark);
  writer.event().Field(" ", "recipient", delivered.recipient.address);
  if (selector.Has(Selector::kSenderOnDelivery)) writer.From();
  if (selector.Has(Selector::kReturnPathOnDelivery)) {
    writer.Say(" P=").Say(Sender(session));
    writer.event().Note("return_path", session.envelope.sender);
  }
  writer.event().Field(" R=", "router", delivered.router);
  writer.event().Field(" T=", "transport", delivered.transport);
  if (selector.Has(Selector::kDeliverySize))
    writer.event().Field(" S=", "size", static_cast<std::int64_t>(arrival.size_bytes));
  if (delivered.remote()) {
    writer.event().Field(" H=", "upstream_name", upstream.name);
    if (!upstream.ip.empty())  // else it is a Unix socket
      writer.Say(" ").Say(Bracketed(upstream.ip)).event().Note("upstream_ip", upstream.ip);
    if (upstream.port != 0 && (upstream.port != 25 || selector.Has(Selector::kOutgoingPort)))
      writer.event().Field(":", "upstream_port", upstream.port);
    if (selector.Has(Selector::kOutgoingInterface) && !delivered.local_ip.empty()) {
      writer.Say(" I=").Say(Bracketed(delivered.local_ip, delivered.local_port));
      writer.event().Note("our_ip", delivered.local_ip).Note("our_port", delivered.local_port);
    }
    writer.Tls(upstream.tls, "upstream_tls_");
    if (!delivered.authenticator.empty())
      writer.event().Field(" A=", "upstream_authenticator", delivered.authenticator);
    if (selector.Has(Selector::kPipelining)) {
      if (delivered.pipelining) writer.Say(" L");
      writer.event().Note("upstream_pipelining", delivered.pipelining);
    }
    if (delivered.chunking) writer.Say(" K");
    writer.event().Note("upstream_chunking", delivered.chunking);
  }
  if (!delivered.failure.empty()) writer.event().Field(": ", "failure", delivered.failure);
  if (selector.Has(Selector::kSmtpConfirmation) && !delivered.confirmation.empty()) {
    writer.Say(" C=").Say(Quoted(delivered.confirmation));
    writer.event().Note("confirmation", delivered.confirmation);
  }
  if (selector.Has(Selector::kQueueTime)) {
    const bool exclusive = selector.Has(Selector::kQueueTimeExclusive);
    writer.Took(" QT=", "queue_ms", exclusive ? arrival.ended : arrival.began, now);
  }
  if (selector.Has(Selector::kDeliverTime)) writer.Took(" DT=", "deliver_ms", delivered.time);
  return writer.Take();
}

LogEvent BlackholeLine(const facts::Session& session, std::string_view acl, std::string_view why) {
  Writer writer("discarded", session, LogSelector());
  writer.MessageId().Say("=> blackhole (");
  writer.event().Field("", "acl", acl).Say(" ACL discarded recipients)");
  if (!why.empty()) writer.event().Field(": ", "why", why);
  return writer.Take();
}

LogEvent CompletedLine(const facts::Session& session, const LogSelector& selector,
                       const Arrival& arrival, WallTime now) {
  Writer writer("completed", session, selector);
  writer.MessageId().Say("Completed");
  if (selector.Has(Selector::kQueueTimeOverall)) {
    const bool exclusive = selector.Has(Selector::kQueueTimeExclusive);
    writer.Took(" QT=", "queue_ms", exclusive ? arrival.ended : arrival.began, now);
  }
  return writer.Take();
}

}  // namespace signet::smtp
