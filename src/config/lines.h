#ifndef SIGNET_SRC_CONFIG_LINES_H_
#define SIGNET_SRC_CONFIG_LINES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/allowances.h"
#include "src/config/macros.h"
#include "src/config/mapped.h"

namespace signet::config {

// Logical lines of a configuration: macros replaced, comments and inactive branches
// dropped, included files read, continuation lines joined.
//
//   Errors    appended to `diagnostics`; reading goes on where that makes sense.
//   Lifetime  `texts` owns what the spans show.
//   Security  configuration text is the administrator's, yet its macros can multiply:
//             lines, files and their sum are bounded (limits::kConfiguration…).
class LineReader {
 public:
  LineReader(MacroTable* macros, Texts* texts, Diagnostics* diagnostics)
      : macros_(*macros), texts_(*texts), diagnostics_(*diagnostics) {}

  // What comments between the lines read so far silence.
  Allowances TakeAllowances() { return std::move(allowances_); }

  // The first that exists of a colon-separated list. False: nothing could be read.
  bool OpenFiles(const std::string& paths);
  void OpenText(std::string name, std::string text);

  // The next logical line without white space at its ends; never empty. nullopt at the
  // end of everything.
  std::optional<SourceSpan> Next();

  const std::string& file() const { return file_; }

 private:
  struct File {
    const SourceText* text;
    std::size_t at = 0;
  };
  struct Branch {
    SourceSpan opened;
    bool outer_active, active, taken, saw_else;
  };
  enum class Taken : std::uint8_t { kNo, kYes };

  bool NextPhysical(SourceSpan* line);
  void PushText(std::string name, std::string text);
  bool PushFile(const std::string& path, SourceSpan included_from);
  bool active() const { return branches_.empty() || branches_.back().active; }
  Taken TakeDirective(const MappedText& line, bool substituted);
  Taken TakeConditional(std::string_view word, SourceSpan place, bool substituted);
  void TakeElse(std::string_view word, SourceSpan place, bool condition);
  void TakeInclude(const MappedText& line, std::size_t from, bool must_exist);
  void Error(SourceSpan span, std::string message, std::vector<DiagnosticNote> notes = {});
  void GiveUp();
  std::nullopt_t End();
  void TakeComment(SourceSpan physical);
  // The allowances that came since the last logical line are for this one.
  void PlaceAllowances(SourceSpan first, SourceSpan last);

  MacroTable& macros_;
  Texts& texts_;
  Diagnostics& diagnostics_;
  std::vector<File> files_;
  std::vector<Branch> branches_;
  Allowances allowances_;
  std::size_t placed_ = 0;  // how many of them have their line
  std::string file_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
};

}  // namespace signet::config
#endif
