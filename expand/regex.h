#ifndef SIGNET_EXPAND_REGEX_H_
#define SIGNET_EXPAND_REGEX_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace signet::expand {

// Regex is one compiled PCRE2 pattern, with limits on matching set (rule E5). Octets, no
// default options, as in Exim.
//
//   Threads  may be used from any thread at once; never waits.
class Regex {
 public:
  // kYes: compile to machine code, which pays for patterns that are known at load.
  enum class Jit : bool { kNo, kYes };
  // Whether letters match both cases, unless the pattern says (?-i).
  enum class Letters : bool { kExactCase, kAnyCase };
  // Errors  what Exim's administrators know: "TEXT at offset N"; patterns that are longer
  //         than limits::kRegexPatternMaxBytes or nest deeper than limits::kRegexNesting.
  static Result<std::unique_ptr<const Regex>, std::string> Compile(
      std::string_view pattern, Jit jit, Letters letters = Letters::kExactCase);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // A group's octets in the subject, as offsets; begin == kUnset where it took no part.
  static constexpr std::size_t kUnset = ~std::size_t{0};
  struct Group {
    std::size_t begin = kUnset;
    std::size_t end = kUnset;
  };
  enum class Outcome : std::uint8_t { kMatch, kNoMatch, kLimit };
  // kAfterEmpty: the match must begin at `from` and must not be empty (Perl's /g).
  enum class Mode : std::uint8_t { kAnywhere, kAfterEmpty };
  // Looks in `subject` from `from` on. *groups is filled where it matches: the whole match
  // first. *why says which limit was hit. What it takes goes off *time, and where that is
  // spent is a limit as well; nullptr: limits::kRegexTotal for this one.
  Outcome Match(std::string_view subject, std::size_t from, Mode mode, std::vector<Group>* groups,
                std::string* why, std::chrono::nanoseconds* time = nullptr) const;

 private:
  // Looks for a match that begins between `from` and `last`.
  Outcome MatchWithin(std::string_view subject, std::size_t from, std::size_t last, Mode mode,
                      std::vector<Group>* groups, std::string* why) const;

  struct Rep;
  explicit Regex(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace signet::expand
#endif
