#include "src/cli/show.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/environment.h"

namespace signet::cli {
namespace {

using facts::TraceStep;
using report::Decision;
using Kind = TraceStep::Kind;
using Outcome = TraceStep::Outcome;

constexpr std::size_t kNarrowest = 40, kWidest = 120;  // of a terminal, that we follow
constexpr std::size_t kDeepest = 15;                   // levels that are indented

std::size_t ColumnsOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Octets of the first `columns` columns.
std::size_t OctetsOf(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && columns-- == 0) break;
  }
  return at;
}

// What the environment said before the program set aside what steers libraries.
std::string_view Said(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) value = std::getenv((std::string(config::kSetAside) + name).c_str());
  return value == nullptr ? "" : value;
}

// The first of these that is set decides.
bool TerminalTakesUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = Upper(Said(name));
    if (!value.empty())
      return value.find("UTF-8") != value.npos || value.find("UTF8") != value.npos;
  }
  return false;
}

std::string_view CodeOf(Ink ink) {
  switch (ink) {
    case Ink::kGood:
      return "32";
    case Ink::kBad:
      return "31";
    case Ink::kLater:
      return "35";
    case Ink::kBold:
      return "1";
    case Ink::kFaint:
      return "2";
    default:
      return "";
  }
}

// Colours say how it went for the client. Whether a condition holds says nothing of that.
Ink InkOf(const TraceStep& step) {
  const bool truth = step.kind == Kind::kCondition || step.kind == Kind::kExpression ||
                     step.kind == Kind::kOption || step.kind == Kind::kStatement;
  if (truth && step.outcome != Outcome::kLater && step.outcome != Outcome::kFailed)
    return Ink::kPlain;
  switch (step.outcome) {
    case Outcome::kYes:
      return Ink::kGood;
    case Outcome::kNo:
    case Outcome::kFailed:
      return Ink::kBad;
    case Outcome::kLater:
      return Ink::kLater;
    default:
      return Ink::kPlain;
  }
}

std::string_view MarkOf(Outcome outcome, bool utf8) {
  switch (outcome) {
    case Outcome::kYes:
      return utf8 ? "✓" : "+";
    case Outcome::kNo:
      return utf8 ? "✗" : "-";
    case Outcome::kLater:
      return "?";
    case Outcome::kFailed:
      return "!";
    default:
      return utf8 ? "·" : ".";
  }
}

// --- the head ------------------------------------------------------------------------------

struct Heading {
  std::string_view word;
  Ink ink;
};
Heading HeadingOf(Decision::Verdict verdict) {
  switch (verdict) {
    case Decision::Verdict::kAccepted:
      return {"ACCEPTED", Ink::kGood};
    case Decision::Verdict::kRefused:
      return {"REFUSED", Ink::kBad};
    default:
      return {"DEFERRED", Ink::kLater};
  }
}

constexpr std::size_t kLabelColumns = 10;

std::string Line(std::string_view label, std::string_view text, Ink ink,
                 const ShowOptions& options) {
  std::string padded(label);
  padded.resize(std::max(kLabelColumns, label.size() + 1), ' ');
  const std::string body = Wrap(padded + std::string(text), options.width, kLabelColumns);
  const std::string head = Inked(body.substr(0, padded.size()), ink, options);
  return (ink == Ink::kBold ? head : Inked(head, Ink::kBold, options)) +
         body.substr(padded.size()) + '\n';
}

std::string TimeOf(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&time, &local);
  char text[48];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local));
}

std::string Bracketed(const std::string& ip, int port) {
  return '[' + ip + ']' + (port > 0 ? ':' + std::to_string(port) : "");
}

std::string ClientLine(const Decision::Client& client) {
  std::string line = '[' + client.ip + "] to " + Bracketed(client.local_ip, client.local_port);
  if (!client.helo.empty()) line += ", EHLO " + client.helo;
  line += client.tls_version.empty() ? ", no TLS" : ", " + client.tls_version;
  if (!client.sni.empty()) line += " for " + client.sni;
  line += client.chain.empty() ? ", no certificate" : ", with a certificate";
  return line;
}

// Where the refusal stands; what it hangs on may be elsewhere.
std::string WhereOf(const Decision& decision) {
  if (decision.where.empty()) return "";
  const bool deferred = decision.verdict == Decision::Verdict::kDeferred;
  return (deferred ? "for now, in place of the statement at " : "by the statement at ") +
         decision.where;
}

std::string Head(const Decision& decision, const ShowOptions& options) {
  const Heading heading = HeadingOf(decision.verdict);
  std::string head = Line(heading.word, decision.headline, heading.ink, options);
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) head += Line(label, text, Ink::kBold, options);
  };
  line("because", decision.reason);
  line("refused", WhereOf(decision));
  line("client", ClientLine(decision.client));
  line("when", TimeOf(decision.time) +
                   (decision.reference.empty() ? "" : ", reference " + decision.reference));
  return head;
}

// --- the tree ------------------------------------------------------------------------------

std::string Took(std::int64_t microseconds) {
  if (microseconds < 0) return "";
  if (microseconds < 1000) return ", " + std::to_string(microseconds) + " us";
  return ", " + std::to_string(microseconds / 1000) + " ms";
}

// What a step says, on one line of whatever length, and where what is faint begins.
struct Sentence {
  std::string text;
  std::size_t faint = std::string::npos;
};

Sentence SentenceOf(const TraceStep& step) {
  Sentence sentence;
  std::string& text = sentence.text;
  switch (step.kind) {
    case Kind::kCertificate:
      text = "certificate ";
      break;
    case Kind::kAuthenticator:
      text = "authenticator ";
      break;
    case Kind::kAcl:
      text = "ACL ";
      break;
    case Kind::kLookup:
      text = "lookup ";
      break;
    default:
      break;
  }
  text += step.what;
  if (!step.query.empty()) text += ' ' + step.query;
  const bool repeats = step.kind == Kind::kCondition && step.what.ends_with(step.value);
  const bool has_value = (!step.value.empty() && !repeats) || step.hidden;
  const bool equals =
      step.kind == Kind::kOption || step.kind == Kind::kExpression || step.kind == Kind::kLookup;
  if (has_value) text += equals ? " = " : ": ";
  if (has_value) text += step.hidden ? "(not recorded)" : step.value;
  if (equals && !has_value && step.outcome == Outcome::kNone) text += " = (empty)";
  std::string faint;
  if (!step.from.empty()) faint += "from " + step.from;
  faint += faint.empty() && step.microseconds >= 0 ? Took(step.microseconds).substr(2)
                                                   : Took(step.microseconds);
  if (!step.place.empty() && step.kind != Kind::kExpression)
    faint += (faint.empty() ? "" : ", ") + step.place;
  if (!faint.empty()) {
    sentence.faint = text.size();
    text += "  (" + faint + ')';
  }
  return sentence;
}

// A command: what the client says, and below its parts what it is told.
std::string CommandLine(const TraceStep& step, const ShowOptions& options) {
  return Inked(Wrap((options.utf8 ? "→ " : "> ") + step.what, options.width, 4), Ink::kBold,
               options) +
         '\n';
}

// What EHLO is answered is long and seldom the point: it is told on one line.
std::string ExtensionsLine(const TraceStep& step, const ShowOptions& options) {
  std::string line, names;
  for (std::size_t at = 0; at < step.value.size();) {
    const std::size_t end = std::min(step.value.find('\n', at), step.value.size());
    const std::string one = step.value.substr(at, end - at);
    if (line.empty())
      line = "250 " + one.substr(std::min<std::size_t>(4, one.size()));
    else
      names += (names.empty() ? "" : ", ") + one.substr(std::min<std::size_t>(4, one.size()));
    at = end + 1;
  }
  return Inked(Wrap((options.utf8 ? "← " : "< ") + line, options.width, 4), InkOf(step), options) +
         '\n' + Wrap("  with " + names, options.width, 4) + '\n';
}

std::string ReplyLines(const TraceStep& step, const ShowOptions& options) {
  if (step.what.starts_with("EHLO") && step.value.starts_with("250-"))
    return ExtensionsLine(step, options);
  std::string lines;
  for (std::size_t at = 0; at < step.value.size();) {
    const std::size_t end = std::min(step.value.find('\n', at), step.value.size());
    const std::string line = (options.utf8 ? "← " : "< ") + step.value.substr(at, end - at);
    lines += Inked(Wrap(line, options.width, 4), InkOf(step), options) + '\n';
    at = end + 1;
  }
  return lines;
}

// An ACL that is not there and changes nothing.
bool IsIdle(const TraceStep& step) {
  return step.kind == Kind::kAcl && step.outcome == Outcome::kYes &&
         step.value.starts_with("not set");
}

std::string StepLine(const TraceStep& step, const ShowOptions& options) {
  const std::size_t indent = 2 * std::min<std::size_t>(std::max<int>(step.depth, 1), kDeepest);
  const std::string mark(MarkOf(step.outcome, options.utf8));
  const Sentence sentence = SentenceOf(step);
  const std::string room(indent, ' ');
  std::string body = Wrap(room + "  " + sentence.text, options.width, indent + 4);
  body.erase(0, indent + 2);
  // The place of what is faint has moved by what wrapping has put in.
  if (sentence.faint != std::string::npos) {
    const std::size_t begins = body.rfind(sentence.text.substr(sentence.faint, 3));
    if (begins != std::string::npos)
      body = body.substr(0, begins) + Inked(body.substr(begins), Ink::kFaint, options);
  }
  // What stands in the way is seen from afar.
  const Ink ink = InkOf(step);
  const bool loud = (step.kind == Kind::kCheck || step.kind == Kind::kAuthenticator) &&
                    (ink == Ink::kBad || ink == Ink::kLater);
  return room + Inked(mark, ink, options) + ' ' + (loud ? Inked(body, ink, options) : body) + '\n';
}

}  // namespace

ShowOptions ShowOptionsFor(std::FILE* stream) {
  ShowOptions options;
  const int fd = ::fileno(stream);
  if (::isatty(fd) == 0) return options;
  options.utf8 = TerminalTakesUtf8();
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  options.color = (no_color == nullptr || *no_color == '\0') && term != nullptr &&
                  std::string_view(term) != "dumb";
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    options.width = std::clamp<std::size_t>(size.ws_col, kNarrowest, kWidest);
  return options;
}

std::string Inked(std::string_view text, Ink ink, const ShowOptions& options) {
  const std::string_view code = CodeOf(ink);
  if (!options.color || code.empty() || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + 'm' + std::string(text) + "\x1b[0m";
}

std::string Wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t room = width;
  while (ColumnsOf(text) > room) {
    std::size_t cut = OctetsOf(text, room);
    // A blank that leaves the line more than half full.
    const std::size_t blank = text.rfind(' ', cut);
    const bool at_blank = blank != text.npos && ColumnsOf(text.substr(0, blank)) > room / 2;
    if (at_blank) cut = blank;
    out += text.substr(0, cut);
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
    text.remove_prefix(at_blank ? cut + 1 : cut);
    out.append(indent, ' ');
    room = width > indent + 10 ? width - indent : width;
  }
  return out += text;
}

std::string ShowSteps(const std::vector<TraceStep>& steps, std::size_t from,
                      const ShowOptions& options) {
  std::string out;
  const TraceStep* command = nullptr;  // its reply follows its parts
  for (std::size_t i = from; i < steps.size(); ++i) {
    const TraceStep& step = steps[i];
    if (step.kind != Kind::kCommand) {
      if (!IsIdle(step)) out += StepLine(step, options);
      continue;
    }
    if (command != nullptr) out += ReplyLines(*command, options);
    command = &step;
    out += CommandLine(step, options);
  }
  if (command != nullptr) out += ReplyLines(*command, options);
  return out;
}

std::string Show(const Decision& decision, const ShowOptions& options) {
  std::string out = Head(decision, options);
  if (!options.tree || decision.steps.empty()) return out;
  out += '\n' + ShowSteps(decision.steps, 0, options);
  if (decision.steps_dropped > 0)
    out += "  (" + std::to_string(decision.steps_dropped) + " more steps were not recorded)\n";
  return out;
}

}  // namespace signet::cli
