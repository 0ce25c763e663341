#ifndef SIGNET_EXPAND_LOOKUP_WORD_H_
#define SIGNET_EXPAND_LOOKUP_WORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "expand/services.h"

// The word that names a lookup, and the keys that it makes of one key. For ${lookup…} and
// for lookups inside lists.
namespace signet::expand {

// [partial[N](-|(AFFIX))]NAME[*|*@]{,OPTION}
struct LookupWord {
  enum Default : std::uint8_t { kNone, kStar, kStarAt };

  std::string_view whole;
  std::string_view plain;    // without `partial…`: what messages call it
  std::string_view name;     // of the type
  std::string_view options;  // behind the first comma
  std::string_view affix;    // of partial matching
  std::size_t least = 0;     // components that partial matching leaves
  bool partial = false;
  Default otherwise = kNone;
};

// Reads a word into *read, whose views are into `word`. Returns what is wrong, or "".
std::string ReadLookupWord(std::string_view word, LookupWord* read);

// The type that a word names, or nullptr with *wrong (and *hint, a suggestion): no such
// type, or one that has no keys to vary.
const LookupType* FindLookupType(const Names& names, const LookupWord& word, std::string* wrong,
                                 std::string* hint);

// The keys to look up for one key, in order, up to the first that is found:
//
//   LookupKeys keys(word, key);
//   while (keys.Next()) { ask for keys.key(); where it is found, use keys.parts() }
//
// How many there are is for the caller to limit: one for each component of the key, and
// up to four more.
class LookupKeys {
 public:
  // Views into the key; $1 and $2 of an answer. Absent where the word names a plain type:
  // then $1 and $2 stay as they are.
  struct Parts {
    bool present = false;
    std::size_t wild_end = 0;     // $1 is the key up to there
    std::size_t fixed_begin = 0;  // $2 is the key from there on
  };

  // Requires: `word` and `key` outlive this.
  LookupKeys(const LookupWord& word, std::string_view key) : word_(word), key_(key) {}
  bool Next();
  std::string_view key() const { return tried_; }
  const Parts& parts() const { return parts_; }

 private:
  enum class Step : std::uint8_t { kExact, kWhole, kComponents, kStarAt, kStar, kEnd };
  bool Partial();
  bool Components();
  bool StarAt();
  void Set(std::string_view prefix, std::size_t fixed_begin);

  const LookupWord& word_;
  std::string_view key_;
  Step step_ = Step::kExact;
  std::size_t at_ = 0;          // where the components that are left begin
  std::size_t components_ = 0;  // how many are left
  std::string made_;
  std::string_view tried_;
  Parts parts_;
};

}  // namespace signet::expand
#endif
