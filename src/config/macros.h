#ifndef SIGNET_SRC_CONFIG_MACROS_H_
#define SIGNET_SRC_CONFIG_MACROS_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/config/config.h"
#include "src/config/mapped.h"

namespace signet::config {

// The macros of a configuration while it is read, in order of definition.
class MacroTable {
 public:
  // Built-in macros start with "_" and stand for whole words only.
  void AddBuiltin(std::string name);
  // A macro of the command line: later definitions of its name are ignored.
  void AddCommandLine(const Macro& macro, Diagnostics* diagnostics);
  // A macro of a configuration that was read before (Config::macros).
  void AddKnown(const Macro& macro);
  // A logical line that starts with an upper-case letter: NAME = text, NAME == text.
  void Define(SourceSpan line, Diagnostics* diagnostics);

  // Where a line starts "NAME =" (the start of a definition): the length of NAME.
  // Otherwise 0.
  static std::size_t DefinitionName(std::string_view line);

  // Replaces each macro's name in the part of `line` behind `from`: macros in order of
  // definition, each once over the whole line, so that a replacement may hold names
  // defined later. Gives up when the line exceeds limits::kConfigurationLineMaxBytes.
  struct Substituted {
    bool any = false;
    bool too_long = false;
  };
  Substituted Substitute(MappedText* line, std::size_t from) const;

  std::vector<Macro> All() const;

 private:
  enum class From : std::uint8_t { kBuiltin, kCommandLine, kFile };
  struct Entry {
    std::string name, text;
    From from;
    SourceSpan place;
  };
  Entry* Find(std::string_view name);
  const Entry* FindSubstring(std::string_view name) const;

  std::vector<Entry> entries_;
};

}  // namespace signet::config
#endif
