#ifndef SIGNET_SRC_BASE_LOG_SELECTOR_H_
#define SIGNET_SRC_BASE_LOG_SELECTOR_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

// What log_selector switches: fields of lines, and whole lines.
enum class Selector : std::uint8_t {
  k8bitmime,
  kAclWarnSkipped,
  kArguments,
  kConnectionId,
  kConnectionReject,
  kDeliverTime,
  kDeliverySize,
  kIncomingInterface,
  kIncomingPort,
  kLostIncomingConnection,
  kMillisec,
  kMsgId,
  kMsgIdCreated,
  kOutgoingInterface,
  kOutgoingPort,
  kPid,
  kPipelining,
  kProxy,
  kQueueTime,
  kQueueTimeExclusive,
  kQueueTimeOverall,
  kReceivedRecipients,
  kReceivedSender,
  kReceiveTime,
  kRejectedHeader,
  kReturnPathOnDelivery,
  kSenderOnDelivery,
  kSenderVerifyFail,
  kSizeReject,
  kSmtpConfirmation,
  kSmtpConnection,
  kSmtpIncompleteTransaction,
  kSmtpMailauth,
  kSmtpNoMail,
  kSmtpProtocolError,
  kSmtpSyntaxError,
  kSubject,
  kTlsCertificateVerified,
  kTlsCipher,
  kTlsOnConnect,
  kTlsPeerdn,
  kTlsResumption,
  kTlsSni,
  kNone,  // known, and without a meaning here
};

struct SelectorRow {
  std::string_view name;  // Exim's
  Selector selector;
  bool by_default;
  // What it switches; of kNone: why it has no meaning here.
  std::string_view manual;
};
std::span<const SelectorRow> SelectorRows();  // in order of name; "all" is none of them
const SelectorRow* FindSelector(std::string_view name);

class LogSelector {
 public:
  LogSelector();  // the defaults
  // "+tls_peerdn -size_reject +all", from left to right; signs separate words as white space
  // does. What is not understood is appended to `unknown`.
  static LogSelector Parse(std::string_view text, std::vector<std::string>* unknown);
  bool Has(Selector selector) const { return bits_ >> static_cast<unsigned>(selector) & 1; }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace signet
#endif
