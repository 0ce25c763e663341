#include "src/cli/expander.h"

#include <algorithm>

#include "src/base/text.h"
#include "src/cli/peer.h"

namespace signet::cli {
namespace {

bool IsAclVariable(std::string_view name) {
  return name.starts_with("acl_c") || name.starts_with("acl_m");
}

// acl_m0, acl_c_name: a digit or "_" behind the kind, then letters, digits, "_".
bool IsGoodAclVariable(std::string_view name) {
  if (name.size() < 6 || !(IsDigit(name[5]) || name[5] == '_')) return false;
  for (char c : name.substr(5)) {
    if (!IsAlnum(c) && c != '_') return false;
  }
  return true;
}

std::string RenderAll(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += Render(diagnostic);
  return text;
}

std::string FirstError(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Severity::kError) return diagnostic.message;
  }
  return "cannot be compiled";
}

Expander::Answer Failed(std::string why, std::string diagnostics = {}) {
  return {true, "Failed: " + std::move(why), std::move(diagnostics)};
}

}  // namespace

Expander::Expander(const config::Config& config, expand::Services& services,
                   facts::Session* session)
    : config_(config), services_(services), session_(*session) {
  for (const config::Macro& macro : config.macros) macros_.AddKnown(macro);
}

Expander::Answer Expander::Take(const std::string& name, std::string line) {
  texts_.push_back(std::make_unique<SourceText>(name, std::move(line)));
  SourceSpan written = texts_.back()->whole();
  config::MappedText text;
  text.Append(written);
  std::size_t definition = config::MacroTable::DefinitionName(text.text());
  if (macros_.Substitute(&text, definition).too_long) {
    return Failed("line is too long with its macros");
  }
  SourceSpan span = std::move(text).Finish(written, &texts_);
  if (definition != 0) return Define(span);
  if (span.view().starts_with("set ")) return SetLine(span);
  return Expand(span);
}

Expander::Answer Expander::Define(SourceSpan line) {
  Diagnostics diagnostics;
  macros_.Define(line, &diagnostics);
  if (HasErrors(diagnostics)) return Failed(FirstError(diagnostics), RenderAll(diagnostics));
  std::size_t size = config::MacroTable::DefinitionName(line.view());
  return {false, "Defined macro '" + std::string(line.view().substr(0, size)) + "'", {}};
}

Expander::Answer Expander::SetLine(SourceSpan line) {
  std::string_view text = line.view();
  std::size_t equals = text.find('=');
  if (equals == text.npos) return Failed("\"=\" expected in \"set NAME = VALUE\"");
  std::string name(config::TrimSpan(line.Part(4, equals)).view());
  Diagnostics diagnostics;
  expand::Outcome value =
      Evaluate(config::TrimSpan(line.Part(equals + 1, text.size())), &diagnostics);
  if (!value) return Failed(value.error().text, RenderAll(diagnostics));
  Result<std::string, std::string> set =
      IsAclVariable(name) ? Result<std::string, std::string>(name) : Set(name, value.value().text);
  if (!set) return Failed(set.error());
  if (IsAclVariable(name)) {
    if (!IsGoodAclVariable(name)) return Failed("\"" + name + "\" is not the name of a variable");
    (name[4] == 'c' ? session_.acl_c : session_.acl_m)[name] = std::move(value).value();
  }
  return {false, "variable " + name + " set", RenderAll(diagnostics)};
}

Expander::Answer Expander::Expand(SourceSpan text) {
  Diagnostics diagnostics;
  expand::Outcome outcome = Evaluate(text, &diagnostics);
  if (!outcome) return Failed(outcome.error().text, RenderAll(diagnostics));
  return {false, outcome.value().text, RenderAll(diagnostics)};
}

// A failure's place becomes a diagnostic, like a mistake that compiling found.
expand::Outcome Expander::Evaluate(SourceSpan text, Diagnostics* diagnostics) {
  expand::ProgramPtr program = expand::Compile(text, facts::Phase::kQuit, *config_.names,
                                               diagnostics, expand::Reading::kTrial);
  if (!program) return Err{Failure{FailureKind::kPermanent, {}, FirstError(*diagnostics), false}};
  // A failure may lie in a text that belongs to the program.
  programs_.push_back(std::move(program));
  expand::Budget budget;
  expand::Outcome outcome = expand::Evaluate(*programs_.back(), session_, services_, budget);
  if (!outcome && outcome.error().span.text) {
    diagnostics->push_back({Severity::kError, outcome.error().span, outcome.error().text, {}, {}});
  }
  return outcome;
}

Result<std::string, std::string> Expander::Set(std::string_view name, std::string value) {
  std::string key(name);
  if (IsAclVariable(name)) {
    if (!IsGoodAclVariable(name)) return Err{"\"" + key + "\" is not the name of a variable"};
    (name[4] == 'c' ? session_.acl_c : session_.acl_m)[key] = Value(std::move(value));
    return key;
  }
  std::vector<std::string_view> known = expand::AllRows("variable");
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    std::string_view near = SuggestName(name, known);
    std::string hint = near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?";
    return Err{"unknown variable name \"" + key + "\"" + hint};
  }
  if (name == "tls_in_peercert" || name == "tls_in_ourcert") {
    auto certificate = ReadCertificate(value);
    if (!certificate) return Err{certificate.error()};
    (name == "tls_in_ourcert" ? session_.tls.own : session_.tls.peer) = certificate.value();
    return key;
  }
  session_.overrides[key] = Value(std::move(value), kFromClient);
  return key;
}

}  // namespace signet::cli
