#include <algorithm>
#include <string>
#include <system_error>

#include "expand/calls.h"
#include "expand/evaluate.h"
#include "expand/files.h"
#include "expand/header_value.h"
#include "expand/ip_address.h"
#include "expand/json_text.h"
#include "expand/match.h"
#include "expand/message.h"
#include "expand/number.h"
#include "expand/query.h"
#include "expand/steps.h"
#include "expand/table.h"
#include "src/base/text.h"
#include "src/crypto/password.h"

// What may stand behind `if` and inside filter, forany, forall, and, or: functions, then
// the table.
namespace signet::expand {
namespace {

// --- comparing -----------------------------------------------------------------------

// Both texts of a condition.
bool Both(Evaluation& e, const Node& node, Datum* a, Datum* b) {
  return e.Child(node, 0, a) && e.Child(node, 1, b);
}

int Compare(std::string_view a, std::string_view b) { return a.compare(b); }

constexpr bool IsEqual(int order) { return order == 0; }
constexpr bool IsLess(int order) { return order < 0; }
constexpr bool IsLessOrEqual(int order) { return order <= 0; }
constexpr bool IsGreater(int order) { return order > 0; }
constexpr bool IsGreaterOrEqual(int order) { return order >= 0; }

template <int (*kCompare)(std::string_view, std::string_view), bool (*kHolds)(int)>
bool RunCompare(Evaluation& e, const Node& node, bool* holds) {
  Datum a, b;
  if (!Both(e, node, &a, &b)) return false;
  return *holds = kHolds(kCompare(a.text, b.text)), true;
}

bool NumberOf(Evaluation& e, const Node& node, const Datum& text, std::int64_t* number) {
  auto read = ReadComparisonNumber(text.text);
  if (!read.ok()) return e.FailPermanently(node, read.error());
  return *number = read.value(), true;
}

template <bool (*kHolds)(int)>
bool RunNumbers(Evaluation& e, const Node& node, bool* holds) {
  Datum a, b;
  std::int64_t x = 0, y = 0;
  if (!Both(e, node, &a, &b) || !NumberOf(e, node, a, &x) || !NumberOf(e, node, b, &y))
    return false;
  return *holds = kHolds(x < y ? -1 : x > y ? 1 : 0), true;
}

// --- logic ---------------------------------------------------------------------------

template <bool kDecisive>
bool RunGroup(Evaluation& e, const Node& node, bool* holds) {
  *holds = !kDecisive;
  for (std::size_t n = 0; n < node.child_count && *holds != kDecisive; ++n)
    if (!e.Test(e.program.child(node, n), holds))
      return e.FailedInside("\"" + std::string(node.condition->name) + "{...}\" condition");
  return true;
}

bool HasField(std::span<const facts::HeaderField> header, std::string_view variable) {
  return !FieldBodies(header, ParseHeaderRequest(variable)->field).empty();
}

bool RunDef(Evaluation& e, const Node& node, bool* holds) {
  Datum value;
  const bool read = e.budget.peer_certificate_read;  // asking whether there is one is no reading
  e.asks_for_definition = true;
  const bool found = e.Child(node, 0, &value);
  e.asks_for_definition = false;
  if (!found) return false;
  e.budget.peer_certificate_read = read;
  // An empty field of the header is there all the same.
  const Node& variable = e.program.node(e.program.child(node, 0));
  if (variable.variable == &HeaderVariable() && value.text.empty())
    return *holds = HasField(e.session.envelope.headers, variable.text), true;
  return *holds = value.of_certificate_kind ? value.certificate != nullptr : !value.text.empty(),
         true;
}

bool RunBool(Evaluation& e, const Node& node, bool* holds) {
  Datum value;
  if (!e.Child(node, 0, &value)) return false;
  std::string_view text = Trim(value.text);
  if (text.empty() || EqualsIgnoreCase(text, "no") || EqualsIgnoreCase(text, "false"))
    return *holds = false, true;
  if (EqualsIgnoreCase(text, "yes") || EqualsIgnoreCase(text, "true")) return *holds = true, true;
  if (IsPlainInteger(text)) return *holds = !IsZero(text), true;
  return e.FailPermanently(node, "unrecognised boolean value " + InQuotes(text));
}

bool RunBoolLax(Evaluation& e, const Node& node, bool* holds) {
  Datum value;
  if (!e.Child(node, 0, &value)) return false;
  std::string_view text = Trim(value.text);
  return *holds = text != "-" && LaxTruth(text), true;
}

// --- lists ---------------------------------------------------------------------------

template <int (*kCompare)(std::string_view, std::string_view)>
bool RunInList(Evaluation& e, const Node& node, bool* holds) {
  Datum subject, list;
  Elements elements(&e.arena);
  char separator;
  if (!Both(e, node, &subject, &list) || !e.ElementsOf(node, list, &elements, &separator))
    return false;
  auto found = std::find_if(elements.begin(), elements.end(), [&](const Text& element) {
    return kCompare(subject.text, element.text) == 0;
  });
  *holds = found != elements.end();
  if (*holds) e.value = Datum(*found);
  return true;
}

// $item while a condition is asked about element after element; puts it back.
template <bool kStopsAt>
class EachTest {
 public:
  EachTest(Evaluation& e, const Node& node, bool* holds)
      : e_(e), node_(node), outer_(e.item), holds_(holds) {
    *holds = false;
  }
  ~EachTest() { e_.item = outer_; }
  EachTest(const EachTest&) = delete;
  EachTest& operator=(const EachTest&) = delete;

  // Whether to go on with the next element.
  bool GoesOn(const Text& element) {
    e_.item = Datum(element);
    ElementStep step(e_.trace, element);
    good_ = e_.Test(e_.program.child(node_, 1), holds_);
    step.Says(good_, *holds_, e_.failure());
    return good_ && *holds_ != kStopsAt;
  }
  bool good() { return good_ || e_.FailedInside(InQuotes(node_.condition->name) + " condition"); }

 private:
  Evaluation& e_;
  const Node& node_;
  Datum outer_;
  bool* holds_;
  bool good_ = true;
};

// forany stops at the first element for which the test holds, forall at the first for
// which it does not. Neither holds for an empty list.
template <bool kStopsAt>
bool RunForEach(Evaluation& e, const Node& node, bool* holds) {
  Datum list;
  Elements elements(&e.arena);
  char separator;
  if (!e.Child(node, 0, &list) || !e.ElementsOf(node, list, &elements, &separator)) return false;
  EachTest<kStopsAt> each(e, node, holds);
  for (const Text& element : elements)
    if (!each.GoesOn(element)) break;
  return each.good();
}

enum class Strings : bool { kRaw, kUnquoted };

// The members of a JSON array, one by one: what stands behind the decisive one is not
// looked at.
template <bool kStopsAt, Strings kStrings>
bool RunForEachJson(Evaluation& e, const Node& node, bool* holds) {
  Datum list;
  if (!e.Child(node, 0, &list)) return false;
  JsonText json(list.text);
  JsonText::Member member;
  EachTest<kStopsAt> each(e, node, holds);
  bool goes_on = json.Open(JsonText::Kind::kArray);
  while (goes_on && json.Next(&member)) {
    if (kStrings == Strings::kUnquoted && !json.Unquote(&member))
      return e.FailPermanently(node, "missing '\"' wrapping string result for extract jsons");
    goes_on = each.GoesOn(PartOf(list, member.begin, member.end, &e.arena));
  }
  if (!json.error().empty()) return e.FailPermanently(node, json.error());
  return each.good();
}

// --- patterns ------------------------------------------------------------------------

void CheckMatch(CompileContext& context, Node* node) {
  NodeId pattern = context.Child(*node, 1);
  if (const std::string_view* text = context.ConstantText(pattern))
    node->regex = context.CompileRegex(context.rep.node(pattern).span, *text);
}

bool RunMatch(Evaluation& e, const Node& node, bool* holds) {
  Datum subject, pattern;
  if (!e.Child(node, 0, &subject)) return false;
  std::unique_ptr<const Regex> made;
  if (node.regex == nullptr && (!e.Child(node, 1, &pattern) || !e.MakeRegex(node, pattern, &made)))
    return false;
  const Regex& regex = node.regex != nullptr ? *node.regex : *made;
  std::vector<Regex::Group> groups;
  if (!e.MatchRegex(node, regex, subject, 0, Regex::Mode::kAnywhere, &groups, holds)) return false;
  if (*holds) e.SetCaptures(subject, groups);
  return true;
}

// --- addresses -----------------------------------------------------------------------

bool IsIpv4(std::string_view text) {
  auto address = IpAddress::Parse(text);
  return address.has_value() && address->is_v4();
}
bool IsAnyIp(std::string_view text) { return IsIpv4(text) || IsIpv6WithZone(text); }

template <bool (*kHolds)(std::string_view)>
bool RunText(Evaluation& e, const Node& node, bool* holds) {
  Datum text;
  if (!e.Child(node, 0, &text)) return false;
  return *holds = kHolds(text.text), true;
}

// --- passwords and files -------------------------------------------------------------

// The stored form is shown where the administrator wrote it; a directory's stays out of logs.
bool FailUnknownScheme(Evaluation& e, const Node& node, const Datum& stored) {
  std::string_view shown = stored.text;
  if (stored.origins() != kFromAdministrator) shown = shown.substr(0, shown.find('}') + 1);
  return e.FailPermanently(node, "unknown encryption mechanism in " + InQuotes(shown));
}

bool RunCryptEq(Evaluation& e, const Node& node, bool* holds) {
  Datum password, stored;
  if (!Both(e, node, &password, &stored)) return false;
  auto match = crypto::PasswordMatch::kNo;
  int error = 0;
  if (!e.RunBlocking(node,
                     [&] { match = crypto::CheckPassword(password.text, stored.text, &error); }))
    return false;
  switch (match) {
    case crypto::PasswordMatch::kYes:
    case crypto::PasswordMatch::kNo:
      return *holds = match == crypto::PasswordMatch::kYes, true;
    case crypto::PasswordMatch::kUnknownScheme:
      return FailUnknownScheme(e, node, stored);
    case crypto::PasswordMatch::kTooCostly:
      return e.FailTemporarily(node, "checking the password would take too much work");
    case crypto::PasswordMatch::kError:
      break;
  }
  return e.FailPermanently(node, "crypt error: " + std::generic_category().message(error) + "\n");
}

bool RunExists(Evaluation& e, const Node& node, bool* holds) {
  Datum path;
  FileStatus file;
  if (!e.Child(node, 0, &path)) return false;
  if (path.text.empty()) return *holds = false, true;
  if (!StatFile(e, node, path, &file)) return false;
  return *holds = file.error == 0, true;
}

// --- lists of patterns -----------------------------------------------------------------

template <ListKind kKind>
void CheckMatchList(CompileContext& context, Node* node) {
  const NodeId id = context.Child(*node, 1);
  const Node& list = context.rep.node(id);
  const std::string_view* text = context.ConstantText(id);
  if (text == nullptr)
    return context.Error(list.span, "a list of patterns cannot take a value that is put in");
  auto patterns = CompilePatterns(*text, list.span, {kKind, HostUse::kAddress}, context.names,
                                  context.diagnostics);
  if (patterns == nullptr) return;
  node->patterns = patterns.get();
  context.rep.patterns.push_back(std::move(patterns));
}

bool Unmatched(Evaluation& e, const Node& node, ListMatch match) {
  std::string text = "unable to complete match against " + InQuotes(node.patterns->text()) + ": " +
                     std::move(match.why);
  return match.lookup_deferred ? e.FailDeferred(node, std::move(text))
                               : e.FailTemporarily(node, std::move(text));
}

template <ListKind kKind>
bool RunMatchList(Evaluation& e, const Node& node, bool* holds) {
  Datum subject;
  if (!e.Child(node, 0, &subject)) return false;
  const bool host = kKind == ListKind::kHost;
  if (host && !subject.text.empty() && !IsAnyIp(subject.text))
    return e.FailPermanently(node, InQuotes(subject.text) + " is not an IP address");
  const MatchWorld world{e.session, e.services, e.budget, e.services.names(), &e.arena};
  ListMatch match = Match(*node.patterns, subject, world);
  if (match.kind == ListMatch::kDeferred) return Unmatched(e, node, std::move(match));
  *holds = match.kind == ListMatch::kIn;
  // Hosts leave $value and $1 alone but for what a lookup or a file gave.
  if (match.value.has_value() || !host) e.value = Datum(match.value.value_or(Text()));
  if (!host) e.captures = match.captures;
  return true;
}

// --- ACLs ----------------------------------------------------------------------------

bool RunAclCondition(Evaluation& e, const Node& node, bool* holds) {
  return CallAcl(e, node, holds, &e.value);
}

// --- credentials, tested elsewhere ----------------------------------------------------

// The condition has the name of the lookup type that tests them.
void CheckCredentials(CompileContext& context, Node* node) {
  const std::string_view name = node->name.view();
  const LookupType* type = context.names.FindLookup(name);
  if (type == nullptr || !type->credentials)
    return context.Error(node->name, InQuotes(name) + " needs the lookup type " + InQuotes(name));
  node->lookup = context.KeepLookup(*type);
}

bool RunCredentials(Evaluation& e, const Node& node, bool* holds) {
  Datum query;
  *holds = false;
  if (!e.Child(node, 0, &query)) return false;
  if (query.text.size() > limits::kQueryBytes)
    return e.FailTemporarily(
        node, "the query is longer than " + std::to_string(limits::kQueryBytes) + " octets");
  std::string unquoted = FindUnquoted(query, *node.lookup);
  if (!unquoted.empty()) return e.FailTemporarily(node, std::move(unquoted));
  if (query.text.empty()) return true;
  LookupAnswer answer;
  if (!e.Ask(
          node,
          [&] {
            return TestCredentials(e.trace, e.services, *node.lookup, query.text,
                                   e.program.Original(node.span));
          },
          &answer))
    return false;
  if (answer.kind == LookupAnswer::kDeferred) return e.FailDeferred(node, answer.text);
  return *holds = answer.kind == LookupAnswer::kFound, true;
}

using enum ConditionForm;
// clang-format off
constexpr ConditionRow kConditions[] = {
  {"<",        kTexts,        2, &RunNumbers<&IsLess>,           nullptr, "the first number is less"},
  {"<=",       kTexts,        2, &RunNumbers<&IsLessOrEqual>,    nullptr, "the first number is not greater"},
  {"=",        kTexts,        2, &RunNumbers<&IsEqual>,          nullptr, "the numbers are equal"},
  {"==",       kTexts,        2, &RunNumbers<&IsEqual>,          nullptr, "the numbers are equal"},
  {">",        kTexts,        2, &RunNumbers<&IsGreater>,        nullptr, "the first number is greater"},
  {">=",       kTexts,        2, &RunNumbers<&IsGreaterOrEqual>, nullptr, "the first number is not less"},
  {"acl",      kCall,        10, &RunAclCondition,        &CheckAclCall, "an ACL accepts, called with up to nine arguments; $value is its message", 1},
  {"and",      kGroup,        0, &RunGroup<false>,               nullptr, "all conditions hold; looks no further than the first that does not"},
  {"bool",     kTexts,        1, &RunBool,                       nullptr, "a text that says true: yes, true, an integer but 0; a doubtful one fails"},
  {"bool_lax", kTexts,        1, &RunBoolLax,                    nullptr, "a text that is not empty, 0, no or false"},
  {"crypteq",  kTexts,        2, &RunCryptEq,                    nullptr, "a password is the one behind a digest or what crypt() made"},
  {"def",      kName,         0, &RunDef,                        nullptr, "a variable has a value"},
  {"eq",       kTexts,        2, &RunCompare<&Compare, &IsEqual>,                nullptr, "the texts are the same"},
  {"eqi",      kTexts,        2, &RunCompare<&CompareFolded, &IsEqual>,          nullptr, "the texts are the same but for the case of ASCII letters"},
  {"exists",   kTexts,        1, &RunExists,                     nullptr, "a file exists"},
  {"forall",   kListThenTest, 2, &RunForEach<false>,             nullptr, "a condition holds for all elements of a list that has some"},
  {"forall_json",  kListThenTest, 2, &RunForEachJson<false, Strings::kRaw>,      nullptr, "the same for the members of a JSON array, as they stand there"},
  {"forall_jsons", kListThenTest, 2, &RunForEachJson<false, Strings::kUnquoted>, nullptr, "the same for the strings in a JSON array"},
  {"forany",   kListThenTest, 2, &RunForEach<true>,              nullptr, "a condition holds for an element of a list"},
  {"forany_json",  kListThenTest, 2, &RunForEachJson<true, Strings::kRaw>,       nullptr, "the same for the members of a JSON array, as they stand there"},
  {"forany_jsons", kListThenTest, 2, &RunForEachJson<true, Strings::kUnquoted>,  nullptr, "the same for the strings in a JSON array"},
  {"ge",       kTexts,        2, &RunCompare<&Compare, &IsGreaterOrEqual>,       nullptr, "the first text does not sort before the second"},
  {"gei",      kTexts,        2, &RunCompare<&CompareFolded, &IsGreaterOrEqual>, nullptr, "the same, without the case of ASCII letters"},
  {"gt",       kTexts,        2, &RunCompare<&Compare, &IsGreater>,              nullptr, "the first text sorts behind the second"},
  {"gti",      kTexts,        2, &RunCompare<&CompareFolded, &IsGreater>,        nullptr, "the same, without the case of ASCII letters"},
  {"inlist",   kTexts,        2, &RunInList<&Compare>,           nullptr, "a text is an element of a list"},
  {"inlisti",  kTexts,        2, &RunInList<&CompareFolded>,     nullptr, "the same, without the case of ASCII letters"},
  {"isip",     kTexts,        1, &RunText<&IsAnyIp>,             nullptr, "a text is an IP address"},
  {"isip4",    kTexts,        1, &RunText<&IsIpv4>,              nullptr, "a text is an IPv4 address"},
  {"isip6",    kTexts,        1, &RunText<&IsIpv6WithZone>,      nullptr, "a text is an IPv6 address"},
  {"ldapauth", kTexts,        1, &RunCredentials,      &CheckCredentials, "a directory accepts a DN and a password"},
  {"le",       kTexts,        2, &RunCompare<&Compare, &IsLessOrEqual>,          nullptr, "the first text does not sort behind the second"},
  {"lei",      kTexts,        2, &RunCompare<&CompareFolded, &IsLessOrEqual>,    nullptr, "the same, without the case of ASCII letters"},
  {"lt",       kTexts,        2, &RunCompare<&Compare, &IsLess>,                 nullptr, "the first text sorts before the second"},
  {"lti",      kTexts,        2, &RunCompare<&CompareFolded, &IsLess>,           nullptr, "the same, without the case of ASCII letters"},
  {"match",    kTexts,        2, &RunMatch,                  &CheckMatch, "a text matches a regular expression; sets $0, $1, ..."},
  {"match_address",    kTextThenList, 2, &RunMatchList<ListKind::kAddress>,   &CheckMatchList<ListKind::kAddress>,   "an address is in a list of patterns"},
  {"match_domain",     kTextThenList, 2, &RunMatchList<ListKind::kDomain>,    &CheckMatchList<ListKind::kDomain>,    "a domain is in a list of patterns; sets $0, $1, ..."},
  {"match_ip",         kTextThenList, 2, &RunMatchList<ListKind::kHost>,      &CheckMatchList<ListKind::kHost>,      "an IP address is in a list of addresses and networks"},
  {"match_local_part", kTextThenList, 2, &RunMatchList<ListKind::kLocalPart>, &CheckMatchList<ListKind::kLocalPart>, "a local part is in a list of patterns; sets $0, $1, ..."},
  {"or",       kGroup,        0, &RunGroup<true>,                nullptr, "a condition holds; looks no further than the first that does"},
};
// clang-format on
static_assert(SortedAndUnique(kConditions), "keep kConditions in order of name");
static_assert(Named(kConditions), "a row needs a name and a manual line");

constexpr ConditionRow kCredentials = {"credentials",
                                       kTexts,
                                       1,
                                       &RunCredentials,
                                       &CheckCredentials,
                                       "a driver accepts the credentials in a query"};

}  // namespace

std::span<const ConditionRow> Conditions() { return kConditions; }
const ConditionRow& CredentialsCondition() { return kCredentials; }

// --- truth ---------------------------------------------------------------------------

Truth AclTruth(std::string_view text) {
  if (text.empty() || EqualsIgnoreCase(text, "no") || EqualsIgnoreCase(text, "false"))
    return Truth::kFalse;
  if (EqualsIgnoreCase(text, "yes") || EqualsIgnoreCase(text, "true")) return Truth::kTrue;
  if (!IsPlainInteger(text)) return Truth::kInvalid;
  return IsZero(text) ? Truth::kFalse : Truth::kTrue;
}

Truth AuthTruth(std::string_view text) {
  for (std::string_view no : {"", "0", "no", "false"})
    if (EqualsIgnoreCase(text, no)) return Truth::kFalse;
  for (std::string_view yes : {"1", "yes", "true"})
    if (EqualsIgnoreCase(text, yes)) return Truth::kTrue;
  return Truth::kInvalid;
}

bool LaxTruth(std::string_view text) { return AuthTruth(text) != Truth::kFalse; }

}  // namespace signet::expand
