#ifndef SIGNET_SRC_CONFIG_METRICS_ADDRESS_H_
#define SIGNET_SRC_CONFIG_METRICS_ADDRESS_H_

#include <string>

#include "src/base/result.h"

namespace signet::config {

// Where metrics are served: numbers that tell who is busy are for this machine only.
struct MetricsAddress {
  std::string path;  // of a Unix socket, or "" and:
  std::string ip;    // a loopback address
  int port = 0;

  bool set() const { return !path.empty() || port != 0; }
  bool operator==(const MetricsAddress&) const = default;
};

// "127.0.0.1:9465", "[::1]:9465" or an absolute path; "" is nowhere.
//
//   Errors  what is wrong with it, without its name.
Result<MetricsAddress, std::string> ReadMetricsAddress(const std::string& text);

}  // namespace signet::config
#endif
