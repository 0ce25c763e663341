#include "test/support/line_expander.h"

#include "src/base/text.h"
#include "test/support/process.h"

namespace signet::test {
namespace {

std::string Marker(std::size_t number) { return "@@ " + std::to_string(number) + " @@"; }

// Lines lose blanks at their ends, a backslash at the end joins lines, and both programs take
// what begins with a capital letter for the definition of a macro where it looks like one.
bool FitsALine(const std::string& text) {
  return !text.empty() && text.find('\n') == text.npos && !IsSpace(text.front()) &&
         !IsSpace(text.back()) && text.back() != '\\' &&
         !(text.front() >= 'A' && text.front() <= 'Z');
}

}  // namespace

std::vector<std::string> LineExpander::Expand(const std::vector<std::string>& texts) const {
  std::vector<std::string> answers(texts.size());
  std::vector<std::string> lines;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (FitsALine(texts[i])) {
      lines.push_back(texts[i]);
      places.push_back(i);
    } else {
      answers[i] = ExpandAlone(texts[i]);
    }
  }
  for (std::size_t done = 0; done < lines.size();) {
    std::vector<std::string> some;
    const std::size_t first = done;
    done += ExpandLines(lines, first, &some);
    for (std::size_t i = 0; i < some.size(); ++i) answers[places[first + i]] = some[i];
  }
  return answers;
}

std::string LineExpander::Output(const std::vector<std::string>& arguments,
                                 const std::string& input) const {
  std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$@\" 2>/dev/null", "sh"};
  command.insert(command.end(), command_.begin(), command_.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return Run(command, {.environment = options_.environment, .input = input}).output;
}

std::string LineExpander::ExpandAlone(const std::string& text) const {
  std::string output = Output({text}, "");
  if (!output.ends_with('\n')) return kDied;
  output.pop_back();
  return output;
}

std::size_t LineExpander::ExpandLines(const std::vector<std::string>& texts, std::size_t first,
                                      std::vector<std::string>* answers) const {
  std::string input;
  for (std::size_t i = first; i < texts.size(); ++i) input += texts[i] + "\n" + Marker(i) + "\n";
  const std::string output = Output({}, input);
  std::size_t at = 0;
  for (std::size_t i = first; i < texts.size(); ++i) {
    const std::string marker = "\n" + options_.prompt + Marker(i) + "\n";
    const std::size_t end = output.find(marker, at);
    if (end == output.npos) {
      answers->push_back(kDied);
      break;
    }
    answers->push_back(output.substr(at, end - at));
    if (answers->back().starts_with(options_.prompt))
      answers->back().erase(0, options_.prompt.size());
    at = end + marker.size();
  }
  return answers->size();
}

}  // namespace signet::test
