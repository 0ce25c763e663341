// The SASL mechanism CRAM-MD5 (RFC 2195): the client proves that it knows a password by a
// digest of it and of a challenge that is never given twice. The password does not cross
// the wire, but has to be kept readable here.
//
// An account that does not exist (server_secret is forced to fail) and a wrong digest are the
// same work and the same answer: the digest is made and compared in any case.
#include <signet/driver_cpp.h>
#include <unistd.h>

#include <chrono>

#include "drivers/auth/hash.h"

namespace {

using namespace signet::driver;
using namespace signet::auth_drivers;

enum Option : std::uint32_t { kSecret };

constexpr std::size_t kDigestSize = 2 * kMd5Size;
constexpr std::size_t kRandomSize = 16;

struct Exchange {
  std::string challenge;
};

signet_verdict Say(const signet_host* host, signet_call* call, signet_verdict verdict,
                   std::string_view why) {
  host->reason(call, Text(why));
  return verdict;
}

// "<PID.RANDOM.SECONDS@HOST>"; empty where it cannot be made.
std::string MakeChallenge(const signet_host* host, signet_call* call) {
  const signet_value* name = nullptr;
  const std::string random = Random(kRandomSize);
  if (random.empty() ||
      host->variable(call, SIGNET_TEXT("primary_hostname"), &name) != SIGNET_EXPANDED)
    return "";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return "<" + std::to_string(getpid()) + "." + Hex(random) + "." +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count()) + "@" +
         std::string(View(host->value_text(name))) + ">";
}

signet_verdict Ask(const signet_host* host, signet_call* call, void** state) {
  auto* exchange = new Exchange{MakeChallenge(host, call)};
  *state = exchange;
  if (exchange->challenge.empty())
    return Say(host, call, SIGNET_DEFER, "no challenge could be made");
  host->challenge(call, Text(exchange->challenge));
  return SIGNET_CONTINUE;
}

// Whether `digest`, in hex, is that of `secret`.
bool Proves(std::string_view secret, std::string_view challenge, std::string_view digest) {
  std::string octets = HmacMd5(secret, challenge);
  const bool good = octets.size() == kMd5Size && SameSecret(Hex(octets), digest);
  Wipe(&octets);
  return good;
}

signet_verdict Check(const signet_host* host, signet_call* call, const std::string& challenge,
                     std::string_view digest) {
  static constexpr std::string_view kNobodys = "there is no such account";
  const signet_value* value = nullptr;
  const signet_expanded expanded = host->expand(call, kSecret, &value);
  if (expanded != SIGNET_EXPANDED && expanded != SIGNET_FORCED_FAIL) return SIGNET_DEFER;
  const bool exists = expanded == SIGNET_EXPANDED && host->value_text(value).size != 0;
  const bool proved = Proves(exists ? View(host->value_text(value)) : kNobodys, challenge, digest);
  if (!exists)
    return Say(host, call, SIGNET_REJECT,
               expanded == SIGNET_EXPANDED ? "server_secret is empty"
                                           : "server_secret was forced to fail");
  if (!proved) return Say(host, call, SIGNET_REJECT, "wrong digest");
  return host->check_condition(call);
}

// "NAME DIGEST": the name goes to the first white space.
signet_verdict Answer(const signet_host* host, signet_call* call, const std::string& challenge,
                      std::string_view response) {
  const std::size_t blank = response.find_first_of(" \t\r\n\v\f");
  // What is none of that may be a password, and names are logged (A6).
  if (blank == std::string_view::npos || response.size() - blank - 1 != kDigestSize)
    return Say(host, call, SIGNET_REJECT, "no name, blank and digest of 32 digits");
  host->set_auth_text(call, 1, Text(response.substr(0, blank)));
  return Check(host, call, challenge, response.substr(blank + 1));
}

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  if (*state == nullptr) return Ask(host, call, state);
  return Answer(host, call, static_cast<Exchange*>(*state)->challenge, View(response));
}

void End(const signet_host*, void* state) noexcept { delete static_cast<Exchange*>(state); }

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_secret"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("the password of the account $auth1; forced failure and empty mean that there is none, any other failure defers")},
};
// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver = Mechanism(
      "cram_md5", "SASL CRAM-MD5: the client proves its password by a digest", kOptions, Step, End);
  driver.flags |= SIGNET_AUTH_NO_INITIAL;
  driver.needs = SIGNET_TEXT("server_secret");
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = AuthModule("cram_md5", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(cram_md5) { return &kModule; }
