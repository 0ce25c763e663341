#include <chrono>
#include <cstdio>

#include "src/base/log.h"
#include "src/cli/modules.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/config/config.h"
#include "src/report/tlsrpt.h"

namespace signet::cli {
namespace {

int Complain(int status, const std::string& text) {
  std::fprintf(stderr, "signet: %s\n", text.c_str());
  return status;
}

// Reports are made of whole days: yesterday is the last one.
std::string Yesterday() {
  return report::DayOf(std::chrono::system_clock::now() - std::chrono::hours(24));
}

}  // namespace

int RunTlsrpt(const Arguments& arguments) {
  std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return kUsage;
  const std::string day = arguments.day.empty() ? Yesterday() : arguments.day;
  if (!report::IsDay(day))
    return Complain(kUsage, "a day like 2026-03-01 expected, but \"" + Printable(day) + "\" found");
  config::Loaded loaded = config::Load(arguments.config_file, arguments.macros, *registry);
  PrintDiagnostics(loaded.diagnostics);
  if (!loaded.config) return kUsage;
  const config::Main& main = loaded.config->main;
  if (main.tlsrpt_file.text.empty())
    return Complain(kUsage, "tlsrpt_file is not set: nothing is counted");
  report::TlsReports reports;
  const auto read = reports.Load(main.tlsrpt_file.text);
  if (!read) return Complain(kNo, read.error());
  const std::string& organization = main.tlsrpt_organization_name.text;
  const report::TlsReports::Sender sender = {
      organization.empty() ? main.primary_hostname : organization, main.tlsrpt_contact_info.text,
      main.primary_hostname};
  return PrintText(reports.Report(day, sender)) ? kGood : kNo;
}

}  // namespace signet::cli
