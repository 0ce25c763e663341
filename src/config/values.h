#ifndef SIGNET_SRC_CONFIG_VALUES_H_
#define SIGNET_SRC_CONFIG_VALUES_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/options.h"
#include "src/config/parse.h"

namespace signet::config {

// An option as it is to be read: its name without "no_", and whether that was there.
struct NamedSetting {
  std::string_view name;
  bool negated = false;
  const OptionSetting* setting = nullptr;
};

// ValueReader turns the text of a setting into a value of the type that is wanted, and
// reports everything that is not of that type. Options of the main section, of drivers
// and of blocks are all read here, so that the same mistake has the same words everywhere.
class ValueReader {
 public:
  ValueReader(Config* config, const expand::Names* names, Diagnostics* diagnostics)
      : config_(*config), names_(*names), diagnostics_(*diagnostics) {}

  std::optional<bool> Boolean(const NamedSetting& named);
  std::optional<std::int64_t> Integer(const NamedSetting& named);
  std::optional<std::chrono::milliseconds> Time(const NamedSetting& named);
  std::optional<SourceSpan> String(const NamedSetting& named);
  // `hidden`: set with "hide", or a secret by its nature.
  Expanded Compile(SourceSpan span, facts::Phase phase, bool hidden = false);

  // Reads the value into the member that the row names. False where it is of another type.
  template <typename T>
  bool Fill(const Row<T>& row, const NamedSetting& named, T* target);
  // Likewise, from the row's default.
  template <typename T>
  void FillDefault(const Row<T>& row, T* target);

  // A text that was built in, as a setting: "default of NAME".
  OptionSetting MakeDefault(std::string_view name, std::string_view text);

  void Report(Severity severity, SourceSpan span, std::string message, std::string hint = {},
              std::vector<DiagnosticNote> notes = {}, std::string_view code = {});
  void Error(SourceSpan span, std::string message, std::string hint = {},
             std::vector<DiagnosticNote> notes = {}, std::string_view code = {}) {
    Report(Severity::kError, span, std::move(message), std::move(hint), std::move(notes), code);
  }

 private:
  // Reports where the value is none of the words, and where it is a weak one.
  bool IsOneOf(std::string_view option, const Words& words, SourceSpan value);
  // What every option but a boolean needs: "=", and no "no_".
  bool HasValue(const NamedSetting& named);

  Config& config_;
  const expand::Names& names_;
  Diagnostics& diagnostics_;
};

// Where an item of a list stands in the list's text; the whole text where it is not found.
SourceSpan FindItem(SourceSpan list, std::string_view item);

}  // namespace signet::config
#endif
