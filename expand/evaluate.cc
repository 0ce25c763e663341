#include "expand/evaluate.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "expand/compile.h"
#include "expand/query.h"
#include "expand/show.h"
#include "expand/steps.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

constexpr char kTooDeep[] = "expansions and ACLs that call each other are nested too deep";

// Of a text that is not expanded, in the message.
constexpr std::size_t kMostShown = 200;

// Room for the usual expansion, so that it needs no heap.
constexpr std::size_t kFirstBlockBytes = 2048;

constexpr char kTooMuchOutput[] = "too much output in one expansion";

// Looking at the clock costs more than most nodes.
constexpr std::size_t kStepsPerLookAtTheClock = 1024;

std::size_t RunsIn(const Text& t) {
  return t.text.empty() ? 0 : std::max<std::size_t>(1, t.segments.size());
}

}  // namespace

bool Evaluation::Fail(FailureKind kind, const Node& node, std::string text) {
  if (!failed_) failure_ = Failure{kind, node.span, std::move(text), false};
  failed_ = true;
  return false;
}

bool Evaluation::FailDeferred(const Node& node, std::string text) {
  Fail(FailureKind::kTemporary, node, std::move(text));
  failure_.lookup_deferred = true;
  return false;
}

bool Evaluation::FailedAs(std::string_view text) {
  const bool temporary = failure_.kind == FailureKind::kTemporary;
  failure_.text = std::string(text) + (temporary ? ": " + failure_.text : "");
  return false;
}

bool Evaluation::FailedInside(std::string_view what) {
  failure_.text += " inside " + std::string(what);
  return false;
}

bool Evaluation::FailedInItem(const Node& node) {
  failure_.text = InQuotes(failure_.text, limits::kLogLineMaxBytes) + " inside " +
                  InQuotes(node.item->name) + " item";
  return false;
}

bool Evaluation::Step(const Node& node) {
  if (budget.steps == 0) return FailTemporarily(node, "too many steps in one expansion");
  --budget.steps;
  if (arena.spent()) return FailTemporarily(node, kTooMuchOutput);
  if (budget.steps % kStepsPerLookAtTheClock == 0 && budget.deadline.Passed())
    return FailTemporarily(node, "expansion took too long");
  return true;
}

bool Evaluation::Child(const Node& node, std::size_t n, Datum* out) {
  return Eval(program.child(node, n), out);
}

bool Evaluation::Eval(NodeId id, Datum* out) {
  const Node& node = program.node(id);
  if (Traces()) [[unlikely]]
    return EvalTraced(id, node, out);
  if (!Step(node)) return false;
  switch (node.kind) {
    case NodeKind::kText:
      *out = Datum(node.text);
      return true;
    case NodeKind::kSequence:
      return Join(node, out);
    case NodeKind::kVariable:
      return ReadVariable(node, out);
    case NodeKind::kOperator:
      return RunOperatorNode(node, out);
    case NodeKind::kItem:
      return node.item->run(*this, node, out);
    case NodeKind::kHole:
      *out = holes[static_cast<std::size_t>(node.numbers[0])];
      return true;
    case NodeKind::kCapture: {
      auto n = static_cast<std::size_t>(node.numbers[0]);
      // Authenticators' data are $1 … too, until something has been matched.
      if (captures.empty() && session.auth_numbers && n >= 1 && n <= std::size(session.auth_vars))
        return *out = FromValue(session.auth_vars[n - 1]), true;
      *out = n < captures.size() ? Datum(captures[n]) : Datum();
      return true;
    }
    case NodeKind::kCondition:
      break;
  }
  SIGNET_CHECK(false);
}

// With the step that stands for it, if it has one.
bool Evaluation::EvalTraced(NodeId id, const Node& node, Datum* out) {
  facts::Trace* const trace_here = trace;
  if (trace_here->dropped() > kStepsInVain) trace = nullptr;
  entering_ = trace != nullptr;
  if (trace == nullptr || id == query_ || !LeavesStep(program, node)) return Eval(id, out);
  if (node.kind == NodeKind::kItem && node.lookup != nullptr && !node.keyed)
    query_ = program.child(node, node.child_count - 1);
  const std::size_t step = BeginStep(*this, node);
  const bool good = Eval(id, out);
  EndStep(*this, *trace_here, step, node, good, *out);
  return good;
}

bool Evaluation::TestTraced(NodeId id, const Node& node, bool* holds) {
  facts::Trace* const trace_here = trace;
  if (trace_here->dropped() > kStepsInVain) trace = nullptr;
  entering_ = trace != nullptr;
  if (trace == nullptr) return Test(id, holds);
  const std::size_t step = BeginStep(*this, node);
  const int secrets = IsAboutSecrets(*node.condition) ? 1 : 0;
  trace_here->BeDiscreet(secrets);
  const bool good = Test(id, holds);
  trace_here->BeDiscreet(-secrets);
  EndTest(*this, *trace_here, step, good, *holds);
  return good;
}

bool Evaluation::Test(NodeId id, bool* holds) {
  const Node& node = program.node(id);
  if (Traces()) [[unlikely]]
    return TestTraced(id, node, holds);
  if (!Step(node) || !node.condition->run(*this, node, holds)) return false;
  if (node.negated) *holds = !*holds;
  return true;
}

// Joins the children's octets, and their origins with them.
bool Evaluation::Join(const Node& node, Datum* out) {
  auto* parts =
      static_cast<Text*>(arena.allocate(sizeof(Text) * (node.child_count + 1), alignof(Text)));
  std::size_t size = 0, runs = 0;
  bool outsiders = false;
  for (std::size_t n = 0; n < node.child_count; ++n) {
    Datum part;
    facts::Trace* const hidden = trace != nullptr && StandsInPassword(parts, n) ? trace : nullptr;
    if (hidden != nullptr) hidden->BeDiscreet(1);
    const bool good = Child(node, n, &part);
    if (hidden != nullptr) hidden->BeDiscreet(-1);
    if (!good) return false;
    parts[n] = part;
    size += part.text.size();
    runs += RunsIn(part);
    outsiders = outsiders || !part.segments.empty();
  }
  char* octets = Octets(size);
  Segment* segments =
      outsiders ? static_cast<Segment*>(arena.allocate(sizeof(Segment) * runs, alignof(Segment)))
                : nullptr;
  std::size_t at = 0, run = 0;
  for (std::size_t n = 0; n < node.child_count; ++n) {
    const Text& part = parts[n];
    if (part.text.empty()) continue;
    std::memcpy(octets + at, part.text.data(), part.text.size());
    if (outsiders && part.segments.empty())
      segments[run++] = {static_cast<std::uint32_t>(at + part.text.size())};
    for (Segment s : part.segments) {
      s.end += static_cast<std::uint32_t>(at);
      segments[run++] = s;
    }
    at += part.text.size();
  }
  *out = Datum(Text{{octets, size}, {segments, run}});
  return true;
}

bool Evaluation::ReadVariable(const Node& node, Datum* out) {
  if (!LookAtVariable(node, out)) return false;
  if (program.calls) Own(out);
  return true;
}

// Copies what lies in the session, where it may be changed meanwhile.
void Evaluation::Own(Datum* datum) {
  auto copy = [this](const Text& text) -> Text {
    auto* segments = static_cast<Segment*>(
        arena.allocate(sizeof(Segment) * text.segments.size() + 1, alignof(Segment)));
    std::copy(text.segments.begin(), text.segments.end(), segments);
    return {Copy(text.text), {segments, text.segments.size()}};
  };
  static_cast<Text&>(*datum) = copy(*datum);
  if (datum->list == nullptr) return;
  auto* list = static_cast<ListData*>(arena.allocate(sizeof(ListData), alignof(ListData)));
  auto* elements = static_cast<Text*>(
      arena.allocate(sizeof(Text) * (datum->list->elements.size() + 1), alignof(Text)));
  std::transform(datum->list->elements.begin(), datum->list->elements.end(), elements, copy);
  *list = ListData{{elements, datum->list->elements.size()}, datum->list->separator};
  datum->list = list;
}

bool Evaluation::LookAtVariable(const Node& node, Datum* out) {
  if (!session.overrides.empty()) {
    auto found = session.overrides.find(node.text);
    if (found != session.overrides.end()) return *out = FromValue(found->second), true;
  }
  if (!node.variable->get(*this, node, out)) return false;
  // Only $name means the certificate itself, as in Exim: ${name} is text.
  if (node.braced && out->of_certificate_kind) *out = Datum(out->text);
  return true;
}

bool Evaluation::RunOperatorNode(const Node& node, Datum* out) {
  Datum subject;
  if (node.again == kNoNode && !Child(node, 0, &subject)) return false;
  if (node.wrong) return FailPermanently(node, std::string(node.text));
  if (node.op->takes == Takes::kEachElement && subject.list != nullptr)
    return RunEachElement(node, subject, out);
  *out = Datum();
  return node.op->run(*this, node, subject, out);
}

bool Evaluation::RunEachElement(const Node& node, const Datum& subject, Datum* out) {
  Elements done(&arena);
  for (const Text& element : subject.list->elements) {
    Datum result;
    if (!Step(node) || !node.op->run(*this, node, Datum(element), &result)) return false;
    done.push_back(result);
  }
  *out = MakeList(done, subject.list->separator, ListStyle::kFields);
  return true;
}

// --- making values -------------------------------------------------------------------

std::string_view Evaluation::Copy(std::string_view octets) {
  char* copy = Octets(octets.size());
  if (!octets.empty()) std::memcpy(copy, octets.data(), octets.size());
  return {copy, octets.size()};
}

Datum Evaluation::From(std::string_view octets, Origins origins, Quote quote) {
  Datum datum(octets);
  if (octets.empty() || (origins == kFromAdministrator && quote == Quote::kNone)) return datum;
  auto* segment = static_cast<Segment*>(arena.allocate(sizeof(Segment), alignof(Segment)));
  *segment = {static_cast<std::uint32_t>(octets.size()), origins, quote};
  datum.segments = {segment, 1};
  return datum;
}

Datum Evaluation::Decimal(std::int64_t number) {
  char* octets = Octets(24);
  auto done = std::to_chars(octets, octets + 24, number);
  return Datum(std::string_view(octets, static_cast<std::size_t>(done.ptr - octets)));
}

Datum Evaluation::MakeList(std::span<const Text> elements, char separator, ListStyle style) {
  auto* copy =
      static_cast<Text*>(arena.allocate(sizeof(Text) * (elements.size() + 1), alignof(Text)));
  std::copy(elements.begin(), elements.end(), copy);
  auto* list = static_cast<ListData*>(arena.allocate(sizeof(ListData), alignof(ListData)));
  *list = ListData{{copy, elements.size()}, separator};
  Datum datum(Display(elements, separator, style, &arena));
  datum.list = list;
  return datum;
}

bool Evaluation::ElementsOf(const Node& node, const Datum& list, Elements* elements,
                            char* separator) {
  bool fits = true;
  if (list.list != nullptr) {
    *separator = list.list->separator;
    fits = list.list->elements.size() <= budget.list_elements;
    elements->assign(list.list->elements.begin(), list.list->elements.end());
  } else {
    fits = Split(list, budget.list_elements, &arena, elements, separator);
  }
  return fits || FailTemporarily(node, "list has too many elements");
}

Datum Evaluation::FromValue(const Value& value) {
  if (!value.is_list) return Datum(Text{value.text, value.segments});
  // The form for display is made anew: it must say of each octet whether it is structure.
  Elements elements(&arena);
  elements.reserve(value.elements.size());
  for (const std::string& e : value.elements) elements.push_back(From(e, value.element_origins));
  return MakeList(elements, value.separator, ListStyle::kFields);
}

Value Evaluation::ToValue(const Datum& datum) const {
  Value value;
  value.text = datum.text;
  value.segments.assign(datum.segments.begin(), datum.segments.end());
  if (datum.list == nullptr) return value;
  value.is_list = true;
  value.separator = datum.list->separator;
  for (const Text& element : datum.list->elements) {
    value.elements.emplace_back(element.text);
    value.element_origins |= element.origins();
  }
  return value;
}

void Evaluation::SetCaptures(const Text& subject, const std::vector<Regex::Group>& groups) {
  auto* texts = static_cast<Text*>(arena.allocate(sizeof(Text) * groups.size(), alignof(Text)));
  for (std::size_t n = 0; n < groups.size(); ++n)
    texts[n] = groups[n].begin == Regex::kUnset
                   ? Text{}
                   : PartOf(subject, groups[n].begin, groups[n].end, &arena);
  captures = {texts, groups.size()};
}

// --- patterns and lookups ------------------------------------------------------------

bool Evaluation::MakeRegex(const Node& node, const Text& pattern,
                           std::unique_ptr<const Regex>* made) {
  for (const Segment& run : pattern.segments)
    if ((run.origins & kOutsiders) != 0 && run.quote != Quote::kRegex)
      return FailTemporarily(node,
                             "text from " + std::string(NameOfOrigin(run.origins)) +
                                 " in a regular expression is not quoted: use ${rxquote:...}");
  auto compiled = Regex::Compile(pattern.text, Regex::Jit::kNo);
  if (!compiled.ok())
    return FailPermanently(
        node, "regular expression error in " + InQuotes(pattern.text) + ": " + compiled.error());
  *made = std::move(compiled).value();
  return true;
}

bool Evaluation::MatchRegex(const Node& node, const Regex& regex, const Text& subject,
                            std::size_t from, Regex::Mode mode, std::vector<Regex::Group>* groups,
                            bool* matches) {
  std::string why;
  Regex::Outcome outcome = regex.Match(subject.text, from, mode, groups, &why, &budget.regex_time);
  if (outcome == Regex::Outcome::kLimit)
    return FailTemporarily(node, "regular expression gave up: " + why);
  return *matches = outcome == Regex::Outcome::kMatch, true;
}

bool Evaluation::RunBlocking(const Node& node, const std::function<void()>& work) {
  if (budget.deadline.Passed()) return FailTemporarily(node, "expansion took too long");
  services.RunBlocking(work);
  return true;
}

bool Evaluation::MayAsk(const Node& node) {
  if (budget.lookups == 0) return FailTemporarily(node, "too many lookups in one session");
  if (budget.deadline.Passed()) return FailTemporarily(node, "expansion took too long");
  --budget.lookups;
  return true;
}

bool Evaluation::Expand(const Node& node, const Text& text, Datum* out) {
  if (node.again != kNoNode ? Eval(node.again, out) : RunCompiled(node, text, out)) return true;
  std::string_view shown =
      node.again != kNoNode ? program.node(program.child(node, 0)).text : text.text;
  failure_.text = "internal expansion of " + InQuotes(shown) + " failed: " + failure_.text;
  return false;
}

bool Evaluation::RunCompiled(const Node& node, const Text& text, Datum* out) {
  if (text.origins() != kFromAdministrator)
    return FailPermanently(node, "attempt to expand tainted string '" +
                                     Printable(text.text.substr(0, kMostShown)) + "'");
  // A node is many times as large as the octets that it is made from.
  constexpr std::size_t kNodeBytesPerOctet = 64;
  if (text.text.size() > budget.output_bytes / kNodeBytesPerOctet)
    return FailTemporarily(node, "too much output in one expansion");
  budget.output_bytes -= text.text.size() * kNodeBytesPerOctet;
  auto source = std::make_unique<const SourceText>("expanded text", std::string(text.text));
  Diagnostics found;
  const auto depth = static_cast<std::size_t>(node.numbers[0]);
  ProgramPtr made = CompileNested(source->whole(), program.used_at, *program.names, depth, &found,
                                  Reading::kTrial);
  for (const Diagnostic& d : found)
    if (made == nullptr && d.severity == Severity::kError) return FailPermanently(node, d.message);
  const Program::Rep& rep = ProgramAccess::Of(*made);
  if (rep.depth > budget.nesting) return FailTemporarily(node, kTooDeep);
  compiled_->push_back({std::move(source), std::move(made)});
  Evaluation inner(rep, session, services, budget, arena);
  inner.value = value;
  inner.item = item;
  inner.captures = captures;
  inner.compiled_ = compiled_;
  inner.trace = trace;
  if (inner.Eval(rep.root, out)) return true;
  failure_ = std::move(inner.failure_);
  failure_.span = node.span;
  failed_ = true;
  return false;
}

bool Evaluation::Tail(const Node& node, bool success, const Datum* found, Datum* out) {
  bool good = true;
  if (success && node.yes == kNoNode) {
    *out = found != nullptr ? *found : Datum("true");
  } else if (success) {
    if (found != nullptr) value = *found;
    good = Eval(node.yes, out);
  } else if (node.no != kNoNode) {
    good = Eval(node.no, out);
  } else if (node.fail) {
    good = FailInTail(node);
  } else {
    *out = Datum();
  }
  // Parts have said their own meanwhile.
  if (trace != nullptr)
    branch = success ? facts::TraceStep::Outcome::kYes : facts::TraceStep::Outcome::kNo;
  return good;
}

bool Evaluation::FailInTail(const Node& node) {
  std::string name(node.item->name);
  return Fail(FailureKind::kForced, node, "\"" + name + "\" failed and \"fail\" requested");
}

int CompareFolded(std::string_view a, std::string_view b) {
  std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    auto x = static_cast<unsigned char>(ToLower(a[i]));
    auto y = static_cast<unsigned char>(ToLower(b[i]));
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

Text Substring(Evaluation& evaluation, const Text& text, std::int64_t start,
               std::optional<std::int64_t> length) {
  auto size = static_cast<std::int64_t>(text.text.size());
  std::int64_t begin = start, end = size;
  if (start < 0) {
    begin = size + start;
    // Without a length: what lies before the point.
    if (!length.has_value())
      return PartOf(text, 0, begin < 0 ? 0 : static_cast<std::size_t>(begin), &evaluation.arena);
    // What lies before the text is taken off the length.
    if (begin < 0) length = std::max<std::int64_t>(*length + begin, 0);
    begin = std::max<std::int64_t>(begin, 0);
  }
  if (begin >= size) return {};
  if (length.has_value()) end = std::min(size, begin + *length);
  return PartOf(text, static_cast<std::size_t>(begin), static_cast<std::size_t>(end),
                &evaluation.arena);
}

// --- the way in ----------------------------------------------------------------------

SourceSpan Program::Rep::Original(SourceSpan span) const {
  auto is_ours = [&](const SourceText& source) { return &source == span.text; };
  while (std::any_of(sources.begin(), sources.end(), is_ours)) span = span.text->CopiedFrom(span);
  return span;
}

namespace {

Outcome EvaluateIn(const Program& program, const ListElement* item, const facts::Session& session,
                   Services& services, Budget& budget) {
  const Program::Rep& rep = ProgramAccess::Of(program);
  auto too_much = [&] {
    return Err{Failure{FailureKind::kTemporary, rep.span, kTooMuchOutput, false}};
  };
  if (rep.is_constant && rep.constant.size() > budget.output_bytes) return too_much();
  if (rep.is_constant) return Value(rep.constant);
  if (rep.depth > budget.nesting)
    return Err{Failure{FailureKind::kTemporary, rep.span, kTooDeep, false}};
  alignas(16) char block[kFirstBlockBytes];
  Arena arena(block, sizeof block, budget);
  Evaluation evaluation(rep, session, services, budget, arena);
  if (rep.hidden) evaluation.trace = nullptr;
  const facts::Discretion discretion(
      session.trace != nullptr && !MayShow(program, session) ? session.trace : nullptr);
  Value element;  // outlives what is evaluated with it
  if (item != nullptr) {
    element = Value(item->text, item->origins);
    if (!item->segments.empty()) element.segments = item->segments;
    evaluation.item = evaluation.FromValue(element);
  }
  Datum result;
  if (!evaluation.Eval(rep.root, &result)) {
    Failure failure = evaluation.failure();
    failure.span = rep.Original(failure.span);
    return Err{std::move(failure)};
  }
  if (arena.spent()) return too_much();
  return evaluation.ToValue(result);
}

}  // namespace

Outcome Evaluate(const Program& program, const facts::Session& session, Services& services,
                 Budget& budget) {
  return EvaluateIn(program, nullptr, session, services, budget);
}

Outcome EvaluateForItem(const Program& program, const ListElement& item,
                        const facts::Session& session, Services& services, Budget& budget) {
  return EvaluateIn(program, &item, session, services, budget);
}

namespace {

// No configuration stands behind a variable's name.
class NoNames final : public Names {
 public:
  const LookupType* FindLookup(std::string_view) const override { return nullptr; }
  std::vector<std::string_view> LookupNames() const override { return {}; }
  std::optional<SourceSpan> FindNamedList(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
};

}  // namespace

Outcome EvaluateVariable(std::string_view name, const facts::Session& session, Services& services,
                         Budget& budget) {
  const auto is_name = [](char c) { return IsAlnum(c) || c == '_'; };
  const NoNames names;
  Diagnostics diagnostics;
  const SourceText text("variable", "$" + std::string(name));
  ProgramPtr program;
  if (!name.empty() && std::all_of(name.begin(), name.end(), is_name))
    program = Compile({&text, 0, static_cast<std::uint32_t>(text.text().size())},
                      facts::Phase::kQuit, names, &diagnostics, Reading::kTrial);
  if (program == nullptr)
    return Err{Failure{FailureKind::kPermanent, {}, "no such variable", false}};
  Outcome outcome = Evaluate(*program, session, services, budget);
  if (outcome) return outcome;
  Failure failure = outcome.error();
  failure.span = {};  // `text` is gone soon
  return Err{std::move(failure)};
}

}  // namespace signet::expand
