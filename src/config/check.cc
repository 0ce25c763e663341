#include "src/config/check.h"

#include <sys/utsname.h>

#include <algorithm>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/sense.h"
#include "src/config/values.h"
#include "src/config/words.h"

namespace signet::config {
namespace {

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& candidates) {
  std::string_view near = SuggestName(wrong, candidates);
  return near.empty() ? std::string() : "did you mean " + Quoted(near) + "?";
}

template <typename T>
const Row<T>* FindRow(std::span<const Row<T>> rows, std::string_view name) {
  auto row = std::lower_bound(rows.begin(), rows.end(), name,
                              [](const Row<T>& r, std::string_view n) { return r.name < n; });
  return row != rows.end() && row->name == name ? &*row : nullptr;
}

NamedSetting Named(const OptionSetting& setting) {
  std::string_view name = setting.name.view();
  if (name.starts_with("no_")) return {name.substr(3), true, &setting};
  if (name.starts_with("not_")) return {name.substr(4), true, &setting};
  return {name, false, &setting};
}

std::string HostName() {
  struct utsname system;
  return uname(&system) == 0 ? system.nodename : "localhost";
}

// One set of options: the main section, or a driver block. Knows which names came
// already, and says what is to be said of names that mean nothing here.
class OptionScope {
 public:
  OptionScope(Scope scope, ValueReader* reader) : scope_(scope), reader_(*reader) {}

  // False (and an error) where the option was set before.
  bool IsFirst(const NamedSetting& named) {
    auto [before, first] = seen_.emplace(named.name, named.setting->name);
    if (first) return true;
    reader_.Error(named.setting->name, Quoted(named.name) + " option set for the second time", {},
                  {{before->second, "first set here"}});
    return false;
  }
  bool IsSet(std::string_view name) const { return seen_.contains(name); }

  // An option of Exim that has no row here. False: Exim does not have it either.
  bool ReportForeign(const NamedSetting& named) {
    switch (FindForeign(scope_, named.name)) {
      case Foreign::kUnknown:
        return false;
      case Foreign::kIgnored:
        reader_.Report(
            Severity::kWarning, named.setting->name,
            "Exim's option " + Quoted(named.name) + " has no meaning in Signet and is ignored", {},
            {}, code::kNoMeaning);
        return true;
      case Foreign::kRestrictive:
        reader_.Error(named.setting->name,
                      "Exim's option " + Quoted(named.name) + " is not supported",
                      "without it, what it forbids would be allowed");
        return true;
    }
    return false;
  }

 private:
  Scope scope_;
  ValueReader& reader_;
  std::map<std::string_view, SourceSpan> seen_;
};

class Checker {
 public:
  Checker(Tree tree, const drivers::Registry& registry, Config* config, Diagnostics* diagnostics)
      : tree_(std::move(tree)),
        registry_(registry),
        config_(*config),
        diagnostics_(*diagnostics),
        reader_(config, config->names.get(), diagnostics) {
    for (Diagnostic& d : tree_.diagnostics) diagnostics_.push_back(std::move(d));
    for (auto& text : tree_.texts) config_.texts.push_back(std::move(text));
    config_.file = tree_.file;
    config_.macros = std::move(tree_.macros);
    config_.acls = std::move(tree_.acls);
    config_.allowances = std::move(tree_.allowances);
  }

  void Run() {
    ReadLists();
    ReadMain();
    for (const DriverBlock& block : tree_.authenticators) ReadAuthenticator(block);
    CheckAuthenticators();
    for (const DriverBlock& block : tree_.routers) ReadRouter(block);
    for (const DriverBlock& block : tree_.transports) ReadTransport(block);
    CheckLists(MainRows(), config_.main);
    for (Router& router : config_.routers) CheckLists(RouterRows(), router);
    for (NamedList& list : config_.lists) CheckOneList(list.list, KindOf(list.kind));
    for (Authenticator& authenticator : config_.authenticators)
      for (IdentityRule& rule : authenticator.identities)
        CheckOneList(rule.identities, ListKind::kAddress);
    CheckConsistency(config_, spans_, &diagnostics_);
    CheckSense(config_, spans_, &diagnostics_);
    HideMacros();
  }

 private:
  // --- secrets --------------------------------------------------------------------------

  // What a hidden value is made of is not shown by -bP either: "macro/NAME" in `hidden`.
  void HideMacros() {
    for (const OptionSetting& setting : tree_.main)
      if (config_.hidden.contains(CanonicalMainName(Named(setting).name)) || setting.hide)
        HideMacrosOf(setting.line);
    for (const ListDefinition& list : tree_.lists)
      if (list.hide) HideMacrosOf(list.value);
    for (const auto* blocks : {&tree_.authenticators, &tree_.routers, &tree_.transports})
      for (const DriverBlock& block : *blocks)
        for (const OptionSetting& setting : block.options)
          if (setting.hide || IsSecret(Named(setting).name)) HideMacrosOf(setting.line);
  }
  // Of any driver: one name too many does no harm.
  bool IsSecret(std::string_view name) const {
    const std::string end = '/' + std::string(name);
    return std::any_of(config_.hidden.begin(), config_.hidden.end(),
                       [&](const std::string& hidden) { return hidden.ends_with(end); });
  }
  void HideMacrosOf(SourceSpan span) {
    if (span.text == nullptr) return;
    for (const SourceText::Piece& piece : span.text->pieces())
      if (!piece.verbatim) HideMacro(piece.from.view());
  }
  // By name, or by text where it was replaced in the definition already. Short words, which
  // stand in texts by chance, are no secrets.
  static bool IsPartOf(const Macro& inside, const Macro& macro) {
    constexpr std::size_t kSecretMinBytes = 4;
    return macro.text.find(inside.name) != std::string::npos ||
           (inside.text.size() >= kSecretMinBytes &&
            macro.text.find(inside.text) != std::string::npos);
  }
  void HideMacro(std::string_view name) {
    for (const Macro& macro : config_.macros) {
      if (macro.name != name || !config_.hidden.insert("macro/" + macro.name).second) continue;
      for (const Macro& inside : config_.macros)
        if (IsPartOf(inside, macro)) HideMacro(inside.name);
    }
  }

  // --- match lists ----------------------------------------------------------------------

  static ListKind KindOf(std::string_view kind) {
    if (kind == "addresslist") return ListKind::kAddress;
    if (kind == "domainlist") return ListKind::kDomain;
    return kind == "hostlist" ? ListKind::kHost : ListKind::kLocalPart;
  }

  void CheckOneList(Expanded& list, ListKind kind) {
    if (list) CompileList(&list, kind, config_, &diagnostics_);
  }

  template <typename T>
  void CheckLists(std::span<const Row<T>> rows, T& target) {
    for (const Row<T>& row : rows) {
      auto member = std::get_if<Expanded T::*>(&row.member);
      if (row.list && member) CheckOneList(target.**member, *row.list);
    }
  }

  // --- main section -------------------------------------------------------------------

  // All names first: a list may refer to one that is defined below it.
  void ReadLists() {
    for (const ListDefinition& definition : tree_.lists) {
      std::optional<SourceSpan> value =
          ReadString(definition.value, definition.name.view(), &config_.texts, &diagnostics_);
      NamedList list;
      list.name = std::string(definition.name.view());
      list.name_span = definition.name;
      list.kind = definition.kind;
      list.list.span = value.value_or(SourceSpan{});
      if (definition.hide) config_.hidden.insert('+' + list.name);
      config_.lists.push_back(std::move(list));
    }
    for (NamedList& list : config_.lists) {
      const bool hidden = config_.hidden.contains('+' + list.name);
      if (list.list.span.text)
        list.list = reader_.Compile(list.list.span, facts::Phase::kQuit, hidden);
    }
  }

  void ReadMain() {
    OptionScope scope(Scope::kMain, &reader_);
    for (const OptionSetting& setting : tree_.main) ReadMainOption(setting, &scope);
    for (const Row<Main>& row : MainRows()) {
      if (!spans_.contains(row.name)) reader_.FillDefault(row, &config_.main);
    }
    for (const auto& driver : registry_.lookups()) {
      for (const drivers::OptionRow& row : driver->main_options) {
        if (row.alias_of.empty()) config_.driver_option_names.push_back(row.name);
        if (!row.default_text.empty()) {
          config_.main.driver_options.try_emplace(row.name, row.default_text);
        }
      }
    }
    if (config_.main.primary_hostname.empty()) config_.main.primary_hostname = HostName();
    if (config_.main.qualify_domain.empty()) {
      config_.main.qualify_domain = config_.main.primary_hostname;
    }
  }

  void ReadMainOption(const OptionSetting& setting, OptionScope* scope) {
    NamedSetting named = Named(setting);
    if (setting.hide) config_.hidden.insert(std::string(named.name));
    std::string_view name = CanonicalMainName(named.name);
    if (const Row<Main>* row = FindRow(MainRows(), name)) {
      if (!scope->IsFirst(named)) return;
      spans_[std::string(name)] = setting.has_equals ? setting.value : setting.name;
      reader_.Fill(*row, named, &config_.main);
      return;
    }
    if (const drivers::OptionRow* row = FindDriverMainOption(name)) {
      if (!scope->IsFirst(named)) return;
      spans_[std::string(name)] = setting.value;
      return ReadDriverMainOption(*row, named);
    }
    if (scope->ReportForeign(named)) return;
    reader_.Error(setting.name, "main option " + Quoted(setting.name.view()) + " unknown",
                  DidYouMean(named.name, MainNames()), {}, code::kUnknownName);
  }

  const drivers::OptionRow* FindDriverMainOption(std::string_view name) const {
    for (const auto& driver : registry_.lookups()) {
      for (const drivers::OptionRow& row : driver->main_options) {
        if (row.name == name) return &row;
      }
    }
    return nullptr;
  }

  // Checked here, handed to the driver as it was written.
  void ReadDriverMainOption(const drivers::OptionRow& row, const NamedSetting& named) {
    std::string name = row.alias_of.empty() ? row.name : row.alias_of;
    switch (row.kind) {
      case drivers::OptionKind::kBoolean: {
        std::optional<bool> value = reader_.Boolean(named);
        if (value) config_.main.driver_options[name] = *value ? "true" : "false";
        return;
      }
      case drivers::OptionKind::kNumber:
        if (!reader_.Integer(named)) return;
        break;
      case drivers::OptionKind::kTimeMs:
        if (!reader_.Time(named)) return;
        break;
      case drivers::OptionKind::kText:
      case drivers::OptionKind::kExpanded:
        break;
      case drivers::OptionKind::kSecret:
        config_.hidden.insert(name);
        break;
    }
    std::optional<SourceSpan> value = reader_.String(named);
    if (!value) return;
    WarnIfWeak(row, *value);
    config_.main.driver_options[name] = std::string(value->view());
  }

  // Rule C5.
  void WarnIfWeak(const drivers::OptionRow& row, SourceSpan value) {
    std::string word(value.view());
    for (char& c : word) c = ToLower(c);
    if (word.empty() || (" " + row.weak_values + " ").find(" " + word + " ") == std::string::npos)
      return;
    diagnostics_.push_back({Severity::kWarning,
                            value,
                            row.name + " is " + Quoted(word) + ": " + row.weakens,
                            {},
                            {},
                            code::kWeakSetting});
  }

  std::vector<std::string_view> MainNames() const {
    std::vector<std::string_view> names = {"addresslist", "domainlist", "hostlist",
                                           "localpartlist"};
    for (const Row<Main>& row : MainRows()) names.push_back(row.name);
    for (const auto& driver : registry_.lookups()) {
      for (const drivers::OptionRow& row : driver->main_options) names.push_back(row.name);
    }
    return names;
  }

  // --- driver blocks ----------------------------------------------------------------------

  struct BlockKind {
    Scope scope;
    std::string_view noun;  // "router"
    std::vector<std::string_view> drivers;
    bool after_tls = false;  // the block's driver runs after TLS
  };

  // The name of a block's driver: "" where there is none, or none that exists.
  std::string_view ReadDriver(const BlockKind& kind, const DriverBlock& block) {
    for (const OptionSetting& setting : block.options) {
      if (setting.name.view() != "driver") continue;
      std::optional<SourceSpan> value = reader_.String({"driver", false, &setting});
      if (!value) return {};
      for (std::string_view driver : kind.drivers) {
        if (driver == value->view()) return driver;
      }
      std::string noun(kind.noun), hint = DidYouMean(value->view(), kind.drivers);
      if (hint.empty()) hint = "there are: " + Joined(kind.drivers);
      reader_.Error(value->view().empty() ? setting.name : *value,
                    noun + ' ' + std::string(block.name.view()) + ": cannot find " + noun +
                        " driver " + Quoted(value->view()),
                    hint);
      return {};
    }
    for (const OptionSetting& setting : block.options) {  // a slip of the pen?
      std::string hint = DidYouMean(setting.name.view(), {"driver"});
      if (hint.empty()) continue;
      reader_.Error(setting.name, "option " + Quoted(setting.name.view()) + " unknown", hint);
      return {};
    }
    reader_.Error(block.name, "no driver defined for " + std::string(kind.noun) + ' ' +
                                  Quoted(block.name.view()));
    return {};
  }

  static std::string Joined(const std::vector<std::string_view>& names) {
    std::string all;
    for (std::string_view name : names) {
      if (!all.empty()) all += ", ";
      all += name;
    }
    return all;
  }

  // Reads a block by its rows. `read_private` takes an option that only the driver knows;
  // false where it does not know it either.
  template <typename T, typename ReadPrivate>
  void ReadBlock(const BlockKind& kind, const DriverBlock& block, std::string_view driver,
                 std::span<const Row<T>> rows, T* target, std::vector<std::string_view> names,
                 ReadPrivate read_private) {
    OptionScope scope(kind.scope, &reader_);
    bool have_driver = false;
    for (const OptionSetting& setting : block.options) {
      NamedSetting named = Named(setting);
      if (setting.hide) HideOption(kind, driver, named.name);
      if (named.name == "driver") {
        scope.IsFirst(named);
        have_driver = true;
        continue;
      }
      const Row<T>* row = FindRow(rows, named.name);
      if (row && (row->driver.empty() || (row->driver == driver && have_driver))) {
        if (row->after_tls && !kind.after_tls) {
          ReportNotAfterTls(named, driver);
        } else if (scope.IsFirst(named)) {
          reader_.Fill(*row, named, target);
        }
        continue;
      }
      if (driver.empty()) continue;  // who knows what its options are
      if (have_driver && !row && read_private(named, &scope)) continue;
      bool too_early = std::find(names.begin(), names.end(), named.name) != names.end();
      if (!row && !too_early && scope.ReportForeign(named)) continue;
      ReportUnknown(named, row ? row->driver : std::string_view(), have_driver, names);
    }
    for (const Row<T>& row : rows) {
      bool applies =
          (row.driver.empty() || row.driver == driver) && (kind.after_tls || !row.after_tls);
      if (applies && !scope.IsSet(row.name)) reader_.FillDefault(row, target);
    }
  }

  void ReportNotAfterTls(const NamedSetting& named, std::string_view driver) {
    if (driver.empty()) return;  // that is reported already
    reader_.Error(named.setting->name, "option " + Quoted(named.name) +
                                           " is for drivers that run after TLS, which " +
                                           Quoted(driver) + " does not");
  }

  void ReportUnknown(const NamedSetting& named, std::string_view owner, bool have_driver,
                     std::vector<std::string_view> names) {
    std::string message = "option " + Quoted(named.setting->name.view()) + " unknown";
    if (!have_driver) {
      message += " (\"driver\" must be specified before any private options)";
      return reader_.Error(named.setting->name, message);
    }
    std::string hint = owner.empty() ? DidYouMean(named.name, names)
                                     : "it is an option of driver " + Quoted(owner);
    reader_.Error(named.setting->name, message, hint);
  }

  void HideOption(const BlockKind& kind, std::string_view driver, std::string_view name) {
    config_.hidden.insert(std::string(kind.noun) + '/' + std::string(driver) + '/' +
                          std::string(name));
  }

  template <typename T>
  static std::vector<std::string_view> NamesOf(std::span<const Row<T>> rows,
                                               std::string_view driver) {
    std::vector<std::string_view> names = {"driver"};
    for (const Row<T>& row : rows) {
      if (row.driver.empty() || row.driver == driver) names.push_back(row.name);
    }
    return names;
  }

  // --- authenticators -----------------------------------------------------------------------

  void ReadAuthenticator(const DriverBlock& block) {
    BlockKind kind{Scope::kAuthenticator, "authenticator", {}};
    for (const auto& driver : registry_.auths()) kind.drivers.push_back(driver->name);
    std::string_view name = ReadDriver(kind, block);
    Authenticator authenticator;
    authenticator.name = std::string(block.name.view());
    authenticator.name_span = block.name;
    authenticator.driver = name.empty() ? nullptr : registry_.FindAuth(name);
    kind.after_tls = authenticator.driver && authenticator.driver->after_tls;
    std::vector<std::string_view> names = NamesOf(AuthenticatorRows(), name);
    if (authenticator.driver) {
      authenticator.options.resize(authenticator.driver->options.size());
      for (const drivers::OptionRow& row : authenticator.driver->options) names.push_back(row.name);
    }
    ReadBlock(kind, block, name, AuthenticatorRows(), &authenticator, names,
              [&](const NamedSetting& named, OptionScope* scope) {
                return ReadPrivate(named, scope, &authenticator);
              });
    if (authenticator.public_name.empty()) authenticator.public_name = authenticator.name;
    authenticator.pins = ReadPins(authenticator.server_pins, "server_pins");
    ReadIdentities(&authenticator,
                   config_.hidden.contains(std::string(kind.noun) + '/' + std::string(name) +
                                           "/server_identities"));
    if (authenticator.driver) FillPrivateDefaults(&authenticator);
    config_.authenticators.push_back(std::move(authenticator));
  }

  // A file, or pins themselves: one that begins with "/" is no path, because it reads as one
  // digest to the end.
  std::shared_ptr<crypto::PinSource> ReadPins(const Text& option, const std::string& name) {
    if (!option.set()) return nullptr;
    const std::vector<std::string> items = SplitAdministratorList(option.text);
    const bool first_is_pin = !items.empty() && crypto::ReadDigest(items[0]);
    if (option.text.starts_with('/') && !first_is_pin)
      return std::make_shared<crypto::PinSource>(option.text);
    auto table = crypto::PinTable::FromList(items);
    if (items.empty() || !table.ok()) {
      reader_.Error(option.span, items.empty() ? name + " is empty" : name + ": " + table.error(),
                    "it is the absolute path of a file that \"signet pins\" makes, or a list of "
                    "pins");
      return nullptr;
    }
    return std::make_shared<crypto::PinSource>(std::move(table).value());
  }

  void ReadIdentities(Authenticator* authenticator, bool hidden) {
    const Text& option = authenticator->server_identities;
    if (!option.set()) return;
    const std::vector<SourceSpan> items = SplitItems(option.span, ';');
    if (items.empty()) reader_.Error(option.span, "server_identities is empty", kIdentityHint);
    for (SourceSpan item : items) ReadIdentityRule(item, hidden, authenticator);
  }

  void ReadIdentityRule(SourceSpan item, bool hidden, Authenticator* authenticator) {
    const std::string_view text = item.view();
    const std::size_t arrow = text.find("=>");
    const std::string_view who = Trim(text.substr(0, arrow));
    const std::string_view what = arrow == text.npos ? "" : Trim(text.substr(arrow + 2));
    if (who.empty() || what.empty())
      return reader_.Error(item, "\"AUTHORITY => addresses\" expected in server_identities",
                           kIdentityHint);
    IdentityRule rule;
    rule.span = item.Part(0, arrow);
    if (who.starts_with("spki:")) {
      auto digest = crypto::ReadDigest(who.substr(5));
      if (!digest)
        return reader_.Error(rule.span,
                             "SHA-256 in base64 or hexadecimal digits expected behind \"spki:\"",
                             "\"signet pins show\" prints it");
      rule.who = IdentityRule::Who::kKey;
      rule.text = *std::move(digest);
    } else if (who.starts_with("subject:") && !Trim(who.substr(8)).empty()) {
      rule.who = IdentityRule::Who::kSubject;
      rule.text = std::string(Trim(who.substr(8)));
    } else if (who != "*") {
      return reader_.Error(rule.span, "authority expected, but " + Quoted(who) + " found",
                           kIdentityHint);
    }
    const auto begin = static_cast<std::size_t>(what.data() - text.data());
    rule.identities =
        reader_.Compile(item.Part(begin, begin + what.size()), facts::Phase::kAuth, hidden);
    authenticator->identities.push_back(std::move(rule));
  }

  static constexpr const char* kIdentityHint =
      "as in \"spki:BASE64 => *@example.net ; subject:CN=Our CA => +our_addresses ; * => "
      "*@example.org\"";

  static std::size_t RowIndex(const drivers::AuthDriver& driver, std::string_view name) {
    std::size_t i = 0;
    while (i < driver.options.size() && driver.options[i].name != name) ++i;
    return i;
  }

  bool ReadPrivate(const NamedSetting& named, OptionScope* scope, Authenticator* authenticator) {
    if (!authenticator->driver) return false;
    const drivers::AuthDriver& driver = *authenticator->driver;
    std::size_t index = RowIndex(driver, named.name);
    if (index == driver.options.size()) return false;
    if (!scope->IsFirst(named)) return true;
    const drivers::OptionRow& row = driver.options[index];
    if (!row.alias_of.empty()) index = RowIndex(driver, row.alias_of);
    FillPrivate(row, named, &authenticator->options[index]);
    if (row.kind == drivers::OptionKind::kSecret) {
      HideOption({Scope::kAuthenticator, "authenticator", {}}, driver.name,
                 driver.options[index].name);
    }
    return true;
  }

  void FillPrivate(const drivers::OptionRow& row, const NamedSetting& named,
                   Authenticator::Option* option) {
    using drivers::OptionKind;
    switch (row.kind) {
      case OptionKind::kBoolean:
        if (std::optional<bool> value = reader_.Boolean(named)) SetNumber(option, *value);
        return;
      case OptionKind::kNumber:
        if (std::optional<std::int64_t> value = reader_.Integer(named)) SetNumber(option, *value);
        return;
      case OptionKind::kTimeMs:
        if (auto value = reader_.Time(named)) SetNumber(option, value->count());
        return;
      case OptionKind::kText:
      case OptionKind::kSecret:
      case OptionKind::kExpanded:
        break;
    }
    std::optional<SourceSpan> value = reader_.String(named);
    if (!value) return;
    option->set = true;
    option->text = std::string(value->view());
    option->expanded = row.kind == OptionKind::kExpanded
                           ? reader_.Compile(*value, facts::Phase::kAuth, named.setting->hide)
                           : Expanded{*value, nullptr};
  }

  static void SetNumber(Authenticator::Option* option, std::int64_t value) {
    option->set = true;
    option->number = value;
  }

  void FillPrivateDefaults(Authenticator* authenticator) {
    const auto& rows = authenticator->driver->options;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Authenticator::Option& option = authenticator->options[i];
      if (option.set || rows[i].default_text.empty() || !rows[i].alias_of.empty()) continue;
      OptionSetting setting = reader_.MakeDefault(rows[i].name, rows[i].default_text);
      FillPrivate(rows[i], {rows[i].name, false, &setting}, &option);
    }
  }

  void CheckAuthenticators() {
    const auto& all = config_.authenticators;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].driver && all[i].driver->advertised) CheckPublicName(all[i]);
      for (std::size_t j = 0; j < i && all[i].driver; ++j) {
        if (!all[j].driver) continue;
        if (all[i].driver == all[j].driver && all[i].driver->single) {
          ReportSecond(all[j], all[i]);
          break;
        }
        if (all[i].driver->advertised && all[j].driver->advertised &&
            EqualsIgnoreCase(all[i].public_name, all[j].public_name)) {
          ReportSamePublicName(all[j], all[i]);
          break;
        }
      }
    }
  }

  // EHLO shows it as a word among others, and AUTH takes no other characters.
  void CheckPublicName(const Authenticator& authenticator) {
    const std::string& name = authenticator.public_name;
    if (!name.empty() && std::all_of(name.begin(), name.end(),
                                     [](char c) { return IsAlnum(c) || c == '-' || c == '_'; }))
      return;
    reader_.Error(authenticator.name_span,
                  "public_name of " + Quoted(authenticator.name) +
                      " is no name of a mechanism, which letters, digits, \"-\" and \"_\" make: " +
                      Quoted(name));
  }

  void ReportSecond(const Authenticator& first, const Authenticator& second) {
    reader_.Error(second.name_span,
                  "at most one authenticator may have driver = " + second.driver->name + ", but " +
                      Quoted(second.name) + " is another",
                  {}, {{first.name_span, "the first is here"}});
  }

  void ReportSamePublicName(const Authenticator& first, const Authenticator& second) {
    reader_.Error(second.name_span,
                  "two server authenticators (" + first.name + " and " + second.name +
                      ") have the same public name (" + Printable(second.public_name) + ")",
                  {}, {{first.name_span, "the first is here"}});
  }

  // --- routers and transports -----------------------------------------------------------------

  void ReadRouter(const DriverBlock& block) {
    BlockKind kind{Scope::kRouter, "router", {"accept", "manualroute"}};
    std::string_view driver = ReadDriver(kind, block);
    Router router;
    router.name = std::string(block.name.view());
    router.name_span = block.name;
    router.driver = driver == "manualroute" ? RouterDriver::kManualroute : RouterDriver::kAccept;
    ReadBlock(kind, block, driver, RouterRows(), &router, NamesOf(RouterRows(), driver),
              [](const NamedSetting&, OptionScope*) { return false; });
    if (!driver.empty()) CheckRouter(router);
    config_.routers.push_back(std::move(router));
  }

  void CheckRouter(const Router& router) {
    if (!router.transport.set()) {
      reader_.Error(router.name_span, "transport must be set for router " + Quoted(router.name));
    } else {
      CheckTransportExists(router);
    }
    if (router.driver != RouterDriver::kManualroute) return;
    if (!router.route_list.span.text && !router.route_data.span.text) {
      reader_.Error(router.name_span,
                    "route_list or route_data must be set for router " + Quoted(router.name));
    }
    if (router.route_list.span.text && router.route_data.span.text) {
      reader_.Error(
          router.route_data.span,
          "route_list and route_data cannot both be set for router " + Quoted(router.name), {},
          {{router.route_list.span, "route_list is set here"}});
    }
  }

  void CheckTransportExists(const Router& router) {
    std::vector<std::string_view> names;
    for (const DriverBlock& block : tree_.transports) names.push_back(block.name.view());
    if (std::find(names.begin(), names.end(), router.transport.text) != names.end()) return;
    reader_.Error(router.transport.span, "transport " + Quoted(router.transport.text) + " unknown",
                  DidYouMean(router.transport.text, names));
  }

  void ReadTransport(const DriverBlock& block) {
    BlockKind kind{Scope::kTransport, "transport", {"appendfile", "smtp"}};
    std::string_view driver = ReadDriver(kind, block);
    Transport transport;
    transport.name = std::string(block.name.view());
    transport.name_span = block.name;
    transport.driver =
        driver == "appendfile" ? TransportDriver::kAppendfile : TransportDriver::kSmtp;
    ReadBlock(kind, block, driver, TransportRows(), &transport, NamesOf(TransportRows(), driver),
              [](const NamedSetting&, OptionScope*) { return false; });
    if (driver == "appendfile") CheckAppendfile(transport);
    transport.pins = ReadPins(transport.tls_pins, "tls_pins");
    config_.transports.push_back(std::move(transport));
  }

  void CheckAppendfile(const Transport& transport) {
    if (!transport.directory.span.text) {
      reader_.Error(transport.name_span,
                    "directory must be set for transport " + Quoted(transport.name));
    }
    if (!transport.maildir_format) {
      reader_.Error(transport.name_span,
                    "maildir_format must be set for transport " + Quoted(transport.name),
                    "Maildir is the only format there is");
    }
  }

  Tree tree_;
  const drivers::Registry& registry_;
  Config& config_;
  Diagnostics& diagnostics_;
  ValueReader reader_;
  MainSpans spans_;
};

}  // namespace

void CheckTree(Tree tree, const drivers::Registry& registry, Config* config,
               Diagnostics* diagnostics) {
  Checker(std::move(tree), registry, config, diagnostics).Run();
}

}  // namespace signet::config
