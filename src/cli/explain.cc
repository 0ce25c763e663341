// signet explain: what a client would get, and why.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/offline.h"
#include "src/cli/options.h"
#include "src/cli/played_client.h"
#include "src/cli/report.h"
#include "src/cli/show.h"
#include "src/cli/with_site.h"

namespace signet::cli {
namespace {

int Complain(const std::string& what) {
  std::fprintf(stderr, "signet: %s\n", what.c_str());
  return kUsage;
}

int StatusOf(const report::Decision& decision) {
  switch (decision.verdict) {
    case report::Decision::Verdict::kAccepted:
      return kGood;
    case report::Decision::Verdict::kRefused:
      return kNo;
    default:
      return kLater;
  }
}

std::string LogLines(const Played& played, const ShowOptions& options) {
  if (played.log.empty() || !options.tree) return "";
  std::string text = "\n" + Inked("A server would log", Ink::kBold, options) + "\n";
  for (const std::string& line : played.log) text += Wrap("  " + line, options.width, 4) + '\n';
  return text;
}

int Print(const Arguments& arguments, const Played& played) {
  ShowOptions options = ShowOptionsFor(stdout);
  options.tree = !arguments.brief;
  const bool written =
      arguments.json
          ? PrintText(report::ToJson(played.decision, report::JsonForm::kIndented) + '\n')
          : PrintText(Show(played.decision, options) + LogLines(played, options));
  return written ? StatusOf(played.decision) : kUsage;
}

}  // namespace

int RunExplain(const Arguments& arguments) {
  Result<OfflineClient, std::string> client = ClientOf(arguments);
  if (!client) return Complain(client.error());
  OfflineClient& played = client.value();
  if (arguments.senders.empty()) played.from_is_identity = true;
  if (!arguments.senders.empty()) played.from = arguments.senders.front();
  if (arguments.senders.size() > 1) return Complain("--from can be said once");
  if (played.from == "<>") played.from = "";
  played.to = arguments.recipients;
  if (played.to.empty()) played.to = {"postmaster@example.org"};

  std::vector<std::string> said = played.to;
  if (played.from) said.push_back(*played.from);
  for (const std::string& address : said)
    if (std::any_of(address.begin(), address.end(), IsControl))
      return Complain('"' + Printable(address) + "\" holds a control character");

  return WithOfflineSite(arguments, [&](OfflineSite& site) {
    const auto result = site.Play(played);
    return result ? Print(arguments, result.value()) : Complain(result.error());
  });
}

}  // namespace signet::cli
