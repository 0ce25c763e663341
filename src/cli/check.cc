#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "src/base/codes.h"
#include "src/cli/check_diff.h"
#include "src/cli/modules.h"
#include "src/cli/offline.h"
#include "src/cli/option_table.h"
#include "src/cli/options.h"
#include "src/cli/probes.h"
#include "src/cli/report.h"
#include "src/cli/terminal.h"
#include "src/config/allowances.h"
#include "src/config/print.h"
#include "src/engine/engine.h"
#include "src/smtp/site.h"

namespace signet::cli {
namespace {

std::string Version(const drivers::Registry& registry, const std::string& config_file) {
  std::string text = "Signet version " + std::string(kVersion) + "\nLookups:";
  for (const auto& driver : registry.lookups()) text += ' ' + driver->name;
  text += "\nAuthenticators:";
  for (const auto& driver : registry.auths()) text += ' ' + driver->name;
  return text + "\nRouters: accept manualroute\nTransports: appendfile smtp\n" +
         "Configuration file is " + config_file + '\n';
}

// "router NAME" comes as two words; everything else is one.
std::vector<std::string> Questions(const std::vector<std::string>& words) {
  std::vector<std::string> questions;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    bool pair =
        word == "router" || word == "transport" || word == "authenticator" || word == "macro";
    if (pair && i + 1 < words.size()) {
      questions.push_back(word + ' ' + words[++i]);
    } else {
      questions.push_back(word);
    }
  }
  if (questions.empty()) questions.emplace_back();
  return questions;
}

// -bP: needs the configuration only, not the keys that it names.
int PrintSettings(const Arguments& arguments, const drivers::Registry& registry) {
  config::Loaded loaded = config::Load(arguments.config_file, arguments.macros, registry);
  PrintDiagnostics(loaded.diagnostics);
  if (!loaded.config) return kUsage;
  int status = kGood;
  for (const std::string& question : Questions(arguments.operands)) {
    std::optional<std::string> text = config::PrintOptions(*loaded.config, question);
    if (text) {
      if (!PrintText(*text)) return kNo;
      continue;
    }
    std::fprintf(stderr, "signet: \"%s\" is not a known option\n", question.c_str());
    status = kNo;
  }
  return status;
}

bool HasConfiguration(const Arguments& arguments) {
  return arguments.config_file != kDefaultConfigFile ||
         ::access(arguments.config_file.c_str(), F_OK) == 0;
}

// --table: what is in effect, or without a configuration what there is.
int PrintTable(const Arguments& arguments, const drivers::Registry& registry) {
  if (!HasConfiguration(arguments)) return PrintText(config::OptionTable(registry)) ? kGood : kNo;
  const config::Loaded loaded = config::Load(arguments.config_file, arguments.macros, registry);
  if (!loaded.config) {
    PrintDiagnostics(loaded.diagnostics);
    return kUsage;
  }
  const std::string text =
      ShowOptionTable(config::OptionStates(*loaded.config, registry),
                      config::OptionOrigins(arguments.config_file, arguments.macros, registry),
                      IsTerminal(STDOUT_FILENO) ? TableForm::kColumns : TableForm::kTabs);
  return PrintText(text) ? kGood : kNo;
}

// Whether a warning says that an allowance silences nothing, and it has silenced something now.
bool IsUsedAfterAll(const Diagnostic& diagnostic, const config::Allowances& allowances) {
  return diagnostic.code == code::kUnusedAllow &&
         std::any_of(allowances.begin(), allowances.end(), [&](const config::Allowance& one) {
           return one.used && one.code.text == diagnostic.span.text &&
                  one.code.begin == diagnostic.span.begin;
         });
}

// What else the sessions of the probes have shown is added to what loading has.
RelayProbes Probe(smtp::LoadedSite loaded, const drivers::Registry& registry,
                  Diagnostics* diagnostics) {
  RelayProbes probes;
  const config::ConfigPtr config = loaded.site->config;
  engine::RunInLoop([&] {
    OfflineSite site(std::move(loaded), registry, {DirectoryChoice::kNone, ""});
    probes = ProbeRelay(&site);
  });
  config::Allowances allowances = config->allowances;
  config::Silence(&allowances, &probes.others);
  config::Silence(&allowances, &probes.findings);
  std::erase_if(*diagnostics,
                [&](const Diagnostic& one) { return IsUsedAfterAll(one, allowances); });
  diagnostics->insert(diagnostics->end(), probes.others.begin(), probes.others.end());
  SortBySource(diagnostics);
  SortBySource(&probes.findings);
  return probes;
}

// The last lines. An open relay can be served, but it is nothing that anybody wants.
int Conclude(const Arguments& arguments, const Diagnostics& diagnostics,
             const RelayProbes& probes) {
  if (probes.deferred > 0)
    std::fprintf(stderr,
                 "note: %zu of %zu probes for an open relay were deferred, since check makes no "
                 "lookups, and say nothing\n",
                 probes.deferred, probes.recipients);
  if (!probes.complete)
    std::fprintf(stderr, "note: the probes for an open relay took too long: %zu were asked\n",
                 probes.recipients);
  Diagnostics all = diagnostics;
  all.insert(all.end(), probes.findings.begin(), probes.findings.end());
  const std::string summary = CountDiagnostics(all);
  const bool open = !probes.findings.empty();
  const std::string verdict =
      open ? Styled("an open relay", Style::kBad, WantsColour(STDOUT_FILENO)) : "good";
  if (!PrintText(arguments.config_file + ": " + verdict + ", " + summary + '\n')) return kNo;
  return open ? kNo : kGood;
}

}  // namespace

int RunCheck(const Arguments& arguments) {
  if (!arguments.diff.empty()) return RunCheckDiff(arguments);
  if (arguments.json || !arguments.certificates_directory.empty() || !arguments.directory.empty() ||
      !arguments.socket.empty()) {
    std::fputs("signet: --certs, --directory, --json and --socket of check are for --diff NEW\n",
               stderr);
    return kUsage;
  }
  std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return kUsage;
  if (arguments.print_table) return PrintTable(arguments, *registry);
  if (arguments.print_options) return PrintSettings(arguments, *registry);
  if (arguments.print_version) PrintText(Version(*registry, arguments.config_file));
  smtp::LoadedSite loaded =
      smtp::LoadSite(arguments.config_file, arguments.macros, *registry, smtp::LoadTls::kYes);
  Diagnostics diagnostics = loaded.loaded.diagnostics;
  if (!loaded.site) {
    PrintDiagnostics(diagnostics);
    std::fprintf(stderr, "%s: not usable: %s\n", arguments.config_file.c_str(),
                 CountDiagnostics(diagnostics).c_str());
    return kUsage;
  }
  const smtp::SitePtr site = loaded.site;  // keeps the texts of diagnostics
  const RelayProbes probes = Probe(std::move(loaded), *registry, &diagnostics);
  PrintDiagnostics(diagnostics);
  PrintDiagnostics(probes.findings);
  return Conclude(arguments, diagnostics, probes);
}

}  // namespace signet::cli
