#include "src/report/counters.h"

namespace signet::report {
namespace {

constexpr CounterRow kRows[] = {
    {"TLS1.2", &TlsCounters::tls12, false},
    {"TLS1.3", &TlsCounters::tls13, false},
    {"other", &TlsCounters::other_version, false},
    {"failed", &TlsCounters::failed, false},
    {"none", &TlsCounters::none, true},
    {"verified", &TlsCounters::verified, true},
    {"expired", &TlsCounters::expired, true},
    {"untrusted", &TlsCounters::untrusted, true},
    {"revoked", &TlsCounters::revoked, true},
    {"undecided", &TlsCounters::undecided, true},
    {"unfit", &TlsCounters::unfit, true},
};

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

TlsCounters::Count TlsCounters::*OfCertificate(const facts::Tls& tls) {
  if (!tls.peer) return &TlsCounters::none;
  if (tls.verified) return &TlsCounters::verified;
  if (tls.revoked) return &TlsCounters::revoked;
  if (tls.verify_deferred) return &TlsCounters::undecided;
  if (Contains(tls.verify_reason, "expired")) return &TlsCounters::expired;
  const bool untrusted = Contains(tls.verify_reason, "unknown CA") ||
                         Contains(tls.verify_reason, "issuer") ||
                         Contains(tls.verify_reason, "signature");
  return untrusted ? &TlsCounters::untrusted : &TlsCounters::unfit;
}

void Increment(TlsCounters::Count& count) { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

void TlsCounters::Add(const facts::Tls& tls) {
  Increment(tls.version == "TLS1.3" ? tls13 : tls.version == "TLS1.2" ? tls12 : other_version);
  Increment(this->*OfCertificate(tls));
}

std::span<const CounterRow> CounterRows() { return kRows; }

std::string Summary(const TlsCounters& counters) {
  std::string handshakes, certificates;
  for (const CounterRow& row : kRows)
    (row.of_certificates ? certificates : handshakes) +=
        ' ' + std::string(row.name) + '=' +
        std::to_string((counters.*row.count).load(std::memory_order_relaxed));
  return "TLS with clients:" + handshakes + "; certificates:" + certificates;
}

}  // namespace signet::report
