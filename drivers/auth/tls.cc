// The `tls` authenticator: a client that has proved its certificate in the TLS handshake
// becomes an account, by expressions of the administrator.
//
// server_param1 … server_param3 are expanded in this order into $auth1 … $auth3, then
// server_condition decides. Each parameter has its own variable, as the manual says: one
// that is not set leaves its variable empty and moves no other. A parameter that is
// forced to fail rejects; one that fails otherwise defers.
#include <signet/driver_cpp.h>

namespace {

constexpr std::uint32_t kParameters = 3;

signet_verdict SetParameter(const signet_host* host, signet_call* call, std::uint32_t number) {
  const signet_value* value = nullptr;
  switch (host->expand(call, number - 1, &value)) {
    case SIGNET_EXPANDED:
      host->set_auth(call, number, value);
      return SIGNET_ACCEPT;
    case SIGNET_UNSET:
      return SIGNET_ACCEPT;
    case SIGNET_FORCED_FAIL:
      return SIGNET_REJECT;
    default:
      return SIGNET_DEFER;
  }
}

signet_verdict Authenticate(const signet_host* host, signet_call* call) noexcept {
  for (std::uint32_t number = 1; number <= kParameters; ++number) {
    const signet_verdict verdict = SetParameter(host, call, number);
    if (verdict != SIGNET_ACCEPT) return verdict;
  }
  return host->check_condition(call);
}

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_param1"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("expanded after the handshake, becomes $auth1; forced failure rejects, any other defers")},
    {SIGNET_TEXT("server_param2"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("as server_param1, becomes $auth2")},
    {SIGNET_TEXT("server_param3"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("as server_param1, becomes $auth3")},
    {SIGNET_TEXT("server_param"), SIGNET_OPTION_EXPANDED, 0, SIGNET_TEXT("server_param1"), {},
     SIGNET_TEXT("another name of server_param1")},
};

// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver{};
  driver.abi_version = SIGNET_ABI_VERSION;
  driver.flags = SIGNET_AUTH_AFTER_TLS | SIGNET_AUTH_SINGLE;
  driver.size = sizeof driver;
  driver.name = SIGNET_TEXT("tls");
  driver.manual =
      SIGNET_TEXT("authenticates by the client's certificate, right after the TLS handshake");
  driver.options = kOptions;
  driver.option_count = sizeof kOptions / sizeof kOptions[0];
  driver.option_size = sizeof kOptions[0];
  driver.authenticate = Authenticate;
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = signet::driver::AuthModule("tls", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(tls) { return &kModule; }
