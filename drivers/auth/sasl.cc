// A SASL mechanism that is written as expressions. server_step1 is evaluated for the first
// message of the client, server_step2 for the second, and so on. What an expression gives
// begins with a word that says how to go on:
//
//   accept [ID]       the client is who it says; ID is its name where server_set_id is unset
//   reject [REASON]   it is not; the reason is for the log
//   defer [REASON]    cannot be told now
//   reply [TEXT]      TEXT is sent to the client; its answer is for the next step
//
// The word must be the administrator's own: text that came from a client or a directory does
// not decide, and where it stands in the place of the word the exchange is deferred.
#include <signet/driver_cpp.h>

#include <algorithm>

#include "drivers/auth/sasl_verdict.h"

namespace {

using namespace signet::driver;
using namespace signet::auth_drivers;

constexpr std::uint32_t kSteps = 9;
enum Option : std::uint32_t { kStep1 = 0, kState = kSteps, kInitial };

struct Exchange {
  std::uint32_t step = 0;  // the last one that was evaluated
};

signet_verdict Say(const signet_host* host, signet_call* call, signet_verdict verdict,
                   std::string_view why) {
  host->reason(call, Text(why));
  return verdict;
}

// $auth1 … $auth3 are the first strings between NULs, $auth4 is all of it. What the last step
// had is gone.
void SetVariables(const signet_host* host, signet_call* call, std::string_view response) {
  std::string_view rest = response;
  for (std::uint32_t number = 1; number <= 3; ++number) {
    const std::size_t nul = std::min(rest.find('\0'), rest.size());
    host->set_auth_text(call, number, Text(rest.substr(0, nul)));
    rest.remove_prefix(std::min(nul + 1, rest.size()));
  }
  host->set_auth_text(call, 4, Text(response));
}

signet_verdict Reply(const signet_host* host, signet_call* call, std::string_view text) {
  const signet_value* state = nullptr;
  const signet_expanded expanded = host->expand(call, kState, &state);
  if (expanded == SIGNET_EXPANDED)
    host->set_state(call, state);
  else if (expanded != SIGNET_UNSET)
    return VerdictOf(expanded);
  host->challenge(call, Text(text));
  return SIGNET_CONTINUE;
}

signet_verdict Decide(const signet_host* host, signet_call* call, const signet_value* value) {
  const std::string_view text = View(host->value_text(value));
  const Said said = ReadVerdict(text, host->value_own(value));
  const std::string_view rest = text.substr(said.rest);
  switch (said.word) {
    case Word::kAccept:
      if (!rest.empty()) host->identity(call, value, said.rest);
      return host->check_condition(call);
    case Word::kReject:
      return Say(host, call, SIGNET_REJECT, rest);
    case Word::kDefer:
      return Say(host, call, SIGNET_DEFER, rest);
    case Word::kReply:
      return Reply(host, call, rest);
    case Word::kOutsiders:
      return Say(host, call, SIGNET_DEFER, "the word that decides came from outside");
    case Word::kUnknown:
      break;
  }
  return Say(host, call, SIGNET_DEFER, "none of accept, reject, defer and reply");
}

signet_verdict RunStep(const signet_host* host, signet_call* call, Exchange* exchange,
                       std::string_view response) {
  SetVariables(host, call, response);
  if (exchange->step == kSteps) return Say(host, call, SIGNET_REJECT, "more messages than steps");
  const signet_value* value = nullptr;
  const signet_expanded expanded = host->expand(call, kStep1 + exchange->step++, &value);
  if (expanded == SIGNET_UNSET) return Say(host, call, SIGNET_REJECT, "more messages than steps");
  return expanded == SIGNET_EXPANDED ? Decide(host, call, value) : VerdictOf(expanded);
}

bool ClientSpeaksFirst(const signet_host* host, signet_call* call) {
  std::int64_t initial = 0;
  return host->option_number(call, kInitial, &initial) != 0 && initial != 0;
}

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  if (*state != nullptr) return RunStep(host, call, static_cast<Exchange*>(*state), View(response));
  auto* exchange = new Exchange;
  *state = exchange;
  const bool said = response.data != nullptr;
  if (said == ClientSpeaksFirst(host, call)) return RunStep(host, call, exchange, View(response));
  if (said) return Say(host, call, SIGNET_REJECT, "an initial response where none is expected");
  host->challenge(call, {});
  return SIGNET_CONTINUE;
}

void End(const signet_host*, void* state) noexcept { delete static_cast<Exchange*>(state); }

// clang-format off
#define STEP(number, which)                                                              \
  {SIGNET_TEXT("server_step" number), SIGNET_OPTION_EXPANDED, 0, {}, {},                 \
   SIGNET_TEXT("what the " which " message of the client gives: accept [ID], reject [REASON], defer [REASON], reply [CHALLENGE]")}
constexpr signet_option kOptions[] = {
    STEP("1", "first"), STEP("2", "second"), STEP("3", "third"), STEP("4", "fourth"),
    STEP("5", "fifth"), STEP("6", "sixth"), STEP("7", "seventh"), STEP("8", "eighth"),
    STEP("9", "ninth"),
    {SIGNET_TEXT("server_state"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("expanded after each step that replies, becomes $auth_state")},
    {SIGNET_TEXT("server_initial"), SIGNET_OPTION_BOOLEAN, 0, {}, SIGNET_TEXT("false"),
     SIGNET_TEXT("whether the client speaks first: without an initial response it is then asked for one, else one is refused")},
};
// clang-format on
static_assert(sizeof kOptions / sizeof kOptions[0] == kInitial + 1);

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver = Mechanism(
      "sasl", "a SASL mechanism written as expressions, one for each message of the client",
      kOptions, Step, End);
  driver.needs = SIGNET_TEXT("server_step1");
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = AuthModule("sasl", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(sasl) { return &kModule; }
