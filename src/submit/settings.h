#ifndef SIGNET_SRC_SUBMIT_SETTINGS_H_
#define SIGNET_SRC_SUBMIT_SETTINGS_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/limits.h"
#include "src/base/source.h"

// Where `signet send` submits to, and as whom: lines "name = value", "#" begins a comment.
namespace signet::submit {

// How the connection is protected. kStarttls and kOnConnect: there is no message in clear
// where TLS does not come about (rule T14).
enum class Tls : std::uint8_t {
  kByPort,     // kOnConnect for port 465, else kStarttls
  kStarttls,   // RFC 3207
  kOnConnect,  // RFC 8314
  kNone,       // in clear, for a host on this machine
};

struct Host {
  std::string name;  // or a numeric address without brackets
  int port = 587;
};

struct Settings {
  std::vector<Host> hosts;  // in the order to try
  Tls tls = Tls::kByPort;
  std::string certificate;  // PEM, with its chain; empty: none is shown
  std::string key;          // PEM; empty: in the certificate's file
  std::string ca_file;      // PEM of who may vouch for the host; empty: the system's store
  std::string verify_name;  // what the host's certificate must name; empty: the host
  std::string from;         // sender where the command line has none; empty: LOGIN@domain
  std::string domain;       // for addresses without one; empty: this machine's name
  std::string helo;         // what EHLO says; empty: this machine's name
  std::chrono::milliseconds timeout = limits::kSubmitTimeout;  // for each answer of the host
  std::chrono::milliseconds retry_for{0};  // how long to go on where the host says "later"
  std::string save_failed;                 // mailbox for messages that could not be sent
};

// The settings there are, for manuals and for the test that they have them all.
struct SettingRow {
  std::string_view name;
  std::string_view manual;
};
std::vector<SettingRow> AllSettings();

// Sets what `text`, a file of settings, says; spans in diagnostics point into it.
void ReadSettings(const SourceText& text, Settings* settings, Diagnostics* diagnostics);
// One setting of a command line: "" or what is wrong with it. A host takes the place of
// those that a file named.
std::string SetOne(std::string_view name, std::string_view value, Settings* settings);

}  // namespace signet::submit
#endif
