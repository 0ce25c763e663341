#include <algorithm>
#include <set>

#include "expand/show.h"
#include "src/acl/parse.h"
#include "src/acl/rules.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/words.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::Phase;

constexpr std::size_t kCallArguments = 9;
constexpr std::size_t kWhens = static_cast<std::size_t>(AclWhen::kCount);

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// Whether an expansion in a text may call an ACL.
bool MentionsCall(std::string_view text) {
  for (std::size_t at = text.find("acl"); at != text.npos; at = text.find("acl", at + 3)) {
    std::size_t behind = text.find_first_not_of(" \t\n\r\v\f", at + 3);
    if (behind != text.npos && text[behind] == '{') return true;
  }
  return false;
}

bool MentionsIdentity(std::string_view text) {
  return MentionsCall(text) || text.find("authenticated_id") != text.npos ||
         text.find("sender_host_authenticated") != text.npos;
}

// Whether a text reads what is in the client's certificate, or whether it verified.
bool MentionsCertificate(std::string_view text) {
  for (const std::string_view name : {"tls_in_peer", "tls_peer", "tls_in_certificate_verified",
                                      "tls_certificate_verified", "tls_in_path"})
    if (text.find(name) != text.npos) return true;
  return false;
}

// Which ACL runs when: through an option, or called by one that does.
struct Use {
  std::size_t acl;
  AclWhen when;
  auto operator<=>(const Use&) const = default;
};

class Compiler {
 public:
  Compiler(const config::Config& config, const expand::Names& names, Diagnostics* diagnostics)
      : config_(config), names_(names), check_{config, diagnostics}, diagnostics_(diagnostics) {}

  std::unique_ptr<const Rules::Rep> Run() {
    for (const auto& text : config_.texts) dynamic_ |= MentionsCall(text->text());
    for (const config::AclSource& source : config_.acls) Source(source);
    for (std::size_t i = 0; i < kWhens; ++i) Option(static_cast<AclWhen>(i));
    for (Acl& acl : rep_->acls) Calls(&acl);
    for (std::size_t i = 0; i < kWhens; ++i)
      if (rep_->hooks[i].kind == Hook::kFixed)
        Reach({rep_->hooks[i].acl, static_cast<AclWhen>(i)}, Depth::kTop);
    for (std::size_t i = 0; i < rep_->acls.size(); ++i) Arguments(i);
    return std::move(rep_);
  }

  // One text, with the names of other ACLs.
  std::unique_ptr<const Rules::Rep> RunText(const Rules::Rep& named, const std::string& text) {
    dynamic_ = true;
    std::size_t acl = Inline("acl", {}, text);
    rep_->by_name = named.by_name;
    Calls(&rep_->acls[acl]);
    Arguments(acl);
    return std::move(rep_);
  }

 private:
  enum class Depth : bool { kTop, kCalled };

  // --- texts → statements ----------------------------------------------------------------

  void Source(const config::AclSource& source) {
    rep_->by_name.emplace(source.name, rep_->acls.size());
    rep_->acls.push_back({source.name, source.name_span, {}});
    ParseAcl(source.lines, &rep_->acls.back(), diagnostics_);
  }

  void Option(AclWhen when) {
    const config::Expanded& option = config_.main.acl[static_cast<std::size_t>(when)];
    Hook& hook = rep_->hooks[static_cast<std::size_t>(when)];
    if (!option) return;
    const std::string* constant = option.program->constant();
    if (constant == nullptr) {
      hook = {Hook::kExpanded, 0, &option};
      dynamic_ = true;
      return;
    }
    std::string_view text = Trim(*constant);
    if (text.empty()) return;
    if (text.starts_with('/')) return File(hook, option.span, std::string(text));
    // One word is a name; a verb that no ACL is named after is a whole ACL by itself.
    bool is_name = std::none_of(text.begin(), text.end(), IsSpace) &&
                   (rep_->by_name.find(text) != rep_->by_name.end() || !FindVerb(text));
    if (!is_name) {
      hook = {Hook::kFixed, Inline(PlaceOf(when).option, option.span, *constant), nullptr};
      rep_->acls[hook.acl].hidden = expand::IsHidden(*option.program);
    } else if (auto found = FindAcl(text, option.span)) {
      hook = {Hook::kFixed, *found, nullptr};
    }
  }

  // A text that is itself an ACL, its lines apart by newlines. `span` is where it stands,
  // if it stands there as it is.
  std::size_t Inline(std::string_view name, SourceSpan span, const std::string& text) {
    if (span.text == nullptr || span.view() != text) {
      std::vector<SourceText::Piece> pieces;
      if (span.text != nullptr) pieces.push_back({0, span, false});
      rep_->texts.push_back(
          std::make_unique<SourceText>(std::string(name), text, std::move(pieces)));
      span = rep_->texts.back()->whole();
    }
    rep_->acls.push_back({std::string(name), span, {}});
    ParseAcl(LinesOf(span), &rep_->acls.back(), diagnostics_);
    return rep_->acls.size() - 1;
  }

  // An ACL in a file of its own: statements, blank lines and whole lines of comment.
  void File(Hook& hook, SourceSpan span, const std::string& path) {
    auto text = ReadRegularFile(path, limits::kAclFileMaxBytes);
    if (!text)
      return check_.Error(span, "cannot read the ACL in " + Quoted(path) + ": " + text.error());
    rep_->texts.push_back(
        std::make_unique<SourceText>(path, text.value(), std::vector<SourceText::Piece>()));
    const SourceSpan whole = rep_->texts.back()->whole();
    std::vector<SourceSpan> lines;
    for (SourceSpan line : LinesOf(whole)) {
      const std::string_view shown = Trim(line.view());
      if (shown.empty() || shown.starts_with('#')) continue;
      if (shown.ends_with('\\'))
        check_.Error(line, "a line of an ACL file cannot go on in the next one",
                     "put the ACL into the acl section, with .include");
      lines.push_back(line);
    }
    rep_->acls.push_back({path, whole, {}});
    ParseAcl(lines, &rep_->acls.back(), diagnostics_);
    hook = {Hook::kFixed, rep_->acls.size() - 1, nullptr};
  }

  static std::vector<SourceSpan> LinesOf(SourceSpan span) {
    std::vector<SourceSpan> lines;
    const std::string_view view = span.view();
    for (std::size_t from = 0; from <= view.size();) {
      const std::size_t end = std::min(view.find('\n', from), view.size());
      lines.push_back(span.Part(from, end));
      from = end + 1;
    }
    return lines;
  }

  std::optional<std::size_t> FindAcl(std::string_view name, SourceSpan span) {
    auto found = rep_->by_name.find(name);
    if (found != rep_->by_name.end()) return found->second;
    std::vector<std::string_view> known;
    for (const auto& entry : rep_->by_name) known.push_back(entry.first);
    std::string_view near = SuggestName(name, known);
    check_.Error(span, "unknown ACL " + Quoted(name),
                 near.empty() ? "" : "did you mean " + Quoted(near) + "?");
    return std::nullopt;
  }

  // --- who calls whom ----------------------------------------------------------------------

  void Calls(Acl* acl) {
    for (Statement& statement : acl->statements)
      for (Item& item : statement.items)
        if (item.row->argument == Argument::kCall) OneCall(&item);
  }

  void OneCall(Item* item) {
    std::vector<SourceSpan> words = config::SplitWords(item->argument.span, &rep_->texts);
    if (words.empty()) return check_.Error(item->span, "name of an ACL expected behind \"acl =\"");
    if (words.size() > kCallArguments + 1)
      check_.Error(words[kCallArguments + 1], "an ACL takes at most nine arguments, found " +
                                                  std::to_string(words.size() - 1));
    for (SourceSpan span : words) {
      Word word;
      word.text.span = span;
      if (span.view().find_first_of("$\\") == std::string_view::npos) word.constant = span.view();
      item->words.push_back(std::move(word));
    }
    if (item->words[0].constant)
      FindAcl(*item->words[0].constant, words[0]);
    else
      dynamic_ = true;
  }

  // Finds what each ACL can be used for, and checks what may stand there.
  void Reach(Use use, Depth depth) {
    const Acl& acl = rep_->acls[use.acl];
    if (depth == Depth::kTop) TopLevel(acl, use.when);
    if (!uses_.insert(use).second) return;
    for (const Statement& statement : acl.statements) {
      Placed(statement, use.when);
      for (const Item& item : statement.items) {
        if (!(item.row->places & At(use.when))) Misplaced(item, use.when);
        MisplacedArgument(item, use.when);
        if (item.words.empty() || !item.words[0].constant) continue;
        auto called = rep_->by_name.find(*item.words[0].constant);
        if (called != rep_->by_name.end()) Reach({called->second, use.when}, Depth::kCalled);
      }
    }
  }

  void Placed(const Statement& statement, AclWhen when) {
    constexpr Places kDiscards = At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kData);
    if (statement.verb == Verb::kDiscard && !(At(when) & kDiscards))
      PlaceError(statement.span,
                 "\"discard\" cannot be used in a " + std::string(PlaceOf(when).name) + " ACL",
                 when);
  }

  void Misplaced(const Item& item, AclWhen when) {
    PlaceError(item.name_span,
               (item.row->condition ? "cannot test " : "cannot use ") + Quoted(item.row->name) +
                   (item.row->condition ? " condition in " : " in ") +
                   std::string(PlaceOf(when).name) + " ACL",
               when);
  }

  void MisplacedArgument(const Item& item, AclWhen when) {
    if (item.row->misplaced == nullptr || !(item.row->places & At(when))) return;
    std::string why = item.row->misplaced(item.argument.span.view(), when);
    if (!why.empty()) PlaceError(item.argument.span, std::move(why), when);
  }

  void PlaceError(SourceSpan span, std::string message, AclWhen when) {
    const PlaceRow& place = PlaceOf(when);
    std::vector<DiagnosticNote> notes = {{config_.main.acl[static_cast<std::size_t>(when)].span,
                                          "used through " + std::string(place.option) + " here"}};
    diagnostics_->push_back({Severity::kError, span, std::move(message), "", std::move(notes)});
  }

  // What only holds for the ACL that an option names, not for those that it calls.
  void TopLevel(const Acl& acl, AclWhen when) {
    bool ignored = when == AclWhen::kQuit || when == AclWhen::kNotquit;
    for (const Statement& statement : acl.statements) {
      if (ignored && statement.verb != Verb::kAccept && statement.verb != Verb::kWarn)
        PlaceError(statement.span,
                   "only \"accept\" and \"warn\" take effect in a " +
                       std::string(PlaceOf(when).name) + " ACL, found " +
                       Quoted(NameOf(statement.verb)),
                   when);
      for (const Item& item : statement.items)
        if (item.row->name == "message") MessageCode(statement, item, when);
    }
  }

  void MessageCode(const Statement& statement, const Item& item, AclWhen when) {
    auto digit = ReplyCodeDigit(item.argument.span.view());
    if (!digit || when == AclWhen::kVrfy || statement.verb == Verb::kWarn) return;
    // An accept's text is also that of the implicit deny where it is the last statement,
    // so for it either digit can be meant.
    char expected = '5';
    bool passes = statement.verb == Verb::kAccept || statement.verb == Verb::kDiscard;
    if (passes) expected = PlaceOf(when).accept_digit;
    if (statement.verb == Verb::kDefer) expected = '4';
    if (*digit == expected || (passes && *digit == '5')) return;
    check_.Error(item.argument.span.Part(0, 3), "reply code starting with " +
                                                    std::string(1, expected) + " expected with " +
                                                    Quoted(NameOf(statement.verb)) + ", found " +
                                                    Quoted(item.argument.span.view().substr(0, 3)));
  }

  // --- arguments ---------------------------------------------------------------------------

  // The last phase in which an ACL can run: what no phase up to that can set is unknown.
  Phase LastPhase(std::size_t acl) const {
    if (dynamic_) return Phase::kQuit;
    std::optional<Phase> last;
    for (const Use& use : uses_)
      if (use.acl == acl) last = std::max(last.value_or(Phase::kLoad), PlaceOf(use.when).phase);
    return last.value_or(Phase::kQuit);
  }

  void Arguments(std::size_t index) {
    Phase phase = LastPhase(index);
    for (Statement& statement : rep_->acls[index].statements)
      for (Item& item : statement.items) {
        OneArgument(&item, phase);
        // A warning bears on what comes behind it only by what it sets.
        if (statement.verb != Verb::kWarn || item.row->argument == Argument::kVariable)
          statement.about_identity |= item.about_identity;
      }
  }

  void OneArgument(Item* item, Phase phase) {
    const std::string_view text = item->argument.span.view();
    item->reads_identity = Reads(text, &MentionsIdentity);
    item->about_identity = item->reads_identity || item->row->name == "authenticated" ||
                           Reads(text, &MentionsCertificate);
    Argument kind = item->row->argument;
    if (kind == Argument::kCall) {
      for (Word& word : item->words)
        if (!word.constant) CompileText(&word.text, phase);
    } else if (kind != Argument::kNone && kind != Argument::kWord) {
      CompileText(&item->argument, phase);
      if (item->argument && kind == Argument::kList)
        config::CompileList(&item->argument, item->row->list, config_, diagnostics_);
    }
    bool compiled = item->argument || kind == Argument::kWord;
    if (item->row->check != nullptr && compiled) item->row->check(*item, check_);
  }

  void CompileText(config::Expanded* text, Phase phase) {
    text->program = expand::Compile(text->span, phase, names_, diagnostics_);
  }

  // Directly, or through a named list.
  bool Reads(std::string_view text, bool (*mentions)(std::string_view)) const {
    if (mentions(text)) return true;
    return std::any_of(config_.lists.begin(), config_.lists.end(), [&](const auto& list) {
      return mentions(list.list.span.view()) &&
             text.find('+' + list.name) != std::string_view::npos;
    });
  }

  const config::Config& config_;
  const expand::Names& names_;
  CheckContext check_;
  Diagnostics* diagnostics_;
  std::unique_ptr<Rules::Rep> rep_ = std::make_unique<Rules::Rep>();
  std::set<Use> uses_;
  bool dynamic_ = false;  // some ACL is only named at run time
};

std::vector<std::string_view> Names(std::span<const ItemRow> rows) {
  std::vector<std::string_view> names;
  for (const ItemRow& row : rows) names.push_back(row.name);
  return names;
}

}  // namespace

Rules::Rules(std::unique_ptr<const Rep> rep) : rep_(std::move(rep)) {}
Rules::~Rules() = default;

const ItemRow* FindItem(std::string_view name) {
  for (auto rows : {Conditions(), Modifiers()})
    for (const ItemRow& row : rows)
      if (row.name == name) return &row;
  return nullptr;
}

std::vector<std::string_view> AllItems() {
  std::vector<std::string_view> names = Names(Conditions());
  for (std::string_view name : Names(Modifiers())) names.push_back(name);
  return names;
}

std::vector<std::string_view> AllRows(std::string_view table) {
  if (table == "condition") return Names(Conditions());
  if (table == "modifier") return Names(Modifiers());
  if (table == "verb") return AllVerbs();
  std::vector<std::string_view> names;
  if (table == "place")
    for (std::size_t i = 0; i < kWhens; ++i)
      names.push_back(PlaceOf(static_cast<AclWhen>(i)).option);
  return names;
}

std::unique_ptr<const Rules> Compile(const config::Config& config, const expand::Names& names,
                                     Diagnostics* diagnostics) {
  return std::make_unique<const Rules>(Compiler(config, names, diagnostics).Run());
}

std::unique_ptr<const Rules> CompileText(const config::Config& config, const Rules::Rep& named,
                                         std::string text, Diagnostics* diagnostics) {
  return std::make_unique<const Rules>(
      Compiler(config, *config.names, diagnostics).RunText(named, text));
}

std::shared_ptr<const Rules> CompiledTexts::Find(const config::Config& config,
                                                 const Rules::Rep& named, std::string_view text,
                                                 std::string* wrong) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
  }
  Diagnostics diagnostics;
  std::shared_ptr<const Rules> made = CompileText(config, named, std::string(text), &diagnostics);
  for (const Diagnostic& d : diagnostics)
    if (d.severity == Severity::kError) return *wrong = d.message, nullptr;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= limits::kAclTextsKept) known_.clear();
  return known_.insert_or_assign(std::string(text), std::move(made)).first->second;
}

}  // namespace signet::acl
