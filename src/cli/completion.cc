// Completion of command lines, written from the tables of verbs and options.
#include <array>
#include <cstdio>
#include <vector>

#include "src/cli/options.h"
#include "src/cli/report.h"

namespace signet::cli {
namespace {

using Words = std::vector<std::string>;

// Words of usage texts that stand for files, and for directories.
bool IsFile(std::string_view value) {
  for (std::string_view word : {"FILE", "PEM", "CERTIFICATE", "NEW", "PATH"})
    if (value.find(word) != value.npos) return true;
  return false;
}
bool IsDirectory(std::string_view value) { return value == "DIR"; }

enum class Offer : std::uint8_t { kNothing, kFiles, kDirectories };
Offer OfferFor(std::string_view value) {
  if (IsDirectory(value)) return Offer::kDirectories;
  return IsFile(value) ? Offer::kFiles : Offer::kNothing;
}

// What stands behind a verb besides options: words of its own ("add" of pins, the shells), or
// files.
struct Operands {
  Words words;
  bool files = false;
};

Words SplitUsage(std::string_view line) {
  Words words;
  std::string word;
  for (char c : std::string(line) + " ") {
    if (c != ' ' && c != '[' && c != ']' && c != '|') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

Operands OperandsOf(const VerbFacts& verb) {
  Operands operands;
  for (const std::string& usage : UsagesOf(verb.usage)) {
    const Words words = SplitUsage(usage);
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (words[i].starts_with('-') || words[i - 1].starts_with('-')) continue;
      const bool lower =
          words[i].find_first_not_of("abcdefghijklmnopqrstuvwxyz") == Words::value_type::npos;
      if (lower && (i == 2 || !operands.words.empty())) operands.words.push_back(words[i]);
      if (IsFile(words[i])) operands.files = true;
    }
  }
  if (verb.name == "help") {
    for (const VerbFacts& other : Verbs()) operands.words.emplace_back(other.name);
  }
  return operands;
}

std::string Joined(const Words& words, std::string_view between = " ") {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : std::string(between)) + word;
  return all;
}

Words Spellings(const VerbFacts& verb) {
  Words words;
  for (const OptionFacts& option : verb.options) words.emplace_back(option.spelling);
  words.emplace_back("--help");
  return words;
}

// The spellings of options with a value of which OfferFor says `offer`, with `|` between.
std::string Pattern(const VerbFacts& verb, Offer offer) {
  Words words;
  for (const OptionFacts& option : verb.options) {
    if (!option.value.empty() && OfferFor(option.value) == offer)
      words.emplace_back(option.spelling);
  }
  return Joined(words, "|");
}

// In single quotes, for any of the three shells; what help says holds no backslash.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// --- bash ----------------------------------------------------------------------------------

std::string BashCase(const VerbFacts& verb) {
  std::string text = "    " + std::string(verb.name) + ")\n      case $prev in\n";
  const std::array<std::pair<Offer, const char*>, 3> offers = {{
      {Offer::kFiles, "_signet_files -f"},
      {Offer::kDirectories, "_signet_files -d"},
      {Offer::kNothing, ":"},
  }};
  for (const auto& [offer, action] : offers) {
    const std::string pattern = Pattern(verb, offer);
    if (!pattern.empty()) text += "        " + pattern + ") " + action + "; return ;;\n";
  }
  const Operands operands = OperandsOf(verb);
  text += "      esac\n      options=" + Quoted(Joined(Spellings(verb)));
  text += " words=" + Quoted(Joined(operands.words));
  return text + (operands.files ? " files=yes" : " files=") + " ;;\n";
}

std::string BashScript() {
  std::string text = R"(# bash completion for signet; written by "signet completion bash"
_signet_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}
_signet() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options= words= files=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W ')";
  Words names;
  for (const VerbFacts& verb : Verbs()) names.emplace_back(verb.name);
  text += Joined(names) + R"(' -- "$cur")
    return
  fi
  case ${COMP_WORDS[1]} in
)";
  for (const VerbFacts& verb : Verbs()) text += BashCase(verb);
  return text + R"(  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  elif [[ $words && $COMP_CWORD == 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  elif [[ $files ]]; then
    _signet_files -f
  fi
}
complete -F _signet signet
)";
}

// --- zsh -----------------------------------------------------------------------------------

// "name:description" for _describe.
std::string ZshItem(std::string_view name, std::string_view help) {
  std::string item;
  for (char c : name) item += c == ':' ? std::string("\\:") : std::string(1, c);
  return Quoted(item + ":" + std::string(help));
}

std::string ZshCase(const VerbFacts& verb) {
  std::string text = "    " + std::string(verb.name) + ")\n      case $words[CURRENT-1] in\n";
  const std::array<std::pair<Offer, const char*>, 3> offers = {{
      {Offer::kFiles, "_files; return"},
      {Offer::kDirectories, "_files -/; return"},
      {Offer::kNothing, "_message value; return"},
  }};
  for (const auto& [offer, action] : offers) {
    const std::string pattern = Pattern(verb, offer);
    if (!pattern.empty()) text += "        (" + pattern + ") " + action + " ;;\n";
  }
  text += "      esac\n      options=(\n";
  for (const OptionFacts& option : verb.options)
    text += "        " + ZshItem(option.spelling, option.help) + "\n";
  text += "        " + ZshItem("--help", "explain the verb") + "\n      )\n";
  const Operands operands = OperandsOf(verb);
  text += "      operands=(" + Joined(operands.words) + ")\n";
  return text + (operands.files ? "      files=yes ;;\n" : "      files= ;;\n");
}

std::string ZshScript() {
  std::string text = R"(#compdef signet
# zsh completion for signet; written by "signet completion zsh"
_signet() {
  local -a verbs options operands
  local files=
  if (( CURRENT == 2 )); then
    verbs=(
)";
  for (const VerbFacts& verb : Verbs()) text += "      " + ZshItem(verb.name, verb.summary) + "\n";
  text += R"(    )
    _describe -t verbs verb verbs
    return
  fi
  case $words[2] in
)";
  for (const VerbFacts& verb : Verbs()) text += ZshCase(verb);
  return text + R"(  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o -t options option options
  elif (( $#operands && CURRENT == 3 )); then
    compadd -- $operands
  elif [[ -n $files ]]; then
    _files
  fi
}
if [[ $funcstack[1] == _signet ]]; then _signet "$@"; else compdef _signet signet; fi
)";
}

// --- fish ----------------------------------------------------------------------------------

// -C, --cert and -tls-on-connect are three kinds of options to fish.
std::string FishSpelling(std::string_view spelling) {
  if (spelling.starts_with("--")) return "-l " + std::string(spelling.substr(2));
  return (spelling.size() == 2 ? "-s " : "-o ") + std::string(spelling.substr(1));
}

std::string FishVerb(const VerbFacts& verb) {
  const std::string name(verb.name);
  std::string text =
      "complete -c signet -n __signet_wants_verb -a " + name + " -d " + Quoted(verb.summary) + "\n";
  const std::string when = "complete -c signet -n '__signet_verb " + name + "' ";
  for (const OptionFacts& option : verb.options) {
    const char* takes = "";
    if (!option.value.empty()) {
      const Offer offer = OfferFor(option.value);
      takes = offer == Offer::kFiles         ? " -r -F"
              : offer == Offer::kDirectories ? " -x -a '(__fish_complete_directories)'"
                                             : " -x";
    }
    text += when + FishSpelling(option.spelling) + takes + " -d " + Quoted(option.help) + "\n";
  }
  const Operands operands = OperandsOf(verb);
  if (!operands.words.empty()) {
    text += "complete -c signet -n '__signet_verb " + name + "; and __signet_first' -a " +
            Quoted(Joined(operands.words)) + "\n";
  }
  if (operands.files) {
    const char* first = operands.words.empty() ? "" : "; and not __signet_first";
    text += "complete -c signet -n '__signet_verb " + name + first + "' -F\n";
  }
  return text;
}

std::string FishScript() {
  std::string text = R"(# fish completion for signet; written by "signet completion fish"
function __signet_wants_verb
    test (count (commandline -opc)) -eq 1
end
function __signet_first
    test (count (commandline -opc)) -eq 2
end
function __signet_verb
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]
end
complete -c signet -f
complete -c signet -n 'not __signet_wants_verb' -l help -d 'explain the verb'
)";
  for (const VerbFacts& verb : Verbs()) text += FishVerb(verb);
  return text;
}

}  // namespace

std::string CompletionScript(std::string_view shell) {
  if (shell == "bash") return BashScript();
  if (shell == "zsh") return ZshScript();
  if (shell == "fish") return FishScript();
  return "";
}

int RunCompletion(const Arguments& arguments) {
  const std::string shell = arguments.operands.empty() ? "" : arguments.operands[0];
  const std::string script = CompletionScript(shell);
  if (script.empty() || arguments.operands.size() != 1) {
    std::fprintf(stderr, "signet: completion for which shell? bash, zsh or fish\n");
    return kUsage;
  }
  return PrintText(script) ? kGood : kNo;
}

}  // namespace signet::cli
