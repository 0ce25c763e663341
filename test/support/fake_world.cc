#include "test/support/fake_world.h"

#include <algorithm>

namespace signet::test {
namespace {

expand::LookupType QueryType(int handle, std::string_view name, std::vector<Quote> accepts) {
  expand::LookupType type;
  type.handle = handle;
  type.name = name;
  type.accepts = std::move(accepts);
  return type;
}

expand::ListKind KindOf(std::string_view kind) {
  for (expand::ListKind k :
       {expand::ListKind::kHost, expand::ListKind::kLocalPart, expand::ListKind::kAddress})
    if (expand::NamedListKind(k) == kind) return k;
  return expand::ListKind::kDomain;
}

}  // namespace

FakeNames::FakeNames() {
  expand::LookupType lsearch;
  lsearch.name = "lsearch";
  lsearch.single_key = true;
  lsearch.absolute_file = true;
  lsearch.options = "ret=full";
  types_.push_back(lsearch);
  for (std::string_view name : {"dsearch", "iplsearch"}) {
    lsearch.name = name;
    types_.push_back(lsearch);
  }
  int handle = 0;
  for (std::string_view name : {"ldap", "ldapm", "ldapdn", "ldapauth"})
    types_.push_back(QueryType(++handle, name, {Quote::kLdapFilter, Quote::kLdapDn}));
  types_.back().credentials = true;
  types_.push_back(QueryType(++handle, "passwd", {}));
  types_.back().any_text = true;
  expand::LookupType sqlish = QueryType(++handle, "sqlish", {Quote::kFirstOfDrivers});
  sqlish.in_string = true;
  sqlish.first_word = sqlish.absolute_file = true;
  sqlish.options = "file=";
  sqlish.quote = [](std::string_view option, std::string_view text, std::string* quoted) {
    for (char c : text) *quoted += c == '\'' ? "''" : std::string(1, c);
    return option.empty() || option == "like";
  };
  types_.push_back(sqlish);
  expand::LookupType redisish = QueryType(++handle, "redisish", {Quote(17)});
  redisish.quote = [](std::string_view option, std::string_view text, std::string* quoted) {
    for (char c : text) *quoted += c == ' ' ? "\\ " : std::string(1, c);
    return option.empty();
  };
  types_.push_back(redisish);
  expand::LookupType webbish = QueryType(++handle, "webbish", {Quote(18)});
  webbish.credentials = true;
  webbish.outsiders = "pass post /";
  webbish.quote = [](std::string_view option, std::string_view text, std::string* quoted) {
    for (char c : text) *quoted += c == ' ' || c == '"' ? '_' : c;
    return option.empty();
  };
  types_.push_back(webbish);
  for (std::string_view name : {"names", "listed"}) {
    expand::LookupType type = lsearch;
    type.name = name;
    type.handle = ++handle;
    type.file_names = name == "names";
    type.list_key = name == "listed";
    types_.push_back(type);
  }
}

const expand::LookupType* FakeNames::FindLookup(std::string_view name) const {
  for (const expand::LookupType& type : types_)
    if (type.name == name) return &type;
  return nullptr;
}

std::vector<std::string_view> FakeNames::LookupNames() const {
  std::vector<std::string_view> names;
  for (const expand::LookupType& type : types_) names.push_back(type.name);
  return names;
}

std::optional<SourceSpan> FakeNames::FindNamedList(std::string_view kind,
                                                   std::string_view name) const {
  for (const auto& [key, list] : lists_)
    if ((kind.empty() || key.first == kind) && key.second == name) return list.text->whole();
  return std::nullopt;
}

std::optional<expand::ListRef> FakeNames::FindList(std::string_view kind,
                                                   std::string_view name) const {
  auto found = lists_.find({std::string(kind), std::string(name)});
  if (found == lists_.end()) return std::nullopt;
  List& list = found->second;
  if (list.program == nullptr) {
    Diagnostics ignored;
    list.program = expand::Compile(list.text->whole(), facts::Phase::kQuit, *this, &ignored);
    if (list.program != nullptr && list.program->constant() != nullptr)
      list.patterns = expand::CompilePatterns(*list.program->constant(), list.text->whole(),
                                              {KindOf(kind)}, *this, &ignored);
  }
  return expand::ListRef{list.patterns.get(), list.program.get()};
}

std::vector<std::string_view> FakeNames::ListNames(std::string_view kind) const {
  std::vector<std::string_view> names;
  for (const auto& [key, list] : lists_)
    if (key.first == kind) names.push_back(key.second);
  return names;
}

void FakeNames::AddList(std::string kind, std::string name, std::string text) {
  List list;
  list.text = std::make_unique<SourceText>(name, std::move(text));
  lists_[{std::move(kind), std::move(name)}] = std::move(list);
}

expand::FileText FakeServices::ReadFile(const std::string& path) {
  auto found = files.find(path);
  if (found == files.end()) return {nullptr, "No such file or directory"};
  return {std::make_shared<const std::string>(found->second), ""};
}

expand::AclOutcome FakeServices::CallAcl(std::string_view name, std::vector<Value> arguments,
                                         expand::Budget&) {
  auto found = acls.find(name);
  if (found == acls.end()) return {};
  expand::AclOutcome outcome = found->second;
  Origins origins = kFromAdministrator;
  std::string text;
  std::string_view rest = outcome.message.text;
  for (; !rest.empty(); rest.remove_prefix(1)) {
    if (rest.size() < 2 || rest[0] != '$') {
      text += rest[0];
      continue;
    }
    rest.remove_prefix(1);
    const auto n = static_cast<std::size_t>(rest[0] - '1');
    if (rest[0] == '#') text += std::to_string(arguments.size());
    if (rest[0] == '#' || n >= arguments.size()) continue;
    text += arguments[n].text;
    origins |= arguments[n].origins();
  }
  outcome.message = Value(text, origins);
  return outcome;
}

std::optional<std::string> FakeServices::Environment(std::string_view name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::nullopt : std::optional(found->second);
}

expand::LookupAnswer FakeServices::Lookup(const expand::LookupRequest& request) {
  std::string question(request.query);
  if (!request.key.empty()) question = std::string(request.key) + " " + question;
  std::replace(question.begin(), question.end(), '\0', '|');
  asked.push_back(question);
  auto found = answers.find(question);
  return found != answers.end() ? found->second : expand::LookupAnswer{};
}

expand::LookupAnswer FakeServices::AuthenticateBy(int, std::string_view query) {
  asked.emplace_back(query);
  auto found = answers.find(query);
  return found != answers.end() ? found->second : expand::LookupAnswer{};
}

}  // namespace signet::test
