#include "src/config/match.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/ip.h"
#include "src/config/pattern.h"
#include "src/engine/engine.h"

namespace signet::config {
namespace {

using expand::ListElement;
using Decision = Result<bool, Failure>;

// Text of these origins never has a meaning beyond its octets. The directory's may have
// (`*@example.org` in an attribute is the administrator's doing), but it names no files.
constexpr Origins kStrangers = kFromClient | kFromCertificate | kFromUpstream;
constexpr Origins kAnyOutsider = kStrangers | kFromDirectory;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// A part of a list element that knows where its octets came from.
class Pattern {
 public:
  explicit Pattern(const ListElement& element) : Pattern(element, 0, element.text.size()) {}

  std::string_view text() const {
    return std::string_view(element_->text).substr(begin_, end_ - begin_);
  }
  bool empty() const { return begin_ == end_; }

  // Joined origins of [from, to), relative to this part.
  Origins OriginsOf(std::size_t from, std::size_t to) const {
    if (element_->segments.empty()) return from < to ? element_->origins : Origins{0};
    Origins all = 0;
    std::size_t start = 0;
    for (const Segment& segment : element_->segments) {
      bool overlaps = start < begin_ + to && segment.end > begin_ + from;
      if (overlaps) all |= segment.atom ? segment.origins | kFromClient : segment.origins;
      start = segment.end;
    }
    return all;
  }
  Origins origins() const { return OriginsOf(0, end_ - begin_); }

  // Whether the first octet is `mark`, written by somebody who may give it a meaning.
  bool Marked(char mark) const { return StartsWith(std::string_view(&mark, 1)); }
  bool StartsWith(std::string_view marks) const {
    return text().starts_with(marks) && (OriginsOf(0, marks.size()) & kStrangers) == 0;
  }
  // The whole part, by somebody who may give it a meaning.
  bool Is(std::string_view word) const { return text() == word && StartsWith(word); }

  Pattern From(std::size_t offset) const {
    return Pattern(*element_, std::min(begin_ + offset, end_), end_);
  }
  Pattern Until(std::size_t offset) const {
    return Pattern(*element_, begin_, std::min(begin_ + offset, end_));
  }
  Pattern WithoutBlanks() const {
    std::size_t blanks = 0;
    while (blanks < end_ - begin_ && IsSpace(text()[blanks])) ++blanks;
    return From(blanks);
  }
  // Whether every outsider's octet was quoted for a query that accepts these quotings.
  bool QuotedFor(const std::vector<Quote>& accepted) const {
    if (element_->segments.empty()) return element_->origins == kFromAdministrator;
    std::size_t start = 0;
    for (const Segment& segment : element_->segments) {
      bool overlaps = start < end_ && segment.end > begin_;
      start = segment.end;
      if (!overlaps || segment.origins == kFromAdministrator) continue;
      if (std::find(accepted.begin(), accepted.end(), segment.quote) == accepted.end())
        return false;
    }
    return true;
  }

 private:
  Pattern(const ListElement& element, std::size_t begin, std::size_t end)
      : element_(&element), begin_(begin), end_(end) {}
  const ListElement* element_;
  std::size_t begin_, end_;
};

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

// The parts of "lsearch,ret=key;/etc/file". `skip` is what stands before the type:
// "net-", "net24-", "@@".
struct LookupItem {
  std::string_view type, options;
  std::size_t query_offset = 0;  // in the item
};
LookupItem SplitLookup(std::string_view item, std::size_t skip) {
  std::size_t semicolon = item.find(';');
  std::string_view type = item.substr(skip, semicolon - skip);
  std::size_t comma = type.find(',');
  LookupItem split{type.substr(0, comma), {}, semicolon + 1};
  if (comma != type.npos) split.options = type.substr(comma + 1);
  while (split.query_offset < item.size() && IsSpace(item[split.query_offset]))
    ++split.query_offset;
  return split;
}

// "net-" or "net24-" in front of a lookup type: its size, and the bits to keep.
struct NetPrefix {
  std::size_t size = 0;
  int bits = -1;
};
std::optional<NetPrefix> ParseNetPrefix(std::string_view item) {
  if (!item.starts_with("net")) return std::nullopt;
  std::size_t dash = item.find('-');
  if (dash == item.npos) return std::nullopt;
  std::string_view digits = item.substr(3, dash - 3);
  NetPrefix prefix{dash + 1, -1};
  if (digits.empty()) return prefix;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return prefix.bits >= 0 && prefix.bits <= 128 ? std::optional(prefix) : std::nullopt;
}

std::optional<std::string> ReadFile(const std::string& path) {
  std::optional<std::string> text;
  engine::Blocking([&] {
    std::ifstream file(path, std::ios::binary);
    if (!file) return;
    std::string octets(std::istreambuf_iterator<char>(file), {});
    if (!file.bad() && octets.size() <= limits::kLookupFileMaxBytes) text = std::move(octets);
  });
  return text;
}

// One pass over lists for one subject.
class Scan {
 public:
  Scan(ListKind kind, std::string_view subject, MatchContext& context, std::size_t depth)
      : kind_(kind), subject_(subject), context_(context), depth_(depth) {
    if (kind == ListKind::kHost) ip_ = ParseIp(subject);
  }

  Decision List(const Expanded& list);

 private:
  Decision Elements(const std::vector<ListElement>& elements);
  Decision Item(const Pattern& item);
  Decision HostItem(const Pattern& item);
  Decision AddressItem(const Pattern& item);
  Decision Name(const Pattern& item, std::string_view name, ListKind kind);
  Decision Reference(ListKind kind, std::string_view subject, std::string_view name);
  Decision Lookup(const Pattern& item, std::size_t skip, std::string_view key);
  Decision Regex(const Pattern& item, std::string_view subject);
  Decision File(const Pattern& item);

  Err<Failure> Temporary(std::string text, bool lookup_deferred = false) const {
    return Err{Failure{FailureKind::kTemporary, where_, std::move(text), lookup_deferred}};
  }
  bool Same(std::string_view a, std::string_view b) const {
    return caseful_ ? a == b : EqualsIgnoreCase(a, b);
  }
  bool Ends(std::string_view text, std::string_view tail) const {
    return caseful_ ? text.ends_with(tail) : EndsWithIgnoreCase(text, tail);
  }

  ListKind kind_;
  std::string_view subject_;
  MatchContext& context_;
  std::size_t depth_;
  std::optional<IpAddress> ip_;  // of the subject, where it is a host
  SourceSpan where_;
  bool caseful_ = false;  // "+caseful" was met
  bool in_file_ = false;  // items of a file name no further files
};

Decision Scan::List(const Expanded& list) {
  if (!list) return false;
  where_ = list.span;
  expand::Outcome outcome =
      expand::Evaluate(*list.program, context_.session, context_.services, context_.budget);
  if (!outcome.ok()) {
    Failure failure = std::move(outcome).error();
    if (failure.kind == FailureKind::kForced) return false;
    failure.kind = FailureKind::kTemporary;
    return Err{std::move(failure)};
  }
  return Elements(expand::SplitList(outcome.value()));
}

Decision Scan::Elements(const std::vector<ListElement>& elements) {
  if (elements.size() > limits::kListMaxElements) return Temporary("too many items in a list");
  bool otherwise = false;
  for (const ListElement& element : elements) {
    Pattern item = Pattern(element);
    if (HasCase(kind_) && item.Is("+caseful")) {
      caseful_ = true;
      continue;
    }
    bool negated = item.Marked('!');
    if (negated) item = item.From(1).WithoutBlanks();
    Decision matched = Item(item);
    if (!matched.ok()) return matched;
    if (matched.value()) return !negated;
    otherwise = negated;
  }
  return otherwise;
}

Decision Scan::Item(const Pattern& item) {
  if (item.Marked('/') && !in_file_) return File(item);
  switch (kind_) {
    case ListKind::kHost:
      return HostItem(item);
    case ListKind::kAddress:
      return AddressItem(item);
    default:
      break;
  }
  if (kind_ != ListKind::kString && item.Marked('+'))
    return Reference(kind_, subject_, item.text().substr(1));
  return Name(item, subject_, kind_);
}

// A pattern for a domain, a local part or a plain string: the tests are in the order of
// Exim's manual, because one text may look like several kinds.
Decision Scan::Name(const Pattern& item, std::string_view name, ListKind kind) {
  std::string_view text = item.text();
  if (item.Marked('^')) return Regex(item, name);
  if (item.Marked('*') && text.find(';') == text.npos) return Ends(name, text.substr(1));
  if (kind == ListKind::kDomain && item.Marked('@')) {
    if (item.Is("@")) return EqualsIgnoreCase(name, context_.config.main.primary_hostname);
    if (item.Is("@[]")) {
      if (name.size() < 2 || name.front() != '[' || name.back() != ']') return false;
      std::string_view literal = name.substr(1, name.size() - 2);
      if (StartsWithIgnoreCase(literal, "ipv6:")) literal.remove_prefix(5);
      auto ip = ParseIp(literal);
      return ip && IsLocalInterface(*ip);
    }
    if (item.StartsWith("@mx_"))
      return Temporary("list item " + Quoted(text) + " needs DNS, which is not supported yet");
  }
  std::size_t semicolon = text.find(';');
  if (semicolon != text.npos && (item.OriginsOf(0, semicolon + 1) & kStrangers) == 0)
    return Lookup(item, 0, Lower(name));
  return kind == ListKind::kDomain ? EqualsIgnoreCase(name, text) : Same(name, text);
}

Decision Scan::HostItem(const Pattern& item) {
  std::string_view text = item.text();
  if (item.empty()) return subject_.empty();
  if (item.Is("*")) return true;
  if (item.Marked('+')) {
    // These say what to do when a name cannot be found; without names they say nothing.
    if (text == "+include_unknown" || text == "+ignore_unknown" || text == "+include_defer" ||
        text == "+ignore_defer")
      return false;
    return Reference(kind_, subject_, text.substr(1));
  }
  if (item.Is("@[]")) return ip_ && IsLocalInterface(*ip_);
  bool by_stranger = (item.origins() & kStrangers) != 0;
  auto network = ParseNetwork(text);
  if (network && by_stranger && text.find('/') != text.npos) return false;
  if (network) return ip_ && Contains(*network, *ip_);
  if (by_stranger) return false;

  if (auto prefix = ParseNetPrefix(text); prefix && text.find(';') != text.npos) {
    if (!ip_) return false;
    int bits = prefix->bits < 0 ? ip_->bits : std::min(prefix->bits, ip_->bits);
    std::string key = LookupKey(Masked(*ip_, bits));
    if (prefix->bits >= 0) key += '/' + std::to_string(prefix->bits);
    return Lookup(item, prefix->size, key);
  }
  return Temporary("host list item " + Quoted(text) +
                   " needs the client's host name, which is not supported yet");
}

Decision Scan::AddressItem(const Pattern& item) {
  std::string_view text = item.text();
  if (item.Marked('^')) return Regex(item, subject_);
  if (item.Marked('+')) return Reference(kind_, subject_, text.substr(1));
  std::size_t semicolon = text.find(';');
  std::size_t at = text.rfind('@', semicolon);
  if (semicolon != text.npos && at == text.npos &&
      (item.OriginsOf(0, semicolon + 1) & kStrangers) == 0) {
    return subject_.empty() ? Decision(false) : Lookup(item, 0, Lower(subject_));
  }
  if (subject_.empty() || item.empty()) return subject_.empty() && item.empty();
  if (item.StartsWith("@@"))
    return Temporary("list item " + Quoted(text) + ": \"@@\" lookups are not supported yet");

  std::size_t subject_at = subject_.rfind('@');
  if (subject_at == subject_.npos) return false;
  std::string_view local = subject_.substr(0, subject_at);
  std::string_view domain = subject_.substr(subject_at + 1);
  Pattern domain_item = item;
  if (at != text.npos) {
    Pattern local_item = item.Until(at);
    bool same = local_item.Marked('*') ? Ends(local, local_item.text().substr(1))
                                       : Same(local, local_item.text());
    if (!same) return false;
    domain_item = item.From(at + 1);
  } else if ((item.OriginsOf(0, 1) & kStrangers) != 0) {
    // "example.org" from a certificate is not "everybody at example.org".
    return false;
  }
  if (domain_item.Marked('+'))
    return Reference(ListKind::kDomain, domain, domain_item.text().substr(1));
  return Name(domain_item, domain, ListKind::kDomain);
}

Decision Scan::Reference(ListKind kind, std::string_view subject, std::string_view name) {
  std::string_view list_kind = NamedListKind(kind);
  const NamedList* named = context_.config.FindList(list_kind, name);
  if (named == nullptr)
    return Temporary("unknown named " + std::string(list_kind) + " " + Quoted(name));
  if (depth_ >= limits::kNamedListDepth)
    return Temporary("named lists nested too deep at " + Quoted(name) + ": possible loop");
  Scan inner(kind, subject, context_, depth_ + 1);
  inner.caseful_ = caseful_ && HasCase(kind);
  return inner.List(named->list);
}

Decision Scan::Lookup(const Pattern& item, std::size_t skip, std::string_view key) {
  LookupItem split = SplitLookup(item.text(), skip);
  const expand::Names* names = context_.config.names.get();
  const expand::LookupType* type = names == nullptr ? nullptr : names->FindLookup(split.type);
  if (type == nullptr) return Temporary("unknown lookup type " + Quoted(split.type));

  Pattern query = item.From(split.query_offset);
  bool fit =
      type->single_key ? (query.origins() & kAnyOutsider) == 0 : query.QuotedFor(type->accepts);
  if (!fit)
    return Temporary("text from outside in the " +
                     std::string(type->single_key ? "file name" : "query") + " of list item " +
                     Quoted(item.text()));
  if (context_.budget.lookups == 0) return Temporary("too many lookups in one session");
  --context_.budget.lookups;
  expand::LookupAnswer answer = context_.services.Lookup(
      {type->handle, type->single_key ? key : std::string_view(), query.text(), split.options});
  if (answer.kind == expand::LookupAnswer::kDeferred)
    return Temporary("lookup " + std::string(split.type) + ": " + answer.text, true);
  return answer.kind == expand::LookupAnswer::kFound;
}

Decision Scan::Regex(const Pattern& item, std::string_view subject) {
  if ((item.origins() & kAnyOutsider) != 0)
    return Temporary("text from outside in the regular expression " + Quoted(item.text()));
  auto matched = MatchPattern(item.text(), subject);
  if (!matched.ok()) return Temporary(matched.error());
  return matched.value();
}

// Each line is an item; the file's own `!` and the item's work together as if the lines
// stood in the list, except that the item's `!` turns the file's answer around.
Decision Scan::File(const Pattern& item) {
  if ((item.origins() & kAnyOutsider) != 0)
    return Temporary("text from outside in the file name " + Quoted(item.text()));
  std::string path(item.text());
  auto text = ReadFile(path);
  if (!text) return Temporary("failed to open " + Quoted(path));
  std::vector<ListElement> elements;
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::size_t newline = rest.find('\n');
    std::string_view line = rest.substr(0, newline);
    rest = newline == rest.npos ? std::string_view() : rest.substr(newline + 1);
    for (std::size_t hash = line.find('#'); hash != line.npos; hash = line.find('#', hash + 1)) {
      if (HasCase(kind_) && hash > 0 && !IsSpace(line[hash - 1])) continue;
      line = line.substr(0, hash);
      break;
    }
    if (line = Trim(line); !line.empty()) elements.push_back({.text = std::string(line)});
  }
  in_file_ = true;
  Decision decided = false;
  bool found = false;
  for (const ListElement& element : elements) {
    Pattern line(element);
    bool negated = line.Marked('!');
    if (negated) line = line.From(1).WithoutBlanks();
    Decision matched = Item(line);
    if (matched.ok() && !matched.value()) continue;
    decided = matched.ok() ? Decision(!negated) : matched;
    found = true;
    break;
  }
  in_file_ = false;
  return found ? decided : Decision(false);
}

// --- while the configuration loads -------------------------------------------------------

class Checker {
 public:
  Checker(ListKind kind, const Config& config, Diagnostics* diagnostics)
      : kind_(kind), config_(config), diagnostics_(diagnostics) {}

  void List(const Expanded& list) {
    if (!list || list.program->constant() == nullptr) return;
    const std::string& text = *list.program->constant();
    std::size_t offset = 0;
    for (const ListElement& element : expand::SplitList(Value(text))) {
      std::string_view item = element.text;
      span_ = Place(list.span, item, &offset);
      if (item.starts_with('!')) item = Trim(item.substr(1));
      Item(item);
    }
  }

 private:
  // The constant is the text after escapes, so an item is looked for in the source from
  // the last one on; one that is not there literally is shown as the whole list.
  static SourceSpan Place(SourceSpan list, std::string_view item, std::size_t* offset) {
    std::size_t at = list.view().find(item, *offset);
    if (item.empty() || at == std::string_view::npos) return list;
    *offset = at + item.size();
    return list.Part(at, *offset);
  }

  void Item(std::string_view item) {
    if (item.starts_with('/')) return;
    if (kind_ == ListKind::kHost) return Host(item);
    if (item.starts_with('^')) return Regex(item);
    if (item == "+caseful" && HasCase(kind_)) return;
    if (item.starts_with('+') && kind_ != ListKind::kString)
      return Reference(NamedListKind(kind_), item.substr(1));
    if (kind_ == ListKind::kAddress) {
      if (item.starts_with("@@")) return Error("\"@@\" lookups are not supported yet");
      std::size_t at = item.rfind('@', item.find(';'));
      bool whole = at == item.npos && item.find(';') != item.npos;
      if (at != item.npos) item.remove_prefix(at + 1);
      if (whole) return Lookup(item, 0);
      if (item.starts_with('+')) return Reference("domainlist", item.substr(1));
    }
    Name(item);
  }

  void Name(std::string_view item) {
    if (item.starts_with('^')) return Regex(item);
    if (item.starts_with("@mx_") && kind_ != ListKind::kString && kind_ != ListKind::kLocalPart)
      return Error("list item " + Quoted(item) + " needs DNS, which is not supported yet");
    if (item.find(';') != item.npos) Lookup(item, 0);
  }

  void Host(std::string_view item) {
    if (item.empty() || item == "*" || item == "@[]" || ParseNetwork(item)) return;
    if (item == "+include_unknown" || item == "+ignore_unknown" || item == "+include_defer" ||
        item == "+ignore_defer")
      return;
    if (item.starts_with('+')) return Reference("hostlist", item.substr(1));
    auto prefix = ParseNetPrefix(item);
    if (prefix && item.find(';') != item.npos) return Lookup(item, prefix->size);
    if (LooksLikeAddress(item)) return Error("malformed address or mask " + Quoted(item));
    Error("host list item " + Quoted(item) +
              " needs the client's host name, which is not supported yet",
          "write addresses, networks or a net-lsearch lookup");
  }

  static bool LooksLikeAddress(std::string_view item) {
    return item.find_first_not_of("0123456789./") == item.npos ||
           (item.find(':') != item.npos &&
            item.find_first_not_of("0123456789abcdefABCDEF:./") == item.npos);
  }

  void Reference(std::string_view list_kind, std::string_view name) {
    if (config_.FindList(list_kind, name) != nullptr) return;
    std::vector<std::string_view> known;
    for (const NamedList& list : config_.lists)
      if (list.kind == list_kind) known.push_back(list.name);
    std::string_view near = SuggestName(name, known);
    Error("unknown named " + std::string(list_kind) + " " + Quoted(name),
          near.empty() ? "" : "did you mean " + Quoted(near) + "?");
  }

  void Lookup(std::string_view item, std::size_t skip) {
    LookupItem split = SplitLookup(item, skip);
    if (config_.names == nullptr) return;
    const expand::LookupType* type = config_.names->FindLookup(split.type);
    if (type == nullptr) {
      std::string_view near = SuggestName(split.type, config_.names->LookupNames());
      return Error("unknown lookup type " + Quoted(split.type),
                   near.empty() ? "" : "did you mean " + Quoted(near) + "?");
    }
    if (type->single_key && type->absolute_file &&
        !item.substr(split.query_offset).starts_with('/'))
      Error("absolute file name expected for lookup " + Quoted(split.type) + ", found " +
            Quoted(item.substr(split.query_offset)));
  }

  void Regex(std::string_view pattern) {
    std::string problem = CheckPattern(pattern);
    if (!problem.empty()) Error(std::move(problem));
  }

  void Error(std::string message, std::string hint = "") {
    diagnostics_->push_back({Severity::kError, span_, std::move(message), std::move(hint), {}});
  }

  ListKind kind_;
  const Config& config_;
  Diagnostics* diagnostics_;
  SourceSpan span_;
};

}  // namespace

Result<bool, Failure> MatchList(const Expanded& list, ListKind kind, std::string_view subject,
                                MatchContext& context) {
  return Scan(kind, subject, context, 0).List(list);
}

void CheckList(const Expanded& list, ListKind kind, const Config& config,
               Diagnostics* diagnostics) {
  Checker(kind, config, diagnostics).List(list);
}

std::optional<bool> IpInNetwork(std::string_view ip, std::string_view network) {
  auto parsed = ParseNetwork(network);
  if (!parsed) return std::nullopt;
  auto address = ParseIp(ip);
  return address && Contains(*parsed, *address);
}

}  // namespace signet::config
