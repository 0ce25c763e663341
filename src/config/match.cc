#include "src/config/match.h"

#include <memory_resource>
#include <utility>

#include "expand/show.h"

namespace signet::config {
namespace {

// A configuration that has no names has no named lists and no lookup types.
class NoNames final : public expand::Names {
 public:
  const expand::LookupType* FindLookup(std::string_view) const override { return nullptr; }
  std::vector<std::string_view> LookupNames() const override { return {}; }
  std::optional<SourceSpan> FindNamedList(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
};

const expand::Names& NamesOf(const Config& config) {
  static const NoNames none;
  return config.names != nullptr ? *config.names : static_cast<const expand::Names&>(none);
}

std::unique_ptr<const expand::Patterns> Compiled(const Expanded& list, ListKind kind,
                                                 const Config& config, Diagnostics* diagnostics) {
  if (!list || list.program->constant() == nullptr) return nullptr;
  return expand::CompilePatterns(*list.program->constant(), list.span, {kind}, NamesOf(config),
                                 diagnostics);
}

}  // namespace

Result<bool, Failure> MatchList(const Expanded& list, ListKind kind, std::string_view subject,
                                MatchContext& context, Value* data) {
  if (!list) return false;
  alignas(16) char block[1024];
  std::pmr::monotonic_buffer_resource arena(block, sizeof block);
  const expand::MatchWorld world{context.session, context.services, context.budget,
                                 &NamesOf(context.config), &arena};
  facts::Trace* const trace = context.session.trace;
  const bool hides = trace != nullptr && !expand::MayShow(*list.program, context.session);
  const facts::Discretion discretion(hides ? trace : nullptr);
  expand::ListMatch match = list.patterns != nullptr
                                ? expand::Match(*list.patterns, {subject, {}}, world)
                                : expand::Match(*list.program, {kind}, {subject, {}}, world);
  if (match.kind == expand::ListMatch::kIn && match.value && data != nullptr) {
    *data = Value(std::string(match.value->text));
    data->segments.assign(match.value->segments.begin(), match.value->segments.end());
  }
  if (match.kind != expand::ListMatch::kDeferred) return match.kind == expand::ListMatch::kIn;
  if (match.where.text == nullptr) match.where = list.span;
  return Err{
      Failure{FailureKind::kTemporary, match.where, std::move(match.why), match.lookup_deferred}};
}

void CompileList(Expanded* list, ListKind kind, const Config& config, Diagnostics* diagnostics) {
  list->patterns = Compiled(*list, kind, config, diagnostics);
}

void CheckList(const Expanded& list, ListKind kind, const Config& config,
               Diagnostics* diagnostics) {
  (void)Compiled(list, kind, config, diagnostics);
}

std::optional<bool> IpInNetwork(std::string_view ip, std::string_view network) {
  auto parsed = expand::ParseNetwork(network);
  if (!parsed) return std::nullopt;
  auto address = expand::ParseHostAddress(ip);
  return address && expand::Contains(*parsed, *address);
}

}  // namespace signet::config
