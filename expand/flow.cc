#include "expand/flow.h"

#include <algorithm>

#include "expand/evaluate.h"
#include "src/base/limits.h"

namespace signet::expand {
namespace {

// Stands for text from outside: an address, because operators take that apart.
constexpr std::string_view kSample = "x@x.x";
// For operators that take nothing but numbers.
constexpr std::string_view kSampleNumber = "1";

Source Joined(Source a, const Source& b) {
  if (!b.IsOutside()) return a;
  if (!a.IsOutside()) return b;
  a.origins |= b.origins;
  // As sure as the surer one; quoted where both are quoted alike.
  a.perhaps = a.perhaps && b.perhaps;
  if (a.quote != b.quote) a.quote = Quote::kNone;
  return a;
}

Source SourceOfShape(const Shape& shape) {
  Source source;
  for (const Piece& piece : shape) source = Joined(source, piece.source);
  return source;
}

// Of texts of which one comes out: sure only where all are.
Source OneOf(const std::vector<Shape>& shapes) {
  Source all;
  bool sure = !shapes.empty();
  for (const Shape& shape : shapes) {
    Source source = SourceOfShape(shape);
    sure = sure && source.IsOutside() && !source.perhaps;
    all = Joined(all, source);
  }
  if (all.IsOutside()) all.perhaps = !sure;
  return all;
}

std::vector<Shape> Single(std::string_view text, const Source& source, SourceSpan span) {
  if (source.IsOutside()) text = kSample;
  return {{Piece{std::string(text), source, span}}};
}

bool IsPlain(std::string_view item) {
  return item == "hash" || item == "nhash" || item == "hmac" || item == "env" ||
         item == "authresults";
}

bool KeepsPlaces(std::string_view op) { return op == "lc" || op == "uc"; }

class NoWorld final : public Services {
 public:
  LookupAnswer Lookup(const LookupRequest&) override { return {LookupAnswer::kDeferred, ""}; }
  LookupAnswer AuthenticateBy(int, std::string_view) override {
    return {LookupAnswer::kDeferred, ""};
  }
  std::int64_t Now() override { return 0; }
};

}  // namespace

Source Flow::SourceOf(NodeId id, const Surroundings& around) { return OneOf(ShapesOf(id, around)); }

std::vector<Shape> Flow::ShapesOf(NodeId id, const Surroundings& around) {
  const Node& node = rep_.node(id);
  if (folder_.IsClosed(id)) {
    std::optional<std::string> text = folder_.Text(id);
    return Single(text.value_or(""), {}, node.span);
  }
  switch (node.kind) {
    case NodeKind::kText:
      return Single(node.text, {}, node.span);
    case NodeKind::kVariable:
      return Single("x", Variable(node, around), node.span);
    case NodeKind::kCapture:
    case NodeKind::kHole:
    case NodeKind::kCondition:
      return Single("x", {.perhaps = true}, node.span);
    case NodeKind::kSequence:
      return Sequence(node, around);
    case NodeKind::kOperator:
      return Operator(node, around);
    case NodeKind::kItem:
      return Item(node, around);
  }
  return {};
}

std::vector<Shape> Flow::Sequence(const Node& node, const Surroundings& around) {
  std::vector<Shape> shapes(1);
  for (std::size_t n = 0; n < node.child_count; ++n) {
    std::vector<Shape> more = ShapesOf(rep_.child(node, n), around);
    if (shapes.size() * more.size() > limits::kFlowShapes)
      more = Single("x", OneOf(more), rep_.node(rep_.child(node, n)).span);
    std::vector<Shape> product;
    for (const Shape& shape : shapes)
      for (const Shape& next : more) {
        product.push_back(shape);
        product.back().insert(product.back().end(), next.begin(), next.end());
      }
    shapes = std::move(product);
  }
  return shapes;
}

Source Flow::Variable(const Node& node, const Surroundings& around) const {
  const VariableRow& row = *node.variable;
  if (row.name == "item") return around.item;
  if (row.name == "value") return around.value;
  if (row.origins != kFromAdministrator) return {.origins = row.origins};
  // These carry what was stored in them.
  const bool stored = row.name.starts_with("acl_") || row.name.starts_with("auth");
  return {.perhaps = stored && row.name != "acl_narg"};
}

// --- operators -----------------------------------------------------------------------

std::vector<Shape> Flow::Operator(const Node& node, const Surroundings& around) {
  std::vector<Shape> shapes = ShapesOf(rep_.child(node, 0), around);
  if (KeepsPlaces(node.op->name)) return shapes;
  for (Shape& shape : shapes) {
    Source subject = SourceOfShape(shape);
    shape = Single("x", AfterOperator(node, subject), node.span).front();
  }
  return shapes;
}

// Asks the operator itself what it makes of text from there.
Source Flow::AfterOperator(const Node& node, const Source& subject) {
  if (!subject.IsOutside() || node.wrong) return {};
  for (std::string_view sample : {kSample, kSampleNumber}) {
    alignas(16) char block[512];
    Budget budget;
    Arena arena(block, sizeof block, budget);
    NoWorld world;
    static const facts::Session* session = new facts::Session;
    Evaluation evaluation(rep_, *session, world, budget, arena);
    Segment run{static_cast<std::uint32_t>(sample.size()), kFromClient, subject.quote};
    Datum result;
    if (!node.op->run(evaluation, node, Datum(Text{sample, {&run, 1}}), &result)) continue;
    if (result.text.empty()) continue;
    Source source = subject;
    source.quote = result.segments.empty() ? Quote::kNone : result.segments.front().quote;
    return (result.origins() & kOutsiders) == 0 ? Source{} : source;
  }
  return {.origins = subject.origins, .perhaps = true};
}

// --- items ---------------------------------------------------------------------------

Source Flow::ValueIn(const Node& node, const Surroundings& around) {
  std::string_view name = node.item->name;
  if (node.lookup != nullptr) {
    const bool key = node.text.find("ret=key") != std::string_view::npos;
    return {.origins = kFromDirectory,
            .perhaps = key,
            .quote = node.lookup->name == "dsearch" ? Quote::kFileName : Quote::kNone};
  }
  if (name == "certextract") return {.origins = kFromCertificate};
  if ((name == "extract" || name == "listextract") && node.child_count > 0) {
    const std::size_t data = name == "extract" && node.child_count == 2 ? 1 : node.child_count - 1;
    return SourceOf(rep_.child(node, data), around);
  }
  return around.value;
}

std::vector<Shape> Flow::Tail(const Node& node, const Surroundings& around) {
  Surroundings inside = around;
  inside.value = ValueIn(node, around);
  std::vector<Shape> shapes;
  if (node.yes != kNoNode)
    shapes = ShapesOf(node.yes, inside);
  else
    shapes = Single("x", node.item->name == "if" ? Source{} : inside.value, node.span);
  std::vector<Shape> no;
  if (node.no != kNoNode)
    no = ShapesOf(node.no, around);
  else if (!node.fail && (node.yes != kNoNode || node.item->name == "if"))
    no = Single("", {}, node.span);
  shapes.insert(shapes.end(), no.begin(), no.end());
  if (shapes.size() > limits::kFlowShapes) return Single("x", OneOf(shapes), node.span);
  return shapes;
}

std::vector<Shape> Flow::Item(const Node& node, const Surroundings& around) {
  std::string_view name = node.item->name;
  if (IsPlain(name)) return Single("x", {}, node.span);
  if (name == "filter" || name == "sort") return ShapesOf(rep_.child(node, 0), around);
  if (name == "map") {
    Surroundings inside = around;
    inside.item = SourceOf(rep_.child(node, 0), around);
    return ShapesOf(rep_.child(node, 1), inside);
  }
  if (name == "reduce") {
    Surroundings inside = around;
    inside.item = SourceOf(rep_.child(node, 0), around);
    inside.value = Joined(SourceOf(rep_.child(node, 1), around), inside.item);
    if (inside.value.IsOutside()) inside.value.perhaps = true;
    return ShapesOf(rep_.child(node, 2), inside);
  }
  if (name == "substr" || name == "length")
    return Single("x", SourceOf(rep_.child(node, node.child_count - 1), around), node.span);
  const bool has_tail = node.yes != kNoNode || node.no != kNoNode || node.lookup != nullptr ||
                        name == "if" || name == "certextract" || name == "listextract";
  if (has_tail) return Tail(node, around);
  Source all;
  for (std::size_t n = 0; n < node.child_count; ++n)
    all = Joined(all, SourceOf(rep_.child(node, n), around));
  if (all.IsOutside()) all.quote = Quote::kNone;
  return Single("x", all, node.span);
}

}  // namespace signet::expand
