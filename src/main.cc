#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "src/cli/options.h"
#include "src/crypto/library.h"
#include "src/server/privileges.h"

namespace {

using namespace signet;

// Libraries have read their variables before main began. Where that matters, because we have
// rights that whoever started us may not have, the program begins again without them.
void StartClean(char** argv) {
  const bool again = server::IsPrivileged() && !server::UnwantedEnvironment().empty();
  server::CleanEnvironment();
  if (again) ::execv("/proc/self/exe", argv);
}

int RunVerb(const cli::Arguments& arguments) {
  if (arguments.verb == "serve") return cli::RunServe(arguments);
  if (arguments.verb == "audit") return cli::RunAudit(arguments);
  if (arguments.verb == "cert") return cli::RunCert(arguments);
  if (arguments.verb == "check") return cli::RunCheck(arguments);
  if (arguments.verb == "completion") return cli::RunCompletion(arguments);
  if (arguments.verb == "expand") return cli::RunExpand(arguments);
  if (arguments.verb == "explain") return cli::RunExplain(arguments);
  if (arguments.verb == "session") return cli::RunSession(arguments);
  if (arguments.verb == "pins") return cli::RunPins(arguments);
  if (arguments.verb == "reload") return cli::RunReload(arguments);
  if (arguments.verb == "send") return cli::RunSend(arguments);
  if (arguments.verb == "status") return cli::RunStatus(arguments);
  if (arguments.verb == "tickets") return cli::RunTickets(arguments);
  if (arguments.verb == "tlsrpt") return cli::RunTlsrpt(arguments);
  if (arguments.verb == "why") return cli::RunWhy(arguments);
  if (arguments.verb == "version") {
    std::printf("signet %s\n", std::string(cli::kVersion).c_str());
    return cli::kGood;
  }
  const std::string about = arguments.operands.empty() ? "" : arguments.operands[0];
  const std::string text = cli::HelpText(about);
  if (text.empty()) {
    std::fprintf(stderr, "signet: unknown verb \"%s\"; \"signet help\" lists them\n",
                 about.c_str());
    return cli::kUsage;
  }
  std::fputs(text.c_str(), stdout);
  return cli::kGood;
}

// Whether we were called by a name that stands for the verb "send".
bool IsSendmail(std::string_view path) { return path.substr(path.rfind('/') + 1) == "sendmail"; }

int Run(const std::vector<std::string>& command_line, const std::vector<std::string>& words) {
  auto arguments = cli::ParseArguments(words);
  if (!arguments) {
    std::fprintf(stderr, "signet: %s\n", arguments.error().message.c_str());
    if (words.empty()) std::fputs(("\n" + cli::HelpText("")).c_str(), stderr);
    return cli::kUsage;
  }
  arguments.value().words = command_line;
  return RunVerb(arguments.value());
}

}  // namespace

int main(int argc, char** argv) {
  StartClean(argv);
  crypto::StartLibrary();
  std::vector<std::string> words(argv + (argc > 0), argv + argc);
  const bool sendmail = argc > 0 && IsSendmail(argv[0]);
  if (sendmail) words.insert(words.begin(), "send");
  const int status = Run({argv, argv + argc}, words);
  return sendmail ? cli::SendmailStatus(status) : status;
}
