// The SASL mechanisms SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): client and server
// prove to each other that they know the password, and neither says it. -PLUS binds the proof to
// the TLS session (tls-exporter, RFC 9266), so that nobody who stands between can pass it on.
//
// An account that does not exist (server_secret is forced to fail, or empty) has a salt that is
// always the same, as many steps as any other, and the same work in each.
#include <signet/driver_cpp.h>

#include <atomic>

#include "drivers/auth/hash.h"
#include "drivers/auth/scram_keys.h"
#include "drivers/auth/scram_messages.h"

namespace {

using namespace signet::driver;
using namespace signet::auth_drivers;

enum Option : std::uint32_t { kSecret, kPlain, kIterations, kSaltSize, kSaltKey };

constexpr std::string_view kBound = "SCRAM-SHA-256-PLUS", kUnbound = "SCRAM-SHA-256";
constexpr std::size_t kNonceSize = 18;
constexpr std::int64_t kLeastSalt = 8, kMostSalt = 32;

enum class Wanted { kFirst, kFinal, kNothing };  // of the client's messages

struct Exchange {
  Wanted wanted = Wanted::kFirst;
  bool exists = false;
  bool plain = false;    // the keys are still to be derived
  std::string password;  // with `plain`; never grows, so that it is wiped where it is
  ScramKeys keys;
  std::string nonce;         // the client's and ours
  std::string bare;          // client-first-message-bare
  std::string server_first;  // what we answered
  std::string binding;       // what the client has to repeat

  ~Exchange() { Wipe(&password); }
};

signet_verdict Say(const signet_host* host, signet_call* call, signet_verdict verdict,
                   std::string_view why) {
  host->reason(call, Text(why));
  return verdict;
}

std::int64_t Number(const signet_host* host, signet_call* call, std::uint32_t option) {
  std::int64_t number = 0;
  return host->option_number(call, option, &number) != 0 ? number : 0;
}

// --- what is no secret ----------------------------------------------------------------------

bool IsBound(const signet_host* host, signet_call* call) {
  return View(host->public_name(call)) == kBound;
}

// "" or why the client's flag does not fit. Whoever could have bound and believes that it was not
// offered has been told so by somebody else (RFC 5802 section 6).
std::string_view CheckFlag(const signet_host* host, signet_call* call, const ClientFirst& first) {
  const bool bound = IsBound(host, call);
  if (bound && first.binding != Binding::kUsed) return "the channel is not bound";
  if (!bound && first.binding == Binding::kUsed) return "the channel is bound, but not asked to be";
  if (first.binding == Binding::kUnused && host->advertised(call, Text(kBound)) != 0)
    return "somebody hid from the client that the channel can be bound";
  return "";
}

// What the client has to repeat: the header, and with -PLUS what only this TLS session has.
std::string_view Bind(const signet_host* host, signet_call* call, const ClientFirst& first,
                      Exchange* exchange) {
  exchange->binding = first.gs2_header;
  if (first.binding != Binding::kUsed) return "";
  signet_text octets{};
  if (first.binding_type != "tls-exporter" ||
      host->channel_binding(call, Text(first.binding_type), &octets) == 0)
    return "a type of channel binding that there is not";
  exchange->binding += View(octets);
  return "";
}

// --- secrets --------------------------------------------------------------------------------

// A key for salts that nobody chose. Without server_salt_key it lasts as long as the process.
std::string SaltKey(const signet_host* host, signet_call* call) {
  static const std::string ours = Random(kSha256Size);
  signet_text given{};
  const bool set = host->option_text(call, kSaltKey, &given) != 0 && given.size != 0;
  return set ? std::string(View(given)) : ours;
}

std::string InSmallLetters(std::string_view name) {
  std::string small(name);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

// The salt of a name, always the same: of accounts that do not exist, and of passwords. Most
// lookups find an account in capitals too; so one that does not exist has one salt in any case.
bool SetSalt(const signet_host* host, signet_call* call, std::string_view name, ScramKeys* keys) {
  const std::int64_t iterations = Number(host, call, kIterations);
  const std::int64_t size = Number(host, call, kSaltSize);
  if (iterations < kLeastIterations || iterations > kMostIterations) return false;
  if (size < kLeastSalt || size > kMostSalt) return false;
  keys->iterations = static_cast<std::uint32_t>(iterations);
  std::string key = SaltKey(host, call);
  if (key.empty()) return false;
  keys->salt = HmacSha256(key, "salt of " + InSmallLetters(name)).substr(0, size);
  Wipe(&key);
  return static_cast<std::int64_t>(keys->salt.size()) == size;
}

// Keys that no password has.
bool SetNobody(Exchange* exchange) {
  exchange->password = Random(kNonceSize);
  exchange->keys.stored_key = Random(kSha256Size);
  exchange->keys.server_key = Random(kSha256Size);
  return !exchange->password.empty() && !exchange->keys.stored_key.empty() &&
         !exchange->keys.server_key.empty();
}

// SIGNET_ACCEPT: the exchange has what it needs to go on, whether or not the account exists.
signet_verdict ReadSecret(const signet_host* host, signet_call* call, const std::string& name,
                          Exchange* exchange) {
  const signet_value* value = nullptr;
  const signet_expanded expanded = host->expand(call, kSecret, &value);
  if (expanded != SIGNET_EXPANDED && expanded != SIGNET_FORCED_FAIL) return SIGNET_DEFER;
  const std::string_view secret =
      expanded == SIGNET_EXPANDED ? View(host->value_text(value)) : std::string_view();
  exchange->exists = !secret.empty();
  exchange->plain = Number(host, call, kPlain) != 0;
  if (!SetSalt(host, call, name, &exchange->keys) || !SetNobody(exchange))
    return Say(host, call, SIGNET_DEFER,
               "server_iterations is not within 4096 and 1000000, or server_salt_size not within "
               "8 and 32");
  if (!exchange->exists) return SIGNET_ACCEPT;
  if (!exchange->plain) {
    const std::string_view why = ReadStored(secret, &exchange->keys);
    if (why.empty()) return SIGNET_ACCEPT;
    return Say(host, call, SIGNET_DEFER,
               "server_secret is not in stored form: " + std::string(why));
  }
  if (LooksStored(secret))
    return Say(host, call, SIGNET_DEFER,
               "server_secret is in stored form, but server_plain is set");
  Wipe(&exchange->password);
  exchange->password = std::string(secret);
  return SIGNET_ACCEPT;
}

// --- steps ----------------------------------------------------------------------------------

signet_verdict Begin(const signet_host* host, signet_call* call, Exchange* exchange,
                     std::string_view message) {
  ClientFirst first;
  if (const auto why = ReadClientFirst(message, &first); !why.empty())
    return Say(host, call, SIGNET_REJECT, why);
  host->set_auth_text(call, 1, Text(first.name));
  host->set_auth_text(call, 2, Text(first.authorization));
  if (const auto why = CheckFlag(host, call, first); !why.empty())
    return Say(host, call, SIGNET_REJECT, why);
  if (const auto why = Bind(host, call, first, exchange); !why.empty())
    return Say(host, call, SIGNET_REJECT, why);
  if (!first.authorization.empty() && first.authorization != first.name)
    return Say(host, call, SIGNET_REJECT, "the client wants to be somebody else");
  const signet_verdict read = ReadSecret(host, call, first.name, exchange);
  if (read != SIGNET_ACCEPT) return read;
  const std::string ours = Random(kNonceSize);
  if (ours.empty()) return Say(host, call, SIGNET_DEFER, "no nonce could be made");
  exchange->nonce = std::string(first.nonce) + EncodeBase64(ours);
  exchange->bare = first.bare;
  exchange->server_first =
      ServerFirst(exchange->nonce, exchange->keys.salt, exchange->keys.iterations);
  exchange->wanted = Wanted::kFinal;
  host->challenge(call, Text(exchange->server_first));
  return SIGNET_CONTINUE;
}

bool DeriveBeside(const signet_host* host, signet_call* call, Exchange* exchange) {
  bool good = false;
  auto derive = [&] { good = Derive(exchange->password, &exchange->keys); };
  if (signet_worker* worker = host->call_worker(call); worker != nullptr)
    Blocking(host, worker, derive);
  else
    derive();
  Wipe(&exchange->password);
  return good;
}

signet_verdict Finish(const signet_host* host, signet_call* call, Exchange* exchange,
                      std::string_view message) {
  ClientFinal last;
  if (const auto why = ReadClientFinal(message, &last); !why.empty())
    return Say(host, call, SIGNET_REJECT, why);
  if (last.nonce != exchange->nonce) return Say(host, call, SIGNET_REJECT, "another nonce");
  if (!SameSecret(last.binding, exchange->binding))
    return Say(host, call, SIGNET_REJECT, "the proof is for another channel");
  if (exchange->plain && !DeriveBeside(host, call, exchange))
    return Say(host, call, SIGNET_DEFER, "no keys could be derived");
  const std::string auth_message =
      exchange->bare + "," + exchange->server_first + "," + std::string(last.without_proof);
  const bool proved = Proves(exchange->keys, auth_message, last.proof);
  if (!exchange->exists) return Say(host, call, SIGNET_REJECT, "there is no such account");
  if (!proved) return Say(host, call, SIGNET_REJECT, "wrong proof");
  exchange->wanted = Wanted::kNothing;
  host->challenge(call, Text(ServerFinal(exchange->keys, auth_message)));
  return SIGNET_CONTINUE;
}

signet_verdict Step(const signet_host* host, signet_call* call, void** state,
                    signet_text response) noexcept {
  if (*state == nullptr) {
    *state = new Exchange;
    if (response.data == nullptr) {  // the client speaks first in SCRAM: it is asked to
      host->challenge(call, {});
      return SIGNET_CONTINUE;
    }
  }
  auto* exchange = static_cast<Exchange*>(*state);
  switch (exchange->wanted) {
    case Wanted::kFirst:
      return Begin(host, call, exchange, View(response));
    case Wanted::kFinal:
      return Finish(host, call, exchange, View(response));
    case Wanted::kNothing:
      break;
  }
  if (response.size != 0)
    return Say(host, call, SIGNET_REJECT, "something behind the last message");
  return host->check_condition(call);
}

void End(const signet_host*, void* state) noexcept { delete static_cast<Exchange*>(state); }

// Before TLS 1.3 a client that can bind would take tls-unique (RFC 9266 section 4), which there is
// not here.
bool IsTls13(const signet_host* host, signet_call* call) {
  const signet_value* version = nullptr;
  return host->variable(call, SIGNET_TEXT("tls_in_ver"), &version) == SIGNET_EXPANDED &&
         View(host->value_text(version)) == "TLS1.3";
}

// Clients would take another name for another mechanism. Said once, not to every client.
int TellOfName(const signet_host* host, signet_call* call) {
  static std::atomic<bool> said = false;
  if (!said.exchange(true))
    host->log(call, SIGNET_TEXT("not offered: public_name is neither SCRAM-SHA-256 nor "
                                "SCRAM-SHA-256-PLUS"));
  return 0;
}

int Offered(const signet_host* host, signet_call* call) noexcept {
  const std::string_view name = View(host->public_name(call));
  if (name != kBound) return name == kUnbound ? 1 : TellOfName(host, call);
  signet_text octets{};
  return IsTls13(host, call) &&
         host->channel_binding(call, SIGNET_TEXT("tls-exporter"), &octets) != 0;
}

// clang-format off
constexpr signet_option kOptions[] = {
    {SIGNET_TEXT("server_secret"), SIGNET_OPTION_EXPANDED, 0, {}, {},
     SIGNET_TEXT("what is kept of the password of the account $auth1; forced failure and empty mean that there is none, any other failure defers")},
    {SIGNET_TEXT("server_plain"), SIGNET_OPTION_BOOLEAN, 0, {}, SIGNET_TEXT("false"),
     SIGNET_TEXT("whether server_secret gives passwords, not their stored form")},
    {SIGNET_TEXT("server_iterations"), SIGNET_OPTION_NUMBER, 0, {}, SIGNET_TEXT("4096"),
     SIGNET_TEXT("iterations for passwords, and for accounts that do not exist: as many as the stored forms have")},
    {SIGNET_TEXT("server_salt_size"), SIGNET_OPTION_NUMBER, 0, {}, SIGNET_TEXT("16"),
     SIGNET_TEXT("octets of a salt, likewise")},
    {SIGNET_TEXT("server_salt_key"), SIGNET_OPTION_SECRET, 0, {}, {},
     SIGNET_TEXT("makes the salts of accounts that do not exist; unset: one that lasts until the program ends")},
};
// clang-format on

constexpr signet_auth_driver MakeDriver() {
  signet_auth_driver driver =
      Mechanism("scram", "SASL SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: both sides prove the password",
                kOptions, Step, End);
  driver.needs = SIGNET_TEXT("server_secret");
  driver.offered = Offered;
  return driver;
}

constexpr signet_auth_driver kDriver = MakeDriver();
constexpr const signet_auth_driver* kAuths[] = {&kDriver};
constexpr signet_module kModule = AuthModule("scram", kAuths);

}  // namespace

SIGNET_DRIVER_ENTRY(scram) { return &kModule; }
