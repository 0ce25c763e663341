#ifndef SIGNET_SRC_REPORT_COUNTERS_H_
#define SIGNET_SRC_REPORT_COUNTERS_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/facts/session.h"

namespace signet::report {

// How handshakes with clients went, since the process began. Any thread counts, any thread
// reads; the numbers need not be of one moment.
struct TlsCounters {
  using Count = std::atomic<std::uint64_t>;
  Count tls12{0}, tls13{0}, other_version{0}, failed{0};
  // Of the client's certificate.
  Count none{0}, verified{0}, expired{0}, untrusted{0}, revoked{0}, undecided{0}, unfit{0};

  // A handshake that is over; `tls` is what it gave.
  void Add(const facts::Tls& tls);
};

struct CounterRow {
  std::string_view name;
  TlsCounters::Count TlsCounters::*count;
  bool of_certificates;
};
std::span<const CounterRow> CounterRows();

// "TLS with clients: TLS1.2=1 TLS1.3=20 failed=0; certificates: none=3 verified=17 …"
std::string Summary(const TlsCounters& counters);

}  // namespace signet::report
#endif
