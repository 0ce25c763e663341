#ifndef SIGNET_TEST_SUPPORT_EXPLAINED_H_
#define SIGNET_TEST_SUPPORT_EXPLAINED_H_

#include <string>
#include <utility>
#include <vector>

#include "src/report/decision.h"

namespace signet::test {

// A client as `signet explain` and a real connection both can be it.
struct Caller {
  std::string certificate, key;  // PEM files; "" for none
  int port = 0;
  bool tls_on_connect = false;
  std::string from, to;
  std::string mechanism = {}, user = {}, password = {};
};

// Commands with their replies, lines joined by "\n"; the greeting first, under "connection".
// References to the decision are left out.
using Replies = std::vector<std::pair<std::string, std::string>>;

struct Explained {
  int status = -1;
  report::Decision decision;
  Replies replies;
  std::string output;  // where it is no decision
};
// What `signet explain --json` says of the caller; `options` are further words, such as -D.
Explained Explain(const std::string& config_file, const Caller& caller,
                  const std::vector<std::string>& options = {});

// What a server says to the same caller, which ends the connection where something is refused,
// or behind RCPT. Of mechanisms PLAIN and OAUTHBEARER.
Replies Call(const Caller& caller);

// "", or what `signet explain` says otherwise than the server of that configuration.
std::string WhereExplainDiffers(const std::string& config_file, const Caller& caller,
                                const std::vector<std::string>& options = {});

// A reply without " (reference …)".
std::string WithoutReference(std::string reply);

}  // namespace signet::test
#endif
