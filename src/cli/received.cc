#include "src/cli/received.h"

#include <unistd.h>

#include <algorithm>

#include "src/auth/authenticate.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/peer.h"
#include "src/cli/report.h"
#include "src/config/match.h"
#include "src/server/listener.h"
#include "src/smtp/services.h"

namespace signet::cli {
namespace {

using crypto::CertificatePtr;
using server::ListenAddress;

// Of no client: RFC 5737 keeps it for documents.
constexpr std::string_view kNobody = "192.0.2.1";

bool HasConfiguration(const Arguments& arguments) {
  return arguments.config_file != kDefaultConfigFile ||
         ::access(arguments.config_file.c_str(), F_OK) == 0;
}

std::string NameOf(facts::AuthResult result) {
  switch (result) {
    case facts::AuthResult::kAuthenticated:
      return "authenticated";
    case facts::AuthResult::kFailed:
      return "failed";
    case facts::AuthResult::kDeferred:
      return "deferred";
    case facts::AuthResult::kNotTried:
      break;
  }
  return "none";
}

}  // namespace

struct Receiver::Rep {
  Rep(const drivers::Registry& registry, smtp::LoadedSite loaded_site, std::int64_t at)
      : loaded(std::move(loaded_site)),
        config(*loaded.site->config),
        log(Log::Paths{}),
        worker(registry, loaded.site->config, &log),
        now(at) {}

  Received ByOne(const ListenAddress& listener, const std::vector<CertificatePtr>& chain);
  void Ask(const facts::Session& session, Received* out);
  void Identify(facts::Session* session, const std::vector<CertificatePtr>& chain, Received* out);
  void Say(Received* out, std::optional<bool> good, std::string text) const {
    out->lines.push_back({good, Printable(text)});
  }

  smtp::LoadedSite loaded;
  const config::Config& config;
  Log log;
  lookup::Worker worker;
  const std::int64_t now;
  std::vector<ListenAddress> listeners;
};

Receiver::Receiver(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Receiver::~Receiver() = default;

Result<std::unique_ptr<Receiver>, std::string> Receiver::Make(const Arguments& arguments,
                                                              const drivers::Registry& registry,
                                                              std::int64_t now) {
  if (!HasConfiguration(arguments)) return std::unique_ptr<Receiver>();
  smtp::LoadedSite loaded =
      smtp::LoadSite(arguments.config_file, arguments.macros, registry, smtp::LoadTls::kNo);
  if (!loaded.site) {
    PrintDiagnostics(loaded.loaded.diagnostics);
    return Err{Printable(arguments.config_file) + " is not usable"};
  }
  auto rep = std::make_unique<Rep>(registry, std::move(loaded), now);
  auto listeners = server::ListeningSet(rep->config.main, {});
  if (!listeners) return Err{listeners.error()};
  rep->listeners = std::move(listeners).value();
  return std::unique_ptr<Receiver>(new Receiver(std::move(rep)));
}

// Whether clients are asked for a certificate at all.
void Receiver::Rep::Ask(const facts::Session& session, Received* out) {
  smtp::SessionServices services(&worker);
  expand::Budget budget = services.TakeBudget();
  config::MatchContext context{config, session, services, budget};
  const auto is_in = [&](const config::Expanded& list) -> Result<bool, Failure> {
    if (!list) return false;
    return config::MatchList(list, config::ListKind::kHost, session.connection.client_ip, context);
  };
  const auto required = is_in(config.main.tls_verify_hosts);
  const auto wanted = is_in(config.main.tls_try_verify_hosts);
  out->facts["asked"] = "no";
  if (!required) return Say(out, false, "tls_verify_hosts: " + required.error().text);
  if (!wanted) return Say(out, false, "tls_try_verify_hosts: " + wanted.error().text);
  if (!required.value() && !wanted.value())
    return Say(out, false,
               "asks no client at " + std::string(kNobody) +
                   " for a certificate: see tls_try_verify_hosts");
  out->facts["asked"] = required.value() ? "required" : "yes";
  Say(out, true,
      required.value() ? "asks for a certificate, and serves nobody without a good one"
                       : "asks for a certificate");
}

void Receiver::Rep::Identify(facts::Session* session, const std::vector<CertificatePtr>& chain,
                             Received* out) {
  smtp::SessionServices services(&worker);
  const auto reason = PretendCertificate(chain, config, services, now, session);
  if (!reason) return Say(out, false, "cannot verify: " + reason.error());
  const facts::Tls& tls = session->tls;
  out->facts["verified"] = tls.verified ? "yes" : tls.verify_deferred ? "later" : "no";
  out->facts["verify_reason"] = reason.value();
  if (tls.verified)
    Say(out, true,
        "verifies" + std::string(tls.purpose_excused ? ", but only because of server_eku" : "") +
            "; trust anchor: " + tls.path.back()->subject_text());
  else
    Say(out, false, "does not verify: " + reason.value());
  const config::Authenticator* instance = auth::FindAfterTls(config);
  if (instance == nullptr)
    return Say(out, false, "no authenticator looks at certificates: nobody is identified by one");
  expand::Budget budget = services.TakeBudget();
  const facts::Auth auth = auth::AuthenticateAfterTls(config, *session, services, budget, nullptr);
  out->facts["authenticator"] = instance->name;
  out->facts["authentication"] = NameOf(auth.result);
  out->facts["identity"] = auth.id;
  out->facts["reason"] = auth.reason;
  const std::string who = "authenticator \"" + instance->name + "\": ";
  switch (auth.result) {
    case facts::AuthResult::kAuthenticated:
      return Say(out, true, who + auth.id);
    case facts::AuthResult::kFailed:
      return Say(out, false, who + "nobody: " + auth.reason);
    case facts::AuthResult::kDeferred:
      return Say(out, false, who + "not now: " + auth.reason);
    case facts::AuthResult::kNotTried:
      return Say(out, false, who + "does not look at a certificate that does not verify");
  }
}

Received Receiver::Rep::ByOne(const ListenAddress& listener,
                              const std::vector<CertificatePtr>& chain) {
  facts::Session session;
  session.primary_hostname = session.active_hostname = config.main.primary_hostname;
  session.at = now;
  session.connection.client_ip = kNobody;
  session.connection.local_ip = listener.ip;
  session.connection.local_port = listener.port;
  session.connection.tls_on_connect = listener.tls_on_connect;
  session.phase = facts::Phase::kHelo;
  session.tls.version = "TLS1.3";
  Received received;
  Ask(session, &received);
  if (received.facts["asked"] != "no") Identify(&session, chain, &received);
  received.facts["tls"] = listener.tls_on_connect ? "on connect" : "STARTTLS";
  return received;
}

std::vector<Received> Receiver::Take(const std::vector<CertificatePtr>& chain) {
  std::vector<Received> all;
  std::vector<std::string> names;
  for (const ListenAddress& listener : rep_->listeners) {
    Received one = rep_->ByOne(listener, chain);
    auto same = std::find_if(all.begin(), all.end(),
                             [&](const Received& other) { return other.facts == one.facts; });
    if (same == all.end()) {
      same = all.insert(all.end(), std::move(one));
      names.emplace_back();
    }
    std::string& listed = names[static_cast<std::size_t>(same - all.begin())];
    listed += (listed.empty() ? "" : " ") + listener.Text();
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].title = names[i] + (all[i].facts["tls"] == "STARTTLS" ? ", STARTTLS" : ", TLS at once") +
                   ", by " + Printable(rep_->config.file);
    all[i].facts["listener"] = names[i];
    all[i].facts["configuration"] = rep_->config.file;
  }
  return all;
}

}  // namespace signet::cli
