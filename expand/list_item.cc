#include "expand/list_item.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "expand/message.h"
#include "expand/query.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

using Kind = ListItem::Kind;
using Arena = std::pmr::memory_resource;

constexpr std::size_t kCachedPatterns = 1000;  // per thread

// Joined origins of the octets in [from, to). An atom is data, whoever wrote it.
Origins OriginsOf(const Text& text, std::size_t from, std::size_t to) {
  Origins all = kFromAdministrator;
  std::size_t start = 0;
  for (const Segment& segment : text.segments) {
    if (start >= to) break;
    if (segment.end > from) all |= segment.atom ? segment.origins | kFromClient : segment.origins;
    start = segment.end;
  }
  return all;
}

// Reads one item. Marks count only where somebody wrote them who may give them a meaning.
class Reader {
 public:
  Reader(const ItemRules& rules, const Names* names, Arena* arena)
      : rules_(rules), names_(names), arena_(arena) {}

  ListItem Read(const Text& text) {
    item_.item = text;
    if (Marked("!")) {
      item_.negated = true;
      std::size_t begin = 1;
      while (begin < text.text.size() && IsSpace(text.text[begin])) ++begin;
      item_.item = From(begin);
    }
    item_.text = item_.item;
    Classify();
    return std::move(item_);
  }

 private:
  std::string_view view() const { return item_.item.text; }
  Text From(std::size_t begin) const { return Part(begin, view().size()); }
  Text Part(std::size_t begin, std::size_t end) const {
    return PartOf(item_.item, begin, end, arena_);
  }

  // Whether the item begins with `mark`, by somebody who may give it a meaning.
  bool Marked(std::string_view mark) const {
    return view().starts_with(mark) &&
           (OriginsOf(item_.item, 0, mark.size()) & kNeverStructure) == 0;
  }
  bool Is(std::string_view word) const { return view() == word && Marked(word); }
  bool ByOutsider() const { return (item_.item.origins() & kOutsiders) != 0; }
  // Whether a type stands before a semicolon.
  bool NamesLookup(std::size_t* semicolon) const {
    *semicolon = view().find(';');
    return *semicolon != std::string_view::npos &&
           (OriginsOf(item_.item, 0, *semicolon + 1) & kNeverStructure) == 0;
  }

  void Set(Kind kind, std::size_t from) {
    item_.kind = kind;
    item_.text = From(from);
  }
  void Wrong(std::string message, std::string hint = "") {
    item_.kind = Kind::kWrong;
    item_.problem = {std::move(message), std::move(hint), false};
  }

  void Classify();
  void Host();
  void HostName();
  void Address();
  void Halves(std::size_t at);
  void Name();
  void Pattern();
  void File();
  void Lookup(std::size_t skip);
  bool MayUseSource();

  ItemRules rules_;
  const Names* names_;
  Arena* arena_;
  ListItem item_;
};

void Reader::Classify() {
  if (Marked("/") && rules_.place != ItemPlace::kFile) return File();
  switch (rules_.kind) {
    case ListKind::kHost:
      return Host();
    case ListKind::kAddress:
      return Address();
    default:
      return Name();
  }
}

// A domain, a local part or a plain string: the tests are in the order of Exim's manual,
// because one text may look like several kinds.
void Reader::Name() {
  const bool in_list = rules_.place != ItemPlace::kFile && rules_.kind != ListKind::kString;
  if (in_list && rules_.kind == ListKind::kLocalPart && Is("+caseful"))
    return Set(Kind::kCaseful, 0);
  if (in_list && Marked("+")) return Set(Kind::kNamed, 1);
  if (Marked("^")) return Pattern();
  if (Marked("*")) return Set(Kind::kTail, 1);
  if (rules_.kind == ListKind::kDomain) {
    if (Is("@")) return Set(Kind::kSelf, 0);
    if (Is("@[]")) return Set(Kind::kInterfaces, 0);
    if (Marked("@mx_"))
      return Wrong("list item " + InQuotes(view()) + " needs DNS, which is not supported");
  }
  std::size_t semicolon;
  if (NamesLookup(&semicolon)) return Lookup(0);
  Set(Kind::kLiteral, 0);
}

// --- hosts -----------------------------------------------------------------------------

// "net-" or "net24-" in front of a lookup type: its size, and the bits to keep.
struct NetPrefix {
  std::size_t size = 0;
  int bits = -1;
};
std::optional<NetPrefix> ReadNetPrefix(std::string_view item) {
  if (!item.starts_with("net")) return std::nullopt;
  const std::size_t dash = item.find('-');
  if (dash == item.npos) return std::nullopt;
  const std::string_view digits = item.substr(3, dash - 3);
  NetPrefix prefix{dash + 1, -1};
  if (digits.empty()) return prefix;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return prefix.bits >= 0 && prefix.bits <= 128 ? std::optional(prefix) : std::nullopt;
}

bool LooksLikeAddress(std::string_view item) {
  const std::string_view host = item.substr(0, item.find('/'));
  return item.find_first_not_of("0123456789./") == item.npos || ParseHostAddress(host) ||
         (host.find(':') != host.npos &&
          host.find_first_not_of("0123456789abcdefABCDEF:.") == host.npos);
}

void Reader::Host() {
  if (view().empty()) return Set(Kind::kNobody, 0);
  if (Is("*")) return Set(Kind::kAnybody, 0);
  if (Marked("+") && rules_.place != ItemPlace::kFile) {
    if (view() == "+include_unknown") return Set(Kind::kIncludeUnknown, 0);
    if (view() == "+ignore_unknown") return Set(Kind::kIgnoreUnknown, 0);
    if (view() == "+include_defer" || view() == "+ignore_defer") return Set(Kind::kNoMeaning, 0);
    return Set(Kind::kNamed, 1);
  }
  if (Is("@[]")) return Set(Kind::kInterfaces, 0);
  const bool by_stranger = (OriginsOf(item_.item, 0, view().size()) & kNeverStructure) != 0;
  if (auto network = ParseNetwork(view())) {
    item_.network = *network;
    return Set(
        by_stranger && view().find('/') != std::string_view::npos ? Kind::kNever : Kind::kNetwork,
        0);
  }
  if (by_stranger) return Set(Kind::kNever, 0);

  std::size_t semicolon;
  if (NamesLookup(&semicolon)) {
    const auto prefix = ReadNetPrefix(view());
    if (prefix) item_.net_bits = prefix->bits;
    if (prefix || rules_.use == HostUse::kAddress) return Lookup(prefix ? prefix->size : 0);
  }
  HostName();
}

void Reader::HostName() {
  Set(Kind::kUnknown, 0);
  const bool doubtful = rules_.use == HostUse::kAddress;
  if (LooksLikeAddress(view())) {
    // Exim takes a mask that is too long for the address itself.
    const std::size_t slash = view().find('/');
    const bool digits = view().find_first_not_of("0123456789", slash + 1) == view().npos;
    const auto address = ParseNetwork(view().substr(0, slash));
    if (doubtful && digits && address) {
      item_.network = *address;
      item_.kind = Kind::kNetwork;
    }
    item_.problem = {"malformed IPv" + std::string(view().find(':') == view().npos ? "4" : "6") +
                         " address or address mask: " + std::string(view()),
                     "", doubtful};
  } else if (doubtful) {
    item_.problem = {"cannot match host name in match_ip list",
                     "the list matches nothing from " + InQuotes(view()) + " on", true};
  } else {
    item_.problem = {"host list item " + InQuotes(view()) +
                         " needs the client's host name, which is not supported",
                     "write addresses, networks or a net-lsearch lookup", false};
  }
}

// --- addresses ---------------------------------------------------------------------------

// The text before a semicolon without its options and "*" or "*@", where it can be a type.
std::string_view BareType(std::string_view item, std::size_t semicolon) {
  std::string_view type = item.substr(0, semicolon);
  type = type.substr(0, type.find(','));
  if (type.ends_with("*@")) type.remove_suffix(2);
  return type;
}

void Reader::Address() {
  if (Marked("^")) return Pattern();
  if (rules_.place == ItemPlace::kList) {
    if (Is("+caseful")) return Set(Kind::kCaseful, 0);
    if (Marked("+")) return Set(Kind::kNamed, 1);
  }
  if (view().empty()) return Set(Kind::kNobody, 0);
  if (Marked("@@")) {
    std::size_t semicolon;
    if (!NamesLookup(&semicolon)) return Wrong("unknown lookup type " + InQuotes(view().substr(2)));
    Lookup(2);
    if (item_.kind == Kind::kLookup) item_.kind = Kind::kLocalParts;
    return;
  }
  std::size_t semicolon;
  const bool names_lookup = NamesLookup(&semicolon);
  const std::string_view left = names_lookup ? BareType(view(), semicolon) : view();
  if (names_lookup && left.find('@') == left.npos) return Lookup(0);
  std::size_t at = left.rfind('@');
  if (at != left.npos && at > 0 && left.size() == view().size() && left.ends_with("@@")) --at;
  Halves(at);
}

// The local part up to `at`, the domain behind it. Without one: everybody in a domain.
void Reader::Halves(std::size_t at) {
  if (at == std::string_view::npos && (OriginsOf(item_.item, 0, 1) & kNeverStructure) != 0) {
    // "example.org" from a certificate is not "everybody at example.org".
    return Set(Kind::kNever, 0);
  }
  const bool everybody = at == std::string_view::npos;
  if (!everybody && at + 1 == view().size()) return Set(Kind::kNever, 0);
  ItemRules rules = rules_;
  rules.kind = ListKind::kDomain;
  rules.place = ItemPlace::kDomainHalf;
  item_.domain =
      std::make_unique<ListItem>(Reader(rules, names_, arena_).Read(From(everybody ? 0 : at + 1)));
  if (item_.domain->kind == Kind::kWrong) {
    item_.problem = item_.domain->problem;
    item_.kind = Kind::kWrong;
    return;
  }
  item_.kind = everybody ? Kind::kEverybody : Kind::kMailbox;
  if (everybody) return;
  item_.tail = Marked("*") && at > 0;
  item_.text = Part(item_.tail ? 1 : 0, at);
}

// --- patterns, files, lookups ---------------------------------------------------------------

void Reader::Pattern() {
  if (ByOutsider())
    return Wrong("text from " + std::string(NameOfOrigin(item_.item.origins())) +
                 " in the regular expression " + InQuotes(view()));
  Set(Kind::kRegex, 0);
}

void Reader::File() {
  if (ByOutsider())
    return Wrong("text from " + std::string(NameOfOrigin(item_.item.origins())) +
                 " in the file name " + InQuotes(view()));
  Set(Kind::kFile, 0);
}

void Reader::Lookup(std::size_t skip) {
  const std::size_t semicolon = view().find(';');
  std::string hint, wrong = ReadLookupWord(view().substr(skip, semicolon - skip), &item_.word);
  if (wrong.empty() && rules_.kind == ListKind::kHost &&
      (item_.word.partial || item_.word.otherwise != LookupWord::kNone))
    wrong = "unknown lookup type " + InQuotes(item_.word.whole);
  if (wrong.empty() && names_ != nullptr)
    item_.type = FindLookupType(*names_, item_.word, &wrong, &hint);
  else if (wrong.empty())
    wrong = "unknown lookup type " + InQuotes(item_.word.name);
  if (!wrong.empty()) return Wrong(std::move(wrong), std::move(hint));
  std::size_t begin = semicolon + 1;
  while (begin < view().size() && IsSpace(view()[begin])) ++begin;
  item_.source = From(begin);
  if (MayUseSource()) Set(Kind::kLookup, 0);
}

// The file of a single-key lookup is the administrator's; a query's outside text is quoted.
bool Reader::MayUseSource() {
  if (!item_.type->single_key) {
    std::string unquoted = FindUnquoted(item_.source, *item_.type);
    if (unquoted.empty()) return true;
    Wrong(std::move(unquoted));
    return false;
  }
  const Origins from = item_.source.origins() & kOutsiders;
  const bool relative = item_.type->absolute_file && !item_.source.text.starts_with('/');
  if (from != 0)
    Wrong("text from " + std::string(NameOfOrigin(from)) + " in the file name of list item " +
          InQuotes(view()));
  else if (relative)
    Wrong("absolute file name expected for " + InQuotes(item_.word.name) + " lookup");
  return from == 0 && !relative;
}

}  // namespace

std::string_view NamedListKind(ListKind kind) {
  switch (kind) {
    case ListKind::kHost:
      return "hostlist";
    case ListKind::kDomain:
      return "domainlist";
    case ListKind::kLocalPart:
      return "localpartlist";
    case ListKind::kAddress:
      return "addresslist";
    case ListKind::kString:
      break;
  }
  return "";
}

bool HasCase(ListKind kind) { return kind == ListKind::kAddress || kind == ListKind::kLocalPart; }

ListItem ReadListItem(const Text& item, const ItemRules& rules, const Names* names, Arena* arena) {
  return Reader(rules, names, arena).Read(item);
}

std::shared_ptr<const Regex> RegexOf(const ListItem& item, Letters letters, std::string* wrong) {
  if (item.regex != nullptr && letters == Letters::kAnyCase) return item.regex;
  using Key = std::pair<std::string, bool>;
  thread_local std::map<Key, std::shared_ptr<const Regex>> cache;
  Key key(item.text.text, letters == Letters::kExactCase);
  if (auto found = cache.find(key); found != cache.end()) return found->second;
  auto compiled = Regex::Compile(
      item.text.text, Regex::Jit::kNo,
      letters == Letters::kExactCase ? Regex::Letters::kExactCase : Regex::Letters::kAnyCase);
  if (!compiled.ok()) {
    *wrong = "regular expression error: " + compiled.error() + " while compiling " +
             std::string(item.text.text);
    return nullptr;
  }
  std::shared_ptr<const Regex> regex = std::move(compiled).value();
  if (cache.size() >= kCachedPatterns) cache.clear();
  cache.emplace(std::move(key), regex);
  return regex;
}

}  // namespace signet::expand
