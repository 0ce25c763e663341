#ifndef SIGNET_SRC_ACL_ACL_H_
#define SIGNET_SRC_ACL_ACL_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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

// What an ACL may do besides deciding; the session provides it.
class Effects {
 public:
  virtual ~Effects() = default;
  virtual void SetVariable(const std::string& name, Value value) = 0;  // acl_c…, acl_m…
  virtual void AddHeader(std::string header) = 0;  // "Name: value", no line end at the end
  virtual void LogWrite(std::string_view log,
                        std::string_view text) = 0;  // "main", "reject", "panic"
  virtual void Delay(std::chrono::milliseconds time) = 0;
  // $acl_arg1… of a nested call, and $acl_verify_message; restored by the caller.
  virtual facts::Session& session() = 0;
};

// Evaluates the ACL of `when`. Unset: the default of that ACL (rcpt denies, vrfy denies,
// others accept). Reaching the end of a set ACL denies.
facts::Verdict Evaluate(const Rules& rules, config::AclWhen when, config::MatchContext& context,
                        Effects& effects);

// Runs an ACL for an expansion, ${acl{name}{arg}…}: a named one, or what the administrator
// wrote in the name's place as an ACL of its own. It may test what the session's phase
// offers. What is wrong with it goes to the panic log.
expand::AclOutcome Call(const Rules& rules, std::string_view name, std::vector<Value> arguments,
                        config::MatchContext& context, Effects& effects);

}  // namespace signet::acl
#endif
