#include "src/config/allowances.h"

#include <algorithm>

#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::config {
namespace {

constexpr std::string_view kMark = "signet:";
constexpr std::string_view kAllow = "allow";
constexpr std::string_view kWhy = "--";  // what follows is for readers

std::size_t SkipTo(std::string_view text, std::size_t at, bool (*wanted)(char)) {
  while (at < text.size() && !wanted(text[at])) ++at;
  return at;
}
bool IsSeparator(char c) { return c == ',' || IsSpace(c); }
bool IsWord(char c) { return !IsSeparator(c); }

// The next word from `*at` on; empty at the end.
SourceSpan NextWord(SourceSpan comment, std::size_t* at) {
  std::string_view text = comment.view();
  std::size_t begin = SkipTo(text, *at, &IsWord);
  *at = SkipTo(text, begin, &IsSeparator);
  return comment.Part(begin, *at);
}

void Warn(Diagnostics* diagnostics, SourceSpan span, std::string message, std::string hint,
          std::string_view code) {
  diagnostics->push_back({Severity::kWarning, span, std::move(message), std::move(hint), {}, code});
}

bool IsCode(std::string_view word) {
  auto codes = AllCodes();
  return std::find(codes.begin(), codes.end(), word) != codes.end();
}

void UnknownCode(SourceSpan word, Diagnostics* diagnostics) {
  auto codes = AllCodes();
  std::string_view near = SuggestName(word.view(), {codes.begin(), codes.end()});
  Warn(diagnostics, word, "unknown code \"" + Printable(word.view()) + "\"",
       near.empty() ? "" : "did you mean \"" + std::string(near) + "\"?", code::kUnknownCode);
}

bool IsFor(const Allowance& allowance, const Diagnostic& diagnostic) {
  if (allowance.first.text == nullptr || diagnostic.span.text == nullptr) return false;
  if (allowance.code.view() != diagnostic.code) return false;
  SourceLocation at = diagnostic.span.text->Locate(diagnostic.span);
  const SourceText& file = *allowance.first.text;
  // The comment's own line counts as well: a file's first line stands for all of the file.
  const SourceSpan first = allowance.code.text == &file ? allowance.code : allowance.first;
  return at.name == file.name() && at.line >= file.Locate(first).line &&
         at.line <= file.Locate(allowance.last).line;
}

}  // namespace

Allowances ReadAllowances(SourceSpan comment, Diagnostics* diagnostics) {
  std::string_view text = comment.view();
  std::size_t at = SkipTo(text, 0, [](char c) { return c != '#'; });
  if (NextWord(comment, &at).view() != kMark) return {};
  SourceSpan verb = NextWord(comment, &at);
  if (verb.view() != kAllow) {
    Warn(diagnostics, verb.view().empty() ? comment : verb,
         "\"allow\" expected behind \"# signet:\"", "", code::kUnknownCode);
    return {};
  }
  Allowances allowances;
  for (SourceSpan word = NextWord(comment, &at); !word.view().empty() && word.view() != kWhy;
       word = NextWord(comment, &at)) {
    if (IsCode(word.view()))
      allowances.push_back({word, {}, {}});
    else
      UnknownCode(word, diagnostics);
  }
  return allowances;
}

void Silence(Allowances* allowances, Diagnostics* diagnostics) {
  if (allowances->empty()) return;
  std::erase_if(*diagnostics, [&](const Diagnostic& diagnostic) {
    if (diagnostic.severity != Severity::kWarning) return false;
    bool silenced = false;
    for (Allowance& allowance : *allowances) {
      if (!IsFor(allowance, diagnostic)) continue;
      silenced = allowance.used = true;
    }
    return silenced;
  });
}

void ReportUnused(const Allowances& allowances, Diagnostics* diagnostics) {
  for (const Allowance& allowance : allowances) {
    // What only `signet check` looks for is not known here.
    if (allowance.used || allowance.code.view() == code::kOpenRelay) continue;
    Warn(diagnostics, allowance.code,
         "nothing to allow: no warning " + std::string(allowance.code.view()) +
             " on the line that follows",
         "", code::kUnusedAllow);
  }
}

}  // namespace signet::config
