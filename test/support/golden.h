#ifndef SIGNET_TEST_SUPPORT_GOLDEN_H_
#define SIGNET_TEST_SUPPORT_GOLDEN_H_

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/facts/trace.h"

namespace signet::test {

// One case of a golden file: lines of "key  value", ended by a blank line. Cases in a
// manual (*.md) stand in code blocks that are marked "golden".
//
//   set     NAME = TEXT      a variable's value, with the origin that it would have
//   element NAME = TEXT      appends an element; the variable becomes a list
//   cert    FILE             the peer's certificate
//   tls     FILE             a session with TLS, and our certificate
//   session submission       the facts of an authenticated client's submission
//   header  NAME: TEXT       a field of the message's header; escapes are undone
//   lookup  QUERY = ANSWER   ANSWER: "found TEXT", "at ENTRY: TEXT", "none" or "defer REASON"
//   file    PATH = TEXT      a file of list items
//   acl     NAME = ANSWER    ANSWER: "accept TEXT", "deny TEXT", "defer" or "error"; $1 and $2
//                            in TEXT are the arguments, $# is their number
//   env     NAME = TEXT      a variable of the environment
//   phase   NAME             where the text is evaluated; data, if not given
//   read    configuration    with all checks, as in a configuration; shows codes
//   expand  TEXT             the text; raw, to the end of the line
//   result  TEXT             what comes out; escapes \n \t \r \xHH \\ are undone
//   error   L:C: MESSAGE     the first diagnostic; then there is no result
//   warning L:C: MESSAGE     a warning beside a result
//   fails   KIND: MESSAGE    forced, temporary or permanent
struct GoldenCase {
  std::string file;
  std::size_t line = 0;  // of its first line, from 1
  std::vector<std::pair<std::string, std::string>> lines;
  std::size_t expectation_line = 0;                      // of "result", "error" or "fails"
  std::vector<std::pair<std::size_t, std::string>> raw;  // line number, line

  std::string_view Find(std::string_view key) const;
  std::string Name() const;  // for GoogleTest: letters, digits, underscores
};
void PrintTo(const GoldenCase& golden, std::ostream* out);

std::vector<GoldenCase> ReadGoldenFile(const std::string& path);
// All *.golden files of a directory, in order of name.
std::vector<GoldenCase> ReadGoldenDirectory(const std::string& directory);

// What the case gives now, in the words of the expectation lines: "result  abc". `trace`: where
// it is written down.
std::string RunGolden(const GoldenCase& golden, facts::Trace* trace = nullptr);
// What it should give: its expectation lines.
std::string ExpectedOf(const GoldenCase& golden);

// The dumped Program of the case's text, or "".
std::string DumpOf(const GoldenCase& golden);

// Writes `actual` in place of the case's expectation lines. For `make golden`.
void RewriteGolden(const std::vector<GoldenCase>& cases);

// Octets as golden files show them.
std::string Escaped(std::string_view octets);

}  // namespace signet::test
#endif
