// The SASL mechanism EXTERNAL (RFC 4422 appendix A): who the client is was established
// outside of SASL, by its certificate as a rule. The client says whom it wants to be, which
// becomes $auth1 and may be empty; server_param2 and server_param3 say what is known of it;
// server_condition compares the two. Without it everybody would be anybody, so it must be
// set.
#include <signet/driver_cpp.h>

namespace {

using namespace signet::driver;

enum Option : std::uint32_t { kParam2, kParam3 };

// $auth2 and $auth3, each from the option of its number. SIGNET_ACCEPT: go on.
signet_verdict SetParameter(const signet_host* host, signet_call* call, std::uint32_t number) {
  const signet_value* value = nullptr;
  const signet_expanded expanded = host->expand(call, number - 2 + kParam2, &value);
  if (expanded == SIGNET_UNSET) return SIGNET_ACCEPT;
  if (expanded != SIGNET_EXPANDED) return VerdictOf(expanded);
  host->set_auth(call, number, value);
  return SIGNET_ACCEPT;
}

signet_verdict Step(const signet_host* host, signet_call* call, void**,
                    signet_text response) noexcept {
  if (response.data == nullptr) {
    host->challenge(call, {});
    return SIGNET_CONTINUE;
  }
  host->set_auth_text(call, 1, response);
  if (View(response).find('\0') != std::string_view::npos) {
    host->reason(call, SIGNET_TEXT("NUL in the authorization identity"));
    return SIGNET_REJECT;
  }
  for (std::uint32_t number = 2; number <= 3; ++number) {
    const signet_verdict verdict = SetParameter(host, call, number);
    if (verdict != SIGNET_ACCEPT) return verdict;
  }
  return host->check_condition(call);
}

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_param2"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("expanded when the client has said whom it wants to be ($auth1), becomes $auth2; forced failure rejects, any other defers")},
    {SIGNET_TEXT("server_param3"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("as server_param2, becomes $auth3")},
};
// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver = Mechanism(
      "external", "SASL EXTERNAL: the client says who it is, what is known of it proves it",
      kOptions, Step, nullptr);
  driver.needs = SIGNET_TEXT("server_condition");
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = AuthModule("external", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(external) { return &kModule; }
