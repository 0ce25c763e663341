#include "src/cli/option_table.h"

#include "src/base/log.h"
#include "src/cli/terminal.h"

namespace signet::cli {
namespace {

constexpr std::size_t kNameColumns = 30, kValueColumns = 22, kDefaultColumns = 9;
constexpr std::size_t kOriginColumns = 80 - kNameColumns - kValueColumns - kDefaultColumns - 3;

std::string Columns(std::string_view name, std::string_view value, std::string_view default_text,
                    std::string_view origin) {
  // Of a path, its end says which file it is.
  std::string place(origin);
  if (WidthOf(place) > kOriginColumns) place.erase(0, place.rfind('/') + 1);
  place = Shorten(place, kOriginColumns);
  return Padded(Shorten(name, kNameColumns), kNameColumns) + ' ' +
         Padded(Shorten(value, kValueColumns), kValueColumns) + ' ' +
         Padded(Shorten(default_text, kDefaultColumns), kDefaultColumns) + ' ' + place + '\n';
}

std::string Tabs(const std::vector<std::string_view>& cells) {
  std::string line;
  for (std::string_view cell : cells) line += (line.empty() ? "" : "\t") + std::string(cell);
  return line + '\n';
}

}  // namespace

std::string ShowOptionTable(const std::vector<config::OptionState>& states,
                            const std::map<std::string, std::string>& origins, TableForm form) {
  const bool columns = form == TableForm::kColumns;
  std::string text = columns ? Columns("option", "value", "default", "set at") : "";
  std::string_view scope;
  for (const config::OptionState& state : states) {
    const auto found = origins.find(state.scope + '/' + state.name);
    const std::string origin = found == origins.end() ? "default" : Printable(found->second);
    const std::string value = Printable(state.value);
    if (columns && state.scope != scope) text += '\n' + state.scope + '\n';
    scope = state.scope;
    text += columns
                ? Columns(state.name, value, state.default_text, origin)
                : Tabs({state.scope, state.name, value, state.default_text, origin, state.manual});
  }
  return text;
}

}  // namespace signet::cli
