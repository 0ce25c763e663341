#include "test/support/policy.h"

namespace signet::testing {
namespace {

const expand::LookupType kLsearch = {
    .handle = 1, .name = "lsearch", .single_key = true, .absolute_file = true, .accepts = {}};
const expand::LookupType kLdap = {.handle = 2,
                                  .name = "ldap",
                                  .single_key = false,
                                  .absolute_file = false,
                                  .accepts = {Quote::kLdapFilter, Quote::kLdapDn}};

}  // namespace

const expand::LookupType* FakeNames::FindLookup(std::string_view name) const {
  if (name == "lsearch") return &kLsearch;
  return name == "ldap" ? &kLdap : nullptr;
}

std::vector<std::string_view> FakeNames::LookupNames() const { return {"lsearch", "ldap"}; }

std::optional<SourceSpan> FakeNames::FindNamedList(std::string_view kind,
                                                   std::string_view name) const {
  for (const config::NamedList& list : config_->lists)
    if (list.name == name && (kind.empty() || kind == list.kind)) return list.list.span;
  return std::nullopt;
}

std::optional<expand::ListRef> FakeNames::FindList(std::string_view kind,
                                                   std::string_view name) const {
  const config::NamedList* list = config_->FindList(kind, name);
  if (list == nullptr) return std::nullopt;
  return expand::ListRef{list->list.patterns.get(), list->list.program.get()};
}

std::vector<std::string_view> FakeNames::AclNames() const {
  std::vector<std::string_view> names;
  for (const config::AclSource& acl : config_->acls) names.push_back(acl.name);
  return names;
}

std::vector<std::string_view> FakeNames::ListNames(std::string_view kind) const {
  std::vector<std::string_view> names;
  for (const config::NamedList& list : config_->lists)
    if (list.kind == kind) names.push_back(list.name);
  return names;
}

expand::LookupAnswer FakeServices::Lookup(const expand::LookupRequest& request) {
  std::string what(request.query);
  if (request.handle == kLsearch.handle) what = std::string(request.key) + '@' + what;
  asked.push_back(what);
  auto found = answers.find(what);
  return found == answers.end() ? expand::LookupAnswer{} : found->second;
}

expand::LookupAnswer FakeServices::AuthenticateBy(int, std::string_view query) {
  auto found = answers.find(std::string(query));
  return found == answers.end() ? expand::LookupAnswer{} : found->second;
}

Policy::Policy() {
  config.names = std::make_shared<FakeNames>(&config);
  config.main.primary_hostname = "mx.example.org";
  session.primary_hostname = "mx.example.org";
  session.connection.client_ip = "192.0.2.1";
}

SourceSpan Policy::Text(std::string text) {
  config.texts.push_back(std::make_unique<SourceText>("test.conf", std::move(text)));
  return config.texts.back()->whole();
}

config::Expanded Policy::Expanded(std::string text, Diagnostics* diagnostics) {
  Diagnostics mine;
  Diagnostics* found = diagnostics != nullptr ? diagnostics : &mine;
  SourceSpan span = Text(std::move(text));
  config::Expanded expanded{span, expand::Compile(span, facts::Phase::kQuit, names(), found)};
  SIGNET_CHECK(diagnostics != nullptr || expanded.program != nullptr);
  return expanded;
}

void Policy::NamedList(std::string kind, std::string name, std::string text) {
  config::NamedList list;
  list.name = std::move(name);
  list.kind = std::move(kind);
  list.list = Expanded(std::move(text));
  config.lists.push_back(std::move(list));
}

void Policy::Acl(std::string name, std::string_view lines) {
  config::AclSource acl;
  acl.name = name;
  acl.name_span = Text(name + ':');
  SourceSpan all = Text(std::string(lines));
  std::string_view view = all.view();
  for (std::size_t from = 0; from <= view.size();) {
    std::size_t end = std::min(view.find('\n', from), view.size());
    acl.lines.push_back(all.Part(from, end));
    from = end + 1;
  }
  config.acls.push_back(std::move(acl));
}

void Policy::AclOption(config::AclWhen when, std::string text) {
  config.main.acl[static_cast<std::size_t>(when)] = Expanded(std::move(text));
}

config::Router& Policy::Router(std::string name, config::RouterDriver driver,
                               std::string transport) {
  config::Router router;
  router.name_span = Text(name + ':');
  router.name = std::move(name);
  router.driver = driver;
  if (!transport.empty()) router.transport = {transport, Text(transport)};
  config.routers.push_back(std::move(router));
  return config.routers.back();
}

config::Transport& Policy::Transport(std::string name, config::TransportDriver driver) {
  config::Transport transport;
  transport.name_span = Text(name + ':');
  transport.name = std::move(name);
  transport.driver = driver;
  config.transports.push_back(std::move(transport));
  return config.transports.back();
}

std::string Summary(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    text += diagnostic.severity == Severity::kError ? "error: " : "warning: ";
    text += diagnostic.message;
    if (!diagnostic.hint.empty()) text += "; " + diagnostic.hint;
    text += '\n';
  }
  return text;
}

}  // namespace signet::testing
