#ifndef SIGNET_SRC_AUTH_CALL_H_
#define SIGNET_SRC_AUTH_CALL_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/host/host_api.h"
#include "expand/expand.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/config.h"
#include "src/facts/session.h"

// Inside of src/auth only.
namespace signet::auth {

// $auth1 … $auth4 and their kin exist while an authenticator runs, and not before or after
// (rule I15); passwords in them are wiped (rule A6).
class AuthVariables {
 public:
  explicit AuthVariables(facts::Session& session) : session_(session) { Clear(); }
  ~AuthVariables() { Clear(); }
  AuthVariables(const AuthVariables&) = delete;
  AuthVariables& operator=(const AuthVariables&) = delete;

 private:
  void Clear();
  facts::Session& session_;
};

// One run of an authenticator, as its driver sees it. It keeps the worst that happened,
// so that a driver cannot make more of the result than its expressions did (rules I1, I14,
// P5).
//
//   Lifetime  of one run after TLS, or of one SASL exchange.
class Call final : public signet_call {
 public:
  // What a run needs. `worker` may be nullptr: then drivers cannot wait.
  struct World {
    facts::Session& session;
    expand::Services& services;
    expand::Budget& budget;
    signet::Log* log = nullptr;
    signet_worker* worker = nullptr;
  };
  Call(const config::Authenticator& instance, World world)
      : instance_(instance), session_(world.session), world_(world) {}
  ~Call() override { WipeValues(); }

  signet_expanded Expand(std::uint32_t option, const signet_value** value) override;
  bool OptionText(std::uint32_t option, std::string_view* text) override;
  bool OptionNumber(std::uint32_t option, std::int64_t* number) override;
  void SetAuth(std::uint32_t number, const Value& value) override;
  signet_verdict CheckCondition() override;
  void Reason(std::string_view text) override { reason_ = text; }
  void Challenge(std::string_view text) override { challenge_ = text; }
  void Log(std::string_view line) override;
  signet_expanded Variable(std::string_view name, const signet_value** value) override;
  std::string_view PublicName() override { return public_name_; }
  bool Advertised(std::string_view mechanism) override;
  bool ChannelBinding(std::string_view type, std::string_view* octets) override;
  signet_worker* Worker() override { return world_.worker; }
  void SetState(const Value& value) override { session_.auth_state = value; }
  void Identity(const Value& value, std::size_t from) override;
  const signet_value* List(const signet_value& value) override;

  // Asks the driver, then narrows.
  signet_verdict Run();
  // One step; `*state` is the driver's. SIGNET_CONTINUE where `challenge()` is to be sent.
  signet_verdict Step(void** state, signet_text response);
  // Whether the mechanism makes sense in this session.
  bool Offered();

  const std::string& reason() const { return reason_; }
  const std::string& challenge() const { return challenge_; }
  bool lookup_deferred() const { return lookup_deferred_; }
  const facts::Tls& tls() const { return session_.tls; }
  // What server_condition gave where it was neither yes nor no, if no outsider has a part in
  // it: the client is told.
  const std::string& told() const { return told_; }
  // `name`: the option's, for the trace.
  expand::Outcome Evaluate(std::string_view name, const config::Expanded& option);
  // Whether an expression of this run has read a certificate that is no proof of anything.
  bool ReadUnprovedCertificate() const;
  // What went wrong with an expression, without what may be a password of this exchange (A6).
  std::string Explained(std::string_view option, const Failure& failure) const;
  // server_set_id, or what the mechanism gave where the option is not set; nullopt where
  // there is neither.
  std::optional<expand::Outcome> Identity();

 private:
  std::string_view OptionName(std::uint32_t option) const;
  std::vector<std::string_view> Secrets() const;
  std::string Unsecret(std::string_view text) const;
  signet_expanded Record(std::string_view option, const Failure& failure);
  signet_verdict Judge(std::string_view option, const expand::Outcome& outcome,
                       expand::Truth (*truth)(std::string_view));
  signet_verdict Matches(const expand::ListElement& element);
  signet_verdict FindMatch();
  signet_verdict Condition();
  void WipeValues();
  signet_verdict Narrow(signet_verdict verdict);

  const config::Authenticator& instance_;
  facts::Session& session_;
  World world_;
  std::string public_name_ = Upper(instance_.public_name);
  std::deque<signet_value> values_;  // a deque: drivers hold pointers into it
  std::string reason_, challenge_, told_;
  std::optional<Value> identity_;
  bool failed_ = false;  // some expression failed, and was not forced to
  bool forced_ = false;  // some expression was forced to fail
  bool lookup_deferred_ = false;
  bool condition_checked_ = false;
  signet_verdict condition_ = SIGNET_ACCEPT;
};

// What went wrong with an expression, for the log.
std::string Explain(std::string_view option, const Failure& failure);

// Results. `reply` as the client of an exchange would see it, and the log does.
inline constexpr std::string_view kFailedReply = "535 Incorrect authentication data";
inline constexpr std::string_view kDeferredReply = "435 Unable to authenticate at present";
void Fail(facts::Auth* auth, std::string_view reason);
void Defer(facts::Auth* auth, std::string_view reason, bool lookup_deferred);

// server_set_id is expanded whatever the verdict was: then it names who failed.
facts::Auth Conclude(const config::Authenticator& instance, Call& call, signet_verdict verdict);

}  // namespace signet::auth
#endif
