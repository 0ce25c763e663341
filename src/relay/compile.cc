#include <algorithm>

#include "expand/show.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/words.h"
#include "src/relay/address.h"
#include "src/relay/authenticate.h"
#include "src/relay/maildir.h"
#include "src/relay/route.h"
#include "src/relay/terms.h"
#include "src/tls/tls.h"

namespace signet::relay {

// Routers and transports → Routes. Names of transports are found here, lists and hosts
// that are constant are checked here.
class Compiler {
 public:
  Compiler(const config::Config& config, const expand::Names& names, Diagnostics* diagnostics)
      : config_(config), names_(names), diagnostics_(diagnostics) {}

  std::shared_ptr<Routes> Run() {
    for (const config::Transport& transport : config_.transports) Transport(transport);
    for (const config::Router& router : config_.routers) Router(router);
    return std::move(routes_);
  }

 private:
  static std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

  void Transport(const config::Transport& transport) {
    if (transport.driver == config::TransportDriver::kAppendfile) {
      if (!transport.directory)
        Error(transport.name_span, "transport " + Quoted(transport.name) + " needs \"directory\"");
      if (!transport.maildir_format)
        Error(transport.name_span,
              "transport " + Quoted(transport.name) +
                  " needs \"maildir_format\": other formats are not supported");
      for (const config::Text* mode : {&transport.mode, &transport.directory_mode})
        if (mode->set() && !ReadMode(mode->text))
          Error(mode->span, "three octal digits expected, found " + Quoted(mode->text),
                "the owner must be able to read and write, as in 0640");
      return;
    }
    Hosts(transport.hosts);
    Hosts(transport.fallback_hosts);
    if (transport.socket && transport.hosts)
      Error(transport.socket.span,
            "transport " + Quoted(transport.name) + " has both \"socket\" and \"hosts\"");
    if (transport.socket && transport.protocol.text == "smtps")
      Error(transport.socket.span, "there is no TLS over a Unix socket");
    if (const std::string path = Constant(transport.socket);
        !path.empty() && (!path.starts_with('/') || !SocketAddress(path).ok()))
      Error(transport.socket.span, "absolute path of a socket expected, found " + Quoted(path));
    Tls(transport);
    Auth(transport);
    config::CheckList(transport.hosts_avoid_pipelining, config::ListKind::kHost, config_,
                      diagnostics_);
    if (!transport.port) return;
    const std::string* port = transport.port.program->constant();
    if (port != nullptr && !ParseHost("h:" + *port, 25))
      Error(transport.port.span, "port number expected, found " + Quoted(*port));
  }

  static std::string Constant(const config::Expanded& option) {
    const std::string* text = option ? option.program->constant() : nullptr;
    return text == nullptr ? "" : *text;
  }
  static bool IsEmptied(const config::Expanded& list) {
    const std::string* text = list ? list.program->constant() : nullptr;
    return text != nullptr && Trim(*text).empty();
  }

  // Rule C5 for what lists leave out, and rule C2 for files whose names are known by now.
  void Tls(const config::Transport& transport) {
    for (const auto& list : {&transport.hosts_require_tls, &transport.tls_verify_hosts})
      config::CheckList(*list, config::ListKind::kHost, config_, diagnostics_);
    config::CheckList(transport.hosts_try_tls, config::ListKind::kHost, config_, diagnostics_);
    if (IsEmptied(transport.hosts_require_tls))
      Warn(transport.hosts_require_tls.span,
           "mail goes to upstreams in clear where they offer no TLS (weakens rule T14)");
    if (IsEmptied(transport.tls_verify_hosts))
      Warn(transport.tls_verify_hosts.span,
           "certificates of upstreams are not verified (weakens rule T14)");
    tls::ClientOptions options;
    options.verify = false;
    options.certificate_file = Constant(transport.tls_certificate);
    options.key_file = Constant(transport.tls_privatekey);
    options.priority = Constant(transport.tls_require_ciphers);
    options.crl_file = Constant(transport.tls_crl);
    options.ca_file = Constant(transport.tls_verify_certificates);
    if (options.ca_file == "system") options.ca_file.clear();
    options.pins = transport.pins;
    const std::string wrong = tls::ComplaintAbout(options);
    if (!wrong.empty())
      Error(transport.name_span, "transport " + Quoted(transport.name) + ": " + wrong);
  }

  void Auth(const config::Transport& transport) {
    const auto mechanisms = MechanismsOf(transport);
    const bool external_only = mechanisms == std::vector<std::string>{"EXTERNAL"};
    for (const std::string& mechanism : mechanisms)
      if (std::find(kMechanisms.begin(), kMechanisms.end(), mechanism) == kMechanisms.end())
        Error(transport.auth_mechanism.span, "unknown mechanism " + Quoted(mechanism),
              "there are cram-md5, external, login and plain");
    if (mechanisms.empty() && (transport.auth_user || transport.auth_password))
      Error(transport.name_span,
            "transport " + Quoted(transport.name) + " has credentials and no \"auth_mechanism\"");
    if (!mechanisms.empty() && !external_only && (!transport.auth_user || !transport.auth_password))
      Error(transport.auth_mechanism.span,
            "\"auth_user\" and \"auth_password\" are needed with it");
    const bool introduces = transport.xclient.text == "login" || transport.xclient.text == "full";
    if (!mechanisms.empty() && introduces)
      Error(transport.auth_mechanism.span, "\"xclient\" and \"auth_mechanism\" exclude each other",
            "XCLIENT LOGIN says that the client has authenticated; our own AUTH would replace it");
  }

  void Router(const config::Router& router) {
    config::CheckList(router.domains, config::ListKind::kDomain, config_, diagnostics_);
    config::CheckList(router.local_parts, config::ListKind::kLocalPart, config_, diagnostics_);
    config::CheckList(router.senders, config::ListKind::kAddress, config_, diagnostics_);
    Hosts(router.fallback_hosts);
    Routes::Step step{.router = &router};
    if (router.transport.set()) {
      step.transport = FindTransport(router.transport.text, router.transport.span);
      if (step.transport == nullptr) return;
    }
    if (router.driver == config::RouterDriver::kManualroute)
      Manualroute(&step);
    else if (step.transport == nullptr)
      return Error(router.name_span, "router " + Quoted(router.name) + " needs \"transport\"");
    else
      NeedsHosts(router.name_span, *step.transport);
    routes_->steps_.push_back(std::move(step));
  }

  void Manualroute(Routes::Step* step) {
    const config::Router& router = *step->router;
    bool list = router.route_list.span.text != nullptr;
    bool data = router.route_data.span.text != nullptr;
    if (list == data)
      return Error(router.name_span, "router " + Quoted(router.name) +
                                         (list ? " has both \"route_list\" and \"route_data\""
                                               : " needs \"route_list\" or \"route_data\""));
    if (data && step->transport == nullptr)
      Error(router.name_span, "router " + Quoted(router.name) + " needs \"transport\"");
    if (data) return Hosts(router.route_data);
    hidden_ = router.route_list && expand::IsHidden(*router.route_list.program);
    SourceSpan text = router.route_list.span;
    char separator = ';';
    std::string_view view = text.view();
    if (view.size() >= 2 && view[0] == '<' && !IsSpace(view[1]) && !IsAlnum(view[1])) {
      separator = view[1];
      text = text.Part(2, view.size());
    }
    for (SourceSpan item : config::SplitItems(text, separator)) Rule(item, step);
  }

  void Rule(SourceSpan item, Routes::Step* step) {
    std::vector<SourceSpan> words = config::SplitWords(item, &routes_->texts_);
    if (words.empty()) return;
    JoinHosts(&words);
    Routes::Rule rule;
    rule.pattern = CompileText(words[0]);
    config::CompileList(&rule.pattern, config::ListKind::kDomain, config_, diagnostics_);
    if (words.size() > 1) {
      rule.hosts = CompileText(words[1]);
      Hosts(rule.hosts);
    }
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (words[i].view() == "byname") continue;
      if (words[i].view() == "randomize" || words[i].view() == "no_randomize") {
        rule.randomize = words[i].view() == "randomize";
        continue;
      }
      rule.transport = FindTransport(words[i].view(), words[i]);
    }
    const config::Transport* transport = rule.transport ? rule.transport : step->transport;
    if (transport == nullptr)
      return Error(item, "route without a transport: router " + Quoted(step->router->name) +
                             " has none either");
    if (words.size() < 2) NeedsHosts(item, *transport);
    step->rules.push_back(std::move(rule));
  }

  // "h1 : h2" is one list of hosts although nobody quoted it.
  static void JoinHosts(std::vector<SourceSpan>* words) {
    while (words->size() > 2) {
      SourceSpan& hosts = (*words)[1];
      SourceSpan next = (*words)[2];
      bool joined = hosts.view().ends_with(':') || next.view().starts_with(':');
      if (!joined || next.text != hosts.text) return;
      hosts.end = next.end;
      words->erase(words->begin() + 2);
    }
  }

  config::Expanded CompileText(SourceSpan span) {
    // The option as a whole was compiled with the configuration; mistakes that showed
    // there are not told twice.
    Diagnostics found;
    config::Expanded text{span, expand::Compile(span, facts::Phase::kDelivery, names_, &found)};
    for (Diagnostic& diagnostic : found)
      if (diagnostic.severity == Severity::kError) diagnostics_->push_back(std::move(diagnostic));
    if (hidden_ && text) expand::Hide(*text.program);
    return text;
  }

  void Hosts(const config::Expanded& hosts) {
    if (!hosts || hosts.program->constant() == nullptr) return;
    auto elements = expand::SplitList(Value(*hosts.program->constant()));
    for (const expand::ListElement& element : elements)
      if (!ParseHost(element.text, 25))
        Error(hosts.span, "host expected, found " + Quoted(element.text),
              "write host, host::port or \"<; [2001:db8::1]:port\"");
  }

  void NeedsHosts(SourceSpan span, const config::Transport& transport) {
    if (transport.driver == config::TransportDriver::kSmtp && !transport.hosts && !transport.socket)
      Error(span, "transport " + Quoted(transport.name) +
                      " has no \"hosts\", and nothing else "
                      "names any");
  }

  const config::Transport* FindTransport(std::string_view name, SourceSpan span) {
    std::vector<std::string_view> known;
    for (const config::Transport& transport : config_.transports) {
      if (transport.name == name) return &transport;
      known.push_back(transport.name);
    }
    std::string_view near = SuggestName(name, known);
    Error(span, "unknown transport " + Quoted(name),
          near.empty() ? "" : "did you mean " + Quoted(near) + "?");
    return nullptr;
  }

  void Warn(SourceSpan span, std::string message) {
    diagnostics_->push_back(
        {Severity::kWarning, span, std::move(message), "", {}, code::kWeakSetting});
  }

  void Error(SourceSpan span, std::string message, std::string hint = "") {
    diagnostics_->push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
  }

  const config::Config& config_;
  const expand::Names& names_;
  Diagnostics* diagnostics_;
  bool hidden_ = false;  // the route_list at hand was set with "hide"
  std::shared_ptr<Routes> routes_ = std::make_shared<Routes>();
};

std::shared_ptr<const Routes> Compile(const config::Config& config, const expand::Names& names,
                                      Diagnostics* diagnostics) {
  return Compiler(config, names, diagnostics).Run();
}

}  // namespace signet::relay
