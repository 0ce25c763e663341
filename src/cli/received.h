#ifndef SIGNET_SRC_CLI_RECEIVED_H_
#define SIGNET_SRC_CLI_RECEIVED_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/cli/offline.h"
#include "src/crypto/certificate.h"

namespace signet::cli {

// What a listener would make of a client with a certificate, in sentences and for machines.
struct ReceivedLine {
  std::optional<bool> good;
  std::string text;  // printable
};
struct Received {
  std::string title;  // "[0.0.0.0]:587 [::]:587, STARTTLS, by signet.conf"
  std::vector<ReceivedLine> lines;
  std::map<std::string, std::string> facts;
};

// By each listener of the configuration; those that come to the same are one. The first
// certificate is the client's, the others are sent with it. In a coroutine; may wait (lookups).
std::vector<Received> ReceivedBy(OfflineSite* site,
                                 const std::vector<crypto::CertificatePtr>& chain,
                                 std::optional<std::int64_t> at);

}  // namespace signet::cli
#endif
