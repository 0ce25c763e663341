// signet audit: all certificates that were given out, against the configuration.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/audit_report.h"
#include "src/cli/certificate_files.h"
#include "src/cli/offline.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/terminal.h"
#include "src/cli/with_site.h"
#include "src/crypto/pins.h"

namespace signet::cli {
namespace {

constexpr std::int64_t kDefaultDays = 30;

int Complain(const std::string& message) {
  std::fprintf(stderr, "signet: %s\n", message.c_str());
  return kUsage;
}

// How far it is, on a terminal only, and not more often than anybody can see.
class Progress {
 public:
  explicit Progress(std::size_t whole) : whole_(whole), shown_(IsTerminal(STDERR_FILENO)) {}
  ~Progress() {
    if (shown_ && drawn_) std::fprintf(stderr, "\r%*s\r", static_cast<int>(kColumns - 1), "");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void At(std::size_t done) {
    if (!shown_ || whole_ == 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (drawn_ && done < whole_ && now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    constexpr std::size_t kBar = 40;
    const std::size_t full = done * kBar / whole_;
    std::fprintf(stderr, "\r[%s%s] %zu of %zu files", std::string(full, '#').c_str(),
                 std::string(kBar - full, '.').c_str(), done, whole_);
    std::fflush(stderr);
  }

 private:
  const std::size_t whole_;
  const bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

struct Plan {
  std::string directory;  // of certificates
  std::int64_t now = 0, days = kDefaultDays;
  std::string listener;
  std::optional<std::int64_t> at;
};

class Auditor {
 public:
  Auditor(const Plan& plan, OfflineSite* site) : plan_(plan), site_(*site) {}

  // "" or why there is nothing to say.
  std::string Run() {
    auto found = FindFiles(plan_.directory);
    if (!found) return found.error();
    summary.left_out = std::move(found.value().left_out);
    const std::vector<std::string>& paths = found.value().paths;
    Progress progress(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      progress.At(i);
      if (std::string wrong = File(paths[i]); !wrong.empty()) return wrong;
    }
    Compare(&all);
    return "";
  }

  std::vector<Audited> all;
  AuditSummary summary;

 private:
  std::string File(const std::string& name) {
    const FileOfClients file = ReadClients(plan_.directory + '/' + name);
    summary.authorities += file.authorities.size();
    const bool empty = file.clients.empty() && file.authorities.empty();
    if (empty && file.trouble.empty()) ++summary.other_files;
    if (!empty || !file.trouble.empty()) ++summary.files;
    if (!file.trouble.empty()) {
      Audited one;
      one.file = name;
      one.reason = file.trouble;
      all.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < file.clients.size(); ++i) {
      Audited one;
      one.file = name;
      one.number = i + 1;
      one.certificate = file.clients[i];
      if (std::string wrong = Ask(file, &one); !wrong.empty()) return wrong;
      Examine(plan_.now, plan_.days, &one);
      all.push_back(std::move(one));
    }
    return "";
  }

  // What the server would make of a client that has it. "" or why that cannot be asked.
  std::string Ask(const FileOfClients& file, Audited* one) {
    OfflineClient client;
    client.listener = plan_.listener;
    client.at = plan_.at;
    client.chain.emplace_back(one->certificate->der());
    for (const auto& authority : file.authorities) client.chain.emplace_back(authority->der());
    const auto played = site_.Play(client);
    if (!played) return played.error();
    const report::Decision& decision = played.value().decision;
    one->authenticator = decision.authenticator;
    one->identity = decision.identity;
    if (decision.authentication == "authenticated") {
      one->state = Audited::kMapped;
      return "";
    }
    one->identity.clear();
    one->reason = ReasonOf(decision);
    if (decision.authentication == "deferred") {
      one->state = Audited::kDeferred;
      return "";
    }
    const std::string several = Several(*one->certificate);
    const bool ambiguous =
        decision.authentication == "failed" &&
        (!several.empty() || one->reason.find("elements where one") != std::string::npos);
    one->state = ambiguous ? Audited::kAmbiguous : Audited::kUnmapped;
    if (ambiguous && !several.empty()) one->notes.push_back(several);
    return "";
  }

  static std::string ReasonOf(const report::Decision& decision) {
    if (!decision.reason.empty()) return decision.reason;
    using Kind = facts::TraceStep::Kind;
    for (const facts::TraceStep& step : decision.steps)
      if (step.kind == Kind::kAuthenticator && !step.value.empty()) return step.value;
    return decision.headline;
  }

  // More than one name that could be an account: "2 mail addresses: a@x b@x".
  static std::string Several(const crypto::Certificate& certificate) {
    std::vector<std::string> names;
    for (const crypto::SanName& name : certificate.alternative_names())
      if (name.valid && name.type == crypto::SanType::kMail) names.push_back(name.value);
    if (names.size() < 2) return "";
    std::string text = std::to_string(names.size()) + " mail addresses:";
    for (const std::string& name : names) text += ' ' + Printable(name);
    return text;
  }

  const Plan& plan_;
  OfflineSite& site_;
};

Result<Plan, std::string> PlanOf(const Arguments& arguments) {
  Plan plan;
  plan.directory = arguments.certificates_directory;
  plan.listener = arguments.listener;
  if (plan.directory.empty()) return Err{std::string("audit wants a directory: --certs DIR")};
  while (plan.directory.size() > 1 && plan.directory.ends_with('/')) plan.directory.pop_back();
  if (arguments.csv && arguments.json) return Err{std::string("--csv or --json, not both")};
  plan.now = std::time(nullptr);
  if (!arguments.at.empty()) {
    plan.at = crypto::ReadDate(arguments.at, crypto::DayEnd::kFirst);
    if (!plan.at)
      return Err{"--at wants a time as 2027-06-30 or 2027-06-30T12:00:00Z, not \"" +
                 Printable(arguments.at) + '"'};
    plan.now = *plan.at;
  }
  if (!arguments.days.empty()) {
    const std::string& text = arguments.days;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), plan.days);
    constexpr std::int64_t kMost = 100'000;
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || plan.days < 0 || plan.days > kMost)
      return Err{"--days wants a number of days, not \"" + Printable(text) + '"'};
  }
  return plan;
}

int Print(const Arguments& arguments, const Plan& plan, const Auditor& auditor) {
  const std::string text =
      arguments.csv    ? AuditCsv(auditor.all, plan.now)
      : arguments.json ? AuditJson(auditor.all, auditor.summary, plan.now)
                       : ShowAudit(auditor.all, auditor.summary, WantsColour(STDOUT_FILENO));
  if (!PrintText(text)) return kNo;
  for (const Audited& one : auditor.all)
    if (NeedsAttention(one)) return kNo;
  return kGood;
}

}  // namespace

int RunAudit(const Arguments& arguments) {
  const auto plan = PlanOf(arguments);
  if (!plan) return Complain(plan.error());
  return WithOfflineSite(arguments, [&](OfflineSite& site) {
    Auditor auditor(plan.value(), &site);
    const std::string wrong = auditor.Run();
    return wrong.empty() ? Print(arguments, plan.value(), auditor) : Complain(wrong);
  });
}

}  // namespace signet::cli
