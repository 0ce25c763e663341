#include "src/cli/received.h"

#include <algorithm>

#include "src/base/log.h"
#include "src/server/listener.h"

namespace signet::cli {
namespace {

using crypto::CertificatePtr;
using server::ListenAddress;
using Kind = facts::TraceStep::Kind;
using Outcome = facts::TraceStep::Outcome;

// One client's decision, step by step, as far as it is about its certificate.
class Reading {
 public:
  Reading(const report::Decision& decision, Received* out) : decision_(decision), out_(*out) {}

  void Run() {
    const auto* asked = Find(Kind::kNote, "client certificate");
    if (asked == nullptr) {
      out_.facts["asked"] = "no";
      return Say(false, "no TLS here, and so no certificate");
    }
    const bool is_asked = !asked->value.starts_with("not ");
    out_.facts["asked"] = is_asked ? "yes" : "no";
    Say(is_asked, "the client's certificate is " + asked->value);
    if (is_asked) Verified();
    Authenticated();
  }

 private:
  void Say(std::optional<bool> good, std::string_view text) {
    out_.lines.push_back({good, std::string(text)});
  }

  // The first step of a kind with that name; where `after` is given, among its parts.
  const facts::TraceStep* Find(Kind kind, std::string_view what,
                               const facts::TraceStep* after = nullptr) const {
    bool begun = after == nullptr;
    for (const facts::TraceStep& step : decision_.steps) {
      if (&step == after) {
        begun = true;
        continue;
      }
      if (begun && after != nullptr && step.depth <= after->depth) return nullptr;
      if (begun && step.kind == kind && (what.empty() || step.what == what)) return &step;
    }
    return nullptr;
  }

  void Verified() {
    const auto* verified = Find(Kind::kCheck, "verified");
    if (verified == nullptr) return;
    const bool good = verified->outcome == Outcome::kYes;
    out_.facts["verified"] = good ? "yes" : verified->outcome == Outcome::kLater ? "later" : "no";
    if (!good) out_.facts["verify_reason"] = verified->value;
    Say(good, good ? "verified" + (verified->value.empty() ? "" : ": " + verified->value)
                   : "not verified: " + verified->value);
    Failures(*verified);
    const auto* leaf = Find(Kind::kCertificate, "", verified);
    if (leaf == nullptr) return;
    Part("eku", Find(Kind::kCheck, "key purpose (EKU)", leaf));
    Part("revocation", Find(Kind::kCheck, "revocation", leaf));
  }

  // What of the path does not hold, beside what has lines of its own.
  void Failures(const facts::TraceStep& verified) {
    bool inside = false;
    std::size_t certificates = 0;
    std::string certificate;
    for (const facts::TraceStep& step : decision_.steps) {
      if (&step == &verified) {
        inside = true;
        continue;
      }
      if (!inside) continue;
      if (step.depth <= verified.depth) return;
      if (step.kind == Kind::kCertificate) {
        certificate = step.what;
        ++certificates;
      }
      const bool fails = step.kind == Kind::kCheck && step.outcome == Outcome::kNo;
      const bool is_told = step.what == "key purpose (EKU)" || step.what == "revocation";
      if (fails && !(is_told && certificates == 1))
        Say(false, (certificate.empty() ? "" : certificate + ": ") + step.what + ": " + step.value);
    }
  }

  void Part(const char* name, const facts::TraceStep* step) {
    if (step == nullptr) return;
    out_.facts[name] = step->value;
    std::optional<bool> good;
    if (step->outcome == Outcome::kYes) good = true;
    if (step->outcome == Outcome::kNo || step->outcome == Outcome::kLater) good = false;
    Say(good, step->what + ": " + step->value);
  }

  void Authenticated() {
    out_.facts["authentication"] = decision_.authentication;
    out_.facts["authenticator"] = decision_.authenticator;
    out_.facts["identity"] = decision_.identity;
    if (decision_.authentication == "authenticated")
      return Say(true, "authenticated as " + decision_.identity + " by \"" +
                           decision_.authenticator + '"');
    out_.facts["reason"] = decision_.reason;
    const bool later = decision_.authentication == "deferred";
    Say(false,
        (later ? "cannot be authenticated now: " : "not authenticated: ") + decision_.reason);
  }

  const report::Decision& decision_;
  Received& out_;
};

Received ByOne(OfflineSite* site, const ListenAddress& listener,
               const std::vector<CertificatePtr>& chain, std::optional<std::int64_t> at) {
  OfflineClient client;
  client.listener = listener.Text();
  client.at = at;
  for (const CertificatePtr& one : chain) client.chain.emplace_back(one->der());
  Received received;
  received.facts["tls"] = listener.tls_on_connect ? "on connect" : "STARTTLS";
  const auto played = site->Play(client);
  if (played)
    Reading(played.value().decision, &received).Run();
  else
    received.lines.push_back({false, played.error()});
  return received;
}

}  // namespace

std::vector<Received> ReceivedBy(OfflineSite* site, const std::vector<CertificatePtr>& chain,
                                 std::optional<std::int64_t> at) {
  const config::Config& config = *site->site().config;
  std::vector<Received> all;
  std::vector<std::string> names;
  const auto listeners = server::ListeningSet(config.main, {});
  if (!listeners) return all;
  for (const ListenAddress& listener : listeners.value()) {
    Received one = ByOne(site, listener, chain, at);
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
                   ", by " + Printable(config.file);
    all[i].facts["listener"] = names[i];
    all[i].facts["configuration"] = config.file;
  }
  return all;
}

}  // namespace signet::cli
