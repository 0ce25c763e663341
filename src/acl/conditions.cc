#include "src/acl/ratelimit.h"
#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/acl/verify.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using config::ListKind;

Answer Truth(bool is_true) { return {.kind = is_true ? Answer::kTrue : Answer::kFalse}; }
Answer Error(std::string log_text) {
  return {.kind = Answer::kError, .log_text = std::move(log_text)};
}

// --- who the client is -------------------------------------------------------------------

Answer Authenticated(const Item& item, const Value&, Run& run) {
  run.Show("the client is not authenticated", kFromAdministrator);
  if (!run.authenticated()) return {.kind = Answer::kFalse, .unauthenticated = true};
  return run.Match(item, run.session().auth.authenticator);
}

// The part of "TLS1.3:ECDHE_…__AES_256_GCM:256" between the colons.
std::string_view CipherName(std::string_view cipher) {
  std::size_t first = cipher.find(':');
  if (first == cipher.npos) return cipher;
  std::string_view rest = cipher.substr(first + 1);
  return rest.substr(0, rest.find(':'));
}

Answer Encrypted(const Item& item, const Value&, Run& run) {
  const facts::Tls& tls = run.session().tls;
  run.Show("the session is not under TLS", kFromAdministrator);
  return tls.active ? run.Match(item, CipherName(tls.cipher)) : Truth(false);
}

Answer Hosts(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().connection.client_ip, &run.effects.session().host_data);
}

// --- the envelope ------------------------------------------------------------------------

Answer Senders(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().envelope.sender,
                   &run.effects.session().envelope.sender_data);
}
Answer SenderDomains(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().envelope.sender_domain,
                   &run.effects.session().envelope.sender_data);
}
Answer Recipients(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().envelope.current.address,
                   &run.effects.session().envelope.recipient_data);
}
Answer Domains(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().envelope.current.domain,
                   &run.effects.session().envelope.domain_data);
}
Answer LocalParts(const Item& item, const Value&, Run& run) {
  return run.Match(item, run.session().envelope.current.local_part,
                   &run.effects.session().envelope.local_part_data);
}

// --- anything ----------------------------------------------------------------------------

std::string InvalidCondition(std::string_view text) {
  return "invalid \"condition\" value \"" + Printable(text) + '"';
}

void CheckCondition(const Item& item, const CheckContext& context) {
  const std::string* constant = item.argument.program->constant();
  if (constant == nullptr || expand::AclTruth(*constant) != expand::Truth::kInvalid) return;
  context.Error(item.argument.span, InvalidCondition(*constant));
}

Answer Condition(const Item&, const Value& value, Run&) {
  switch (expand::AclTruth(value.text)) {
    case expand::Truth::kTrue:
      return Truth(true);
    case expand::Truth::kFalse:
      return Truth(false);
    case expand::Truth::kInvalid:
      break;
  }
  return {.kind = Answer::kDefer, .log_text = InvalidCondition(value.text)};
}

// Sets $acl_arg1… and takes one level of the budget; puts both back at its end.
class Call {
 public:
  Call(Run& run, std::vector<Value> arguments) : run_(run), acl_(run.acl), verb_(run.verb) {
    statement_ = run.statement;
    outer_ = std::exchange(run.effects.session().acl_args, std::move(arguments));
    --run.context.budget.acl_depth;
  }
  ~Call() {
    run_.effects.session().acl_args = std::move(outer_);
    run_.statement = statement_;
    run_.acl = acl_;
    run_.verb = verb_;
    ++run_.context.budget.acl_depth;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Run& run_;
  const Acl* acl_;
  Verb verb_;
  StatementState statement_;
  std::vector<Value> outer_;
};

// The words of `acl = name arg …`, expanded one by one, so that no argument can become
// two.
Answer ExpandWords(const Item& item, Run& run, std::vector<Value>* words) {
  for (const Word& word : item.words) {
    if (word.constant) {
      words->push_back(Value(*word.constant));
      continue;
    }
    expand::Outcome outcome = run.Expand(word.text);
    if (!outcome.ok()) return FromFailure(outcome.error());
    words->push_back(std::move(outcome).value());
  }
  return Truth(true);
}

Answer AclCall(const Item& item, const Value&, Run& run) {
  std::vector<Value> words;
  Answer expanded = ExpandWords(item, run, &words);
  if (expanded.kind != Answer::kTrue) return expanded;

  Value name = std::move(words.front());
  words.erase(words.begin());
  if (name.origins() != kFromAdministrator)
    return Error("attempt to use text from outside as ACL name \"" + name.text + '"');
  auto found = run.rules.by_name.find(name.text);
  if (found == run.rules.by_name.end()) return Error("unknown ACL \"" + name.text + '"');
  if (run.context.budget.acl_depth == 0) return Error("ACL nested too deep: possible loop");

  Answer answer;
  {
    Call call(run, std::move(words));
    answer = RunAcl(run.rules.acls[found->second], run).answer;
  }
  if (answer.discard && run.verb != Verb::kAccept && run.verb != Verb::kDiscard)
    return Error("nested ACL returned \"discard\" for \"" + std::string(NameOf(run.verb)) +
                 "\" (only allowed with \"accept\" or \"discard\")");
  return answer;
}

constexpr Places kAfterHelo = kEverywhere & ~At(AclWhen::kConnect) & ~At(AclWhen::kHelo);
constexpr Places kWithSender = At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kPredata) |
                               At(AclWhen::kData) | At(AclWhen::kNotquit);
constexpr Places kWithRecipient = At(AclWhen::kRcpt) | At(AclWhen::kVrfy);

// clang-format off
constexpr ItemRow kConditions[] = {
  // name            cond  argument          list                 places                             check            run             the manual says
  {"acl",            true, Argument::kCall,  ListKind::kString,    kEverywhere,                       nullptr,         &AclCall,       "the named ACL, called with up to nine arguments, accepts"},
  {"authenticated",  true, Argument::kList,  ListKind::kString,    kAfterHelo,                        nullptr,         &Authenticated, "the client is authenticated, by an authenticator whose name is in the list"},
  {"condition",      true, Argument::kText,  ListKind::kString,    kEverywhere,                       &CheckCondition, &Condition,     "the text expands to something true"},
  {"domains",        true, Argument::kList,  ListKind::kDomain,    kWithRecipient,                    nullptr,         &Domains,       "the recipient's domain is in the list"},
  {"encrypted",      true, Argument::kList,  ListKind::kString,    kEverywhere & ~At(AclWhen::kConnect), nullptr,      &Encrypted,     "the session is under TLS, with a cipher suite whose name is in the list"},
  {"header_from",    true, Argument::kList,  ListKind::kAddress,   At(AclWhen::kData),                nullptr,         &RunHeaderFrom, "every author that the header names, in From and Sender, is in the list"},
  {"hosts",          true, Argument::kList,  ListKind::kHost,      kEverywhere,                       nullptr,         &Hosts,         "the client's address is in the list"},
  {"local_parts",    true, Argument::kList,  ListKind::kLocalPart, kWithRecipient,                    nullptr,         &LocalParts,    "the recipient's local part is in the list"},
  {"ratelimit",      true, Argument::kText,  ListKind::kString,    kEverywhere,                       &CheckRatelimit, &RunRatelimit,  "what the key stands for comes at a rate of so many in a period, or more", &RatelimitMisplaced},
  {"recipients",     true, Argument::kList,  ListKind::kAddress,   At(AclWhen::kRcpt),                nullptr,         &Recipients,    "the recipient is in the list"},
  {"seen",           true, Argument::kText,  ListKind::kString,    kEverywhere,                       &CheckSeen,      &RunSeen,       "the key was seen within a time, or with \"-\" before it"},
  {"sender_domains", true, Argument::kList,  ListKind::kDomain,    kWithSender,                       nullptr,         &SenderDomains, "the sender's domain is in the list"},
  {"senders",        true, Argument::kList,  ListKind::kAddress,   kWithSender,                       nullptr,         &Senders,       "the sender is in the list"},
  {"verify",         true, Argument::kText,  ListKind::kString,    kEverywhere,                       &CheckVerify,    &RunVerify,     "something about the client, an address or the header proves good", &VerifyMisplaced},
};
// clang-format on

}  // namespace

std::span<const ItemRow> Conditions() { return kConditions; }

Answer Run::Match(const Item& item, std::string_view subject, Value* data) {
  Show(subject, kFromAdministrator);
  auto matched = config::MatchList(item.argument, item.row->list, subject, context, data);
  if (matched.ok()) return Truth(matched.value());
  Answer answer = FromFailure(matched.error());
  answer.kind = Answer::kDefer;  // a list that cannot be matched now is never "no"
  return answer;
}

}  // namespace signet::acl
