#ifndef SIGNET_SRC_AUTH_STEPS_H_
#define SIGNET_SRC_AUTH_STEPS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "drivers/host/host_api.h"
#include "expand/expand.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// What authenticators write down of themselves in the session's trace. Inside of src/auth only.
namespace signet::auth {

// The moment at which dates are looked at, in seconds.
std::int64_t NowIn(const facts::Session& session);

// An authenticator that runs. Under `discreet`, what its expressions give is not recorded: of
// an exchange all of it may be a password.
class AuthenticatorStep {
 public:
  AuthenticatorStep(const facts::Session& session, const config::Authenticator& instance,
                    bool discreet);
  ~AuthenticatorStep();
  AuthenticatorStep(const AuthenticatorStep&) = delete;
  AuthenticatorStep& operator=(const AuthenticatorStep&) = delete;
  void Came(const facts::Auth& auth);

 private:
  facts::Trace* trace_;
  bool discreet_;
  std::size_t id_ = 0;
  facts::TraceStep::Outcome outcome_ = facts::TraceStep::Outcome::kNone;
  std::string value_ = "not finished", from_;
};

// One option while it is expanded, with the steps of its expression inside.
class OptionStep {
 public:
  OptionStep(const facts::Session& session, std::string_view name, const config::Expanded& option);
  ~OptionStep() { End(); }
  OptionStep(const OptionStep&) = delete;
  OptionStep& operator=(const OptionStep&) = delete;
  // What the expansion gave, and what that means where it is an answer.
  void Came(const expand::Outcome& outcome);
  void Says(signet_verdict verdict, std::string_view why = {});

 private:
  void End();
  facts::Trace* trace_;
  bool may_show_ = true;
  std::size_t id_ = 0;
  facts::TraceStep::Outcome outcome_ = facts::TraceStep::Outcome::kNone;
  std::string value_, from_;
};

// While an expression of an exchange is evaluated, nothing of it is written down: not even its
// text, in which an administrator's password may stand.
class Quietly {
 public:
  explicit Quietly(facts::Session& session) : session_(session), trace_(session.trace) {
    if (trace_ != nullptr && trace_->discreet()) session_.trace = nullptr;
  }
  ~Quietly() { session_.trace = trace_; }
  Quietly(const Quietly&) = delete;
  Quietly& operator=(const Quietly&) = delete;

 private:
  facts::Session& session_;
  facts::Trace* trace_;
};

// An element of $auth1 while server_match is asked about it.
class MatchStep {
 public:
  MatchStep(const facts::Session& session, const expand::ListElement& element);
  ~MatchStep();
  MatchStep(const MatchStep&) = delete;
  MatchStep& operator=(const MatchStep&) = delete;
  void Says(signet_verdict verdict) { verdict_ = verdict; }

 private:
  facts::Trace* trace_;
  std::size_t id_ = 0;
  signet_verdict verdict_ = SIGNET_DEFER;
};

// A rule that an authenticator's options lay down, with what came of it.
void AddCheck(facts::Trace* trace, std::string_view name, facts::TraceStep::Outcome outcome,
              std::string_view detail, SourceSpan where = {});
// $auth1 … as they are set.
void AddVariable(facts::Trace* trace, std::string_view name, const Value& value);

}  // namespace signet::auth
#endif
