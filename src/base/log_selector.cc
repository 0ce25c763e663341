#include "src/base/log_selector.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet {
namespace {

constexpr std::string_view kNoQueue = "messages are passed on at once, nothing waits in a queue";
constexpr std::string_view kNoScanning = "signatures and policies of senders are not checked";

// clang-format off
constexpr SelectorRow kRows[] = {
  {"8bitmime",                    Selector::k8bitmime,                  false, "M8S= on arrival: 8 where the client said BODY=8BITMIME, else 0"},
  {"acl_warn_skipped",            Selector::kAclWarnSkipped,            true,  "warn statements skipped because a condition could not be decided"},
  {"address_rewrite",             Selector::kNone,                      false, "addresses are not rewritten by rules"},
  {"all_parents",                 Selector::kNone,                      false, "an address has no other one as its parent"},
  {"arguments",                   Selector::kArguments,                 false, "what the program was started with"},
  {"connection_id",               Selector::kConnectionId,              false, "Ci=: the connection's number"},
  {"connection_reject",           Selector::kConnectionReject,          true,  "connections that are refused because there are too many"},
  {"delay_delivery",              Selector::kNone,                      true,  kNoQueue},
  {"deliver_time",                Selector::kDeliverTime,               false, "DT= on delivery: how long it took"},
  {"delivery_size",               Selector::kDeliverySize,              false, "S= on delivery"},
  {"dkim",                        Selector::kNone,                      true,  kNoScanning},
  {"dkim_verbose",                Selector::kNone,                      false, kNoScanning},
  {"dmarc",                       Selector::kNone,                      false, kNoScanning},
  {"dmarc_verbose",               Selector::kNone,                      false, kNoScanning},
  {"dnslist_defer",               Selector::kNone,                      true,  "lists in the DNS are not asked"},
  {"dnssec",                      Selector::kNone,                      false, "the system's resolver does not say whether an answer was signed"},
  {"etrn",                        Selector::kNone,                      true,  kNoQueue},
  {"host_lookup_failed",          Selector::kNone,                      true,  "a client's name is looked up where a condition asks, and that condition says how it went"},
  {"ident_timeout",               Selector::kNone,                      false, "clients are not asked for RFC 1413 identities"},
  {"incoming_interface",          Selector::kIncomingInterface,         false, "I=: our address and port that the client has connected to"},
  {"incoming_port",               Selector::kIncomingPort,              false, "the client's port behind its address"},
  {"lost_incoming_connection",    Selector::kLostIncomingConnection,    true,  "clients that go in the middle of a message"},
  {"millisec",                    Selector::kMillisec,                  false, "milliseconds in time stamps and durations"},
  {"msg_id",                      Selector::kMsgId,                     true,  "id= on arrival: the Message-ID"},
  {"msg_id_created",              Selector::kMsgIdCreated,              false, "id*= on arrival where the Message-ID was made here"},
  {"outgoing_interface",          Selector::kOutgoingInterface,         false, "I= on delivery: our address and port towards the upstream"},
  {"outgoing_port",               Selector::kOutgoingPort,              false, "the upstream's port behind its address even if it is 25"},
  {"pid",                         Selector::kPid,                       false, "the process number behind the time stamp"},
  {"pipelining",                  Selector::kPipelining,                false, "L on arrival and delivery: commands came in groups; L-: they could have"},
  {"protocol_detail",             Selector::kNone,                      false, "there is no detail that P= leaves out"},
  {"proxy",                       Selector::kProxy,                     false, "PRX= on arrival: the proxy's address"},
  {"queue_run",                   Selector::kNone,                      true,  kNoQueue},
  {"queue_time",                  Selector::kQueueTime,                 false, "QT= on delivery: from the message's begin"},
  {"queue_time_exclusive",        Selector::kQueueTimeExclusive,        true,  "QT= counts from the message's end instead"},
  {"queue_time_overall",          Selector::kQueueTimeOverall,          false, "QT= on completion"},
  {"receive_time",                Selector::kReceiveTime,               false, "RT= on arrival: how long the message took to come"},
  {"received_recipients",         Selector::kReceivedRecipients,        false, "the recipients at the end of arrivals"},
  {"received_sender",             Selector::kReceivedSender,            false, "the sender once more at the end of arrivals"},
  {"rejected_header",             Selector::kRejectedHeader,            true,  "the header of a refused message in the reject log"},
  {"rejected_headers",            Selector::kRejectedHeader,            true,  "the same as rejected_header"},
  {"retry_defer",                 Selector::kNone,                      true,  kNoQueue},
  {"return_path_on_delivery",     Selector::kReturnPathOnDelivery,      false, "P= on delivery: the sender the upstream was told"},
  {"sender_on_delivery",          Selector::kSenderOnDelivery,          false, "F= on delivery: the sender"},
  {"sender_verify_fail",          Selector::kNone,                      true,  "why a sender does not verify stands in the refusal itself"},
  {"size_reject",                 Selector::kSizeReject,                true,  "messages refused for their size"},
  {"skip_delivery",               Selector::kNone,                      true,  kNoQueue},
  {"smtp_confirmation",           Selector::kSmtpConfirmation,          true,  "C= on delivery: the upstream's words"},
  {"smtp_connection",             Selector::kSmtpConnection,            false, "connections, when they begin and end"},
  {"smtp_incomplete_transaction", Selector::kSmtpIncompleteTransaction, false, "messages that were begun and not ended"},
  {"smtp_mailauth",               Selector::kSmtpMailauth,              false, "the sender of AUTH= as third part of A="},
  {"smtp_no_mail",                Selector::kSmtpNoMail,                false, "connections without MAIL, with their commands"},
  {"smtp_protocol_error",         Selector::kSmtpProtocolError,         false, "commands at the wrong moment"},
  {"smtp_syntax_error",           Selector::kSmtpSyntaxError,           false, "commands that are not understood"},
  {"spf",                         Selector::kNone,                      false, kNoScanning},
  {"spf_verbose",                 Selector::kNone,                      false, kNoScanning},
  {"subject",                     Selector::kSubject,                   false, "T= on arrival: the Subject"},
  {"tls_certificate_verified",    Selector::kTlsCertificateVerified,    true,  "CV=: whether the peer's certificate verified"},
  {"tls_cipher",                  Selector::kTlsCipher,                 true,  "X=: TLS version and cipher"},
  {"tls_on_connect",              Selector::kTlsOnConnect,              false, "P=ssmtp, essmtp, essmtpa where TLS came before the greeting"},
  {"tls_peerdn",                  Selector::kTlsPeerdn,                 false, "DN=: subject of the peer's certificate"},
  {"tls_resumption",              Selector::kTlsResumption,             false, "* behind X= where the TLS session was resumed"},
  {"tls_sni",                     Selector::kTlsSni,                    false, "SNI=: the server name asked for"},
  {"unknown_in_list",             Selector::kNone,                      false, "a list item that cannot be decided defers what asked, and that is logged"},
};
// clang-format on

constexpr bool Sorted() {
  for (std::size_t i = 1; i < std::size(kRows); ++i)
    if (!(kRows[i - 1].name < kRows[i].name)) return false;
  return true;
}
static_assert(Sorted(), "keep kRows in order of name");
static_assert(static_cast<unsigned>(Selector::kNone) < 64);

constexpr std::uint64_t Bit(Selector selector) {
  return selector == Selector::kNone ? 0 : std::uint64_t{1} << static_cast<unsigned>(selector);
}

}  // namespace

std::span<const SelectorRow> SelectorRows() { return kRows; }

const SelectorRow* FindSelector(std::string_view name) {
  const auto* row = std::lower_bound(std::begin(kRows), std::end(kRows), name,
                                     [](const SelectorRow& r, auto n) { return r.name < n; });
  return row != std::end(kRows) && row->name == name ? row : nullptr;
}

LogSelector::LogSelector() {
  for (const SelectorRow& row : kRows)
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
    const bool is_signed = word.front() == '+' || word.front() == '-';
    const std::string_view name = word.substr(1);
    const SelectorRow* row = FindSelector(name);
    if (!is_signed || (row == nullptr && name != "all")) {
      unknown->emplace_back(word);
      continue;
    }
    const std::uint64_t bits = name == "all" ? ~std::uint64_t{0} : Bit(row->selector);
    result.bits_ = word.front() == '+' ? result.bits_ | bits : result.bits_ & ~bits;
  }
  return result;
}

}  // namespace signet
