// The AUTH command: which mechanisms a client is shown, and the exchange (RFC 4954).
#include "src/smtp/auth.h"

#include <string.h>

#include <algorithm>

#include "src/auth/sasl.h"
#include "src/base/codec.h"
#include "src/base/text.h"
#include "src/smtp/counted.h"
#include "src/smtp/decide.h"

namespace signet::smtp {
namespace {

using config::AclWhen;
using facts::AuthResult;
using facts::Phase;

constexpr std::string_view kExternal = "EXTERNAL";

// Wipes a text that may hold a password when its scope ends (rule A6).
class Wiped {
 public:
  explicit Wiped(std::string& text) : text_(text) {}
  ~Wiped() { explicit_bzero(text_.data(), text_.size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  std::string& text_;
};

bool Authenticated(const Dialogue& dialogue) {
  return dialogue.session().auth.result == AuthResult::kAuthenticated;
}

auth::SaslWorld WorldOf(Dialogue& dialogue, expand::Budget& budget) {
  return {dialogue.session(), dialogue.services, budget, dialogue.context.log,
          dialogue.services.worker()};
}

// --- what EHLO shows -------------------------------------------------------------------------

std::optional<AfterTlsAuth> ReadAfterTlsAuth(std::string_view text) {
  if (text == "hide") return AfterTlsAuth::kHide;
  if (text == "external") return AfterTlsAuth::kExternal;
  if (text == "full") return AfterTlsAuth::kFull;
  return std::nullopt;
}

// What cannot be told shows nothing: the safe one.
AfterTlsAuth FindAfterTlsAuth(Dialogue& dialogue) {
  const config::Expanded& option = dialogue.config.main.after_tls_auth;
  if (!option) return AfterTlsAuth::kHide;
  BorrowedBudget budget(dialogue.services);
  const expand::Outcome outcome =
      expand::Evaluate(*option.program, dialogue.session(), dialogue.services, budget.get());
  if (!outcome) {
    if (outcome.error().kind != FailureKind::kForced)
      dialogue.context.log->Panic("cannot expand after_tls_auth: " + outcome.error().text);
    return AfterTlsAuth::kHide;
  }
  if (const auto read = ReadAfterTlsAuth(outcome.value().text)) return *read;
  dialogue.context.log->Panic("after_tls_auth gave \"" + Printable(outcome.value().text) +
                              "\" where hide, external or full is wanted");
  return AfterTlsAuth::kHide;
}

bool MayUseAuth(Dialogue& dialogue) {
  if (!dialogue.session().tls.active) return false;  // rule A1
  const Result<bool, Failure> matched =
      dialogue.ClientIn(dialogue.config.main.auth_advertise_hosts);
  if (matched) return matched.value();
  dialogue.context.log->Panic("cannot evaluate auth_advertise_hosts: " + matched.error().text);
  return false;
}

void AddMechanisms(Dialogue& dialogue, std::vector<std::string>* names) {
  BorrowedBudget budget(dialogue.services);
  for (const config::Authenticator& instance : dialogue.config.authenticators) {
    if (instance.driver == nullptr || !instance.driver->advertised) continue;
    std::string trouble;
    const std::string name = Upper(instance.public_name);
    const bool ours = Authenticated(dialogue) && name == kExternal;  // is there already
    if (!ours && auth::IsOffered(instance, WorldOf(dialogue, budget.get()), &trouble))
      names->push_back(name);
    if (!trouble.empty()) dialogue.context.log->Panic(trouble);
  }
}

// --- the exchange ------------------------------------------------------------------------------

// How an exchange ended: the reply, and whether it counts as a failure to authenticate.
struct End {
  Answer answer;
  bool failed = false;
};

End Ends(Reply reply, bool failed = true) { return {Answer(std::move(reply)), failed}; }

// Asks the client and reads its answer, decoded. nullopt: `*end` says how it ended instead.
std::optional<std::string> Ask(Dialogue& dialogue, std::string_view challenge, End* end) {
  dialogue.Send(MakeReply(334, "", EncodeBase64(challenge)));
  if (!dialogue.Flush()) {
    end->answer.ends = true;
    return std::nullopt;
  }
  Input::Line line = dialogue.ReadLine(limits::kAuthLineMaxBytes);
  Wiped wiped(line.text);
  if (line.status >= Input::Status::kTimeout) {
    dialogue.InputTrouble(line);
    end->answer.ends = true;
    return std::nullopt;
  }
  if (line.status == Input::Status::kTooLong) {
    *end = Ends(MakeReply(500, "5.5.6", "Authentication exchange line is too long"));
    end->answer.ends = line.out_of_step;
    return std::nullopt;
  }
  if (line.status == Input::Status::kLine && line.text == "*") {
    *end = Ends(MakeReply(501, "5.7.0", "Authentication cancelled"), false);
    return std::nullopt;
  }
  // It cannot know what it will be asked next (rule S8).
  if (dialogue.EnforcesSync() && dialogue.InputWaiting()) {
    dialogue.ending = "closed after synchronization error";
    *end = Ends(MakeClosingReply(554, "5.5.0", "SMTP synchronization error"));
    return std::nullopt;
  }
  std::optional<std::string> decoded;
  if (line.status == Input::Status::kLine) decoded = DecodeBase64(line.text);
  if (!decoded) {
    *end = Ends(MakeReply(501, "5.5.2", "Invalid base64 data"));
    end->answer.ends = line.out_of_step;
  }
  return decoded;
}

// What stands behind the mechanism: nullopt nothing, "=" an empty string (RFC 4954 4).
struct Initial {
  bool valid = true;
  std::optional<std::string> response;
};
Initial ReadInitial(std::string_view text) {
  if (text.empty()) return {};
  if (text == "=") return {true, ""};
  std::optional<std::string> decoded = DecodeBase64(text);
  return {decoded.has_value(), std::move(decoded)};
}

Reply ReplyTo(const facts::Auth& auth, const std::string& told) {
  switch (auth.result) {
    case AuthResult::kAuthenticated:
      return MakeReply(235, "2.7.0", "Authentication succeeded");
    case AuthResult::kFailed:
      return MakeReply(535, "5.7.8", "Incorrect authentication data");
    default:
      return MakeReply(435, "4.7.0",
                       "Unable to authenticate at present" + (told.empty() ? "" : ": " + told));
  }
}

// Who fails here may be known already, or not yet for a trouble of ours: that stays.
void KeepIdentity(Dialogue& dialogue, facts::Auth auth) {
  facts::Auth& known = dialogue.session().auth;
  const bool better = auth.result == AuthResult::kAuthenticated ||
                      known.result == AuthResult::kNotTried ||
                      known.result == AuthResult::kFailed ||
                      (known.result == AuthResult::kDeferred && auth.result != AuthResult::kFailed);
  if (better)
    known = std::move(auth);
  else
    known.fail_id = std::move(auth.fail_id);
}

// The verdict of an exchange in a session whose certificate has said who it is: that is
// what it stays, unless the configuration allows the other (rule A2).
facts::Auth Reconcile(Dialogue& dialogue, facts::Auth auth, expand::Budget& budget) {
  const facts::Auth& known = dialogue.session().auth;
  if (auth.result != AuthResult::kAuthenticated || known.result != AuthResult::kAuthenticated)
    return auth;
  if (auth.id == known.id) return known;
  return auth::Authorize(dialogue.config, auth.id, WorldOf(dialogue, budget));
}

struct Attempt {
  std::string name;  // for the log: of the instance
  facts::Auth auth;
  std::string told;
};

End Conclude(Dialogue& dialogue, Attempt attempt) {
  facts::Session& session = dialogue.session();
  Reply reply = ReplyTo(attempt.auth, attempt.told);
  const bool good = attempt.auth.result == AuthResult::kAuthenticated;
  if (good) {
    if (Authenticated(dialogue) && attempt.auth.id != session.auth.id)
      dialogue.context.log->Main(HostEvent(
          "acts_as", "", session, dialogue.selector,
          " " + session.auth.id + " may act as " + attempt.auth.id + ": after_tls_authorize"));
    session.authentication_failed = false;
    dialogue.auth_used = true;
  } else {
    Refer(dialogue);
    dialogue.context.log->MainAndReject(WithReference(
        dialogue, AuthenticatorLine(session, dialogue.selector, attempt.auth, attempt.name)));
    dialogue.NoteRefusal({"AUTH " + dialogue.last_auth, reply, attempt.auth.reason, {}, true});
  }
  const bool failed = attempt.auth.result == AuthResult::kFailed;
  KeepIdentity(dialogue, std::move(attempt.auth));
  return Ends(std::move(reply), failed);
}

// EXTERNAL where the certificate has authenticated the client: it may name that identity,
// or none (RFC 4422 appendix A).
End RunExternal(Dialogue& dialogue, Initial initial) {
  End end;
  if (!initial.response) {
    initial.response = Ask(dialogue, "", &end);
    if (!initial.response) return end;
  }
  Wiped wiped(*initial.response);
  facts::Session& session = dialogue.session();
  const std::string name = session.auth.authenticator;
  if (initial.response->empty() || *initial.response == session.auth.id)
    return Conclude(dialogue, {name, session.auth, ""});
  BorrowedBudget budget(dialogue.services);
  return Conclude(
      dialogue,
      {name, auth::Authorize(dialogue.config, *initial.response, WorldOf(dialogue, budget.get())),
       ""});
}

bool SourceHasFailedTooOften(Dialogue& dialogue) {
  return dialogue.context.auth_failures != nullptr &&
         dialogue.context.auth_failures->TooMany(dialogue.session().connection.client_ip,
                                                 std::chrono::steady_clock::now());
}

Answer RefuseSource(Dialogue& dialogue) {
  Refer(dialogue);
  const std::string why = "too many authentication failures from this address lately";
  dialogue.context.log->MainAndReject(
      WithReference(dialogue, DroppedLine(dialogue.session(), dialogue.selector, why)));
  dialogue.ending = "closed after failed authentication";
  Reply reply =
      MakeClosingReply(421, "4.7.0", "Too many authentication failures, please try later");
  dialogue.NoteRefusal({"AUTH", reply, why, {}, false});
  TellReference(dialogue, &reply);
  return reply;
}

End RunMechanism(Dialogue& dialogue, const config::Authenticator& instance, Initial initial) {
  if (initial.response && !instance.driver->initial) {
    explicit_bzero(initial.response->data(), initial.response->size());
    return Ends(MakeReply(553, "5.5.4", "Initial data not expected"), false);
  }
  BorrowedBudget budget(dialogue.services);
  auth::Exchange exchange(instance, WorldOf(dialogue, budget.get()));
  End end;
  std::optional<std::string> response = std::move(initial.response);
  while (true) {
    auth::Exchange::Step step = exchange.Respond(response);
    if (response) explicit_bzero(response->data(), response->size());
    if (step.done) {
      facts::Auth auth = Reconcile(dialogue, std::move(step.auth), budget.get());
      return Conclude(dialogue, {instance.name, std::move(auth), std::move(step.told)});
    }
    response = Ask(dialogue, step.challenge, &end);
    if (!response) return end;
    // Many exchanges of one source may have begun together, before any of them failed.
    if (!SourceHasFailedTooOften(dialogue)) continue;
    explicit_bzero(response->data(), response->size());
    return {RefuseSource(dialogue), false};
  }
}

void LogFailedReply(Dialogue& dialogue, const Reply& reply, const std::string& name) {
  facts::Auth auth;
  auth.reason = std::to_string(reply.code) + ' ' + reply.text();
  dialogue.context.log->MainAndReject(
      AuthenticatorLine(dialogue.session(), dialogue.selector, auth, name));
}

// Rule A5. At the limit the connection ends.
void CountFailure(Dialogue& dialogue, Answer* answer) {
  if (dialogue.context.auth_failures != nullptr)
    dialogue.context.auth_failures->Add(dialogue.session().connection.client_ip,
                                        std::chrono::steady_clock::now());
  if (++dialogue.auth_failures < limits::kAuthFailuresMax || !answer->reply) return;
  dialogue.context.log->MainAndReject(WithReference(
      dialogue,
      DroppedLine(dialogue.session(), dialogue.selector, "too many authentication failures")));
  answer->reply->lines.emplace_back("Too many authentication failures");
  answer->ends = true;
  dialogue.ending = "closed after failed authentication";
}

bool IsMechanismName(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}

bool IsAdvertised(const Dialogue& dialogue, std::string_view name) {
  for (const std::string& offered : dialogue.session().auth_offered)
    if (EqualsIgnoreCase(offered, name)) return true;
  return false;
}

std::optional<Answer> AskAcl(Dialogue& dialogue) {
  const facts::Verdict verdict = dialogue.Ask(AclWhen::kAuth, Phase::kAuth);
  return dialogue.Refusal(verdict, MakeReply(503, "5.7.1", "Administrative prohibition"),
                          dialogue.session().smtp_command);
}

}  // namespace

void OfferMechanisms(Dialogue& dialogue) {
  const Unwritten unwritten(dialogue.session());
  std::vector<std::string>& offered = dialogue.session().auth_offered;
  offered.clear();
  if (!MayUseAuth(dialogue)) return;
  if (Authenticated(dialogue)) {
    const AfterTlsAuth after =
        dialogue.auth_used ? AfterTlsAuth::kHide : FindAfterTlsAuth(dialogue);
    if (after == AfterTlsAuth::kHide) return;
    offered.emplace_back(kExternal);  // it has nothing to keep secret
    if (after == AfterTlsAuth::kExternal) return;
  }
  AddMechanisms(dialogue, &offered);
  if (!offered.empty()) dialogue.input.KeepSecret();
}

std::optional<Answer> CheckAuth(const Dialogue& dialogue, const Command&) {
  const auto refuse = [](std::string text) {
    return Answer(MakeReply(503, "5.5.1", std::move(text)), Fault::kProtocol);
  };
  if (dialogue.session().auth_offered.empty())
    return refuse("AUTH command used when not advertised");
  if (dialogue.auth_used) return refuse("already authenticated");
  if (dialogue.session().envelope.has_sender) return refuse("not permitted in mail transaction");
  return std::nullopt;
}

Answer RunAuth(Dialogue& dialogue, const Command& command) {
  if (SourceHasFailedTooOften(dialogue)) return RefuseSource(dialogue);
  if (auto refusal = AskAcl(dialogue)) return *refusal;
  const std::size_t blank = command.argument.find(' ');
  const std::string mechanism = command.argument.substr(0, blank);
  if (!IsMechanismName(mechanism))
    return {MakeReply(501, "5.5.4", "invalid character in authentication mechanism name"),
            Fault::kSyntax};
  if (!IsAdvertised(dialogue, mechanism))
    return {MakeReply(504, "5.5.4", mechanism + " authentication mechanism not supported"),
            Fault::kProtocol};
  dialogue.last_auth = Upper(mechanism);
  const bool external = Authenticated(dialogue) && EqualsIgnoreCase(mechanism, kExternal);
  const config::Authenticator* instance =
      external ? nullptr : auth::FindMechanism(dialogue.config, mechanism);
  const std::string name =
      instance != nullptr ? instance->name : dialogue.session().auth.authenticator;
  Initial initial = ReadInitial(
      blank == std::string::npos ? "" : Trim(std::string_view(command.argument).substr(blank)));
  End end = !initial.valid ? Ends(MakeReply(501, "5.5.2", "Invalid base64 data"))
            : external     ? RunExternal(dialogue, std::move(initial))
                           : RunMechanism(dialogue, *instance, std::move(initial));
  CountExchange(dialogue, name, end.answer);
  if (!end.answer.reply) return end.answer;
  const int code = end.answer.reply->code;
  if (code == 421) return end.answer;  // RefuseSource has seen to all of it
  if (code >= 500 && code != 535) LogFailedReply(dialogue, *end.answer.reply, name);
  if (end.failed) CountFailure(dialogue, &end.answer);
  // Of other codes of 5xx, mistakes of the client's are the reason.
  if (code == 535 || code / 100 == 4) TellReference(dialogue, &*end.answer.reply);
  return end.answer;
}

}  // namespace signet::smtp
