#include "expand/match.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "expand/message.h"
#include "expand/query.h"
#include "expand/steps.h"
#include "src/base/codes.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

using Kind = ListItem::Kind;
using Arena = std::pmr::memory_resource;

constexpr std::size_t kStepsPerLookAtTheClock = 1024;

// --- texts in an arena ------------------------------------------------------------------

std::string_view CopyOctets(std::string_view octets, Arena* arena) {
  char* copy = static_cast<char*>(arena->allocate(octets.size() + 1, 1));
  std::copy(octets.begin(), octets.end(), copy);
  return {copy, octets.size()};
}

Text CopyText(const Text& text, Arena* arena) {
  Text copy{CopyOctets(text.text, arena), {}};
  if (text.segments.empty()) return copy;
  auto* segments = static_cast<Segment*>(
      arena->allocate(sizeof(Segment) * text.segments.size(), alignof(Segment)));
  std::copy(text.segments.begin(), text.segments.end(), segments);
  copy.segments = {segments, text.segments.size()};
  return copy;
}

Text FromDirectory(std::string_view octets, Arena* arena) {
  Text text{CopyOctets(octets, arena), {}};
  if (octets.empty()) return text;
  auto* segment = static_cast<Segment*>(arena->allocate(sizeof(Segment), alignof(Segment)));
  *segment = {static_cast<std::uint32_t>(octets.size()), kFromDirectory};
  text.segments = {segment, 1};
  return text;
}

// Lower case from `begin` on; what came from where stays known.
Text LowerFrom(const Text& text, std::size_t begin, Arena* arena) {
  auto changes = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::none_of(text.text.begin() + static_cast<std::ptrdiff_t>(begin), text.text.end(),
                   changes))
    return text;
  char* copy = static_cast<char*>(arena->allocate(text.text.size() + 1, 1));
  for (std::size_t i = 0; i < text.text.size(); ++i)
    copy[i] = i < begin ? text.text[i] : ToLower(text.text[i]);
  return {{copy, text.text.size()}, text.segments};
}

Text Joined(const Text& a, std::string_view between, const Text& b, Arena* arena) {
  const std::size_t size = a.text.size() + between.size() + b.text.size();
  char* octets = static_cast<char*>(arena->allocate(size + 1, 1));
  std::copy(a.text.begin(), a.text.end(), octets);
  std::copy(between.begin(), between.end(), octets + a.text.size());
  std::copy(b.text.begin(), b.text.end(), octets + a.text.size() + between.size());
  Text joined{{octets, size}, {}};
  const Origins all = a.origins() | b.origins();
  if (all == kFromAdministrator || size == 0) return joined;
  auto* segment = static_cast<Segment*>(arena->allocate(sizeof(Segment), alignof(Segment)));
  *segment = {static_cast<std::uint32_t>(size), all};
  joined.segments = {segment, 1};
  return joined;
}

bool HasOption(std::string_view options, std::string_view option) {
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    if (options.substr(0, comma) == option) return true;
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return false;
}

// --- one pass over lists ------------------------------------------------------------------

enum class Tried : std::uint8_t {
  kNo,
  kYes,
  kDefer,    // the reason is in the result
  kUnknown,  // the list matches nothing from here on
};

// Where a list is met: what came before it counts.
struct Scanned {
  ListKind kind;
  HostUse use = HostUse::kClient;
  bool caseful = false;
  bool include_unknown = false;
  bool ignore_unknown = false;
};

class Scan {
 public:
  Scan(const ItemRules& rules, const Text& subject, const MatchWorld& world)
      : world_(world), subject_(subject) {
    state_.kind = rules.kind;
    state_.use = rules.use;
    if (rules.kind == ListKind::kHost)
      ip_ = ParseHostAddress(subject.text.substr(0, subject.text.find('%')));
  }

  ListMatch List(const Patterns& list) {
    list_text_ = list.text();
    return Finish(Items(list));
  }
  ListMatch List(const Program& list) {
    result_.where = list.span();
    return Finish(Expanded(list));
  }
  // One pattern of a file, outside of any list.
  ListMatch Single(const ListItem& item) {
    inside_ = true;
    list_text_ = item.item.text;
    return Finish(Decide(item));
  }

 private:
  ListMatch Finish(Tried tried) {
    if (tried == Tried::kUnknown) Forget();
    result_.kind = tried == Tried::kDefer ? ListMatch::kDeferred
                   : tried == Tried::kYes ? ListMatch::kIn
                                          : ListMatch::kOut;
    return std::move(result_);
  }

  Tried Items(const Patterns& list);
  Tried Expanded(const Program& list);
  Tried Named(ListKind kind, std::string_view name, const Text& subject);
  Tried Inside(const ListRef& list, const ItemRules& rules);

  // What a list says so far.
  struct Progress {
    bool otherwise = false;
    bool decided = false;
    Tried answer = Tried::kNo;
  };
  bool OneItem(const ListItem& item, Progress* progress);
  Tried Ended(const Progress& progress);
  Tried Decide(const ListItem& item);

  Tried Item(const ListItem& item);
  Tried Literal(const ListItem& item, const Text& subject);
  Tried Tail(const ListItem& item, const Text& subject);
  Tried Regular(const ListItem& item, const Text& subject);
  Tried Interfaces(const ListItem& item);
  Tried Lookup(const ListItem& item);
  Tried HostLookup(const ListItem& item);
  Tried Ask(const ListItem& item, const Text& key, Text* data);
  // `counts`: it is one more lookup of the session's.
  Tried AskOnce(const LookupType& type, const LookupRequest& request, bool counts,
                LookupAnswer* answer);
  Tried Unknown(const ListItem& item);
  Tried File(const ListItem& item);
  Tried Mailbox(const ListItem& item);
  Tried Domain(const ListItem& item, const Text& domain);
  Tried LocalParts(const ListItem& item);
  Tried LocalPartList(const Text& list, const Text& local, Progress* progress, Text* next);

  // --- what came out
  void Forget() {
    result_.value.reset();
    result_.captures = {};
  }
  void SetValue(const Text& value) { result_.value = CopyText(value, world_.arena); }
  void SetCaptures(std::initializer_list<Text> texts) {
    auto* copy =
        static_cast<Text*>(world_.arena->allocate(sizeof(Text) * texts.size(), alignof(Text)));
    std::copy(texts.begin(), texts.end(), copy);
    result_.captures = {copy, texts.size()};
  }
  Tried Found(const Text& value, std::initializer_list<Text> captures) {
    SetValue(value);
    SetCaptures(captures);
    return Tried::kYes;
  }
  Tried Defer(std::string why) {
    result_.why = std::move(why);
    return Tried::kDefer;
  }
  bool Step();

  bool caseful() const { return state_.caseful && HasCase(state_.kind); }
  // The subject as it is compared with what is no regular expression.
  Text Folded(const Text& subject) {
    std::size_t begin = 0;
    if (caseful() && state_.kind == ListKind::kLocalPart) return subject;
    if (caseful()) begin = std::min(subject.text.rfind('@'), subject.text.size());
    return LowerFrom(subject, begin, world_.arena);
  }
  bool Same(std::string_view a, std::string_view b) const {
    return caseful() ? a == b : EqualsIgnoreCase(a, b);
  }
  bool Ends(std::string_view text, std::string_view tail) const {
    return caseful() ? text.ends_with(tail) : EndsWithIgnoreCase(text, tail);
  }

  const MatchWorld& world_;
  Text subject_;
  Scanned state_;
  std::optional<HostAddress> ip_;  // of the subject, where it is a host
  std::string_view list_text_;     // for messages
  bool several_ = false;           // items, so that it matters which decides
  bool inside_ = false;            // of another list, or of a pattern
  bool line_negated_ = false;      // the line of a file that matched was negated
  ListMatch result_;
};

bool Scan::Step() {
  Budget& budget = world_.budget;
  if (budget.steps == 0) return Defer("too many steps in one expansion"), false;
  --budget.steps;
  if (budget.steps % kStepsPerLookAtTheClock == 0 && budget.deadline.Passed())
    return Defer("expansion took too long"), false;
  return true;
}

// --- lists ----------------------------------------------------------------------------------

// Returns false where the list is decided.
bool Scan::OneItem(const ListItem& item, Progress* progress) {
  if (!Step()) {
    progress->decided = true;
    progress->answer = Tried::kDefer;
    return false;
  }
  if (item.kind == Kind::kCaseful) return state_.caseful = true;
  if (item.kind == Kind::kIncludeUnknown || item.kind == Kind::kIgnoreUnknown) {
    state_.include_unknown = item.kind == Kind::kIncludeUnknown;
    state_.ignore_unknown = !state_.include_unknown;
    return true;
  }
  if (item.kind == Kind::kNoMeaning) return true;
  line_negated_ = false;
  Tried tried = Item(item);
  progress->otherwise = item.negated;
  if (tried == Tried::kNo) return true;
  if (tried == Tried::kYes && item.negated != line_negated_) tried = Tried::kNo;
  if (world_.session.trace != nullptr && several_ && !inside_)
    AddItem(*world_.session.trace, item.item.text, item.negated, tried == Tried::kYes,
            tried == Tried::kDefer);
  progress->decided = true;
  progress->answer = tried;
  return false;
}

Tried Scan::Ended(const Progress& progress) {
  if (progress.decided) return progress.answer;
  Forget();
  return progress.otherwise ? Tried::kYes : Tried::kNo;
}

Tried Scan::Items(const Patterns& list) {
  Progress progress;
  several_ = list.items().size() > 1;
  for (const ListItem& item : list.items())
    if (!OneItem(item, &progress)) break;
  return Ended(progress);
}

// An item that is a list by itself.
Tried Scan::Decide(const ListItem& item) {
  Progress progress;
  OneItem(item, &progress);
  return Ended(progress);
}

Tried Scan::Expanded(const Program& list) {
  Outcome outcome = Evaluate(list, world_.session, world_.services, world_.budget);
  if (!outcome.ok()) {
    Failure failure = std::move(outcome).error();
    if (failure.kind == FailureKind::kForced) return Tried::kNo;
    result_.where = failure.span;
    result_.lookup_deferred = failure.lookup_deferred;
    return Defer(std::move(failure.text));
  }
  const Value value = std::move(outcome).value();
  const std::string_view outer = std::exchange(list_text_, value.text);
  std::pmr::monotonic_buffer_resource arena;
  Elements elements(&arena);
  bool fits = true;
  if (value.is_list) {
    fits = value.elements.size() <= world_.budget.list_elements;
    auto* segments = static_cast<Segment*>(
        arena.allocate(sizeof(Segment) * (value.elements.size() + 1), alignof(Segment)));
    for (std::size_t n = 0; fits && n < value.elements.size(); ++n) {
      const std::string& text = value.elements[n];
      segments[n] = {static_cast<std::uint32_t>(text.size()), value.element_origins};
      elements.push_back({text, {&segments[n], text.empty() ? 0u : 1u}});
    }
  } else {
    char separator;
    fits = Split({value.text, value.segments}, world_.budget.list_elements, &arena, &elements,
                 &separator);
  }
  if (!fits) return Defer("list has too many elements");
  const ItemRules rules{state_.kind, state_.use, ItemPlace::kList};
  Progress progress;
  several_ = elements.size() > 1;
  for (const Text& element : elements)
    if (!OneItem(ReadListItem(element, rules, world_.names, &arena), &progress)) break;
  list_text_ = outer;
  return Ended(progress);
}

// A reference is one item: what its list says.
Tried Scan::Named(ListKind kind, std::string_view name, const Text& subject) {
  const std::string_view list_kind = NamedListKind(kind);
  std::optional<ListRef> list;
  if (world_.names != nullptr) list = world_.names->FindList(list_kind, name);
  if (!list) return Defer(UnknownNamedList(kind, name));
  if (list->program == nullptr && list->patterns == nullptr)
    return Defer("the list " + InQuotes(name) + " has mistakes");
  if (world_.budget.list_depth == 0)
    return Defer("named lists nested too deep at " + InQuotes(name) + ": possible loop");
  --world_.budget.list_depth;
  Scan inner({kind, state_.use, ItemPlace::kList}, subject, world_);
  inner.inside_ = true;
  if (kind == state_.kind) inner.state_ = state_;
  ListMatch match =
      list->patterns != nullptr ? inner.List(*list->patterns) : inner.List(*list->program);
  ++world_.budget.list_depth;
  if (match.kind == ListMatch::kDeferred) {
    result_ = std::move(match);
    return Tried::kDefer;
  }
  if (match.kind == ListMatch::kOut) return Tried::kNo;
  result_ = std::move(match);
  return Tried::kYes;
}

// --- items ------------------------------------------------------------------------------------

Tried Scan::Item(const ListItem& item) {
  switch (item.kind) {
    case Kind::kWrong:
      return Defer(item.problem.message);
    case Kind::kNever:
      return Tried::kNo;
    case Kind::kLiteral:
      return Literal(item, subject_);
    case Kind::kTail:
      return Tail(item, subject_);
    case Kind::kRegex:
      return Regular(item, subject_);
    case Kind::kSelf:
      if (!EqualsIgnoreCase(subject_.text, world_.session.primary_hostname)) return Tried::kNo;
      return Found(Text{world_.session.primary_hostname, {}}, {Folded(subject_)});
    case Kind::kInterfaces:
      return Interfaces(item);
    case Kind::kLookup:
      return state_.kind == ListKind::kHost ? HostLookup(item) : Lookup(item);
    case Kind::kNamed:
      return Named(state_.kind, item.text.text, subject_);
    case Kind::kFile:
      return File(item);
    case Kind::kNobody:
      if (!subject_.text.empty()) return Tried::kNo;
      if (state_.kind == ListKind::kAddress) SetValue(item.item);
      return Tried::kYes;
    case Kind::kAnybody:
      return Tried::kYes;
    case Kind::kNetwork:
      return ip_ && Contains(item.network, *ip_) ? Tried::kYes : Tried::kNo;
    case Kind::kUnknown:
      return Unknown(item);
    case Kind::kMailbox:
    case Kind::kEverybody:
      return Mailbox(item);
    case Kind::kLocalParts:
      return LocalParts(item);
    case Kind::kCaseful:
    case Kind::kIncludeUnknown:
    case Kind::kIgnoreUnknown:
    case Kind::kNoMeaning:
      break;
  }
  return Tried::kNo;
}

Tried Scan::Literal(const ListItem& item, const Text& subject) {
  if (!Same(subject.text, item.text.text)) return Tried::kNo;
  return Found(item.item, {Folded(subject)});
}

Tried Scan::Tail(const ListItem& item, const Text& subject) {
  if (!Ends(subject.text, item.text.text)) return Tried::kNo;
  const Text folded = Folded(subject);
  const std::size_t wild = folded.text.size() - item.text.text.size();
  return Found(item.item, {folded, PartOf(folded, 0, wild, world_.arena)});
}

Tried Scan::Regular(const ListItem& item, const Text& subject) {
  std::string wrong;
  const auto regex = RegexOf(item, caseful() ? Letters::kExactCase : Letters::kAnyCase, &wrong);
  if (regex == nullptr) return Defer(std::move(wrong));
  std::vector<Regex::Group> groups;
  // An address is compared as it is folded, anything else as it is.
  const Text& text = state_.kind == ListKind::kAddress ? Folded(subject) : subject;
  const auto outcome = regex->Match(text.text, 0, Regex::Mode::kAnywhere, &groups, &wrong);
  if (outcome == Regex::Outcome::kLimit) return Defer("regular expression gave up: " + wrong);
  if (outcome == Regex::Outcome::kNoMatch) return Tried::kNo;
  if (state_.kind == ListKind::kAddress) return Tried::kYes;
  SetValue(item.item);
  auto* texts =
      static_cast<Text*>(world_.arena->allocate(sizeof(Text) * groups.size(), alignof(Text)));
  for (std::size_t n = 0; n < groups.size(); ++n)
    texts[n] = groups[n].begin == Regex::kUnset
                   ? Text{}
                   : PartOf(subject, groups[n].begin, groups[n].end, world_.arena);
  texts[0] = subject;  // all of it, not only what matched
  result_.captures = {texts, groups.size()};
  return Tried::kYes;
}

Tried Scan::Interfaces(const ListItem& item) {
  if (state_.kind == ListKind::kHost)
    return ip_ && IsLocalInterface(*ip_) ? Tried::kYes : Tried::kNo;
  std::string_view literal = subject_.text;
  if (literal.size() < 2 || literal.front() != '[' || literal.back() != ']') return Tried::kNo;
  literal = literal.substr(1, literal.size() - 2);
  if (StartsWithIgnoreCase(literal, "ipv6:")) literal.remove_prefix(5);
  const auto ip = ParseHostAddress(literal);
  if (!ip || !IsLocalInterface(*ip)) return Tried::kNo;
  return Found(item.item, {Folded(subject_)});
}

// What wants a host's name, or is nothing known.
Tried Scan::Unknown(const ListItem& item) {
  if (state_.use == HostUse::kClient) return Defer(item.problem.message);
  if (state_.ignore_unknown) return Tried::kNo;
  return state_.include_unknown ? Tried::kYes : Tried::kUnknown;
}

// --- lookups ----------------------------------------------------------------------------------

Tried Scan::AskOnce(const LookupType& type, const LookupRequest& request, bool counts,
                    LookupAnswer* answer) {
  Budget& budget = world_.budget;
  if (counts && budget.lookups == 0) return Defer("too many lookups in one session");
  if (budget.deadline.Passed()) return Defer("expansion took too long");
  if (counts) --budget.lookups;
  KeyMatcher patterns(request.key, world_);
  LookupRequest with_patterns = request;
  with_patterns.patterns = &patterns;
  *answer = LookUp(world_.session.trace, world_.services, type, with_patterns, {});
  if (answer->kind == LookupAnswer::kDeferred) {
    result_.lookup_deferred = true;
    return Defer(std::move(answer->text));
  }
  return answer->kind == LookupAnswer::kFound ? Tried::kYes : Tried::kNo;
}

// Asks for a key, with all that the type's word makes of it. Sets *data and the captures.
Tried Scan::Ask(const ListItem& item, const Text& key, Text* data) {
  LookupAnswer answer;
  if (!item.type->single_key) {
    const Tried tried = AskOnce(
        *item.type, {item.type->handle, "", item.source.text, item.word.options}, true, &answer);
    if (tried != Tried::kYes) return tried;
    *data = FromDirectory(answer.text, world_.arena);
    SetCaptures({key});
    return Tried::kYes;
  }
  LookupKeys keys(item.word, key.text);
  std::size_t asked = 0;
  while (keys.Next()) {
    if (!Step()) return Tried::kDefer;
    if (asked == limits::kKeysPerLookup)
      return Defer("the key has too many components for partial matching");
    if (keys.key().empty()) continue;
    const Tried tried =
        AskOnce(*item.type, {item.type->handle, keys.key(), item.source.text, item.word.options},
                asked++ == 0, &answer);
    if (tried == Tried::kDefer) return tried;
    if (tried == Tried::kNo) continue;
    *data =
        HasOption(item.word.options, "ret=key") ? key : FromDirectory(answer.text, world_.arena);
    const LookupKeys::Parts& parts = keys.parts();
    if (parts.present)
      SetCaptures({key, PartOf(key, 0, parts.wild_end, world_.arena),
                   PartOf(key, parts.fixed_begin, key.text.size(), world_.arena)});
    else
      SetCaptures({key});
    return Tried::kYes;
  }
  return Tried::kNo;
}

Tried Scan::Lookup(const ListItem& item) {
  // An empty address is nobody's key.
  if (state_.kind == ListKind::kAddress && subject_.text.empty() && item.type->single_key)
    return Tried::kNo;
  Text data;
  const Tried tried = Ask(item, Folded(subject_), &data);
  if (state_.kind == ListKind::kAddress) result_.captures = {};
  if (tried == Tried::kYes) result_.value = data;
  return tried;
}

// The address, or its network, as text.
Tried Scan::HostLookup(const ListItem& item) {
  if (!ip_) return Tried::kNo;
  std::string key;
  if (item.type->single_key) {
    const int bits = item.net_bits < 0 ? ip_->bits : std::min(item.net_bits, ip_->bits);
    key = LookupKey(Masked(*ip_, bits), item.word.name == "iplsearch" ? ':' : '.');
    if (item.net_bits >= 0) key += '/' + std::to_string(item.net_bits);
  }
  Text data;
  const Tried tried = Ask(item, Text{CopyOctets(key, world_.arena), {}}, &data);
  result_.captures = {};
  if (tried == Tried::kYes) result_.value = data;
  return tried;
}

// --- files ------------------------------------------------------------------------------------

// A line without its comment.
std::string_view WithoutComment(std::string_view line, ListKind kind) {
  for (std::size_t hash = line.find('#'); hash != line.npos; hash = line.find('#', hash + 1)) {
    if (HasCase(kind) && hash > 0 && !IsSpace(line[hash - 1])) continue;
    return line.substr(0, hash);
  }
  return line;
}

// Each line is an item. The first that matches decides the list.
Tried Scan::File(const ListItem& item) {
  const FileText file = world_.services.ReadFile(std::string(item.text.text));
  if (file.text == nullptr)
    return Defer("failed to open " + std::string(item.text.text) + " when checking " +
                 InQuotes(list_text_) + ": " + file.trouble);
  const ItemRules rules{state_.kind, state_.use, ItemPlace::kFile};
  std::string_view rest = *file.text;
  while (!rest.empty()) {
    const std::size_t newline = std::min(rest.find('\n'), rest.size());
    const std::string_view line = Trim(WithoutComment(rest.substr(0, newline), state_.kind));
    rest.remove_prefix(std::min(newline + 1, rest.size()));
    if (!Step()) return Tried::kDefer;
    if (line.empty()) continue;
    const ListItem read = ReadListItem({line, {}}, rules, world_.names, world_.arena);
    const Tried tried = Item(read);
    if (tried == Tried::kNo) continue;
    line_negated_ = tried == Tried::kYes && read.negated;
    if (tried == Tried::kYes && result_.value.has_value()) {
      SetValue(read.item);
    } else if (tried == Tried::kYes && state_.kind == ListKind::kHost) {
      SetValue(read.item);
    }
    return tried;
  }
  return Tried::kNo;
}

// --- addresses ------------------------------------------------------------------------------

Tried Scan::Mailbox(const ListItem& item) {
  const std::size_t at = subject_.text.rfind('@');
  if (at == subject_.text.npos) return Tried::kNo;
  const std::string_view local = subject_.text.substr(0, at);
  Text pattern;
  if (item.kind == Kind::kMailbox) {
    if (item.tail ? !Ends(local, item.text.text) : !Same(local, item.text.text)) return Tried::kNo;
    pattern = PartOf(item.item, 0, item.text.text.size() + (item.tail ? 1 : 0), world_.arena);
  }
  const Tried tried = Domain(item, PartOf(subject_, at + 1, subject_.text.size(), world_.arena));
  if (tried != Tried::kYes) return tried;
  result_.value = Joined(pattern, "@", result_.value.value_or(Text()), world_.arena);
  result_.captures = {};
  return tried;
}

Tried Scan::Domain(const ListItem& item, const Text& domain) {
  Scan inner({ListKind::kDomain, state_.use, ItemPlace::kDomainHalf}, domain, world_);
  ListMatch match = inner.Single(*item.domain);
  if (match.kind == ListMatch::kOut) return Tried::kNo;
  result_ = std::move(match);
  return result_.kind == ListMatch::kDeferred ? Tried::kDefer : Tried::kYes;
}

// "@@TYPE;file": the answer for the domain is a list of local parts, which goes on elsewhere
// where its last item is ">KEY".
Tried Scan::LocalParts(const ListItem& item) {
  const std::size_t at = subject_.text.rfind('@');
  if (at == subject_.text.npos) return Tried::kNo;
  const Text local = PartOf(subject_, 0, at, world_.arena);
  Text key =
      LowerFrom(PartOf(subject_, at + 1, subject_.text.size(), world_.arena), 0, world_.arena);
  for (std::size_t steps = 0; steps < limits::kLocalPartSteps; ++steps) {
    Text list;
    Tried tried = Ask(item, key, &list);
    result_.captures = {};
    if (tried != Tried::kYes) return tried;
    // What a file holds, the administrator wrote, as in "/file" items.
    if (item.type->single_key && item.type->absolute_file) list.segments = {};
    key = {};
    Progress progress;
    tried = LocalPartList(list, local, &progress, &key);
    if (progress.decided || key.text.empty()) return tried;
  }
  return Defer("Loop detected in lookup of local part of " + std::string(subject_.text) + " in " +
               std::string(item.item.text));
}

// Sets *next where the list goes on under another key.
Tried Scan::LocalPartList(const Text& list, const Text& local, Progress* progress, Text* next) {
  Elements elements(world_.arena);
  char separator;
  if (!Split(list, world_.budget.list_elements, world_.arena, &elements, &separator))
    return progress->decided = true, Defer("list has too many elements");
  if (!elements.empty() && elements.back().text.starts_with('>')) {
    const Text last = elements.back();
    elements.pop_back();
    std::size_t begin = 1;
    while (begin < last.text.size() && IsSpace(last.text[begin])) ++begin;
    *next = PartOf(last, begin, last.text.size(), world_.arena);
  }
  const ItemRules rules{ListKind::kLocalPart, state_.use, ItemPlace::kFile};
  Scan inner(rules, local, world_);
  inner.inside_ = true;
  inner.state_.caseful = state_.caseful;
  inner.list_text_ = list.text;
  for (const Text& element : elements)
    if (!inner.OneItem(ReadListItem(element, rules, world_.names, world_.arena), progress)) break;
  const Tried tried = inner.Ended(*progress);
  ListMatch match = inner.Finish(tried);
  match.captures = {};
  if (progress->decided || (next->text.empty() && tried == Tried::kYes)) result_ = std::move(match);
  return tried;
}

}  // namespace

// --- the ways in ------------------------------------------------------------------------------

std::string UnknownNamedList(ListKind kind, std::string_view name) {
  std::string_view shown = "";
  switch (kind) {
    case ListKind::kHost:
      shown = "host";
      break;
    case ListKind::kDomain:
      shown = "domain";
      break;
    case ListKind::kLocalPart:
      shown = "local part";
      break;
    case ListKind::kAddress:
      shown = "address";
      break;
    case ListKind::kString:
      break;
  }
  return "unknown named " + std::string(shown) + " list " + InQuotes("+" + std::string(name));
}

ListMatch Match(const Patterns& list, const Text& subject, const MatchWorld& world) {
  return Scan(list.rules(), subject, world).List(list);
}

ListMatch Match(const Program& list, const ItemRules& rules, const Text& subject,
                const MatchWorld& world) {
  return Scan(rules, subject, world).List(list);
}

// --- patterns in files of lookups ---------------------------------------------------------------

namespace {

LookupAnswer Deferred(std::string why) { return {LookupAnswer::kDeferred, std::move(why)}; }

}  // namespace

LookupAnswer KeyMatcher::Match(std::string_view pattern, bool expand) {
  std::pmr::monotonic_buffer_resource arena;
  const MatchWorld world{world_.session, world_.services, world_.budget, world_.names, &arena};
  Value expanded;
  expanded.text = pattern;
  if (expand && pattern.find_first_of("$\\") != std::string_view::npos) {
    if (world.names == nullptr) return Deferred("patterns cannot be expanded here");
    const SourceText source("pattern", std::string(pattern));
    Diagnostics diagnostics;
    const ProgramPtr program =
        Compile(source.whole(), facts::Phase::kQuit, *world.names, &diagnostics);
    if (program == nullptr) return Deferred(diagnostics.front().message);
    Outcome outcome = Evaluate(*program, world.session, world.services, world.budget);
    if (!outcome.ok() && outcome.error().kind == FailureKind::kForced) return {};
    if (!outcome.ok()) return Deferred(outcome.error().text);
    expanded = std::move(outcome).value();
  }
  if (world.budget.list_depth == 0) return Deferred("lists nested too deep: possible loop");
  --world.budget.list_depth;
  const ItemRules rules{ListKind::kString, HostUse::kClient, ItemPlace::kList};
  const ListItem item =
      ReadListItem({expanded.text, expanded.segments}, rules, world.names, &arena);
  ListMatch match = Scan(rules, {key_, {}}, world).Single(item);
  ++world.budget.list_depth;
  if (match.kind == ListMatch::kDeferred) return Deferred(std::move(match.why));
  return {match.kind == ListMatch::kIn ? LookupAnswer::kFound : LookupAnswer::kNotFound, ""};
}

// --- while the configuration loads -----------------------------------------------------------

namespace {

class Compiler {
 public:
  Compiler(SourceSpan where, const Names& names, Diagnostics* diagnostics)
      : where_(where), names_(names), diagnostics_(diagnostics) {}

  // Where an item stands. The text is that after escapes, so an item is looked for in the
  // source from the last one on; one that is not there literally is shown as the whole list.
  SourceSpan Place(std::string_view item) {
    const std::size_t at = where_.view().find(item, offset_);
    if (item.empty() || at == std::string_view::npos) return where_;
    offset_ = at + item.size();
    return where_.Part(at, offset_);
  }

  // Returns false where it is wrong.
  bool Item(ListItem* item, ListKind kind, SourceSpan place) {
    if (item->kind == ListItem::Kind::kIncludeUnknown ||
        item->kind == ListItem::Kind::kIgnoreUnknown)
      expects_unknown_ = true;
    if (item->kind == ListItem::Kind::kUnknown && item->problem.doubtful && expects_unknown_)
      return true;
    if (!item->problem.message.empty()) {
      const bool doubtful = item->problem.doubtful;
      Report(doubtful ? Severity::kWarning : Severity::kError, place, item->problem.message,
             item->problem.hint, doubtful ? code::kHostName : std::string_view());
      return doubtful;
    }
    if (item->domain != nullptr) return Item(item->domain.get(), ListKind::kDomain, place);
    if (item->kind == ListItem::Kind::kNamed) return Reference(item->text.text, kind, place);
    return item->kind != ListItem::Kind::kRegex || Pattern(item, place);
  }

 private:
  bool Reference(std::string_view name, ListKind kind, SourceSpan place) {
    const std::string_view list_kind = NamedListKind(kind);
    if (names_.FindNamedList(list_kind, name)) return true;
    Report(Severity::kError, place, UnknownNamedList(kind, name),
           DidYouMean(name, names_.ListNames(list_kind)), code::kUnknownName);
    return false;
  }

  bool Pattern(ListItem* item, SourceSpan place) {
    auto compiled = Regex::Compile(item->text.text, Regex::Jit::kYes, Regex::Letters::kAnyCase);
    if (compiled.ok()) return item->regex = std::move(compiled).value(), true;
    Report(Severity::kError, place,
           "regular expression error: " + compiled.error() + " while compiling " +
               std::string(item->text.text));
    return false;
  }

  void Report(Severity severity, SourceSpan place, std::string message, std::string hint = "",
              std::string_view code = {}) {
    diagnostics_->push_back({severity, place, std::move(message), std::move(hint), {}, code});
  }

  SourceSpan where_;
  const Names& names_;
  Diagnostics* diagnostics_;
  std::size_t offset_ = 0;
  bool expects_unknown_ = false;  // the administrator said what to do about names
};

}  // namespace

std::unique_ptr<const Patterns> CompilePatterns(std::string_view text, SourceSpan where,
                                                const ItemRules& rules, const Names& names,
                                                Diagnostics* diagnostics) {
  std::unique_ptr<Patterns> list(new Patterns(text, rules));
  Elements elements(&list->arena_);
  char separator;
  if (!Split({list->text_, {}}, limits::kListMaxElements, &list->arena_, &elements, &separator)) {
    diagnostics->push_back(
        {Severity::kError,
         where,
         "list has more than " + std::to_string(limits::kListMaxElements) + " elements",
         "put them into a file, and its name into the list",
         {}});
    return nullptr;
  }
  Compiler compiler(where, names, diagnostics);
  bool good = true;
  for (const Text& element : elements) {
    list->items_.push_back(ReadListItem(element, rules, &names, &list->arena_));
    const SourceSpan place = compiler.Place(list->items_.back().item.text);
    good = compiler.Item(&list->items_.back(), rules.kind, place) && good;
  }
  return good ? std::move(list) : nullptr;
}

}  // namespace signet::expand
