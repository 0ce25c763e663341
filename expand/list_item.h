#ifndef SIGNET_EXPAND_LIST_ITEM_H_
#define SIGNET_EXPAND_LIST_ITEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "expand/list.h"
#include "expand/lookup_word.h"
#include "expand/network.h"
#include "expand/regex.h"
#include "expand/services.h"

namespace signet::expand {

// What a list is a list of.
enum class ListKind : std::uint8_t { kHost, kDomain, kLocalPart, kAddress, kString };

// "domainlist" and so on: how named lists of a kind are defined. "" for strings.
std::string_view NamedListKind(ListKind kind);
// Whether letters' case can count there ("+caseful").
bool HasCase(ListKind kind);

// How a list of hosts is used.
enum class HostUse : std::uint8_t {
  kClient,   // of the client, as options and ACLs do: what wants its name is refused
  kAddress,  // match_ip: a name is "unknown", and every lookup is one of the address
};

// What is wrong with an item. Doubtful: it has a meaning all the same, which is hardly the
// one that was meant.
struct ItemProblem {
  std::string message;
  std::string hint;
  bool doubtful = false;
};

// One item of a list, read. Views are into the text that it was read from.
//
//   Security  marks (`!`, `*`, `^`, `+`, `/`, `@`, `type;`) count only where the
//             administrator or a directory wrote them; what came from a client, a
//             certificate or an upstream is compared literally, whatever it contains
//             (rules I7, E2). Patterns, file names and queries take no unquoted text from
//             outside at all.
struct ListItem {
  enum class Kind : std::uint8_t {
    kWrong,       // see `problem`; cannot be matched
    kNever,       // outsiders' text that would mean more than it may
    kLiteral,     // equal to `text`
    kTail,        // ends with `text`
    kRegex,       // `text`, and compiled where it was known at load
    kSelf,        // "@": the primary host name
    kInterfaces,  // "@[]": an address of this host
    kLookup,      // `word` of `source`
    kNamed,       // +text
    kCaseful,     // +caseful
    kFile,        // its lines are items
    kNobody,      // empty: no remote host, the empty sender
    kAnybody,     // of hosts: "*"
    kNetwork,     // of hosts
    kUnknown,     // wants a host's name, or is nothing known
    kIncludeUnknown,
    kIgnoreUnknown,
    kNoMeaning,   // +include_defer and the like, without a meaning where there is no DNS
    kMailbox,     // `text` (or, with `tail`, what ends so) at `domain`
    kEverybody,   // of addresses: everybody at `domain`
    kLocalParts,  // "@@": the answer for the domain is a list of local parts
  };
  Kind kind = Kind::kNever;
  bool negated = false;
  bool tail = false;  // kMailbox: the local part began with "*"
  Text item;          // all of it, without "!"
  Text text;
  LookupWord word;
  const LookupType* type = nullptr;
  Text source;        // file or query
  int net_bits = -1;  // of netN-; -1: the whole address
  Network network;
  std::shared_ptr<const Regex> regex;
  std::unique_ptr<ListItem> domain;  // kMailbox, kEverybody: a list of one domain
  ItemProblem problem;
};

// Where an item stands, for what it may be.
enum class ItemPlace : std::uint8_t { kList, kFile, kDomainHalf };

struct ItemRules {
  ListKind kind = ListKind::kDomain;
  HostUse use = HostUse::kClient;
  ItemPlace place = ItemPlace::kList;
};

// Reads an item, "!" in front of it included. `names` may be nullptr: then there are no
// lookup types. Segments of the item's parts are made in `arena`.
ListItem ReadListItem(const Text& item, const ItemRules& rules, const Names* names,
                      std::pmr::memory_resource* arena);

// The compiled pattern of a kRegex item: compiled at load, or else now, and kept per thread
// for the next time. nullptr, with *wrong, where it does not compile.
enum class Letters : bool { kAnyCase, kExactCase };
std::shared_ptr<const Regex> RegexOf(const ListItem& item, Letters letters, std::string* wrong);

}  // namespace signet::expand
#endif
