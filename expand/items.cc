#include <algorithm>
#include <bitset>
#include <iterator>
#include <numeric>
#include <string>

#include "expand/auth_results.h"
#include "expand/calls.h"
#include "expand/cert_fields.h"
#include "expand/evaluate.h"
#include "expand/hash.h"
#include "expand/json_text.h"
#include "expand/lookup_word.h"
#include "expand/match.h"
#include "expand/number.h"
#include "expand/query.h"
#include "expand/steps.h"
#include "expand/table.h"
#include "src/base/codec.h"
#include "src/base/codes.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/digest.h"

// ${name{…}…}: functions, then the table.
namespace signet::expand {
namespace {

// --- if ------------------------------------------------------------------------------

bool RunIf(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  bool holds = false;
  return e.Test(e.program.child(node, 0), &holds) && e.Tail(node, holds, nullptr, out);
}

// --- acl, authresults, env -------------------------------------------------------------

bool RunAclItem(Evaluation& e, const Node& node, Datum* out) {
  bool accepts = false;
  return CallAcl(e, node, &accepts, out);
}

bool RunEnv(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum name, value;
  if (!e.Child(node, 0, &name)) return false;
  std::optional<std::string> setting = e.services.Environment(name.text);
  if (setting) value = Datum(e.Copy(*setting));
  return e.Tail(node, setting.has_value(), &value, out);
}

bool RunAuthResults(Evaluation& e, const Node& node, Datum* out) {
  Datum id;
  if (!e.Child(node, 0, &id)) return false;
  Origins origins = id.origins();
  if (!e.session.host_name.empty()) origins |= kFromClient;
  if (e.session.auth.result == facts::AuthResult::kAuthenticated)
    origins |= e.session.auth.id_origins;
  if (!e.session.envelope.authenticated_sender.empty()) origins |= kFromClient;
  *out = e.From(e.Copy(AuthResultsField(e.session, id.text)), origins);
  return true;
}

// --- lookup --------------------------------------------------------------------------

bool HasOption(std::string_view options, std::string_view option) {
  while (!options.empty()) {
    std::size_t comma = std::min(options.find(','), options.size());
    if (options.substr(0, comma) == option) return true;
    options.remove_prefix(std::min(comma + 1, options.size()));
  }
  return false;
}

std::string NotAbsolute(const LookupType& type) {
  return "absolute file name expected for " + InQuotes(type.name) + " lookup";
}

// Options that nobody knows are ignored, which is seldom what was meant.
void CheckOptions(CompileContext& context, const Node& node, const LookupType& type,
                  std::string_view options) {
  if (!type.options.has_value() || options.empty()) return;
  std::vector<std::string_view> known = {"cache=no", "cache=no_rd", "cache=no_wr"};
  if (type.single_key) known.push_back("ret=key");
  std::string_view own = *type.options;
  while (!(own = Trim(own)).empty()) {
    const std::size_t end = std::min(own.find(' '), own.size());
    known.push_back(own.substr(0, end));
    own.remove_prefix(end);
  }
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    const std::string_view option = options.substr(0, comma);
    options.remove_prefix(std::min(comma + 1, options.size()));
    const auto fits = [&](std::string_view name) {
      return name.ends_with('=') ? option.starts_with(name) : option == name;
    };
    if (std::none_of(known.begin(), known.end(), fits))
      context.Warn(node.name,
                   "option " + InQuotes(option) + " of lookup type " + InQuotes(type.name) +
                       " is not known and is ignored",
                   DidYouMean(option, known), code::kNoEffect);
  }
}

void CheckLookup(CompileContext& context, Node* node) {
  LookupWord word;
  std::string hint, wrong = ReadLookupWord(node->text, &word);
  if (!wrong.empty()) return context.Error(node->name, std::move(wrong));
  const LookupType* type = FindLookupType(context.names, word, &wrong, &hint);
  if (type == nullptr)
    return context.Error(
        node->name, std::move(wrong), std::move(hint),
        context.names.FindLookup(word.name) == nullptr ? code::kUnknownName : std::string_view());
  if (type->single_key && !node->keyed)
    return context.Error(node->name,
                         "missing {key} for single-key " + InQuotes(word.whole) + " lookup");
  if (!type->single_key && node->keyed)
    return context.Error(node->name, "a single key was given for lookup type " +
                                         InQuotes(word.whole) +
                                         ", which is not a single-key lookup type");
  node->lookup = context.KeepLookup(*type);
  node->word = &context.rep.words.emplace_back(word);
  node->text = word.options;
  CheckOptions(context, *node, *type, word.options);
  NodeId last = context.Child(*node, node->child_count - 1);
  if (!type->single_key) return;
  if (const std::string_view* file = context.ConstantText(last);
      file != nullptr && type->absolute_file && !file->starts_with('/'))
    context.Late(context.rep.node(last).span, NotAbsolute(*type), "", code::kAlwaysFails);
}

// The file of a single-key lookup is the administrator's; a query's outside text is quoted.
bool MayUse(Evaluation& e, const Node& node, const Datum& source) {
  if (!node.lookup->single_key) {
    if (source.text.size() > limits::kQueryBytes)
      return e.FailTemporarily(
          node, "the query is longer than " + std::to_string(limits::kQueryBytes) + " octets");
    std::string unquoted = FindUnquoted(source, *node.lookup);
    return unquoted.empty() || e.FailTemporarily(node, std::move(unquoted));
  }
  for (const Segment& run : source.segments)
    if ((run.origins & kOutsiders) != 0 && run.quote != Quote::kFileName)
      return e.FailTemporarily(node, "text from " +
                                         std::string(NameOfOrigin(run.origins & kOutsiders)) +
                                         " in the file name of a lookup");
  if (node.lookup->absolute_file && !source.text.starts_with('/'))
    return e.FailPermanently(node, NotAbsolute(*node.lookup));
  return true;
}

// A file that cannot be opened speaks for itself; other trouble is put beside the question.
bool Defer(Evaluation& e, const Node& node, std::string_view asked, const LookupAnswer& answer) {
  constexpr std::size_t kReasonShown = 2000;
  if (answer.opening) return e.FailDeferred(node, answer.text);
  return e.FailDeferred(node, "lookup of " + InQuotes(WithoutPasswords(asked, *node.lookup)) +
                                  " gave DEFER: " + InQuotes(answer.text, kReasonShown));
}

// $1 and $2: what a wildcard stood for, and what it did not.
void SetParts(Evaluation& e, const Text& key, const LookupKeys::Parts& parts) {
  auto* texts = static_cast<Text*>(e.arena.allocate(3 * sizeof(Text), alignof(Text)));
  texts[0] = e.captures.empty() ? Text() : e.captures[0];
  texts[1] = PartOf(key, 0, parts.wild_end, &e.arena);
  texts[2] = PartOf(key, parts.fixed_begin, key.text.size(), &e.arena);
  e.captures = {texts, 3};
}

LookupAnswer LookUpFor(Evaluation& e, const Node& node, const LookupRequest& request) {
  if (e.trace == nullptr) return e.services.Lookup(request);
  return LookUp(e.trace, e.services, *node.lookup, request, e.program.Original(node.span));
}

// `shown` is the key as it was given, for messages. All keys that it stands for are one
// lookup of the session's.
bool AskForKeys(Evaluation& e, const Node& node, const Datum& shown, const Datum& key,
                const Datum& file, LookupAnswer* answer) {
  const MatchWorld world{e.session, e.services, e.budget, e.services.names(), &e.arena};
  LookupKeys keys(*node.word, key.text);
  std::size_t tried = 0;
  while (keys.Next()) {
    if (keys.key().empty()) continue;  // never found; what stands for any key still is
    KeyMatcher patterns(keys.key(), world);
    LookupRequest request{node.lookup->handle, keys.key(), file.text, node.text, &patterns};
    const auto ask = [&] { return LookUpFor(e, node, request); };
    if (tried == limits::kKeysPerLookup)
      return e.FailTemporarily(node, "the key has too many components for partial matching");
    if (tried++ > 0)
      *answer = ask();
    else if (!e.Ask(node, ask, answer))
      return false;
    if (answer->kind == LookupAnswer::kDeferred) return Defer(e, node, shown.text, *answer);
    if (answer->kind == LookupAnswer::kNotFound) continue;
    if (keys.parts().present) SetParts(e, key, keys.parts());
    return true;
  }
  return true;
}

bool AskQuery(Evaluation& e, const Node& node, const Datum& query, LookupAnswer* answer) {
  LookupRequest request{node.lookup->handle, "", query.text, node.text};
  if (!e.Ask(
          node, [&] { return LookUpFor(e, node, request); }, answer))
    return false;
  if (!answer->entry.empty()) e.ldap_dn = e.Copy(answer->entry);
  return answer->kind != LookupAnswer::kDeferred || Defer(e, node, query.text, *answer);
}

// The elements of a key that is a list, NUL between them. What came from outside is one
// element, or part of one, as in every list. An element with NUL in it is in no file.
bool JoinKey(Evaluation& e, const Node& node, const Datum& key, Datum* joined, bool* possible) {
  Elements elements(&e.arena);
  char separator;
  if (!e.ElementsOf(node, key, &elements, &separator)) return false;
  std::size_t size = elements.size();
  for (const Text& element : elements) {
    size += element.text.size();
    if (element.text.find('\0') != std::string_view::npos) *possible = false;
  }
  char* octets = e.Octets(size);
  std::size_t at = 0;
  for (const Text& element : elements) {
    at += element.text.copy(octets + at, element.text.size());
    octets[at++] = '\0';
  }
  *joined = e.From({octets, at == 0 ? 0 : at - 1}, key.origins());
  return true;
}

// Whether a name that a directory search found may be part of a file name: "." put
// together with another would lead out of the directory.
bool IsFileName(std::string_view name) { return name != "." && name != ".."; }

// The lookup itself. Not inlined: what it needs would take stack from every lookup inside
// its key or its strings.
[[gnu::noinline]] bool FindAnswer(Evaluation& e, const Node& node, const Datum& key,
                                  const Datum& source, bool* found, Datum* value) {
  LookupAnswer answer;
  Datum asked = key;
  bool possible = true;
  if (!MayUse(e, node, source)) return false;
  if (node.lookup->list_key && !JoinKey(e, node, key, &asked, &possible)) return false;
  // An empty query is never found.
  if (node.keyed && possible && !AskForKeys(e, node, key, asked, source, &answer)) return false;
  if (!node.keyed && !source.text.empty() && !AskQuery(e, node, source, &answer)) return false;
  *found = answer.kind == LookupAnswer::kFound;
  if (*found && node.keyed && HasOption(node.text, "ret=key"))
    *value = Datum(Text{key.text, key.segments});
  else if (*found)
    *value = e.From(
        e.Copy(answer.text), kFromDirectory,
        node.lookup->file_names && IsFileName(answer.text) ? Quote::kFileName : Quote::kNone);
  return true;
}

bool RunLookup(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum key, source, value;
  bool found = false;
  if (node.keyed && !e.Child(node, 0, &key)) return false;
  if (!e.Child(node, node.keyed ? 1 : 0, &source)) return false;
  return FindAnswer(e, node, key, source, &found, &value) && e.Tail(node, found, &value, out);
}

// --- certextract ---------------------------------------------------------------------

void CheckCertExtract(CompileContext& context, Node* node) {
  NodeId field = context.Child(*node, 0);
  const std::string_view* text = context.ConstantText(field);
  if (text == nullptr) return;
  FieldRequest request = ReadField(*text);
  node->field = request.row;
  node->modifiers = request.modifiers;
  node->text = request.oid;
  if (!request.wrong.empty())
    return context.Late(context.rep.node(field).span, request.wrong,
                        request.row == nullptr ? DidYouMean(request.name, CertFields()) : "",
                        code::kUnknownName);
  if (!request.unknown.empty())
    context.Warn(context.rep.node(field).span,
                 "unknown modifier " + InQuotes(request.unknown) +
                     (request.ended ? "; it and what follows it is ignored" : " is ignored"),
                 "", code::kOddField);
  if (request.row != nullptr && request.name != request.row->name)
    context.Warn(context.rep.node(field).span,
                 "certificate field " + InQuotes(request.name) + " is taken as " +
                     InQuotes(request.row->name),
                 "", code::kOddField);
}

bool RunCertExtract(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum variable, value;
  if (!e.Child(node, 1, &variable)) return false;
  if (!variable.of_certificate_kind)
    return e.FailPermanently(
        node, InQuotes(e.program.node(e.program.child(node, 1)).text) + " is not a certificate");
  // Absent is "not found", whatever the field.
  if (variable.certificate == nullptr) return e.Tail(node, false, &value, out);
  FieldRequest request{.row = node.field, .modifiers = node.modifiers, .oid = node.text};
  if (request.row == nullptr && request.oid.empty()) {
    Datum field;
    if (!e.Child(node, 0, &field)) return false;
    request = ReadField(field.text);
    if (!request.wrong.empty()) return e.FailPermanently(node, request.wrong);
  }
  bool found = true;
  if (request.row == nullptr)
    ExtensionDump(e, *variable.certificate, request.oid, &value, &found);
  else if (!request.row->run(e, node, *variable.certificate, request.modifiers, &value, &found))
    return false;
  return e.Tail(node, found, &value, out);
}

// --- extract -------------------------------------------------------------------------

// The texts behind an extract's first where only that tells how many there are: one of
// data for a key, two for a number; then yes and no. Returns what is wrong, or "".
std::string CountExtract(const Node& node, const Program::Rep& program, bool numbered) {
  const std::size_t own = numbered ? 3 : 2;
  if (node.child_count < own)
    return "missing '{' for arg " + std::to_string(node.child_count + 1) + " of extract";
  const std::string wrong = "curly-bracket problem in conditional yes/no parsing: ";
  if (node.child_count > own + (node.fail ? 1 : 2)) {
    SourceSpan rest = program.node(program.child(node, own + (node.fail ? 1 : 2))).span;
    rest.end = program.span.end;
    return wrong + "did not close with '}'\n remaining string is '{" + std::string(rest.view()) +
           "'";
  }
  if (node.fail && node.child_count == own)
    return wrong + "'yes' part did not start with '{'\n remaining string is 'fail}'";
  return "";
}

bool IsJson(const Node& node) { return !node.text.empty(); }

// Of a key that is not empty.
std::string WrongKey(const Node& node, std::string_view trimmed) {
  auto number = ReadFieldNumber(trimmed);
  return IsJson(node) && number.has_value() && *number <= 0
             ? "first argument of \"extract\" must be greater than zero"
             : "";
}

void CheckExtract(CompileContext& context, Node* node) {
  const std::string_view* key =
      node->child_count == 0 ? nullptr : context.ConstantText(context.Child(*node, 0));
  std::string wrong;
  std::size_t least = node->keyed ? 2 : 0;
  if (node->child_count == 0) least = 1;
  if (key != nullptr) {
    std::string_view trimmed = Trim(*key);
    if (!IsJson(*node) && ReadFieldNumber(trimmed).has_value()) least = 3;
    wrong = trimmed.empty() ? "first argument of \"extract\" must not be empty"
                            : WrongKey(*node, trimmed);
  }
  if (wrong.empty() && node->child_count < least)
    wrong = "missing '{' for arg " + std::to_string(node->child_count + 1) + " of extract";
  if (!wrong.empty()) context.Late(node->span, std::move(wrong), "", code::kAlwaysFails);
}

// The tail of an extract; where its texts were read as arguments, the `own` first are not
// of it.
bool ExtractTail(Evaluation& e, const Node& node, std::size_t own, bool found, const Datum& value,
                 Datum* out) {
  if (node.keyed) return e.Tail(node, found, &value, out);
  Node tail = node;
  if (node.child_count > own) tail.yes = e.program.child(node, own);
  if (node.child_count > own + 1) tail.no = e.program.child(node, own + 1);
  return e.Tail(tail, found, &value, out);
}

// The text of a member, without its quotes for `jsons`.
bool TakeMember(Evaluation& e, const Node& node, const Datum& data, const JsonText& json,
                JsonText::Member member, Datum* value) {
  if (node.text == "jsons" && !json.Unquote(&member))
    return e.FailPermanently(node, "missing '\"' wrapping string result for extract jsons");
  return *value = Datum(PartOf(data, member.begin, member.end, &e.arena)), true;
}

bool FindInJson(Evaluation& e, const Node& node, const Datum& data, std::string_view key,
                bool* found, Datum* value) {
  auto number = ReadFieldNumber(key);
  JsonText json(data.text);
  JsonText::Member member;
  if (json.Open(number.has_value() ? JsonText::Kind::kArray : JsonText::Kind::kObject))
    while (!*found && json.Next(&member))
      *found = number.has_value() ? --*number == 0 : member.key == key;
  if (!json.error().empty()) return e.FailPermanently(node, json.error());
  if (!*found) return true;
  // Of an array, white space behind a member goes; of an object it stays, as in Exim.
  while (number.has_value() && member.end > member.begin && IsSpace(data.text[member.end - 1]))
    --member.end;
  return TakeMember(e, node, data, json, member, value);
}

// A value in double quotes, from behind the opening one: escapes as in the language.
std::string ReadQuotedValue(std::string_view text, std::size_t* at) {
  std::string value;
  for (; *at < text.size() && text[*at] != '"'; ++*at) {
    char c = text[*at];
    if (c != '\\' || *at + 1 == text.size()) {
      value += c;
      continue;
    }
    c = text[++*at];
    constexpr std::string_view kNames = "nrtbfv", kOctets = "\n\r\t\b\f\v";
    auto hex = [&](std::size_t i) {
      return i < text.size() &&
             std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    };
    if (std::size_t n = kNames.find(c); n != std::string_view::npos) {
      value += kOctets[n];
    } else if (c == 'x' || (c >= '0' && c <= '7')) {
      int octet = c == 'x' ? 0 : c - '0';
      for (int digits = 0; digits < 2; ++digits) {
        bool takes = c == 'x'
                         ? hex(*at + 1)
                         : *at + 1 < text.size() && text[*at + 1] >= '0' && text[*at + 1] <= '7';
        if (!takes) break;
        char d = ToLower(text[++*at]);
        octet = octet * (c == 'x' ? 16 : 8) + (IsDigit(d) ? d - '0' : d - 'a' + 10);
      }
      value += static_cast<char>(octet & 0xff);
    } else {
      value += c;
    }
  }
  return value;
}

// name=value, name = value or name value, between white space.
bool FindKeyed(Evaluation& e, const Datum& data, std::string_view key, Datum* value) {
  std::string_view text = data.text;
  std::size_t at = 0;
  auto skip = [&] {
    while (at < text.size() && IsSpace(text[at])) ++at;
  };
  for (skip(); at < text.size(); skip()) {
    std::size_t name = at;
    while (at < text.size() && text[at] != '=' && !IsSpace(text[at])) ++at;
    std::size_t name_end = at;
    skip();
    if (at < text.size() && text[at] == '=') {
      ++at;
      skip();
    }
    const bool wanted = EqualsIgnoreCase(text.substr(name, name_end - name), key);
    if (at < text.size() && text[at] == '"') {
      ++at;
      std::string quoted = ReadQuotedValue(text, &at);
      if (at < text.size()) ++at;
      if (wanted) return *value = e.From(e.Copy(quoted), data.origins()), true;
      continue;
    }
    std::size_t begin = at;
    while (at < text.size() && !IsSpace(text[at])) ++at;
    if (wanted) return *value = Datum(PartOf(data, begin, at, &e.arena)), true;
  }
  return false;
}

// The n-th of the fields between separators; 0 is the whole, negative counts from the end.
bool FindNumbered(Evaluation& e, const Datum& text, std::string_view separators, std::int64_t n,
                  Datum* value) {
  if (n == 0) return *value = Datum(Text{text.text, text.segments}), true;
  std::bitset<256> separates;
  for (char c : separators) separates.set(static_cast<unsigned char>(c));
  auto is_separator = [&](char c) { return separates.test(static_cast<unsigned char>(c)); };
  auto count = 1 + std::count_if(text.text.begin(), text.text.end(), is_separator);
  if (n < 0) n += count + 1;
  if (n < 1 || n > count) return false;
  std::size_t begin = 0, end = 0;
  for (;; begin = end + 1) {
    end = begin;
    while (end < text.text.size() && !is_separator(text.text[end])) ++end;
    if (--n == 0) return *value = Datum(PartOf(text, begin, end, &e.arena)), true;
  }
}

bool RunExtract(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum key, data, separators, value;
  if (node.child_count == 0) return e.FailPermanently(node, "missing '{' for arg 1 of extract");
  if (!e.Child(node, 0, &key)) return false;
  std::string_view name = Trim(key.text);
  if (name.empty())
    return e.FailPermanently(node, "first argument of \"extract\" must not be empty");
  auto number = ReadFieldNumber(name);
  std::string wrong =
      node.keyed ? WrongKey(node, name) : CountExtract(node, e.program, number.has_value());
  const std::size_t least = !IsJson(node) && number.has_value() ? 3 : 2;
  if (wrong.empty() && node.child_count < least)
    wrong = "missing '{' for arg " + std::to_string(node.child_count + 1) + " of extract";
  if (!wrong.empty()) return e.FailPermanently(node, std::move(wrong));
  bool found = false;
  if (IsJson(node) || !number.has_value()) {
    if (!e.Child(node, 1, &data)) return false;
    if (!IsJson(node))
      found = FindKeyed(e, data, name, &value);
    else if (!FindInJson(e, node, data, name, &found, &value))
      return false;
    return ExtractTail(e, node, 2, found, value, out);
  }
  if (!e.Child(node, 1, &separators) || !e.Child(node, 2, &data)) return false;
  found = FindNumbered(e, data, separators.text, *number, &value);
  return ExtractTail(e, node, 3, found, value, out);
}

// --- lists ---------------------------------------------------------------------------

bool RunListExtract(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum number, list, value;
  Elements elements(&e.arena);
  char separator;
  if (!e.Child(node, 0, &number) || !e.Child(node, 1, &list)) return false;
  std::string_view digits = Trim(number.text);
  if (digits.empty())
    return e.FailPermanently(node, "first argument of \"listextract\" must not be empty");
  auto n = ReadFieldNumber(digits);
  if (!n.has_value())
    return e.FailPermanently(node, "first argument of \"listextract\" must be numeric");
  if (!e.ElementsOf(node, list, &elements, &separator)) return false;
  auto count = static_cast<std::int64_t>(elements.size());
  std::int64_t index = *n < 0 ? *n + count : *n - 1;
  const bool found = *n != 0 && index >= 0 && index < count;
  if (found) value = Datum(elements[static_cast<std::size_t>(index)]);
  return e.Tail(node, found, &value, out);
}

bool RunListQuote(Evaluation& e, const Node& node, Datum* out) {
  Datum separator, text;
  if (!e.Child(node, 0, &separator) || !e.Child(node, 1, &text)) return false;
  if (text.text.empty()) return *out = Datum(" "), true;
  if (separator.text.empty()) return *out = Datum(Text{text.text, text.segments}), true;
  Text element = text;
  return *out = Datum(Display({&element, 1}, separator.text.front(), ListStyle::kFields, &e.arena)),
         true;
}

// What map, filter and reduce have in common: their list, and $item put back.
class EachItem {
 public:
  EachItem(Evaluation& e) : evaluation_(e), outer_(e.item), elements(&e.arena) {}
  ~EachItem() { evaluation_.item = outer_; }
  EachItem(const EachItem&) = delete;
  EachItem& operator=(const EachItem&) = delete;
  bool Read(const Node& node) {
    Datum list;
    return evaluation_.Child(node, 0, &list) &&
           evaluation_.ElementsOf(node, list, &elements, &separator);
  }

 private:
  Evaluation& evaluation_;
  Datum outer_;

 public:
  Elements elements;
  char separator = ':';
};

bool RunMap(Evaluation& e, const Node& node, Datum* out) {
  EachItem each(e);
  if (!each.Read(node)) return false;
  for (Text& element : each.elements) {
    Datum result;
    e.item = Datum(element);
    const ElementStep step(e.trace, element);
    if (!e.Child(node, 1, &result)) return e.FailedInItem(node);
    element = result;
  }
  return *out = e.MakeList(each.elements, each.separator, ListStyle::kBuilt), true;
}

bool RunFilter(Evaluation& e, const Node& node, Datum* out) {
  EachItem each(e);
  if (!each.Read(node)) return false;
  Elements kept(&e.arena);
  const Datum outer_value = e.value;
  for (const Text& element : each.elements) {
    bool holds = false;
    e.item = Datum(element);
    ElementStep step(e.trace, element);
    const bool good = e.Test(e.program.child(node, 1), &holds);
    step.Says(good, holds, e.failure());
    if (!good) return e.FailedInside(InQuotes(node.item->name) + " condition");
    if (holds) kept.push_back(element);
  }
  e.value = outer_value;
  return *out = e.MakeList(kept, each.separator, ListStyle::kBuilt), true;
}

bool RunReduce(Evaluation& e, const Node& node, Datum* out) {
  EachItem each(e);
  Datum value;
  if (!each.Read(node) || !e.Child(node, 1, &value)) return false;
  Datum outer = e.value;
  bool good = true;
  e.value = value;
  for (const Text& element : each.elements) {
    Datum next;
    e.item = Datum(element);
    const ElementStep step(e.trace, element);
    good = e.Child(node, 2, &next);
    if (!good) break;
    e.value = next;
  }
  *out = e.value;
  e.value = outer;
  return good || e.FailedInItem(node);
}

// --- sort ----------------------------------------------------------------------------

struct Comparator {
  std::string_view name;
  enum Keys : std::uint8_t { kNumbers, kTexts, kFoldedTexts } keys;
  bool descends;
  bool reverses;  // elements with equal keys
};

using enum Comparator::Keys;
constexpr Comparator kComparators[] = {
    {"<", kNumbers, false, false}, {"<=", kNumbers, false, true},
    {">", kNumbers, true, false},  {">=", kNumbers, true, true},
    {"ge", kTexts, true, true},    {"gei", kFoldedTexts, true, true},
    {"gt", kTexts, true, false},   {"gti", kFoldedTexts, true, false},
    {"le", kTexts, false, true},   {"lei", kFoldedTexts, false, true},
    {"lt", kTexts, false, false},  {"lti", kFoldedTexts, false, false},
};

// Reads a comparator's name, whose end may be white space. Returns what is wrong, or "".
std::string ReadComparator(std::string_view name, const Comparator** comparator) {
  while (!name.empty() && IsSpace(name.back())) name.remove_suffix(1);
  for (const Comparator& c : kComparators)
    if (c.name == name) return *comparator = &c, "";
  const bool named = !name.empty() && (IsAlpha(name.front()) ||
                                       std::string_view("<=>").find(name.front()) != name.npos);
  if (named) return "comparator not handled for sort";
  return "condition name expected, but found " + InQuotes(name.substr(0, 16));
}

void CheckSort(CompileContext& context, Node* node) {
  const Node& written = context.rep.node(context.Child(*node, 1));
  const Comparator* comparator = nullptr;
  std::string wrong = ReadComparator(written.text, &comparator);
  if (!wrong.empty())
    context.Late(written.span.view().empty() ? node->span : written.span, std::move(wrong),
                 "there are < <= > >= lt lti le lei gt gti ge gei", code::kUnknownName);
}

struct SortKey {
  std::string_view text;
  std::int64_t number = 0;
  bool comparable = true;  // a text that is no number comes neither before nor behind one
};

int CompareKeys(const Comparator& by, const SortKey& a, const SortKey& b) {
  int order = by.keys == kNumbers       ? (a.number < b.number ? -1 : a.number > b.number)
              : by.keys == kFoldedTexts ? CompareFolded(a.text, b.text)
                                        : a.text.compare(b.text);
  return by.descends ? -order : order;
}

bool SortKeyOf(Evaluation& e, const Node& node, const Comparator& by, SortKey* key) {
  const NodeId extractor = e.program.child(node, 2);
  const std::string wrong =
      "field-extract in sort: " + InQuotes(e.program.node(extractor).span.view());
  Datum text;
  if (!e.Eval(extractor, &text)) return e.FailedAs(wrong);
  if (text.text.empty()) return e.FailPermanently(node, wrong);
  key->text = text.text;
  if (by.keys != kNumbers) return true;
  auto number = ReadComparisonNumber(text.text);
  key->comparable = number.ok();
  if (number.ok()) key->number = number.value();
  return true;
}

// The places of elements in the result, as Exim's insertion gives it: each element goes
// before the first one there that the comparator puts it before. What cannot be compared
// is put last at its time, which is behind the greatest of those before it.
std::pmr::vector<std::size_t> SortedOrder(const Comparator& by,
                                          const std::pmr::vector<SortKey>& keys) {
  std::pmr::vector<std::size_t> order(keys.get_allocator());
  for (std::size_t n = 0; n < keys.size(); ++n)
    if (keys[n].comparable) order.push_back(n);
  if (by.reverses) std::reverse(order.begin(), order.end());
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return CompareKeys(by, keys[a], keys[b]) < 0;
  });
  std::pmr::vector<std::size_t> rank(keys.size(), keys.get_allocator());
  for (std::size_t n = 0; n < order.size(); ++n) rank[order[n]] = 2 * (n + 1);
  std::size_t greatest = 0;
  for (std::size_t n = 0; n < keys.size(); ++n) {
    if (keys[n].comparable) {
      greatest = std::max(greatest, rank[n]);
    } else {
      rank[n] = greatest + 1;
      order.push_back(n);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
  return order;
}

bool RunSort(Evaluation& e, const Node& node, Datum* out) {
  EachItem each(e);
  if (!each.Read(node)) return false;
  const Comparator* comparator = nullptr;
  std::string wrong = ReadComparator(e.program.node(e.program.child(node, 1)).text, &comparator);
  if (!wrong.empty()) return e.FailPermanently(node, std::move(wrong));
  const Comparator& by = *comparator;
  std::pmr::vector<SortKey> keys(each.elements.size(), &e.arena);
  for (std::size_t n = 0; n < keys.size(); ++n) {
    e.item = Datum(each.elements[n]);
    if (!SortKeyOf(e, node, by, &keys[n])) return false;
  }
  Elements sorted(&e.arena);
  for (std::size_t n : SortedOrder(by, keys)) sorted.push_back(each.elements[n]);
  return *out = e.MakeList(sorted, each.separator, ListStyle::kBuilt), true;
}

// --- parts of texts ------------------------------------------------------------------

// Which part of a text is taken is the administrator's to say.
bool ItemNumber(Evaluation& e, const Node& node, std::size_t n, Sign sign, std::int64_t* number) {
  Datum text;
  if (!e.Child(node, n, &text)) return false;
  if ((text.origins() & kNeverStructure) != 0)
    return e.FailPermanently(node, "attempt to use tainted string '" + Printable(text.text) +
                                       "' for " + std::string(node.item->name));
  auto read = ReadItemNumber(text.text, sign, node.item->name);
  if (!read.ok()) return e.FailPermanently(node, read.error());
  return *number = read.value(), true;
}

bool RunLengthItem(Evaluation& e, const Node& node, Datum* out) {
  std::int64_t length = 0;
  Datum text;
  if (!ItemNumber(e, node, 0, Sign::kNone, &length) || !e.Child(node, 1, &text)) return false;
  return *out = Datum(Substring(e, text, 0, length)), true;
}

bool RunSubstrItem(Evaluation& e, const Node& node, Datum* out) {
  std::int64_t start = 0, length = 0;
  const bool has_length = node.child_count == 3;
  Datum text;
  if (!ItemNumber(e, node, 0, Sign::kAllowed, &start)) return false;
  if (has_length && !ItemNumber(e, node, 1, Sign::kNone, &length)) return false;
  if (!e.Child(node, node.child_count - 1, &text)) return false;
  return *out = Datum(Substring(e, text, start, has_length ? std::optional(length) : std::nullopt)),
         true;
}

// --- hashes --------------------------------------------------------------------------

// One or two numbers in front of the last text; `second` is kept where there is one.
bool HashNumbers(Evaluation& e, const Node& node, std::int64_t* first, std::int64_t* second) {
  return ItemNumber(e, node, 0, Sign::kAllowed, first) &&
         (node.child_count < 3 || ItemNumber(e, node, 1, Sign::kNone, second));
}

bool RunHashItem(Evaluation& e, const Node& node, Datum* out) {
  std::int64_t length = 0, codes = kHashCodesDefault;
  Datum text;
  if (!HashNumbers(e, node, &length, &codes)) return false;
  if (!e.Child(node, node.child_count - 1, &text)) return false;
  std::string wrong = CheckHashNumbers(length, codes);
  if (!wrong.empty()) return e.FailPermanently(node, std::move(wrong));
  auto kept = static_cast<std::size_t>(length);
  *out = kept >= text.text.size()
             ? Datum(Text{text.text, text.segments})
             : Datum(e.Copy(Hash(text.text, kept, static_cast<std::size_t>(codes))));
  return true;
}

bool RunNumericHashItem(Evaluation& e, const Node& node, Datum* out) {
  std::int64_t n = 0, m = 1;
  Datum text;
  if (!HashNumbers(e, node, &n, &m)) return false;
  if (!e.Child(node, node.child_count - 1, &text)) return false;
  if (n <= 0 || m <= 0)
    return e.FailPermanently(node, InQuotes(std::to_string(n <= 0 ? n : m)) +
                                       " is not a positive number (in \"nhash\" expansion)");
  return *out = Datum(e.Copy(NumericHash(text.text, n, node.child_count < 3 ? 0 : m))), true;
}

std::string WrongHmac(std::string_view algorithm) {
  if (algorithm == "md5" || algorithm == "sha1") return "";
  return "hmac algorithm " + InQuotes(algorithm) + " is not recognised";
}

void CheckHmac(CompileContext& context, Node* node) {
  NodeId algorithm = context.Child(*node, 0);
  const std::string_view* text = context.ConstantText(algorithm);
  std::string wrong = text == nullptr ? "" : WrongHmac(*text);
  if (!wrong.empty())
    context.Late(context.rep.node(algorithm).span, std::move(wrong), "", code::kAlwaysFails);
}

bool RunHmac(Evaluation& e, const Node& node, Datum* out) {
  Datum algorithm, key, text;
  if (!e.Child(node, 0, &algorithm) || !e.Child(node, 1, &key) || !e.Child(node, 2, &text))
    return false;
  std::string wrong = WrongHmac(algorithm.text);
  if (!wrong.empty()) return e.FailPermanently(node, std::move(wrong));
  std::string digest = algorithm.text == "md5" ? crypto::HmacMd5(key.text, text.text)
                                               : crypto::HmacSha1(key.text, text.text);
  return *out = Datum(e.Copy(HexLower(digest))), true;
}

bool RunTr(Evaluation& e, const Node& node, Datum* out) {
  Datum text, from, to;
  if (!e.Child(node, 0, &text) || !e.Child(node, 1, &from) || !e.Child(node, 2, &to)) return false;
  *out = Datum(Text{text.text, text.segments});
  if (to.text.empty()) return true;
  char becomes[256];
  std::iota(std::begin(becomes), std::end(becomes), '\0');
  for (std::size_t at = 0; at < from.text.size(); ++at)
    becomes[static_cast<unsigned char>(from.text[at])] = to.text[std::min(at, to.text.size() - 1)];
  char* octets = e.Octets(text.text.size());
  std::transform(text.text.begin(), text.text.end(), octets,
                 [&](char c) { return becomes[static_cast<unsigned char>(c)]; });
  return *out = e.Derived({octets, text.text.size()}, text), true;
}

// --- sg ------------------------------------------------------------------------------

void CheckSg(CompileContext& context, Node* node) {
  NodeId pattern = context.Child(*node, 1);
  if (const std::string_view* text = context.ConstantText(pattern))
    node->regex = context.CompileRegex(context.rep.node(pattern).span, *text);
}

// One substitution: what has been put together so far, and where in the subject it is.
class Substitution {
 public:
  Substitution(Evaluation& e, const Node& node, const Datum& subject)
      : e_(e), node_(node), subject_(subject), parts_(&e.arena) {}

  bool Run(const Regex& regex) {
    std::vector<Regex::Group> groups;
    auto mode = Regex::Mode::kAnywhere;
    while (at_ <= subject_.text.size()) {
      bool matches = false;
      if (!e_.MatchRegex(node_, regex, subject_, at_, mode, &groups, &matches)) return false;
      if (!matches || groups[0].begin == Regex::kUnset) {
        if (mode == Regex::Mode::kAnywhere || at_ >= subject_.text.size()) break;
        // Behind an empty match nothing begins here: the octet stays, look behind it.
        Keep(at_, at_ + 1);
        ++at_;
        mode = Regex::Mode::kAnywhere;
        continue;
      }
      Keep(at_, groups[0].begin);
      if (!Replace(groups)) return false;
      // A lookbehind with \K may give a match that ends where the search began.
      const bool advances = groups[0].end > at_;
      at_ = groups[0].end > at_ ? groups[0].end : at_;
      mode = advances && groups[0].begin < groups[0].end ? Regex::Mode::kAnywhere
                                                         : Regex::Mode::kAfterEmpty;
    }
    Keep(at_, subject_.text.size());
    return true;
  }

  // The parts joined.
  Datum Result() {
    std::size_t size = 0, runs = 0;
    for (const Text& p : parts_) {
      size += p.text.size();
      runs += p.segments.size() + 1;
    }
    char* octets = e_.Octets(size);
    auto* segments =
        static_cast<Segment*>(e_.arena.allocate(sizeof(Segment) * (runs + 1), alignof(Segment)));
    std::size_t at = 0, run = 0;
    bool outsiders = false;
    for (const Text& p : parts_) {
      std::copy(p.text.begin(), p.text.end(), octets + at);
      outsiders = outsiders || !p.segments.empty();
      if (p.segments.empty() && !p.text.empty())
        segments[run++] = {static_cast<std::uint32_t>(at + p.text.size())};
      for (Segment s : p.segments) {
        s.end += static_cast<std::uint32_t>(at);
        segments[run++] = s;
      }
      at += p.text.size();
    }
    return Datum(Text{{octets, size}, {segments, outsiders ? run : 0}});
  }

 private:
  void Keep(std::size_t begin, std::size_t end) {
    if (begin < end) parts_.push_back(PartOf(subject_, begin, end, &e_.arena));
  }
  bool Replace(const std::vector<Regex::Group>& groups) {
    Datum replacement;
    e_.SetCaptures(subject_, groups);
    if (!e_.Eval(node_.again, &replacement)) return false;
    parts_.push_back(replacement);
    return true;
  }

  Evaluation& e_;
  const Node& node_;
  const Datum& subject_;
  Elements parts_;
  std::size_t at_ = 0;
};

bool RunSg(Evaluation& e, const Node& node, Datum* out) {
  Scope scope(e);
  Datum subject, pattern;
  if (!e.Child(node, 0, &subject)) return false;
  std::unique_ptr<const Regex> made;
  if (node.regex == nullptr && (!e.Child(node, 1, &pattern) || !e.MakeRegex(node, pattern, &made)))
    return false;
  std::pmr::vector<Datum> holes(node.holes, &e.arena);
  for (std::size_t n = 0; n < node.holes; ++n)
    if (!e.Child(node, 2 + n, &holes[n])) return false;
  std::span<const Datum> outer = e.holes;
  e.holes = holes;
  Substitution substitution(e, node, subject);
  bool good = substitution.Run(node.regex != nullptr ? *node.regex : *made);
  e.holes = outer;
  if (good) *out = substitution.Result();
  return good;
}

using enum ItemForm;
// clang-format off
constexpr ItemRow kItems[] = {
  {"acl",         kArguments,       1, 10, &RunAclItem,    &CheckAclCall,     "the message of an ACL that is called with up to nine arguments"},
  {"authresults", kArguments,       1, 1, &RunAuthResults, nullptr,           "a header field that says how the client was authenticated (RFC 8601)"},
  {"certextract", kCertificateTail, 2, 2, &RunCertExtract, &CheckCertExtract, "a field of a certificate"},
  {"env",         kArgumentsTail,   1, 1, &RunEnv,         nullptr,           "a variable of the process's environment that the configuration lets through"},
  {"extract",     kExtract,         0, 5, &RunExtract,     &CheckExtract,     "a field by its name, or by its number between separators"},
  {"filter",      kListThenTest,    2, 2, &RunFilter,      nullptr,           "the elements of a list for which a condition holds"},
  {"hash",        kArguments,       2, 3, &RunHashItem,    nullptr,           "a short hash of a text, not for security"},
  {"hmac",        kArguments,       3, 3, &RunHmac,        &CheckHmac,        "RFC 2104: a digest that needs a key"},
  {"if",          kCondition,       1, 1, &RunIf,          nullptr,           "one text or another, by a condition"},
  {"length",      kArguments,       2, 2, &RunLengthItem,  nullptr,           "at most so many octets from the front"},
  {"listextract", kArgumentsTail,   2, 2, &RunListExtract, nullptr,           "an element of a list by its number"},
  {"listquote",   kArguments,       2, 2, &RunListQuote,   nullptr,           "a text made fit to be one element: the separator is doubled"},
  {"lookup",      kLookup,          1, 2, &RunLookup,      &CheckLookup,      "what a file or a directory answers"},
  {"map",         kEachElement,     2, 2, &RunMap,         nullptr,           "a list with each element replaced by a text made from $item"},
  {"nhash",       kArguments,       2, 3, &RunNumericHashItem, nullptr,       "a number from a text, not for security"},
  {"reduce",      kEachElement,     3, 3, &RunReduce,      nullptr,           "one value made from all elements, with $value and $item"},
  {"sg",          kSubstitute,      3, 3, &RunSg,          &CheckSg,          "every match of a regular expression replaced"},
  {"sort",        kSort,            3, 3, &RunSort,        &CheckSort,        "the elements of a list in the order of their keys"},
  {"substr",      kArguments,       2, 3, &RunSubstrItem,  nullptr,           "from an offset, for a length; negative counts from the end"},
  {"tr",          kArguments,       3, 3, &RunTr,          nullptr,           "octets replaced one for one"},
};
// clang-format on
static_assert(SortedAndUnique(kItems), "keep kItems in order of name");
static_assert(Named(kItems), "a row needs a name and a manual line");

}  // namespace

std::span<const ItemRow> Items() { return kItems; }

}  // namespace signet::expand
