#include "src/smtp/reference.h"

#include <bit>

#include "src/report/decisions.h"
#include "src/smtp/decide.h"
#include "src/smtp/dialogue.h"
#include "src/smtp/packed_steps.h"

namespace signet::smtp {
namespace {

using facts::AuthResult;
using facts::Phase;

// A certificate, verified or not, or AUTH, good or not.
bool HasTriedToBeSomebody(const facts::Session& session) {
  return session.tls.peer != nullptr || !session.tls.presented.empty() ||
         session.authentication_failed || session.auth.result != AuthResult::kNotTried;
}

// The first few, and then ever fewer: of a thousand refusals some twenty.
bool IsKept(std::uint32_t refusal) { return refusal <= 8 || std::has_single_bit(refusal); }

void BeginOneMore(std::string_view what, Referral::Repeated* repeated, std::string* steps) {
  constexpr std::size_t kRoom = limits::kTraceMaxBytes / 4;
  if (!repeated->at) repeated->at = steps->size();
  if (steps->size() > *repeated->at + kRoom) {
    steps->resize(*repeated->at);
    Pack({{.kind = facts::TraceStep::Kind::kNote,
           .what = "earlier " + std::string(what) +
                   " are left out: " + std::to_string(repeated->count)}},
         steps);
  }
  ++repeated->count;
}

void Keep(Dialogue& dialogue) {
  dialogue.context.decisions->Put(MakeDecision(dialogue));
  dialogue.referral.waits = dialogue.referral.changed = false;
}

}  // namespace

Named IsAboutIdentity(const Dialogue& dialogue, const facts::Verdict& verdict) {
  if (dialogue.context.decisions == nullptr) return Named::kNo;
  const facts::Session& session = dialogue.session();
  const bool itself = verdict.about_identity || verdict.because_unauthenticated;
  // What is asked of every client when it comes is seldom about who it is.
  const bool early = session.phase == Phase::kConnect || session.phase == Phase::kHelo;
  return itself || (!early && HasTriedToBeSomebody(session)) ? Named::kYes : Named::kNo;
}

void Refer(Dialogue& dialogue) {
  if (dialogue.context.decisions == nullptr) return;
  if (dialogue.reference.empty()) dialogue.reference = report::NewReference();
  Referral& referral = dialogue.referral;
  referral.waits = referral.waits || IsKept(++referral.refusals);
  referral.changed = true;
}

LogEvent WithReference(const Dialogue& dialogue, LogEvent event) {
  const std::string& reference = dialogue.reference;
  if (!reference.empty()) event.Field(" REF=", "reference", reference);
  return event;
}

void TellReference(const Dialogue& dialogue, Reply* reply) {
  const std::string& reference = dialogue.reference;
  if (reference.empty() || !dialogue.config.main.reply_references) return;
  AddToLastLine(" (reference " + reference + ')', reply);
}

void LeaveOutEarlier(Dialogue& dialogue, std::string_view verb) {
  Referral& referral = dialogue.referral;
  if (verb == "MAIL FROM:") {
    referral.recipients = {};
    BeginOneMore("messages of this session", &referral.messages, &dialogue.packed_steps);
  } else {
    BeginOneMore("recipients of this message", &referral.recipients, &dialogue.packed_steps);
  }
}

void KeepRefusal(Dialogue& dialogue) {
  if (dialogue.referral.waits) Keep(dialogue);
}

void KeepLastDecision(Dialogue& dialogue) {
  if (dialogue.context.decisions == nullptr) return;
  if (!dialogue.reference.empty()) {
    if (dialogue.referral.changed) Keep(dialogue);
    return;
  }
  const facts::Session& session = dialogue.session();
  if (session.tls.peer == nullptr && session.auth.result != AuthResult::kAuthenticated) return;
  if (dialogue.told_refusal) return;  // for another reason: a mistake, the upstream
  dialogue.reference = report::NewReference();
  // Nobody has been told of it: it is for playing again only.
  dialogue.context.decisions->Put(MakeDecision(dialogue, Steps::kNo));
}

}  // namespace signet::smtp
