#ifndef SIGNET_SRC_CONFIG_OPTIONS_H_
#define SIGNET_SRC_CONFIG_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/config/config.h"
#include "src/config/match.h"
#include "src/facts/phase.h"

// The tables of options. A row is the whole registration: name, type (by the member it
// fills), default, phase, and the line for the manual. A driver's own options are rows of
// the driver (drivers/host/registry.h).
namespace signet::config {

// Where a value goes; what it is follows from that. AclWhen stands for Main::acl[when].
template <typename T>
using Member =
    std::variant<bool T::*, std::int64_t T::*, std::chrono::milliseconds T::*, std::string T::*,
                 std::vector<std::string> T::*, Text T::*, Expanded T::*, AclWhen>;

// The words that a Text option may be, between blanks; `all` empty: any text. Those of
// `weak` are warned about, in these words (rule C5).
struct Words {
  std::string_view all, weak, weakens;
};

template <typename T>
struct Row {
  std::string_view name;
  Member<T> member;
  // As it would be written; read by the same code as what the administrator writes.
  // Empty: unset.
  std::string_view default_text;
  std::string_view manual;                   // one line
  facts::Phase phase = facts::Phase::kLoad;  // expanded in; for Expanded and AclWhen
  std::optional<ListKind> list = std::nullopt;
  std::string_view driver = {};  // the driver it is private to; empty: generic
  Words words = {};
  bool after_tls = false;  // of authenticators: for drivers that run after TLS only
};

std::span<const Row<Main>> MainRows();
std::span<const Row<Authenticator>> AuthenticatorRows();  // generic ones
std::span<const Row<Router>> RouterRows();
std::span<const Row<Transport>> TransportRows();

// Other spellings: "daemon_smtp_port" → "daemon_smtp_ports"; otherwise `name` itself.
std::string_view CanonicalMainName(std::string_view name);

// What an option of Exim that has no row means here.
enum class Foreign : std::uint8_t {
  kUnknown,      // not an option of Exim either
  kIgnored,      // no meaning here; leaving it out harms nobody
  kRestrictive,  // forbids something: leaving it out would allow what it forbids
};
enum class Scope : std::uint8_t { kMain, kAuthenticator, kRouter, kTransport };
Foreign FindForeign(Scope scope, std::string_view name);

}  // namespace signet::config
#endif
