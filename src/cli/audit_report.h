#ifndef SIGNET_SRC_CLI_AUDIT_REPORT_H_
#define SIGNET_SRC_CLI_AUDIT_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/crypto/certificate.h"

namespace signet::cli {

// A certificate as `signet audit` sees it.
struct Audited {
  enum State : std::uint8_t { kMapped, kUnmapped, kAmbiguous, kDeferred, kUnreadable };
  enum Flag : std::uint16_t {
    kShared = 1 << 0,    // another certificate has the same account
    kExpiring = 1 << 1,  // within the days that were asked about
    kExpired = 1 << 2,
    kNotYet = 1 << 3,      // not valid yet
    kServerOnly = 1 << 4,  // made for TLS servers, not for clients
    kWeakKey = 1 << 5,
    kWeakHash = 1 << 6,
    kCopy = 1 << 7,  // the same certificate as in an earlier file
  };
  std::string file;
  std::size_t number = 1;  // in its file
  State state = kUnreadable;
  std::uint16_t flags = 0;
  std::string identity, authenticator;
  std::string reason;                  // why it is not mapped
  std::vector<std::string> notes;      // about the flags: "expires in 3 days"
  crypto::CertificatePtr certificate;  // nullptr: unreadable
};
std::string_view NameOf(Audited::State state);                    // "mapped"
std::vector<std::string_view> NamesOfFlags(std::uint16_t flags);  // "expiring"

// Sets the flags that a certificate has by itself, with their notes.
void Examine(std::int64_t now, std::int64_t days, Audited* one);
// Sets kShared and kCopy, which are about several.
void Compare(std::vector<Audited>* all);
// Whether somebody should look at it.
bool NeedsAttention(const Audited& one);

struct AuditSummary {
  std::size_t files = 0, other_files = 0, authorities = 0;
  std::vector<std::string> left_out;
};
// For people (at most 80 columns), RFC 4180, and JSON.
std::string ShowAudit(const std::vector<Audited>& all, const AuditSummary& summary, bool colour);
std::string AuditCsv(const std::vector<Audited>& all, std::int64_t now);
std::string AuditJson(const std::vector<Audited>& all, const AuditSummary& summary,
                      std::int64_t now);

}  // namespace signet::cli
#endif
