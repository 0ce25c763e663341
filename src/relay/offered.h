#ifndef SIGNET_SRC_RELAY_OFFERED_H_
#define SIGNET_SRC_RELAY_OFFERED_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/relay/reply.h"

namespace signet::relay {

// What an upstream offered in its last answer to EHLO or LHLO (rule U7). A STARTTLS or an
// XCLIENT that went well makes it void. Words are in capitals.
struct Offered {
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool pipelining = false;
  bool starttls = false;
  bool chunking = false;
  bool enhanced_status_codes = false;
  bool size = false;
  std::uint64_t size_max = 0;  // octets; 0: none was named
  bool auth = false;
  std::vector<std::string> mechanisms;  // of AUTH
  std::vector<std::string> xclient;     // attributes
  // RFC 9422; 0: none was named.
  std::uint64_t mail_max = 0;  // messages of one connection
  std::uint64_t rcpt_max = 0;  // recipients of one message
  bool Mechanism(std::string_view name) const;
  bool Xclient(std::string_view attribute) const;
};

// The lines behind the first of a positive answer. What is not understood is left out; of
// what stands there twice, the last counts.
Offered ReadOffered(const UpstreamReply& reply);

}  // namespace signet::relay
#endif
