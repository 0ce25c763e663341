#ifndef SIGNET_SRC_TLS_CLIENT_HELLO_H_
#define SIGNET_SRC_TLS_CLIENT_HELLO_H_

#include <string>
#include <string_view>

// A first look at what a TLS client says first, before the library sees it.
namespace signet::tls {

// A host name in the letters of RFC 1123, with the underscores that people use: nothing
// else is a server name to us (rule T9).
bool IsHostName(std::string_view name);

enum class HelloState : std::uint8_t {
  kMore,  // not all of it is there
  kDone,
  kBad,  // no ClientHello, or over limits::kClientHelloMaxBytes
};
struct HelloView {
  HelloState state = HelloState::kMore;
  std::string server_name;  // "" where none is asked for, or what is asked for is no host name
};

// Reads the server name out of the first octets of a TLS connection, in however many
// records the message comes. Whether the message is good otherwise is left to the library.
HelloView ReadClientHello(std::string_view octets);

}  // namespace signet::tls
#endif
