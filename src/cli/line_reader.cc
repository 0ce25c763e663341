#include "src/cli/line_reader.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "src/base/text.h"

namespace signet::cli {
namespace {

constexpr int kLinesRemembered = 500;

class PlainReader final : public LineReader {
 protected:
  bool ReadPhysical(Prompt, std::string* line) override {
    return static_cast<bool>(std::getline(std::cin, *line));
  }
};

class TerminalReader final : public LineReader {
 public:
  TerminalReader() {
    // What is typed may be beyond ASCII, which libedit takes by the locale only. Nothing
    // else here asks for it.
    const char* locale = std::setlocale(LC_CTYPE, "");
    if (locale == nullptr || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    editor_ = el_init("signet", stdin, stdout, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kLinesRemembered);
    history(history_, &event, H_SETUNIQUE, 1);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &ShowPrompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, &history, history_);
    el_set(editor_, EL_SIGNAL, 1);  // the terminal is put back when a signal ends us
    el_source(editor_, nullptr);    // ~/.editrc
  }
  ~TerminalReader() override {
    el_end(editor_);
    history_end(history_);
  }

 protected:
  bool ReadPhysical(Prompt prompt, std::string* line) override {
    prompt_ = prompt;
    int octets = 0;
    const char* text = el_gets(editor_, &octets);
    if (text == nullptr || octets <= 0) return false;
    line->assign(text, static_cast<std::size_t>(octets));
    if (line->ends_with('\n')) line->pop_back();
    return true;
  }
  void Remember(const std::string& line) override {
    HistEvent event;
    if (!Trim(line).empty()) history(history_, &event, H_ENTER, line.c_str());
  }
  void AtEnd() override { std::fputs("\n", stdout); }

 private:
  static const char* ShowPrompt(EditLine* editor) {
    TerminalReader* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt_ == Prompt::kNormal ? "> " : "";
  }

  EditLine* editor_;
  History* history_;
  Prompt prompt_ = Prompt::kNormal;
};

}  // namespace

bool LineReader::Read(std::string* line) {
  line->clear();
  std::string part;
  bool any = false;
  while (ReadPhysical(any ? Prompt::kNone : Prompt::kNormal, &part)) {
    ++count_;
    if (!any) first_ = count_;
    while (!part.empty() && IsSpace(part.back())) part.pop_back();
    std::size_t start = 0;
    while (any && start < part.size() && IsSpace(part[start])) ++start;
    any = true;
    line->append(part, start);
    if (line->empty() || line->back() != '\\') break;
    line->pop_back();
  }
  if (any)
    Remember(*line);
  else
    AtEnd();
  return any;
}

std::unique_ptr<LineReader> MakeLineReader() {
  if (isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0)
    return std::make_unique<TerminalReader>();
  return std::make_unique<PlainReader>();
}

}  // namespace signet::cli
