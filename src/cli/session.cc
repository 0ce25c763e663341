// signet session (-bh): SMTP with the configuration on standard input and output.
#include <unistd.h>

#include <cstdio>

#include "src/base/log.h"
#include "src/cli/offline.h"
#include "src/cli/options.h"
#include "src/cli/played_client.h"
#include "src/cli/report.h"
#include "src/cli/show.h"
#include "src/cli/with_site.h"
#include "src/engine/engine.h"

namespace signet::cli {
namespace {

int Complain(const std::string& what) {
  std::fprintf(stderr, "signet: %s\n", what.c_str());
  return kUsage;
}

// A line of standard input without its end, of whatever length; nullopt at its end.
std::optional<std::string> ReadLine() {
  std::string line;
  int c = EOF;
  engine::Blocking([&] {
    while ((c = std::getchar()) != EOF && c != '\n') line += static_cast<char>(c);
  });
  if (c == EOF && line.empty()) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

// Replies as they would go over the wire, but with line ends for a terminal.
std::string ForTerminal(std::string_view replies) {
  std::string text;
  for (char c : replies)
    if (c != '\r') text += c;
  return text;
}

int Talk(OfflineSite& site, const OfflineClient& client, bool trace) {
  const ShowOptions options = ShowOptionsFor(stderr);
  std::size_t shown = 0;
  std::string steps;
  const OfflineSite::SeeSteps see = [&](const facts::Trace& seen) {
    std::vector<facts::TraceStep> now(
        seen.steps().begin() + static_cast<std::ptrdiff_t>(std::min(shown, seen.steps().size())),
        seen.steps().end());
    shown = seen.steps().size();
    // What was said stands on the terminal already.
    std::erase_if(now, [](const auto& s) { return s.kind == facts::TraceStep::Kind::kCommand; });
    for (facts::TraceStep& step : now)
      for (std::string* text : {&step.what, &step.value, &step.query, &step.from, &step.place})
        *text = Printable(*text);
    steps = ShowSteps(now, 0, options);
  };
  const auto see_logged = [&] {
    for (const std::string& line : site.TakeLog())
      std::fprintf(stderr, "%s\n", Inked("LOG: " + line, Ink::kFaint, options).c_str());
  };
  auto played = site.Converse(
      client,
      [&](std::string_view replies) -> std::optional<std::string> {
        if (trace && !steps.empty()) std::fputs(steps.c_str(), stderr);
        see_logged();
        (void)PrintText(ForTerminal(replies));
        return ReadLine();
      },
      trace ? see : OfflineSite::SeeSteps());
  if (!played) return Complain(played.error());
  for (const std::string& line : played.value().log)
    std::fprintf(stderr, "%s\n", Inked("LOG: " + line, Ink::kFaint, options).c_str());
  return kGood;
}

}  // namespace

int RunSession(const Arguments& arguments) {
  if (arguments.operands.size() > 1)
    return Complain("one ADDRESS is wanted, found \"" + Printable(arguments.operands[1]) +
                    "\" too");
  Arguments with_address = arguments;
  if (!arguments.operands.empty()) with_address.client_ip = arguments.operands[0];
  Result<OfflineClient, std::string> client = ClientOf(with_address);
  if (!client) return Complain(client.error());
  return WithOfflineSite(
      arguments, [&](OfflineSite& site) { return Talk(site, client.value(), arguments.trace); });
}

}  // namespace signet::cli
