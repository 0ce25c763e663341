#include <jansson.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/control_client.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/show.h"
#include "src/cli/terminal.h"
#include "src/report/decision.h"
#include "src/report/decisions.h"

// signet why: the decisions of the running server.
namespace signet::cli {
namespace {

constexpr std::size_t kListed = 20;

int PrintDecision(const Arguments& arguments, const json_t* json) {
  if (arguments.json) return PrintText(Indented(json)) ? kGood : kNo;
  auto decision = report::DecisionFromJson(Indented(json));
  if (!decision)
    return ComplainWrapped(kNo, "the server's answer is none of Signet's: " + decision.error());
  ShowOptions options = ShowOptionsFor(stdout);
  options.tree = !arguments.brief;
  return PrintText(Show(decision.value(), options)) ? kGood : kNo;
}

int NotFound(const std::string& reference, const json_t* answer) {
  const std::string days = std::to_string(NumberIn(answer, "days"));
  const std::int64_t most = NumberIn(answer, "kept_most");
  if (most == 0) return ComplainWrapped(kNo, "the server keeps no decisions: decisions_kept is 0");
  return ComplainWrapped(
      kNo, "there is no decision " + reference + ": of refusals and deferrals the last " +
               std::to_string(most) + " are kept (decisions_kept), for " + days +
               " days at most; at present there are " + std::to_string(NumberIn(answer, "kept")));
}

// The reference in what somebody has typed or pasted: a reply, a line of the log, or the
// reference itself, with blanks and dashes of any kind.
std::string ReferenceIn(std::string text) {
  for (const std::string_view before : {"reference ", "REF="}) {
    const std::size_t at = text.find(before);
    if (at == text.npos) continue;
    text = text.substr(at + before.size());
    text = text.substr(0, text.find_first_of(") \n"));
  }
  std::string reference;
  for (const char c : text)
    if (IsAlnum(c)) (reference += reference.size() == 4 ? "-" : "") += ToUpper(c);
  // Another kind of dash is no letter; whatever else is there is no reference, as it was typed.
  return report::IsReference(reference) ? reference : text;
}

int One(const Arguments& arguments, const std::string& typed) {
  const std::string reference = ReferenceIn(typed);
  if (!report::IsReference(reference))
    return ComplainWrapped(kUsage,
                           "\"" + Printable(reference) +
                               "\" is no reference; they look like K7Q2-9FXMT, and stand at the "
                               "end of replies that refuse, and of lines of the log (REF=)");
  int status = kGood;
  const JsonPtr answer = AskServer(arguments, "why " + reference, &status);
  if (answer == nullptr) return status;
  const json_t* decision = json_object_get(answer.get(), "decision");
  if (decision == nullptr) return NotFound(reference, answer.get());
  return PrintDecision(arguments, decision);
}

// A reason without the words that most of them begin with: a line of the list has little room.
std::string Brief(std::string reason) {
  for (const char* beginning : {"the client certificate did not verify: ", "the authenticator "}) {
    if (reason.starts_with(beginning)) return reason.substr(std::string_view(beginning).size());
  }
  return reason;
}

// "2026-03-01 12:00:00  K7Q2-9FXMT  192.0.2.1  the client has sent no …"
std::string LineOf(const json_t* row, std::size_t client_columns) {
  const std::string head = LocalTime(NumberIn(row, "time")) + "  " + TextIn(row, "reference") +
                           "  " + Padded(TextIn(row, "client"), client_columns) + "  ";
  const std::size_t room = kColumns - std::min(WidthOf(head), kColumns - 20);
  const std::string reason = Brief(TextIn(row, "reason"));
  return WithoutControls(head + Shorten(reason.empty() ? TextIn(row, "headline") : reason, room)) +
         '\n';
}

int Last(const Arguments& arguments) {
  int status = kGood;
  const JsonPtr answer = AskServer(arguments, "recent " + std::to_string(kListed), &status);
  if (answer == nullptr) return status;
  if (arguments.json) return PrintText(Indented(answer.get())) ? kGood : kNo;
  const json_t* rows = json_object_get(answer.get(), "decisions");
  std::size_t index = 0;
  json_t* row = nullptr;
  std::size_t client_columns = 0;
  json_array_foreach(rows, index, row) client_columns =
      std::max(client_columns, WidthOf(TextIn(row, "client")));
  std::string text;
  json_array_foreach(rows, index, row) text += LineOf(row, client_columns);
  if (text.empty()) text = "no refusal or deferral of who a client is, as far as is remembered\n";
  return PrintText(text) ? kGood : kNo;
}

}  // namespace

int RunWhy(const Arguments& arguments) {
  if (arguments.operands.size() > 1) {
    std::string words;  // "K7Q2 9FXMT", as read out on the telephone
    for (const std::string& word : arguments.operands) words += (words.empty() ? "" : " ") + word;
    return One(arguments, words);
  }
  return arguments.operands.empty() ? Last(arguments) : One(arguments, arguments.operands[0]);
}

}  // namespace signet::cli
