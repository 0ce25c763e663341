#define PCRE2_CODE_UNIT_WIDTH 8
#include "expand/regex.h"

#include <pcre2.h>

#include <chrono>

#include "src/base/limits.h"

namespace signet::expand {
namespace {

constexpr std::size_t kJitStackFirstBytes = 32 * 1024;
constexpr std::size_t kJitStackMostBytes = 512 * 1024;

// What matching needs, once per thread. Borrowed only inside Match(), which does not wait.
struct Matcher {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(kJitStackFirstBytes, kJitStackMostBytes, nullptr);
  Matcher() {
    pcre2_set_match_limit(context, limits::kRegexMatchLimit);
    pcre2_set_depth_limit(context, limits::kRegexMatchLimit);
    pcre2_set_heap_limit(context, limits::kRegexHeapKib);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Matcher() {
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
};

pcre2_match_context* ThisThreadsContext() {
  thread_local Matcher matcher;
  return matcher.context;
}

struct MatchData {
  pcre2_match_data* data;
  ~MatchData() { pcre2_match_data_free(data); }
};

std::string TextOf(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR Octets(std::string_view text) {
  // An empty view may have no address; PCRE2 wants one.
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

}  // namespace

struct Regex::Rep {
  explicit Rep(pcre2_code* compiled) : code(compiled) {}
  Rep(const Rep&) = delete;
  Rep& operator=(const Rep&) = delete;
  pcre2_code* code;
  bool sliced = true;  // may be matched part by part
  ~Rep() { pcre2_code_free(code); }
};

Regex::Regex(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Regex::~Regex() = default;

Result<std::unique_ptr<const Regex>, std::string> Regex::Compile(std::string_view pattern, Jit jit,
                                                                 Letters letters) {
  if (pattern.size() > limits::kRegexPatternMaxBytes)
    return Err{std::string("pattern is longer than ") +
               std::to_string(limits::kRegexPatternMaxBytes) + " octets"};
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_parens_nest_limit(context, limits::kRegexNesting);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // \C could split nothing here (no UTF mode), but has no use either.
  const std::uint32_t caseless = letters == Letters::kAnyCase ? PCRE2_CASELESS : 0;
  pcre2_code* code = pcre2_compile(Octets(pattern), pattern.size(),
                                   PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT | caseless,
                                   &error, &offset, context);
  pcre2_compile_context_free(context);
  if (code == nullptr) return Err{TextOf(error) + " at offset " + std::to_string(offset)};
  // Where there is no JIT for this machine, the interpreter does the same.
  if (jit == Jit::kYes) (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  auto rep = std::make_unique<Rep>(code);
  // \G asks where matching began.
  rep->sliced = pattern.find("\\G") == std::string_view::npos;
  return std::unique_ptr<const Regex>(new Regex(std::move(rep)));
}

// PCRE2's limits count backtracking. A subject that is looked through from each of its
// octets on needs none, and takes the square of its length: so beginnings are tried part
// by part, with a look at the clock in between.
Regex::Outcome Regex::Match(std::string_view subject, std::size_t from, Mode mode,
                            std::vector<Group>* groups, std::string* why,
                            std::chrono::nanoseconds* time) const {
  constexpr std::size_t kOctetsBetweenLooks = 1'000'000;
  std::chrono::nanoseconds own = limits::kRegexTotal;
  std::chrono::nanoseconds& left = time != nullptr ? *time : own;
  auto before = std::chrono::steady_clock::now();
  for (;;) {
    if (left.count() <= 0) return *why = "time limit exceeded", Outcome::kLimit;
    const std::size_t rest = subject.size() - from;
    const std::size_t step = kOctetsBetweenLooks / (rest + 1);
    const bool all = mode == Mode::kAfterEmpty || !rep_->sliced || step >= rest;
    Outcome outcome =
        MatchWithin(subject, from, all ? PCRE2_UNSET : from + step, mode, groups, why);
    auto now = std::chrono::steady_clock::now();
    left -= now - before;
    before = now;
    if (outcome != Outcome::kNoMatch || all) return outcome;
    from += step + 1;
  }
}

Regex::Outcome Regex::MatchWithin(std::string_view subject, std::size_t from, std::size_t last,
                                  Mode mode, std::vector<Group>* groups, std::string* why) const {
  MatchData match{pcre2_match_data_create_from_pattern(rep_->code, nullptr)};
  std::uint32_t options = mode == Mode::kAfterEmpty ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
  pcre2_match_context* context = ThisThreadsContext();
  pcre2_set_offset_limit(context, last);
  int count =
      pcre2_match(rep_->code, Octets(subject), subject.size(), from, options, match.data, context);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::kNoMatch;
  if (count < 0) {
    *why = TextOf(count);
    return Outcome::kLimit;
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match.data);
  groups->assign(pcre2_get_ovector_count(match.data), Group{});
  for (std::size_t n = 0; n < static_cast<std::size_t>(count); ++n)
    // \K may put the beginning of a match behind its end; there is nothing in between then.
    if (offsets[2 * n] != PCRE2_UNSET && offsets[2 * n] <= offsets[2 * n + 1])
      (*groups)[n] = {offsets[2 * n], offsets[2 * n + 1]};
  return Outcome::kMatch;
}

}  // namespace signet::expand
