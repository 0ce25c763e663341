#include "test/support/manual.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "src/base/text.h"
#include "test/support/process.h"

namespace signet::test {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string WithoutMargin(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += (line.size() > 4 ? line.substr(4) : std::string(Trim(line))) + "\n";
  return text;
}

std::vector<Block> BlocksOf(const std::string& page) {
  std::vector<Block> blocks;
  const std::vector<std::string> lines = Lines(ReadFile(page));
  Block here{.page = page};
  auto add = [&](int line, std::string fence, std::string text) {
    Block block = here;
    block.line = line;
    block.fence = std::move(fence);
    block.text = std::move(text);
    blocks.push_back(block);
  };
  bool paragraph = false;  // where an indented line only goes on
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const int number = static_cast<int>(i) + 1;
    if (line.starts_with("```")) {
      std::string text;
      while (++i < lines.size() && !lines[i].starts_with("```")) text += lines[i] + "\n";
      add(number, line.substr(3), text);
    } else if (line.starts_with("    ") && !paragraph) {
      std::vector<std::string> block;
      while (i < lines.size() && (lines[i].starts_with("    ") || lines[i].empty()))
        block.push_back(lines[i++]);
      --i;
      add(number, "indented", WithoutMargin(block));
    } else if (line.starts_with("## ")) {
      here.section = line.substr(3);
      here.subsection = "";
    } else if (line.starts_with("### ")) {
      here.subsection = line.substr(4);
    }
    paragraph = !Trim(line).empty() && !line.starts_with("```") && !line.starts_with("    ");
  }
  return blocks;
}

std::vector<std::string> PagesOfManual() {
  std::vector<std::string> pages = {"README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator("doc")) {
    const std::string path = entry.path().string();
    if (path.ends_with(".md") && !path.starts_with("doc/decisions/")) pages.push_back(path);
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

}  // namespace signet::test
