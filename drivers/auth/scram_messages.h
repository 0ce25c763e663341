#ifndef SIGNET_DRIVERS_AUTH_SCRAM_MESSAGES_H_
#define SIGNET_DRIVERS_AUTH_SCRAM_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The messages of SCRAM (RFC 5802 section 7), as text and as parts.
//
// Functions that read return "" or why they cannot, in words for the log that have nothing of
// the message in them. Views look at the message.
namespace signet::auth_drivers {

enum class Binding {
  kNone,    // "n": the client does not know channel binding
  kUnused,  // "y": it does, and believes that the server does not
  kUsed     // "p=…"
};

// n,a=zid,n=user,r=nonce
struct ClientFirst {
  Binding binding = Binding::kNone;
  std::string_view binding_type;  // with kUsed
  std::string_view gs2_header;    // up to and with its second comma
  std::string_view bare;          // all behind it
  std::string authorization;      // decoded; empty where there is none
  std::string name;               // decoded
  std::string_view nonce;
};
[[nodiscard]] std::string_view ReadClientFirst(std::string_view message, ClientFirst* read);

// c=biws,r=nonce,p=proof
struct ClientFinal {
  std::string binding;  // decoded: the header and what binds the channel
  std::string_view nonce;
  std::string_view without_proof;
  std::string proof;  // decoded
};
[[nodiscard]] std::string_view ReadClientFinal(std::string_view message, ClientFinal* read);

// r=nonce,s=salt,i=iterations
std::string ServerFirst(std::string_view nonce, std::string_view salt, std::uint32_t iterations);

}  // namespace signet::auth_drivers
#endif
