// Any responses to any mechanism: nobody is authenticated without the secret, no text of the
// client decides anything, and nothing of an exchange is left behind.
//
// Secrets are digests that nothing has: the fuzzer reads what octets are compared with.
//
// The first octet chooses the mechanism; then each line is a response: base64, or "-" for
// none, or "+" with octets as they are.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/auth/sasl.h"
#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "test/support/fake_world.h"

namespace {

using namespace signet;

void Check(bool condition) {
  if (!condition) std::abort();
}

constexpr char kConfig[] = R"(begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{alice}}{eq{${sha256:$auth3}}{0000000000000000000000000000000000000000000000000000000000000000}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = User Name : Password
  server_condition = ${if eq{${sha256:$2}}{0000000000000000000000000000000000000000000000000000000000000000}}
  server_set_id = $1
free:
  driver = plaintext
  server_prompts = a : b : c
  server_condition = ${if eq{${sha256:$auth1$auth2$auth3$auth4}}{0000000000000000000000000000000000000000000000000000000000000000}}
  server_set_id = $auth1
external:
  driver = external
  server_param2 = alice
  server_condition = ${if and{{eq{$auth2}{alice}}{eq{${sha256:$auth1}}{0000000000000000000000000000000000000000000000000000000000000000}}}}
  server_set_id = $auth2
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq{$auth1}{alice}{correct horse battery staple}fail}
  server_set_id = $auth1
steps:
  driver = sasl
  server_step1 = reply $auth1
  server_step2 = $auth1
  server_step3 = ${if eq{${sha256:$auth1}}{0000000000000000000000000000000000000000000000000000000000000000}{accept alice}{reply ${sg{$auth1}{x}{accept}}}}
  server_step4 = $auth_challenge$auth1
)";

const config::Config& Configuration() {
  static const auto registry = drivers::Registry::MakeBuiltin();
  static const auto loaded = config::LoadText("fuzz", kConfig, {}, *registry);
  Check(loaded.config != nullptr);
  return *loaded.config;
}

std::optional<std::string> ResponseOf(std::string_view line) {
  if (line == "-") return std::nullopt;
  if (line.starts_with('+')) return std::string(line.substr(1));
  return DecodeBase64(line).value_or("");
}

void CheckClean(const facts::Session& session) {
  for (const Value& value : session.auth_vars) Check(value.text.empty());
  Check(session.auth_state.text.empty() && session.auth_challenge.empty());
  Check(session.auth_step == 0 && !session.auth_numbers);
}

void Run(const config::Authenticator& instance, std::string_view lines) {
  facts::Session session;
  session.primary_hostname = "mx.example.org";
  test::FakeServices services;
  expand::Budget budget;
  {
    auth::Exchange exchange(instance, {session, services, budget});
    bool first = true;
    for (std::size_t steps = 0; steps <= limits::kAuthSteps + 1; ++steps) {
      const std::size_t end = lines.find('\n');
      std::optional<std::string> response = ResponseOf(lines.substr(0, end));
      lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
      const bool given = response.has_value();
      if (!first && !given) response = "";
      if (first && given && !instance.driver->initial) return;
      first = false;
      const auth::Exchange::Step step = exchange.Respond(response);
      Check(step.challenge.size() <= limits::kAuthChallengeMaxBytes);
      Check(step.auth.result != facts::AuthResult::kAuthenticated);
      for (char c : step.auth.fail_id) Check(!IsControl(c));
      if (step.done) break;
    }
  }
  CheckClean(session);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const config::Config& config = Configuration();
  Run(config.authenticators[data[0] % config.authenticators.size()],
      {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
