#ifndef SIGNET_SRC_ACL_ACL_H_
#define SIGNET_SRC_ACL_ACL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/acl/rates.h"
#include "src/base/log_selector.h"
#include "src/config/config.h"
#include "src/config/match.h"
#include "src/facts/session.h"
#include "src/facts/verdict.h"

namespace signet::acl {

// All ACLs of a configuration, compiled: named ones, and inline text of acl_smtp_*.
class Rules {
 public:
  ~Rules();
  struct Rep;
  explicit Rules(std::unique_ptr<const Rep> rep);
  const Rep& rep() const { return *rep_; }

 private:
  std::unique_ptr<const Rep> rep_;
};

// Compiles every ACL; reports unknown verbs, conditions and modifiers with suggestions,
// conditions that their ACL cannot test (found through the acl_smtp_* options and nested
// `acl =`), wrong arguments, unknown ACL names.
//
//   Returns  never nullptr. Where errors were added, the rules are not for use: they
//            only keep the texts alive that the diagnostics point into.
std::unique_ptr<const Rules> Compile(const config::Config& config, const expand::Names& names,
                                     Diagnostics* diagnostics);

// Whether mail can be sent to an address: whether a router takes it, and, with `call_forward`,
// whether the host that it goes to takes it.
struct VerifyRequest {
  std::string local_part, domain;  // unquoted
  bool call_forward = false;
  std::string mail_from;  // the sender that the host is told
};
struct VerifyAnswer {
  enum Kind : std::uint8_t { kYes, kNo, kLater } kind = kYes;
  std::string user_text;  // printable, for the client; "Unrouteable address"
  std::string log_text;
};

// What the resolver says of an address, or of a name. Its values are outsiders' text.
struct HostAnswer {
  enum Kind : std::uint8_t { kFound, kNone, kLater } kind = kNone;
  std::vector<std::string> values;
  std::string why;  // kNone, kLater: for the log
};

// What an ACL may do besides deciding; the session provides it.
class Effects {
 public:
  virtual ~Effects() = default;
  virtual void SetVariable(const std::string& name, Value value) = 0;  // acl_c…, acl_m…
  virtual void AddHeader(facts::AddedHeader header) = 0;
  virtual void RemoveHeader(std::string pattern) = 0;
  virtual void LogWrite(std::string_view log,
                        std::string_view text) = 0;  // "main", "reject", "panic"
  // Whether log_selector wants such lines.
  virtual bool Logs(Selector) const { return true; }
  virtual void Delay(std::chrono::milliseconds time) = 0;
  // verify = recipient, verify = sender.
  virtual VerifyAnswer VerifyAddress(const VerifyRequest& request) = 0;
  // verify = reverse_host_lookup, verify = helo: the names of an address, the addresses of a
  // name. What is not overridden asks the system's resolver. May wait.
  virtual HostAnswer NameOfHost(const std::string& ip);
  virtual HostAnswer AddressesOfHost(const std::string& name);
  // One step of a measurement that outlives the session: ratelimit, seen.
  virtual RateAnswer UpdateRate(const RateRequest&) {
    return {.available = false, .why = "no rates are kept here"};
  }
  // $acl_arg1… of a nested call, and $acl_verify_message; restored by the caller.
  virtual facts::Session& session() = 0;
};

// Evaluates the ACL of `when`. Unset: the default of that ACL (rcpt denies, vrfy denies,
// others accept). Reaching the end of a set ACL denies.
facts::Verdict Evaluate(const Rules& rules, config::AclWhen when, config::MatchContext& context,
                        Effects& effects);

// Whether the ACL of `when`, with what it calls, may add fields to the message's header or
// remove some. Where that cannot be known before it runs, it may.
bool MayChangeHeader(const Rules& rules, const config::Config& config, config::AclWhen when);

// Runs an ACL for an expansion, ${acl{name}{arg}…}: a named one, or what the administrator
// wrote in the name's place as an ACL of its own. It may test what the session's phase
// offers. What is wrong with it goes to the panic log.
expand::AclOutcome Call(const Rules& rules, std::string_view name, std::vector<Value> arguments,
                        config::MatchContext& context, Effects& effects);

}  // namespace signet::acl
#endif
