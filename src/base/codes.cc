#include "src/base/codes.h"

#include <algorithm>

namespace signet {
namespace {

constexpr std::string_view kCodes[] = {
    code::kAlwaysFails,   code::kBadNumber,   code::kBadRegex,     code::kCertificateAsText,
    code::kDeadBranch,    code::kExpired,     code::kExpiresSoon,  code::kFileMode,
    code::kHostName,      code::kMaybeNoId,   code::kNeverRuns,    code::kNeverSet,
    code::kNeverTrue,     code::kNoAuthority, code::kNoDirectory,  code::kNoEffect,
    code::kNoMeaning,     code::kNoStaple,    code::kNoTls,        code::kNoWayIn,
    code::kOddField,      code::kOpenRelay,   code::kOtherName,    code::kTooEarly,
    code::kUnknownCode,   code::kUnknownName, code::kUnquotedFile, code::kUnquotedPattern,
    code::kUnquotedQuery, code::kUnreachable, code::kUnusedAcl,    code::kUnusedAllow,
    code::kWeakSetting,   code::kWideTrust,   code::kWrongKind};
static_assert(std::ranges::is_sorted(kCodes));

}  // namespace

std::span<const std::string_view> AllCodes() { return kCodes; }

}  // namespace signet
