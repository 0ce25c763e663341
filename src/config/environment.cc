#include "src/config/environment.h"

#include <cstdlib>

namespace signet::config {
namespace {

// The last of "NAME=value" items counts, as if they were set one after the other.
std::optional<std::string> FindAdded(std::string_view name, MatchContext& context) {
  const Expanded& option = context.config.main.add_environment;
  if (!option) return std::nullopt;
  auto outcome =
      expand::Evaluate(*option.program, context.session, context.services, context.budget);
  if (!outcome.ok()) return std::nullopt;
  std::optional<std::string> found;
  for (const expand::ListElement& item : expand::SplitList(outcome.value())) {
    std::string_view text = item.text;
    const std::size_t equals = text.find('=');
    if (equals != text.npos && text.substr(0, equals) == name) found = text.substr(equals + 1);
  }
  return found;
}

}  // namespace

std::optional<std::string> ReadEnvironment(std::string_view name, MatchContext& context) {
  if (auto added = FindAdded(name, context)) return added;
  const Expanded& keep = context.config.main.keep_environment;
  if (!keep || name.empty()) return std::nullopt;
  auto kept = MatchList(keep, ListKind::kString, name, context);
  if (!kept.ok() || !kept.value()) return std::nullopt;
  const char* value = std::getenv((std::string(kSetAside) + std::string(name)).c_str());
  if (value == nullptr) value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace signet::config
