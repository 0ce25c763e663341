#include "src/auth/asserted.h"

#include <algorithm>
#include <utility>

#include "expand/show.h"
#include "src/auth/authenticate.h"
#include "src/auth/steps.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/config/match.h"
#include "src/crypto/name.h"
#include "src/crypto/other_name.h"
#include "src/crypto/pins.h"
#include "src/facts/written.h"

namespace signet::auth {
namespace {

using config::IdentityRule;
using crypto::Certificate;

constexpr std::string_view kOidEmailAddress = "1.2.840.113549.1.9.1";

bool IsAbout(const IdentityRule& rule, const Certificate& authority, bool is_anchor) {
  if (rule.who == IdentityRule::Who::kKey) return crypto::PinOf(authority) == rule.text;
  return rule.who == IdentityRule::Who::kSubject && is_anchor &&
         authority.subject_text() == rule.text;
}

std::vector<const IdentityRule*> RulesFor(const config::Authenticator& instance,
                                          const std::vector<crypto::CertificatePtr>& path) {
  std::vector<const IdentityRule*> rules;
  // One that is its own anchor is its own authority.
  for (std::size_t i = path.size() > 1 ? 1 : 0; i < path.size(); ++i)
    for (const IdentityRule& rule : instance.identities)
      if (IsAbout(rule, *path[i], i + 1 == path.size())) rules.push_back(&rule);
  if (!rules.empty()) return rules;
  for (const IdentityRule& rule : instance.identities)
    if (rule.who == IdentityRule::Who::kAnyOther) rules.push_back(&rule);
  return rules;
}

// What names an account: the identity, and every mailbox that the certificate is for. One
// that no expression looks at is asserted all the same.
std::vector<std::string> Asserted(const std::string& id, const Certificate& certificate) {
  std::vector<std::string> names = {id};
  for (const crypto::NameAttribute& attribute : certificate.subject())
    if (attribute.oid == kOidEmailAddress && attribute.valid) names.push_back(attribute.value);
  for (const crypto::SanName& name : certificate.alternative_names()) {
    if (!name.valid) continue;
    if (name.type == crypto::SanType::kMail) names.push_back(name.value);
    if (name.type != crypto::SanType::kOther) continue;
    const auto other = crypto::ParseOtherName(name.value);
    if (!other || (other->oid != crypto::kOidSmtpUtf8 && other->oid != crypto::kOidUpn)) continue;
    if (auto text = crypto::TextOf(*other)) names.push_back(std::move(*text));
  }
  return names;
}

// ": rule * => *@example.org and others"; nothing of a text that is hidden.
std::string RulesInWords(const std::vector<const IdentityRule*>& rules) {
  const IdentityRule& first = *rules.front();
  if (expand::IsHidden(*first.identities.program)) return "";
  return ": rule " + facts::AsWritten(first.span.view()) + " => " +
         facts::AsWritten(first.identities.span.view()) + (rules.size() > 1 ? " and others" : "");
}

}  // namespace

void CheckIdentities(const config::Config& config, const crypto::TrustStore& trust,
                     Diagnostics* diagnostics) {
  for (const config::Authenticator& instance : config.authenticators) {
    for (const IdentityRule& rule : instance.identities) {
      if (rule.who != IdentityRule::Who::kSubject) continue;
      const auto& anchors = trust.anchor_certificates();
      const bool known = std::any_of(anchors.begin(), anchors.end(), [&](const auto& anchor) {
        return anchor->subject_text() == rule.text;
      });
      if (known) continue;
      diagnostics->push_back({Severity::kWarning,
                              rule.span,
                              "no trust anchor has the subject \"" + Printable(rule.text) +
                                  "\": the rule is about nobody",
                              "authorities below anchors are known by key, as in spki:BASE64",
                              {},
                              code::kNeverRuns});
    }
  }
}

void LimitToAssertable(const config::Config& config, const config::Authenticator& instance,
                       Call::World world, facts::Auth* auth) {
  const facts::Tls& tls = world.session.tls;
  if (instance.identities.empty() || !tls.verified) return;
  const std::string id = auth->id;
  facts::Trace* const trace = world.session.trace;
  using StepOutcome = facts::TraceStep::Outcome;
  const auto refuse = [&](const std::string& reason) {
    AddCheck(trace, "server_identities", StepOutcome::kNo, reason, instance.server_identities.span);
    *auth = {};
    auth->fail_id = id;
    Fail(auth, reason);
  };
  const auto rules = RulesFor(instance, tls.path);
  if (rules.empty()) return refuse("server_identities has no rule for its authorities");
  config::MatchContext context{config, world.session, world.services, world.budget};
  std::string told;
  for (const std::string& name : Asserted(id, *tls.peer)) {
    for (const IdentityRule* rule : rules) {
      const auto in = MatchList(rule->identities, config::ListKind::kAddress, name, context);
      if (!in) {
        AddCheck(trace, "server_identities", StepOutcome::kLater, in.error().text, rule->span);
        *auth = {};
        auth->fail_id = id;
        return Defer(auth, Explain("server_identities", in.error()), in.error().lookup_deferred);
      }
      if (!in.value())
        return refuse("its authority may not assert \"" + Printable(name) + "\": rule " +
                      Printable(rule->span.view()) + " of server_identities");
    }
    // The identity is a mailbox of the certificate, too, as a rule.
    if (trace != nullptr && std::exchange(told, name) != name)
      AddCheck(trace, "server_identities", StepOutcome::kYes,
               '"' + name + "\" may be asserted by its authority" + RulesInWords(rules),
               rules.front()->span);
  }
}

}  // namespace signet::auth
