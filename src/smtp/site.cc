#include "src/smtp/site.h"

#include <sys/stat.h>

#include <ctime>
#include <utility>

#include "expand/expand.h"
#include "src/acl/sense.h"
#include "src/auth/authenticate.h"
#include "src/base/codes.h"
#include "src/config/match.h"
#include "src/config/sense.h"
#include "src/engine/engine.h"
#include "src/smtp/sense.h"

namespace signet::smtp {
namespace {

// More than a site has certificates for; names that a client chooses cannot reach it, since
// outsider text is refused in file names (E2), but a lookup's answers could (R7).
constexpr std::size_t kPoliciesMax = 500;

using Sources = tls::ServerPolicy::Sources;

struct SourceOption {
  const config::Expanded config::Main::*option;
  std::string Sources::*member;
  const char* name;
};
constexpr SourceOption kSourceOptions[] = {
    {&config::Main::tls_certificate, &Sources::certificate_file, "tls_certificate"},
    {&config::Main::tls_privatekey, &Sources::key_file, "tls_privatekey"},
    {&config::Main::tls_verify_certificates, &Sources::verify_file, "tls_verify_certificates"},
    {&config::Main::tls_crl, &Sources::crl_file, "tls_crl"},
    {&config::Main::tls_ocsp_file, &Sources::ocsp_file, "tls_ocsp_file"},
    {&config::Main::tls_require_ciphers, &Sources::priority, "tls_require_ciphers"},
    {&config::Main::tls_alpn, &Sources::alpn, "tls_alpn"},
};

// What is not expanded.
void AddConstants(const config::Config& config, Sources* sources) {
  sources->on_stale = OnStaleOf(config.main);
  sources->purpose = auth::PurposeOfClients(config);
  sources->ticket_keys = config.main.tls_ticket_keys.text;
  const config::Authenticator* instance = auth::FindAfterTls(config);
  if (instance != nullptr && instance->server_ca_names.text != "none")
    sources->ca_names = instance->server_ca_names.text;
}

// Of sources of one configuration.
std::string KeyOf(const Sources& sources) {
  std::string key;
  for (const SourceOption& option : kSourceOptions) key += '\n' + sources.*option.member;
  return key;
}

// The sources where all options are constant, else nothing: such a policy is first made
// when a session needs it.
bool ConstantSources(const config::Main& main, Sources* sources) {
  for (const SourceOption& row : kSourceOptions) {
    const config::Expanded& option = main.*row.option;
    if (!option) continue;
    const std::string* text = option.program->constant();
    if (text == nullptr) return false;
    sources->*row.member = *text;
  }
  return true;
}

// Whether any of the options may come out differently by what the client's SNI says.
bool DependsOnServerName(const config::Main& main) {
  for (const SourceOption& row : kSourceOptions) {
    const config::Expanded& option = main.*row.option;
    if (!option || option.program->constant() != nullptr) continue;
    const std::string_view text = option.span.view();
    if (text.find("tls_in_sni") != text.npos || text.find("tls_sni") != text.npos) return true;
  }
  return false;
}

// The option that a complaint about `sources` is about: the one whose text it quotes first.
SourceSpan PlaceOfTrouble(const config::Config& config, const Sources& sources,
                          const std::string& complaint) {
  const config::Main& main = config.main;
  SourceSpan place = main.tls_certificate.span;
  std::size_t first = complaint.npos;
  for (const SourceOption& row : kSourceOptions) {
    const std::string& text = sources.*row.member;
    const std::size_t at = text.empty() ? complaint.npos : complaint.find('"' + text + '"');
    if (at >= first) continue;
    first = at;
    place = (main.*row.option).span;
  }
  const config::Authenticator* instance = auth::FindAfterTls(config);
  if (!sources.ca_names.empty() && complaint.starts_with('"' + sources.ca_names + '"'))
    place = instance->server_ca_names.span;
  const std::string& tickets = sources.ticket_keys;
  if (!tickets.empty() && complaint.find('"' + tickets + '"') < first)
    place = main.tls_ticket_keys.span;
  return place;
}

// Whoever may write the authorities says who may authenticate (rule C4).
void WarnOfWritable(const config::Main& main, const Sources& sources, Diagnostics* diagnostics) {
  struct stat info {};
  const std::string& path = sources.verify_file;
  if (path.empty() || ::stat(path.c_str(), &info) != 0) return;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
  diagnostics->push_back(
      {Severity::kWarning,
       main.tls_verify_certificates.span,
       "group or others may write \"" + path + "\", and so say whose certificates verify",
       {},
       {},
       code::kFileMode});
}

// Makes the policy that the options mean, so that a key that doesn't fit its certificate is
// a mistake of the configuration and not of the first client.
void LoadPolicy(Site& site, Diagnostics* diagnostics) {
  const config::Main& main = site.config->main;
  if (!main.tls_certificate) {
    diagnostics->push_back({Severity::kWarning,
                            {},
                            "tls_certificate is not set: no TLS, and so no identities",
                            "",
                            {},
                            code::kNoTls});
    return;
  }
  Sources sources;
  if (!ConstantSources(main, &sources)) return;
  AddConstants(*site.config, &sources);
  sources.without_keys = site.without_keys;
  auto policy = tls::LivePolicy::Make(sources);
  if (!policy) {
    std::vector<std::string> complaints = tls::ServerPolicy::Complaints(sources);
    if (complaints.empty()) complaints.push_back(policy.error());
    for (const std::string& complaint : complaints)
      diagnostics->push_back(
          {Severity::kError, PlaceOfTrouble(*site.config, sources, complaint), complaint, "", {}});
    return;
  }
  WarnOfWritable(main, sources, diagnostics);
  if (!sources.verify_file.empty() &&
      policy.value()->Current(false, [](auto, auto) {})->trust()->anchors() == 0)
    diagnostics->push_back(
        {Severity::kWarning,
         main.tls_verify_certificates.span,
         '"' + sources.verify_file + "\" holds no certificate: nobody's certificate verifies",
         "",
         {},
         code::kNoAuthority});
  for (const std::string& warning : policy.value()->warnings())
    diagnostics->push_back(
        {Severity::kWarning, main.tls_ocsp_file.span, warning, "", {}, code::kNoStaple});
  const crypto::TrustStorePtr trust = policy.value()->Current(false, [](auto, auto) {})->trust();
  auth::CheckIdentities(*site.config, *trust, diagnostics);
  CheckCertificates(*site.config, sources, *trust, std::time(nullptr), diagnostics);
  site.policies.emplace(KeyOf(sources), std::move(policy).value());
}

// What the options are in this session.
Result<Sources, std::string> SourcesFor(const config::Config& config, const facts::Session& session,
                                        expand::Services& services, expand::Budget& budget) {
  Sources sources;
  for (const SourceOption& row : kSourceOptions) {
    const config::Expanded& option = config.main.*row.option;
    if (!option) continue;
    auto outcome = expand::Evaluate(*option.program, session, services, budget);
    if (!outcome) return Err{std::string(row.name) + ": " + outcome.error().text};
    // Names of files, and strings that steer a library, are the administrator's, or what a
    // lookup has made of an outsider's words (rules E2, T9).
    if (outcome.value().origins() & ~kFromDirectory)
      return Err{std::string(row.name) + ": \"" + Printable(outcome.value().text) +
                 "\" is made of text from outside; look it up instead"};
    sources.*row.member = outcome.value().text;
  }
  AddConstants(config, &sources);
  if (sources.certificate_file.empty()) return Err{std::string("tls_certificate is empty")};
  return sources;
}

std::uint64_t NextGeneration() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

crypto::OnStale OnStaleOf(const config::Main& main) {
  const std::string& word = main.tls_crl_on_stale.text;
  if (word == "reject") return crypto::OnStale::kReject;
  return word == "accept" ? crypto::OnStale::kAccept : crypto::OnStale::kDefer;
}

Result<LivePolicyPtr, std::string> Site::LivePolicyFor(const tls::ServerPolicy::Sources& sources,
                                                       Log* log) const {
  const std::string key = KeyOf(sources);
  {
    std::lock_guard lock(policies_mutex);
    if (auto found = policies.find(key); found != policies.end()) return found->second;
  }
  // Reads files; without the lock, because it waits. Two sessions may do it at once.
  Result<LivePolicyPtr, std::string> policy = Err{std::string()};
  engine::Blocking([&] { policy = tls::LivePolicy::Make(sources); });
  if (!policy) return policy;
  for (const std::string& warning : policy.value()->warnings()) log->Panic("TLS: " + warning);
  std::lock_guard lock(policies_mutex);
  if (policies.size() >= kPoliciesMax) policies.erase(policies.begin());
  return policies.emplace(key, policy.value()).first->second;
}

Result<tls::ServerPolicyPtr, std::string> Site::PolicyFor(const facts::Session& session,
                                                          expand::Services& services,
                                                          Log* log) const {
  expand::Budget budget;
  auto sources = SourcesFor(*config, session, services, budget);
  if (!sources) return Err{sources.error()};
  sources.value().without_keys = without_keys;
  config::MatchContext context{*config, session, services, budget};
  const auto resumption =
      config->main.tls_resumption_hosts
          ? config::MatchList(config->main.tls_resumption_hosts, config::ListKind::kHost,
                              session.connection.client_ip, context)
          : Result<bool, Failure>(false);
  if (!resumption) return Err{"tls_resumption_hosts: " + resumption.error().text};
  const auto policy = LivePolicyFor(sources.value(), log);
  if (!policy) return Err{policy.error()};
  return policy.value()->Current(
      resumption.value(), [log](tls::LivePolicy::Event event, std::string_view text) {
        const std::string line = "TLS: " + std::string(text);
        event == tls::LivePolicy::Event::kTrouble ? log->Panic(line) : log->Main(line);
      });
}

LoadedSite LoadSite(const std::string& path, const std::vector<config::Macro>& macros,
                    const drivers::Registry& registry, LoadTls load_tls) {
  LoadedSite result;
  result.loaded = config::Load(path, macros, registry);
  Diagnostics& diagnostics = result.loaded.diagnostics;
  // What could be read of a broken file goes through the later stages too, so that their
  // mistakes are shown together with the others.
  const bool broken = result.loaded.config == nullptr;
  const auto& config = broken ? result.loaded.partial : result.loaded.config;
  if (config == nullptr) return result;
  auto site = std::make_shared<Site>();
  site->config = config;
  site->registry = &registry;
  site->generation = NextGeneration();
  site->by_server_name = DependsOnServerName(config->main);
  site->acl = acl::Compile(*config, *config->names, &diagnostics);
  acl::CheckSense(*config, *site->acl, &diagnostics);
  site->routes = relay::Compile(*config, *config->names, &diagnostics);
  site->without_keys = load_tls == LoadTls::kWithoutKeys;
  if (load_tls != LoadTls::kNo && !broken) {
    LoadPolicy(*site, &diagnostics);
    auth::CheckPins(*config, &diagnostics);
    config::CheckFiles(*config, &diagnostics);
  }
  config::Silence(&config->allowances, &diagnostics);
  if (!HasErrors(diagnostics)) config::ReportUnused(config->allowances, &diagnostics);
  SortBySource(&diagnostics);
  result.draft = site;
  if (!HasErrors(diagnostics)) result.site = std::move(site);
  return result;
}

}  // namespace signet::smtp
