#ifndef SIGNET_SRC_REPORT_DECISION_H_
#define SIGNET_SRC_REPORT_DECISION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/facts/trace.h"

namespace signet::report {

// A decision about a client, as `signet explain` makes it offline and `signet why` finds it
// again: what the client was, what came out, and how. Holds no passwords and nothing of a
// message (rule C7). All text is printable, escaped as in the log, but for client.chain.
struct Decision {
  // kAccepted: nothing was refused. kRefused and kDeferred: something was, for good or for now.
  enum class Verdict : std::uint8_t { kAccepted, kRefused, kDeferred };

  // What is needed to ask again, of another configuration.
  struct Client {
    std::string ip, local_ip;
    int port = 0, local_port = 0;
    bool tls_on_connect = false;
    std::string helo;
    std::string tls_version, tls_cipher, sni;  // empty without TLS
    std::vector<std::string> chain;            // DER, leaf first; empty without a certificate
    std::string mail_from;                     // "<a@b>"; "" before MAIL
    std::vector<std::string> rcpt_to;          // "<a@b>"; those accepted and refused
    std::string auth;                          // mechanism of the last AUTH; "" without
  };

  std::string reference;      // "" of `explain`
  std::int64_t time = 0;      // seconds since the epoch
  std::string configuration;  // file
  std::uint64_t generation = 0;
  Verdict verdict = Verdict::kAccepted;
  std::string headline;  // the verdict in words: "authenticated as alice@example.org; …"
  std::string reason;    // what it hangs on, in one sentence; may be empty
  std::string where;     // "signet.conf:31:21" of the statement or option; may be empty
  // Of the authenticator after TLS, or of AUTH.
  std::string authentication;  // "authenticated", "failed", "deferred", "none"
  std::string authenticator, identity;
  Client client;
  std::vector<facts::TraceStep> steps;
  std::uint64_t steps_dropped = 0;

  std::size_t bytes() const;  // of memory, about
};
std::string_view NameOf(Decision::Verdict verdict);  // "accepted"

// One JSON object (RFC 8259), on one line or indented. The chain is base64.
enum class JsonForm : bool { kLine, kIndented };
std::string ToJson(const Decision& decision, JsonForm form);
// Errors: what is wrong with the text.
Result<Decision, std::string> DecisionFromJson(std::string_view json);

}  // namespace signet::report
#endif
