#ifndef SIGNET_SRC_CLI_SHOW_H_
#define SIGNET_SRC_CLI_SHOW_H_

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "src/report/decision.h"

// Decisions for people: the verdict first, on one line, then the reason, then the tree.
namespace signet::cli {

struct ShowOptions {
  bool color = false;
  bool utf8 = false;       // marks beyond ASCII
  std::size_t width = 80;  // columns
  bool tree = true;        // the steps, too
};
// As the stream is: colour only on a terminal, and not where NO_COLOR is set or TERM is "dumb";
// its width there, within reason, else 80.
ShowOptions ShowOptionsFor(std::FILE* stream);

// Ends with a newline.
std::string Show(const report::Decision& decision, const ShowOptions& options);
// Steps alone, as they stand in the tree; `from` on.
std::string ShowSteps(const std::vector<facts::TraceStep>& steps, std::size_t from,
                      const ShowOptions& options);

// `text` in lines of at most `width` columns, those behind the first indented by `indent`.
// Broken at blanks, or anywhere where there is none. No line end at the end.
std::string Wrap(std::string_view text, std::size_t width, std::size_t indent);

// Colours, where there are any; for other verbs that print to a terminal.
enum class Ink : std::uint8_t { kPlain, kGood, kBad, kLater, kBold, kFaint };
std::string Inked(std::string_view text, Ink ink, const ShowOptions& options);

}  // namespace signet::cli
#endif
