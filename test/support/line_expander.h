#ifndef SIGNET_TEST_SUPPORT_LINE_EXPANDER_H_
#define SIGNET_TEST_SUPPORT_LINE_EXPANDER_H_

#include <string>
#include <vector>

namespace signet::test {

// A program that expands the lines of its standard input: `signet expand`, `exim4 -be`. Many
// texts go through one process; a line between them says where the answers are.
class LineExpander {
 public:
  struct Options {
    std::vector<std::string> environment;
    std::string prompt;  // what it prints before every answer
  };
  LineExpander(std::vector<std::string> command, Options options)
      : command_(std::move(command)), options_(std::move(options)) {}

  // What is printed on standard output for each text, without the line end. A text that a
  // line cannot hold is given as an argument. kDied for a text that ended the process; those
  // behind it go to another one.
  std::vector<std::string> Expand(const std::vector<std::string>& texts) const;

  // In a process of its own. Exim forgets to restore some of its state where a text fails.
  std::string ExpandAlone(const std::string& text) const;

  static constexpr char kDied[] = "(the program ended)";

 private:
  std::string Output(const std::vector<std::string>& arguments, const std::string& input) const;
  // Answers to texts from `first` on, up to the one that ends the process; how many.
  std::size_t ExpandLines(const std::vector<std::string>& texts, std::size_t first,
                          std::vector<std::string>* answers) const;

  std::vector<std::string> command_;
  Options options_;
};

}  // namespace signet::test
#endif
