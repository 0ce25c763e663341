#ifndef SIGNET_TEST_SUPPORT_MANUAL_H_
#define SIGNET_TEST_SUPPORT_MANUAL_H_

#include <string>
#include <vector>

// The manual as tests read it: Markdown, as far as blocks of code go.
namespace signet::test {

std::vector<std::string> Lines(const std::string& text);

// A block of code.
struct Block {
  std::string page;
  int line = 0;
  std::string fence;                // its word; "indented" where there is no fence
  std::string section, subsection;  // headings of the second and third level
  std::string text;                 // without the margin

  std::string Where() const { return page + ":" + std::to_string(line); }
};
std::vector<Block> BlocksOf(const std::string& page);
// An indented block, or lines as they stand in one, without four columns of margin.
std::string WithoutMargin(const std::vector<std::string>& lines);

// README.md and doc, without decisions; sorted.
std::vector<std::string> PagesOfManual();

}  // namespace signet::test
#endif
