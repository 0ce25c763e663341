#include "expand/fold.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "expand/evaluate.h"
#include "src/base/limits.h"

namespace signet::expand {
namespace {

// Rows whose result is not made of their arguments alone, or that cost too much to try.
// Those that ask Services notice it below and need not stand here.
constexpr std::array<std::string_view, 18> kOpenRows = {
    "acl",           "authresults",  "certextract", "crypteq",
    "env",           "exists",       "expand",      "first_delivery",
    "match_address", "match_domain", "match_ip",    "match_local_part",
    "queue_running", "randint",      "readfile",    "run",
    "stat",          "verifycert"};

bool IsOpenRow(std::string_view name) {
  return std::find(kOpenRows.begin(), kOpenRows.end(), name) != kOpenRows.end();
}

// Whoever asks the world does not give the same each time.
class NoWorld final : public Services {
 public:
  LookupAnswer Lookup(const LookupRequest&) override { return Refuse(); }
  LookupAnswer AuthenticateBy(int, std::string_view) override { return Refuse(); }
  std::int64_t Now() override { return asked = true, 0; }
  bool asked = false;

 private:
  LookupAnswer Refuse() {
    asked = true;
    return {LookupAnswer::kDeferred, ""};
  }
};

const facts::Session& NoSession() {
  static const facts::Session* session = new facts::Session;
  return *session;
}

constexpr std::size_t kBlockBytes = 512;

// Runs `ask` with an Evaluation; false where what it found is not for ever.
template <typename Ask>
bool Try(const Program::Rep& rep, Budget& budget, Ask ask) {
  alignas(16) char block[kBlockBytes];
  Arena arena(block, sizeof block, budget);
  NoWorld world;
  Evaluation evaluation(rep, NoSession(), world, budget, arena);
  return ask(evaluation) && !world.asked && !arena.spent();
}

}  // namespace

Folder::Folder(const Program::Rep& rep) : rep_(rep), closed_(rep.nodes.size()) {
  budget_.steps = limits::kFoldSteps;
  budget_.output_bytes = limits::kFoldOutputBytes;
  budget_.lookups = 0;
  budget_.acl_depth = 0;
  // Children come before their parents.
  for (NodeId id = 0; id < rep.nodes.size(); ++id) closed_[id] = FindClosed(rep.node(id));
}

bool Folder::FindClosed(const Node& node) const {
  switch (node.kind) {
    case NodeKind::kText:
      return true;
    case NodeKind::kVariable:
    case NodeKind::kCapture:
    case NodeKind::kHole:
      return false;
    case NodeKind::kOperator:
      if (IsOpenRow(node.op->name)) return false;
      break;
    case NodeKind::kItem:
      if (IsOpenRow(node.item->name) || node.lookup != nullptr) return false;
      break;
    case NodeKind::kCondition:
      if (IsOpenRow(node.condition->name) || node.lookup != nullptr) return false;
      break;
    case NodeKind::kSequence:
      break;
  }
  auto is_closed = [&](NodeId id) { return id == kNoNode || closed_[id] != 0; };
  for (std::size_t n = 0; n < node.child_count; ++n)
    if (!is_closed(rep_.child(node, n))) return false;
  return is_closed(node.yes) && is_closed(node.no) && is_closed(node.again);
}

std::optional<std::string> Folder::Text(NodeId id, std::optional<Failure>* failure) {
  if (!IsClosed(id)) return std::nullopt;
  const Node& node = rep_.node(id);
  if (node.kind == NodeKind::kText) return std::string(node.text);
  std::optional<std::string> text;
  bool known = Try(rep_, budget_, [&](Evaluation& evaluation) {
    Datum datum;
    if (evaluation.Eval(id, &datum)) text = std::string(datum.text);
    if (!text && failure != nullptr && evaluation.failure().kind == FailureKind::kPermanent)
      *failure = evaluation.failure();
    return true;
  });
  if (known) return text;
  if (failure != nullptr) failure->reset();
  return std::nullopt;
}

std::optional<bool> Folder::Holds(NodeId id) {
  if (!IsClosed(id)) return std::nullopt;
  bool holds = false;
  bool known =
      Try(rep_, budget_, [&](Evaluation& evaluation) { return evaluation.Test(id, &holds); });
  return known ? std::optional(holds) : std::nullopt;
}

}  // namespace signet::expand
