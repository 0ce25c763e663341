#ifndef SIGNET_SRC_BASE_CODES_H_
#define SIGNET_SRC_BASE_CODES_H_

#include <span>
#include <string_view>

// The codes of diagnostics: short names that stay the same when a message's words change.
// A warning is shown with its code behind it, "[dead-branch]", and a comment in the
// configuration silences it by that name ("# signet: allow dead-branch").
namespace signet {

namespace code {
inline constexpr std::string_view kAlwaysFails = "always-fails";
inline constexpr std::string_view kBadNumber = "bad-number";
inline constexpr std::string_view kBadRegex = "bad-regex";
inline constexpr std::string_view kCertificateAsText = "certificate-as-text";
inline constexpr std::string_view kDeadBranch = "dead-branch";
inline constexpr std::string_view kExpired = "expired";
inline constexpr std::string_view kExpiresSoon = "expires-soon";
inline constexpr std::string_view kFileMode = "file-mode";
inline constexpr std::string_view kHostName = "host-name";
inline constexpr std::string_view kMaybeNoId = "maybe-no-id";
inline constexpr std::string_view kNeverRuns = "never-runs";
inline constexpr std::string_view kNeverSet = "never-set";
inline constexpr std::string_view kNeverTrue = "never-true";
inline constexpr std::string_view kNoAuthority = "no-authority";
inline constexpr std::string_view kNoDirectory = "no-directory";
inline constexpr std::string_view kNoEffect = "no-effect";
inline constexpr std::string_view kNoMeaning = "no-meaning";
inline constexpr std::string_view kNoStaple = "no-staple";
inline constexpr std::string_view kNoTls = "no-tls";
inline constexpr std::string_view kNoWayIn = "no-way-in";
inline constexpr std::string_view kOddField = "odd-field";
inline constexpr std::string_view kOpenRelay = "open-relay";
inline constexpr std::string_view kOtherName = "other-name";
inline constexpr std::string_view kTooEarly = "too-early";
inline constexpr std::string_view kUnknownCode = "unknown-code";
inline constexpr std::string_view kUnknownName = "unknown-name";
inline constexpr std::string_view kUnquotedFile = "unquoted-file";
inline constexpr std::string_view kUnquotedPattern = "unquoted-pattern";
inline constexpr std::string_view kUnquotedQuery = "unquoted-query";
inline constexpr std::string_view kUnreachable = "unreachable";
inline constexpr std::string_view kUnusedAcl = "unused-acl";
inline constexpr std::string_view kUnusedAllow = "unused-allow";
inline constexpr std::string_view kWeakSetting = "weak-setting";
inline constexpr std::string_view kWideTrust = "wide-trust";
inline constexpr std::string_view kWrongKind = "wrong-kind";
}  // namespace code

// All of them, sorted. doc/configuration.md explains each.
std::span<const std::string_view> AllCodes();

}  // namespace signet
#endif
