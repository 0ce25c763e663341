#ifndef SIGNET_SRC_CONFIG_PARSE_H_
#define SIGNET_SRC_CONFIG_PARSE_H_

#include <optional>
#include <string>
#include <vector>

#include "src/config/config.h"
#include "src/config/mapped.h"

namespace signet::config {

// `[hide] name [= value]`, not looked at further: what the name means, whether "no_" is
// in front of it and which type the value has is for the option rows to say.
struct OptionSetting {
  SourceSpan line;
  bool hide = false;
  SourceSpan name;
  bool has_equals = false;
  SourceSpan value;  // after "=", quotes still on; or what follows the name without "="
};

// `hostlist NAME = …` and its like.
struct ListDefinition {
  std::string kind;  // "hostlist", without "_cache"
  bool hide = false;
  SourceSpan name;
  SourceSpan value;
};

struct DriverBlock {
  SourceSpan name;
  std::vector<OptionSetting> options;
};

// A configuration as it was written.
struct Tree {
  Texts texts;  // owns what the spans show
  std::string file;
  std::vector<OptionSetting> main;
  std::vector<ListDefinition> lists;
  std::vector<AclSource> acls;
  std::vector<DriverBlock> authenticators, routers, transports;
  std::vector<Macro> macros;  // built-in ones first, then in order of definition
  Allowances allowances;
  Diagnostics diagnostics;
};

// What every configuration starts with.
struct Predefined {
  std::vector<std::string> builtin;  // names of built-in macros, "_HAVE_TLS"
  std::vector<Macro> command_line;   // -D
};

// Text → tree. All mistakes of form are collected in the tree's diagnostics.
Tree ParseFile(const std::string& path, const Predefined& predefined);
Tree ParseText(std::string name, std::string text, const Predefined& predefined);

// The text of an option's value: what is between the quotes, escapes resolved, where it
// starts with a quote; otherwise the value as it is.
//
//   Returns  a span, of a text of its own (in `texts`) where there were escapes.
//   Errors   missing closing quote, something behind it; nullopt then.
std::optional<SourceSpan> ReadString(SourceSpan value, std::string_view option, Texts* texts,
                                     Diagnostics* diagnostics);

}  // namespace signet::config
#endif
