// Mechanisms in which the client says all it has in plain text: PLAIN, LOGIN and others of
// the administrator's making. What the client sends is split at NUL into strings, which
// become $auth1 … $auth4; for each of server_prompts beyond the strings that are there, the
// client is asked. Then server_condition decides.
#include <signet/driver_cpp.h>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace signet::driver;

enum Option : std::uint32_t { kPrompts };

constexpr std::size_t kMaxStrings = 20;  // of one exchange; more than anybody has use for
constexpr std::size_t kMaxPrompts = 19;  // one step asks the first, and the host has 20 of them
constexpr std::size_t kVariables = 4;

// One exchange. The strings may be passwords: they stay where they are and are wiped.
struct Exchange {
  std::vector<std::string> prompts;
  std::array<std::string, kMaxStrings> strings;
  std::size_t count = 0;

  ~Exchange() {
    for (std::string& string : strings) Wipe(&string);
  }
};

// Splits at NUL; an empty answer is one empty string. False where there are too many.
bool Take(std::string_view response, Exchange* exchange) {
  for (;;) {
    if (exchange->count == kMaxStrings) return false;
    const std::size_t nul = response.find('\0');
    exchange->strings[exchange->count++] = response.substr(0, nul);
    if (nul == std::string_view::npos) return true;
    response.remove_prefix(nul + 1);
  }
}

// PLAIN has three strings exactly (RFC 4616), LOGIN two. Mechanisms of other names are
// nobody's business but the administrator's.
bool HasItsStrings(std::string_view mechanism, const Exchange& exchange) {
  if (mechanism == "PLAIN") return exchange.count == 3;
  return mechanism != "LOGIN" || exchange.count == 2;
}

// "": fit for the mechanism. Neither of the two knows of an empty name or password.
std::string_view WhyUnfit(std::string_view mechanism, const Exchange& exchange) {
  const bool plain = mechanism == "PLAIN", login = mechanism == "LOGIN";
  if (!plain && !login) return "";
  const std::size_t first = plain ? 1 : 0;
  if (exchange.strings[first].empty()) return "empty user name";
  if (exchange.strings[first + 1].empty()) return "empty password";
  return "";
}

signet_verdict Reject(const signet_host* host, signet_call* call, std::string_view why) {
  host->reason(call, Text(why));
  return SIGNET_REJECT;
}

signet_verdict Decide(const signet_host* host, signet_call* call, const Exchange& exchange) {
  const std::string_view mechanism = View(host->public_name(call));
  // Where one is missing, the password may stand in the place of the name, which is logged (A6).
  if (!HasItsStrings(mechanism, exchange))
    return Reject(host, call, "not as many strings as the mechanism has");
  for (std::size_t i = 0; i < std::min(exchange.count, kVariables); ++i)
    host->set_auth_text(call, static_cast<std::uint32_t>(i + 1), Text(exchange.strings[i]));
  const std::string_view why = WhyUnfit(mechanism, exchange);
  return why.empty() ? host->check_condition(call) : Reject(host, call, why);
}

// Prompts are there before the client has said anything: nothing of it is in them, and a
// failure of whatever kind is ours.
bool ReadPrompts(const signet_host* host, signet_call* call, Exchange* exchange) {
  const signet_value* value = nullptr;
  const signet_expanded expanded = host->expand(call, kPrompts, &value);
  if (expanded == SIGNET_UNSET) return true;
  const signet_value* list = expanded == SIGNET_EXPANDED ? host->value_list(call, value) : nullptr;
  if (list == nullptr) return false;
  const std::size_t count = std::min(host->value_count(list), kMaxPrompts + 1);
  for (std::size_t i = 0; i < count; ++i)
    exchange->prompts.emplace_back(View(host->value_element(list, i)));
  if (count <= kMaxPrompts) return true;
  host->reason(call, SIGNET_TEXT("server_prompts has more than 19 elements"));
  return false;
}

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  auto* exchange = static_cast<Exchange*>(*state);
  if (exchange == nullptr) {
    *state = exchange = new Exchange;
    if (!ReadPrompts(host, call, exchange)) return SIGNET_DEFER;
  }
  if (response.data != nullptr && !Take(View(response), exchange))
    return Reject(host, call, "more than 20 strings");
  if (exchange->count >= exchange->prompts.size()) return Decide(host, call, *exchange);
  host->challenge(call, Text(exchange->prompts[exchange->count]));
  return SIGNET_CONTINUE;
}

void End(const signet_host*, void* state) noexcept { delete static_cast<Exchange*>(state); }

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_prompts"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("list of what the client is asked, each for one string it has not sent yet; any failure defers")},
};
// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver = Mechanism(
      "plaintext", "SASL PLAIN, LOGIN and the like: the client sends its password as it is",
      kOptions, Step, End);
  driver.needs = SIGNET_TEXT("server_condition");
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = AuthModule("plaintext", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(plaintext) { return &kModule; }
