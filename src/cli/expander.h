#ifndef SIGNET_SRC_CLI_EXPANDER_H_
#define SIGNET_SRC_CLI_EXPANDER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/config.h"
#include "src/config/macros.h"
#include "src/facts/session.h"

namespace signet::cli {

// Expander is the dialogue of `signet expand`: lines in, results out, as of `exim -be`.
//
//   NAME = text        defines a macro
//   set NAME = text    expands the text and sets a variable
//   anything else      is expanded
//
// May wait (lookups), so it belongs into a coroutine.
class Expander {
 public:
  // `session` is what the strings are expanded for; variables are set in it.
  Expander(const config::Config& config, expand::Services& services, facts::Session* session);

  // What to say to one line. `name` stands for the line in diagnostics.
  struct Answer {
    bool failed = false;
    std::string text;         // for standard output, without line end
    std::string diagnostics;  // for standard error; may be empty
  };
  Answer Take(const std::string& name, std::string line);

  // Sets a variable to a text that is not expanded. Acl variables hold what the
  // administrator says; any other is taken for the client's word, as it would be in a
  // session, so that a query without quoting fails here as it fails there. A certificate is
  // set by the name of a PEM file.
  //
  //   Errors  no variable of that name; with a suggestion.
  Result<std::string, std::string> Set(std::string_view name, std::string value);

 private:
  Answer Define(SourceSpan line);
  Answer SetLine(SourceSpan line);
  Answer Expand(SourceSpan text);
  expand::Outcome Evaluate(SourceSpan text, Diagnostics* diagnostics);

  const config::Config& config_;
  expand::Services& services_;
  facts::Session& session_;
  config::MacroTable macros_;
  config::Texts texts_;
  std::vector<expand::ProgramPtr> programs_;
};

}  // namespace signet::cli
#endif
