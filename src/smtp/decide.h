#ifndef SIGNET_SRC_SMTP_DECIDE_H_
#define SIGNET_SRC_SMTP_DECIDE_H_

#include <string_view>
#include <utility>

#include "src/report/decision.h"
#include "src/smtp/dialogue.h"

namespace signet::smtp {

// What has been decided about the client so far, with its trace where there is one. Printable
// text only; no password, nothing of a message (rule C7). Without its steps a decision is what
// can be played again, and costs a tenth.
enum class Steps : bool { kNo, kYes };
report::Decision MakeDecision(const Dialogue& dialogue, Steps steps = Steps::kYes);

// Steps of the trace that belong to the handshake; nothing where there is no trace.
void TraceHandshake(Dialogue& dialogue, const tls::ServerPolicy& policy,
                    tls::ClientCertificate mode);
void TraceFailedHandshake(Dialogue& dialogue, std::string_view why);
// While one lives nothing is written down: what is offered to whom, and how things are worded,
// would bury what was decided.
class Unwritten {
 public:
  explicit Unwritten(facts::Session& session)
      : session_(session), trace_(std::exchange(session.trace, nullptr)) {}
  ~Unwritten() { session_.trace = trace_; }
  Unwritten(const Unwritten&) = delete;
  Unwritten& operator=(const Unwritten&) = delete;

 private:
  facts::Session& session_;
  facts::Trace* trace_;
};

// Why the authenticator that runs after TLS does not run.
void TraceNotAuthenticated(Dialogue& dialogue);

}  // namespace signet::smtp
#endif
