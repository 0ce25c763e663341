#include "src/acl/parse.h"

#include <algorithm>
#include <array>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::acl {
namespace {

constexpr std::array kVerbs = {
    std::pair{std::string_view("accept"), Verb::kAccept},
    std::pair{std::string_view("defer"), Verb::kDefer},
    std::pair{std::string_view("deny"), Verb::kDeny},
    std::pair{std::string_view("discard"), Verb::kDiscard},
    std::pair{std::string_view("drop"), Verb::kDrop},
    std::pair{std::string_view("require"), Verb::kRequire},
    std::pair{std::string_view("warn"), Verb::kWarn},
};

// What Exim's ACLs know besides, and why it is not here; said apart from mistyped names.
constexpr std::string_view kNoScanning = "messages are not scanned here";
constexpr std::string_view kNoSignatures =
    "signatures and policies of senders are not checked here";
constexpr std::pair<std::string_view, std::string_view> kNotHere[] = {
    {"atrn_domains", "there is no ATRN"},
    {"decode", kNoScanning},
    {"dkim_signers", kNoSignatures},
    {"dkim_status", kNoSignatures},
    {"dmarc_status", kNoSignatures},
    {"dnslists", "no DNS resolver is built in; let the mail server behind ask the lists"},
    {"malware", kNoScanning},
    {"mime_regex", kNoScanning},
    {"queue", "there is no queue: a message is passed on while its client waits"},
    {"regex", kNoScanning},
    {"spam", kNoScanning},
    {"spf", kNoSignatures},
    {"spf_guess", kNoSignatures},
    {"udpsend", "ACLs send nothing; use logwrite"},
};

bool IsNameChar(char c) { return IsAlnum(c) || c == '_'; }

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

std::string Suggestion(std::string_view wrong, const std::vector<std::string_view>& known) {
  std::string_view near = SuggestName(wrong, known);
  return near.empty() ? "" : "did you mean " + Quoted(near) + "?";
}

// A logical line as it is read from left to right.
class Line {
 public:
  explicit Line(SourceSpan span) : span_(span), text_(span.view()) { SkipBlanks(); }

  void SkipBlanks() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool AtEnd() const { return at_ == text_.size(); }
  bool Take(char c) {
    if (AtEnd() || text_[at_] != c) return false;
    ++at_;
    SkipBlanks();
    return true;
  }
  SourceSpan TakeName() {
    std::size_t from = at_;
    while (at_ < text_.size() && IsNameChar(text_[at_])) ++at_;
    SourceSpan name = span_.Part(from, at_);
    SkipBlanks();
    return name;
  }
  // The rest without blanks at its end.
  SourceSpan Rest() const {
    std::size_t end = text_.size();
    while (end > at_ && IsSpace(text_[end - 1])) --end;
    return span_.Part(at_, end);
  }
  std::size_t position() const { return at_; }
  SourceSpan FromPosition(std::size_t from) const {
    SourceSpan rest = Rest();
    return {span_.text, static_cast<std::uint32_t>(span_.begin + from), rest.end};
  }

 private:
  SourceSpan span_;
  std::string_view text_;
  std::size_t at_ = 0;
};

class Parser {
 public:
  Parser(Acl* acl, Diagnostics* diagnostics) : acl_(acl), diagnostics_(diagnostics) {}

  void OneLine(SourceSpan span) {
    Line line(span);
    if (line.AtEnd()) return;
    std::size_t start = line.position();
    bool negated = line.Take('!');
    Line ahead = line;
    SourceSpan word = ahead.TakeName();
    auto verb = FindVerb(word.view());
    if (!verb) return OneItem(line, start, negated);
    if (negated) return Error(span, "a verb cannot be negated: " + Quoted(Trim(span.view())));
    acl_->statements.push_back({*verb, word, {}});
    skipping_ = false;
    if (ahead.AtEnd()) return;
    start = ahead.position();
    negated = ahead.Take('!');
    OneItem(ahead, start, negated);
  }

 private:
  void OneItem(Line line, std::size_t start, bool negated) {
    SourceSpan name = line.TakeName();
    if (name.view().empty())
      return Error(line.FromPosition(start), "condition or modifier expected");
    const ItemRow* row = FindItem(name.view());
    if (acl_->statements.empty()) return UnknownVerb(name, row);
    if (skipping_) return;
    if (row == nullptr) return UnknownItem(name, line);
    if (negated && !row->condition)
      return Error(line.FromPosition(start), "a modifier cannot be negated: " + Quoted(row->name));

    Item item;
    item.row = row;
    item.negated = negated;
    item.name_span = name;
    item.span = line.FromPosition(start);
    if (TakeArgument(line, &item)) acl_->statements.back().items.push_back(std::move(item));
  }

  bool TakeArgument(Line& line, Item* item) {
    Statement& statement = acl_->statements.back();
    if (item->row->argument == Argument::kNone) {
      if (!line.AtEnd()) return Fail(line.Rest(), Quoted(item->row->name) + " has no argument");
      if (statement.verb == Verb::kAccept || statement.verb == Verb::kDiscard) return true;
      return Fail(item->span, Quoted(item->row->name) + " is not allowed with " +
                                  Quoted(NameOf(statement.verb)));
    }
    if (item->row->argument == Argument::kVariable && !TakeVariable(line, item)) return false;
    if (!line.Take('='))
      return Fail(item->span, "\"=\" expected behind " + Quoted(item->row->name));
    item->argument.span = line.Rest();
    if (item->row->name == "logwrite") return TakeLogs(item);
    if (statement.verb == Verb::kWarn && item->row->name == "message")
      diagnostics_->push_back({Severity::kWarning,
                               item->span,
                               "\"message\" has no effect with \"warn\"",
                               "use \"log_message\" or \"add_header\"",
                               {},
                               code::kNoEffect});
    return true;
  }

  bool TakeVariable(Line& line, Item* item) {
    SourceSpan name = line.TakeName();
    std::string_view text = name.view();
    if (!text.starts_with("acl_c") && !text.starts_with("acl_m"))
      return Fail(name.view().empty() ? item->span : name,
                  "invalid variable name " + Quoted(text) +
                      " behind \"set\": it must start with \"acl_c\" or \"acl_m\"");
    if (text.size() < 6 || (!IsDigit(text[5]) && text[5] != '_'))
      return Fail(name, "invalid variable name " + Quoted(text) +
                            " behind \"set\": a digit or underscore must follow \"acl_c\" or "
                            "\"acl_m\"");
    item->variable = text;
    return true;
  }

  // ":main,reject: text". Only what stands in the configuration chooses the log.
  bool TakeLogs(Item* item) {
    std::string_view text = item->argument.span.view();
    item->logs = {"main"};
    if (!text.starts_with(':')) return true;
    std::size_t end = text.find(':', 1);
    if (end == text.npos)
      return Fail(item->argument.span, "\":\" expected behind the names of the logs");
    item->logs.clear();
    for (std::size_t from = 1; from <= end;) {
      std::size_t comma = std::min(text.find(',', from), end);
      std::string_view log = Trim(text.substr(from, comma - from));
      if (log != "main" && log != "reject" && log != "panic")
        return Fail(item->argument.span.Part(from, comma),
                    "\"main\", \"reject\" or \"panic\" expected, found " + Quoted(log));
      item->logs.emplace_back(log);
      from = comma + 1;
    }
    std::size_t rest = end + 1;
    while (rest < text.size() && IsSpace(text[rest])) ++rest;
    item->argument.span = item->argument.span.Part(rest, text.size());
    return true;
  }

  void UnknownVerb(SourceSpan name, const ItemRow* row) {
    // What follows belongs to a statement that we do not know: one message is enough.
    if (skipping_) return;
    skipping_ = true;
    if (row != nullptr)
      return Error(name, "verb expected, found " + Quoted(name.view()),
                   "a statement begins with accept, deny, defer, drop, require, warn or discard");
    Error(name, "unknown ACL verb " + Quoted(name.view()), Suggestion(name.view(), AllVerbs()));
  }

  void UnknownItem(SourceSpan name, Line& line) {
    std::string_view text = name.view();
    for (const auto& [known, why] : kNotHere)
      if (text == known)
        return Error(name, Quoted(text) + " is not supported: " + std::string(why));
    std::vector<std::string_view> known = AllItems();
    bool alone = line.AtEnd();
    if (alone || SuggestName(text, known).empty())
      for (std::string_view verb : AllVerbs()) known.push_back(verb);
    Error(name, "unknown ACL condition or modifier " + Quoted(text), Suggestion(text, known));
  }

  bool Fail(SourceSpan span, std::string message) {
    Error(span, std::move(message));
    return false;
  }
  void Error(SourceSpan span, std::string message, std::string hint = "") {
    diagnostics_->push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
  }

  Acl* acl_;
  Diagnostics* diagnostics_;
  bool skipping_ = false;
};

}  // namespace

std::string_view NameOf(Verb verb) {
  for (const auto& [name, value] : kVerbs)
    if (value == verb) return name;
  return "";
}

std::optional<Verb> FindVerb(std::string_view name) {
  for (const auto& [known, verb] : kVerbs)
    if (known == name) return verb;
  return std::nullopt;
}

std::vector<std::string_view> AllVerbs() {
  std::vector<std::string_view> names;
  for (const auto& row : kVerbs) names.push_back(row.first);
  return names;
}

namespace {

// "require" says its message where a condition fails; behind the last one nothing can.
void WarnOfUnusedMessages(const Statement& statement, Diagnostics* diagnostics) {
  if (statement.verb != Verb::kRequire) return;
  for (auto item = statement.items.rbegin(); item != statement.items.rend(); ++item) {
    if (item->row->condition) return;
    if (item->row->name != "message" && item->row->name != "log_message") continue;
    diagnostics->push_back(
        {Severity::kWarning,
         item->span,
         Quoted(item->row->name) + " has no effect behind the last condition of \"require\"",
         "put it before the condition that it is about",
         {},
         code::kNoEffect});
  }
}

}  // namespace

void ParseAcl(const std::vector<SourceSpan>& lines, Acl* acl, Diagnostics* diagnostics) {
  Parser parser(acl, diagnostics);
  for (SourceSpan line : lines) parser.OneLine(line);
  for (const Statement& statement : acl->statements) WarnOfUnusedMessages(statement, diagnostics);
}

std::optional<char> ReplyCodeDigit(std::string_view text) {
  bool code = text.size() >= 3 && IsDigit(text[0]) && IsDigit(text[1]) && IsDigit(text[2]) &&
              (text.size() == 3 || IsSpace(text[3]));
  return code ? std::optional(text[0]) : std::nullopt;
}

}  // namespace signet::acl
