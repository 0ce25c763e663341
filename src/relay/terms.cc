#include "src/relay/terms.h"

#include "src/base/text.h"
#include "src/relay/replies.h"

namespace signet::relay {

Protocol ProtocolOf(const config::Transport& transport) {
  if (transport.protocol.text == "smtps") return Protocol::kSmtps;
  if (transport.protocol.text == "lmtp") return Protocol::kLmtp;
  return Protocol::kSmtp;
}

std::vector<std::string> MechanismsOf(const config::Transport& transport) {
  std::vector<std::string> mechanisms;
  for (const std::string& word : SplitAdministratorList(transport.auth_mechanism.text))
    mechanisms.push_back(Upper(word));
  return mechanisms;
}

namespace {

// Options are expanded one behind the other; the first that cannot be ends it.
class Expander {
 public:
  Expander(const Place& place, config::MatchContext& context) : place_(place), context_(context) {}

  std::string Text(const config::Expanded& option, std::string_view name,
                   std::string otherwise = "") {
    if (problem_) return "";
    auto text = ExpandOption(option, name, *place_.router, context_, std::move(otherwise));
    if (text.ok()) return std::move(text).value();
    problem_ = text.error();
    return "";
  }
  // Whether the upstream's address is in a list.
  bool Has(const config::Expanded& list, const std::string& ip, bool unset) {
    if (!list) return unset;
    if (problem_) return false;
    auto matched = config::MatchList(list, config::ListKind::kHost, ip, context_);
    if (matched.ok()) return matched.value();
    problem_ = LocalProblem(matched.error().text);
    return false;
  }
  const std::optional<Reply>& problem() const { return problem_; }

 private:
  const Place& place_;
  config::MatchContext& context_;
  std::optional<Reply> problem_;
};

TlsUse UseOfTls(const Terms& terms, const config::Transport& transport, Expander* expand) {
  if (terms.protocol == Protocol::kSmtps) return TlsUse::kImplicit;
  if (terms.host.is_socket()) return TlsUse::kNever;
  if (expand->Has(transport.hosts_require_tls, terms.ip, false)) return TlsUse::kRequired;
  if (expand->Has(transport.hosts_try_tls, terms.ip, false)) return TlsUse::kWhereOffered;
  return TlsUse::kNever;
}

tls::ClientOptions OptionsOfTls(const Terms& terms, const config::Transport& transport,
                                Expander* expand) {
  tls::ClientOptions options;
  options.verify = expand->Has(transport.tls_verify_hosts, terms.ip, true);
  options.verify_name = expand->Text(transport.tls_verify_name, "tls_verify_name", terms.host.name);
  options.ca_file =
      expand->Text(transport.tls_verify_certificates, "tls_verify_certificates", "system");
  if (options.ca_file == "system") {
    options.system_authorities = true;
    options.ca_file.clear();
  }
  options.crl_file = expand->Text(transport.tls_crl, "tls_crl");
  options.server_name = expand->Text(transport.tls_sni, "tls_sni");
  options.certificate_file = expand->Text(transport.tls_certificate, "tls_certificate");
  options.key_file = expand->Text(transport.tls_privatekey, "tls_privatekey");
  options.priority = expand->Text(transport.tls_require_ciphers, "tls_require_ciphers");
  options.pins = transport.pins;
  return options;
}

}  // namespace

Result<Terms, Reply> MakeTerms(const Place& place, const Host& host, const std::string& ip,
                               config::MatchContext& context) {
  const config::Transport& transport = *place.transport;
  Terms terms{.host = host, .ip = ip, .protocol = ProtocolOf(transport), .helo = place.helo};
  terms.times = {transport.command_timeout, transport.data_timeout, transport.final_timeout};
  Xclient which = Xclient::kNo;
  if (transport.xclient.text == "login") which = Xclient::kLogin;
  if (transport.xclient.text == "full") which = Xclient::kFull;
  terms.xclient = XclientAttributes(which, context.session);
  Expander expand(place, context);
  terms.tls_use = UseOfTls(terms, transport, &expand);
  if (terms.tls_use != TlsUse::kNever) terms.tls = OptionsOfTls(terms, transport, &expand);
  terms.pipelining = !expand.Has(transport.hosts_avoid_pipelining, ip, false);
  terms.credentials.mechanisms = MechanismsOf(transport);
  if (!terms.credentials.mechanisms.empty()) {
    terms.credentials.user = expand.Text(transport.auth_user, "auth_user");
    terms.credentials.password = SecretText(expand.Text(transport.auth_password, "auth_password"));
  }
  if (expand.problem()) return Err{*expand.problem()};
  return terms;
}

Result<std::string, Reply> AuthenticatedSender(const Place& place, config::MatchContext& context) {
  const facts::Session& session = context.session;
  if (session.auth.result != facts::AuthResult::kAuthenticated) return std::string("<>");
  const auto outcome = expand::Evaluate(*place.transport->authenticated_sender.program, session,
                                        context.services, context.budget);
  if (!outcome.ok() && outcome.error().kind == FailureKind::kForced) return std::string("<>");
  if (!outcome.ok()) return Err{LocalProblem(outcome.error().text)};
  auto said = MailAuth(outcome.value(), session);
  if (!said.ok()) return Err{LocalProblem(said.error())};
  return std::move(said).value();
}

}  // namespace signet::relay
