// Any octets as an ACL, in any place: compiling is total, every span lies in the text, and
// rules that came without errors can be evaluated.
#include <cctype>
#include <cstdint>
#include <cstdlib>

#include "src/acl/acl.h"
#include "test/support/policy.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

class NoEffects : public signet::acl::Effects {
 public:
  explicit NoEffects(signet::facts::Session* session) : session_(session) {}
  void SetVariable(const std::string& name, signet::Value) override {
    Check(name.starts_with("acl_c") || name.starts_with("acl_m"));
  }
  void AddHeader(signet::facts::AddedHeader header) override {
    Check(header.text.find(':') != header.text.npos);
  }
  void RemoveHeader(std::string) override {}
  signet::acl::VerifyAnswer VerifyAddress(const signet::acl::VerifyRequest&) override { return {}; }
  void LogWrite(std::string_view log, std::string_view) override {
    Check(log == "main" || log == "reject" || log == "panic");
  }
  signet::acl::HostAnswer NameOfHost(const std::string&) override { return {}; }
  signet::acl::HostAnswer AddressesOfHost(const std::string&) override { return {}; }
  void Delay(std::chrono::milliseconds time) override { Check(time.count() > 0); }
  signet::facts::Session& session() override { return *session_; }

 private:
  signet::facts::Session* session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::config::AclWhen;
  if (size < 1) return 0;
  auto when = static_cast<AclWhen>(data[0] % static_cast<int>(AclWhen::kCount));
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Files that a list names are not this test's business: "/" only divides here.
  for (std::size_t at = text.find('/'); at != text.npos; at = text.find('/', at + 1)) {
    const std::size_t before = at == 0 ? text.npos : text.find_last_not_of(" \t", at - 1);
    if (before == text.npos || !isalnum(static_cast<unsigned char>(text[before]))) return 0;
  }

  signet::testing::Policy policy;
  policy.session.helo = "client";
  policy.Acl("a", text);
  policy.AclOption(when, "a");
  signet::Diagnostics diagnostics;
  auto rules = signet::acl::Compile(policy.config, policy.names(), &diagnostics);
  Check(rules != nullptr);
  for (const signet::Diagnostic& diagnostic : diagnostics) {
    Check(diagnostic.span.text != nullptr &&
          diagnostic.span.end <= diagnostic.span.text->text().size());
    Check(!signet::Render(diagnostic).empty());
  }
  if (signet::HasErrors(diagnostics)) return 0;
  NoEffects effects(&policy.session);
  signet::config::MatchContext context = policy.Context();
  (void)signet::acl::Evaluate(*rules, when, context, effects);
  return 0;
}
