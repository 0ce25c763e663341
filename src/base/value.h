#ifndef SIGNET_SRC_BASE_VALUE_H_
#define SIGNET_SRC_BASE_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/source.h"

namespace signet {

// Where octets came from. A set, because joining texts joins their origins;
// the empty set means that every octet is the administrator's.
enum Origin : std::uint8_t {
  kFromAdministrator = 0,
  kFromClient = 1,       // typed by the client: EHLO, MAIL, SNI, addresses
  kFromCertificate = 2,  // read out of the peer's certificate
  kFromDirectory = 4,    // answered by a lookup
  kFromUpstream = 8,     // said by the upstream server
};
using Origins = std::uint8_t;

// Which quote operator produced a run of octets; a query wants the matching one
// around outsider text (rules L1, L2).
// kWord is ${quote:}, fit for a setting's value. kFileName is no quoting but what a directory
// search found: fit for a file name. Lookup drivers that bring a quoting of their own
// have values from kFirstOfDrivers on, one each.
enum class Quote : std::uint8_t {
  kNone,
  kLdapFilter,
  kLdapDn,
  kRegex,
  kWord,
  kFileName,
  kFirstOfDrivers = 16
};

// A run of a text's octets that share origin and quoting, up to `end`.
struct Segment {
  std::uint32_t end = 0;
  Origins origins = kFromAdministrator;
  Quote quote = Quote::kNone;
  // Where not NUL: this octet stands doubled in the run, because it is a list element's
  // form for display. Splitting by that separator undoes it.
  char doubled = '\0';
  // One element whatever it holds: no octet of the run is list structure (an identity).
  bool atom = false;
  bool operator==(const Segment&) const = default;
};

// Value is text that outlives one evaluation: $auth1, $acl_m_x, a lookup's answer.
// NUL is an octet like any other.
//
// A list that was built from a certificate is a list by construction: `elements`
// holds its members exactly as they are, and `text` is only the form for display
// (separators doubled inside elements). Whoever needs members reads `elements`
// (rule I7).
struct Value {
  std::string text;
  std::vector<Segment> segments;  // empty: all of it the administrator's
  bool is_list = false;
  std::vector<std::string> elements;  // meaningful where is_list
  Origins element_origins = kFromAdministrator;
  char separator = ':';

  Value() = default;
  explicit Value(std::string t, Origins origins = kFromAdministrator) : text(std::move(t)) {
    if (origins != kFromAdministrator && !text.empty())
      segments.push_back({static_cast<std::uint32_t>(text.size()), origins, Quote::kNone});
  }
  Origins origins() const {
    Origins all = is_list ? element_origins : Origins{kFromAdministrator};
    for (const Segment& s : segments) all |= s.origins;
    return all;
  }
};

// How something failed while running. kForced: the configuration asked for failure.
// kTemporary: try again later. kPermanent: it never will work.
enum class FailureKind : std::uint8_t { kForced, kTemporary, kPermanent };

// `text` is for the log, never for a client. `span` is the node that failed, where
// there is one.
struct Failure {
  FailureKind kind = FailureKind::kTemporary;
  SourceSpan span;
  std::string text;
  // Set where the temporary failure came from a lookup: Exim's "deferred" flag.
  bool lookup_deferred = false;
};

}  // namespace signet
#endif
