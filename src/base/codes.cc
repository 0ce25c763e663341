#include "src/base/codes.h"

#include <algorithm>

namespace signet {
namespace {

constexpr std::string_view kCodes[] = {
    code::kAlwaysFails,     code::kBadNumber,     code::kBadRegex,    code::kCertificateAsText,
    code::kDeadBranch,      code::kFileMode,      code::kHostName,    code::kMaybeNoId,
    code::kNeverRuns,       code::kNeverSet,      code::kNoAuthority, code::kNoEffect,
    code::kNoMeaning,       code::kNoStaple,      code::kNoTls,       code::kOddField,
    code::kTooEarly,        code::kUnknownCode,   code::kUnknownName, code::kUnquotedFile,
    code::kUnquotedPattern, code::kUnquotedQuery, code::kUnusedAllow, code::kWeakSetting,
    code::kWrongKind};
static_assert(std::ranges::is_sorted(kCodes));

}  // namespace

std::span<const std::string_view> AllCodes() { return kCodes; }

}  // namespace signet
