#ifndef SIGNET_SRC_SMTP_REFERENCE_H_
#define SIGNET_SRC_SMTP_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/log_event.h"
#include "src/facts/verdict.h"
#include "src/smtp/reply.h"

// How a client that is refused, or put off, for a reason of identity is told the name under
// which "signet why" has the decision (rule C7). All of it does nothing where the session's
// context has no place for decisions.
namespace signet::smtp {

class Dialogue;

// What a session has to do with that. The reference itself is the dialogue's.
struct Referral {
  std::uint32_t refusals = 0;
  bool waits = false;    // to be kept before the client reads its next replies
  bool changed = false;  // since it was kept
  // What a session has many of: where their steps begin in packed_steps, and how many there
  // were.
  struct Repeated {
    std::optional<std::size_t> at;
    std::size_t count = 0;
  };
  Repeated messages, recipients;  // recipients: of this message
};

enum class Named : bool { kNo, kYes };

// Whether a verdict hangs on who the client is: it says so itself, or the client has tried to
// be somebody.
Named IsAboutIdentity(const Dialogue& dialogue, const facts::Verdict& verdict);

// Begins a refusal: from now on there is a reference, which log lines and replies have.
void Refer(Dialogue& dialogue);
// The event with the reference as its last field.
LogEvent WithReference(const Dialogue& dialogue, LogEvent event);
// " (reference K7Q2-9FXMT)" at the end of the last line.
void TellReference(const Dialogue& dialogue, Reply* reply);

// Before MAIL and RCPT, with all steps so far packed: those of earlier messages, and of earlier
// recipients, go where they take much of the room, so that there is some for what is decided
// about this one.
void LeaveOutEarlier(Dialogue& dialogue, std::string_view verb);

// Keeps the decision where it was referred to since the last time: to be called before a client
// gets its replies.
//   Cost  copies the trace. Of a client with many refusals only some are kept while it stays.
void KeepRefusal(Dialogue& dialogue);
// At the end: as it stands now. Also of who has a certificate or an identity and was never
// refused, for asking what another configuration would make of the same clients.
void KeepLastDecision(Dialogue& dialogue);

}  // namespace signet::smtp
#endif
