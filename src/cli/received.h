#ifndef SIGNET_SRC_CLI_RECEIVED_H_
#define SIGNET_SRC_CLI_RECEIVED_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/cli/options.h"
#include "src/crypto/certificate.h"
#include "src/smtp/site.h"

namespace signet::cli {

// What a listener would make of a client with a certificate, in sentences and for machines.
struct ReceivedLine {
  std::optional<bool> good;
  std::string text;
};
struct Received {
  std::string title;  // "[0.0.0.0]:587 and [::]:587 of signet.conf"
  std::vector<ReceivedLine> lines;
  std::map<std::string, std::string> facts;
};

// Receiver is a configuration's listeners, offline: no port is opened, nothing is logged.
class Receiver {
 public:
  // nullptr where there is no configuration: none was named, and none is in its usual place.
  //
  //   Errors  for people; what is wrong with a configuration has been printed then.
  static Result<std::unique_ptr<Receiver>, std::string> Make(const Arguments& arguments,
                                                             const drivers::Registry& registry,
                                                             std::int64_t now);
  ~Receiver();

  // By each listener; those that come to the same are one. The first certificate is the
  // client's, the others are sent with it. May wait (lookups).
  std::vector<Received> Take(const std::vector<crypto::CertificatePtr>& chain);

 private:
  struct Rep;
  explicit Receiver(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::cli
#endif
