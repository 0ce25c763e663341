#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "src/acl/acl.h"
#include "src/base/log.h"
#include "src/cli/expander.h"
#include "src/cli/line_reader.h"
#include "src/cli/modules.h"
#include "src/cli/options.h"
#include "src/cli/peer.h"
#include "src/cli/report.h"
#include "src/engine/engine.h"
#include "src/smtp/services.h"

namespace signet::cli {
namespace {

// Without -C, a host without a configuration can expand strings all the same.
config::Loaded LoadConfig(const Arguments& arguments, const drivers::Registry& registry) {
  const std::string& file = arguments.config_file;
  if (file == kDefaultConfigFile && access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
    return config::LoadText("no configuration", "", arguments.macros, registry);
  }
  return config::Load(file, arguments.macros, registry);
}

bool Say(const Expander::Answer& answer, int* status) {
  std::fwrite(answer.diagnostics.data(), 1, answer.diagnostics.size(), stderr);
  if (answer.failed) *status = kNo;
  if (PrintText(answer.text + '\n')) return true;
  std::fprintf(stderr, "signet: cannot write to standard output: %s\n", std::strerror(errno));
  return false;
}

int ExpandLines(Expander& expander) {
  std::unique_ptr<LineReader> reader = MakeLineReader();
  int status = kGood;
  std::string line;
  while (reader->Read(&line)) {
    std::string name = "line " + std::to_string(reader->number());
    if (!Say(expander.Take(name, line), &status)) return kNo;
  }
  return status;
}

int ExpandOperands(Expander& expander, const std::vector<std::string>& operands) {
  int status = kGood;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    std::string name = "argument " + std::to_string(i + 1);
    if (!Say(expander.Take(name, operands[i]), &status)) return kNo;
  }
  return status;
}

int Complain(const std::string& what) {
  std::fprintf(stderr, "signet: %s\n", what.c_str());
  return kUsage;
}

// What an ACL does where nobody is connected: it sets variables; what it would log is shown.
class OfflineEffects final : public acl::Effects {
 public:
  explicit OfflineEffects(facts::Session* session) : session_(*session) {}
  void SetVariable(const std::string& name, Value value) override {
    (name[4] == 'c' ? session_.acl_c : session_.acl_m)[name] = std::move(value);
  }
  void AddHeader(facts::AddedHeader) override {}
  void RemoveHeader(std::string) override {}
  acl::VerifyAnswer VerifyAddress(const acl::VerifyRequest&) override {
    return {acl::VerifyAnswer::kLater, "", "nothing is asked of other hosts offline"};
  }
  void LogWrite(std::string_view log, std::string_view text) override {
    std::fprintf(stderr, "signet: %s log: %s\n", std::string(log).c_str(), Printable(text).c_str());
  }
  void Delay(std::chrono::milliseconds) override {}
  facts::Session& session() override { return session_; }

 private:
  facts::Session& session_;
};

// Runs in a coroutine: lookups wait.
int Run(const Arguments& arguments, const drivers::Registry& registry,
        const config::ConfigPtr& config) {
  Log log(Log::Paths{});
  lookup::Worker worker(registry, config, &log);
  smtp::SessionServices services(&worker);
  facts::Session session;
  session.primary_hostname = session.active_hostname = config->main.primary_hostname;
  session.phase = facts::Phase::kQuit;
  if (!arguments.certificate_file.empty()) {
    auto reason = PretendCertificate(arguments.certificate_file, *config, services, &session);
    if (!reason) return Complain(reason.error());
    if (!reason.value().empty()) {
      std::fprintf(stderr, "signet: the certificate does not verify: %s\n", reason.value().c_str());
    }
  }
  Diagnostics diagnostics;
  auto rules = acl::Compile(*config, *config->names, &diagnostics);
  OfflineEffects effects(&session);
  if (!HasErrors(diagnostics)) services.Serve({config.get(), rules.get(), &effects});
  PrintDiagnostics(diagnostics);
  Expander expander(*config, services, &session);
  for (const auto& [name, value] : arguments.settings) {
    auto set = expander.Set(name, value);
    if (!set) return Complain("--set: " + set.error());
  }
  if (arguments.operands.empty()) return ExpandLines(expander);
  return ExpandOperands(expander, arguments.operands);
}

}  // namespace

int RunExpand(const Arguments& arguments) {
  std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return kUsage;
  config::Loaded loaded = LoadConfig(arguments, *registry);
  // Warnings are for `signet check`: here they would stand between answers.
  if (!loaded.config) {
    PrintDiagnostics(loaded.diagnostics);
    return kUsage;
  }
  int status = kNo;
  engine::Loop loop;
  loop.Spawn([&] {
    status = Run(arguments, *registry, loaded.config);
    loop.Stop();
  });
  loop.Run();
  return status;
}

}  // namespace signet::cli
