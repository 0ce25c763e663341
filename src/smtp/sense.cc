#include "src/smtp/sense.h"

#include <algorithm>
#include <iterator>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/crl.h"
#include "src/tls/files.h"

namespace signet::smtp {
namespace {

using crypto::Certificate;
using crypto::CertificatePtr;
using Sources = tls::ServerPolicy::Sources;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kSoon = 30 * kDay;  // time to get a certificate renewed
constexpr std::int64_t kListSoon = kDay;   // lists are made anew every day or week

// Names in roots that the whole world trusts. Several of them are somebody's bundle of all.
constexpr std::string_view kPublicRoots[] = {
    "AffirmTrust", "Amazon Root CA", "Baltimore",    "Buypass",   "COMODO",
    "Certum",      "DigiCert",       "Entrust Root", "GTS Root",  "GlobalSign",
    "Go Daddy",    "Hongkong Post",  "ISRG Root",    "IdenTrust", "QuoVadis",
    "SSL.com",     "SwissSign",      "T-TeleSec",    "USERTrust",
};
constexpr std::size_t kPublicRootsMany = 5;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

std::string Days(std::int64_t seconds) {
  const std::int64_t days = seconds / kDay;
  return std::to_string(days) + (days == 1 ? " day" : " days");
}

std::string NameOf(const Certificate& certificate) {
  const std::string& name = certificate.subject_text();
  return name.empty() ? "serial number " + certificate.serial_hex() : Quoted(name);
}

// Whether the certificate is for a host, as TLS clients compare names: alternative names only,
// "*" for one whole label at the front.
bool IsFor(const Certificate& certificate, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::size_t dot = host.find('.');
  for (const crypto::SanName& name : certificate.alternative_names()) {
    if (name.type != crypto::SanType::kDns || !name.valid) continue;
    const std::string_view pattern = name.value;
    if (EqualsIgnoreCase(pattern, host)) return true;
    if (pattern.starts_with("*.") && dot != host.npos &&
        EqualsIgnoreCase(pattern.substr(1), host.substr(dot)))
      return true;
  }
  return false;
}

class Sense {
 public:
  Sense(const config::Config& config, const Sources& sources, const crypto::TrustStore& trust,
        std::int64_t now, Diagnostics* diagnostics)
      : main_(config.main),
        config_(config),
        sources_(sources),
        trust_(trust),
        now_(now),
        diagnostics_(*diagnostics) {}

  void Run() {
    CheckOurs();
    CheckAuthorities();
    CheckLists();
    for (const config::Transport& transport : config_.transports) CheckTransport(transport);
  }

 private:
  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code) {
    diagnostics_.push_back(
        {Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
  }

  static std::vector<CertificatePtr> Read(const std::string& path) {
    const auto pem = tls::ReadTlsFile(path);
    if (!pem) return {};
    auto chain = Certificate::ChainFromPem(pem.value());
    return chain ? std::move(chain).value() : std::vector<CertificatePtr>();
  }

  // "" where it lasts; the code in `*code`.
  std::string WhyNotLong(const Certificate& one, std::string_view* code) const {
    *code = code::kExpired;
    if (now_ > one.not_after()) return "expired " + Days(now_ - one.not_after()) + " ago";
    if (now_ < one.not_before())
      return "is not valid before " + Days(one.not_before() - now_) + " from now";
    *code = code::kExpiresSoon;
    if (one.not_after() - now_ < kSoon) return "expires in " + Days(one.not_after() - now_);
    return "";
  }

  void CheckDates(SourceSpan span, const std::string& whose, const Certificate& one,
                  const std::string& hint) {
    std::string_view code;
    const std::string why = WhyNotLong(one, &code);
    if (!why.empty()) Warn(span, whose + " " + why, hint, code);
  }

  // Of each file the chain that clients are sent.
  void CheckOurs() {
    const SourceSpan span = main_.tls_certificate.span;
    bool named = false, any = false;
    for (const std::string& path : SplitAdministratorList(sources_.certificate_file)) {
      const auto chain = Read(path);
      for (std::size_t i = 0; i < chain.size(); ++i) {
        const std::string whose =
            i == 0 ? "our certificate in " + Quoted(path)
                   : "the certificate of " + NameOf(*chain[i]) + " in " + Quoted(path);
        CheckDates(span, whose, *chain[i], "renew it: clients that look refuse to go on");
      }
      if (chain.empty()) continue;
      any = true;
      named = named || IsFor(*chain.front(), main_.primary_hostname);
    }
    if (!any || named || main_.primary_hostname.empty()) return;
    Warn(span,
         "our certificate is not for " + Quoted(main_.primary_hostname) +
             ", as primary_hostname is: clients that look for this name refuse to go on",
         "put the name into its alternative names, or set primary_hostname", code::kOtherName);
  }

  void CheckAuthorities() {
    const SourceSpan span = main_.tls_verify_certificates.span;
    const auto& anchors = trust_.anchor_certificates();
    const auto is_public = [](const CertificatePtr& anchor) {
      const std::string& name = anchor->subject_text();
      return std::any_of(std::begin(kPublicRoots), std::end(kPublicRoots),
                         [&](std::string_view root) { return name.find(root) != name.npos; });
    };
    const auto count =
        static_cast<std::size_t>(std::count_if(anchors.begin(), anchors.end(), is_public));
    if (count >= kPublicRootsMany)
      return Warn(span,
                  std::to_string(anchors.size()) +
                      " authorities for clients, among them those of the public web: whoever has "
                      "a certificate from any of them verifies here",
                  "name the authority that your clients' certificates come from", code::kWideTrust);
    for (const CertificatePtr& anchor : anchors)
      CheckDates(span, "the authority " + NameOf(*anchor), *anchor,
                 "nobody that it vouches for verifies once it has expired");
  }

  void CheckLists() {
    if (sources_.crl_file.empty()) return;
    const auto files = tls::ReadEach(sources_.crl_file);
    if (!files) return;
    for (const auto& [path, text] : files.value()) {
      if (!text) continue;
      const auto index = crypto::CrlIndex::FromPem(text.value());
      if (!index) continue;
      for (const crypto::CrlIndex::Dates& dates : index.value()->dates()) CheckList(path, dates);
    }
  }

  void CheckList(const std::string& path, const crypto::CrlIndex::Dates& dates) {
    const std::string which =
        "the revocation list of " + Quoted(dates.issuer) + " in " + Quoted(path);
    const std::string hint = "fetch a new one: see tls_crl_on_stale for what becomes of clients";
    if (dates.next_update == 0)
      Warn(main_.tls_crl.span, which + " does not say until when it holds", hint, code::kExpired);
    else if (now_ > dates.next_update)
      Warn(main_.tls_crl.span, which + " expired " + Days(now_ - dates.next_update) + " ago", hint,
           code::kExpired);
    else if (dates.next_update - now_ < kListSoon)
      Warn(main_.tls_crl.span, which + " expires within a day", hint, code::kExpiresSoon);
  }

  void CheckTransport(const config::Transport& transport) {
    const config::Expanded& option = transport.tls_certificate;
    const std::string* path = option ? option.program->constant() : nullptr;
    if (path == nullptr || path->empty()) return;
    for (const CertificatePtr& one : Read(*path))
      CheckDates(option.span, "the certificate of " + NameOf(*one) + " in " + Quoted(*path), *one,
                 "renew it: upstreams that look refuse to go on");
  }

  const config::Main& main_;
  const config::Config& config_;
  const Sources& sources_;
  const crypto::TrustStore& trust_;
  const std::int64_t now_;
  Diagnostics& diagnostics_;
};

}  // namespace

void CheckCertificates(const config::Config& config, const Sources& sources,
                       const crypto::TrustStore& trust, std::int64_t now,
                       Diagnostics* diagnostics) {
  Sense(config, sources, trust, now, diagnostics).Run();
}

}  // namespace signet::smtp
