#ifndef SIGNET_EXPAND_MATCH_H_
#define SIGNET_EXPAND_MATCH_H_

#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expand/expand.h"
#include "expand/list_item.h"

// Matching against lists of patterns: one matcher for options, ACL conditions, match_…
// and the patterns in files of lookups.
//
// The items are tried from left to right. The first one that matches decides, `!` negates
// it. Where none does, the answer is "no", or "yes" where the last item was negated.
//
//   kHost       address, network/length, `*`, `@[]`, empty (no remote host), `+name`,
//               `net-TYPE;file`, `netN-TYPE;file`, `/file`
//   kDomain     name, `*tail`, `^regex`, `@`, `@[]`, `TYPE;file`, `+name`, `/file`
//   kLocalPart  text, `*tail`, `^regex`, `TYPE;file`, `+name`, `+caseful`, `/file`
//   kAddress    `local@domain` with patterns on both sides, `domain`, `^regex`,
//               `TYPE;file`, `@@TYPE;file`, empty (the empty sender), `+name`,
//               `+caseful`, `/file`
//   kString     text, `*tail`, `^regex`, `TYPE;file`; never a reference
namespace signet::expand {

// A list that needs no expansion, read and compiled once. Immutable; it has its own copy of
// the text, but needs the lookup types of the Names that it was made with.
class Patterns {
 public:
  std::string_view text() const { return text_; }
  std::span<const ListItem> items() const { return items_; }
  const ItemRules& rules() const { return rules_; }

 private:
  friend std::unique_ptr<const Patterns> CompilePatterns(std::string_view, SourceSpan,
                                                         const ItemRules&, const Names&,
                                                         Diagnostics*);
  explicit Patterns(std::string_view text, const ItemRules& rules) : text_(text), rules_(rules) {}

  std::string text_;
  ItemRules rules_;
  std::pmr::monotonic_buffer_resource arena_;
  std::vector<ListItem> items_;
};

// Compiles a list while the configuration loads: regular expressions, addresses and masks
// that do not parse, +names and lookup types that do not exist. `where` is where the text
// stands, for the places of mistakes; escapes may have been resolved since.
//
//   Returns  nullptr where there is an error.
std::unique_ptr<const Patterns> CompilePatterns(std::string_view text, SourceSpan where,
                                                const ItemRules& rules, const Names& names,
                                                Diagnostics* diagnostics);

// `unknown named domain list "+NAME"`, as Exim says it.
std::string UnknownNamedList(ListKind kind, std::string_view name);

// What matching may use, and what it is counted against.
struct MatchWorld {
  const facts::Session& session;
  Services& services;
  Budget& budget;
  const Names* names;  // for +names; nullptr: there are none
  std::pmr::memory_resource* arena;
};

// Matches the keys of a file that are patterns (wildlsearch) with the key that is looked up.
class KeyMatcher final : public KeyPatterns {
 public:
  KeyMatcher(std::string_view key, const MatchWorld& world) : key_(key), world_(world) {}
  LookupAnswer Match(std::string_view pattern, bool expand) override;

 private:
  std::string_view key_;
  const MatchWorld& world_;
};

struct ListMatch {
  enum Kind : std::uint8_t { kIn, kOut, kDeferred } kind = kOut;
  // What the item that decided says: $value, and $0, $1, …. None where no item did.
  std::optional<Text> value;
  std::span<const Text> captures;
  // kDeferred: the reason, and whether a lookup gave it.
  std::string why;
  bool lookup_deferred = false;
  SourceSpan where;
};

// Matches `subject`: an IP address, a domain, a local part, local@domain, any string.
ListMatch Match(const Patterns& list, const Text& subject, const MatchWorld& world);
// The same for a list that is expanded first; a forced failure of that is "not in the list".
ListMatch Match(const Program& list, const ItemRules& rules, const Text& subject,
                const MatchWorld& world);

}  // namespace signet::expand
#endif
